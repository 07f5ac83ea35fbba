#include "window.h"

#include "query/frame.h"

#include "pg/sql.hpp"

extern "C" {
#include "access/transam.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"
#include "utils/typcache.h"
}

#include <algorithm>

namespace query {

namespace {

// Functions of the rows before, alike and after as bags: the order of rows alike is nothing to them.
constexpr Oid of_peers[] = {F_RANK_, F_DENSE_RANK_, F_CUME_DIST_, F_PERCENT_RANK_};

// Aggregates whose result depends on the bag of values only.
constexpr Oid order_free[] = {
    F_SUM_INT2, F_SUM_INT4, F_SUM_INT8, F_SUM_NUMERIC, F_SUM_MONEY, F_SUM_INTERVAL, F_AVG_INT2, F_AVG_INT4, F_AVG_INT8,
    F_AVG_NUMERIC, F_AVG_INTERVAL, F_COUNT_ANY, F_COUNT_, F_BOOL_AND, F_BOOL_OR, F_EVERY,
};

bool is_extreme(Oid function)
{
	HeapTuple tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(function));
	if (!HeapTupleIsValid(tuple))
		return false;
	bool extreme = OidIsValid(reinterpret_cast<Form_pg_aggregate>(GETSTRUCT(tuple))->aggsortop);
	ReleaseSysCache(tuple);
	return extreme;
}

struct Found {
	WindowFunc *functions[256];
	int count;
};

bool find_functions(Node *node, void *context)
{
	auto *found = static_cast<Found *>(context);
	if (node == nullptr)
		return false;
	if (IsA(node, WindowFunc)) {
		for (int i = 0; i < found->count; i++)
			if (equal(node, found->functions[i]))
				return false;
		if (found->count == 256)
			ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("more than 256 window functions")));
		found->functions[found->count++] = reinterpret_cast<WindowFunc *>(node);
		return false;
	}
	return expression_tree_walker(node, find_functions, context);
}

void find_all(Node *tree, Found *found)
{
	(void)find_functions(tree, found);
}

struct Call {
	Node *arguments[100];
	int count;
	char *text;       // f($1, $2)
};

// The function printed with its arguments as parameters, without FILTER and OVER: the server prints those only
// where it knows the window.
void print_call(WindowFunc *function, Call *out)
{
	List *arguments = NIL;
	ListCell *cell;
	out->count = 0;
	foreach (cell, function->args) {
		auto *argument = static_cast<Node *>(lfirst(cell));
		if (out->count == 100)
			ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("a window function with more than 100 arguments")));
		Param *param = makeNode(Param);
		param->paramkind = PARAM_EXTERN;
		param->paramid = out->count + 1;
		param->paramtype = exprType(argument);
		param->paramtypmod = exprTypmod(argument);
		param->paramcollid = exprCollation(argument);
		param->location = -1;
		out->arguments[out->count++] = argument;
		arguments = lappend(arguments, param);
	}
	FuncExpr *call = makeFuncExpr(function->winfnoid, function->wintype, arguments, function->wincollid, function->inputcollid, COERCE_EXPLICIT_CALL);
	out->text = deparse_expression(reinterpret_cast<Node *>(call), NIL, false, false);
	if (function->winstar)
		out->text = psprintf("%.*s*)", int(strlen(out->text)) - 1, out->text);
}

char *operator_name(Oid number)
{
	HeapTuple tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(number));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator %u", number);
	auto *form = reinterpret_cast<Form_pg_operator>(GETSTRUCT(tuple));
	char *name = psprintf("OPERATOR(%s.%s)", quote_identifier(get_namespace_name(form->oprnamespace)), NameStr(form->oprname));
	ReleaseSysCache(tuple);
	return name;
}

// Aggregates whose value over more rows is found from their values over either part.
constexpr struct {
	Oid function;
	Resume resume;
} resumed[] = {
    {F_COUNT_ANY, Resume::count}, {F_COUNT_, Resume::count}, {F_SUM_INT2, Resume::sum}, {F_SUM_INT4, Resume::sum}, {F_SUM_INT8, Resume::sum},
    {F_SUM_NUMERIC, Resume::sum}, {F_SUM_MONEY, Resume::sum}, {F_BOOL_AND, Resume::all}, {F_EVERY, Resume::all}, {F_BOOL_OR, Resume::any},
    {F_FIRST_VALUE, Resume::first},
};

