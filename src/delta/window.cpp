// Window functions over one PARTITION BY.
//
// State: the rows of the input with the functions' results.  Rows that went leave it; for the others and those that
// came the functions are worked out, and rows whose results differ are changed:
//
//   for the whole partition, where some result depends on any row of it
//   from the first changed row on, where each follows from that of the row before (running.cpp)
//   near the changed rows, where each result depends on at most B rows before and A after its own (ROWS frames between
//   offsets, lag, lead).  A changed row concerns A rows before it and B after, and those look at B and A more.  So
//   A + B rows of the state are fetched on either side of each changed row, by an index in the order of the window.
//   Together with the rows that came they make stretches without a gap; results are good but for B rows at the
//   beginning of a stretch and A at its end, unless the partition begins or ends there.
//   the same where frames are GROUPS between offsets, or RANGE between distances (frame.cpp)
#include "partition.h"

#include "pg/sql.hpp"

#include <algorithm>

namespace delta {

namespace {

constexpr std::int64_t furthest = 1000;     // rows; a larger reach is not near
constexpr size_t most_branches = 32;

// A column that rows of the state are ordered by.
struct Place {
	std::string name;
	query::Oid type;
	bool descending, nulls_first, nullable;
};

std::vector<Place> places(const Partition &p, Partition::Places by)
{
	std::vector<Place> out;
	for (const auto &sort : p.node.windows[0].order) {
		const Column &column = p.node.columns[sort.column];
		out.push_back({c(sort.column), column.type, sort.descending, sort.nulls_first, !column.not_null});
	}
	if (by == Partition::Places::rows)
		for (const char *name : {"h", "r"})
			out.push_back({name, int8_column("").type, false, false, false});
	return out;
}

// Conditions that together say that s is where d is up to here: one for each way of having NULLs.
std::vector<std::string> level_with(const std::vector<Place> &places, size_t count, const std::string &other)
{
	std::vector<std::string> out{""};
	for (size_t i = 0; i < count; i++) {
		std::string s = "s." + places[i].name, d = other + places[i].name;
		std::vector<std::string> next;
		for (const auto &before : out) {
			next.push_back(before + pg::equal(places[i].type, s, d) + " AND ");
			if (places[i].nullable)
				next.push_back(before + s + " IS NULL AND " + d + " IS NULL AND ");
		}
		out = std::move(next);
	}
	return out;
}

}  // namespace

std::vector<std::string> Partition::beyond(bool beyond, Places by, const std::string &other) const
{
	std::vector<Place> all = places(*this, by);
	std::vector<std::string> out;
	for (size_t i = all.size(); i-- > 0;) {
		const Place &place = all[i];
		std::string s = "s." + place.name, d = other + place.name;
		std::vector<std::string> here{(place.descending != beyond ? pg::greater : pg::less)(place.type, s, d)};
		if (place.nullable)
			here.push_back(place.nulls_first != beyond ? s + " IS NULL AND " + d + " IS NOT NULL" : s + " IS NOT NULL AND " + d + " IS NULL");
		for (const auto &level : level_with(all, i, other))
			for (const auto &condition : here)
				out.push_back(level + condition);
	}
	return out;
}

std::vector<std::string> Partition::level(Places by, const std::string &other) const
{
	std::vector<Place> all = places(*this, by);
	std::vector<std::string> out = level_with(all, all.size(), other);
	for (auto &condition : out)
		condition += "true";
	return out;
}

// What is not beyond e is so in the first column, too, which ends the range of the index; NULLs have no such end.
std::vector<std::string> Partition::until(const std::vector<std::string> &conditions, Places by) const
{
	std::vector<Place> all = places(*this, by);
	std::string behind = "(" + pg::join(beyond(true, by, "e."), " OR ") + ") IS NOT TRUE";
	std::vector<std::string> ways{"e.h IS NULL"};
	if (!all.empty()) {
		const Place &first = all[0];
		std::string s = "s." + first.name, e = "e." + first.name, known = first.nullable ? e + " IS NOT NULL AND " : "";
		ways.push_back("e.h IS NOT NULL AND " + known + (first.descending ? pg::at_least : pg::at_most)(first.type, s, e) + " AND " + behind);
		if (first.nullable) {
			ways.push_back("e.h IS NOT NULL AND " + e + " IS NULL AND " + behind);
			if (first.nulls_first)
				ways.push_back("e.h IS NOT NULL AND " + known + s + " IS NULL AND " + behind);
		}
	} else
		ways.push_back("e.h IS NOT NULL AND " + behind);
	std::vector<std::string> out;
	for (const auto &condition : conditions)
		for (const auto &way : ways)
			out.push_back(condition + " AND " + way);
	return out;
}

std::string Partition::is_peer(const std::string &a, const std::string &b) const
{
	std::vector<std::string> out;
	for (const auto &sort : node.windows[0].order)
		out.push_back(pg::not_distinct(node.columns[sort.column].type, a + c(sort.column), b + c(sort.column)));
	return and_all(out);
}

std::optional<query::Reach> Partition::usable_reach() const
{
	auto reach = query::reach_of(node);
	if (!reach || reach->before + reach->after > furthest)
		return {};
	size_t ways = 1, branches = 0;      // that NULLs are in the columns so far; ranges of the index
	for (const auto &sort : node.windows[0].order) {
		const Column &column = node.columns[sort.column];
		if (!sort.by.empty() || (wide && !pg::is_fixed(column.type)) || branches > most_branches)
			return {};
		ways *= column.not_null ? 1 : 2;
		branches += ways;
	}
	return branches + 2 * ways <= most_branches ? reach : std::nullopt;
}

std::string Partition::neighbours(bool beyond, std::int64_t count, Places by, const std::vector<std::string> &more) const
{
	auto order = [&](const std::string &alias) {
		std::vector<std::string> out;
		for (const auto &sort : node.windows[0].order)
			out.push_back(alias + c(sort.column) + sort.direction(!beyond));
		for (const char *name : {"h", "r"})
			out.push_back(alias + name + (beyond ? "" : " DESC"));
		return list(out);
	};
	std::string limit = " LIMIT " + std::to_string(count), mine = global() ? "" : same_partition("s.", "d.") + " AND ";
	std::vector<std::string> parts;
	for (const auto &condition : this->beyond(beyond, by))
		parts.push_back("(SELECT s.ctid AS id, s.* FROM " + table + " s WHERE " + mine + condition + " ORDER BY " + order("s.") + limit + ")");
	return "SELECT " + list(std::vector<std::string>{"b.id"} + all_of("b.", more)) + ", row_number() OVER (ORDER BY " + order("b.") + ") AS k FROM (" +
	       pg::join(parts, " UNION ALL ") + ") b ORDER BY k" + limit;
}

// The rows come in the completed order, which the server keeps where a function or a frame of rows looks at
// their order, while those that ORDER BY leaves alike stay peers.
std::string Partition::functions(const query::Window &window, int first, const std::string &rows, const std::string &part, const Which &which) const
{
	auto parted = [&](const std::string &alias) {
		std::vector<std::string> out = partition(alias);
		if (!part.empty())
			out.push_back(alias + part);
		return out;
	};
	std::vector<std::string> by = parted("x."), order = ordered(window.order, "x."), out{"x.*"};
	std::string over = " OVER (" + (by.empty() ? "" : "PARTITION BY " + list(by)) + (order.empty() ? "" : " ORDER BY " + list(order)) +
	                   (window.frame.empty() ? "" : " " + window.frame) + ")";
	for (size_t i = 0; i < window.functions.size(); i++) {
		const auto &f = window.functions[i];
		if (!which(f))
			continue;
		out.push_back("(" + query::render(f.call, "x") + over + ")::" + pg::type_name(f.type.type, f.type.typmod) + " AS " + n(first + i));
	}
	return "SELECT " + list(out) + " FROM (SELECT y.* FROM (" + rows + ") y ORDER BY " + list(parted("y.") + completed(window.order, "y.")) + ") x";
}

std::string Compiler::window_delta(const Partition &p, const std::string &changed, const std::string &gone)
{
	const Operator &node = p.node;
	int m = p.inputs, all = node.width();
	std::string result = "z_r" + std::to_string(node.id), came = "z_n" + std::to_string(node.id);
	std::vector<Column> columns = delta_columns(node), compared{int8_column("was")};
	compared.insert(compared.end(), columns.begin(), columns.end() - 1);
	std::vector<std::string> before = range(0, m, c, "r.");
	for (int i = m; i < all; i++) {
		compared.push_back(node.columns[i]);
		compared.back().name = n(i);
		before.push_back("r." + n(i) + " AS " + c(i));
	}
	define(result, compared);
	define(came, p.row_columns());
	std::vector<std::string> row = all_of("i.", p.row());
	if (p.numbered())
		row.back() = "pg_catalog.nextval('" + p.table + "_r'::regclass) AS r";
	step(node.id, "rows that came", {changed},
	     {"SELECT " + list(row) + " FROM " + changed + " i, generate_series(1, i.w) WHERE i.w > 0", {}, {}, {}, came, false});
	Statement whole = work_out(p, whole_partitions(p, changed, came), result);
	if (p.numbered() && p.running()) {
		note(node, "results follow from those of the rows before: of a partition that changed the rows from the first changed one on are read, those behind the last one while results change");
		std::string next = p.stops() ? rows_behind(p, changed, gone, came) : std::string();
		Statement from = work_out(p, from_changes_on(p, changed_from(p, gone, came), came, next), result);
		from.bulk = whole.sql;
		from.bases = bases_of(node);
		step(node.id, "functions from the changed rows on", {changed}, from);
		if (p.stops())
			step(node.id, "functions of the rows behind, where they change", {next}, work_out(p, from_changes_on(p, still_changing(p, next), {}, {}), result));
	} else if (p.numbered() && p.reach->unit != query::Reach::Unit::rows) {
		note(node, p.reach->unit == query::Reach::Unit::groups
		               ? "frames reach " + std::to_string(p.reach->before) + " groups back and " + std::to_string(p.reach->after) + " ahead: for a changed row its group and " +
		                     std::to_string(p.reach->before + p.reach->after) + " on either side are read"
		               : "frames reach a distance: for a changed row those nearer to it than the frame is wide are read, on either side");
		Statement near = work_out(p, around_changes(p, gone, came), result);
		near.bulk = whole.sql;
		near.bases = bases_of(node);
		step(node.id, "functions near the changed rows", {changed}, near);
	} else if (p.numbered()) {
		note(node, "results look " + std::to_string(p.reach->before) + " rows back and " + std::to_string(p.reach->after) +
		               " ahead: for a changed row " + std::to_string(p.reach->before + p.reach->after) + " on either side are read");
		Statement near = work_out(p, near_changes(p, gone, came), result);
		near.bulk = whole.sql;
		near.bases = bases_of(node);
		step(node.id, "functions near the changed rows", {changed}, near);
	} else {
		note(node, "for a changed row its whole partition is read");
		step(node.id, "functions of the touched partitions", {changed}, whole);
	}
	auto rows = [](std::vector<std::string> names, const std::string &weight, const std::string &from) {
		names.push_back(weight + "::int8 AS w");
		return "SELECT " + list(names) + " FROM " + from;
	};
	return rows(range(0, all, c, "o."), "-1", gone + " o") + " UNION ALL " + rows(before, "-1", result + " r WHERE r.was = 1") + " UNION ALL " +
	       rows(range(0, all, c, "r."), "1", result + " r");
}

// Rows with their results: all of the touched partitions.
std::string Compiler::whole_partitions(const Partition &p, const std::string &changed, const std::string &came)
{
	std::string keys = touched(p, changed), from = keys.empty() ? p.table + " s" : keys + " JOIN " + p.table + " s ON " + p.same_partition("s.", "k.");
	return p.worked_out("SELECT s.ctid AS id, " + list(all_of("s.", p.row())) + " FROM " + from + " UNION ALL SELECT NULL::tid AS id, " +
	                    list(all_of("i.", p.row())) + " FROM " + came + " i");
}

// Those whose results the changed rows may have changed.
std::string Compiler::near_changes(const Partition &p, const std::string &gone, const std::string &came)
{
	std::int64_t before = p.reach->before, after = p.reach->after, count = before + after;
	std::string order = list(p.completed(p.node.windows[0].order, "x.")), by = list(p.partition("x."));
	std::string places = list(all_of("z.", p.row())), rows;
	auto side = [&](bool beyond) {
		std::string last = "q.k = " + std::to_string(count);
		return "SELECT q.id, " + (beyond ? "false, " + last : last + ", false") + " FROM d, LATERAL (" + p.neighbours(beyond, count) + ") q";
	};
	std::string with = "WITH d AS MATERIALIZED (SELECT " + places + " FROM " + gone + " z UNION ALL SELECT " + places + " FROM " + came + " z)";
	if (count > 0) {
		with += ", q(id, first, last) AS MATERIALIZED (" + side(false) + " UNION ALL " + side(true) + ")";
		rows = "SELECT q.id, " + list(all_of("s.", p.row())) + ", q.first, q.last FROM (SELECT q.id, bool_and(q.first) AS first, bool_and(q.last) AS last FROM q "
		       "GROUP BY q.id) q JOIN " + p.table + " s ON s.ctid = q.id UNION ALL ";
	}
	rows += "SELECT NULL::tid AS id, " + list(all_of("i.", p.row())) + ", false AS first, false AS last FROM " + came + " i";
	std::string stretch = "SELECT x.*, count(*) FILTER (WHERE x.first) OVER (" + (by.empty() ? "" : "PARTITION BY " + by + " ") + "ORDER BY " + order +
	                      " ROWS UNBOUNDED PRECEDING) AS stretch FROM (" + rows + ") x";
	std::string over = " OVER (PARTITION BY " + (by.empty() ? "" : by + ", ") + "x.stretch", whole = over + ")";
	std::string at = "SELECT x.*, row_number()" + over + " ORDER BY " + order + ") AS at, count(*)" + whole + " AS length, bool_or(x.first)" + whole +
	                 " AS cut_before, bool_or(x.last)" + whole + " AS cut_after FROM (" + p.worked_out(stretch, "stretch") + ") x";
	return with + " SELECT x.* FROM (" + at + ") x WHERE (x.at > " + std::to_string(before) + " OR NOT x.cut_before) AND (x.length - x.at >= " +
	       std::to_string(after) + " OR NOT x.cut_after)";
}

// Writes what the rows show now, and tells those that showed something else or are new.
Statement Compiler::work_out(const Partition &p, const std::string &rows, const std::string &into)
{
	int m = p.inputs, all = p.node.width();
	std::vector<std::string> sets, olds = range(0, all, c, "new."), kept = range(m, all, c, "s."), now = range(m, all, n, "u.");
	for (int i = m; i < all; i++) {
		sets.push_back(c(i) + " = u." + n(i));
		olds.push_back("old." + c(i) + " AS " + n(i));
	}
	Statement merge;
	merge.sql = "MERGE INTO " + p.table + " s USING (" + rows + ") u ON s.ctid = u.id WHEN MATCHED AND ROW(" + list(kept) +
	            ")::record OPERATOR(pg_catalog.*<>) ROW(" + list(now) + ")::record THEN UPDATE SET " + list(sets) + " WHEN NOT MATCHED THEN INSERT (" +
	            list(p.row() + p.results()) + ") VALUES (" + list(all_of("u.", p.row()) + now) +
	            ") RETURNING (old.h IS NOT NULL)::int4::int8 AS was, " + list(olds);
	merge.into = into;
	merge.modifies = true;
	return merge;
}

}  // namespace delta
