#include "aggregates.h"

#include "pg/sql.hpp"

extern "C" {
#include "catalog/pg_aggregate.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "parser/parse_agg.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"
}

#include <algorithm>

namespace query {

namespace {

// Aggregates whose result depends on the bag of values only, not on their
// order, so that recomputing a group from its values is exact.
constexpr Oid order_free[] = {
    F_SUM_INT2, F_SUM_INT4, F_SUM_INT8, F_SUM_NUMERIC, F_SUM_FLOAT4, F_SUM_FLOAT8, F_SUM_MONEY, F_SUM_INTERVAL,
    F_AVG_INT2, F_AVG_INT4, F_AVG_INT8, F_AVG_NUMERIC, F_AVG_FLOAT4, F_AVG_FLOAT8, F_AVG_INTERVAL, F_COUNT_ANY,
    F_BOOL_AND, F_BOOL_OR, F_EVERY,
};

Oid sort_operator(Oid function)
{
	HeapTuple tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(function));
	if (!HeapTupleIsValid(tuple))
		return InvalidOid;
	Oid op = reinterpret_cast<Form_pg_aggregate>(GETSTRUCT(tuple))->aggsortop;
	ReleaseSysCache(tuple);
	return op;
}

bool is_greater_than(Oid op)
{
	ListCell *cell;
	foreach (cell, get_op_index_interpretation(op))
		if (static_cast<OpIndexInterpretation *>(lfirst(cell))->cmptype == COMPARE_GT)
			return true;
	return false;
}

struct Call {
	Node *arguments[8];
	int count;
	char *text;       // over $1, $2, …
};

// The aggregate printed with its arguments as parameters, its filter left out.
void print_call(Aggref *original, Call *out)
{
	auto *aggref = static_cast<Aggref *>(copyObjectImpl(original));
	out->count = 0;
	ListCell *cell;
	foreach (cell, aggref->args) {
		auto *target = static_cast<TargetEntry *>(lfirst(cell));
		auto *argument = reinterpret_cast<Node *>(target->expr);
		if (out->count == 8)
			ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("an aggregate with more than 8 arguments")));
		Param *param = makeNode(Param);
		param->paramkind = PARAM_EXTERN;
		param->paramid = out->count + 1;
		param->paramtype = exprType(argument);
		param->paramtypmod = exprTypmod(argument);
		param->paramcollid = exprCollation(argument);
		param->location = -1;
		out->arguments[out->count++] = argument;
		target->expr = reinterpret_cast<Expr *>(param);
	}
	aggref->aggfilter = nullptr;
	out->text = deparse_expression(reinterpret_cast<Node *>(aggref), NIL, false, false);
}

Node *with_nulls(Node *node, void *context)
{
	if (node != nullptr && IsA(node, Var))
		return reinterpret_cast<Node *>(makeNullConst(exprType(node), exprTypmod(node), exprCollation(node)));
	return expression_tree_mutator(node, with_nulls, context);
}

// Over the row of NULLs that an outer join pads with: is it NULL, is it not true?
bool is_null_over_nulls(Node *expression)
{
	Node *folded = eval_const_expressions(nullptr, with_nulls(expression, nullptr));
	return IsA(folded, Const) && reinterpret_cast<Const *>(folded)->constisnull;
}

bool is_untrue_over_nulls(Node *condition)
{
	Node *folded = eval_const_expressions(nullptr, with_nulls(condition, nullptr));
	if (!IsA(folded, Const))
		return false;
	auto *value = reinterpret_cast<Const *>(folded);
	return value->constisnull || !DatumGetBool(value->constvalue);
}

// A constant that is not NULL: count(1) counts rows.
bool is_present(Node *expression)
{
	return IsA(expression, Const) && !reinterpret_cast<Const *>(expression)->constisnull;
}

std::string holes(std::string_view text)
{
	std::string out;
	for (size_t i = 0; i < text.size(); i++)
		if (text[i] == '$' && i + 1 < text.size() && isdigit(static_cast<unsigned char>(text[i + 1])))
			out += std::string("\x01") + char(text[++i] - 1) + '\x02';
		else
			out += text[i];
	return out;
}

std::string hole(int column)
{
	return '\x01' + std::to_string(column) + '\x02';
}

