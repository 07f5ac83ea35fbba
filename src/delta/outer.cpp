// Left join with any ON condition.
//
//   A ⟕ B = A ⋈ B + pad(A, B),   pad = rows of A without a match, NULLs beside them
//
// The inner part has the law of the inner join.  For the padding, with m(a) the
// number of matches of a row a (new), d(a) their change, m(a) - d(a) the old number:
//
//   Δpad = Σ over a of ΔA(a) · [m(a) - d(a) = 0]
//        + Σ over a of A(a) · ([m(a) = 0] - [m(a) - d(a) = 0])
//
// The second sum has only rows of A that some row of ΔB matches.  m is counted
// no further than d + 1: enough to tell whether it crosses zero, so a key with
// a million matches costs no more than one with two.
#include "compile.h"

#include "pg/sql.hpp"

namespace delta {

namespace {

// The ON condition with the left input called a and the right b.
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

std::string padded(const Operator &node, const std::string &a)
{
	int width = node.inputs[0]->width();
	std::vector<std::string> out;
	for (int i = 0; i < node.width(); i++)
		out.push_back((i < width ? a + ".c" + std::to_string(i + 1)
		                         : "NULL::" + pg::type_name(node.columns[i].type)) +
		              " AS c" + std::to_string(i + 1));
	return pg::join(out, ", ");
}

std::set<int> equated(const Operator &node, int input)
{
	std::set<int> out;
	for (const auto &e : node.equalities)
		out.insert(e.left_input == input ? e.left_column : e.right_column);
	return out;
}

}  // namespace

std::string Compiler::left_delta(Operator &node)
{
	Operator &left = *node.inputs[0], &right = *node.inputs[1];
	for (const Column &column : left.columns)
		if (!pg::has_hash(column.type) || !pg::has_equality(column.type))
			pg::fail(ERRCODE_FEATURE_NOT_SUPPORTED,
			         "a LEFT JOIN that preserves column \"" + column.name + "\" of type " + pg::type_name(column.type) +
			             " has no differential law",
			         "The type has no equality.", "Cast the column, for example json to jsonb.");
	std::string da = materialized(left), db = materialized(right);
	std::string name = "z_d" + std::to_string(node.id);
	define(name, delta_columns(node));
	join_terms(node, {da, db}, name);

	auto rights = [&](bool bulk) { return "(" + current(right, equated(node, 1), bulk) + ") b"; };
	// Matches of one row, counted no further than needed to tell m from d.
	std::string matches = " CROSS JOIN LATERAL (SELECT COALESCE(sum(q.w), 0) AS m FROM (SELECT b.w FROM " +
	                      rights(false) + " WHERE " + on(node, "a", "b") +
	                      " LIMIT GREATEST(COALESCE(d.d, 0), 0) + 1) q) m";
	std::string change = "d AS (SELECT a.rid, sum(b.w)::int8 AS d FROM a, " + db + " b WHERE " +
	                     on(node, "a", "b") + " GROUP BY a.rid)";

	auto unmatched = [&](bool bulk) {
		return "SELECT " + padded(node, "a") + ", a.w FROM " + da + " a WHERE NOT EXISTS (SELECT 1 FROM " +
		       rights(bulk) + " WHERE " + on(node, "a", "b") + ")";
	};
	step(node.id, "changed rows of the left input without a match", {da},
	     {unmatched(false), unmatched(true), {}, name, false})
	    .none = {db};

	step(node.id, "changed rows of the left input that had no match", {da, db},
	     {"WITH a AS MATERIALIZED (SELECT row_number() OVER () AS rid, z.* FROM " + da + " z), " + change + " SELECT " +
	          padded(node, "a") + ", a.w FROM a LEFT JOIN d ON d.rid = a.rid" + matches +
	          " WHERE m.m - COALESCE(d.d, 0) <= 0",
	      {}, {}, name, false});

	auto crossing = [&](bool bulk) {
		std::string columns = columns_of("x", left.width());
		return "WITH a AS MATERIALIZED (SELECT row_number() OVER () AS rid, z.* FROM (SELECT " + columns +
		       ", sum(x.w)::int8 AS w FROM (" + current(left, equated(node, 0), bulk) +
		       ") x WHERE EXISTS (SELECT 1 FROM " + db + " b WHERE " + on(node, "x", "b") + ") GROUP BY " + columns +
		       ") z), " + change + " SELECT " + padded(node, "a") +
		       ", CASE WHEN m.m <= 0 THEN a.w ELSE -a.w END AS w FROM a JOIN d ON d.rid = a.rid" + matches +
		       " WHERE d.d <> 0 AND (m.m <= 0) <> (m.m - d.d <= 0)";
	};
	step(node.id, "rows of the left input whose first match came or last match went", {db},
	     {crossing(false), crossing(true), {}, name, false});
	return "SELECT " + columns_of("x", node.width()) + ", x.w FROM " + name + " x";
}

std::string Compiler::left_current(const Operator &node, const std::set<int> &probe, bool bulk)
{
	int width = node.inputs[0]->width();
	std::set<int> a, b = equated(node, 1);
	for (int column : probe)
		if (column < width)
			a.insert(column);
		else
			b = {column - width};
	std::vector<std::string> out;
	for (int i = 0; i < node.width(); i++)
		out.push_back((i < width ? "a.c" + std::to_string(i + 1) : "b.c" + std::to_string(i - width + 1)) + " AS c" +
		              std::to_string(i + 1));
	return "SELECT " + pg::join(out, ", ") + ", a.w * COALESCE(b.w, 1) AS w FROM (" +
	       current(*node.inputs[0], a, bulk) + ") a LEFT JOIN (" + current(*node.inputs[1], b, bulk) + ") b ON " +
	       on(node, "a", "b");
}

}  // namespace delta
