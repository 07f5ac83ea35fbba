#include "time.h"

#include "pg/sql.hpp"

extern "C" {
#include "access/transam.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
}

#include <algorithm>
#include <cmath>

namespace query {

namespace {

using Pace = Moment::Pace;

Node *call(Oid function, Oid type, List *arguments)
{
	return reinterpret_cast<Node *>(makeFuncExpr(function, type, arguments, InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL));
}

Node *last_time(int parameter)
{
	Param *param = makeNode(Param);
	param->paramkind = PARAM_EXTERN;
	param->paramid = parameter;
	param->paramtype = TIMESTAMPTZOID;
	param->paramtypmod = -1;
	param->location = -1;
	return reinterpret_cast<Node *>(param);
}

Node *with_precision(Node *node, Oid function, Oid type, int32 precision)
{
	if (precision < 0)
		return node;
	Const *digits = makeConst(INT4OID, -1, InvalidOid, sizeof(int32), Int32GetDatum(precision), false, true);
	return call(function, type, list_make2(node, digits));
}

Node *value_of_last(SQLValueFunction *value, int parameter)
{
	Node *last = last_time(parameter);
	switch (value->op) {
	case SVFOP_CURRENT_TIMESTAMP:
	case SVFOP_CURRENT_TIMESTAMP_N:
		return with_precision(last, F_TIMESTAMPTZ_TIMESTAMPTZ_INT4, TIMESTAMPTZOID, value->typmod);
	case SVFOP_CURRENT_DATE:
		return call(F_DATE_TIMESTAMPTZ, DATEOID, list_make1(last));
	case SVFOP_LOCALTIMESTAMP:
	case SVFOP_LOCALTIMESTAMP_N:
		return with_precision(call(F_TIMESTAMP_TIMESTAMPTZ, TIMESTAMPOID, list_make1(last)), F_TIMESTAMP_TIMESTAMP_INT4, TIMESTAMPOID, value->typmod);
	case SVFOP_CURRENT_TIME:
	case SVFOP_CURRENT_TIME_N:
		return with_precision(call(F_TIMETZ_TIMESTAMPTZ, TIMETZOID, list_make1(last)), F_TIMETZ_TIMETZ_INT4, TIMETZOID, value->typmod);
	case SVFOP_LOCALTIME:
	case SVFOP_LOCALTIME_N:
		return with_precision(call(F_TIME_TIMESTAMPTZ, TIMEOID, list_make1(last)), F_TIME_TIME_INT4, TIMEOID, value->typmod);
	default:
		return nullptr;
	}
}

struct Search {
	const Scope *scope;
	bool time, columns;
};

// Does the tree use time, and columns?  What the input has computed is a column.
bool look(Node *node, void *context)
{
	auto *search = static_cast<Search *>(context);
	if (node == nullptr)
		return false;
	for (const auto &computed : search->scope->computed)
		if (equal(node, computed.expression)) {
			search->columns = true;
			return false;
		}
	if (IsA(node, Var) || IsA(node, Aggref) || IsA(node, Query))
		search->columns = true;
	search->time = search->time || time_of_last(node, 1) != nullptr;
	if (IsA(node, Query))
		return query_tree_walker(reinterpret_cast<::Query *>(node), look, context, 0);
	return expression_tree_walker(node, look, context);
}

Search looked_at(Node *node, const Scope *scope)
{
	Search search{scope, false, false};
	look(node, &search);
	return search;
}

bool is_order(Oid opno)
{
	return opno < FirstNormalObjectId && get_op_index_interpretation(opno) != NIL;
}

// Never NULL: built-in functions of moments and constants are not.
bool is_plain(Node *node, void *)
{
	if (node == nullptr)
		return true;
	if (IsA(node, Const))
		return !reinterpret_cast<Const *>(node)->constisnull;
	bool known = IsA(node, SQLValueFunction) || IsA(node, RelabelType) ||
	             (IsA(node, FuncExpr) && reinterpret_cast<FuncExpr *>(node)->funcid < FirstNormalObjectId) ||
	             (IsA(node, OpExpr) && reinterpret_cast<OpExpr *>(node)->opno < FirstNormalObjectId);
	bool all = known;
	auto visit = [](Node *child, void *context) {
		auto *all = static_cast<bool *>(context);
		*all = *all && is_plain(child, nullptr);
		return false;
	};
	if (known)
		(void)expression_tree_walker(node, +visit, &all);
	return all;
}

bool is_interval(Node *node, bool of_one_length, Oid moment)
{
	if (!IsA(node, Const) || reinterpret_cast<Const *>(node)->consttype != INTERVALOID || reinterpret_cast<Const *>(node)->constisnull)
		return false;
	Interval *interval = DatumGetIntervalP(reinterpret_cast<Const *>(node)->constvalue);
	return interval->month == 0 && (!of_one_length || interval->day == 0 || moment == TIMESTAMPOID) && !INTERVAL_NOT_FINITE(interval);
}

bool is_any_interval(Node *node)
{
	constexpr int most_months = 1000000;     // microseconds of them fit
	if (!IsA(node, Const) || reinterpret_cast<Const *>(node)->consttype != INTERVALOID || reinterpret_cast<Const *>(node)->constisnull)
		return false;
	Interval *interval = DatumGetIntervalP(reinterpret_cast<Const *>(node)->constvalue);
	constexpr int64 most_time = int64(most_months) * DAYS_PER_MONTH * USECS_PER_DAY;
	return std::abs(interval->month) < most_months && std::abs(interval->day) < most_months && interval->time < most_time && interval->time > -most_time;
}

// moment + interval <op> other becomes moment <op> other - interval, and so on for minus,
// where that is the same; otherwise both stay.
void bare_moment(Node **moment, Node **other)
{
	auto *sum = reinterpret_cast<OpExpr *>(*moment);
	if (!IsA(sum, OpExpr) || list_length(sum->args) != 2)
		return;
	Oid type = exprType(*other);
	bool zoned = sum->opfuncid == F_TIMESTAMPTZ_PL_INTERVAL || sum->opfuncid == F_TIMESTAMPTZ_MI_INTERVAL;
	bool plus = sum->opfuncid == F_TIMESTAMPTZ_PL_INTERVAL || sum->opfuncid == F_TIMESTAMP_PL_INTERVAL;
	if ((!zoned && !plus && sum->opfuncid != F_TIMESTAMP_MI_INTERVAL) ||
	    type != (zoned ? TIMESTAMPTZOID : TIMESTAMPOID) || !is_interval(static_cast<Node *>(lsecond(sum->args)), true, type))
		return;
	Oid inverse = OpernameGetOprid(list_make1(makeString(pstrdup(plus ? "-" : "+"))), type, INTERVALOID);
	*other = reinterpret_cast<Node *>(make_opclause(inverse, type, false, reinterpret_cast<Expr *>(*other),
	                                                static_cast<Expr *>(lsecond(sum->args)), InvalidOid, InvalidOid));
	set_opfuncid(reinterpret_cast<OpExpr *>(*other));
	*moment = static_cast<Node *>(linitial(sum->args));
}

// The seconds of a difference are compared with a number as the difference is with an interval of that many.  Their fraction
// may be rounded: rows are found by it, not judged.
void bare_seconds(Node **moment, Node **other)
{
	auto *call = reinterpret_cast<FuncExpr *>(*moment);
	if (!IsA(call, FuncExpr) || (call->funcid != F_EXTRACT_TEXT_INTERVAL && call->funcid != F_DATE_PART_TEXT_INTERVAL))
		return;
	auto *field = static_cast<Const *>(linitial(call->args)), *number = reinterpret_cast<Const *>(eval_const_expressions(nullptr, *other));
	if (!IsA(field, Const) || field->constisnull || strcmp(TextDatumGetCString(field->constvalue), "epoch") != 0 || !IsA(number, Const) || number->constisnull)
		return;
	double seconds = number->consttype == NUMERICOID ? DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, number->constvalue))
	               : number->consttype == FLOAT8OID  ? DatumGetFloat8(number->constvalue)
	                                                 : NAN;
	constexpr double most = 4e9;         // a microsecond is not lost
	if (!(std::abs(seconds) < most))
		return;
	auto *interval = static_cast<Interval *>(palloc0(sizeof(Interval)));
	interval->time = std::llround(seconds * USECS_PER_SEC);
	*moment = static_cast<Node *>(lsecond(call->args));
	*other = reinterpret_cast<Node *>(makeConst(INTERVALOID, -1, InvalidOid, sizeof(Interval), IntervalPGetDatum(interval), false, false));
}