bool is_sum(Oid function)
{
	return function == F_SUM_INT2 || function == F_SUM_INT4 || function == F_SUM_INT8 || function == F_SUM_NUMERIC;
}

bool is_average(Oid function)
{
	return function == F_AVG_INT2 || function == F_AVG_INT4 || function == F_AVG_INT8 || function == F_AVG_NUMERIC;
}

class Grouping {
public:
	Grouping(::Query *query, From input, List *set) : query_(query), input_(std::move(input)), set_(set) {}

	From build()
	{
		node_ = std::make_shared<Operator>();
		node_->kind = Kind::aggregate;
		columns_ = input_.node->columns;
		input_.scope.input = &columns_;
		add_keys();
		collect(reinterpret_cast<Node *>(list_make2(query_->targetList, query_->havingQual)));
		place_columns();
		From out;
		out.scope.computed = std::move(computed_);
		node_->inputs.push_back(std::move(input_.node));
		out.node = std::move(node_);
		return out;
	}

private:
	struct Pending {
		Node *expression;
		std::function<std::string(int first)> text;   // over the node's columns; first aggregate's column
		Column type;
	};

	void add_key(Node *expression)
	{
		Expression key = make_expression(expression, input_.scope);
		int location = pg::call(exprLocation, (const Node *)expression);
		if (key.uses_time())
			no_law("now() in GROUP BY", location);
		if (!pg::has_hash(key.type.type) || !pg::has_equality(key.type.type))
			no_law("GROUP BY of type " + pg::type_name(key.type.type), location);
		int column = node_->keys.size();
		Column type = key.type;
		type.not_null = key.type.not_null;
		type.name = "k" + std::to_string(column + 1);
		node_->keys.push_back(std::move(key));
		node_->columns.push_back(type);
		computed_.push_back({expression, hole(column), type});
	}

	void add_keys()
	{
		ListCell *cell;
		foreach (cell, query_->groupClause) {
			auto *clause = static_cast<SortGroupClause *>(lfirst(cell));
			Node *expression = pg::call(get_sortgroupclause_expr, clause, query_->targetList);
			if (query_->groupingSets != NIL && IsA(expression, Const))
				no_law("a constant as a key of grouping sets", reinterpret_cast<Const *>(expression)->location,
				       "Where it is NULL depends on the server's plan.");
			if (list_member_int(set_, clause->tleSortGroupRef))
				add_key(expression);
			else
				add_null(expression);
		}
	}

	void add_null(Node *expression)
	{
		const auto *node = static_cast<const Node *>(expression);
		Column type{"", pg::call(exprType, node), pg::call(exprTypmod, node), pg::call(exprCollation, node), false};
		std::string text = "NULL::" + pg::type_name(type.type, type.typmod);
		if (type.collation != InvalidOid)
			text += " COLLATE " + pg::collation_name(type.collation);
		computed_.push_back({expression, "(" + text + ")", type});
	}

	// A bit for each argument, the last the lowest: set where the argument is not grouped by.
	void add_grouping(GroupingFunc *function)
	{
		if (function->agglevelsup > 0)
			no_law("GROUPING() of an outer query", function->location);
		int bits = 0;
		ListCell *cell;
		foreach (cell, function->refs)
			bits = bits << 1 | !list_member_int(set_, lfirst_int(cell));
		computed_.push_back({reinterpret_cast<Node *>(function), std::to_string(bits), {"", INT4OID, -1, InvalidOid, true}});
	}

	// Aggregates to keep, and columns that depend on the keys (GROUP BY a
	// primary key): those become keys themselves, which splits no group.
	void collect(Node *tree)
	{
		if (tree == nullptr)
			return;
		if (IsA(tree, List)) {
			ListCell *cell;
			foreach (cell, reinterpret_cast<List *>(tree))
				collect(static_cast<Node *>(lfirst(cell)));
			return;
		}
		for (const auto &known : computed_)
			if (::equal(tree, known.expression))
				return;
		if (IsA(tree, Aggref))
			add_aggregate(reinterpret_cast<Aggref *>(tree));
		else if (IsA(tree, GroupingFunc))
			add_grouping(reinterpret_cast<GroupingFunc *>(tree));
		else if (IsA(tree, Var))
			add_key(tree);
		else {
			std::vector<Node *> children;
			pg::call(list_children, tree, &children);
			for (Node *child : children)
				collect(child);
		}
	}

