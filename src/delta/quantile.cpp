#include "quantile.h"

#include "pg/sql.hpp"

namespace delta {

using query::Quantile;

namespace {

std::string of(const std::string &prefix, int aggregate, size_t fraction)
{
	return number(prefix, aggregate) + "_" + std::to_string(fraction + 1);
}

std::string fraction_of(const Quantile &q, size_t j)
{
	return "'" + q.fractions[j] + "'::float8";
}

// By the server's rules (orderedsetaggs.c): the place of the value, from 1, and how far the result lies on the way to the next one.
std::string rank(const Quantile &q, size_t j, const std::string &count)
{
	std::string p = fraction_of(q, j), n = "(" + count + ")";
	return q.continuous ? "pg_catalog.floor(" + p + " * (" + n + " - 1)::float8)::int8 + 1" : "GREATEST(pg_catalog.ceil(" + p + " * " + n + "::float8)::int8, 1)";
}

std::string way(const Quantile &q, size_t j, const std::string &count)
{
	std::string at = fraction_of(q, j) + " * (" + count + " - 1)::float8";
	return q.continuous ? at + " - pg_catalog.floor(" + at + ")" : "0::float8";
}

// v, below, upto: the first value on from a place, or back from it, for which the condition holds; so many lie below it,
// and with its equals.
std::string first_on(const Quantile &q, const std::string &values, const std::string &from, const std::string &where)
{
	std::string order = " ORDER BY t.v1" + std::string(q.descending ? " DESC" : "");
	return "(SELECT q.v, q.below, q.upto FROM (SELECT t.v1 AS v, k.below + COALESCE(sum(t.n) OVER (" + order +
	       " GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)::int8 AS below, k.below + (sum(t.n) OVER (" + order + "))::int8 AS upto FROM " + values + from +
	       ") q WHERE " + where + " AND q.upto >= k.rank ORDER BY q.v" + (q.descending ? " DESC" : "") + " LIMIT 1)";
}

std::string first_back(const Quantile &q, const std::string &values, const std::string &from, const std::string &where)
{
	std::string order = " ORDER BY t.v1" + std::string(q.descending ? "" : " DESC");
	return "(SELECT q.v, q.below, q.upto FROM (SELECT t.v1 AS v, k.below - (sum(t.n) OVER (" + order + "))::int8 AS below, k.below - COALESCE(sum(t.n) OVER (" +
	       order + " GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)::int8 AS upto FROM " + values + from + ") q WHERE " + where +
	       " AND q.below < k.rank ORDER BY q.v" + (q.descending ? "" : " DESC") + " LIMIT 1)";
}

// The server's own way between two values.
std::string result(const Quantile &q, const std::string &values)
{
	if (!q.continuous)
		return "w.v";
	std::string next = "(SELECT t.v1 FROM " + values + " AND t.v1 " + (q.descending ? "<" : ">") + " w.v ORDER BY t.v1" + (q.descending ? " DESC" : "") + " LIMIT 1)";
	return "(SELECT pg_catalog.percentile_cont(k.way) WITHIN GROUP (ORDER BY y.v" + std::string(q.descending ? " DESC" : "") +
	       ") FROM (VALUES (w.v), (CASE WHEN k.way = 0 OR w.upto > k.rank THEN w.v ELSE " + next + " END)) y(v))";
}

}  // namespace

std::string place(int aggregate, size_t fraction)
{
	return of("q", aggregate, fraction);
}

std::string before(int aggregate, size_t fraction)
{
	return of("b", aggregate, fraction);
}

std::string moved(int aggregate, size_t fraction)
{
	return of("moved", aggregate, fraction);
}

std::string moved_before(const Grouping &g, int aggregate, size_t fraction)
{
	const char *earlier = g.node.aggregates[aggregate].quantile->descending ? " > " : " < ";
	return "COALESCE(sum(e.moved) FILTER (WHERE e.v1" + (earlier + ("o." + place(aggregate, fraction))) + "), 0)::int8 AS " + moved(aggregate, fraction);
}

std::string new_places(const Grouping &g, int i, const Walk &walk)
{
	const Quantile &q = *g.node.aggregates[i].quantile;
	std::string values = g.values[g.values_of.at(i)].table + " t WHERE t.g = " + walk.group + ".g", out;
	const char *on = q.descending ? "<=" : ">=", *back = q.descending ? ">" : "<";
	for (size_t j = 0; j < q.fractions.size(); j++) {
		bool anew = walk.at.empty();
		std::string found = anew ? "NULL" : walk.at + "." + place(i, j);
		std::string below = anew ? "0" : "COALESCE(" + walk.at + "." + before(i, j) + " + " + walk.change + "." + moved(i, j) + ", 0)";
		std::string from = "SELECT " + rank(q, j, walk.count) + " AS rank, " + way(q, j, walk.count) + " AS way, " + below + "::int8 AS below" +
		                   (anew ? "" : ", " + found + " AS at") + " WHERE " + walk.where;
		std::string ways = anew ? first_on(q, values, "", "true")
		                        : first_on(q, values, " AND t.v1 " + std::string(on) + " k.at", "k.at IS NOT NULL AND k.below < k.rank") + " UNION ALL " +
		                              first_back(q, values, " AND t.v1 " + std::string(back) + " k.at", "k.at IS NOT NULL AND k.below >= k.rank") + " UNION ALL " +
		                              first_on(q, values, "", "k.at IS NULL");
		out += " LEFT JOIN LATERAL (SELECT w.v, w.below, " + result(q, values) + " AS r FROM (" + from + ") k, LATERAL (" + ways + ") w) " + of("l", i, j) + " ON true";
	}
	return out;
}

std::vector<std::pair<std::string, std::string>> placed(const Grouping &g, int i, const Walk &walk)
{
	const query::Aggregate &a = g.node.aggregates[i];
	std::vector<std::pair<std::string, std::string>> out;
	std::vector<std::string> results;
	for (size_t j = 0; j < a.quantile->fractions.size(); j++) {
		std::string found = of("l", i, j);
		out.push_back({place(i, j), found + ".v"});
		out.push_back({before(i, j), found + ".below"});
		results.push_back(found + ".r");
	}
	out.push_back({number("m", i), !a.quantile->many ? results[0]
	                                                 : "CASE WHEN " + walk.count + " > 0 THEN ARRAY[" + pg::join(results, ", ") + "]::" + pg::type_name(a.type.type) + " END"});
	return out;
}

}  // namespace delta
