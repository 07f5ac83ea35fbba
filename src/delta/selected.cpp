// A filter that lets few rows of a large table through, which are kept.
//
//   state   the rows themselves, found by the table's key
//
// Who looks for rows by a key would find them in the table first and then reject nearly all of them, one page a change; here they
// are found, or not, in a table of a few pages.  Which filters that is worth for is chosen when state is made (view/kept.h).
#include "compile.h"

#include "pg/sql.hpp"

#include <algorithm>

namespace delta {

namespace {

std::vector<std::string> names(const Operator &node)
{
	std::vector<std::string> out;
	for (const Column &column : numbered_columns(node))
		out.push_back(column.name);
	return out;
}

std::vector<Column> key_of(const Operator &node)
{
	std::vector<Column> all = numbered_columns(node), out;
	for (int column : node.inputs[0]->identity)
		out.push_back(all[column]);
	return out;
}

}  // namespace

std::string Compiler::selected_table(const Operator &node) const
{
	return "pgtrickle_state.f" + std::to_string(view_) + "_" + std::to_string(node.kept);
}

std::string Compiler::selected_delta(Operator &node)
{
	std::string table = selected_table(node), name = "z_d" + std::to_string(node.id), list = pg::join(names(node), ", ");
	std::string changed = filter_over(node, delta(*node.inputs[0]));
	std::vector<std::string> definitions, same;
	for (const Column &column : numbered_columns(node))
		definitions.push_back(column.name + " " + pg::type_name(column.type, column.typmod) + collation(column));
	for (const Column &column : key_of(node))
		same.push_back(pg::equal(column.type, "s." + column.name, "b." + column.name));
	State state{node.id, "selected", table, {"CREATE TABLE " + table + " (" + pg::join(definitions, ", ") + ")"}, {}, {}, {}};
	state.fill = "SELECT " + columns_of("x", node.width()) + " FROM (" + filter_over(node, current(*node.inputs[0], {}, true)) + ") x";
	state.filled = names(node);
	state.index = {index_by(table, key_of(node))};
	program_.states.push_back(std::move(state));
	for (const std::set<int> &probe : probes_[node.id])
		index_for_probe(node, probe, "c");
	note(node, "its rows are kept");

	define(name, delta_columns(node));
	step(node.id, "changed rows that it lets through", {}, {changed, {}, {}, {}, name, false}).any = ephemerals_in(changed);
	step(node.id, "rows that are kept no longer", {name}, {"DELETE FROM " + table + " s USING " + name + " b WHERE b.w < 0 AND " + and_all(same), {}, {}, {}, {}, true});
	step(node.id, "rows that are kept now", {name},
	     {"INSERT INTO " + table + " (" + list + ") SELECT " + columns_of("b", node.width()) + " FROM " + name + " b WHERE b.w > 0", {}, {}, {}, {}, true});
	return "SELECT " + columns_of("x", node.width()) + ", x.w FROM " + name + " x";
}

std::string Compiler::selected_current(const Operator &node, const std::set<int> &probe)
{
	index_for_probe(node, probe, "c");
	return "SELECT " + columns_of("s", node.width()) + ", 1::int8 AS w FROM " + selected_table(node) + " s";
}

}  // namespace delta
