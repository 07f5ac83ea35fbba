#include "expression.h"

#include "functions.h"
#include "pg/sql.hpp"
#include "time.h"

extern "C" {
#include "access/transam.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_relation.h"
#include "rewrite/rewriteManip.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/regproc.h"
#include "utils/ruleutils.h"
}

#include <algorithm>

namespace query {

namespace {

constexpr auto no_law_yet = " has no differential law yet", recompute = "Use refresh_mode AUTO or FULL, which recompute the query and apply the difference.";

// Parameters stand for holes while the server prints the expression: columns
// from 1, computed expressions from 10001, the last tick's time as 30000.
constexpr int first_computed = 10001;
constexpr int last_time = 30000;

struct Rewrite {
	const Scope *scope;
	bool at_last;       // now() becomes the last tick's time
	bool sets;          // set-returning functions are fine
	bool uses_time = false;
	const char *unsupported = nullptr;
	int location = -1;
	Index depth = 0;    // subqueries around the node
};

}  // namespace

Node *parameter_like(int number, Node *like)
{
	Param *param = makeNode(Param);
	param->paramkind = PARAM_EXTERN;
	param->paramid = number;
	param->paramtype = exprType(like);
	param->paramtypmod = exprTypmod(like);
	param->paramcollid = exprCollation(like);
	param->location = -1;
	return reinterpret_cast<Node *>(param);
}

namespace {

bool reads_a_table(Node *node, void *)
{
	if (node == nullptr)
		return false;
	if (IsA(node, RangeTblEntry)) {
		auto kind = reinterpret_cast<RangeTblEntry *>(node)->rtekind;
		return kind == RTE_RELATION || kind == RTE_CTE || kind == RTE_NAMEDTUPLESTORE;
	}
	if (IsA(node, Query))
		return query_tree_walker(reinterpret_cast<::Query *>(node), reads_a_table, nullptr, QTW_EXAMINE_RTES_BEFORE);
	return expression_tree_walker(node, reads_a_table, nullptr);
}

bool returns_set(Node *node)
{
	return (IsA(node, FuncExpr) && reinterpret_cast<FuncExpr *>(node)->funcretset) ||
	       (IsA(node, OpExpr) && reinterpret_cast<OpExpr *>(node)->opretset);
}

// Subqueries that read no table are expressions like others, with all that is in them.
const char *unsupported_part(Node *node, Index depth, bool sets)
{
	switch (nodeTag(node)) {
	case T_SubLink: return is_subquery(node) ? "a subquery in an expression" : nullptr;
	case T_WindowFunc: return depth > 0 ? nullptr : "a window function";
	case T_GroupingFunc: return depth > reinterpret_cast<GroupingFunc *>(node)->agglevelsup ? nullptr : "GROUPING()";
	case T_Aggref: return depth > reinterpret_cast<Aggref *>(node)->agglevelsup ? nullptr : "an aggregate in this place";
	case T_CurrentOfExpr: return "CURRENT OF";
	case T_Param: return reinterpret_cast<Param *>(node)->paramkind == PARAM_SUBLINK ? nullptr : "a parameter";
	default: break;
	}
	if (depth == 0 && !sets && returns_set(node))
		return "a set-returning function";
	return nullptr;
}

// A column that the scope has as computed, read from within a subquery.
bool is_column_above(Node *node, Node *computed, Index depth)
{
	auto *here = reinterpret_cast<Var *>(node), *above = reinterpret_cast<Var *>(computed);
	return IsA(node, Var) && IsA(computed, Var) && here->varlevelsup == depth && here->varno == above->varno && here->varattno == above->varattno;
}

Node *rewrite(Node *node, void *context)
{
	auto *state = static_cast<Rewrite *>(context);
	if (node == nullptr)
		return nullptr;
	const auto &computed = state->scope->computed;
	for (size_t i = 0; i < computed.size(); i++)
		if (state->depth == 0 ? equal(node, computed[i].expression) : is_column_above(node, computed[i].expression, state->depth))
			return parameter_like(first_computed + i, node);
	if (IsA(node, Query)) {
		state->depth++;
		auto *query = query_tree_mutator(reinterpret_cast<::Query *>(node), rewrite, context, 0);
		state->depth--;
		return reinterpret_cast<Node *>(query);
	}
	if (IsA(node, Var)) {
		auto *var = reinterpret_cast<Var *>(node);
		if (var->varlevelsup < state->depth)
			return node;
		auto found = state->scope->columns.find({var->varno, var->varattno});
		if (var->varlevelsup == state->depth && found != state->scope->columns.end())
			return parameter_like(found->second + 1, node);
		state->unsupported = var->varlevelsup > state->depth ? "a reference to an outer query"
		                     : var->varattno == 0      ? "a whole-row reference"
		                                               : "a reference to this column";
		state->location = var->location;
		return node;
	}
	if (IsA(node, Param) && reinterpret_cast<Param *>(node)->paramkind == PARAM_EXTERN && reinterpret_cast<Param *>(node)->paramid == last_time)
		return node;
	if (Node *last = time_of_last(node, last_time)) {
		state->uses_time = true;
		return expression_tree_mutator(state->at_last ? last : node, rewrite, context);
	}
	if (const char *what = unsupported_part(node, state->depth, state->sets)) {
		state->unsupported = what;
		state->location = exprLocation(node);
		return node;
	}
	return expression_tree_mutator(node, rewrite, context);
}

char *print(Node *expression)
{
	return deparse_expression(expression, NIL, false, false);
}

std::string hole_of(int number, const Scope &scope)
{
	if (number == last_time)
		return "$1";
	if (number >= first_computed)
		return scope.computed[number - first_computed].text;
	return '\x01' + std::to_string(number - 1) + '\x02';
}

struct Reads {
	std::pair<int, int> found[1664];
	int count, depth;
};

bool collect(Node *node, void *context)
{
	auto *reads = static_cast<Reads *>(context);
	if (node == nullptr)
		return false;
	if (IsA(node, Var)) {
		auto *var = reinterpret_cast<Var *>(node);
		std::pair<int, int> read{var->varno, var->varattno};
		if (int(var->varlevelsup) == reads->depth && reads->count < 1664 &&
		    std::find(reads->found, reads->found + reads->count, read) == reads->found + reads->count)
			reads->found[reads->count++] = read;
		return false;
	}
	if (IsA(node, Query)) {
		reads->depth++;
		(void)query_tree_walker(reinterpret_cast<::Query *>(node), collect, context, QTW_IGNORE_JOINALIASES);
		reads->depth--;
		return false;
	}
	return expression_tree_walker(node, collect, context);
}

bool walk_tree(Node *tree, Reads *reads)
{
	return collect(tree, reads);
}

bool never_null(Node *node, const Expression &expr, const Scope &scope)
{
	if (expr.plain >= 0)
		return (*scope.input)[expr.plain].not_null;
	for (const auto &known : scope.computed)
		if (::equal(node, known.expression))
			return known.type.not_null;
	return IsA(node, Const) && !reinterpret_cast<Const *>(node)->constisnull;
}

Node *rewritten(Node *expression, Rewrite *state)
{
	return rewrite(static_cast<Node *>(copyObjectImpl(expression)), state);
}

bool find_wall_clock(Node *node, void *context)
{
	if (node == nullptr)
		return false;
	if (IsA(node, FuncExpr)) {
		Oid function = reinterpret_cast<FuncExpr *>(node)->funcid;
		if (function == F_STATEMENT_TIMESTAMP || function == F_CLOCK_TIMESTAMP || function == F_TIMEOFDAY) {
			*static_cast<Node **>(context) = node;
			return true;
		}
	}
	if (IsA(node, Query))
		return query_tree_walker(reinterpret_cast<::Query *>(node), find_wall_clock, context, 0);
	return expression_tree_walker(node, find_wall_clock, context);
}

int scale_of_type(int32 typmod)
{
	return Max((((typmod - VARHDRSZ) & 0x7ff) ^ 1024) - 1024, 0);
}

int scale_of_constant(const Const *constant)
{
	Numeric value = constant->constisnull ? nullptr : DatumGetNumeric(constant->constvalue);
	if (value == nullptr || numeric_is_nan(value) || numeric_is_inf(value))
		return -1;
	return DatumGetInt32(DirectFunctionCall1(numeric_scale, NumericGetDatum(value)));
}

int scale_of_node(const Node *node, const Scope &scope);

// Of an operator, from those of its arguments; sums and differences take the larger, products both.
int scale_of_operator(const OpExpr *expression, const Scope &scope)
{
	const Oid function = get_opcode(expression->opno);
	const int left = scale_of_node(static_cast<Node *>(linitial(expression->args)), scope);
	if (function == F_NUMERIC_UMINUS)
		return left;
	if (list_length(expression->args) != 2 || left < 0)
		return -1;
	const int right = scale_of_node(static_cast<Node *>(lsecond(expression->args)), scope);
	if (right < 0)
		return -1;
	if (function == F_NUMERIC_ADD || function == F_NUMERIC_SUB)
		return Max(left, right);
	return function == F_NUMERIC_MUL && left + right <= NUMERIC_MAX_PRECISION ? left + right : -1;
}

// Of a rewritten numeric expression, whose columns are parameters; -1: values may have several.
int scale_of_node(const Node *node, const Scope &scope)
{
	if (exprType(node) != NUMERICOID)
		return -1;
	if (exprTypmod(node) >= VARHDRSZ)
		return scale_of_type(exprTypmod(node));
	switch (nodeTag(node)) {
	case T_Const: return scale_of_constant(reinterpret_cast<const Const *>(node));
	case T_OpExpr: return scale_of_operator(reinterpret_cast<const OpExpr *>(node), scope);
	case T_FuncExpr: {
		Oid function = reinterpret_cast<const FuncExpr *>(node)->funcid;
		return function == F_NUMERIC_INT2 || function == F_NUMERIC_INT4 || function == F_NUMERIC_INT8 ? 0 : -1;
	}
	case T_Param: {
		int number = reinterpret_cast<const Param *>(node)->paramid;
		if (number == last_time)
			return -1;
		if (number >= first_computed)
			return scale_of(scope.computed[number - first_computed].type);
		return scope.input == nullptr ? -1 : scale_of((*scope.input)[number - 1]);
	}
	default: return -1;
	}
}

int scale_of_rewritten(const Node *expression, const Scope *scope)
{
	return scale_of_node(expression, *scope);
}

Node *wall_clock(Node *expression)
{
	Node *found = nullptr;
	find_wall_clock(expression, &found);
	return found;
}

bool is_volatile(Node *expression)
{
	return contain_volatile_functions(expression);
}

struct Output {
	int attributes[1664];
	Oid types[1664], collations[1664];
	int32 typmods[1664];
	char *names[1664];
	int count;
	Node *select;
};

// The columns of the entry, and SELECT all of them FROM it, as a subquery of this level.
void select_from(RangeTblEntry *entry, Output *out)
{
	auto *query = makeNode(Query);
	query->commandType = CMD_SELECT;
	auto *copy = static_cast<RangeTblEntry *>(copyObjectImpl(entry));
	query->rtable = list_make1(copy);
	IncrementVarSublevelsUp_rtable(query->rtable, 1, 0);
	auto *reference = makeNode(RangeTblRef);
	reference->rtindex = 1;
	query->jointree = makeFromExpr(list_make1(reference), nullptr);
	out->count = 0;
	List *names, *columns;
	ListCell *name, *column;
	expandRTE(entry, 1, 0, VAR_RETURNING_DEFAULT, -1, false, &names, &columns);
	forboth (name, names, column, columns) {
		auto *var = lfirst_node(Var, column);
		int n = out->count++;
		out->attributes[n] = var->varattno;
		out->types[n] = var->vartype;
		out->typmods[n] = var->vartypmod;
		out->collations[n] = var->varcollid;
		out->names[n] = strVal(lfirst(name));
		query->targetList = lappend(query->targetList, makeTargetEntry(reinterpret_cast<Expr *>(var), n + 1, psprintf("c%d", n + 1), false));
	}
	auto *sublink = makeNode(SubLink);
	sublink->subLinkType = EXPR_SUBLINK;
	sublink->subselect = reinterpret_cast<Node *>(query);
	sublink->location = -1;
	out->select = reinterpret_cast<Node *>(sublink);
}

bool entry_reads_a_table(RangeTblEntry *entry)
{
	return range_table_entry_walker(entry, reads_a_table, nullptr, QTW_EXAMINE_RTES_BEFORE);
}

}  // namespace

bool is_subquery(Node *node)
{
	return IsA(node, SubLink) && reads_a_table(reinterpret_cast<SubLink *>(node)->subselect, nullptr);
}

namespace {

[[noreturn]] void refuse_unsteady(const Unsteady &call, int location)
{
	std::string name = pg::call(format_procedure_qualified, call.function);
	if (call.own)
		pg::fail(ERRCODE_FEATURE_NOT_SUPPORTED, "STABLE function " + name + " has no differential law", "It may read tables, whose changes would not be seen.",
		         "Mark it IMMUTABLE if its result depends on its arguments alone, or write what it reads into the query; refresh_mode AUTO or FULL recomputes the query.",
		         location + 1);
	pg::fail(ERRCODE_FEATURE_NOT_SUPPORTED, "function " + name + " has no differential law", "It tells of the server's catalogs or state, whose changes are not captured.",
	         "Use refresh_mode AUTO or FULL, which recompute the query and apply the difference.", location + 1);
}

// The text of an expression with holes, at both times.
Expression printed(Node *expression, const Scope &scope, bool sets, bool moments = true)
{
	Rewrite now{&scope, false, sets};
	Node *plain = pg::call(rewritten, expression, &now);
	if (now.unsupported != nullptr)
		no_law(now.unsupported, now.location);
	if (Node *clock = pg::call(wall_clock, expression))
		pg::fail(ERRCODE_FEATURE_NOT_SUPPORTED, "statement_timestamp(), clock_timestamp() and timeofday() have no differential law",
		         "They tell another time at each evaluation.", "Use now(), which is the time of the tick.", pg::call(exprLocation, static_cast<const Node *>(clock)) + 1);
	if (Unsteady call = pg::call(unsteady_call, plain); call.function != InvalidOid)
		refuse_unsteady(call, pg::call(unsteady_call, expression).location);
	if (pg::call(is_volatile, plain))
		no_law("a volatile function", pg::call(exprLocation, static_cast<const Node *>(expression)),
		       "Its result can differ at each evaluation, so a change cannot be undone.");
	Expression expr;
	auto text = [&](int number) { return hole_of(number, scope); };
	expr.text = with_holes(pg::call(print, plain), text);
	if (now.uses_time) {
		Rewrite last{&scope, true, sets};
		expr.at_last = with_holes(pg::call(print, pg::call(rewritten, expression, &last)), text);
		if (moments)
			expr.moments = moments_in(expression, scope);
	}
	render(expr.text, [&](int column) { return expr.columns.insert(column), std::string(); });
	expr.type.scale = pg::call(scale_of_rewritten, static_cast<const Node *>(plain), &scope);
	return expr;
}

Expression make(Node *expression, const Scope &scope, bool sets)
{
	Expression expr = printed(expression, scope, sets);
	if (expr.text.size() > 2 && expr.columns.size() == 1 &&
	    expr.text == '\x01' + std::to_string(*expr.columns.begin()) + '\x02')
		expr.plain = *expr.columns.begin();
	const auto *node = static_cast<const Node *>(expression);
	expr.type = {"", pg::call(exprType, node), pg::call(exprTypmod, node), pg::call(exprCollation, node), false, expr.type.scale};
	expr.type.not_null = never_null(expression, expr, scope);
	return expr;
}

}  // namespace

std::string with_holes(const char *printed, const std::function<std::string(int)> &text)
{
	std::string out;
	for (const char *p = printed; *p != '\0'; p++) {
		if (*p == '\'' || *p == '"') {
			const char quote = *p;
			out += *p++;
			while (*p != '\0' && *p != quote)
				out += *p++;
			out += quote;
		} else if (*p == '$' && isdigit(static_cast<unsigned char>(p[1]))) {
			int number = std::stoi(p + 1);
			while (isdigit(static_cast<unsigned char>(p[1])))
				p++;
			out += text(number);
		} else
			out += *p;
	}
	return out;
}

int scale_of(const Column &column)
{
	return column.type == NUMERICOID && column.typmod >= VARHDRSZ ? scale_of_type(column.typmod) : column.scale;
}

void no_law(const std::string &what, int location, const std::string &detail)
{
	pg::fail(ERRCODE_FEATURE_NOT_SUPPORTED, what + no_law_yet, detail, recompute, location < 0 ? 0 : location + 1);
}

void no_law_for(Oid relation, const std::string &what, const std::string &detail)
{
	pg::fail_at(relation, ERRCODE_FEATURE_NOT_SUPPORTED, what + no_law_yet, detail, recompute);
}

Expression make_expression(Node *expression, const Scope &scope)
{
	return make(expression, scope, false);
}

Expression make_set(Node *expression, const Scope &scope)
{
	return make(expression, scope, true);
}

Expression make_moment(Node *expression)
{
	Expression expr = printed(expression, {}, false, false);
	expr.type.type = pg::call(exprType, static_cast<const Node *>(expression));
	return expr;
}

bool reads_no_table(RangeTblEntry *entry)
{
	bool computed = entry->rtekind == RTE_FUNCTION || entry->rtekind == RTE_TABLEFUNC || entry->rtekind == RTE_VALUES ||
	                (entry->rtekind == RTE_SUBQUERY && entry->subquery->commandType == CMD_SELECT);
	return computed && !pg::call(entry_reads_a_table, entry);
}

Expression make_relation(RangeTblEntry *entry, const Scope &scope, std::vector<Column> &columns)
{
	auto out = std::make_unique<Output>();
	pg::call(select_from, entry, out.get());
	for (int i = 0; i < out->count; i++)
		columns.push_back({out->names[i], out->types[i], out->typmods[i], out->collations[i], false});
	return printed(out->select, scope, true);
}

std::vector<int> attributes_of(RangeTblEntry *entry)
{
	auto out = std::make_unique<Output>();
	pg::call(select_from, entry, out.get());
	return {out->attributes, out->attributes + out->count};
}

std::vector<std::pair<int, int>> columns_read(Node *tree)
{
	auto reads = std::make_unique<Reads>();
	reads->count = reads->depth = 0;
	pg::call(walk_tree, tree, reads.get());
	return {reads->found, reads->found + reads->count};
}

}  // namespace query
