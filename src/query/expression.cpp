#include "expression.h"

#include "pg/sql.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/fmgroids.h"
#include "utils/ruleutils.h"
}

#include <algorithm>

namespace query {

namespace {

// Parameters stand for holes while the server prints the expression: columns
// from 1, computed expressions from 10001, the last tick's time as 30000.
constexpr int first_computed = 10001;
constexpr int last_time = 30000;

struct Rewrite {
	const Scope *scope;
	bool at_last;       // now() becomes the last tick's time
	bool uses_time;
	const char *unsupported;
	int location;
};

Node *hole(int number, Node *like)
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

Node *time_of_last(Oid function, Oid type)
{
	Param *param = makeNode(Param);
	param->paramkind = PARAM_EXTERN;
	param->paramid = last_time;
	param->paramtype = TIMESTAMPTZOID;
	param->paramtypmod = -1;
	param->location = -1;
	if (function == InvalidOid)
		return reinterpret_cast<Node *>(param);
	return reinterpret_cast<Node *>(
	    makeFuncExpr(function, type, list_make1(param), InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL));
}

// now() and its relatives; nullptr for anything else.
Node *time_function(Node *node)
{
	if (IsA(node, FuncExpr)) {
		Oid function = reinterpret_cast<FuncExpr *>(node)->funcid;
		return function == F_NOW || function == F_TRANSACTION_TIMESTAMP ? time_of_last(InvalidOid, 0) : nullptr;
	}
	if (!IsA(node, SQLValueFunction))
		return nullptr;
	switch (reinterpret_cast<SQLValueFunction *>(node)->op) {
	case SVFOP_CURRENT_TIMESTAMP: return time_of_last(InvalidOid, 0);
	case SVFOP_CURRENT_DATE: return time_of_last(F_DATE_TIMESTAMPTZ, DATEOID);
	case SVFOP_LOCALTIMESTAMP: return time_of_last(F_TIMESTAMP_TIMESTAMPTZ, TIMESTAMPOID);
	case SVFOP_CURRENT_TIME: return time_of_last(F_TIMETZ_TIMESTAMPTZ, TIMETZOID);
	case SVFOP_LOCALTIME: return time_of_last(F_TIME_TIMESTAMPTZ, TIMEOID);
	default: return nullptr;
	}
}

const char *unsupported_part(Node *node)
{
	switch (nodeTag(node)) {
	case T_SubLink: return "a subquery in an expression";
	case T_WindowFunc: return "a window function";
	case T_GroupingFunc: return "GROUPING()";
	case T_Aggref: return "an aggregate in this place";
	case T_CurrentOfExpr: return "CURRENT OF";
	case T_Param: return "a parameter";
	default: break;
	}
	if (IsA(node, FuncExpr) && reinterpret_cast<FuncExpr *>(node)->funcretset)
		return "a set-returning function";
	if (IsA(node, FuncExpr) && reinterpret_cast<FuncExpr *>(node)->funcid == F_STATEMENT_TIMESTAMP)
		return "statement_timestamp()";
	if (IsA(node, SQLValueFunction)) {
		auto op = reinterpret_cast<SQLValueFunction *>(node)->op;
		if (op == SVFOP_CURRENT_TIMESTAMP_N || op == SVFOP_LOCALTIMESTAMP_N || op == SVFOP_CURRENT_TIME_N ||
		    op == SVFOP_LOCALTIME_N)
			return "a current time with a precision";
	}
	return nullptr;
}

Node *rewrite(Node *node, void *context)
{
	auto *state = static_cast<Rewrite *>(context);
	if (node == nullptr)
		return nullptr;
	const auto &computed = state->scope->computed;
	for (size_t i = 0; i < computed.size(); i++)
		if (equal(node, computed[i].expression))
			return hole(first_computed + i, node);
	if (IsA(node, Var)) {
		auto *var = reinterpret_cast<Var *>(node);
		auto found = state->scope->columns.find({var->varno, var->varattno});
		if (var->varlevelsup == 0 && found != state->scope->columns.end())
			return hole(found->second + 1, node);
		state->unsupported = var->varlevelsup > 0      ? "a reference to an outer query"
		                     : var->varattno == 0      ? "a whole-row reference"
		                     : var->varattno < 0       ? "a system column"
		                                               : "a reference to this column";
		state->location = var->location;
		return node;
	}
	if (Node *last = time_function(node)) {
		state->uses_time = true;
		return state->at_last ? last : node;
	}
	if (const char *what = unsupported_part(node)) {
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

bool is_volatile(Node *expression)
{
	return contain_volatile_functions(expression);
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

void no_law(const std::string &what, int location, const std::string &detail)
{
	pg::fail(ERRCODE_FEATURE_NOT_SUPPORTED, what + " has no differential law yet", detail,
	         "Use refresh_mode AUTO or FULL, which recompute the query and apply the difference.",
	         location < 0 ? 0 : location + 1);
}

Expression make_expression(Node *expression, const Scope &scope)
{
	Rewrite now{&scope, false, false, nullptr, -1};
	Node *plain = pg::call(rewritten, expression, &now);
	if (now.unsupported != nullptr)
		no_law(now.unsupported, now.location);
	if (pg::call(is_volatile, plain))
		no_law("a volatile function", pg::call(exprLocation, static_cast<const Node *>(expression)),
		       "Its result can differ at each evaluation, so a change cannot be undone.");

	Expression expr;
	auto text = [&](int number) { return hole_of(number, scope); };
	expr.text = with_holes(pg::call(print, plain), text);
	if (now.uses_time) {
		Rewrite last{&scope, true, false, nullptr, -1};
		expr.at_last = with_holes(pg::call(print, pg::call(rewritten, expression, &last)), text);
	}
	render(expr.text, [&](int column) { return expr.columns.insert(column), std::string(); });
	if (expr.text.size() > 2 && expr.columns.size() == 1 &&
	    expr.text == '\x01' + std::to_string(*expr.columns.begin()) + '\x02')
		expr.plain = *expr.columns.begin();
	const auto *node = static_cast<const Node *>(expression);
	expr.type = {"", pg::call(exprType, node), pg::call(exprTypmod, node), pg::call(exprCollation, node), false};
	expr.type.not_null = never_null(expression, expr, scope);
	return expr;
}

std::vector<std::pair<int, int>> columns_read(Node *tree)
{
	auto reads = std::make_unique<Reads>();
	reads->count = reads->depth = 0;
	pg::call(walk_tree, tree, reads.get());
	return {reads->found, reads->found + reads->count};
}

}  // namespace query