// min and max of the server's own, where equal values look alike.
Resume resume_extreme(WindowFunc *function)
{
	auto *argument = static_cast<Node *>(linitial(function->args));
	HeapTuple tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(function->winfnoid));
	if (!HeapTupleIsValid(tuple))
		return Resume::none;
	Oid order = reinterpret_cast<Form_pg_aggregate>(GETSTRUCT(tuple))->aggsortop;
	ReleaseSysCache(tuple);
	const TypeCacheEntry *entry = lookup_type_cache(exprType(argument), TYPECACHE_LT_OPR | TYPECACHE_GT_OPR);
	return order == InvalidOid ? Resume::none : order == entry->lt_opr ? Resume::least : order == entry->gt_opr ? Resume::greatest : Resume::none;
}

bool looks_alike(Node *value)
{
	Oid type = pg::call(exprType, static_cast<const Node *>(value));
	return !pg::varies_when_equal(type) || (type == NUMERICOID && pg::call(exprTypmod, static_cast<const Node *>(value)) >= 0);
}

// Of a frame from the first row of the partition to the row itself, or to those that ORDER BY leaves alike with it.
Resume resume(WindowFunc *function, const WindowClause *clause)
{
	Oid number = function->winfnoid;
	int options = clause->frameOptions;
	if (number == F_ROW_NUMBER)
		return Resume::count;
	if (clause->orderClause == NIL && (!(options & FRAMEOPTION_ROWS) || !function->winagg))
		return Resume::none;
	if (number == F_RANK_ || number == F_DENSE_RANK_)
		return number == F_RANK_ ? Resume::rank : Resume::count;
	if (!(options & FRAMEOPTION_START_UNBOUNDED_PRECEDING) || !(options & FRAMEOPTION_END_CURRENT_ROW) || (options & FRAMEOPTION_EXCLUSION))
		return Resume::none;
	auto found = std::find_if(std::begin(resumed), std::end(resumed), [&](const auto &r) { return r.function == number; });
	if (found != std::end(resumed))
		return found->resume;
	bool extreme = function->winagg && number < FirstNormalObjectId && list_length(function->args) == 1 && looks_alike(static_cast<Node *>(linitial(function->args)));
	return extreme ? pg::call(resume_extreme, function) : Resume::none;
}

bool same_for_peers(WindowFunc *function, const WindowClause *clause)
{
	bool of_rows = function->winfnoid == F_ROW_NUMBER || function->winfnoid == F_FIRST_VALUE;
	return !of_rows && (among(of_peers, function->winfnoid) || !(clause->frameOptions & FRAMEOPTION_ROWS));
}

// An average is the sum by the count, which follow from those before where it does not.
struct Parts {
	Oid average, sum, type;
};
constexpr Parts averages[] = {
    {F_AVG_INT2, F_SUM_INT2, INT8OID}, {F_AVG_INT4, F_SUM_INT4, INT8OID}, {F_AVG_INT8, F_SUM_INT8, NUMERICOID}, {F_AVG_NUMERIC, F_SUM_NUMERIC, NUMERICOID},
};

Window::Position position(Oid function)
{
	switch (function) {
	case F_ROW_NUMBER: return Window::Position::row_number;
	case F_RANK_: return Window::Position::rank;
	case F_DENSE_RANK_: return Window::Position::dense_rank;
	default: return Window::Position::none;
	}
}

struct Direction {
	bool greater;
	char *name;       // of another operator, with its schema
};

void look_at_order(SortGroupClause *clause, Oid type, Direction *out)
{
	const TypeCacheEntry *entry = lookup_type_cache(type, TYPECACHE_LT_OPR | TYPECACHE_GT_OPR);
	out->greater = clause->sortop == entry->gt_opr;
	out->name = out->greater || clause->sortop == entry->lt_opr ? nullptr : operator_name(clause->sortop);
}

class Windows {
public:
	Windows(::Query *query, From input) : query_(query), input_(std::move(input)) {}

