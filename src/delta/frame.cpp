// Window functions whose frames are bounded by groups of rows alike (GROUPS), or by distances from a row (RANGE).
//
// Of a frame from B before its row to A after it, a changed row is in those of the rows from A before its own place to B
// after it, and those look B and A more: so what lies A + B on either side of the changed rows is fetched, by an index in
// the order of the window, and of that the results of the rows nearer than that are good.  Groups are counted in the
// state without the rows that came, which can only make more of them: what is near is then among those fetched.  All
// groups of a good row's frame are fetched, so what is missing between fetched rows is in none.  Of distances the same
// holds as far as adding one to a place and taking it away are both monotone; where they are nearly so, they are made longer (query/frame.cpp).
// EXCLUDE takes rows of the frame away, of the row's own group at most, and changes nothing in this.
#include "partition.h"

#include "pg/sql.hpp"

extern "C" {
#include "catalog/pg_type.h"
}

namespace delta {

namespace {

using query::Reach;

enum class Side { before, after };

// The place so far from another, or the farthest of several; where adding would leave the type, its end.
std::string moved(query::Oid type, const std::string &from, const std::vector<std::string> &distances, Side side)
{
	if (distances.empty())
		return from;
	bool before = side == Side::before, integer = type == INT2OID || type == INT4OID || type == INT8OID, real = type == FLOAT4OID || type == FLOAT8OID;
	std::string base = from + (integer ? "::numeric" : real ? "::float8" : ""), sign = before ? " OPERATOR(pg_catalog.-) " : " OPERATOR(pg_catalog.+) ";
	std::vector<std::string> places;
	for (const auto &distance : distances)
		places.push_back(base + sign + distance);
	std::string farthest = (before ? "LEAST(" : "GREATEST(") + list(places) + ")", most = "GREATEST(" + list(distances) + ")";
	auto unless = [&](const std::string &far, const std::string &end, const std::string &otherwise) {
		return "CASE WHEN " + far + " THEN " + end + " ELSE " + otherwise + " END";
	};
	switch (type) {
	case NUMERICOID:
		return farthest;
	case FLOAT4OID:
	case FLOAT8OID:     // more than what any of the sums is rounded by; NaN is the greatest
		return unless("NOT (" + base + " > -1e300 AND " + base + " < 1e300)", before ? "'-infinity'::float8" : "'NaN'::float8",
		              farthest + sign + "GREATEST(abs(" + base + ") + " + most + ", 1e-200) * 1e-12");
	case TIMEOID:
		return before ? unless("(" + from + " - time '00:00') < " + most, "time '00:00'", from + " - " + most)
		              : unless("(" + from + " - time '00:00') + " + most + " >= interval '24:00'", "time '24:00'", from + " + " + most);
	case INTERVALOID:
		return unless(from + (before ? " < interval '-100000000 days'" : " > interval '100000000 days'"), before ? "'-infinity'::interval" : "'infinity'::interval", farthest);
	case DATEOID:
	case TIMESTAMPOID:
	case TIMESTAMPTZOID: {
		std::string moment = type == TIMESTAMPTZOID ? "::timestamptz" : "::timestamp";     // distances have centuries at most
		return unless(from + (before ? " OPERATOR(pg_catalog.<) '3500-01-01 BC'" : " OPERATOR(pg_catalog.>) '290000-01-01'") + moment, (before ? "'-infinity'" : "'infinity'") + moment,
		              farthest);
	}
	default:
		return before ? "GREATEST(" + farthest + ", -9223372036854775808)::int8" : "LEAST(" + farthest + ", 9223372036854775807)::int8";
	}
}

// Places of the changed rows, each once.
std::string changed_places(const Partition &p, const std::string &gone, const std::string &came)
{
	std::string row = list(all_of("z.", p.row()));
	std::vector<std::string> by = p.partition("z.") + p.ordered(p.node.windows[0].order, "z.");
	std::vector<std::string> place = p.partition("z.");
	for (const auto &sort : p.node.windows[0].order)
		place.push_back("z." + c(sort.column));
	return "SELECT " + (place.empty() ? "" : "DISTINCT ON (" + list(place) + ") ") + row + " FROM (SELECT " + row + " FROM " + gone + " z UNION ALL SELECT " + row + " FROM " +
	       came + " z) z" + (by.empty() ? " LIMIT 1" : " ORDER BY " + list(by));
}

// Queries, to be after WITH, of which the last is q: id and whether it is good, of rows near changed ones.
std::string near_groups(const Partition &p)
{
	std::int64_t before = p.reach->before, after = p.reach->after;
	std::vector<std::string> row = p.row(), ranges;
	auto nearest = [&](const char *name, bool beyond) {
		return std::string(", ") + name + " AS (SELECT d.*, 0 AS far FROM d UNION ALL SELECT " + list(all_of("q.", row)) + ", d.far + 1 FROM " + name + " d, LATERAL (" +
		       p.neighbours(beyond, 1, Partition::Places::peers, row) + ") q WHERE d.far < " + std::to_string(before + after) + ")";
	};
	for (const auto &condition : p.level())
		ranges.push_back("SELECT s.ctid AS id FROM " + p.table + " s WHERE " + (p.global() ? "" : p.same_partition("s.", "d.") + " AND ") + condition);
	std::string places = "SELECT d.*, true AS good FROM d", out;
	if (before + after > 0) {
		out = nearest("d_before", false) + nearest("d_after", true);
		auto side = [&](const char *name, std::int64_t good) {
			return " SELECT " + list(all_of("e.", row)) + ", e.far <= " + std::to_string(good) + " AS good FROM " + name + " e";
		};
		places = side("d_before", after) + " UNION ALL" + side("d_after", before);
	}
	return out + ", q AS MATERIALIZED (SELECT q.id, bool_or(d.good) AS good FROM (" + places + ") d, LATERAL (" + pg::join(ranges, " UNION ALL ") + ") q GROUP BY q.id)";
}

std::string near_distances(const Partition &p)
{
	const auto &sort = p.node.windows[0].order[0];
	const Column &column = p.node.columns[sort.column];
	// What the frame reaches among lesser values, and among greater ones.
	const auto &less = sort.descending ? p.reach->ahead : p.reach->back, &greater = sort.descending ? p.reach->back : p.reach->ahead;
	std::string place = c(sort.column), mine = p.global() ? "" : p.same_partition("s.", "d.") + " AND ";
	auto from = [&](const std::string &low, const std::string &high) {
		return "s." + place + " OPERATOR(pg_catalog.>=) d." + low + " AND s." + place + " OPERATOR(pg_catalog.<=) d." + high;
	};
	std::string out = ", d_good AS (SELECT d.*, " + moved(column.type, "d." + place, greater, Side::before) + " AS low, " + moved(column.type, "d." + place, less, Side::after) +
	                  " AS high FROM d), d_near AS MATERIALIZED (SELECT d.*, " + moved(column.type, "d.low", less, Side::before) + " AS lowest, " +
	                  moved(column.type, "d.high", greater, Side::after) + " AS highest FROM d_good d)";
	std::string rows = "SELECT s.ctid AS id, " + from("low", "high") + " AS good FROM " + p.table + " s WHERE " + mine + from("lowest", "highest");
	if (!column.not_null)
		rows += " UNION ALL SELECT s.ctid, true FROM " + p.table + " s WHERE " + mine + "s." + place + " IS NULL AND d." + place + " IS NULL";
	return out + ", q AS MATERIALIZED (SELECT q.id, bool_or(q.good) AS good FROM d_near d, LATERAL (" + rows + ") q GROUP BY q.id)";
}

}  // namespace

std::string Compiler::around_changes(const Partition &p, const std::string &gone, const std::string &came)
{
	std::string near = p.reach->unit == Reach::Unit::groups ? near_groups(p) : near_distances(p);
	std::string rows = "SELECT q.id, " + list(all_of("s.", p.row())) + ", q.good FROM q JOIN " + p.table + " s ON s.ctid = q.id UNION ALL SELECT NULL::tid AS id, " +
	                   list(all_of("i.", p.row())) + ", true AS good FROM " + came + " i";
	return "WITH RECURSIVE d AS MATERIALIZED (" + changed_places(p, gone, came) + ")" + near + " SELECT x.* FROM (" + p.worked_out(rows) + ") x WHERE x.good";
}

}  // namespace delta
