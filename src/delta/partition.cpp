// Windows, and tops: DISTINCT ON, LIMIT, OFFSET.  What is worked out for each partition by itself.
//
// The result of a partition depends on its own rows alone, so only partitions that have a changed row are looked at.
// State: the rows of the input, each copy one, with what is shown beside them: the functions' results of a window, and
// whether a top shows the row.  So what was said is what is taken back, and the input is never looked up.
//
//   window   rows that went leave the state with their results; for the others of the partition and those that
//            came the functions are worked out, and rows whose results differ are changed
//   top      the first rows of the partition, through an index in their order, against those shown before
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

namespace {

std::string c(int column)
{
	return "c" + std::to_string(column + 1);
}

std::string n(int column)
{
	return "n" + std::to_string(column + 1);
}

std::vector<std::string> prefixed(const std::string &prefix, const std::vector<std::string> &names)
{
	std::vector<std::string> out;
	for (const auto &name : names)
		out.push_back(prefix + name);
	return out;
}

std::string list(const std::vector<std::string> &parts)
{
	return pg::join(parts, ", ");
}

std::vector<std::string> range(int first, int last, std::string (*name)(int), const std::string &prefix = {})
{
	std::vector<std::string> out;
	for (int i = first; i < last; i++)
		out.push_back(prefix + name(i));
	return out;
}

std::vector<std::string> operator+(std::vector<std::string> a, const std::vector<std::string> &b)
{
	a.insert(a.end(), b.begin(), b.end());
	return a;
}

}  // namespace

Partition::Partition(const Operator &node, const std::string &table, bool wide)
    : node(node), table(table), wide(wide), inputs(node.inputs[0]->width())
{
}

std::vector<std::string> Partition::row() const
{
	std::vector<std::string> out = global() ? std::vector<std::string>{"h"} : std::vector<std::string>{"g", "h"};
	return out + range(0, inputs, c);
}

std::string Partition::hashed(const std::string &from) const
{
	std::vector<std::string> out, key;
	for (int column : node.partition)
		key.push_back("x." + c(column));
	if (!global())
		out.push_back(hash_of(key) + " AS g");
	out.push_back(hash_of(range(0, inputs, c, "x.")) + " AS h");
	return "SELECT " + list(out + range(0, inputs, c, "x.")) + ", x.w FROM (" + from + ") x";
}

std::string Partition::changed(const std::string &from) const
{
	std::vector<std::string> by = prefixed("x.", row());
	for (int i = 0; i < inputs; i++)
		if (pg::varies_when_equal(node.columns[i].type))
			by.push_back("x." + c(i) + "::text");
	return "SELECT " + list(prefixed("x.", row())) + ", sum(x.w)::int8 AS w FROM (" + hashed(from) + ") x GROUP BY " + list(by) +
	       " HAVING sum(x.w) <> 0";
}

std::string Partition::copies(const std::string &from) const
{
	return "SELECT " + list(prefixed("x.", row())) + " FROM (" + hashed(from) + ") x, generate_series(1, x.w)";
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
		out.push_back(pg::not_distinct(node.columns[i].type, a + c(i), b + c(i)));
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
		out.push_back(alias + c(sort.column) + sort.direction);
	return out;
}

std::vector<std::string> Partition::completed(const std::vector<query::Sort> &order, const std::string &alias) const
{
	std::vector<std::string> out = ordered(order, alias);
	out.push_back(alias + "h");
	for (int i = 0; i < inputs; i++)
		if (pg::varies_when_equal(node.columns[i].type))
			out.push_back(alias + c(i) + "::text");
	return out;
}

// The rows come in the completed order, which the server keeps where a function or a frame of rows looks at
// their order, while those that ORDER BY leaves alike stay peers.
std::string Partition::functions(const query::Window &window, int first, const std::string &rows) const
{
	std::vector<std::string> by = partition("x."), order = ordered(window.order, "x."), out{"x.*"};
	std::string over = " OVER (" + (by.empty() ? "" : "PARTITION BY " + list(by)) + (order.empty() ? "" : " ORDER BY " + list(order)) +
	                   (window.frame.empty() ? "" : " " + window.frame) + ")";
	for (size_t i = 0; i < window.functions.size(); i++) {
		const auto &f = window.functions[i];
		out.push_back("(" + query::render(f.call, "x") + over + ")::" + pg::type_name(f.type.type, f.type.typmod) + " AS " + n(first + i));
	}
	return "SELECT " + list(out) + " FROM (SELECT y.* FROM (" + rows + ") y ORDER BY " + list(partition("y.") + completed(window.order, "y.")) + ") x";
}