	static bool note_child(Node *child, void *context)
	{
		if (child != nullptr)
			static_cast<std::vector<Node *> *>(context)->push_back(child);
		return false;
	}

	static void list_children(Node *tree, std::vector<Node *> *children)
	{
		(void)expression_tree_walker(tree, note_child, children);
	}

	int keep(Aggregate aggregate)
	{
		auto same = [&](const Aggregate &other) {
			if (other.law != aggregate.law || other.call != aggregate.call || other.distinct != aggregate.distinct ||
			    other.arguments.size() != aggregate.arguments.size() ||
			    other.filter.has_value() != aggregate.filter.has_value())
				return false;
			for (size_t i = 0; i < other.arguments.size(); i++)
				if (other.arguments[i].text != aggregate.arguments[i].text)
					return false;
			return !other.filter || other.filter->text == aggregate.filter->text;
		};
		auto &all = node_->aggregates;
		auto found = std::find_if(all.begin(), all.end(), same);
		if (found != all.end())
			return found - all.begin();
		all.push_back(std::move(aggregate));
		return all.size() - 1;
	}

	void add_aggregate(Aggref *aggref)
	{
		if (aggref->agglevelsup > 0)
			no_law("an aggregate of an outer query", aggref->location);
		if (aggref->aggkind != AGGKIND_NORMAL)
			no_law("an ordered-set aggregate", aggref->location);
		Call call{};
		pg::call(print_call, aggref, &call);
		Aggregate a;
		a.call = holes(call.text);
		a.distinct = aggref->aggdistinct != NIL;
		bool counts_rows = aggref->aggstar || (aggref->aggfnoid == F_COUNT_ANY && !a.distinct && is_present(call.arguments[0]));
		if (counts_rows) {
			a.call = "count(*)";
			call.count = 0;
		}
		for (int i = 0; i < call.count; i++) {
			a.arguments.push_back(make_expression(call.arguments[i], input_.scope));
			if (a.arguments.back().uses_time())
				no_law("now() in an aggregate", aggref->location);
		}
		if (aggref->aggfilter != nullptr) {
			a.filter = make_expression(reinterpret_cast<Node *>(aggref->aggfilter), input_.scope);
			if (a.filter->uses_time())
				no_law("now() in FILTER", aggref->location, "Put the condition in WHERE of a derived table.");
		}
		a.ignores_padding = (call.count > 0 && pg::call(is_null_over_nulls, call.arguments[0])) ||
		                    (aggref->aggfilter != nullptr && pg::call(is_untrue_over_nulls, reinterpret_cast<Node *>(aggref->aggfilter)));
		auto *expression = reinterpret_cast<const Node *>(aggref);
		a.type = {"", pg::call(exprType, expression), pg::call(exprTypmod, expression),
		          pg::call(exprCollation, expression), false};
		a.title = title(a);
		choose_law(aggref, std::move(a), counts_rows);
	}

	std::string readable(const Expression &expr) const
	{
		return render(expr.text, [this](int column) { return columns_[column].name; });
	}

	std::string title(const Aggregate &a) const
	{
		std::string call = render(a.call, [&](int argument) { return readable(a.arguments[argument]); });
		return a.filter ? call + " FILTER (WHERE " + readable(*a.filter) + ")" : call;
	}

	void choose_law(Aggref *aggref, Aggregate a, bool counts_rows)
	{
		Oid function = aggref->aggfnoid;
		auto *expression = reinterpret_cast<Node *>(aggref);
		Column type = a.type;
		if (counts_rows || function == F_COUNT_ANY) {
			type.not_null = a.type.not_null = true;
			a.law = counts_rows  ? (a.filter ? Law::count : Law::count_rows)
			        : a.distinct ? Law::count_distinct
			                     : Law::count;
			int index = keep(std::move(a));
			pending_.push_back({expression, [=](int first) { return hole(first + index); }, type});
		} else if (!a.distinct && (is_sum(function) || is_average(function))) {
			keep_sum(expression, std::move(a), is_average(function));
		} else {
			keep_recomputed(aggref, std::move(a));
		}
		computed_.push_back({expression, "", type});   // text set by place_columns()
	}

