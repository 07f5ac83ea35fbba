// Left join with any ON condition.
//
//   A ⟕ B = A ⋈ B + pad(A, B),   pad = rows of A without a match, NULLs beside them
//
// The inner part has the law of the inner join, the padding that of match.cpp.
#include "match.h"

#include "pg/sql.hpp"

namespace delta {

namespace {

std::string both(const Operator &node, const std::string &left, const std::string &right)
{
	int width = node.inputs[0]->width();
	std::vector<std::string> out;
	for (int i = 0; i < node.width(); i++)
		out.push_back((i < width ? "a.c" + std::to_string(i + 1) : "b.c" + std::to_string(i - width + 1)) + " AS c" +
		              std::to_string(i + 1));
	return "SELECT " + before_more(pg::join(out, ", ")) + "a.w * COALESCE(b.w, 1) AS w FROM (" + left + ") a LEFT JOIN (" + right + ") b ON " +
	       on(node, "a", "b");
}

}  // namespace

std::string Compiler::left_delta(Operator &node)
{
	std::string da = materialized(*node.inputs[0]), db = materialized(*node.inputs[1]);
	std::string name = "z_d" + std::to_string(node.id);
	define(name, delta_columns(node));
	lock_pairs(node, {da, db}, Excludes::everybody);
	join_terms(node, {da, db}, name);
	match_left(node, da, db, name);
	return "SELECT " + before_more(columns_of("x", node.width())) + "x.w FROM " + name + " x";
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
	return both(node, current(*node.inputs[0], a, bulk), current(*node.inputs[1], b, bulk));
}

std::string Compiler::left_over(const Operator &node, const std::string &input, bool bulk)
{
	return both(node, input, current(*node.inputs[1], equated(node, 1), bulk));
}

}  // namespace delta
