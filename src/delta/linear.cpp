// Scan, filter, project, union all: the delta of f is f of the delta, unless f uses time (time.cpp) or its rows are kept (selected.cpp).
#include "compile.h"

#include "pg/sql.hpp"

extern "C" {
#include "catalog/pg_type.h"
}

#include <algorithm>

namespace delta {

namespace {

std::string named(const std::string &value, int column)
{
	return value + " AS c" + std::to_string(column + 1);
}

std::string select(std::vector<std::string> columns, const std::string &weight, const std::string &from)
{
	columns.push_back(weight + " AS w");
	return "SELECT " + pg::join(columns, ", ") + " FROM " + from;
}

std::set<int> mapped(const std::set<int> &probe, const std::function<int(int)> &map)
{
	std::set<int> out;
	for (int column : probe)
		if (int to = map(column); to >= 0)
			out.insert(to);
	return out;
}

}  // namespace

// ---- scan ----

std::string Compiler::scan_delta(Operator &node)
{
	auto batch = std::find_if(program_.batches.begin(), program_.batches.end(),
	                          [&](const Batch &b) { return b.relation == node.relation; });
	std::string name = "z_b" + std::to_string(node.relation);
	if (batch == program_.batches.end())
		batch = program_.batches.insert(batch, {node.relation, {}, name});
	auto &columns = program_.ephemerals[name].columns;
	if (columns.empty())
		columns.push_back(int8_column("w"));
	std::vector<std::string> out;
	for (int i = 0; i < node.width(); i++) {
		int attribute = node.attributes[i];
		if (std::find(batch->attributes.begin(), batch->attributes.end(), attribute) == batch->attributes.end()) {
			batch->attributes.push_back(attribute);
			Column column = node.columns[i];
			column.name = "a" + std::to_string(attribute);
			columns.insert(columns.end() - 1, column);
		}
		out.push_back(named("b.a" + std::to_string(attribute), i));
	}
	return select(out, "b.w", name + " b");
}

std::string Compiler::scan_current(const Operator &node, const std::set<int> &probe, bool bulk)
{
	std::set<int> key;
	for (int column : probe)
		key.insert(node.attributes[column]);
	Access access;
	if (!key.empty())
		access = catalog_.access(node.relation, key, node.attributes);
	if (!access.note.empty())
		note(node, access.note);
	bool arranged = access.how == Access::How::arrangement && !bulk;
	bool carries_all = arranged && access.identity.empty();
	std::vector<std::string> out, on;
	for (int i = 0; i < node.width(); i++) {
		int attribute = node.attributes[i];
		bool from_arrangement = carries_all || (arranged && access.key.contains(attribute));
		out.push_back(named(from_arrangement ? "k.a" + std::to_string(attribute)
		                                     : "t." + pg::quote_ident(pg::attribute_name(node.relation, attribute)),
		                    i));
	}
	std::string base = pg::relation_name(node.relation) + " t";
	if (!arranged)
		return select(out, "1::int8", base);
	if (carries_all)
		return select(out, "k.n", access.table + " k");
	for (int attribute : access.identity) {
		std::string name = "t." + pg::quote_ident(pg::attribute_name(node.relation, attribute));
		on.push_back(name + " = k.a" + std::to_string(attribute));
	}
	return select(out, "1::int8", access.table + " k JOIN " + base + " ON " + and_all(on));
}

// ---- filter ----

std::string Compiler::filter_delta(Operator &node)
{
	if (node.kept > 0)
		return selected_delta(node);
	return uses_time(node) ? moving_delta(node) : filter_over(node, delta(*node.inputs[0]));
}

std::string Compiler::filter_current(const Operator &node, const std::set<int> &probe, bool bulk)
{
	if (node.kept > 0)
		return selected_current(node, probe);
	std::string waiting = filling_ ? filter_waiting(node) : std::string();
	return waiting.empty() ? filter_over(node, current(*node.inputs[0], probe, bulk)) : waiting;
}

std::string Compiler::filter_over(const Operator &node, const std::string &input, bool at_last) const
{
	return "SELECT " + columns_of("x", node.width()) + (node.width() ? ", " : "") + "x.w FROM (" + input +
	       ") x WHERE " + and_all(conditions_over(node.conditions, "x", at_last));
}

// ---- project ----

std::string Compiler::project_over(const Operator &node, const std::string &input, bool at_last) const
{
	std::vector<std::string> out = projected(node, at_last);
	for (int i = 0; i < node.width(); i++)
		out[i] = named(out[i], i);
	return select(out, "x.w", "(" + input + ") x");
}

std::string Compiler::project_delta(Operator &node)
{
	return uses_time(node) ? moving_delta(node) : project_over(node, delta(*node.inputs[0]));
}

std::string Compiler::project_current(const Operator &node, const std::set<int> &probe, bool bulk)
{
	auto below = mapped(probe, [&](int column) { return node.expressions[column].plain; });
	return project_over(node, current(*node.inputs[0], below, bulk));
}

// ---- union all ----

namespace {

std::string united(const Operator &node, const std::vector<std::string> &parts)
{
	std::vector<std::string> out;
	for (size_t part = 0; part < parts.size(); part++)
		out.push_back(as_columns_of(node, part, parts[part]));
	return pg::join(out, " UNION ALL ");
}

}  // namespace

std::string as_columns_of(const Operator &node, int input, const std::string &rows)
{
	std::vector<std::string> columns;
	for (int i = 0; i < node.width(); i++) {
		const Column &column = node.columns[i];
		bool same = column.collation == node.inputs[input]->columns[i].collation;
		columns.push_back(named("(x.c" + std::to_string(i + 1) + ")::" + pg::type_name(column.type) + (same ? "" : collation(column)), i));
	}
	return select(columns, "x.w", "(" + rows + ") x");
}

std::string Compiler::union_delta(Operator &node)
{
	std::vector<std::string> parts;
	for (auto &input : node.inputs)
		parts.push_back(delta(*input));
	return united(node, parts);
}

std::string Compiler::union_current(const Operator &node, const std::set<int> &probe, bool bulk)
{
	std::vector<std::string> parts;
	for (const auto &input : node.inputs)
		parts.push_back(current(*input, probe, bulk));
	return united(node, parts);
}

}  // namespace delta