	// The stored sum is exact but remembers the largest scale it ever saw;
	// where the type does not fix the scale, the values' largest scale now
	// (itself a max() aggregate) is what the server's sum() shows.
	void keep_sum(Node *expression, Aggregate a, bool average)
	{
		Column type = a.type;
		Aggregate count = a, scale = a;
		bool free_scale = a.arguments[0].type.type == NUMERICOID && a.arguments[0].type.typmod < 0;
		a.law = Law::sum;
		if (average) {
			a.type.type = NUMERICOID;
			a.title = "sum of " + a.title;
		}
		a.call = "sum";
		int sum = keep(std::move(a)), largest = -1, counted = -1;
		if (average) {
			count.law = Law::count;
			count.call = "count";
			count.type = {"", INT8OID, -1, InvalidOid, true};
			count.title = "count of " + count.title;
			counted = keep(std::move(count));
		}
		if (free_scale) {
			scale.law = Law::recompute;
			scale.call = "pg_catalog.max(" + hole(0) + ")";
			scale.arguments[0].text = "pg_catalog.scale(" + scale.arguments[0].text + ")";
			scale.arguments[0].plain = -1;
			scale.arguments[0].type = {"", INT4OID, -1, InvalidOid, false};
			scale.type = {"", INT4OID, -1, InvalidOid, false};
			scale.ignores_copies = scale.wants_order = scale.greatest = true;
			scale.title = "max(scale(…))";
			largest = keep(std::move(scale));
		}
		pending_.push_back({expression,
		                    [=](int first) {
			                    std::string text = hole(first + sum);
			                    if (largest >= 0)
				                    text = "pg_catalog.round(" + text + ", COALESCE(" + hole(first + largest) + ", 0))";
			                    if (counted >= 0)
				                    text = "(" + text + " / NULLIF(" + hole(first + counted) + ", 0)::numeric)";
			                    return text;
		                    },
		                    type});
	}

	void keep_recomputed(Aggref *aggref, Aggregate a)
	{
		Oid function = aggref->aggfnoid;
		a.law = Law::recompute;
		Oid order = pg::call(sort_operator, function);
		bool extreme = a.arguments.size() == 1 && aggref->aggorder == NIL && OidIsValid(order);
		if (extreme) {
			a.ignores_copies = a.wants_order = true;
			a.greatest = pg::call(is_greater_than, order);
		}
		else if (std::find(std::begin(order_free), std::end(order_free), function) == std::end(order_free))
			no_law("the aggregate " + a.title, aggref->location);
		if (a.distinct)
			a.ignores_copies = true;
		for (const Expression &argument : a.arguments)
			if (!pg::has_hash(argument.type.type) || !pg::has_order(argument.type.type))
				no_law("an aggregate over type " + pg::type_name(argument.type.type), aggref->location);
		Column type = a.type;
		int index = keep(std::move(a));
		pending_.push_back({reinterpret_cast<Node *>(aggref), [=](int first) { return hole(first + index); }, type});
	}

	void place_columns()
	{
		int first = node_->keys.size();
		for (const Aggregate &a : node_->aggregates) {
			node_->columns.push_back(a.type);
			node_->columns.back().name = a.title;
		}
		for (const Pending &p : pending_)
			for (auto &known : computed_)
				if (known.expression == p.expression)
					known.text = p.text(first);
	}

	::Query *query_;
	From input_;
	List *set_;
	std::vector<Column> columns_;
	Tree node_;
	std::vector<Scope::Computed> computed_;
	std::vector<Pending> pending_;
};

}  // namespace

List *grouping_sets(::Query *query)
{
	if (query->groupingSets != NIL)
		return pg::call(expand_grouping_sets, query->groupingSets, query->groupDistinct, -1);
	List *all = NIL;
	ListCell *cell;
	foreach (cell, query->groupClause)
		all = pg::call(lappend_int, all, int(lfirst_node(SortGroupClause, cell)->tleSortGroupRef));
	return pg::call(list_make1_impl, T_List, ListCell{.ptr_value = all});
}

From build_aggregate(::Query *query, From input, List *set)
{
	return Grouping(query, std::move(input), set).build();
}

}  // namespace query
