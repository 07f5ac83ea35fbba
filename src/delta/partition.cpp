// Windows, and tops: DISTINCT ON, LIMIT, OFFSET.  What is worked out for each partition by itself.
//
// The result of a partition depends on its own rows alone, so only partitions that have a changed row are looked at.
// State: the rows of the input, each copy one, with what is shown beside them: the functions' results of a window, and
// whether a top shows the row.  So what was said is what is taken back, and the input is never looked up.
// How the results of touched partitions are found is told in window.cpp and top.cpp.
//
// ORDER BY is completed: rows that it leaves alike are ordered by their hash.  PostgreSQL may order them in any way; this one
// needs eight bytes in an index and is the same at each tick.
#include "partition.h"

#include "pg/sql.hpp"

extern "C" {
#include "catalog/pg_type.h"
}

#include <algorithm>

namespace delta {

std::string c(int column)
{
	return "c" + std::to_string(column + 1);
}

std::string n(int column)
{
	return "n" + std::to_string(column + 1);
}

std::vector<std::string> range(int first, int last, std::string (*name)(int), const std::string &prefix)
{
	std::vector<std::string> out;
	for (int i = first; i < last; i++)
		out.push_back(prefix + name(i));
	return out;
}

std::vector<std::string> all_of(const std::string &prefix, const std::vector<std::string> &names)
{
	std::vector<std::string> out;
	for (const auto &name : names)
		out.push_back(prefix + name);
	return out;
}

std::vector<std::string> operator+(std::vector<std::string> a, const std::vector<std::string> &b)
{
	a.insert(a.end(), b.begin(), b.end());
	return a;
}

std::string list(const std::vector<std::string> &parts)
{
	return pg::join(parts, ", ");
}

Partition::Partition(const Operator &node, const std::string &table, bool wide, const std::string &counts)
    : node(node), table(table), wide(wide), counts(counts), inputs(node.inputs[0]->width()), reach(usable_reach())
{
}

std::vector<std::string> Partition::row() const
{
	std::vector<std::string> out{"h"};
	if (!global())
		out.insert(out.begin(), "g");
	out = out + range(0, inputs, c);
	if (numbered())
		out.push_back("r");
	return out;
}

std::vector<Column> Partition::row_columns() const
{
	std::vector<Column> out;
	for (const auto &name : row())
		if (name == "g" || name == "h" || name == "r")
			out.push_back(int8_column(name));
		else {
			out.push_back(node.columns[std::stoi(name.substr(1)) - 1]);
			out.back().name = name;
		}
	return out;
}

std::vector<std::string> Partition::results() const
{
	return is_top() ? std::vector<std::string>{"shown"} : range(inputs, node.width(), c);
}

std::string Partition::hashed(const std::string &from) const
{
	std::vector<std::string> out, key;
	std::vector<Column> types;
	for (int column : node.partition) {
		key.push_back("x." + c(column));
		types.push_back(node.columns[column]);
	}
	if (!global())
		out.push_back(hash_of(key, types) + " AS g");
	out.push_back(hash_of(range(0, inputs, c, "x."), node.columns) + " AS h");
	return "SELECT " + list(out + range(0, inputs, c, "x.")) + ", x.w FROM (" + from + ") x";
}

std::string Partition::changed(const std::string &from) const
{
	std::vector<Column> columns = row_columns();
	if (numbered())
		columns.pop_back();
	return consolidated("(" + hashed(from) + ")", columns, true);
}

std::string Partition::copies(const std::string &from, const std::string &number) const
{
	std::vector<std::string> out = all_of("x.", row());
	if (numbered())
		out.back() = number + " AS r";
	return "SELECT " + list(out) + " FROM (" + hashed(from) + ") x, generate_series(1, x.w)";
}

std::string Partition::same_partition(const std::string &a, const std::string &b) const
{
	if (global())
		return "true";
	std::vector<std::string> out;
	for (int column : node.partition)
		out.push_back(pg::not_distinct(node.columns[column].type, a + c(column), b + c(column)));
	return a + "g = " + b + "g AND " + recheck(out);
}

std::string Partition::same_row(const std::string &a, const std::string &b) const
{
	std::vector<std::string> out;
	for (int i = 0; i < inputs; i++)
		out.push_back(same(node.columns[i], a + c(i), b + c(i)));
	return a + "h = " + b + "h AND " + recheck(out);
}

std::vector<std::string> Partition::partition(const std::string &alias) const
{
	if (global())
		return {};
	std::vector<std::string> out{alias + "g"};
	for (int column : node.partition)
		out.push_back(alias + c(column));
	return out;
}

std::vector<std::string> Partition::ordered(const std::vector<query::Sort> &order, const std::string &alias) const
{
	std::vector<std::string> out;
	for (const auto &sort : order)
		out.push_back(alias + c(sort.column) + sort.direction());
	return out;
}

std::vector<std::string> Partition::completed(const std::vector<query::Sort> &order, const std::string &alias) const
{
	std::vector<std::string> out = ordered(order, alias);
	out.push_back(alias + "h");
	if (numbered())
		out.push_back(alias + "r");
	else
		for (int i = 0; i < inputs; i++)
			if (pg::varies_when_equal(node.columns[i].type))
				out.push_back(alias + c(i) + "::text");
	return out;
}

std::string Partition::index_columns(const std::vector<query::Sort> &order) const
{
	std::vector<std::string> out;
	if (!global())
		out.push_back("g");
	for (const auto &sort : order) {
		if (!sort.by.empty() || (wide && !pg::is_fixed(node.columns[sort.column].type)) || out.size() == 29)
			return list(out);
		out.push_back(c(sort.column) + sort.direction());
	}
	out.push_back("h");
	if (numbered())
		out.push_back("r");
	return list(out);
}

std::string Partition::worked_out(const std::string &rows, const std::string &part) const
{
	if (is_top())
		return first_rows(rows);
	std::string out = rows;
	int column = inputs;
	for (const auto &window : node.windows) {
		out = functions(window, column, out, part, [](const auto &) { return true; });
		column += window.functions.size();
	}
	return out;
}

void Compiler::keep_partitions(const Partition &p)
{
	const Operator &node = p.node;
	std::vector<std::string> definitions, results = p.is_top() ? std::vector<std::string>{"shown"} : range(p.inputs, node.width(), n);
	for (const auto &name : p.row())
		if (name == "g" || name == "h" || name == "r")
			definitions.push_back(name + " int8 NOT NULL");
	for (int i = 0; i < node.width(); i++)
		definitions.push_back(c(i) + " " + pg::type_name(node.columns[i].type, node.columns[i].typmod) + collation(node.columns[i]));
	if (p.is_top())
		definitions.push_back("shown bool NOT NULL");
	State state{node.id, "rows", p.table, {}, {}, {}, {}};
	if (p.numbered())
		state.create.push_back("CREATE SEQUENCE " + p.table + "_r CACHE 32");
	state.create.push_back("CREATE TABLE " + p.table + " (" + list(definitions) + ") WITH (fillfactor = " + (p.is_top() ? "90" : "70") + ")");
	state.filled = p.row() + p.results();
	state.fill = "SELECT " + list(all_of("f.", p.row() + results)) + " FROM (" +
	             p.worked_out(p.copies(content(*node.inputs[0]), "pg_catalog.nextval('" + p.table + "_r'::regclass)")) + ") f";
	auto index = [&](const std::string &columns, const std::string &where = {}) {
		std::string sql = "CREATE INDEX ON " + p.table + " (" + columns + ")" + where;
		if (!columns.empty() && std::find(state.index.begin(), state.index.end(), sql) == state.index.end())
			state.index.push_back(sql);
	};
	index("h");
	if (p.is_top()) {
		index(p.index_columns(node.order));
		index(p.global() ? "h" : "g", " WHERE shown");
	} else if (p.numbered())
		index(p.index_columns(node.windows[0].order));
	else if (!p.global())
		index("g");
	program_.states.push_back(std::move(state));
}

// Rows that went leave the state, and are told with what they showed.
Statement Compiler::take_rows(const Partition &p, const std::string &changed, const std::string &into)
{
	std::vector<std::string> look;
	for (int i = 0; i < p.inputs; i++)
		if (has_looks(p.node.columns[i]))
			look.push_back(look_same("s." + c(i), "u." + c(i)));
	Statement take;
	take.sql = "DELETE FROM " + p.table + " WHERE ctid = ANY (ARRAY(SELECT q.id FROM (SELECT s.ctid AS id, u.w, row_number() OVER (PARTITION BY u.rid" +
	           (look.empty() ? "" : " ORDER BY (" + and_all(look) + ") DESC") + ") AS copy FROM (SELECT row_number() OVER () AS rid, z.* FROM " + changed +
	           " z WHERE z.w < 0) u JOIN " + p.table + " s ON " + p.same_row("s.", "u.") + ") q WHERE q.copy <= -q.w)) RETURNING " +
	           list(p.row() + p.results());
	take.into = into;
	take.modifies = true;
	return take;
}

Partition Compiler::partition_of(const Operator &node, bool bulk)
{
	return {node, rows_table(node, "p"), wide_, node.inputs.size() > 1 ? current(*node.inputs[1], {}, bulk) : std::string()};
}

std::string Compiler::partition_delta(Operator &node)
{
	std::string input = delta(*node.inputs[0]), id = std::to_string(node.id), changed = "z_i" + id, gone = "z_o" + id;
	std::string counted = node.inputs.size() > 1 ? materialized(*node.inputs[1]) : std::string();
	Partition p = partition_of(node, false);
	keep_partitions(p);

	std::vector<Column> rows = p.row_columns(), went = rows;
	if (p.numbered())
		rows.pop_back();
	rows.push_back(int8_column("w"));
	define(changed, rows);
	step(node.id, "changed rows", {}, {p.changed(input), {}, {}, {}, changed, false}).any = ephemerals_in(input);
	lock(node, {}, p.global() ? std::vector<std::string>{} : std::vector<std::string>{"x.g"},
	     counted.empty() ? changed : "(SELECT w FROM " + changed + " UNION ALL SELECT w FROM " + counted + ")", Excludes::everybody);

	if (p.is_top())
		went.push_back({"shown", BOOLOID, -1, 0, true});
	for (int i = p.inputs; i < node.width(); i++) {
		went.push_back(node.columns[i]);
		went.back().name = c(i);
	}
	define(gone, went);
	step(node.id, "rows that went", {changed}, take_rows(p, changed, gone));
	return p.is_top() ? top_delta(p, changed, gone, counted) : window_delta(p, changed, gone);
}

// Touched partitions, as FROM item k.
std::string Compiler::touched(const Partition &p, const std::string &changed)
{
	std::vector<std::string> key = p.partition("z.");
	return key.empty() ? std::string() : "(SELECT DISTINCT " + list(key) + " FROM " + changed + " z) k";
}

std::string Compiler::partition_current(const Operator &node, const std::set<int> &probe, bool bulk)
{
	Partition p = partition_of(node, bulk);
	std::vector<std::string> out;
	if (defining_) {
		for (int i = 0; i < node.width(); i++)
			out.push_back("x." + (i < p.inputs ? c(i) : n(i) + " AS " + c(i)));
		out.push_back("1::int8 AS w");
		return "SELECT " + list(out) + " FROM (" + p.worked_out(p.copies(current(*node.inputs[0], {}, bulk), "row_number() OVER ()")) + ") x" +
		       (p.is_top() ? " WHERE x.shown" : "");
	}
	index_for_probe(node, probe, "c", p.is_top() ? " WHERE shown" : "");
	return "SELECT " + list(range(0, node.width(), c, "s.") + std::vector<std::string>{"1::int8 AS w"}) + " FROM " + p.table + " s" +
	       (p.is_top() ? " WHERE s.shown" : "");
}

}  // namespace delta