// Intervals are compared as if days had 24 hours and months 30 days: now() - moment <op> interval is moment <op'>
// now() - interval of that length, and moment - now() likewise, but the other way round: then true.
bool bare_difference(Node **moment, Node **other, const Scope *scope)
{
	auto *difference = reinterpret_cast<OpExpr *>(*moment);
	if (!IsA(difference, OpExpr) || difference->opfuncid != F_TIMESTAMPTZ_MI || !is_any_interval(*other))
		return false;
	auto *left = static_cast<Node *>(linitial(difference->args)), *right = static_cast<Node *>(lsecond(difference->args));
	Search l = looked_at(left, scope), r = looked_at(right, scope);
	bool from_now = l.time && !l.columns && !r.time, to_now = r.time && !r.columns && !l.time;
	if (!from_now && !to_now)
		return false;
	Interval *length = DatumGetIntervalP(reinterpret_cast<Const *>(*other)->constvalue), *plain = static_cast<Interval *>(palloc0(sizeof(Interval)));
	plain->time = (int64(length->month) * DAYS_PER_MONTH + length->day) * USECS_PER_DAY + length->time;
	Const *shift = makeConst(INTERVALOID, -1, InvalidOid, sizeof(Interval), IntervalPGetDatum(plain), false, false);
	Oid sum = OpernameGetOprid(list_make1(makeString(pstrdup(from_now ? "-" : "+"))), TIMESTAMPTZOID, INTERVALOID);
	*other = from_now ? right : left;
	*moment = reinterpret_cast<Node *>(make_opclause(sum, TIMESTAMPTZOID, false, reinterpret_cast<Expr *>(from_now ? left : right),
	                                                 reinterpret_cast<Expr *>(shift), InvalidOid, InvalidOid));
	set_opfuncid(reinterpret_cast<OpExpr *>(*moment));
	return to_now;
}