std::string Partition::worked_out(const std::string &rows) const
{
	if (!is_top()) {
		std::string out = rows;
		int column = inputs;
		for (const auto &window : node.windows) {
			out = functions(window, column, out);
			column += window.functions.size();
		}
		return out;
	}
	std::string by = global() ? "" : "PARTITION BY " + list(partition("x.")) + " ";
	std::string number = "row_number() OVER (" + by + "ORDER BY " + list(completed(node.order, "x.")) + ")";
	std::string shown = number + " > " + std::to_string(node.offset_rows);
	if (node.limit && node.with_ties)
		shown += " AND " + std::to_string(*node.limit) + " > 0 AND rank() OVER (" + by + "ORDER BY " + list(ordered(node.order, "x.")) + ") <= " +
		         std::to_string(node.offset_rows) + "::numeric + " + std::to_string(*node.limit);
	else if (node.limit)
		shown += " AND " + number + " <= " + std::to_string(node.offset_rows) + "::numeric + " + std::to_string(*node.limit);
	return "SELECT x.*, " + shown + " AS shown FROM (" + rows + ") x";
}

std::string Partition::index_columns(const std::vector<query::Sort> &order) const
{
	std::vector<std::string> out;
	if (!global())
		out.push_back("g");
	for (const auto &sort : order) {
		if (!sort.own || (wide && !pg::is_fixed(node.columns[sort.column].type)) || out.size() == 30)
			return list(out);
		out.push_back(c(sort.column) + sort.direction);
	}
	out.push_back("h");
	return list(out);
}

void Compiler::keep_partitions(const Partition &p)
{
	const Operator &node = p.node;
	std::vector<std::string> definitions, filled = p.row();
	for (const auto &name : p.row())
		if (name == "g" || name == "h")
			definitions.push_back(name + " int8 NOT NULL");
	for (int i = 0; i < node.width(); i++)
		definitions.push_back(c(i) + " " + pg::type_name(node.columns[i].type, node.columns[i].typmod) + collation(node.columns[i]));
	std::vector<std::string> names = p.row() + range(p.inputs, node.width(), c);
	filled = filled + range(p.inputs, node.width(), n);
	if (p.is_top()) {
		definitions.push_back("shown bool NOT NULL");
		names.push_back("shown");
		filled.push_back("shown");
	}
	State state{node.id, "rows", p.table, {}, {}, {}, {}};
	state.create = {"CREATE TABLE " + p.table + " (" + list(definitions) + ") WITH (fillfactor = " + (p.is_top() ? "90" : "70") + ")"};
	state.fill = "INSERT INTO " + p.table + " (" + list(names) + ") SELECT " + list(prefixed("f.", filled)) + " FROM (" +
	             p.worked_out(p.copies(current(*node.inputs[0], {}, true))) + ") f";
	auto index = [&](const std::string &columns, const std::string &where = {}) {
		std::string sql = "CREATE INDEX ON " + p.table + " (" + columns + ")" + where;
		if (!columns.empty() && std::find(state.index.begin(), state.index.end(), sql) == state.index.end())
			state.index.push_back(sql);
	};
	index("h");
	if (p.is_top()) {
		index(p.index_columns(node.order));
		index(p.global() ? "h" : "g", " WHERE shown");
	} else if (!p.global())
		index("g");
	program_.states.push_back(std::move(state));
}