	From build()
	{
		columns_ = input_.node->columns;
		input_.scope.input = &columns_;
		auto found = std::make_unique<Found>();
		found->count = 0;
		pg::call(find_all, reinterpret_cast<Node *>(query_->targetList), found.get());
		functions_.assign(found->functions, found->functions + found->count);

		place_what_is_shown();
		std::vector<Level> levels = levels_by_partition();
		Tree node = projection();
		From out;
		out.scope = moved_scope();
		for (Level &level : levels)
			node = window(std::move(node), std::move(level), out.scope);
		out.node = std::move(node);
		return out;
	}

private:
	// What the query has, as the result of a function, or of a sum by that of a count.
	struct Shown {
		WindowFunc *function;
		int result, count = -1;
	};
	struct Level {
		std::vector<int> partition;
		std::vector<Window> windows;
		std::vector<std::vector<Shown>> of;     // each window's functions
	};

	// The column of the projection that shows an expression over the input.
	int place(Expression e)
	{
		for (size_t i = 0; i < placed_.size(); i++)
			if (placed_[i].text == e.text && placed_[i].type.type == e.type.type && placed_[i].type.collation == e.type.collation)
				return i;
		placed_.push_back(std::move(e));
		return placed_.size() - 1;
	}

	Expression over_input(Node *expression, const char *what)
	{
		Expression e = make_expression(expression, input_.scope);
		if (e.uses_time())
			no_law(std::string("now() in ") + what, pg::call(exprLocation, static_cast<const Node *>(expression)));
		return e;
	}

	void place_what_is_shown()
	{
		Scope without = input_.scope;
		without.computed.clear();
		for (WindowFunc *function : functions_)
			without.computed.push_back({reinterpret_cast<Node *>(function), "NULL", {}});
		without.computed.insert(without.computed.end(), input_.scope.computed.begin(), input_.scope.computed.end());
		std::set<int> read;
		ListCell *cell;
		foreach (cell, query_->targetList) {
			auto *target = static_cast<TargetEntry *>(lfirst(cell));
			if (!target->resjunk || chooses_rows(query_, target))
				read.merge(make_set(reinterpret_cast<Node *>(target->expr), without).columns);
		}
		for (int column : read)
			place(column_of(column, columns_[column]));
	}

	int place_sort(TargetEntry *target, const char *what)
	{
		return place(over_input(reinterpret_cast<Node *>(target->expr), what));
	}

	std::vector<Level> levels_by_partition()
	{
		std::vector<Level> levels;
		ListCell *cell;
		foreach (cell, query_->windowClause) {
			auto *clause = static_cast<WindowClause *>(lfirst(cell));
			std::vector<WindowFunc *> of;
			for (WindowFunc *function : functions_)
				if (function->winref == clause->winref)
					of.push_back(function);
			if (of.empty())
				continue;
			std::set<int> partition;
			ListCell *by;
			foreach (by, clause->partitionClause)
				partition.insert(place_sort(pg::call(get_sortgroupclause_tle, static_cast<SortGroupClause *>(lfirst(by)), query_->targetList),
				                            "PARTITION BY"));
			std::vector<int> columns(partition.begin(), partition.end());
			auto level = std::find_if(levels.begin(), levels.end(), [&](const Level &l) { return l.partition == columns; });
			if (level == levels.end())
				level = levels.insert(levels.end(), {columns, {}, {}});
			Window window;
			window.order = sorting(query_, clause->orderClause, [&](TargetEntry *target) { return place_sort(target, "ORDER BY of a window"); });
			window.frame = frame(clause, of[0]->location);
			std::map<Reach::Unit, std::vector<WindowFunc *>> by_unit;
			for (WindowFunc *function : of)
				by_unit[reach(function, clause).value_or(Reach{}).unit].push_back(function);
			for (const auto &[unit, those] : by_unit) {
				Window made = window;
				std::vector<Shown> shown;
				for (WindowFunc *function : those)
					shown.push_back(show(function, clause, made));
				level->windows.push_back(std::move(made));
				level->of.push_back(std::move(shown));
			}
		}
		return by_order(std::move(levels));
	}

