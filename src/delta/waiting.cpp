// Rows that wait for a moment to pass what it is compared with: created + lifetime > now(), created::date = current_date.
//
// State: the rows of the input that pass the conditions that time does not move, each copy one, and beside them v1, v2, …, what is
// compared and is no column as it is, each with an index.  A tick looks at those between the moment of the last tick and its own.
// Of a filter's rows only those columns are kept that moving conditions or operators above read: what only the others read is NULL,
// as rows here have passed them.  A row that goes is found by a hash of its columns, or by themselves where they are no longer than that.
//
// Where one value is compared, and all moments go by its type, only the rows ahead are kept: those whose value is not less than a
// bound, which is kept in a table of its own and follows the least of the moments at some distance.  Rows that are left behind go.  So of
// a table with years of events and a query of the last week a week is kept.  A moment that comes back (a transaction older than the
// last tick, the end of summer time) finds them as long as it stays ahead of the bound; behind it all rows of the input are looked at.
#include "compile.h"

#include "pg/sql.hpp"

extern "C" {
#include "catalog/pg_type.h"
}

#include <algorithm>

namespace delta {

using query::Moment;

namespace {

bool is_column_in_order(const Operator &node, const Moment &moment)
{
	return moment.compared && moment.column >= 0 && moment.column < node.inputs[0]->width() &&
	       query::ordered_by(*node.inputs[0], moment.column).first != nullptr;
}

bool is_of_time(query::Oid type)
{
	return type == DATEOID || type == TIMESTAMPOID || type == TIMESTAMPTZOID;
}

// May a bound follow these moments?
bool go_ahead(const std::vector<Moment> &moments)
{
	return !moments.empty() && std::all_of(moments.begin(), moments.end(), [&](const Moment &m) {
		return !m.kept.empty() && m.kept == moments[0].kept && is_of_time(m.kept_type.type) && is_of_time(m.type);
	});
}

// The least of the moments, in the type of the rows' value, less some days: 0 may be more than one that is of another
// type, by the time zone; so two days less is taken for them.
std::string least(const Moving &moving, bool last_too, int days)
{
	query::Oid type = moving.waiting[0].kept_type.type;
	std::string name = pg::type_name(type);
	std::vector<std::string> out;
	for (const Moment &m : moving.waiting)
		for (const std::string &text : last_too ? std::vector{m.text, m.at_last} : std::vector{m.text}) {
			int off = days + (m.type == type ? 0 : 2);
			std::string value = "(" + text + ")::" + name;
			out.push_back(off == 0 ? value : "(" + value + (type == DATEOID ? " - " + std::to_string(off) : " - interval '" + std::to_string(24 * off) + " hours'") + ")");
		}
	return "LEAST(" + pg::join(out, ", ") + ")";
}

// The server works out now() - interval '28 days' for each row; a subquery without columns once.
std::string with_moment_once(const Expression &condition)
{
	const std::string &text = condition.text;
	for (const Moment &m : condition.moments)
		if (m.bounds && text.ends_with(" " + m.text + ")"))
			return text.substr(0, text.size() - m.text.size() - 1) + "(SELECT " + m.text + "))";
	return text;
}

// Beside the one they are kept in the order of, are these columns of rows equal where a hash of them would be, and no longer?
bool no_longer_than_a_hash(const std::vector<Column> &columns, const std::string &in_order_of)
{
	int bytes = 0;
	for (const Column &column : columns) {
		if (column.name == in_order_of)
			continue;
		if (!column.not_null || !pg::is_fixed(column.type) || !pg::has_order(column.type) || pg::varies_when_equal(column.type))
			return false;
		bytes += pg::bytes_of(column.type);
	}
	return bytes <= 8;
}

}  // namespace

std::vector<Moment> Moving::waited() const
{
	std::vector<Moment> out;
	for (const Moment &m : waiting)
		if (std::none_of(out.begin(), out.end(), [&](const Moment &other) { return other.kept == m.kept; }))
			out.push_back(m);
	return out;
}

std::string Moving::column(const Moment &moment) const
{
	if (moment.keeps_column())
		return "c" + std::to_string(moment.column + 1);
	std::vector<Moment> all = waited();
	auto found = std::find_if(all.begin(), all.end(), [&](const Moment &other) { return other.kept == moment.kept; });
	return "v" + std::to_string(found - all.begin() + 1);
}

// A column of a table with an index is found by that; of one without, rows ahead are kept rather than all in its order.
Moving Compiler::moving(const Operator &node) const
{
	Moving ahead, out;
	ahead.ahead = true;
	std::vector<Moment> moments = query::moments_of(node);
	auto is_indexed = [&](const Moment &m) {
		auto [scan, column] = query::ordered_by(*node.inputs[0], m.column);
		return scan != node.inputs[0].get() || catalog_.has_index(scan->relation, scan->attributes[column]);
	};
	for (const Moment &m : moments)
		(is_column_in_order(node, m) && is_indexed(m) ? ahead.found : ahead.waiting).push_back(m);
	if (go_ahead(ahead.waiting))
		return ahead;
	bool all_kept = std::all_of(moments.begin(), moments.end(), [&](const Moment &m) {
		return is_column_in_order(node, m) || m.pace == Moment::Pace::daily || !m.kept.empty();
	});
	for (const Moment &m : moments)
		(is_column_in_order(node, m) ? out.found : m.pace == Moment::Pace::daily || !all_kept ? out.swept : out.waiting).push_back(m);
	return out;
}

std::vector<int> Compiler::columns_that_wait(const Operator &node) const
{
	std::set<int> out;
	if (node.kind != query::Kind::filter)
		for (int i = 0; i < node.inputs[0]->width(); i++)
			out.insert(i);
	else {
		out = read_.at(node.id);
		for (const Expression &condition : node.conditions)
			if (condition.uses_time())
				out.insert(condition.columns.begin(), condition.columns.end());
	}
	return {out.begin(), out.end()};
}

std::string Compiler::waiting_as_input(const Operator &node) const
{
	std::vector<Column> columns = numbered_columns(*node.inputs[0]);
	std::vector<int> kept = columns_that_wait(node);
	std::vector<std::string> out;
	for (int i = 0; i < int(columns.size()); i++)
		out.push_back(std::binary_search(kept.begin(), kept.end(), i) ? "s." + columns[i].name
		                                                              : "NULL::" + pg::type_name(columns[i].type) + " AS " + columns[i].name);
	return pg::join(out, ", ");
}

std::string Compiler::keep_waiting(Operator &node, const Moving &moving, const std::string &changed)
{
	const Operator &input = *node.inputs[0];
	std::vector<Column> all = numbered_columns(input), columns, waiting;
	for (int i : columns_that_wait(node))
		columns.push_back(all[i]);
	std::vector<std::string> passing, values, made;
	if (node.kind == query::Kind::filter)
		for (const Expression &condition : node.conditions)
			if (!condition.uses_time())
				passing.push_back(query::render(condition.text, "y"));
	State state{node.id, "rows", rows_table(node, "t"), {}, {}, {}, {}}, bound{node.id, "bound", rows_table(node, "b"), {}, {}, {}, {}};
	std::string first = moving.column(moving.waiting[0]);
	bool short_rows = moving.ahead && no_longer_than_a_hash(columns, first);
	if (!short_rows) {
		for (const Column &column : columns)
			values.push_back("y." + column.name);
		made.push_back(hash_of(values, columns) + " AS h");
		waiting.push_back(int8_column("h"));
	}
	for (const Column &column : columns) {
		made.push_back("y." + column.name);
		waiting.push_back(column);
		waiting.back().not_null = moving.ahead && column.name == first;
	}
	for (const Moment &m : moving.waited()) {
		std::string type = pg::type_name(m.kept_type.type), name = moving.column(m);
		if (!m.keeps_column()) {
			made.push_back("(" + query::render(m.kept, "y") + ")::" + type + " AS " + name);
			waiting.push_back(m.kept_type);
			waiting.back().name = name;
			waiting.back().not_null = moving.ahead;
		}
		if (!moving.ahead)
			state.index.push_back("CREATE INDEX ON " + state.table + " (" + name + ")");
		note(node, "rows in the order of " + query::render(m.with, [&](int column) { return input.columns[column].name; }) + (moving.ahead ? ", those that time has yet to pass" : ""));
	}
	std::vector<std::string> definitions, names, each, found, same;
	for (const Column &column : waiting) {
		names.push_back(column.name);
		each.push_back("u." + column.name);
		definitions.push_back(column.name + " " + pg::type_name(column.type, column.typmod) + collation(column) + (column.not_null ? " NOT NULL" : ""));
	}
	if (moving.ahead)
		found.push_back(first);
	if (!short_rows)
		found.push_back("h");
	else
		for (const Column &column : columns)
			if (column.name != first)
				found.push_back(column.name);
	state.index.push_back("CREATE INDEX ON " + state.table + " (" + pg::join(found, ", ") + ")");
	for (const std::string &name : found) {
		auto column = std::find_if(waiting.begin(), waiting.end(), [&](const Column &c) { return c.name == name; });
		same.push_back(pg::equal(column->type, "s." + name, "u." + name));
	}
	if (!short_rows) {
		std::vector<std::string> exactly;
		for (const Column &column : columns)
			exactly.push_back(exactly_same(column, "s." + column.name, "u." + column.name));
		same.push_back(recheck(exactly));
	}
	auto ahead_of = [&](const std::string &from, const std::string &since) {
		std::vector<std::string> where = passing, shown;
		if (moving.ahead)
			where.push_back("(" + query::render(moving.waiting[0].kept, "y") + ")::" + pg::type_name(moving.waiting[0].kept_type.type) + " >= " + since);
		for (const Column &column : columns)
			shown.push_back("y." + column.name);
		return "SELECT " + pg::join(shown, ", ") + ", y.w FROM (" + from + ") y WHERE " + and_all(where);
	};
	auto rows = [&](const std::string &from) { return "SELECT " + pg::join(made, ", ") + ", y.w FROM (" + from + ") y"; };
	bool once = input.kind == query::Kind::scan || query::unique_key(input).has_value();
	state.create = {"CREATE TABLE " + state.table + " (" + pg::join(definitions, ", ") + ")"};
	state.fill = "SELECT " + pg::join(each, ", ") + " FROM (" + rows(ahead_of(content(input), "(SELECT " + least(moving, false, 1) + ")")) + ") u" +
	             (once ? "" : ", generate_series(1, u.w)");
	state.filled = names;
	program_.states.push_back(state);
	if (moving.ahead) {
		bound.create = {"CREATE TABLE " + bound.table + " (least " + pg::type_name(moving.waiting[0].kept_type.type) + " NOT NULL)"};
		bound.fill = "SELECT " + least(moving, false, 1) + " AS least";
		bound.filled = {"least"};
		program_.states.push_back(bound);
	}

	std::string wait = "z_w" + std::to_string(node.id);
	waiting.push_back(int8_column("w"));
	define(wait, waiting);
	std::string net = rows(consolidated("(" + ahead_of(changed, "(SELECT b.least FROM " + bound.table + " b)") + ")", columns, true));
	step(node.id, "changed rows that wait", {}, {net, {}, {}, {}, wait, false}).any = ephemerals_in(changed);
	step(node.id, "rows that wait no more", {wait},
	     {"DELETE FROM " + state.table + " WHERE ctid = ANY (ARRAY(SELECT q.id FROM (SELECT s.ctid AS id, u.w, row_number() OVER (PARTITION BY u.rid) AS copy FROM "
	      "(SELECT row_number() OVER () AS rid, z.* FROM " + wait + " z WHERE z.w < 0) u JOIN " + state.table + " s ON " + and_all(same) + ") q WHERE q.copy <= -q.w))",
	      {}, {}, {}, {}, true});
	step(node.id, "rows that begin to wait", {wait},
	     {"INSERT INTO " + state.table + " (" + pg::join(names, ", ") + ") SELECT " + pg::join(each, ", ") + " FROM " + wait + " u, generate_series(1, u.w) WHERE u.w > 0",
	      {}, {}, {}, {}, true});
	std::string shown = waiting_as_input(node);
	for (const Moment &m : moving.waited())
		if (!m.keeps_column())
			shown += ", s." + moving.column(m);
	return "(SELECT " + shown + ", 1::int8 AS w FROM " + state.table + " s)";
}

std::string Compiler::filter_waiting(const Operator &node) const
{
	std::string table = rows_table(node, "t");
	if (std::none_of(program_.states.begin(), program_.states.end(), [&](const State &state) { return state.table == table; }))
		return {};
	Moving all = moving(node);
	if (all.ahead && std::none_of(all.waiting.begin(), all.waiting.end(), [](const Moment &m) { return m.bounds; }))
		return {};
	std::vector<std::string> conditions;
	for (const Expression &condition : node.conditions)
		if (condition.uses_time())
			conditions.push_back(query::render(with_moment_once(condition), "s"));
	return "SELECT " + waiting_as_input(node) + ", 1::int8 AS w FROM " + table + " s WHERE " + and_all(conditions);
}

void Compiler::look_behind(const Operator &node, const Moving &moving, const std::string &name)
{
	std::string bound = rows_table(node, "b"), turn = "z_t" + std::to_string(node.id), back = least(moving, true, 0);
	define(turn, {int8_column("n")});
	step(node.id, "a moment before the bound, or far ahead of it", {},
	     {"SELECT 1::int8 AS n FROM " + bound + " b WHERE b.least > " + back + " OR b.least < " + least(moving, true, 2), {}, {}, {}, turn, false})
	    .when_time_moves = true;
	std::vector<std::string> ranges, behind{"(SELECT b.least FROM " + bound + " b) > " + back};
	std::string value = "(" + query::render(moving.waiting[0].kept, "x") + ")::" + pg::type_name(moving.waiting[0].kept_type.type);
	for (const Moment &m : moving.waiting)
		ranges.push_back(moved_past(m, value));
	behind.push_back(value + " < (SELECT b.least FROM " + bound + " b)");
	behind.push_back("(" + pg::join(ranges, " OR ") + ")");
	Statement statement{moved_rows(node, "SELECT x.* FROM (" + current(*node.inputs[0], {}, true) + ") x WHERE " + and_all(behind)), {}, {}, {}, name, false};
	statement.scans = true;
	step(node.id, "rows behind the bound", {turn}, statement);
}

void Compiler::leave_behind(const Operator &node, const Moving &moving)
{
	std::string bound = rows_table(node, "b"), turn = "z_t" + std::to_string(node.id);
	step(node.id, "the bound follows", {turn}, {"UPDATE " + bound + " b SET least = " + least(moving, true, 1) + " WHERE b.least < " + least(moving, true, 2), {}, {}, {}, {}, true});
	step(node.id, "rows left behind", {turn},
	     {"DELETE FROM " + rows_table(node, "t") + " s WHERE s." + moving.column(moving.waiting[0]) + " < (SELECT b.least FROM " + bound + " b)", {}, {}, {}, {}, true});
}

}  // namespace delta
