#include "frame.h"

#include "pg/sql.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/fmgroids.h"
#include "utils/numeric.h"
#include "utils/ruleutils.h"
#include "utils/timestamp.h"
}

namespace query {

namespace {

// Functions that look a number of rows back or ahead.
constexpr Oid lags[] = {F_LAG_ANYELEMENT, F_LAG_ANYELEMENT_INT4, F_LAG_ANYCOMPATIBLE_INT4_ANYCOMPATIBLE};
constexpr Oid leads[] = {F_LEAD_ANYELEMENT, F_LEAD_ANYELEMENT_INT4, F_LEAD_ANYCOMPATIBLE_INT4_ANYCOMPATIBLE};
// Others that have the frame's rows; the rest of those that are no aggregates have the partition's.
constexpr Oid of_frames[] = {F_FIRST_VALUE, F_LAST_VALUE, F_NTH_VALUE};

Node *constant(Node *node)
{
	return eval_const_expressions(nullptr, static_cast<Node *>(copyObjectImpl(node)));
}

// The value of a constant number of rows; less than 0: not known.
std::int64_t known_rows(Node *node)
{
	Node *value = constant(node);
	if (!IsA(value, Const) || reinterpret_cast<Const *>(value)->constisnull)
		return -1;
	auto *known = reinterpret_cast<Const *>(value);
	return known->consttype == INT4OID ? DatumGetInt32(known->constvalue) : known->consttype == INT8OID ? DatumGetInt64(known->constvalue) : -1;
}

char *print(Node *node)
{
	return deparse_expression(node, NIL, false, false);
}

// Of RANGE a distance with its type, of the others a number of rows or groups.
std::string bound(Node *value, bool distance, int location)
{
	Node *folded = pg::call(constant, value);
	if (!IsA(folded, Const))
		no_law("a window frame whose bound is not a constant", std::max(location, pg::call(exprLocation, static_cast<const Node *>(value))), "How far each row looks decides which rows a change is looked at from.");
	std::int64_t rows = distance ? -1 : pg::call(known_rows, value);
	return rows >= 0 ? std::to_string(rows) : std::string("(") + pg::call(print, folded) + ")";
}

}  // namespace

std::string frame(const WindowClause *clause, int location)
{
	int options = clause->frameOptions;
	if (!(options & FRAMEOPTION_NONDEFAULT))
		return {};
	auto end = [&](int unbounded_preceding, int unbounded_following, int current, int preceding, Node *value) -> std::string {
		if (options & unbounded_preceding)
			return "UNBOUNDED PRECEDING";
		if (options & unbounded_following)
			return "UNBOUNDED FOLLOWING";
		if (options & current)
			return "CURRENT ROW";
		return bound(value, options & FRAMEOPTION_RANGE, location) + (options & preceding ? " PRECEDING" : " FOLLOWING");
	};
	std::string out = options & FRAMEOPTION_RANGE ? "RANGE BETWEEN " : options & FRAMEOPTION_ROWS ? "ROWS BETWEEN " : "GROUPS BETWEEN ";
	out += end(FRAMEOPTION_START_UNBOUNDED_PRECEDING, FRAMEOPTION_START_UNBOUNDED_FOLLOWING, FRAMEOPTION_START_CURRENT_ROW,
	           FRAMEOPTION_START_OFFSET_PRECEDING, clause->startOffset);
	out += " AND " + end(FRAMEOPTION_END_UNBOUNDED_PRECEDING, FRAMEOPTION_END_UNBOUNDED_FOLLOWING, FRAMEOPTION_END_CURRENT_ROW,
	                     FRAMEOPTION_END_OFFSET_PRECEDING, clause->endOffset);
	return out + (options & FRAMEOPTION_EXCLUDE_CURRENT_ROW ? " EXCLUDE CURRENT ROW"
	              : options & FRAMEOPTION_EXCLUDE_GROUP     ? " EXCLUDE GROUP"
	              : options & FRAMEOPTION_EXCLUDE_TIES      ? " EXCLUDE TIES"
	                                                        : "");
}

namespace {

// What is longer than this is not looked for near a row.
constexpr std::int64_t longest_months = 12 * 500, longest_days = 366 * 500;

// A distance as it is added to a value and taken away, and how many days more are right for both, on either side.
struct Distance {
	bool usable;
	char *text;
	int more;
};

bool is_short(const Interval *interval)
{
	return std::abs(std::int64_t(interval->month)) <= longest_months && std::abs(std::int64_t(interval->day)) <= longest_days &&
	       interval->time <= longest_days * USECS_PER_DAY && interval->time >= -longest_days * USECS_PER_DAY;
}

char *print_interval(Interval interval)
{
	return print(reinterpret_cast<Node *>(makeConst(INTERVALOID, -1, InvalidOid, sizeof(Interval), IntervalPGetDatum(&interval), false, false)));
}

// Of in_range(value, base, distance, …): is all within the distance found by adding it to the base and taking it away?
// Of integers and numeric, of the lengths of intervals, and of a time, which knows no days; of floats with some more for what is rounded
// (delta/frame.cpp).  A month is longer or shorter as it is counted from either of its ends, a day where clocks are changed.  There
// a later row's end of the frame may also be the earlier: the server stays at that of the row before, which must be
// among the rows that are looked at, so some days more count on both sides.  Not of times with a zone.
void look_at_distance(Oid in_range, Node *distance, Distance *out)
{
	*out = {};
	Node *folded = constant(distance);
	if (!IsA(folded, Const) || reinterpret_cast<Const *>(folded)->constisnull)
		return;
	Datum value = reinterpret_cast<Const *>(folded)->constvalue;
	out->text = print(folded);
	switch (in_range) {
	case F_IN_RANGE_INT2_INT2_INT2_BOOL_BOOL:
	case F_IN_RANGE_INT2_INT2_INT4_BOOL_BOOL:
	case F_IN_RANGE_INT2_INT2_INT8_BOOL_BOOL:
	case F_IN_RANGE_INT4_INT4_INT2_BOOL_BOOL:
	case F_IN_RANGE_INT4_INT4_INT4_BOOL_BOOL:
	case F_IN_RANGE_INT4_INT4_INT8_BOOL_BOOL:
	case F_IN_RANGE_INT8_INT8_INT8_BOOL_BOOL:
		out->usable = true;
		return;
	case F_IN_RANGE_NUMERIC_NUMERIC_NUMERIC_BOOL_BOOL:
		out->usable = !numeric_is_nan(DatumGetNumeric(value)) && !numeric_is_inf(DatumGetNumeric(value));
		return;
	case F_IN_RANGE_FLOAT4_FLOAT4_FLOAT8_BOOL_BOOL:
	case F_IN_RANGE_FLOAT8_FLOAT8_FLOAT8_BOOL_BOOL:
		out->usable = DatumGetFloat8(value) >= 0 && DatumGetFloat8(value) < 1e290;
		return;
	case F_IN_RANGE_TIME_TIME_INTERVAL_BOOL_BOOL:
	case F_IN_RANGE_INTERVAL_INTERVAL_INTERVAL_BOOL_BOOL:
	case F_IN_RANGE_DATE_DATE_INTERVAL_BOOL_BOOL:
	case F_IN_RANGE_TIMESTAMP_TIMESTAMP_INTERVAL_BOOL_BOOL:
	case F_IN_RANGE_TIMESTAMPTZ_TIMESTAMPTZ_INTERVAL_BOOL_BOOL:
		break;
	default:
		return;
	}
	const Interval *interval = DatumGetIntervalP(value);
	out->usable = is_short(interval);
	if (in_range == F_IN_RANGE_TIME_TIME_INTERVAL_BOOL_BOOL)
		out->text = print_interval({interval->time, 0, 0});
	else if (in_range != F_IN_RANGE_INTERVAL_INTERVAL_INTERVAL_BOOL_BOOL) {
		bool zoned = in_range == F_IN_RANGE_TIMESTAMPTZ_TIMESTAMPTZ_INTERVAL_BOOL_BOOL;
		out->more = interval->month != 0 ? (zoned ? 12 : 8) : zoned && interval->day != 0 ? 3 : 0;
	}
}

std::optional<Reach> reach_of_frame(const WindowClause *clause)
{
	constexpr int preceding = FRAMEOPTION_START_OFFSET_PRECEDING | FRAMEOPTION_END_OFFSET_PRECEDING;
	constexpr int offsets = preceding | FRAMEOPTION_START_OFFSET_FOLLOWING | FRAMEOPTION_END_OFFSET_FOLLOWING;
	int options = clause->frameOptions;
	if (options & (FRAMEOPTION_START_UNBOUNDED_PRECEDING | FRAMEOPTION_END_UNBOUNDED_FOLLOWING))
		return {};
	Reach out;
	// RANGE without a distance is the row's own group.
	out.unit = options & FRAMEOPTION_ROWS                                  ? Reach::Unit::rows
	           : options & FRAMEOPTION_GROUPS || !(options & offsets) ? Reach::Unit::groups
	                                                                        : Reach::Unit::distance;
	if (out.unit != Reach::Unit::distance) {
		if (options & FRAMEOPTION_START_OFFSET_PRECEDING)
			out.before = pg::call(known_rows, clause->startOffset);
		if (options & FRAMEOPTION_END_OFFSET_FOLLOWING)
			out.after = pg::call(known_rows, clause->endOffset);
		return out.before < 0 || out.after < 0 ? std::nullopt : std::optional(out);
	}
	bool usable = true;
	int more = 0;
	auto distance = [&](Node *value, Oid in_range) {
		Distance found;
		pg::call(look_at_distance, in_range, value, &found);
		usable = usable && found.usable;
		more = std::max(more, found.more);
		std::string text = usable ? "(" + std::string(found.text) + ")" : std::string();
		return found.more > 0 ? "(" + text + " OPERATOR(pg_catalog.+) interval '" + std::to_string(found.more) + " days')" : text;
	};
	if (options & FRAMEOPTION_START_OFFSET_PRECEDING)
		out.back = {distance(clause->startOffset, clause->startInRangeFunc)};
	if (options & FRAMEOPTION_END_OFFSET_FOLLOWING)
		out.ahead = {distance(clause->endOffset, clause->endInRangeFunc)};
	// A frame that ends before its row, or begins after it, has a bound of this kind on the other side.
	if (usable && (options & FRAMEOPTION_END_OFFSET_PRECEDING))
		(void)distance(clause->endOffset, clause->endInRangeFunc);
	if (usable && (options & FRAMEOPTION_START_OFFSET_FOLLOWING))
		(void)distance(clause->startOffset, clause->startInRangeFunc);
	if (more > 0)
		for (auto *side : {&out.back, &out.ahead})
			side->push_back("interval '" + std::to_string(more) + " days'");
	return usable ? std::optional(out) : std::nullopt;
}

// Of the frame that goes on to the end of the partition the first row is near its start, if that is at the row, before it
// or a number of rows or groups after it: of all beyond a distance the first may be far.
void end_where_it_starts(WindowClause *clause)
{
	int options = clause->frameOptions;
	if (!(options & FRAMEOPTION_END_UNBOUNDED_FOLLOWING) || (options & (FRAMEOPTION_START_UNBOUNDED_PRECEDING | FRAMEOPTION_EXCLUSION)))
		return;
	bool after = options & FRAMEOPTION_START_OFFSET_FOLLOWING;
	if (after && (options & FRAMEOPTION_RANGE))
		return;
	clause->frameOptions = (options & ~FRAMEOPTION_END_UNBOUNDED_FOLLOWING) | (after ? FRAMEOPTION_END_OFFSET_FOLLOWING : FRAMEOPTION_END_CURRENT_ROW);
	if (after)
		clause->endOffset = clause->startOffset;
}

// The same for the last row of one that comes from the partition's start.
void start_where_it_ends(WindowClause *clause)
{
	int options = clause->frameOptions;
	if (!(options & FRAMEOPTION_START_UNBOUNDED_PRECEDING) || (options & (FRAMEOPTION_END_UNBOUNDED_FOLLOWING | FRAMEOPTION_EXCLUSION)))
		return;
	bool before = options & FRAMEOPTION_END_OFFSET_PRECEDING;
	if (before && (options & FRAMEOPTION_RANGE))
		return;
	clause->frameOptions = (options & ~FRAMEOPTION_START_UNBOUNDED_PRECEDING) | (before ? FRAMEOPTION_START_OFFSET_PRECEDING : FRAMEOPTION_START_CURRENT_ROW);
	if (before)
		clause->startOffset = clause->endOffset;
}

}  // namespace

std::optional<Reach> reach(WindowFunc *function, const WindowClause *clause)
{
	bool lag = among(lags, function->winfnoid), lead = among(leads, function->winfnoid);
	if (lag || lead) {
		std::int64_t rows = list_length(function->args) < 2 ? 1 : pg::call(known_rows, static_cast<Node *>(lsecond(function->args)));
		return rows < 0 ? std::nullopt : std::optional(lag ? Reach{rows, 0} : Reach{0, rows});
	}
	WindowClause seen = *clause;
	if (function->winfnoid == F_FIRST_VALUE)
		end_where_it_starts(&seen);
	if (function->winfnoid == F_LAST_VALUE)
		start_where_it_ends(&seen);
	return function->winagg || among(of_frames, function->winfnoid) ? reach_of_frame(&seen) : std::nullopt;
}

}  // namespace query
