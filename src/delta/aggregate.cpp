// Aggregates, with or without GROUP BY.
//
// State: a row a group with its number of input rows n; a group is there while
// n > 0 (the global group always is).  Three laws keep the aggregates:
//   additive   count, sum (avg = sum / count): a stored number plus its change.
//              NaN and the infinities do not subtract, so a sum of numerics
//              counts them beside the sum of the finite values.
//   exact      sums and statistics of floats: exact sums, from which a number can be taken away, rounded when they are shown (exact.h).
//              The server's own depends on the order of the rows; so verify compares with the exact one.
//   counted    count(DISTINCT x): the values of a group, each with its number of
//              rows; the count changes when a value's number leaves or reaches 0.
//   extreme    min, max of groups that belong to one row of a table (GROUP BY its primary
//              key): the value alone; when it goes, it is looked up in the group's rows,
//              which that row's key finds.
//   recomputed other min, max from the ordered values of the group; any other aggregate, and min, max
//              of values that do not fit an index row, from all its values.  Touched groups
//              only, never the source.  mode from the values in the order of their number; percentiles as quantile.h says.
// The delta is the old row with -1 and the new one with +1 for touched groups
// whose row changed.
#include "quantile.h"

#include "pg/sql.hpp"

extern "C" {
#include "catalog/pg_type.h"
}

#include <algorithm>

