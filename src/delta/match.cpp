// Rows of one relation by whether another has a match for them, with any ON condition.
//
//   pad(A, B)    rows of A without a match, NULLs beside them: what a left join adds to the inner one
//   anti(A, B)   the same rows as they are
//   semi(A, B)   rows of A with a match
//
// With m(a) the number of matches of a row a (new), d(a) their change, m(a) - d(a) the old number:
//
//   Δanti = Σ over a of ΔA(a) · [m(a) - d(a) = 0]
//         + Σ over a of A(a) · ([m(a) = 0] - [m(a) - d(a) = 0])
//
// and Δsemi with > 0 for = 0.  Where ON only equates columns, m depends on the key alone: state keeps the
// number of rows of B per key, and the second sum has only rows of A whose key's number leaves or reaches
// zero.  The old number of a row's key is that from before, of a key that has changed, or else that of the state: two left joins,
// which the planner makes by hashes for many rows and by the index for one.  An EXISTS of either would look through all changed keys
// for each row.  For any other condition (and where B has one row a key at most) there is no state: m is counted
// for rows of A that some row of ΔB matches, no further than d + 1, enough to tell whether it crosses zero.
// If B always has one row, there is nothing to count: threshold.cpp.
#include "match.h"

#include "pg/sql.hpp"

#include <algorithm>