std::string Compiler::partition_delta(Operator &node)
{
	std::string input = delta(*node.inputs[0]), id = std::to_string(node.id);
	std::string changed = "z_i" + id, gone = "z_o" + id, result = "z_r" + id;
	Partition p(node, rows_table(node, "p"), wide_);
	keep_partitions(p);
	int m = p.inputs, all = node.width();

	std::vector<Column> columns = delta_columns(node), rows;
	if (!p.global())
		rows.push_back(int8_column("g"));
	rows.push_back(int8_column("h"));
	rows.insert(rows.end(), columns.begin(), columns.begin() + m);
	rows.push_back(int8_column("w"));
	define(changed, rows);
	step(node.id, "changed rows", {}, {p.changed(input), {}, {}, {}, changed, false}).any = ephemerals_in(input);

	std::vector<Column> went(columns.begin(), columns.end() - 1);
	Column shown{"shown", BOOLOID, -1, 0, true};
	went.push_back(p.is_top() ? shown : int8_column("h"));
	define(gone, went);
	std::vector<std::string> alike;
	for (int i = 0; i < m; i++)
		if (pg::varies_when_equal(node.columns[i].type))
			alike.push_back("s." + c(i) + "::text IS NOT DISTINCT FROM u." + c(i) + "::text");
	Statement take;
	take.sql = "DELETE FROM " + p.table + " WHERE ctid = ANY (ARRAY(SELECT q.id FROM (SELECT s.ctid AS id, u.w, row_number() OVER (PARTITION BY u.rid" +
	           (alike.empty() ? "" : " ORDER BY (" + and_all(alike) + ") DESC") + ") AS copy FROM (SELECT row_number() OVER () AS rid, z.* FROM " + changed +
	           " z WHERE z.w < 0) u JOIN " + p.table + " s ON " + p.same_row("s.", "u.") + ") q WHERE q.copy <= -q.w)) RETURNING " +
	           list(range(0, all, c) + std::vector<std::string>{p.is_top() ? "shown" : "h"});
	take.into = gone;
	take.modifies = true;
	step(node.id, "rows that went", {changed}, take);

	auto selected = [&](const std::vector<std::string> &names, const std::string &weight, const std::string &from) {
		return "SELECT " + list(names + std::vector<std::string>{weight + " AS w"}) + " FROM " + from;
	};
	if (p.is_top()) {
		Statement put;
		put.sql = "INSERT INTO " + p.table + " (" + list(p.row()) + ", shown) SELECT " + list(prefixed("i.", p.row())) + ", false FROM " + changed +
		          " i, generate_series(1, i.w) WHERE i.w > 0";
		put.modifies = true;
		step(node.id, "rows that came", {changed}, put);
		define(result, std::vector<Column>(went));
		step(node.id, "first rows of the touched partitions", {changed}, show_first(p, changed, result));
		return selected(range(0, all, c, "o."), "-1::int8", gone + " o WHERE o.shown") + " UNION ALL " +
		       selected(range(0, all, c, "r."), "CASE WHEN r.shown THEN 1 ELSE -1 END::int8", result + " r");
	}
	std::vector<Column> compared{int8_column("was")};
	compared.insert(compared.end(), columns.begin(), columns.end() - 1);
	std::vector<std::string> before;
	for (int i = m; i < all; i++) {
		compared.push_back(node.columns[i]);
		compared.back().name = n(i);
		before.push_back("r." + n(i) + " AS " + c(i));
	}
	define(result, compared);
	step(node.id, "functions of the touched partitions", {changed}, work_out(p, changed, result));
	return selected(range(0, all, c, "o."), "-1::int8", gone + " o") + " UNION ALL " +
	       selected(range(0, m, c, "r.") + before, "-1::int8", result + " r WHERE r.was = 1") + " UNION ALL " +
	       selected(range(0, all, c, "r."), "1::int8", result + " r");
}

// Touched partitions, as FROM item k.
std::string Compiler::touched(const Partition &p, const std::string &changed)
{
	std::vector<std::string> key = p.partition("z.");
	return key.empty() ? std::string() : "(SELECT DISTINCT " + list(key) + " FROM " + changed + " z) k";
}

