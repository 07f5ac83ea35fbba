// Window functions whose frames begin with the partition and grow with each row: ranks, running sums.
//
// Rows before the first changed one keep their results, and those of the last of them say all that the rows behind need
// of the rows before: r(i) = r(last) + f(rows after last, up to i), with + as the function has it.  So of a partition
// the rows from the first changed one on are read, by an index in the order of the window.  Where rows that ORDER BY
// leaves alike have one result it is from the first of them on.  rank() needs how many are alike with the last, too.
//
// Where the results of the row behind the last changed one (or of its peers) stay what they were, so do all behind it: a row
// whose other columns changed, one deleted and another inserted, a value that is no new maximum.  So rows are read as far as that
// one, and those behind it only where it changed.
//
// Results that look a known number of rows back and ahead may stand beside them: for these some rows more are read
// before the first changed one, and are carried along.
#include "partition.h"

#include "pg/sql.hpp"

#include <algorithm>

namespace delta {

namespace {

using query::Resume;
using query::Window;

bool any(const Partition &p, const Partition::Which &which)
{
	return std::any_of(p.node.windows.begin(), p.node.windows.end(),
	                   [&](const Window &w) { return std::any_of(w.functions.begin(), w.functions.end(), which); });
}

void for_each(const Partition &p, const std::function<void(const Window &, const Window::Function &, int)> &visit)
{
	int column = p.inputs;
	for (const Window &w : p.node.windows)
		for (const auto &f : w.functions)
			visit(w, f, column++);
}

std::string last(int column)
{
	return "l" + std::to_string(column + 1);
}

// The function over the rows up to here, from what it was before them, if there were some, and what it is over them.
std::string resumed(const Window::Function &f, const std::string &before, const std::string &over)
{
	auto both = [&](const std::string &value) { return "COALESCE(" + value + ", " + over + ", " + before + ")"; };
	switch (f.resume) {
	case Resume::count: return over + " + COALESCE(" + before + ", 0)";
	case Resume::rank: return over + " + COALESCE(" + before + " - 1 + x.alike, 0)";
	case Resume::sum: return both(over + " + " + before);
	case Resume::all: return both("(" + over + " AND " + before + ")");
	case Resume::any: return both("(" + over + " OR " + before + ")");
	case Resume::least: return "LEAST(" + over + ", " + before + ")";
	case Resume::greatest: return "GREATEST(" + over + ", " + before + ")";
	case Resume::first: return "CASE WHEN x.begun THEN " + before + " ELSE " + over + " END";
	case Resume::none: break;
	}
	return over;
}

// What the rows behind need of those before the first changed row d of a partition.
struct Carry {
	std::vector<std::string> columns, joins;
};

Carry carry_of(const Partition &p, std::int64_t context)
{
	Partition::Places by = p.looks_at_peers() ? Partition::Places::peers : Partition::Places::rows;
	bool rank = any(p, [](const auto &f) { return f.resume == Resume::rank; });
	Carry out{{"s.id IS NOT NULL AS begun"}, {}};
	std::vector<std::string> shown = p.results();
	for_each(p, [&](const Window &, const Window::Function &f, int column) {
		if (f.running())
			out.columns.push_back("s." + c(column) + " AS " + last(column));
	});
	if (rank)
		shown = shown + p.row();
	out.joins.push_back("(" + p.neighbours(false, 1, by, shown) + ") s ON true");
	if (rank) {
		std::vector<std::string> alike;
		for (const auto &condition : p.level())
			alike.push_back("SELECT FROM " + p.table + " s WHERE " + (p.global() ? "" : p.same_partition("s.", "d.") + " AND ") + condition);
		out.columns.push_back("a.alike");
		out.joins.push_back("(SELECT count(*) AS alike FROM (SELECT " + list(all_of("s.", p.row())) + ") d, LATERAL (" + pg::join(alike, " UNION ALL ") + ") q) a ON s.id IS NOT NULL");
	}
	if (context > 0) {
		out.columns.push_back("k.cut");
		out.joins.push_back("(SELECT count(*) = " + std::to_string(context) + " AS cut FROM (" + p.neighbours(false, context) + ") q) k ON true");
	}
	return out;
}

std::vector<std::string> names_of(const Partition &p, std::int64_t context)
{
	std::vector<std::string> out{"begun"};
	for_each(p, [&](const Window &, const Window::Function &f, int column) {
		if (f.running())
			out.push_back(last(column));
	});
	if (any(p, [](const auto &f) { return f.resume == Resume::rank; }))
		out.push_back("alike");
	if (context > 0)
		out.push_back("cut");
	return out;
}

// The functions over the fetched rows alone: those that look some rows back and ahead over all of them, the others over
// the changed ones and those behind.
std::string over_fetched(const Partition &p, const std::string &rows, std::int64_t context)
{
	std::string out = rows;
	int column = p.inputs;
	for (const Window &w : p.node.windows) {
		if (std::any_of(w.functions.begin(), w.functions.end(), [](const auto &f) { return f.near(); }))
			out = p.functions(w, column, out, {}, [](const auto &f) { return f.near(); });
		column += w.functions.size();
	}
	std::vector<std::string> by = p.partition("x."), here = by;
	if (context > 0)
		here.push_back("x.carried");
	auto over = [&](const std::vector<std::string> &parts, const std::vector<std::string> &order, const std::string &frame) {
		return " OVER (" + (parts.empty() ? "" : "PARTITION BY " + list(parts) + " ") + (order.empty() ? "" : "ORDER BY " + list(order)) +
		       (frame.empty() ? "" : " " + frame) + ")";
	};
	std::vector<std::string> columns{"x.*"};
	for_each(p, [&](const Window &w, const Window::Function &f, int column) {
		if (f.running())
			columns.push_back("(" + query::render(f.call, "x") + over(here, f.peers ? p.ordered(w.order, "x.") : p.completed(w.order, "x."), w.frame) + ")::" +
			                  pg::type_name(f.type.type, f.type.typmod) + " AS " + n(column));
	});
	if (context > 0)
		columns.push_back("row_number()" + over(by, p.completed(p.node.windows[0].order, "x."), "") + " AS at");
	return "SELECT " + list(columns) + " FROM (" + out + ") x";
}

}  // namespace

bool Partition::running() const
{
	return any(*this, [](const auto &f) { return f.running(); });
}

bool Partition::looks_at_peers() const
{
	return any(*this, [](const auto &f) { return f.peers; });
}

bool Partition::stops() const
{
	return reach && reach->before + reach->after == 0;
}

namespace {

// One changed row of each partition: the first, or the last.
std::string end_of_changes(const Partition &p, const std::string &gone, const std::string &came, bool last)
{
	std::vector<std::string> part = p.partition("z."), order = part;
	for (const auto &sort : p.node.windows[0].order)
		order.push_back("z." + c(sort.column) + sort.direction(last));
	for (const char *name : {"z.h", "z.r"})
		order.push_back(name + std::string(last ? " DESC" : ""));
	std::string places = list(all_of("z.", p.row()));
	return "SELECT " + (part.empty() ? "" : "DISTINCT ON (" + list(part) + ") ") + "z.* FROM (SELECT " + places + " FROM " + gone + " z UNION ALL SELECT " + places + " FROM " +
	       came + " z) z ORDER BY " + list(order) + (part.empty() ? " LIMIT 1" : "");
}

}  // namespace

std::string changed_from(const Partition &p, const std::string &gone, const std::string &came)
{
	return end_of_changes(p, gone, came, false);
}

std::string still_changing(const Partition &p, const std::string &kept)
{
	std::vector<std::string> rows;
	for (const auto &condition : p.level(Partition::Places::rows))
		rows.push_back("SELECT " + list(all_of("s.", p.results())) + " FROM " + p.table + " s WHERE " + (p.global() ? "" : p.same_partition("s.", "d.") + " AND ") + condition);
	return "SELECT " + list(all_of("d.", p.row())) + " FROM " + kept + " d, LATERAL (" + pg::join(rows, " UNION ALL ") + ") s WHERE ROW(" + list(all_of("s.", p.results())) +
	       ")::record OPERATOR(pg_catalog.*<>) ROW(" + list(all_of("d.", p.results())) + ")::record";
}

std::string Compiler::rows_behind(const Partition &p, const std::string &changed, const std::string &gone, const std::string &came)
{
	std::string name = "z_e" + std::to_string(p.node.id);
	std::vector<Column> columns = p.row_columns();
	for (int i = p.inputs; i < p.node.width(); i++) {
		columns.push_back(p.node.columns[i]);
		columns.back().name = c(i);
	}
	define(name, columns);
	std::vector<std::string> whole = p.row() + p.results();
	Statement next{"SELECT " + list(all_of("e.", whole)) + " FROM (" + end_of_changes(p, gone, came, true) + ") d, LATERAL (" +
	                   p.neighbours(true, 1, p.looks_at_peers() ? Partition::Places::peers : Partition::Places::rows, whole) + ") e",
	               {}, {}, {}, name, false};
	next.bulk = "SELECT " + list(all_of("s.", whole)) + " FROM " + p.table + " s WHERE false";     // whole partitions are read then
	next.bases = bases_of(p.node);
	step(p.node.id, "rows behind the last changed ones", {changed}, next);
	return name;
}

std::string Compiler::from_changes_on(const Partition &p, const std::string &first, const std::string &came, const std::string &next)
{
	std::int64_t context = p.reach->before + p.reach->after;
	bool peers = p.looks_at_peers();
	std::vector<std::string> whole = p.row() + p.results(), carried = names_of(p, context);
	Carry carry = carry_of(p, context);

	std::string with = "WITH d AS MATERIALIZED (" + first + "), l AS MATERIALIZED (SELECT d.*, " + list(carry.columns) + " FROM d";
	for (const auto &join : carry.joins)
		with += " LEFT JOIN LATERAL " + join;
	with += ")";

	Partition::Places by = peers ? Partition::Places::peers : Partition::Places::rows;
	std::vector<std::string> behind = p.beyond(true, by), ranges;
	if (peers || came.empty())
		for (const auto &condition : p.level(by))
			behind.push_back(condition);
	if (!next.empty())
		behind = p.until(behind, by);
	for (const auto &condition : behind)
		ranges.push_back("SELECT s.ctid AS id, " + list(all_of("s.", whole)) + " FROM " + p.table + " s WHERE " + (p.global() ? "" : p.same_partition("s.", "d.") + " AND ") +
		                 condition);
	std::string end = next.empty() ? "" : " LEFT JOIN " + next + " e ON " + p.same_partition("e.", "d.");
	std::string rows = "SELECT s.id, " + list(all_of("s.", whole) + all_of("d.", carried)) + ", false AS carried FROM l d" + end + ", LATERAL (" + pg::join(ranges, " UNION ALL ") + ") s";
	if (context > 0)
		rows += " UNION ALL SELECT s.id, " + list(all_of("s.", whole) + all_of("d.", carried)) + ", true FROM l d, LATERAL (" +
		        p.neighbours(false, context, Partition::Places::rows, whole) + ") s" + (peers ? " WHERE NOT (" + p.is_peer("s.", "d.") + ")" : "");
	std::vector<std::string> nothing(p.results().size(), "NULL");
	if (!came.empty())
		rows += " UNION ALL SELECT NULL, " + list(all_of("i.", p.row()) + nothing + all_of("d.", carried)) + ", false FROM " + came + " i JOIN l d ON " + p.same_partition("i.", "d.");

	std::vector<std::string> now{"x.id"};
	now = now + all_of("x.", p.row());
	for_each(p, [&](const Window &, const Window::Function &f, int column) {
		std::string value = f.running() ? resumed(f, "x." + last(column), "x." + n(column)) : "x." + n(column);
		if (context > 0)
			value = "CASE WHEN " + std::string(f.running() ? "NOT x.carried" : "NOT x.cut OR x.at > " + std::to_string(p.reach->before)) + " THEN " + value + " ELSE x." + c(column) + " END";
		now.push_back("(" + value + ")::" + pg::type_name(f.type.type, f.type.typmod) + " AS " + n(column));
	});
	return with + " SELECT " + list(now) + " FROM (" + over_fetched(p, rows, context) + ") x";
}

}  // namespace delta
