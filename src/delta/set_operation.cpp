// DISTINCT, INTERSECT and EXCEPT, with and without ALL: a row by how often the inputs have it.
//
// State: every row of the inputs once, with its weight n1 in the first and n2 in the second.
// The row is there m(n1, n2) times:
//
//   distinct        [n1 > 0]
//   intersect       [n1 > 0 and n2 > 0]       all: least(n1, n2)
//   except          [n1 > 0 and n2 = 0]       all: greatest(n1 - n2, 0)
//
// and its change is m(new weights) - m(old weights).  Equal rows are one row; the one shown came first.
#include "compile.h"

#include "pg/sql.hpp"

#include <algorithm>

namespace delta {

using query::Kind;

namespace {

std::string weight_name(size_t input)
{
	return "n" + std::to_string(input + 1);
}

// How often a row is there, by its weights.
std::string copies(const Operator &node, const std::vector<std::string> &n)
{
	switch (node.kind) {
	case Kind::distinct:
		return "(" + n[0] + " > 0)::int4";
	case Kind::intersect:
		return node.all ? "LEAST(" + n[0] + ", " + n[1] + ")" : "(" + n[0] + " > 0 AND " + n[1] + " > 0)::int4";
	default:
		return node.all ? "GREATEST(" + n[0] + " - " + n[1] + ", 0)" : "(" + n[0] + " > 0 AND " + n[1] + " = 0)::int4";
	}
}

// c1…cn, w1…: each input's rows with their weight there.
std::string side_by_side(const Operator &node, const std::vector<std::string> &inputs)
{
	std::vector<std::string> sides;
	for (size_t i = 0; i < inputs.size(); i++) {
		std::string side = "SELECT " + columns_of("x", node.width()) + (node.width() ? ", " : "");
		for (size_t j = 0; j < inputs.size(); j++)
			side += (j > 0 ? ", " : "") + std::string(i == j ? "x.w" : "0::int8") + " AS w" + std::to_string(j + 1);
		sides.push_back(side + " FROM (" + as_columns_of(node, i, inputs[i]) + ") x");
	}
	return pg::join(sides, " UNION ALL ");
}

// h, c1…cn, w1…: the same, each row once.
std::string weighted(const Operator &node, const std::vector<std::string> &inputs)
{
	std::vector<std::string> values, sums, changed;
	for (int i = 1; i <= node.width(); i++)
		values.push_back("x.c" + std::to_string(i));
	for (size_t i = 1; i <= inputs.size(); i++) {
		std::string sum = "sum(x.w" + std::to_string(i) + ")";
		sums.push_back(sum + "::int8 AS w" + std::to_string(i));
		changed.push_back(sum + " <> 0");
	}
	std::string columns = pg::join(values, ", ");
	return "SELECT " + hash_of(values, node.columns) + " AS h, " + columns + (values.empty() ? "" : ", ") + pg::join(sums, ", ") + " FROM (" +
	       side_by_side(node, inputs) + ") x" + (values.empty() ? "" : " GROUP BY " + columns) + " HAVING " + pg::join(changed, " OR ");
}

}  // namespace

std::string Compiler::set_delta(Operator &node)
{
	std::vector<std::string> changes, contents;
	for (auto &input : node.inputs)
		changes.push_back(delta(*input));
	for (const auto &input : node.inputs)
		contents.push_back(content(*input));
	std::string table = rows_table(node, "r"), name = "z_r" + std::to_string(node.id);

	std::vector<std::string> definitions{"h int8 NOT NULL"}, names{"h"}, values{"u.h"}, same, out;
	for (int i = 0; i < node.width(); i++) {
		std::string column = "c" + std::to_string(i + 1);
		const Column &type = node.columns[i];
		definitions.push_back(column + " " + pg::type_name(type.type, type.typmod) + collation(type));
		names.push_back(column);
		values.push_back("u." + column);
		same.push_back(pg::not_distinct(type.type, "s." + column, "u." + column));
		out.push_back("COALESCE(new." + column + ", old." + column + ") AS " + column);
	}
	std::vector<std::string> gone, sums, before, after;
	for (size_t i = 0; i < node.inputs.size(); i++) {
		std::string n = weight_name(i), w = "u.w" + std::to_string(i + 1);
		definitions.push_back(n + " int8 NOT NULL");
		names.push_back(n);
		values.push_back(w);
		gone.push_back("s." + n + " + " + w + " = 0");
		sums.push_back(n + " = s." + n + " + " + w);
		before.push_back("COALESCE(old." + n + ", 0)");
		after.push_back("COALESCE(new." + n + ", 0)");
	}

	State state{node.id, "rows", table, {}, {}, {}, {}};
	state.create = {"CREATE TABLE " + table + " (" + pg::join(definitions, ", ") + ") WITH (fillfactor = 90)"};
	state.fill = weighted(node, contents);
	state.filled = names;
	state.index = {"CREATE INDEX ON " + table + " (h)"};
	program_.states.push_back(std::move(state));

	lock(node, {}, {"x.h"}, "(" + weighted(node, changes) + ")", Excludes::everybody);
	define(name, delta_columns(node));
	out.push_back("(" + copies(node, after) + " - " + copies(node, before) + ")::int8 AS w");
	Statement merge;
	merge.sql = "MERGE INTO " + table + " s USING (" + weighted(node, changes) + " ORDER BY 1) u ON s.h = u.h AND " + recheck(same) +
	            " WHEN MATCHED AND " + and_all(gone) + " THEN DELETE"
	            " WHEN MATCHED THEN UPDATE SET " + pg::join(sums, ", ") +
	            " WHEN NOT MATCHED THEN INSERT (" + pg::join(names, ", ") + ") VALUES (" + pg::join(values, ", ") +
	            ") RETURNING " + pg::join(out, ", ");
	merge.into = name;
	merge.modifies = true;
	step(node.id, "weights of the changed rows", {}, merge).any = ephemerals_in(pg::join(changes, " "));
	return "SELECT " + columns_of("x", node.width()) + (node.width() ? ", " : "") + "x.w FROM " + name + " x WHERE x.w <> 0";
}

std::string Compiler::set_current(const Operator &node, const std::set<int> &probe, bool)
{
	index_for_probe(node, probe, "c");
	std::vector<std::string> weights;
	for (size_t i = 0; i < node.inputs.size(); i++)
		weights.push_back("s." + weight_name(i));
	std::string m = copies(node, weights);
	return "SELECT " + columns_of("s", node.width()) + (node.width() ? ", " : "") + m + "::int8 AS w FROM " + rows_table(node, "r") +
	       " s WHERE " + m + " > 0";
}

// Equality look-ups into an operator's state: an index on the columns asked for.
void Compiler::index_for_probe(const Operator &node, const std::set<int> &probe, const std::string &prefix, const std::string &where)
{
	if (probe.empty())
		return;
	auto state = std::find_if(program_.states.begin(), program_.states.end(),
	                          [&](const State &s) { return s.node == node.id && s.role != "values"; });
	if (state == program_.states.end()) {
		probes_[node.id].push_back(probe);
		return;
	}
	std::vector<Column> columns;
	for (int column : probe) {
		columns.push_back(node.columns[column]);
		columns.back().name = prefix + std::to_string(column + 1);
	}
	std::string sql = index_by(state->table, columns) + where;
	if (std::find(state->index.begin(), state->index.end(), sql) == state->index.end())
		state->index.push_back(sql);
}

std::string index_by(const std::string &table, const std::vector<Column> &columns)
{
	std::vector<std::string> names;
	for (const Column &column : columns)
		names.push_back(column.name);
	auto has_hash = [](const Column &column) { return pg::has_hash(column.type); };
	bool fits = std::none_of(columns.begin(), columns.end(), [&](const Column &column) { return !pg::is_fixed(column.type) && has_hash(column); });
	return "CREATE INDEX ON " + table + (fits ? " (" + pg::join(names, ", ") + ")" : " USING hash (" + std::find_if(columns.begin(), columns.end(), has_hash)->name + ")");
}

std::string collation(const Column &column)
{
	return column.collation == 0 ? "" : " COLLATE " + pg::collation_name(column.collation);
}

}  // namespace delta