// What a window's rows show now, against what they showed.
Statement Compiler::work_out(const Partition &p, const std::string &changed, const std::string &into)
{
	int m = p.inputs, all = p.node.width();
	std::string keys = touched(p, changed);
	std::vector<std::string> came{"NULL::tid AS id"}, sets, olds, news;
	std::string rows = "SELECT " + list(std::vector<std::string>{"s.ctid AS id"} + prefixed("s.", p.row())) + " FROM " +
	                   (keys.empty() ? p.table + " s" : keys + " JOIN " + p.table + " s ON " + p.same_partition("s.", "k.")) +
	                   " UNION ALL SELECT " + list(came + prefixed("i.", p.row())) + " FROM " + changed + " i, generate_series(1, i.w) WHERE i.w > 0";
	for (int i = m; i < all; i++) {
		sets.push_back(c(i) + " = u." + n(i));
		olds.push_back("old." + c(i) + " AS " + n(i));
		news.push_back("new." + c(i));
	}
	std::vector<std::string> names = p.row() + range(m, all, c), values = prefixed("u.", p.row()) + range(m, all, n, "u.");
	Statement merge;
	merge.sql = "MERGE INTO " + p.table + " s USING (" + p.worked_out(rows) + ") u ON s.ctid = u.id WHEN MATCHED AND ROW(" +
	            list(range(m, all, c, "s.")) + ")::record OPERATOR(pg_catalog.*<>) ROW(" + list(range(m, all, n, "u.")) + ")::record THEN UPDATE SET " +
	            list(sets) + " WHEN NOT MATCHED THEN INSERT (" + list(names) + ") VALUES (" + list(values) +
	            ") RETURNING (old.h IS NOT NULL)::int4::int8 AS was, " + list(range(0, all, c, "new.") + olds);
	merge.into = into;
	merge.modifies = true;
	return merge;
}

// Rows that a top begins to show, and those that it ceases to.
Statement Compiler::show_first(const Partition &p, const std::string &changed, const std::string &into)
{
	const Operator &node = p.node;
	std::string keys = touched(p, changed), where = keys.empty() ? "" : " WHERE " + p.same_partition("s.", "k.");
	auto limit = [&](const char *words) {
		return node.limit ? " FETCH FIRST (" + std::to_string(node.offset_rows) + "::int8 + " + std::to_string(*node.limit) + ") ROWS " + words : std::string();
	};
	std::string rows = "SELECT s.ctid AS id, s.* FROM " + p.table + " s" + where, first;
	std::string skip = node.offset_rows > 0 ? " OFFSET " + std::to_string(node.offset_rows) : "";
	if (node.with_ties && node.limit == 0)
		first = rows + (where.empty() ? " WHERE false" : " AND false");
	else if (node.with_ties)
		first = "SELECT q.* FROM (" + rows + " ORDER BY " + list(p.ordered(node.order, "s.")) + limit("WITH TIES") + ") q ORDER BY " +
		        list(p.completed(node.order, "q.")) + skip;
	else
		first = "SELECT q.* FROM (" + rows + " ORDER BY " + list(p.completed(node.order, "s.")) + limit("ONLY") + ") q ORDER BY " +
		        list(p.completed(node.order, "q.")) + skip;
	std::string from = keys.empty() ? "(" + first + ") f" : keys + ", LATERAL (" + first + ") f";
	Statement update;
	update.sql = "WITH f AS MATERIALIZED (SELECT f.id, f.shown FROM " + from + ") UPDATE " + p.table +
	             " s SET shown = u.shown FROM (SELECT f.id, true AS shown FROM f WHERE NOT f.shown UNION ALL SELECT s.ctid, false FROM " +
	             (keys.empty() ? "" : keys + ", ") + p.table + " s" + (where.empty() ? " WHERE " : where + " AND ") +
	             "s.shown AND NOT EXISTS (SELECT FROM f WHERE f.id = s.ctid)) u WHERE s.ctid = u.id RETURNING " +
	             list(range(0, node.width(), c, "s.") + std::vector<std::string>{"s.shown"});
	update.into = into;
	update.modifies = true;
	return update;
}

std::string Compiler::partition_current(const Operator &node, const std::set<int> &probe, bool bulk)
{
	Partition p(node, rows_table(node, "p"), wide_);
	std::vector<std::string> out;
	if (defining_) {
		for (int i = 0; i < node.width(); i++)
			out.push_back("x." + (i < p.inputs ? c(i) : n(i) + " AS " + c(i)));
		out.push_back("1::int8 AS w");
		return "SELECT " + list(out) + " FROM (" + p.worked_out(p.copies(current(*node.inputs[0], {}, bulk))) + ") x" + (p.is_top() ? " WHERE x.shown" : "");
	}
	index_for_probe(node, probe, "c", p.is_top() ? " WHERE shown" : "");
	return "SELECT " + list(range(0, node.width(), c, "s.") + std::vector<std::string>{"1::int8 AS w"}) + " FROM " + p.table + " s" +
	       (p.is_top() ? " WHERE s.shown" : "");
}

}  // namespace delta