namespace delta {

using query::Law;

namespace {

std::string type_of(const Column &column)
{
	return pg::type_name(column.type, column.typmod) + collation(column);
}

std::vector<std::string> value_names(const Values &v)
{
	std::vector<std::string> out;
	for (size_t j = 0; j < v.types.size(); j++)
		out.push_back(number("v", j));
	return out;
}

std::string sequence(const Grouping &g)
{
	return "pg_catalog.nextval('" + g.groups + "_g'::regclass)";
}

// A row of the state of groups.
struct Row {
	std::vector<std::string> definitions, names;
	std::vector<std::string> stored;      // names, without recomputed values
	std::vector<std::string> sums;        // how an update changes it
};

Row row_of(const Grouping &g)
{
	Row row;
	auto add = [&](const std::string &name, const std::string &type) {
		row.definitions.push_back(name + " " + type);
		row.names.push_back(name);
	};
	if (!g.values.empty())
		add("g", "int8 NOT NULL");
	if (g.hashed())
		add("h", "int8 NOT NULL");
	for (size_t i = 0; i < g.node.keys.size(); i++)
		add(number("k", i), type_of(g.node.columns[i]));
	add("n", "int8 NOT NULL");
	for (const Accumulator &a : g.accumulators) {
		add(a.name, a.type + " NOT NULL");
		row.sums.push_back(a.name + " = " + a.merged());
	}
	row.stored = row.names;
	for (size_t i = 0; i < g.node.aggregates.size(); i++)
		if (g.node.aggregates[i].law == Law::recompute) {
			auto follow = [&](const std::string &name, const std::string &type) {
				add(name, type);
				row.sums.push_back(name + " = u." + name);
			};
			follow(number("m", i), type_of(g.node.aggregates[i].type));
			for (size_t j = 0; g.is_placed(i) && j < g.node.aggregates[i].quantile->fractions.size(); j++) {
				follow(place(i, j), type_of(g.node.aggregates[i].arguments[0].type));
				follow(before(i, j), "int8");
			}
		}
	return row;
}

State groups_state(const Grouping &g, const std::string &content)
{
	Row row = row_of(g);
	std::vector<std::string> names = row.stored, filled = prefixed("f.", row.stored);
	bool with_values = !g.values.empty();
	// Numbered after all that the sequence gave out or that a backend may have cached of it.
	if (with_values)
		filled[0] = "(SELECT q.last_value FROM " + g.groups + "_g q) + row_number() OVER () AS g";
	for (size_t i = 0; i < g.node.aggregates.size(); i++)
		if (g.extreme(i)) {
			names.push_back(number("m", i));
			filled.push_back("f." + number("e", i));
		}
	State state{g.node.id, "groups", g.groups, {}, {}, {}, {}};
	if (with_values)
		state.create.push_back("CREATE SEQUENCE " + g.groups + "_g CACHE 32");
	state.create.push_back("CREATE TABLE " + g.groups + " (" + pg::join(row.definitions, ", ") + ") WITH (fillfactor = 50)");
	state.fill = "SELECT " + pg::join(filled, ", ") + " FROM (" + g.grouped(g.input(content)) + ") f" + (g.global() ? "" : " WHERE f.n > 0");
	state.filled = names;
	state.index = {"CREATE INDEX ON " + g.groups + " (" + (g.hashed() ? "h" : pg::join(g.key_names(), ", ")) + ")"};
	if (with_values) {
		state.index.push_back("CREATE UNIQUE INDEX ON " + g.groups + " (g)");
		state.index.push_back("SELECT pg_catalog.setval('" + g.groups + "_g'::regclass, GREATEST((SELECT max(s.g) FROM " + g.groups +
		                       " s), (SELECT q.last_value FROM " + g.groups + "_g q)))");
	}
	return state;
}

// g, v1…, [h,] w of the touched values; groups gives g for the rows of from.
std::string value_changes(const Grouping &g, const Values &v, const std::string &from, const std::string &groups)
{
	std::vector<std::string> inputs{"d.g"}, out{"x.g"}, by{"x.g"}, values = prefixed("x.", value_names(v));
	for (size_t j = 0; j < v.types.size(); j++) {
		inputs.push_back(v.inputs[j] + " AS " + number("v", j));
		Column value = v.types[j];
		value.name = number("v", j);
		Alike one = alike("x", {value}, v.image[j]);
		out.push_back(one.shown[0]);
		by.insert(by.end(), one.by.begin(), one.by.end());
	}
	if (v.hashed)
		out.push_back(hash_of(values, v.types) + " AS h");
	return "SELECT " + pg::join(out, ", ") + ", sum(x.w)::int8 AS w FROM (SELECT " + pg::join(inputs, ", ") + ", i.w FROM (" + from + ") i JOIN " + groups +
	       " d ON " + g.same_group("d", "i") + " WHERE " + v.filter + ") x GROUP BY " + pg::join(by, ", ") + " HAVING sum(x.w) <> 0";
}

// The order of the index that finds them.
std::string by_position(const Values &v)
{
	return "1, " + std::to_string(v.hashed ? v.types.size() + 2 : 2);
}

State values_state(const Grouping &g, const Values &v, const std::string &content)
{
	std::vector<std::string> definitions{"g int8 NOT NULL"}, names{"g"};
	for (size_t j = 0; j < v.types.size(); j++) {
		definitions.push_back(number("v", j) + " " + type_of(v.types[j]));
		names.push_back(number("v", j));
	}
	if (v.hashed) {
		definitions.push_back("h int8 NOT NULL");
		names.push_back("h");
	}
	definitions.push_back("n int8 NOT NULL");
	names.push_back("n");
	State state{g.node.id, "values", v.table, {}, {}, {}, {}};
	state.create = {"CREATE TABLE " + v.table + " (" + pg::join(definitions, ", ") + ") WITH (fillfactor = 90)"};
	state.fill = value_changes(g, v, g.input(content), g.groups) + " ORDER BY " + by_position(v);
	state.filled = names;
	if (v.hashed)
		state.index.push_back("CREATE INDEX ON " + v.table + " (g, h)");
	if (!v.hashed || (v.ordered && !g.wide)) {
		std::vector<std::string> columns = value_names(v);    // none, if the arguments are constants
		columns.insert(columns.begin(), "g");
		state.index.push_back("CREATE INDEX ON " + v.table + " (" + pg::join(columns, ", ") + ")");
	}
	for (const std::string &order : v.orders)
		state.index.push_back("CREATE INDEX ON " + v.table + " (g, " + order + ")");
	return state;
}

// What of a group is known once its values are there.
std::string completed(const Grouping &g)
{
	std::vector<std::string> sets;
	for (auto [i, v] : g.values_of) {
		if (g.is_placed(i)) {
			Walk walk{"s", "s." + number("a", i), {}, {}, "true"};
			std::vector<std::string> names, found;
			for (const auto &[name, value] : placed(g, i, walk)) {
				names.push_back(name);
				found.push_back(value);
			}
			sets.push_back("(" + pg::join(names, ", ") + ") = (SELECT " + pg::join(found, ", ") + " FROM (SELECT) o" + new_places(g, i, walk) + ")");
			continue;
		}
		sets.push_back(g.node.aggregates[i].law == Law::recompute
		                   ? number("m", i) + " = " + g.recomputed(i, "s")
		                   : number("a", i) + " = (SELECT count(*) FROM " + g.values[v].table + " t WHERE t.g = s.g)");
	}
	return "UPDATE " + g.groups + " s SET " + pg::join(sets, ", ");
}

Statement merge_values(const Grouping &g, const Values &v, const std::string &input, const std::string &groups)
{
	std::vector<std::string> names{"g"}, same;
	for (size_t j = 0; j < v.types.size(); j++) {
		names.push_back(number("v", j));
		std::string a = "s." + number("v", j), b = "u." + number("v", j);
		same.push_back(!v.hashed ? pg::equal(v.types[j].type, a, b) : delta::same(v.types[j], a, b));
		if (v.image[j] && has_looks(v.types[j]))
			same.push_back(look_same(a, b));
	}
	std::string match = "s.g = u.g AND " + (v.hashed ? "s.h = u.h AND " + recheck(same) : and_all(same));
	if (v.hashed)
		names.push_back("h");
	Statement merge;
	merge.sql = "MERGE INTO " + v.table + " s USING (" + value_changes(g, v, "SELECT * FROM " + input, groups) +
	            " ORDER BY " + by_position(v) + ") u ON " + match +
	            " WHEN MATCHED AND s.n + u.w = 0 THEN DELETE"
	            " WHEN MATCHED THEN UPDATE SET n = s.n + u.w"
	            " WHEN NOT MATCHED THEN INSERT (" + pg::join(names, ", ") + ", n) VALUES (" +
	            pg::join(prefixed("u.", names), ", ") +
	            ", u.w) RETURNING COALESCE(new.g, old.g) AS g, ((COALESCE(new.n, 0) > 0)::int4 - (COALESCE(old.n, 0) > 0)::int4)::int8 AS crossed" +
	            (v.placed ? ", COALESCE(new.v1, old.v1) AS v1, COALESCE(new.n, 0) - COALESCE(old.n, 0) AS moved" : "");
	merge.into = v.name;
	merge.modifies = true;
	return merge;
}

// [g,] [h,] k1…, n, accumulators, extremes: the touched groups.
std::vector<Column> touched_columns(const Grouping &g)
{
	std::vector<Column> out;
	auto add = [&](Column column, const std::string &name) {
		column.name = name;
		out.push_back(std::move(column));
	};
	if (!g.values.empty())
		out.push_back(int8_column("g"));
	if (g.hashed())
		out.push_back(int8_column("h"));
	for (size_t i = 0; i < g.node.keys.size(); i++)
		add(g.node.columns[i], number("k", i));
	out.push_back(int8_column("n"));
	for (const Accumulator &a : g.accumulators)
		out.push_back({a.name, Oid(a.type == "int8" ? INT8OID : a.type == "bytea" ? BYTEAOID : NUMERICOID), -1, 0, true});
	for (size_t i = 0; i < g.node.aggregates.size(); i++)
		if (g.extreme(i))
			add(g.node.aggregates[i].type, number("m", i));
	return out;
}

// g, crossed, and how many values came before each place: what has changed of values.
std::string changes_of(const Grouping &g, size_t v)
{
	std::vector<std::string> out{"e.g", "sum(e.crossed)::int8 AS crossed"};
	for (auto [i, values] : g.values_of)
		for (size_t j = 0; values == int(v) && g.is_placed(i) && j < g.node.aggregates[i].quantile->fractions.size(); j++)
			out.push_back(moved_before(g, i, j));
	std::string groups = g.values[v].placed ? " LEFT JOIN " + g.groups + " o ON o.g = e.g" : "";
	return "SELECT " + pg::join(out, ", ") + " FROM " + g.values[v].name + " e" + groups + " GROUP BY e.g";
}

std::vector<Column> columns_of_changes(const Values &v)
{
	std::vector<Column> out{int8_column("g"), int8_column("crossed")};
	if (v.placed) {
		out.push_back(v.types[0]);
		out.back().name = "v1";
		out.push_back(int8_column("moved"));
	}
	return out;
}

// The touched groups d with what only their values tell, once those are up to date; s is a group as it was.
std::string with_values(const Grouping &g, const std::string &touched)
{
	std::vector<std::string> out = prefixed("d.", row_of(g).stored), joins;
	std::string places;
	bool as_it_was = false;
	for (size_t i = 0; i < g.node.aggregates.size(); i++)
		if (g.extreme(i))
			out.push_back("d." + number("m", i));
		else if (g.node.aggregates[i].law == Law::recompute && g.is_placed(i)) {
			as_it_was = true;
			std::string a = number("a", i), e = number("e", g.values_of.at(i));
			Walk walk{"d", "(COALESCE(s." + a + ", 0) + d." + a + ")", "s", e, e + ".g IS NOT NULL"};
			places += new_places(g, i, walk);
			for (const auto &[name, value] : placed(g, i, walk))
				out.push_back("CASE WHEN " + walk.where + " THEN " + value + " ELSE s." + name + " END AS " + name);
		} else if (g.node.aggregates[i].law == Law::recompute) {
			as_it_was = true;
			std::string m = number("m", i);
			out.push_back("CASE WHEN " + number("e", g.values_of.at(i)) + ".g IS NOT NULL OR s.g IS NULL THEN " + g.recomputed(i, "d") + " ELSE s." + m +
			              " END AS " + m);
		} else if (g.values_of.contains(i))
			*std::find(out.begin(), out.end(), "d." + number("a", i)) =
			    "COALESCE(" + number("e", g.values_of.at(i)) + ".crossed, 0)::int8 AS " + number("a", i);
	for (size_t v = 0; v < g.values.size(); v++) {
		std::string e = number("e", v);
		joins.push_back(" LEFT JOIN (" + changes_of(g, v) + ") " + e + " ON " + e + ".g = d.g");
	}
	if (as_it_was)
		joins.push_back(" LEFT JOIN " + g.groups + " s ON s.g = d.g");
	return "SELECT " + pg::join(out, ", ") + " FROM " + touched + " d" + pg::join(joins, "") + places;
}

// Groups before (old_n, o1…) and after (new_n, c1…).
std::vector<Column> result_columns(const Grouping &g)
{
	std::vector<Column> before{int8_column("old_n")}, after{int8_column("new_n")};
	for (int i = 0; i < g.node.width(); i++) {
		before.push_back(g.node.columns[i]);
		before.back().name = number("o", i);
		after.push_back(g.node.columns[i]);
		after.back().name = number("c", i);
	}
	before.insert(before.end(), after.begin(), after.end());
	return before;
}

Statement merge_groups(const Grouping &g, const std::string &changes, const std::string &into)
{
	Row row = row_of(g);
	std::vector<std::string> before{"old.n AS old_n"}, after{"new.n AS new_n"};
	int keys = g.node.keys.size();
	for (int i = 0; i < g.node.width(); i++) {
		auto shown = [&](const std::string &which) { return i < keys ? which + "." + number("k", i) : g.shown(i - keys, which); };
		before.push_back(shown("old") + " AS " + number("o", i));
		after.push_back(shown("new") + " AS " + number("c", i));
	}
	Statement merge;
	merge.sql = "MERGE INTO " + g.groups + " s USING (" + changes + ") u ON " + (g.values.empty() ? g.same_group("s", "u") : "s.g = u.g") +
	            (g.global() ? "" : " WHEN MATCHED AND s.n + u.n = 0 THEN DELETE") +
	            " WHEN MATCHED THEN UPDATE SET n = s.n + u.n" + (row.sums.empty() ? "" : ", " + pg::join(row.sums, ", ")) +
	            " WHEN NOT MATCHED AND u.n > 0 THEN INSERT (" + pg::join(row.names, ", ") + ") VALUES (" +
	            pg::join(prefixed("u.", row.names), ", ") + ") RETURNING " + pg::join(before, ", ") + ", " + pg::join(after, ", ");
	merge.into = into;
	merge.modifies = true;
	return merge;
}

// The rows that groups showed and do not show any more, and those they show now.
std::string change_shown(const Grouping &g, const std::string &result)
{
	std::vector<std::string> olds, news, old_as;
	for (int i = 0; i < g.node.width(); i++) {
		olds.push_back("x." + number("o", i));
		old_as.push_back(olds.back() + " AS " + number("c", i));
		news.push_back("x." + number("c", i));
	}
	std::string differs = "ROW(" + pg::join(olds, ", ") + ")::record OPERATOR(pg_catalog.*<>) ROW(" + pg::join(news, ", ") + ")::record";
	auto present = [&](const std::string &n) { return g.global() ? "x." + n + " IS NOT NULL" : "COALESCE(x." + n + ", 0) > 0"; };
	auto rows = [&](std::vector<std::string> columns, const char *weight, const std::string &here, const std::string &there) {
		columns.push_back(std::string(weight) + "::int8 AS w");
		return "SELECT " + pg::join(columns, ", ") + " FROM " + result + " x WHERE " + present(here) + " AND (NOT (" +
		       present(there) + ") OR " + differs + ")";
	};
	return rows(old_as, "-1", "old_n", "new_n") + " UNION ALL " + rows(news, "1", "new_n", "old_n");
}

}  // namespace

std::string Compiler::aggregate_delta(Operator &node)
{
	std::string from = delta(*node.inputs[0]);
	std::vector<std::string> changed = ephemerals_in(from);
	Grouping g(node, rows_table(node, "s"), rows_table(node, "v"), wide_);
	std::string id = std::to_string(node.id), inputs = "z_i" + id, result = "z_r" + id;

	keep_groups(g);
	std::vector<Column> keys(node.columns.begin(), node.columns.begin() + node.keys.size());
	lock(node, keys, prefixed("x.", g.key_names()), "(" + g.input(from) + ")", Excludes::everybody);
	define(result, result_columns(g));
	if (g.values.empty() && !g.any_extreme())
		step(node.id, "groups", {}, merge_groups(g, "SELECT * FROM (" + g.grouped(g.input(from)) + ") u", result)).any = changed;
	else {
		define(inputs, g.input_columns());
		step(node.id, "input rows of the groups", {}, {g.input(from), {}, {}, {}, inputs, false}).any = changed;
		std::string changes = touch_groups(g, inputs);
		step(node.id, "groups", {inputs}, merge_groups(g, changes, result));
	}
	return change_shown(g, result);
}

void Compiler::keep_groups(const Grouping &g)
{
	std::string rows = content(*g.node.inputs[0]);
	program_.states.push_back(groups_state(g, rows));
	for (const Values &v : g.values)
		program_.states.push_back(values_state(g, v, rows));
	if (!g.values.empty())
		program_.states.back().finish.push_back(completed(g));
}

std::string Compiler::touch_groups(const Grouping &g, const std::string &inputs)
{
	std::string touched = "z_g" + std::to_string(g.node.id);
	std::vector<std::string> chosen = prefixed("u.", row_of(g).stored);
	if (!g.values.empty())
		chosen[0] = "COALESCE(s.g, " + sequence(g) + ") AS g";
	std::vector<int> key = query::keys_of_one_row(g.node);
	std::string rows = g.any_extreme() ? current(*g.node.inputs[0], {key.begin(), key.end()}, false) : "";
	for (size_t i = 0; i < g.node.aggregates.size(); i++)
		if (g.extreme(i))
			chosen.push_back(g.new_extreme(i, rows));
	define(touched, touched_columns(g));
	step(g.node.id, "touched groups", {inputs},
	     {"SELECT " + pg::join(chosen, ", ") + " FROM (" + g.grouped("SELECT * FROM " + inputs) + ") u LEFT JOIN " + g.groups + " s ON " +
	          g.same_group("s", "u"),
	      {}, {}, {}, touched, false});
	for (const Values &v : g.values) {
		define(v.name, columns_of_changes(v));
		step(g.node.id, "values of the touched groups", {inputs}, merge_values(g, v, inputs, touched));
	}
	return with_values(g, touched);
}

// Where groups are looked for by what an aggregate shows, not by a key.
void Compiler::index_by_value(const Operator &node, const std::string &shown)
{
	auto state = std::find_if(program_.states.begin(), program_.states.end(), [&](const State &s) { return s.node == node.id && s.role == "groups"; });
	std::string sql = "CREATE INDEX ON " + rows_table(node, "s") + " ((" + shown + "))";
	if (state != program_.states.end() && std::find(state->index.begin(), state->index.end(), sql) == state->index.end())
		state->index.push_back(sql);
}

std::string Compiler::aggregate_current(const Operator &node, const std::set<int> &probe, bool)
{
	std::set<int> keys;
	for (int column : probe)
		if (column < int(node.keys.size()))
			keys.insert(column);
	index_for_probe(node, keys, "k");
	Grouping g(node, rows_table(node, "s"), rows_table(node, "v"), wide_);
	if (defining_ && query::defines_results(node))
		return g.defined(current(*node.inputs[0], {}, true));
	for (int column : probe)
		if (keys.empty() && !wide_ && node.aggregates[column - node.keys.size()].law != Law::exact_sum && pg::has_order(node.columns[column].type)) {
			index_by_value(node, g.shown(column - node.keys.size(), ""));
			note(node, "groups by " + node.aggregates[column - node.keys.size()].title + " through an index of the state");
		}
	std::vector<std::string> out;
	for (int i = 0; i < node.width(); i++)
		out.push_back((i < int(node.keys.size()) ? "s." + number("k", i) : g.shown(i - node.keys.size(), "s")) + " AS " + number("c", i));
	return "SELECT " + pg::join(out, ", ") + (out.empty() ? "" : ", ") + "1::int8 AS w FROM " + g.groups + " s" +
	       (node.keys.empty() ? "" : " WHERE s.n > 0");
}

}  // namespace delta