bool is_now(Node *node)
{
	if (IsA(node, FuncExpr))
		return reinterpret_cast<FuncExpr *>(node)->funcid == F_NOW || reinterpret_cast<FuncExpr *>(node)->funcid == F_TRANSACTION_TIMESTAMP;
	return IsA(node, SQLValueFunction) && reinterpret_cast<SQLValueFunction *>(node)->op == SVFOP_CURRENT_TIMESTAMP;
}

bool is_steady(Node *node)
{
	if (is_now(node))
		return true;
	if (!IsA(node, OpExpr))
		return false;
	auto *sum = reinterpret_cast<OpExpr *>(node);
	return (sum->opfuncid == F_TIMESTAMPTZ_PL_INTERVAL || sum->opfuncid == F_TIMESTAMPTZ_MI_INTERVAL) &&
	       is_steady(static_cast<Node *>(linitial(sum->args))) && is_interval(static_cast<Node *>(lsecond(sum->args)), false, TIMESTAMPTZOID);
}

bool is_age(Node *node)
{
	return IsA(node, FuncExpr) && (reinterpret_cast<FuncExpr *>(node)->funcid == F_AGE_TIMESTAMP ||
	                               reinterpret_cast<FuncExpr *>(node)->funcid == F_AGE_TIMESTAMPTZ);
}

// date_trunc('day', …) and longer, a cast to date, current_date: they move at midnight at most.
bool truncates_to_days(Node *node)
{
	if (IsA(node, SQLValueFunction))
		return reinterpret_cast<SQLValueFunction *>(node)->op == SVFOP_CURRENT_DATE;
	if (!IsA(node, FuncExpr))
		return false;
	auto *function = reinterpret_cast<FuncExpr *>(node);
	if (function->funcid == F_DATE_TIMESTAMPTZ || function->funcid == F_DATE_TIMESTAMP)
		return true;
	if (function->funcid != F_DATE_TRUNC_TEXT_TIMESTAMPTZ && function->funcid != F_DATE_TRUNC_TEXT_TIMESTAMP)
		return false;
	auto *unit = static_cast<Node *>(linitial(function->args));
	if (!IsA(unit, Const) || reinterpret_cast<Const *>(unit)->constisnull)
		return false;
	const char *of = TextDatumGetCString(reinterpret_cast<Const *>(unit)->constvalue);
	for (const char *known : {"day", "week", "month", "quarter", "year", "decade", "century", "millennium"})
		if (pg_strcasecmp(of, known) == 0)
			return true;
	return false;
}

bool moves_within_a_day(Node *node, void *context)
{
	if (node == nullptr || truncates_to_days(node))
		return false;
	if (is_age(node))           // since midnight
		return expression_tree_walker(node, moves_within_a_day, context);
	return time_of_last(node, 1) != nullptr || expression_tree_walker(node, moves_within_a_day, context);
}

