// Top: the first rows of each partition in an order.  DISTINCT ON, LIMIT, OFFSET, FETCH FIRST.
//
// State: the rows of the input in an index of that order, with whether each is shown.  The first rows of a touched
// partition are read from the index, as many as are shown and skipped, and compared with those shown before: a
// change behind them costs that look-up, whatever lies there.
//
// How many is a number; or a column of the partition, in which rows of another number are another partition; or a column of
// one row, whose change touches the one partition there is.
#include "partition.h"

#include "pg/sql.hpp"

extern "C" {
#include "catalog/pg_type.h"
}

namespace delta {

std::string Partition::counted(int column, const std::string &alias) const
{
	return counts.empty() ? alias + c(column) : "(SELECT v." + c(column) + " FROM (" + counts + ") v)";
}

std::string Partition::limit(const std::string &alias) const
{
	return node.limit_column ? counted(*node.limit_column, alias) : node.limit ? std::to_string(*node.limit) : "NULL";
}

std::string Partition::offset(const std::string &alias) const
{
	return node.offset_column ? "COALESCE(" + counted(*node.offset_column, alias) + ", 0)" : std::to_string(node.offset_rows);
}

std::string Partition::last(const std::string &alias) const
{
	return "CASE WHEN " + limit(alias) + " = 0 THEN 0 ELSE LEAST(" + offset(alias) + "::numeric + " + limit(alias) + ", 9223372036854775807)::int8 END";
}

std::string Partition::first_rows(const std::string &rows) const
{
	std::string by = global() ? "" : "PARTITION BY " + list(partition("x.")) + " ";
	std::string number = "row_number() OVER (" + by + "ORDER BY " + list(completed(node.order, "x.")) + ")", shown = number + " > " + offset("x.");
	if (limited())
		shown += " AND " + (node.with_ties ? "rank() OVER (" + by + "ORDER BY " + list(ordered(node.order, "x.")) + ")" : number) + " <= " + last("x.");
	return "SELECT x.*, " + shown + " AS shown FROM (" + rows + ") x";
}

std::string Compiler::top_delta(const Partition &p, const std::string &changed, const std::string &gone, const std::string &counted)
{
	std::string result = "z_r" + std::to_string(p.node.id);
	Statement put;
	put.sql = "INSERT INTO " + p.table + " (" + list(p.row()) + ", shown) SELECT " + list(all_of("i.", p.row())) + ", false FROM " + changed +
	          " i, generate_series(1, i.w) WHERE i.w > 0";
	put.modifies = true;
	step(p.node.id, "rows that came", {changed}, put);

	std::vector<Column> columns = delta_columns(p.node);
	columns.back() = {"shown", BOOLOID, -1, 0, true};
	define(result, columns);
	Step &first = step(p.node.id, "first rows of the touched partitions", {}, show_first(p, changed, result));
	first.any = {changed};
	if (!counted.empty()) {
		first.any.push_back(counted);
		note(p.node, "the first rows are looked up when input " + std::to_string(p.node.inputs[1]->id) + " changes, too");
	}
	std::vector<std::string> olds = range(0, p.node.width(), c, "o."), news = range(0, p.node.width(), c, "r.");
	olds.push_back("-1::int8 AS w");
	news.push_back("CASE WHEN r.shown THEN 1 ELSE -1 END::int8 AS w");
	return "SELECT " + list(olds) + " FROM " + gone + " o WHERE o.shown UNION ALL SELECT " + list(news) + " FROM " + result + " r";
}

// Rows that a top begins to show, and those that it ceases to.
Statement Compiler::show_first(const Partition &p, const std::string &changed, const std::string &into)
{
	const Operator &node = p.node;
	std::string keys = touched(p, changed), where = keys.empty() ? "" : " WHERE " + p.same_partition("s.", "k.");
	auto limit = [&](const char *words) { return p.limited() ? " FETCH FIRST (" + p.last("k.") + ") ROWS " + words : std::string(); };
	std::string rows = "SELECT s.ctid AS id, s.* FROM " + p.table + " s" + where, first;
	std::string skip = node.offset_rows > 0 || node.offset_column ? " OFFSET " + p.offset("k.") : "";
	first = "SELECT q.* FROM (" + rows + " ORDER BY " + list(node.with_ties ? p.ordered(node.order, "s.") : p.completed(node.order, "s.")) +
	        limit(node.with_ties ? "WITH TIES" : "ONLY") + ") q ORDER BY " + list(p.completed(node.order, "q.")) + skip;
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

}  // namespace delta
