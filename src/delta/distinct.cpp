// Distinct: a row is there while its weight in the input is positive.
//
// State: every row of the input once, with its weight.  The delta has a row
// with +1 when its weight rises from zero, with -1 when it falls to zero.
#include "compile.h"

#include "pg/sql.hpp"

#include <algorithm>

namespace delta {

namespace {

std::vector<std::string> each(int count, const std::string &alias)
{
	std::vector<std::string> out;
	for (int i = 1; i <= count; i++)
		out.push_back(alias + ".c" + std::to_string(i));
	return out;
}

}  // namespace

std::string Compiler::distinct_delta(Operator &node)
{
	std::string input = delta(*node.inputs[0]);
	std::string table = rows_table(node, "r"), name = "z_r" + std::to_string(node.id);
	int n = node.width();
	auto weighted = [&](const std::string &from) {
		return "SELECT " + hash_of(each(n, "x")) + " AS h, " + columns_of("x", n) + ", sum(x.w)::int8 AS w FROM (" + from +
		       ") x GROUP BY " + columns_of("x", n) + " HAVING sum(x.w) <> 0";
	};

	std::vector<std::string> definitions{"h int8 NOT NULL"}, names{"h"}, values{"u.h"}, same, out;
	for (int i = 0; i < n; i++) {
		std::string column = "c" + std::to_string(i + 1);
		const Column &type = node.columns[i];
		definitions.push_back(column + " " + pg::type_name(type.type, type.typmod) + collation(type));
		names.push_back(column);
		values.push_back("u." + column);
		same.push_back(pg::not_distinct(type.type, "s." + column, "u." + column));
		out.push_back("COALESCE(new." + column + ", old." + column + ") AS " + column);
	}
	definitions.push_back("n int8 NOT NULL");
	names.push_back("n");
	values.push_back("u.w");

	State state{node.id, "rows", table, {}, {}, {}, {}};
	state.create = {"CREATE TABLE " + table + " (" + pg::join(definitions, ", ") + ") WITH (fillfactor = 90)"};
	state.fill = "INSERT INTO " + table + " (" + pg::join(names, ", ") + ") " +
	             weighted(current(*node.inputs[0], {}, true));
	state.index = {"CREATE INDEX ON " + table + " (h)"};
	program_.states.push_back(std::move(state));

	std::vector<Column> columns = delta_columns(node);
	columns.back() = int8_column("old_n");
	columns.push_back(int8_column("new_n"));
	define(name, columns);
	Statement merge;
	merge.sql = "MERGE INTO " + table + " s USING (" + weighted(input) + " ORDER BY 1) u ON s.h = u.h AND " + recheck(same) +
	            " WHEN MATCHED AND s.n + u.w = 0 THEN DELETE"
	            " WHEN MATCHED THEN UPDATE SET n = s.n + u.w"
	            " WHEN NOT MATCHED THEN INSERT (" + pg::join(names, ", ") + ") VALUES (" + pg::join(values, ", ") +
	            ") RETURNING " + pg::join(out, ", ") +
	            ", COALESCE(old.n, 0)::int8 AS old_n, COALESCE(new.n, 0)::int8 AS new_n";
	merge.into = name;
	merge.modifies = true;
	step(node.id, "weights of the changed rows", {}, merge).any = ephemerals_in(input);
	return "SELECT " + columns_of("x", n) + ", CASE WHEN x.new_n > 0 THEN 1 ELSE -1 END::int8 AS w FROM " + name +
	       " x WHERE (x.old_n > 0) <> (x.new_n > 0)";
}

std::string Compiler::distinct_current(const Operator &node, const std::set<int> &probe, bool)
{
	index_for_probe(node, probe, "c");
	return "SELECT " + columns_of("s", node.width()) + ", 1::int8 AS w FROM " + rows_table(node, "r") + " s WHERE s.n > 0";
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
	std::vector<std::string> columns;
	bool fixed = true;
	for (int column : probe) {
		columns.push_back(prefix + std::to_string(column + 1));
		fixed = fixed && pg::is_fixed(node.columns[column].type);
	}
	std::string sql = "CREATE INDEX ON " + state->table;
	sql += fixed ? " (" + pg::join(columns, ", ") + ")" : " USING hash (" + columns[0] + ")";
	sql += where;
	if (std::find(state->index.begin(), state->index.end(), sql) == state->index.end())
		state->index.push_back(sql);
}

std::string collation(const Column &column)
{
	return column.collation == 0 ? "" : " COLLATE " + pg::collation_name(column.collation);
}

}  // namespace delta
