// Semi and anti join with any ON condition: EXISTS, IN, NOT EXISTS, NOT IN.
//
//   A ⋉ B = rows of A with a match in B,   A ▷ B = rows of A without
//
// Their law is that of match.cpp; their columns are those of A.
#include "match.h"

#include "pg/sql.hpp"

namespace delta {

std::string Compiler::semi_delta(Operator &node)
{
	std::string da = materialized(*node.inputs[0]), db = materialized(*node.inputs[1]);
	std::string name = "z_d" + std::to_string(node.id);
	define(name, delta_columns(node));
	lock_pairs(node, {da, db}, Excludes::everybody);
	match_left(node, da, db, name);
	if (node.equalities.empty() && !query::compares_with_one_row(node))
		note(node, "input " + std::to_string(node.inputs[1]->id) + " has no equality with input " + std::to_string(node.inputs[0]->id) +
		               ": each is scanned for changes of the other");
	return "SELECT " + before_more(columns_of("x", node.width())) + "x.w FROM " + name + " x";
}

std::string Compiler::semi_over(const Operator &node, const std::string &input, bool bulk)
{
	return "SELECT " + before_more(columns_of("a", node.width())) + "a.w FROM (" + input + ") a WHERE " +
	       (node.kind == query::Kind::semi_join ? "" : "NOT ") + "EXISTS (SELECT 1 FROM (" +
	       current(*node.inputs[1], equated(node, 1), bulk) + ") b WHERE " + on(node, "a", "b") + ")";
}

std::string Compiler::semi_current(const Operator &node, const std::set<int> &probe, bool bulk)
{
	return semi_over(node, current(*node.inputs[0], probe, bulk), bulk);
}

}  // namespace delta
