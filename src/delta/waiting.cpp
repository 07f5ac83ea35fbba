// Rows that wait for a moment to pass what it is compared with: created + lifetime > now(), created::date = current_date.
//
// State: the rows of the input that pass the conditions that time does not move, each copy one, and beside them v1, v2, …, what is
// compared, each with an index.  A tick looks at those between the moment of the last tick and its own.
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

std::string Compiler::keep_waiting(Operator &node, const Moving &moving, const std::string &changed)
{
	const Operator &input = *node.inputs[0];
	std::vector<Column> columns = numbered_columns(input);
	std::vector<std::string> still, definitions{"h int8 NOT NULL"}, names{"h"}, same, waited;
	if (node.kind == query::Kind::filter)
		for (const Expression &condition : node.conditions)
			if (!condition.uses_time())
				still.push_back(query::render(condition.text, "y"));
	for (const Column &column : columns) {
		names.push_back(column.name);
		definitions.push_back(column.name + " " + pg::type_name(column.type, column.typmod) + collation(column));
		same.push_back(exactly_same(column, "s." + column.name, "u." + column.name));
	}
	State state{node.id, "rows", rows_table(node, "t"), {}, {}, {}, {}}, bound{node.id, "bound", rows_table(node, "b"), {}, {}, {}, {}};
	for (const Moment &m : moving.waited()) {
		std::string type = pg::type_name(m.kept_type.type), name = moving.column(m);
		waited.push_back("(" + query::render(m.kept, "y") + ")::" + type);
		names.push_back(name);
		definitions.push_back(name + " " + type + (moving.ahead ? " NOT NULL" : ""));
		state.index.push_back("CREATE INDEX ON " + state.table + " (" + name + (moving.ahead ? ", h)" : ")"));
		note(node, "rows in the order of " + query::render(m.with, [&](int column) { return input.columns[column].name; }) + (moving.ahead ? ", those that time has yet to pass" : ""));
	}
	if (!moving.ahead)
		state.index.push_back("CREATE INDEX ON " + state.table + " (h)");
	auto rows = [&](const std::string &from, const std::string &since) {
		std::vector<std::string> where = still, of, values;
		if (moving.ahead)
			where.push_back(waited[0] + " >= " + since);
		for (const Column &column : columns) {
			of.push_back("y." + column.name);
			values.push_back("y." + column.name);
		}
		for (size_t i = 0; i < waited.size(); i++)
			values.push_back(waited[i] + " AS v" + std::to_string(i + 1));
		return "SELECT " + hash_of(of, columns) + " AS h, " + pg::join(values, ", ") + ", y.w FROM (" + from + ") y WHERE " + and_all(where);
	};
	bool once = input.kind == query::Kind::scan || query::unique_key(input).has_value();
	std::vector<std::string> each;
	for (const std::string &name : names)
		each.push_back("u." + name);
	state.create = {"CREATE TABLE " + state.table + " (" + pg::join(definitions, ", ") + ") WITH (fillfactor = 90)"};
	state.fill = "SELECT " + pg::join(each, ", ") + " FROM (" + rows(content(input), moving.ahead ? "(SELECT " + least(moving, false, 1) + ")" : std::string()) + ") u" +
	             (once ? "" : ", generate_series(1, u.w)");
	state.filled = names;
	program_.states.push_back(state);
	if (moving.ahead) {
		bound.create = {"CREATE TABLE " + bound.table + " (least " + pg::type_name(moving.waiting[0].kept_type.type) + " NOT NULL)"};
		bound.fill = "SELECT " + least(moving, false, 1) + " AS least";
		bound.filled = {"least"};
		program_.states.push_back(bound);
	}

	std::string wait = "z_w" + std::to_string(node.id), at = (moving.ahead ? "s.v1 = u.v1 AND " : "") + std::string("s.h = u.h AND ") + recheck(same);
	std::vector<Column> waiting{int8_column("h")};
	waiting.insert(waiting.end(), columns.begin(), columns.end());
	for (const Moment &m : moving.waited()) {
		waiting.push_back(m.kept_type);
		waiting.back().name = moving.column(m);
	}
	std::string net = rows(consolidated("(" + changed + ")", columns, true), "(SELECT b.least FROM " + bound.table + " b)");
	waiting.push_back(int8_column("w"));
	define(wait, waiting);
	step(node.id, "changed rows that wait", {}, {net, {}, {}, {}, wait, false}).any = ephemerals_in(changed);
	step(node.id, "rows that wait no more", {wait},
	     {"DELETE FROM " + state.table + " WHERE ctid = ANY (ARRAY(SELECT q.id FROM (SELECT s.ctid AS id, u.w, row_number() OVER (PARTITION BY u.rid) AS copy FROM "
	      "(SELECT row_number() OVER () AS rid, z.* FROM " + wait + " z WHERE z.w < 0) u JOIN " + state.table + " s ON " + at + ") q WHERE q.copy <= -q.w))", {}, {}, {}, {}, true});
	step(node.id, "rows that begin to wait", {wait},
	     {"INSERT INTO " + state.table + " (" + pg::join(names, ", ") + ") SELECT " + pg::join(each, ", ") + " FROM " + wait + " u, generate_series(1, u.w) WHERE u.w > 0",
	      {}, {}, {}, {}, true});
	return "(SELECT s.*, 1::int8 AS w FROM " + state.table + " s)";
}

std::string Compiler::filter_waiting(const Operator &node) const
{
	std::string table = rows_table(node, "t");
	if (std::none_of(program_.states.begin(), program_.states.end(), [&](const State &state) { return state.table == table; }))
		return {};
	Moving all = moving(node);
	if (all.ahead && std::none_of(all.waiting.begin(), all.waiting.end(), [](const Moment &m) { return m.bounds; }))
		return {};
	std::vector<Expression> moving;
	for (const Expression &condition : node.conditions)
		if (condition.uses_time())
			moving.push_back(condition);
	return "SELECT " + columns_of("s", node.width()) + (node.width() ? ", " : "") + "1::int8 AS w FROM " + table + " s WHERE " + and_all(conditions_over(moving, "s", false));
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