Pace pace_of(Node *node)
{
	return is_steady(node) ? Pace::steady : moves_within_a_day(node, nullptr) ? Pace::other : Pace::daily;
}

// CASE, COALESCE, AND and OR may leave a part out, so that what would fail there does not.
bool may_leave_out(Node *node)
{
	return IsA(node, CaseExpr) || IsA(node, CoalesceExpr) || (IsA(node, BoolExpr) && reinterpret_cast<BoolExpr *>(node)->boolop != NOT_EXPR);
}

bool is_of_a_millennium(Node *node)
{
	Interval *interval = is_any_interval(node) ? DatumGetIntervalP(reinterpret_cast<Const *>(node)->constvalue) : nullptr;
	constexpr int years = 1000;
	return interval != nullptr && std::abs(interval->month) < years * MONTHS_PER_YEAR && std::abs(interval->day) < years * 365 &&
	       std::abs(interval->time) < years * 365 * USECS_PER_DAY;
}

// Is this now() with intervals added, so that it is not millennia away?
bool is_near(Node *node)
{
	if (is_now(node) || IsA(node, SQLValueFunction))
		return true;
	if (!IsA(node, OpExpr) || list_length(reinterpret_cast<OpExpr *>(node)->args) != 2)
		return false;
	auto *sum = reinterpret_cast<OpExpr *>(node);
	return is_near(static_cast<Node *>(linitial(sum->args))) && is_of_a_millennium(static_cast<Node *>(lsecond(sum->args)));
}

// column ± interval, which fails for no time of these millennia, and comes to none of them from any other.
bool is_near_column(Node *node)
{
	if (!IsA(node, OpExpr) || list_length(reinterpret_cast<OpExpr *>(node)->args) != 2)
		return false;
	auto *sum = reinterpret_cast<OpExpr *>(node);
	bool moves = sum->opfuncid == F_TIMESTAMPTZ_PL_INTERVAL || sum->opfuncid == F_TIMESTAMPTZ_MI_INTERVAL ||
	             sum->opfuncid == F_TIMESTAMP_PL_INTERVAL || sum->opfuncid == F_TIMESTAMP_MI_INTERVAL;
	return moves && IsA(linitial(sum->args), Var) && is_of_a_millennium(static_cast<Node *>(lsecond(sum->args)));
}

// A comparison by an order of something that time does not move with a moment: both, or nothing.
struct Compared {
	Node *with, *moment;
	bool not_less;      // it is true of no value that is less than the moment
};

void as_comparison(Node *node, const Scope *scope, Compared *out)
{
	*out = {};
	if (!IsA(node, OpExpr) || list_length(reinterpret_cast<OpExpr *>(node)->args) != 2 || !is_order(reinterpret_cast<OpExpr *>(node)->opno))
		return;
	auto *with = static_cast<Node *>(linitial(reinterpret_cast<OpExpr *>(node)->args));
	auto *moment = static_cast<Node *>(lsecond(reinterpret_cast<OpExpr *>(node)->args));
	std::string_view order = get_opname(reinterpret_cast<OpExpr *>(node)->opno);
	bool less = order == "<" || order == "<=", greater = order == ">" || order == ">=";
	if (looked_at(with, scope).time) {
		std::swap(with, moment);
		std::swap(less, greater);
	}
	bare_seconds(&moment, &with);
	if (bare_difference(&moment, &with, scope))
		std::swap(less, greater);
	if (looked_at(with, scope).time || looked_at(moment, scope).columns || !is_plain(moment, nullptr))
		return;
	bare_moment(&with, &moment);
	*out = {with, moment, greater || order == "="};
}

bool note_child(Node *child, void *context)
{
	if (child != nullptr)
		static_cast<std::vector<Node *> *>(context)->push_back(child);
	return false;
}

// What is part of a subquery and no expression.
bool has_value(Node *node)
{
	switch (nodeTag(node)) {
	case T_List: case T_TargetEntry: case T_FromExpr: case T_JoinExpr: case T_RangeTblEntry: case T_RangeTblFunction: case T_TableFunc:
	case T_WindowClause: case T_CommonTableExpr: case T_SetOperationStmt: case T_SortGroupClause:
		return false;
	default:
		return true;
	}
}

void list_children(Node *tree, std::vector<Node *> *children)
{
	if (IsA(tree, Query))
		(void)query_tree_walker(reinterpret_cast<::Query *>(tree), note_child, children, 0);
	else
		(void)expression_tree_walker(tree, note_child, children);
}