namespace delta {

namespace {

// The row of the left input called a, as the operator shows it.
std::string shown(const Operator &node, const std::string &a)
{
	int width = node.inputs[0]->width();
	std::vector<std::string> out;
	for (int i = 0; i < node.width(); i++)
		out.push_back((i < width ? a + ".c" + std::to_string(i + 1)
		                         : "NULL::" + pg::type_name(node.columns[i].type)) +
		              " AS c" + std::to_string(i + 1));
	return pg::join(out, ", ");
}

// Does it show rows with a match, rather than those without?
bool shows_matched(const Operator &node)
{
	return node.kind == query::Kind::semi_join;
}

bool only_equates(const Operator &node)
{
	return !node.conditions.empty() && node.conditions.size() == node.equalities.size();
}

bool one_row_a_key(const Operator &node)
{
	auto unique = query::unique_key(*node.inputs[1]);
	std::set<int> key = equated(node, 1);
	return unique && std::all_of(unique->begin(), unique->end(), [&](int column) { return key.contains(column); });
}

// Are values equal in the condition if and only if they are one key?  Then a row has one key at most.
bool alike_on(const Operator &node)
{
	return std::all_of(node.equalities.begin(), node.equalities.end(), [](const auto &e) { return e.alike; });
}

// Did any of the keys that a row of the left input equals have matches: one that has changed, or one that has not?
std::string had_by_any_key(const Operator &node, const std::set<int> &key, const std::string &changed, const std::string &table)
{
	std::vector<std::string> same;
	for (int column : key) {
		std::string c = "c" + std::to_string(column + 1);
		same.push_back(pg::equal(node.inputs[1]->columns[column].type, "k." + c, "s." + c));
	}
	return "EXISTS (SELECT 1 FROM " + changed + " k WHERE k.old_n > 0 AND " + on(node, "a", "k") + ") OR EXISTS (SELECT 1 FROM " + table + " s WHERE " +
	       on(node, "a", "s") + " AND NOT EXISTS (SELECT 1 FROM " + changed + " k WHERE " + and_all(same) + "))";
}

// Rows x of the left input that a row of the right one's change may match: found by its keys, each of them once.  A semi join
// would look at them all, where the planner thinks that few are left by the filters on the way.
std::string touched_by(const Operator &node, const std::string &x, const std::string &db)
{
	if (node.equalities.empty() || !alike_on(node))
		return x + " WHERE EXISTS (SELECT 1 FROM " + db + " b WHERE " + on(node, "x", "b") + ")";
	std::vector<std::string> keys, same;
	for (int column : equated(node, 1))
		keys.push_back("b.c" + std::to_string(column + 1));
	int width = node.inputs[0]->width();
	for (const auto &e : node.equalities)
		same.push_back(query::render(node.conditions[e.condition].text, [&](int column) {
			return column < width ? "x.c" + std::to_string(column + 1) : "k.c" + std::to_string(column - width + 1);
		}));
	return "(SELECT DISTINCT " + pg::join(keys, ", ") + " FROM " + db + " b) k, " + x + " WHERE " + and_all(same);
}

}  // namespace

std::string on(const Operator &node, const std::string &a, const std::string &b)
{
	int width = node.inputs[0]->width();
	std::vector<std::string> out;
	for (const Expression &condition : node.conditions)
		out.push_back(query::render(condition.text, [&](int column) {
			return column < width ? a + ".c" + std::to_string(column + 1)
			                      : b + ".c" + std::to_string(column - width + 1);
		}));
	return and_all(out);
}

std::set<int> equated(const Operator &node, int input)
{
	std::set<int> out;
	for (const auto &e : node.equalities)
		out.insert(e.left_input == input ? e.left_column : e.right_column);
	return out;
}

std::string before_more(const std::string &list)
{
	return list.empty() ? list : list + ", ";
}

void Compiler::match_left(Operator &node, const std::string &da, const std::string &db, const std::string &name)
{
	if (query::compares_with_one_row(node))
		match_one_row(node, da, db, name);
	else if (only_equates(node) && !one_row_a_key(node))
		match_by_degree(node, da, db, name);
	else
		match_by_counting(node, da, db, name);
}

void Compiler::match_by_degree(Operator &node, const std::string &da, const std::string &db, const std::string &name)
{
	Operator &left = *node.inputs[0], &right = *node.inputs[1];
	bool matched = shows_matched(node);
	std::string table = rows_table(node, "n"), crossing = "z_k" + std::to_string(node.id);
	std::set<int> key = equated(node, 1);
	std::vector<std::string> definitions, names, present, same, returned, qualified;
	std::vector<Column> columns;
	for (int column : key) {
		std::string c = "c" + std::to_string(column + 1);
		const Column &type = right.columns[column];
		definitions.push_back(c + " " + pg::type_name(type.type, type.typmod) + collation(type) + " NOT NULL");
		names.push_back(c);
		qualified.push_back("b." + c);
		present.push_back("b." + c + " IS DISTINCT FROM NULL");
		same.push_back(pg::equal(type.type, "s." + c, "u." + c));
		returned.push_back("COALESCE(new." + c + ", old." + c + ") AS " + c);
		columns.push_back(type);
		columns.back().name = c;
	}
	std::string list = pg::join(names, ", "), by = pg::join(qualified, ", ");
	auto counted = [&](const std::string &from) {
		return "SELECT " + by + ", sum(b.w)::int8 AS n FROM " + from + " b WHERE " + and_all(present) + " GROUP BY " + by +
		       " HAVING sum(b.w) <> 0";
	};
	State state{node.id, "degrees", table, {}, {}, {}, {}};
	state.create = {"CREATE TABLE " + table + " (" + pg::join(definitions, ", ") + ", n int8 NOT NULL) WITH (fillfactor = 50)"};
	state.fill = counted("(" + content(right) + ")");
	state.filled = names;
	state.filled.push_back("n");
	state.index = {index_by(table, columns)};
	program_.states.push_back(state);

	columns.push_back(int8_column("old_n"));
	columns.push_back(int8_column("new_n"));
	define(crossing, columns);
	Statement merge;
	merge.sql = "MERGE INTO " + table + " s USING (" + counted(db) + " ORDER BY " + by + ") u ON " + and_all(same) +
	            " WHEN MATCHED AND s.n + u.n = 0 THEN DELETE WHEN MATCHED THEN UPDATE SET n = s.n + u.n"
	            " WHEN NOT MATCHED THEN INSERT (" + list + ", n) VALUES (u." + pg::join(names, ", u.") + ", u.n) RETURNING " +
	            pg::join(returned, ", ") + ", COALESCE(old.n, 0)::int8 AS old_n, COALESCE(new.n, 0)::int8 AS new_n";
	merge.into = crossing;
	merge.modifies = true;
	step(node.id, "matches per key", {db}, merge);

	std::string had = alike_on(node) ? da + " a LEFT JOIN " + crossing + " k ON " + on(node, "a", "k") + " LEFT JOIN " + table + " s ON " + on(node, "a", "s") +
	                                       " WHERE COALESCE(k.old_n, s.n, 0) " + (matched ? "> 0" : "<= 0")
	                                 : da + " a WHERE " + (matched ? "" : "NOT ") + "(" + had_by_any_key(node, key, crossing, table) + ")";
	step(node.id, std::string("changed rows of the left input that had ") + (matched ? "a" : "no") + " match", {da},
	     {"SELECT " + before_more(shown(node, "a")) + "a.w FROM " + had, {}, {}, {}, name, false});

	auto crossed = [&](bool bulk) {
		return "SELECT " + before_more(shown(node, "a")) + "CASE WHEN k.new_n " + (matched ? "<= 0" : "> 0") + " THEN -a.w ELSE a.w END AS w FROM (SELECT * FROM " +
		       crossing + " z WHERE (z.old_n > 0) <> (z.new_n > 0)) k, (" + current(left, equated(node, 0), bulk) +
		       ") a WHERE " + on(node, "a", "k");
	};
	step(node.id, "rows of the left input whose first match came or last match went", {crossing},
	     {crossed(false), crossed(true), bases_of(left), {}, name, false});
}

void Compiler::match_by_counting(Operator &node, const std::string &da, const std::string &db, const std::string &name)
{
	Operator &left = *node.inputs[0], &right = *node.inputs[1];
	bool matched = shows_matched(node);
	auto rights = [&](bool bulk) { return "(" + current(right, equated(node, 1), bulk) + ") b"; };
	// Matches of one row, counted no further than needed to tell m from d; in bulk, of all rows at once.
	std::string counted = " CROSS JOIN LATERAL (SELECT COALESCE(sum(q.w), 0) AS m FROM (SELECT b.w FROM " +
	                      rights(false) + " WHERE " + on(node, "a", "b") +
	                      " LIMIT GREATEST(COALESCE(d.d, 0), 0) + 1) q) m";
	std::string counted_in_bulk = " LEFT JOIN (SELECT a.rid, sum(b.w) AS m FROM a, " + rights(true) + " WHERE " +
	                              on(node, "a", "b") + " GROUP BY a.rid) m ON m.rid = a.rid";
	std::string change = "d AS (SELECT a.rid, sum(b.w)::int8 AS d FROM a, " + db + " b WHERE " +
	                     on(node, "a", "b") + " GROUP BY a.rid)";
	const std::string m = "COALESCE(m.m, 0)", d = "COALESCE(d.d, 0)";

	auto unmatched = [&](bool bulk) {
		return "SELECT " + before_more(shown(node, "a")) + "a.w FROM " + da + " a WHERE " + (matched ? "" : "NOT ") + "EXISTS (SELECT 1 FROM " +
		       rights(bulk) + " WHERE " + on(node, "a", "b") + ")";
	};
	step(node.id, std::string("changed rows of the left input with") + (matched ? "" : "out") + " a match", {da},
	     {unmatched(false), unmatched(true), bases_of(right), {}, name, false})
	    .none = {db};

	auto had_none = [&](bool bulk) {
		return "WITH a AS MATERIALIZED (SELECT row_number() OVER () AS rid, z.* FROM " + da + " z), " + change + " SELECT " +
		       before_more(shown(node, "a")) + "a.w FROM a LEFT JOIN d ON d.rid = a.rid" + (bulk ? counted_in_bulk : counted) +
		       " WHERE " + m + " - " + d + (matched ? " > 0" : " <= 0");
	};
	step(node.id, std::string("changed rows of the left input that had ") + (matched ? "a" : "no") + " match", {da, db},
	     {had_none(false), had_none(true), bases_of(right), {}, name, false});

	auto crossing = [&](bool bulk) {
		Alike rows = alike("x", numbered_columns(left), true);
		return "WITH a AS MATERIALIZED (SELECT row_number() OVER () AS rid, z.* FROM (SELECT " + before_more(pg::join(rows.shown, ", ")) +
		       "sum(x.w)::int8 AS w FROM " + touched_by(node, "(" + current(left, equated(node, 0), bulk) + ") x", db) +
		       (rows.by.empty() ? "" : " GROUP BY " + pg::join(rows.by, ", ")) + " HAVING count(*) > 0) z), " + change + " SELECT " + before_more(shown(node, "a")) + "CASE WHEN " + m +
		       (matched ? " > 0" : " <= 0") + " THEN a.w ELSE -a.w END AS w FROM a JOIN d ON d.rid = a.rid" + (bulk ? counted_in_bulk : counted) +
		       " WHERE d.d <> 0 AND (" + m + " <= 0) <> (" + m + " - d.d <= 0)";
	};
	step(node.id, "rows of the left input whose first match came or last match went", {db},
	     {crossing(false), crossing(true), bases_of(node), {}, name, false});
}

}  // namespace delta