	// Where each result has a reach or follows from those before, rows are found in the order of their window: one order,
	// and one unit of reach, a level.  Results that follow change far: they come last, or what changes would be input again.
	static std::vector<Level> by_order(std::vector<Level> levels)
	{
		std::vector<Level> out;
		for (Level &level : levels) {
			bool placed = std::all_of(level.windows.begin(), level.windows.end(), [](const Window &w) {
				return std::all_of(w.functions.begin(), w.functions.end(), [](const auto &f) { return f.near() || f.running(); });
			});
			if (!placed) {
				out.push_back(std::move(level));
				continue;
			}
			size_t first = out.size();
			for (size_t i = 0; i < level.windows.size(); i++) {
				auto same = std::find_if(out.begin() + first, out.end(), [&](const Level &l) {
					return same_order(l.windows[0].order, level.windows[i].order) && l.windows[0].unit() == level.windows[i].unit();
				});
				if (same == out.end())
					same = out.insert(same, {level.partition, {}, {}});
				same->windows.push_back(std::move(level.windows[i]));
				same->of.push_back(std::move(level.of[i]));
			}
		}
		std::stable_partition(out.begin(), out.end(), [](const Level &l) {
			return std::all_of(l.windows.begin(), l.windows.end(), [](const Window &w) {
				return std::none_of(w.functions.begin(), w.functions.end(), [](const auto &f) { return f.running(); });
			});
		});
		return out;
	}

	Shown show(WindowFunc *function, const WindowClause *clause, Window &window)
	{
		auto result = [&](WindowFunc *of) {
			Window::Function made = call(of, clause);
			auto found = std::find_if(window.functions.begin(), window.functions.end(), [&](const auto &f) { return f.call == made.call && f.type.type == made.type.type; });
			if (found == window.functions.end())
				found = window.functions.insert(found, std::move(made));
			return int(found - window.functions.begin());
		};
		auto average = std::find_if(std::begin(averages), std::end(averages), [&](const Parts &p) { return p.average == function->winfnoid; });
		if (average == std::end(averages))
			return {function, result(function)};
		WindowFunc sum = *function, count = *function;
		sum.winfnoid = average->sum;
		sum.wintype = average->type;
		count.winfnoid = F_COUNT_ANY;
		count.wintype = INT8OID;
		if (resume(&sum, clause) == Resume::none)
			return {function, result(function)};
		return {function, result(&sum), result(&count)};
	}

	Window::Function call(WindowFunc *function, const WindowClause *clause)
	{
		Call call{};
		pg::call(print_call, function, &call);
		std::vector<std::string> arguments;
		auto argument = [&](Node *expression, const char *what) {
			Expression e = over_input(expression, what);
			return e.columns.empty() ? e.text : hole(place(std::move(e)));
		};
		for (int i = 0; i < call.count; i++)
			arguments.push_back(argument(call.arguments[i], "a window function"));
		Window::Function out;
		for (const char *p = call.text; *p != '\0'; p++)
			if (*p == '$' && isdigit(static_cast<unsigned char>(p[1]))) {
				int number = std::stoi(p + 1);
				while (isdigit(static_cast<unsigned char>(p[1])))
					p++;
				out.call += arguments[number - 1];
			} else
				out.call += *p;
		if (function->aggfilter != nullptr)
			out.call += " FILTER (WHERE " + argument(reinterpret_cast<Node *>(function->aggfilter), "FILTER") + ")";
		out.type = type_of(function);
		out.ties_matter = ties_matter_to(function->winfnoid, clause);
		out.reach = reach(function, clause);
		out.resume = resume(function, clause);
		out.peers = out.running() && same_for_peers(function, clause);
		out.position = position(function->winfnoid);
		return out;
	}

	static bool ties_matter_to(Oid function, const WindowClause *clause)
	{
		constexpr int whole = FRAMEOPTION_START_UNBOUNDED_PRECEDING | FRAMEOPTION_END_UNBOUNDED_FOLLOWING;
		bool of_bags = !(clause->frameOptions & FRAMEOPTION_ROWS) || (clause->frameOptions & whole) == whole;
		bool of_rows = clause->frameOptions & FRAMEOPTION_EXCLUDE_CURRENT_ROW || !(among(order_free, function) || pg::call(is_extreme, function));
		return !among(of_peers, function) && !(of_bags && !of_rows);
	}

