#include "aggregates.h"

#include "correlate.h"
#include "functions.h"
#include "pg/sql.hpp"
#include "rows.h"

extern "C" {
#include "access/transam.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "parser/parse_agg.h"
#include "parser/parse_coerce.h"
#include "parser/parse_func.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"
#include "utils/typcache.h"
}

#include <algorithm>
#include <cstring>

namespace query {

namespace {

// The result of all others may depend on the order of the values.
constexpr Oid order_free[] = {
    F_SUM_INT2, F_SUM_INT4, F_SUM_INT8, F_SUM_NUMERIC, F_SUM_MONEY, F_SUM_INTERVAL, F_AVG_INT2, F_AVG_INT4, F_AVG_INT8, F_AVG_NUMERIC,
    F_AVG_INTERVAL, F_BIT_AND_INT2, F_BIT_AND_INT4, F_BIT_AND_INT8, F_BIT_AND_BIT, F_BIT_OR_INT2, F_BIT_OR_INT4, F_BIT_OR_INT8,
    F_BIT_OR_BIT, F_BIT_XOR_INT2, F_BIT_XOR_INT4, F_BIT_XOR_INT8, F_BIT_XOR_BIT, F_RANGE_AGG_ANYRANGE, F_RANGE_AGG_ANYMULTIRANGE,
    F_RANGE_INTERSECT_AGG_ANYRANGE, F_RANGE_INTERSECT_AGG_ANYMULTIRANGE,
};

// Floating point numbers are rounded differently in another order; that is no reason to sort them.
constexpr Oid of_floats[] = {
    F_SUM_FLOAT4, F_SUM_FLOAT8, F_AVG_FLOAT4, F_AVG_FLOAT8, F_VAR_POP_FLOAT4, F_VAR_POP_FLOAT8, F_VAR_SAMP_FLOAT4, F_VAR_SAMP_FLOAT8,
    F_VARIANCE_FLOAT4, F_VARIANCE_FLOAT8, F_STDDEV_FLOAT4, F_STDDEV_FLOAT8, F_STDDEV_POP_FLOAT4, F_STDDEV_POP_FLOAT8,
    F_STDDEV_SAMP_FLOAT4, F_STDDEV_SAMP_FLOAT8, F_REGR_SXX, F_REGR_SYY, F_REGR_SXY, F_REGR_AVGX, F_REGR_AVGY, F_REGR_R2, F_REGR_SLOPE,
    F_REGR_INTERCEPT, F_COVAR_POP, F_COVAR_SAMP, F_CORR,
};

// Variance and standard deviation of exact numbers.
struct Spread {
	Oid function;
	bool sample, root;
};
constexpr Spread spreads[] = {
    {F_VAR_POP_INT2, false, false}, {F_VAR_POP_INT4, false, false}, {F_VAR_POP_INT8, false, false}, {F_VAR_POP_NUMERIC, false, false},
    {F_VAR_SAMP_INT2, true, false}, {F_VAR_SAMP_INT4, true, false}, {F_VAR_SAMP_INT8, true, false}, {F_VAR_SAMP_NUMERIC, true, false},
    {F_VARIANCE_INT2, true, false}, {F_VARIANCE_INT4, true, false}, {F_VARIANCE_INT8, true, false}, {F_VARIANCE_NUMERIC, true, false},
    {F_STDDEV_POP_INT2, false, true}, {F_STDDEV_POP_INT4, false, true}, {F_STDDEV_POP_INT8, false, true}, {F_STDDEV_POP_NUMERIC, false, true},
    {F_STDDEV_SAMP_INT2, true, true}, {F_STDDEV_SAMP_INT4, true, true}, {F_STDDEV_SAMP_INT8, true, true}, {F_STDDEV_SAMP_NUMERIC, true, true},
    {F_STDDEV_INT2, true, true}, {F_STDDEV_INT4, true, true}, {F_STDDEV_INT8, true, true}, {F_STDDEV_NUMERIC, true, true},
};

template <size_t count>
bool among(Oid function, const Oid (&list)[count])
{
	return std::find(std::begin(list), std::end(list), function) != std::end(list);
}

Oid sort_operator(Oid function)
{
	HeapTuple tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(function));
	if (!HeapTupleIsValid(tuple))
		return InvalidOid;
	Oid op = reinterpret_cast<Form_pg_aggregate>(GETSTRUCT(tuple))->aggsortop;
	ReleaseSysCache(tuple);
	return op;
}

// The server's min() of a type, if its result is of that type.
Oid least_of(Oid type)
{
	Oid function, result, variadic, *arguments;
	bool returns_set;
	int variadics;
	FuncDetailCode kind = func_get_detail(list_make2(makeString(pstrdup("pg_catalog")), makeString(pstrdup("min"))), NIL, NIL, 1, &type, false, false, false,
	                                      &function, &result, &returns_set, &variadics, &variadic, &arguments, nullptr);
	return kind == FUNCDETAIL_AGGREGATE && (result == type || IsBinaryCoercible(result, type)) ? function : InvalidOid;
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
	Node *arguments[FUNC_MAX_ARGS], *direct[FUNC_MAX_ARGS];
	int count, directs;
	int shown;        // arguments that do not only order
	int rows;         // of those, rows by their fields; of a row that may lack the first argument tells so
	int present;      // rows that are always there
	char *text;       // over $1, $2, …, direct arguments from first_direct on
};

constexpr int first_direct = 10001;

// JSON_ARRAYAGG and JSON_OBJECTAGG are an aggregate with words of their own around it.
Aggref *aggregate_in(Node *node)
{
	if (IsA(node, JsonConstructorExpr) && reinterpret_cast<JsonConstructorExpr *>(node)->func != nullptr)
		node = reinterpret_cast<Node *>(reinterpret_cast<JsonConstructorExpr *>(node)->func);
	return IsA(node, Aggref) ? reinterpret_cast<Aggref *>(node) : nullptr;
}

int add_argument(Call *out, Node *argument)
{
	if (out->count == FUNC_MAX_ARGS)
		ereport(ERROR, (errcode(ERRCODE_TOO_MANY_ARGUMENTS), errmsg("an aggregate with more than %d arguments", FUNC_MAX_ARGS)));
	out->arguments[out->count++] = argument;
	return out->count;
}

struct Fields {
	Call *call;
	int depth;
};

Node *field(Call *call, Node *of, Node *expression)
{
	for (int i = 0; i < call->count; i++)
		if (equal(call->arguments[i], expression))
			return parameter_like(i + 1, of);
	return parameter_like(add_argument(call, expression), of);
}

// A row by its fields (see rows.h): what those are made of are the arguments.
Node *by_fields(Node *node, void *context)
{
	auto *fields = static_cast<Fields *>(context);
	if (node == nullptr || IsA(node, Const))
		return node;
	if (IsA(node, Query)) {
		fields->depth++;
		auto *out = query_tree_mutator(reinterpret_cast<::Query *>(node), by_fields, context, 0);
		fields->depth--;
		return reinterpret_cast<Node *>(out);
	}
	if (IsA(node, Var) && int(reinterpret_cast<Var *>(node)->varlevelsup) == fields->depth) {
		auto *column = static_cast<Var *>(copyObjectImpl(node));
		column->varlevelsup = 0;
		return field(fields->call, node, reinterpret_cast<Node *>(column));
	}
	bool inner = fields->depth > 0 || IsA(node, List) || IsA(node, RowExpr) || IsA(node, SubLink) || IsA(node, CaseExpr) || IsA(node, CaseWhen) || IsA(node, NullTest);
	return inner ? expression_tree_mutator(node, by_fields, context) : field(fields->call, node, node);
}

// The aggregate printed with its arguments as parameters, but for constants, and its filter left out.
void print_call(Node *original, Call *out)
{
	auto *copy = static_cast<Node *>(copyObjectImpl(original));
	Aggref *aggref = aggregate_in(copy);
	*out = {};
	ListCell *cell;
	foreach (cell, aggref->args) {
		auto *target = static_cast<TargetEntry *>(lfirst(cell));
		auto *argument = reinterpret_cast<Node *>(target->expr);
		if (IsA(argument, Const))
			continue;
		out->shown += !target->resjunk;
		if (is_row(argument)) {
			Fields fields{out, 0};
			target->expr = reinterpret_cast<Expr *>(by_fields(argument, &fields));
			out->rows += !target->resjunk;
			out->present += !target->resjunk && !IsA(argument, CaseExpr);
		} else
			target->expr = reinterpret_cast<Expr *>(parameter_like(add_argument(out, argument), argument));
	}
	foreach (cell, aggref->aggdirectargs) {
		auto *argument = static_cast<Node *>(lfirst(cell));
		if (IsA(argument, Const))
			continue;
		lfirst(cell) = parameter_like(first_direct + out->directs, argument);
		out->direct[out->directs++] = argument;
	}
	aggref->aggfilter = nullptr;
	out->text = deparse_expression(copy, NIL, false, false);
}

constexpr Oid discrete[] = {F_PERCENTILE_DISC_FLOAT8_ANYELEMENT, F_PERCENTILE_DISC__FLOAT8_ANYELEMENT};
constexpr Oid continuous[] = {F_PERCENTILE_CONT_FLOAT8_FLOAT8, F_PERCENTILE_CONT_FLOAT8_INTERVAL, F_PERCENTILE_CONT__FLOAT8_FLOAT8, F_PERCENTILE_CONT__FLOAT8_INTERVAL};

constexpr Oid of_many[] = {F_PERCENTILE_DISC__FLOAT8_ANYELEMENT, F_PERCENTILE_CONT__FLOAT8_FLOAT8, F_PERCENTILE_CONT__FLOAT8_INTERVAL};
constexpr size_t most_fractions = 16;    // each is a place of its own

bool is_quantile(Oid function)
{
	return among(function, discrete) || among(function, continuous);
}

// In the order of a type of the server's own: 1, its reverse: -1, or another: 0.
int order_of(Aggref *aggref)
{
	auto *clause = list_length(aggref->aggorder) == 1 ? linitial_node(SortGroupClause, aggref->aggorder) : nullptr;
	Oid type = exprType(reinterpret_cast<Node *>(linitial_node(TargetEntry, aggref->args)->expr));
	if (clause == nullptr || type >= FirstNormalObjectId)
		return 0;
	TypeCacheEntry *entry = lookup_type_cache(type, TYPECACHE_LT_OPR | TYPECACHE_GT_OPR);
	return clause->sortop == entry->lt_opr ? 1 : clause->sortop == entry->gt_opr ? -1 : 0;
}

// Its fractions as text, if they are constants; else NIL.
List *constant_fractions(Aggref *aggref)
{
	auto *argument = reinterpret_cast<Const *>(eval_const_expressions(nullptr, static_cast<Node *>(linitial(aggref->aggdirectargs))));
	if (!IsA(argument, Const) || argument->constisnull)
		return NIL;
	auto text = [](Datum fraction) { return makeString(DatumGetCString(DirectFunctionCall1(float8out, fraction))); };
	if (argument->consttype == FLOAT8OID)
		return list_make1(text(argument->constvalue));
	ArrayType *array = DatumGetArrayTypeP(argument->constvalue);
	if (ARR_NDIM(array) != 1 || ARR_LBOUND(array)[0] != 1 || array_contains_nulls(array))
		return NIL;
	Datum *fractions;
	int count;
	deconstruct_array_builtin(array, FLOAT8OID, &fractions, nullptr, &count);
	List *out = NIL;
	for (int i = 0; i < count; i++)
		out = lappend(out, text(fractions[i]));
	return out;
}

struct Nature {
	bool strict, changes, reads;
};

// Whether it passes over NULLs, whether it may answer the same differently, and whether it may read tables.
void look_up(Oid function, Nature *out)
{
	HeapTuple tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(function));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for aggregate %u", function);
	auto *form = reinterpret_cast<Form_pg_aggregate>(GETSTRUCT(tuple));
	out->strict = func_strict(form->aggtransfn) && form->aggkind == AGGKIND_NORMAL;
	out->changes = func_volatile(form->aggtransfn) == PROVOLATILE_VOLATILE ||
	               (OidIsValid(form->aggfinalfn) && func_volatile(form->aggfinalfn) == PROVOLATILE_VOLATILE);
	out->reads = is_unsteady(form->aggtransfn) || (OidIsValid(form->aggfinalfn) && is_unsteady(form->aggfinalfn));
	ReleaseSysCache(tuple);
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

bool is_sum(Oid function)
{
	return function == F_SUM_INT2 || function == F_SUM_INT4 || function == F_SUM_INT8 || function == F_SUM_NUMERIC;
}

bool is_average(Oid function)
{
	return function == F_AVG_INT2 || function == F_AVG_INT4 || function == F_AVG_INT8 || function == F_AVG_NUMERIC;
}

// Sums and averages of floats.
constexpr Oid float_sums[] = {F_SUM_FLOAT4, F_SUM_FLOAT8, F_AVG_FLOAT4, F_AVG_FLOAT8};

// Statistics of floats, of one argument or of (y, x), over n = {n}, Sxx = {x}, Syy = {y}, Sxy = {p}, Σx = {sx}, Σy = {sy}: what
// float8_var_samp and its like in the server's float.c make of these.
struct Statistic {
	Oid function;
	const char *text;
};
constexpr Statistic statistics[] = {
    {F_VAR_POP_FLOAT4, "{x} / {n}"}, {F_VAR_POP_FLOAT8, "{x} / {n}"},
    {F_VAR_SAMP_FLOAT4, "{x} / {n-1}"}, {F_VAR_SAMP_FLOAT8, "{x} / {n-1}"}, {F_VARIANCE_FLOAT4, "{x} / {n-1}"}, {F_VARIANCE_FLOAT8, "{x} / {n-1}"},
    {F_STDDEV_POP_FLOAT4, "pg_catalog.sqrt({x} / {n})"}, {F_STDDEV_POP_FLOAT8, "pg_catalog.sqrt({x} / {n})"},
    {F_STDDEV_SAMP_FLOAT4, "pg_catalog.sqrt({x} / {n-1})"}, {F_STDDEV_SAMP_FLOAT8, "pg_catalog.sqrt({x} / {n-1})"},
    {F_STDDEV_FLOAT4, "pg_catalog.sqrt({x} / {n-1})"}, {F_STDDEV_FLOAT8, "pg_catalog.sqrt({x} / {n-1})"},
    {F_REGR_SXX, "{x}"}, {F_REGR_SYY, "{y}"}, {F_REGR_SXY, "{p}"}, {F_REGR_AVGX, "{sx} / {n}"}, {F_REGR_AVGY, "{sy} / {n}"},
    {F_COVAR_POP, "{p} / {n}"}, {F_COVAR_SAMP, "{p} / {n-1}"}, {F_CORR, "{p} / pg_catalog.sqrt(NULLIF({x}, 0) * NULLIF({y}, 0))"},
    {F_REGR_R2, "CASE WHEN {x} = 0 THEN NULL WHEN {y} = 0 THEN 1 ELSE {p} * {p} / ({x} * {y}) END"}, {F_REGR_SLOPE, "{p} / NULLIF({x}, 0)"},
    {F_REGR_INTERCEPT, "({sy} - {sx} * {p} / NULLIF({x}, 0)) / {n}"},
};

const Statistic *statistic_of(Oid function)
{
	auto found = std::find_if(std::begin(statistics), std::end(statistics), [&](const Statistic &s) { return s.function == function; });
	return found == std::end(statistics) ? nullptr : found;
}

const Spread *spread_of(Oid function)
{
	auto found = std::find_if(std::begin(spreads), std::end(spreads), [&](const Spread &s) { return s.function == function; });
	return found == std::end(spreads) ? nullptr : found;
}

// Over no rows it is NULL, or of count 0: not so the rank among none, regr_count, or what a user's aggregate begins with.
bool is_known_over_nothing(const Aggref *aggref)
{
	return aggref->aggkind != AGGKIND_HYPOTHETICAL && aggref->aggfnoid < FirstNormalObjectId && aggref->aggfnoid != F_REGR_COUNT;
}

// Those of the server's own that see NULLs and leave them out themselves.
bool passes_over_nulls(Oid function)
{
	return function == F_COUNT_ANY || is_sum(function) || is_average(function) || spread_of(function) != nullptr || among(function, float_sums) || is_quantile(function) || function == F_MODE;
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
		if (pg::is_pseudo(key.type.type))
			no_law("GROUP BY of type " + pg::type_name(key.type.type), location, "Group by its columns.");
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
			if (query_->groupingSets == NIL && pg::call(is_row, expression))
				add_fields(expression);
			else if (list_member_int(set_, clause->tleSortGroupRef))
				add_key(expression);
			else
				add_null(expression);
		}
	}

	void add_fields(Node *row)
	{
		ListCell *cell;
		foreach (cell, pg::call(fields_of, row))
			add_key(static_cast<Node *>(lfirst(cell)));
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
		if (aggregate_in(tree) != nullptr)
			add_aggregate(tree);
		else if (IsA(tree, GroupingFunc))
			add_grouping(reinterpret_cast<GroupingFunc *>(tree));
		else if (IsA(tree, Query))
			collect_columns(reinterpret_cast<::Query *>(tree));
		else if (IsA(tree, Var))
			add_key(tree);
		else {
			std::vector<Node *> children;
			pg::call(list_children, tree, &children);
			for (Node *child : children)
				collect(child);
		}
	}

	void collect_columns(::Query *subquery)
	{
		ListCell *cell;
		foreach (cell, pg::call(outer_references, subquery, static_cast<List *>(NIL))) {
			auto *column = lfirst_node(Var, cell);
			auto same = [&](const Scope::Computed &known) {
				auto *other = reinterpret_cast<Var *>(known.expression);
				return IsA(other, Var) && other->varno == column->varno && other->varattno == column->varattno;
			};
			if (std::none_of(computed_.begin(), computed_.end(), same))
				add_key(reinterpret_cast<Node *>(column));
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

	void add_aggregate(Node *expression)
	{
		Aggref *aggref = aggregate_in(expression);
		if (aggref->agglevelsup > 0)
			no_law("an aggregate of an outer query", aggref->location);
		Call call{};
		pg::call(print_call, expression, &call);
		Nature nature{};
		pg::call(look_up, aggref->aggfnoid, &nature);
		if (nature.changes)
			no_law("a volatile aggregate", aggref->location, "Its result can differ at each evaluation, so a change cannot be undone.");
		if (nature.reads)
			no_law("an aggregate of a STABLE function", aggref->location, "It may read tables, whose changes would not be seen.");
		Aggregate a;
		a.distinct = aggref->aggdistinct != NIL;
		bool counts_rows = aggref->aggstar || (aggref->aggfnoid == F_COUNT_ANY && !a.distinct && (call.present > 0 || is_present(argument(aggref))));
		if (counts_rows)
			call.count = 0;
		for (int i = 0; i < call.count; i++) {
			a.arguments.push_back(make_expression(call.arguments[i], input_.scope));
			const Expression &e = a.arguments.back();
			if (e.uses_time())
				no_law("now() in an aggregate", aggref->location);
			if (pg::is_pseudo(e.type.type))
				no_law("an aggregate over type " + pg::type_name(e.type.type), aggref->location, "Give the row a type: cast it to a composite type.");
		}
		a.call = counts_rows ? "count(*)" : with_holes(call.text, [&](int number) { return number < first_direct ? hole(number - 1) : direct(call, number - first_direct); });
		a.uses_keys = call.directs > 0;
		a.checked = nature.strict || passes_over_nulls(aggref->aggfnoid) ? call.shown - call.present : 0;
		if (a.checked > 0 && call.rows > 0 && call.shown > 1)
			no_law("a row beside another argument of an aggregate that passes over NULLs", aggref->location);
		if (aggref->aggfilter != nullptr) {
			a.filter = make_expression(reinterpret_cast<Node *>(aggref->aggfilter), input_.scope);
			if (a.filter->uses_time())
				no_law("now() in FILTER", aggref->location, "Put the condition in WHERE of a derived table.");
		}
		a.ignores_padding = is_known_over_nothing(aggref) &&
		                    ((a.checked > 0 && pg::call(is_null_over_nulls, call.arguments[0])) ||
		                     (aggref->aggfilter != nullptr && pg::call(is_untrue_over_nulls, reinterpret_cast<Node *>(aggref->aggfilter))));
		const auto *node = static_cast<const Node *>(expression);
		a.type = {"", pg::call(exprType, node), pg::call(exprTypmod, node), pg::call(exprCollation, node), false};
		a.title = title(a);
		choose_law(expression, std::move(a), counts_rows);
	}

	static Node *argument(Aggref *aggref)
	{
		return reinterpret_cast<Node *>(linitial_node(TargetEntry, aggref->args)->expr);
	}

	// A direct argument, an expression of the keys, with their holes from first_key on.
	std::string direct(const Call &call, int i)
	{
		collect(call.direct[i]);
		Scope keys;
		for (const auto &known : computed_)
			if (!known.text.empty())
				keys.computed.push_back(known);
		keys.input = &node_->columns;
		Expression e = make_expression(call.direct[i], keys);
		if (e.uses_time())
			no_law("now() in an aggregate", pg::call(exprLocation, static_cast<const Node *>(call.direct[i])));
		return "(" + render(e.text, [](int column) { return hole(Aggregate::first_key + column); }) + ")";
	}

	std::string readable(const Expression &expr) const
	{
		return render(expr.text, [this](int column) { return columns_[column].name; });
	}

	std::string title(const Aggregate &a) const
	{
		std::string call = render(a.call, [&](int hole) {
			return readable(hole < Aggregate::first_key ? a.arguments[hole] : node_->keys[hole - Aggregate::first_key]);
		});
		return a.filter ? call + " FILTER (WHERE " + readable(*a.filter) + ")" : call;
	}

	void choose_law(Node *expression, Aggregate a, bool counts_rows)
	{
		Oid function = aggregate_in(expression)->aggfnoid;
		Column type = a.type;
		const Spread *spread = spread_of(function);
		if (counts_rows || function == F_COUNT_ANY || function == F_REGR_COUNT) {
			type.not_null = a.type.not_null = true;
			a.law = counts_rows  ? (a.filter ? Law::count : Law::count_rows)
			        : a.distinct ? Law::count_distinct
			                     : Law::count;
			if (function == F_REGR_COUNT && (a.distinct || a.arguments.size() < 2))
				a.law = Law::recompute;
			int index = keep(std::move(a));
			pending_.push_back({expression, [=](int first) { return hole(first + index); }, type});
		} else if (!a.distinct && a.arguments.size() == 1 && (is_sum(function) || is_average(function))) {
			keep_sum(expression, std::move(a), is_average(function));
		} else if (!a.distinct && a.arguments.size() == 1 && among(function, float_sums) && aggregate_in(expression)->aggorder == NIL) {
			keep_exact_sum(expression, std::move(a), function == F_AVG_FLOAT4 || function == F_AVG_FLOAT8);
		} else if (const Statistic *statistic = statistic_of(function); statistic != nullptr && !a.distinct && a.checked == int(a.arguments.size()) &&
		           int(a.arguments.size()) == list_length(aggregate_in(expression)->args) && aggregate_in(expression)->aggorder == NIL) {
			keep_statistic(expression, std::move(a), statistic->text);
		} else if (!a.distinct && a.arguments.size() == 1 && spread != nullptr) {
			keep_spread(expression, std::move(a), *spread);
		} else if (a.arguments.size() == 1 && (function == F_BOOL_AND || function == F_BOOL_OR || function == F_EVERY)) {
			keep_truth(expression, std::move(a), function != F_BOOL_OR);
		} else {
			keep_recomputed(expression, std::move(a));
		}
		computed_.push_back({expression, "", type});   // text set by place_columns()
	}

	int keep_count(Aggregate a, const std::string &argument)
	{
		a.law = Law::count;
		a.call = "count";
		a.distinct = false;
		a.arguments[0].text = argument;
		a.arguments[0].plain = -1;
		a.type = {"", INT8OID, -1, InvalidOid, true};
		a.title = "count of " + a.title;
		return keep(std::move(a));
	}

	// All are true while none is false; a NULL is neither.
	void keep_truth(Node *expression, Aggregate a, bool all)
	{
		std::string value = a.arguments[0].text;
		Column type = a.type;
		int known = keep_count(a, value);
		a.title += all ? " where false" : " where true";
		int found = keep_count(std::move(a), "NULLIF(" + value + (all ? ", true)" : ", false)"));
		pending_.push_back({expression,
		                    [=](int first) {
			                    return "(CASE WHEN " + hole(first + known) + " = 0 THEN NULL::boolean ELSE " + hole(first + found) + (all ? " = 0" : " > 0") + " END)";
		                    },
		                    type});
	}

	// The largest scale of the numbers now.
	int keep_scale(Aggregate a)
	{
		a.law = Law::recompute;
		a.call = "pg_catalog.max(" + hole(0) + ")";
		a.arguments[0].text = "pg_catalog.scale(" + a.arguments[0].text + ")";
		a.arguments[0].plain = -1;
		a.arguments[0].type = {"", INT4OID, -1, InvalidOid, false};
		a.type = {"", INT4OID, -1, InvalidOid, false};
		a.ignores_copies = a.wants_order = a.greatest = true;
		a.title = "max(scale(…))";
		return keep(std::move(a));
	}

	// By the server's formula: (n Σx² - (Σx)²) / (n (n - 1)), with the scales it has there.
	void keep_spread(Node *expression, Aggregate a, const Spread &spread)
	{
		Column type = a.type, number{"", NUMERICOID, -1, InvalidOid, false};
		std::string value = a.arguments[0].text;
		bool numeric = a.arguments[0].type.type == NUMERICOID;
		int count = keep_count(a, value), scale = numeric && scale_of(a.arguments[0].type) < 0 ? keep_scale(a) : -1;
		a.law = Law::sum;
		a.call = "sum";
		a.type = number;
		Aggregate squares = a;
		squares.arguments[0].text = numeric ? "(" + value + " * " + value + ")" : "((" + value + ")::numeric * (" + value + ")::numeric)";
		squares.arguments[0].plain = -1;
		squares.arguments[0].type = number;
		squares.finite = !numeric;
		a.title = "sum of " + a.title;
		squares.title = "squares of " + squares.title;
		int sum = keep(std::move(a)), square = keep(std::move(squares));
		pending_.push_back({expression,
		                    [=](int first) {
			                    std::string n = hole(first + count) + "::numeric", x = hole(first + sum), xx = hole(first + square);
			                    if (scale >= 0) {
				                    x = "pg_catalog.round(" + x + ", COALESCE(" + hole(first + scale) + ", 0))";
				                    xx = "pg_catalog.round(" + xx + ", 2 * COALESCE(" + hole(first + scale) + ", 0))";
			                    }
			                    std::string over = "(" + n + " * " + xx + " - " + x + " * " + x + ")";
			                    std::string variance = "(CASE WHEN " + hole(first + count) + (spread.sample ? " <= 1" : " = 0") + " THEN NULL WHEN " + over +
			                                           " <= 0 THEN 0 ELSE " + over + " / (" + n + " * " + (spread.sample ? "(" + n + " - 1)" : n) + ") END)";
			                    return spread.root ? root(variance) : variance;
		                    },
		                    type});
	}

	// sqrt() has more digits than the server's standard deviation, which is rounded once.
	static std::string root(const std::string &variance)
	{
		return "(SELECT CASE WHEN r.s IS NULL OR r.v = 0 THEN r.v WHEN (r.r - r.half) * (r.r - r.half) > r.v THEN r.r - 2 * r.half ELSE r.r END::numeric "
		       "FROM (SELECT q.v, q.s, pg_catalog.round(pg_catalog.sqrt(q.v), q.s) AS r, pg_catalog.round(('5e-' || (q.s + 1))::numeric, q.s + 1) AS half "
		       "FROM (SELECT p.v, pg_catalog.scale(p.v) AS s FROM (SELECT " + variance + " AS v) p) q) r)";
	}

	// The stored sum is exact but remembers the largest scale it ever saw;
	// where neither the type nor the expression fixes the scale, the values' largest scale now
	// (itself a max() aggregate) is what the server's sum() shows.
	void keep_sum(Node *expression, Aggregate a, bool average)
	{
		Column type = a.type;
		Aggregate count = a;
		int largest = -1, counted = -1;
		bool free_scale = a.arguments[0].type.type == NUMERICOID && scale_of(a.arguments[0].type) < 0;
		a.law = Law::sum;
		if (average) {
			a.type.type = NUMERICOID;
			a.title = "sum of " + a.title;
		}
		a.call = "sum";
		if (free_scale)
			largest = keep_scale(count);
		int sum = keep(std::move(a));
		if (average) {
			std::string value = count.arguments[0].text;
			counted = keep_count(std::move(count), value);
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

	// The server rounds after each number, so that its sum of floats depends on their order; this one is exact, and rounded once.
	void keep_exact_sum(Node *expression, Aggregate a, bool average)
	{
		Column type = a.type;
		int counted = -1;
		if (average) {
			counted = keep_count(a, a.arguments[0].text);
			a.title = "sum of " + a.title;
		}
		a.law = Law::exact_sum;
		a.call = "sum";
		a.type.type = FLOAT8OID;
		int sum = keep(std::move(a));
		std::string cast = type.type == FLOAT8OID ? "" : "::" + pg::type_name(type.type);
		pending_.push_back({expression,
		                    [=](int first) { return counted < 0 ? "(" + hole(first + sum) + ")" + cast : "(" + hole(first + sum) + " / NULLIF(" + hole(first + counted) + ", 0)::float8)"; },
		                    type});
	}

	// The sum of the first of these arguments, or of the products of the first two, over rows that have all.
	int keep_exact(const Aggregate &whole, Aggregate::Exact kind, const std::vector<int> &arguments)
	{
		Aggregate a = whole;
		a.law = Law::exact_sum;
		a.exact = kind;
		a.arguments.clear();
		for (int i : arguments)
			a.arguments.push_back(whole.arguments[i]);
		a.checked = a.arguments.size();
		a.call = kind == Aggregate::Exact::products ? "exact products" : "exact sum";
		a.title = a.call + " of " + whole.title;
		a.type = {"", BYTEAOID, -1, InvalidOid, true};
		return keep(std::move(a));
	}

	void keep_statistic(Node *expression, Aggregate a, const std::string &text)
	{
		const int y = 0, x = a.arguments.size() - 1;
		Column type = a.type;
		auto with_all = [&](std::vector<int> first) {
			if (x != y && std::find(first.begin(), first.end(), x) == first.end())
				first.push_back(x);
			if (x != y && std::find(first.begin(), first.end(), y) == first.end())
				first.push_back(y);
			return first;
		};
		auto sum = [&](int i) { return keep_exact(a, Aggregate::Exact::sum, with_all({i})); };
		auto products = [&](const char *part, int i, int j) {
			return text.find(part) == std::string::npos ? -1 : keep_exact(a, Aggregate::Exact::products, with_all({i, j}));
		};
		const int sum_x = sum(x), sum_y = sum(y), xx = products("{x}", x, x), yy = products("{y}", y, y), xy = products("{p}", x, y),
		          count = keep_count(a, a.arguments[0].text);
		pending_.push_back({expression,
		                    [=](int first) {
			                    std::string n = hole(first + count), sx = hole(first + sum_x), sy = hole(first + sum_y);
			                    auto spread = [&](const std::string &a, const std::string &b, int products) {
				                    return "pgtrickle._exact_spread(" + n + ", " + a + ", " + b + ", " + hole(first + products) + ")";
			                    };
			                    const std::pair<const char *, std::string> parts[] = {
			                        {"{n}", "NULLIF(" + n + ", 0)::float8"}, {"{n-1}", "NULLIF(GREATEST(" + n + " - 1, 0), 0)::float8"},
			                        {"{x}", "pg_catalog.abs(" + spread(sx, sx, xx) + ")"}, {"{y}", "pg_catalog.abs(" + spread(sy, sy, yy) + ")"}, {"{p}", spread(sx, sy, xy)},
			                        {"{sx}", "pgtrickle._exact_value(" + sx + ")"}, {"{sy}", "pgtrickle._exact_value(" + sy + ")"}};
			                    std::string out = "(" + text + ")";
			                    for (const auto &[name, value] : parts)
				                    for (size_t at = 0; (at = out.find(name, at)) != std::string::npos; at += value.size())
					                    out.replace(at, std::strlen(name), value);
			                    return out;
		                    },
		                    type});
	}

	void keep_recomputed(Node *expression, Aggregate a)
	{
		const Aggref *aggref = aggregate_in(expression);
		Oid function = aggref->aggfnoid;
		if (function == F_ANY_VALUE && aggref->aggorder == NIL) {
			Oid least = pg::call(least_of, a.arguments[0].type.type);
			function = OidIsValid(least) ? least : function;
			a.call = (OidIsValid(least) ? "pg_catalog.min(" : "pgtrickle._any_value(") + hole(0) + ")";
			a.ours = true;
		}
		Oid order = pg::call(sort_operator, function);
		Column type = a.type;
		a.law = Law::recompute;
		if (a.arguments.size() == 1 && a.checked == 1 && aggref->aggorder == NIL && OidIsValid(order)) {
			a.ignores_copies = a.wants_order = true;
			a.greatest = pg::call(is_greater_than, order);
		} else {
			a.by_image = !among(function, of_floats);
			a.by_order = !a.ours && !among(function, of_floats) && !among(function, order_free) && aggref->aggkind == AGGKIND_NORMAL;
			a.any_order = a.by_order && aggref->aggorder == NIL && !a.distinct;
		}
		if (a.distinct || a.ours)
			a.ignores_copies = true;
		if (a.arguments.size() == 1 && a.checked == 1)
			answer_in_order(const_cast<Aggref *>(aggref), a);
		if (pg::is_pseudo(type.type))
			no_law("an aggregate of type " + pg::type_name(type.type), aggref->location);
		int index = keep(std::move(a));
		pending_.push_back({expression, [=](int first) { return hole(first + index); }, type});
	}

	// Quantiles and modes that are found in an order of the group's values.
	static void answer_in_order(Aggref *aggref, Aggregate &a)
	{
		bool mode = aggref->aggfnoid == F_MODE;
		int order = mode || is_quantile(aggref->aggfnoid) ? pg::call(order_of, aggref) : 0;
		if (order == 0)
			return;
		if (mode) {
			a.most_frequent = !pg::varies_when_equal(a.arguments[0].type.type);
			a.greatest = order < 0;
			return;
		}
		Quantile q{{}, among(aggref->aggfnoid, continuous), among(aggref->aggfnoid, of_many), order < 0};
		ListCell *cell;
		foreach (cell, pg::call(constant_fractions, aggref))
			q.fractions.push_back(strVal(lfirst(cell)));
		if (!q.fractions.empty() && q.fractions.size() <= most_fractions)
			a.quantile = std::move(q);
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
