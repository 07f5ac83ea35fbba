// What is computed in FROM: functions, VALUES, JSON_TABLE, XMLTABLE, subqueries over these.
//
// Of constants alone it is a relation without a change, but for now() (time.cpp).  Of the columns of a row it is linear, also where a row
// without any stays, padded:
//
//   Δ(X × f(X)) = ΔX × f(ΔX)        Δ(X ⟕ f(X)) = ΔX ⟕ f(ΔX)
//
// There is no state: f of the row that goes is what it was when the row came.
#include "compile.h"

#include "pg/sql.hpp"

namespace delta {

namespace {

// "f(c1, c2, …)"
std::string aliased(int columns)
{
	std::vector<std::string> out;
	for (int i = 1; i <= columns; i++)
		out.push_back("c" + std::to_string(i));
	return "f(" + pg::join(out, ", ") + ")";
}

}  // namespace

std::string Compiler::function_over(const Operator &node, const std::string &from, bool at_last) const
{
	int width = node.inputs[0]->width(), computed = node.width() - width;
	auto column = [&](int i) { return i < width ? "x.c" + std::to_string(i + 1) : "f.c" + std::to_string(i - width + 1); };
	std::vector<std::string> out, on;
	for (int i = 0; i < node.width(); i++)
		out.push_back(column(i) + " AS c" + std::to_string(i + 1));
	for (const Expression &condition : node.conditions)
		on.push_back(query::render(at_last && condition.uses_time() ? condition.at_last : condition.text, column));
	return "SELECT " + pg::join(out, ", ") + ", x.w FROM (" + from + ") x " + (node.padded ? "LEFT" : "CROSS") + " JOIN LATERAL " +
	       query::render(at_last && node.relation_of.uses_time() ? node.relation_of.at_last : node.relation_of.text, "x") + " " + aliased(computed) + (node.padded ? " ON " + and_all(on) : "");
}

// An ephemeral relation that nothing is ever put into.
std::string Compiler::no_delta(const Operator &node)
{
	std::string name = "z_d" + std::to_string(node.id);
	define(name, delta_columns(node));
	return "SELECT " + columns_of("x", node.width()) + (node.width() ? ", " : "") + "x.w FROM " + name + " x";
}

std::string Compiler::constant_at(const Operator &node, bool at_last) const
{
	return "SELECT " + columns_of("f", node.width()) + (node.width() ? ", " : "") + "1::int8 AS w FROM " +
	       (at_last ? node.relation_of.at_last : node.relation_of.text) + " " + aliased(node.width());
}

std::string Compiler::function_delta(Operator &node)
{
	return uses_time(node) ? moving_delta(node) : function_over(node, delta(*node.inputs[0]));
}

std::string Compiler::function_current(const Operator &node, const std::set<int> &probe, bool bulk)
{
	std::set<int> of_input;
	for (int column : probe)
		if (column < node.inputs[0]->width())
			of_input.insert(column);
	return function_over(node, current(*node.inputs[0], of_input, bulk));
}

}  // namespace delta