Node *today()
{
	SQLValueFunction *value = makeNode(SQLValueFunction);
	value->op = SVFOP_CURRENT_DATE;
	value->type = DATEOID;
	value->typmod = -1;
	value->location = -1;
	return reinterpret_cast<Node *>(value);
}

class Collector {
public:
	Collector(const Scope &scope, Node *whole) : scope_(scope), whole_(whole) {}

	// inside: of a subquery, whose own columns mean nothing to the input.
	// left_out: it may be left out for some rows.
	void collect(Node *node, bool inside = false, bool left_out = false)
	{
		Search search = pg::call(looked_at, node, &scope_);
		if (!search.time)
			return;
		if (!search.columns && has_value(node) && !pg::call(expression_returns_set, node)) {
			add(node);
			return;
		}
		inside = inside || IsA(node, Query);
		Compared compared{};
		if (!inside)
			pg::call(as_comparison, node, &scope_, &compared);
		if (compared.moment != nullptr) {
			Expression with = make_expression(compared.with, scope_);
			Moment &moment = add(compared.moment);
			moment.compared = true;
			moment.with = with.text;
			moment.bounds = node == whole_ && compared.not_less;
			moment.column = with.plain;
			if (!left_out || with.plain >= 0)
				keep(moment, with.text, with.type);
			else if (pg::call(is_near_column, compared.with) && pg::call(is_near, compared.moment))
				keep(moment, within_millennia(with), with.type);
			return;
		}
		if (is_age(node))
			add(pg::call(today));
		std::vector<Node *> children;
		pg::call(list_children, node, &children);
		left_out = left_out || may_leave_out(node);
		for (Node *child : children)
			collect(child, inside, left_out);
	}

	std::vector<Moment> found;

private:
	static void keep(Moment &moment, const std::string &value, const Column &type)
	{
		if (!pg::is_fixed(type.type) || !pg::has_order(type.type))
			return;
		moment.kept = value;
		moment.kept_type = type;
	}

	// The column itself where adding to it could fail.
	static std::string within_millennia(const Expression &sum)
	{
		std::string column = hole(*sum.columns.begin());
		return "CASE WHEN " + column + " BETWEEN '2000-01-01 BC' AND '200000-01-01' THEN " + sum.text + " ELSE " + column + " END";
	}

	Moment &add(Node *node)
	{
		Expression e = make_moment(node);
		found.push_back({e.text, e.at_last, e.type.type, pg::call(pace_of, node)});
		return found.back();
	}

	const Scope &scope_;
	Node *whole_;
};

}  // namespace

Node *time_of_last(Node *node, int parameter)
{
	if (IsA(node, SQLValueFunction))
		return value_of_last(reinterpret_cast<SQLValueFunction *>(node), parameter);
	if (!IsA(node, FuncExpr))
		return nullptr;
	auto *function = reinterpret_cast<FuncExpr *>(node);
	switch (function->funcid) {
	case F_NOW:
	case F_TRANSACTION_TIMESTAMP:
		return last_time(parameter);
	case F_AGE_TIMESTAMPTZ:     // since the midnight that begins current_date
		return call(F_AGE_TIMESTAMPTZ_TIMESTAMPTZ, INTERVALOID,
		            list_make2(call(F_TIMESTAMPTZ_DATE, TIMESTAMPTZOID, list_make1(call(F_DATE_TIMESTAMPTZ, DATEOID, list_make1(last_time(parameter))))),
		                       linitial(function->args)));
	case F_AGE_TIMESTAMP:
		return call(F_AGE_TIMESTAMP_TIMESTAMP, INTERVALOID,
		            list_make2(call(F_TIMESTAMP_DATE, TIMESTAMPOID, list_make1(call(F_DATE_TIMESTAMPTZ, DATEOID, list_make1(last_time(parameter))))),
		                       linitial(function->args)));
	default:
		return nullptr;
	}
}

bool tells_time(Node *tree)
{
	auto walk = [](Node *node, void *) { return tells_time(node); };
	if (tree == nullptr)
		return false;
	if (time_of_last(tree, 1) != nullptr)
		return true;
	return IsA(tree, Query) ? query_tree_walker(reinterpret_cast<::Query *>(tree), +walk, nullptr, 0) : expression_tree_walker(tree, +walk, nullptr);
}

std::vector<Moment> moments_in(Node *expression, const Scope &scope)
{
	Collector collector(scope, expression);
	collector.collect(expression);
	return std::move(collector.found);
}

}  // namespace query
