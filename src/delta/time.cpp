// Filters, projections and functions of a row that use time: the delta of f is f of the delta, and time moves it, too.
//
// With f(t) what it makes of rows at time t, the last tick at t0 and this one at t1:
//
//   Δf = f(t0)(ΔX) + f(t1)(X) - f(t0)(X)        X as it is now
//
// The last two terms differ for few rows.  An expression changes only if one of its moments, the parts of it over now() and
// constants, has moved.  A moment that is compared, by an order, with something else changes an expression only for
// rows where that lies between the moment at t0 and at t1: where it is a column of a table, these rows are found
// by it; where it is worked out of the row, by a state that keeps it (waiting.cpp).  For any other moment all rows are looked at,
// once it has moved: with now() at every tick, with current_date after midnight.  Moments may also move back (month lengths, a transaction older than the last tick).
#include "compile.h"

#include "pg/sql.hpp"

extern "C" {
#include "catalog/pg_type.h"
}

#include <algorithm>

namespace delta {

using query::Moment;

namespace {

std::string moved(const Moment &moment)
{
	return "ROW(" + moment.text + ")::record OPERATOR(pg_catalog.*<>) ROW(" + moment.at_last + ")::record";
}

std::string any_of(const std::vector<std::string> &conditions)
{
	return "(" + pg::join(conditions, " OR ") + ")";
}

// Each once.
void add(std::vector<std::string> &to, const std::string &text)
{
	if (std::find(to.begin(), to.end(), text) == to.end())
		to.push_back(text);
}

// Rows of the input that time may move, and where.
struct Rows {
	enum class Which { all, by_column, waiting } which;
	int column;                     // that they are found by
	std::string where;
};

std::vector<Rows> rows_that_may_move(const Moving &moving)
{
	std::vector<Rows> out;
	std::vector<std::string> earlier, sweeping;
	auto add_rows = [&](Rows::Which which, int column, const std::vector<std::string> &ranges) {
		if (ranges.empty())
			return;
		std::vector<std::string> where{any_of(ranges)};
		for (const auto &other : earlier)
			where.push_back(other + " IS NOT TRUE");
		earlier.push_back(where[0]);
		out.push_back({which, column, and_all(where)});
	};
	for (const Moment &m : moving.swept)
		add(sweeping, moved(m));
	add_rows(Rows::Which::all, -1, sweeping);
	std::set<int> done;
	for (const Moment &first : moving.found) {
		if (!done.insert(first.column).second)
			continue;
		std::vector<std::string> ranges;
		for (const Moment &m : moving.found)
			if (m.column == first.column)
				add(ranges, moved_past(m, query::render(m.with, "x")));
		add_rows(Rows::Which::by_column, first.column, ranges);
	}
	std::vector<std::string> ranges;
	for (const Moment &m : moving.waiting)
		add(ranges, moved_past(m, "x." + moving.column(m)));
	add_rows(Rows::Which::waiting, -1, ranges);
	return out;
}

const char *at_midnight = "SELECT date_trunc('day', now()) + interval '1 day'";
const char *soon = "SELECT now() + interval '1 second'";

bool is_moment(Oid type)
{
	return type == TIMESTAMPTZOID || type == TIMESTAMPOID || type == DATEOID;
}

}  // namespace

std::string moved_past(const Moment &moment, const std::string &value)
{
	std::string both = "(" + moment.text + ", " + moment.at_last + ")";
	return "(" + value + " >= LEAST" + both + " AND " + value + " <= GREATEST" + both + " AND " + moved(moment) + ")";
}

bool uses_time(const Operator &node)
{
	return !query::moments_of(node).empty();
}

std::vector<std::string> conditions_over(const std::vector<Expression> &conditions, const std::string &alias, bool at_last)
{
	std::vector<std::string> out;
	for (const Expression &condition : conditions)
		out.push_back(query::render(at_last && condition.uses_time() ? condition.at_last : condition.text, alias));
	return out;
}

std::vector<std::string> projected(const Operator &node, bool at_last)
{
	std::vector<std::string> out;
	const auto &below = node.inputs[0]->columns;
	for (int i = 0; i < node.width(); i++) {
		const Expression &e = node.expressions[i];
		std::string value = query::render(at_last && e.uses_time() ? e.at_last : e.text, "x");
		if (e.plain < 0 || below[e.plain].type != node.columns[i].type)
			value = "(" + value + ")::" + pg::type_name(node.columns[i].type);
		out.push_back(value);
	}
	return out;
}

std::string Compiler::moving_over(const Operator &node, const std::string &input, bool at_last) const
{
	switch (node.kind) {
	case query::Kind::filter: return filter_over(node, input, at_last);
	case query::Kind::project: return project_over(node, input, at_last);
	default: return function_over(node, input, at_last);
	}
}

// What becomes of these rows of the input at t1 and does not, or otherwise, at t0.
std::string Compiler::moved_rows(const Operator &node, const std::string &rows, bool passed) const
{
	if (node.kind == query::Kind::filter) {
		std::vector<Expression> moving, still;
		for (const Expression &condition : node.conditions)
			if (condition.uses_time())
				moving.push_back(condition);
			else if (!passed)
				still.push_back(condition);
		auto truth = [&](bool at_last) { return "((" + and_all(conditions_over(moving, "x", at_last)) + ") IS TRUE)"; };
		return "SELECT " + columns_of("x", node.width()) + (node.width() ? ", " : "") + "CASE WHEN " + truth(false) + " THEN x.w ELSE -x.w END AS w FROM (" +
		       rows + ") x WHERE " + and_all(conditions_over(still, "x", false)) + " AND " + truth(false) + " <> " + truth(true);
	}
	if (node.kind == query::Kind::project && !node.sets) {
		std::vector<std::string> now = projected(node, false), last = projected(node, true), moving, before;
		for (int i = 0; i < node.width(); i++)
			if (node.expressions[i].uses_time()) {
				moving.push_back(now[i]);
				before.push_back(last[i]);
			}
		std::vector<std::string> names;
		for (int i = 1; i <= node.width(); i++)
			names.push_back("c" + std::to_string(i));
		return "SELECT v.* FROM (" + rows + ") x CROSS JOIN LATERAL (VALUES (" + pg::join(now, ", ") + ", x.w), (" + pg::join(last, ", ") +
		       ", -x.w)) v(" + pg::join(names, ", ") + ", w) WHERE ROW(" + pg::join(moving, ", ") + ")::record OPERATOR(pg_catalog.*<>) ROW(" +
		       pg::join(before, ", ") + ")::record";
	}
	return moving_over(node, rows, false) + " UNION ALL SELECT " + columns_of("y", node.width()) + ", -y.w FROM (" + moving_over(node, rows, true) + ") y";
}

std::string Compiler::moving_delta(Operator &node)
{
	std::string input = delta(*node.inputs[0]), name = "z_d" + std::to_string(node.id);
	define(name, delta_columns(node));
	step(node.id, "changed rows, as they were at the last tick", {}, {moving_over(node, input, true), {}, {}, {}, name, false}).any = ephemerals_in(input);
	Moving moving = this->moving(node);
	std::string kept = moving.waiting.empty() ? std::string() : keep_waiting(node, moving, input);
	for (const Rows &rows : rows_that_may_move(moving)) {
		bool all = rows.which == Rows::Which::all;
		std::set<int> probe;
		if (rows.which == Rows::Which::by_column)
			probe.insert(rows.column);
		std::string from = rows.which == Rows::Which::waiting ? kept : "(" + current(*node.inputs[0], probe, all) + ")";
		Statement statement{moved_rows(node, "SELECT x.* FROM " + from + " x WHERE " + rows.where, rows.which == Rows::Which::waiting), {}, {}, {}, name, false};
		statement.scans = all;
		step(node.id, all ? "all rows, where a moment has moved" : "rows that time moves", {}, statement).when_time_moves = true;
	}
	if (moving.ahead) {
		look_behind(node, moving, name);
		leave_behind(node, moving);
	}
	for (const Moment &m : moving.swept) {
		note(node, m.pace == Moment::Pace::daily ? "all rows of the input are looked at when the day changes"
		                                         : "all rows of the input are looked at each time " + m.text + " has moved");
		add(program_.next_times, m.pace == Moment::Pace::daily ? at_midnight : soon);
	}
	for (const Moment &m : moving.found)
		wake_for(node, m);
	for (const Moment &m : moving.waiting)
		wake_at(m, m.kept_type.type, "k." + moving.column(m), kept);
	return "SELECT " + columns_of("x", node.width()) + (node.width() ? ", " : "") + "x.w FROM " + name + " x";
}

void Compiler::wake_for(const Operator &node, const Moment &moment)
{
	auto [scan, column] = query::ordered_by(*node.inputs[0], moment.column);
	int attribute = scan->attributes[column];
	Access access = catalog_.access(scan->relation, {attribute}, scan->attributes);
	bool arranged = access.how == Access::How::arrangement;
	wake_at(moment, scan->columns[column].type, arranged ? "k.a" + std::to_string(attribute) : "k." + pg::quote_ident(pg::attribute_name(scan->relation, attribute)),
	        arranged ? access.table : pg::relation_name(scan->relation));
}

// When time next moves a row.  A moment that goes as now() does reaches the nearest value as far from now as the
// value is from it; a day's moves at midnight; of any other (months, truncated times) it is only known that it
// moves, so it is looked at every second.
void Compiler::wake_at(const Moment &moment, query::Oid type, const std::string &value, const std::string &table)
{
	std::string sql = moment.pace == Moment::Pace::daily ? at_midnight : soon;
	if (moment.pace == Moment::Pace::steady && is_moment(type))
		sql = "SELECT now() + (min(" + value + ")::timestamptz - " + moment.text + ") + interval '1 millisecond' FROM " + table + " k WHERE " + value +
		      " >= " + moment.text;
	add(program_.next_times, sql);
}

// A constant relation that time moves is worked out at both times.
std::string Compiler::constant_delta(const Operator &node)
{
	std::vector<std::string> gates;
	for (const Moment &m : node.relation_of.moments) {
		add(gates, moved(m));
		add(program_.next_times, m.pace == Moment::Pace::daily ? at_midnight : soon);
	}
	std::string out = no_delta(node), name = "z_d" + std::to_string(node.id);
	if (!gates.empty())
		step(node.id, "rows that come and go with time", {},
		     {"SELECT q.* FROM (" + constant_at(node, false) + " UNION ALL SELECT " + columns_of("y", node.width()) + ", -y.w FROM (" + constant_at(node, true) + ") y) q WHERE " + any_of(gates),
		      {}, {}, {}, name, false})
		    .when_time_moves = true;
	return out;
}

}  // namespace delta