	Tree projection()
	{
		auto node = std::make_shared<Operator>();
		node->kind = Kind::project;
		for (const Expression &e : placed_) {
			node->columns.push_back(e.type);
			if (e.plain >= 0)
				node->columns.back().name = columns_[e.plain].name;
			else
				node->columns.back().name = render(e.text, [&](int column) { return columns_[column].name; });
		}
		node->expressions = placed_;
		node->inputs.push_back(std::move(input_.node));
		return node;
	}

	// What was over the input's columns, over those of the projection.
	Scope moved_scope() const
	{
		std::map<int, int> to;
		for (size_t i = 0; i < placed_.size(); i++)
			if (placed_[i].plain >= 0)
				to.emplace(placed_[i].plain, i);
		Scope out;
		for (auto [key, column] : input_.scope.columns)
			if (to.contains(column))
				out.columns[key] = to[column];
		for (const auto &known : input_.scope.computed) {
			bool there = true;
			std::string text = render(known.text, [&](int column) {
				there = there && to.contains(column);
				return there ? hole(to[column]) : std::string();
			});
			if (there)
				out.computed.push_back({known.expression, text, known.type});
		}
		return out;
	}

	static Column type_of(WindowFunc *function)
	{
		const auto *expression = reinterpret_cast<const Node *>(function);
		return {"", pg::call(exprType, expression), pg::call(exprTypmod, expression), pg::call(exprCollation, expression), false};
	}

	static std::string text_of(const Shown &shown, int first)
	{
		std::string result = hole(first + shown.result);
		return shown.count < 0 ? result : "(" + result + "::numeric / NULLIF(" + hole(first + shown.count) + ", 0)::numeric)";
	}

	static Tree window(Tree input, Level level, Scope &scope)
	{
		auto node = std::make_shared<Operator>();
		node->kind = Kind::window;
		node->columns = input->columns;
		node->partition = std::move(level.partition);
		for (size_t i = 0; i < level.windows.size(); i++) {
			int first = node->width();
			for (auto &function : level.windows[i].functions) {
				function.title = render(function.call, [&](int column) { return input->columns[column].name; });
				node->columns.push_back(function.type);
				node->columns.back().name = function.title;
			}
			for (const Shown &shown : level.of[i])
				scope.computed.push_back({reinterpret_cast<Node *>(shown.function), text_of(shown, first), type_of(shown.function)});
		}
		node->windows = std::move(level.windows);
		node->inputs.push_back(std::move(input));
		return node;
	}

	::Query *query_;
	From input_;
	std::vector<Column> columns_;             // of the input
	std::vector<WindowFunc *> functions_;
	std::vector<Expression> placed_;          // what the projection shows
};

}  // namespace

From build_windows(::Query *query, From input)
{
	return Windows(query, std::move(input)).build();
}

std::vector<Sort> sorting(::Query *query, List *clauses, const std::function<int(TargetEntry *)> &column)
{
	std::vector<Sort> out;
	ListCell *cell;
	foreach (cell, clauses) {
		auto *clause = static_cast<SortGroupClause *>(lfirst(cell));
		TargetEntry *target = pg::call(get_sortgroupclause_tle, clause, query->targetList);
		Direction direction{};
		pg::call(look_at_order, clause, pg::call(exprType, reinterpret_cast<const Node *>(target->expr)), &direction);
		out.push_back({column(target), direction.greater, clause->nulls_first, direction.name == nullptr ? "" : direction.name});
	}
	return out;
}

bool chooses_rows(::Query *query, TargetEntry *target)
{
	if (target->ressortgroupref == 0)
		return false;
	bool limited = query->limitCount != nullptr || query->limitOffset != nullptr;
	auto in = [&](List *clauses) {
		ListCell *cell;
		foreach (cell, clauses)
			if (static_cast<SortGroupClause *>(lfirst(cell))->tleSortGroupRef == target->ressortgroupref)
				return true;
		return false;
	};
	return (query->hasDistinctOn && in(query->distinctClause)) || ((query->hasDistinctOn || limited) && in(query->sortClause));
}

}  // namespace query
