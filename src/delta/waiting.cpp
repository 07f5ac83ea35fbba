// Rows that wait for a moment to pass what it is compared with, where that is no column of a table: created + lifetime > now().
//
// State: the rows of the input that pass the conditions that time does not move, each once with its weight, and beside them v1, v2, …,
// what is compared, each with an index.  A tick looks at those between the moment of the last tick and its own.
#include "compile.h"

#include "pg/sql.hpp"

#include <algorithm>

namespace delta {

using query::Moment;

std::vector<Moment> waited_for(const Operator &node)
{
	std::vector<Moment> out;
	for (const Moment &moment : query::moments_of(node)) {
		if (is_found(node, moment) || moment.pace == Moment::Pace::daily)
			continue;
		if (moment.kept.empty())
			return {};
		out.push_back(moment);
	}
	return out;
}

std::string waiting_column(size_t moment)
{
	return "v" + std::to_string(moment + 1);
}

std::string Compiler::keep_waiting(Operator &node, const std::string &changed)
{
	const Operator &input = *node.inputs[0];
	std::vector<Column> columns = numbered_columns(input);
	std::vector<std::string> still, hashed, definitions{"h int8 NOT NULL"}, names{"h"}, same, values;
	for (const Expression &condition : node.conditions)
		if (!condition.uses_time())
			still.push_back(query::render(condition.text, "y"));
	for (const Column &column : columns) {
		hashed.push_back("x." + column.name);
		values.push_back("x." + column.name);
		names.push_back(column.name);
		definitions.push_back(column.name + " " + pg::type_name(column.type, column.typmod) + collation(column));
		same.push_back(exactly_same(column, "s." + column.name, "u." + column.name));
	}
	State state{node.id, "rows", rows_table(node, "t"), {}, {}, {}, {}};
	std::vector<Moment> kept = waited_for(node);
	for (size_t i = 0; i < kept.size(); i++) {
		std::string type = pg::type_name(kept[i].kept_type.type);
		values.push_back("(" + query::render(kept[i].kept, "x") + ")::" + type + " AS " + waiting_column(i));
		names.push_back(waiting_column(i));
		definitions.push_back(waiting_column(i) + " " + type);
		state.index.push_back("CREATE INDEX ON " + state.table + " (" + waiting_column(i) + ")");
		note(node, "rows in the order of " + query::render(kept[i].with, [&](int column) { return input.columns[column].name; }));
	}
	auto rows = [&](const std::string &from) {
		return "SELECT " + hash_of(hashed, columns) + " AS h, " + pg::join(values, ", ") + ", x.w FROM (" +
		       consolidated("(SELECT y.* FROM (" + from + ") y WHERE " + and_all(still) + ")", columns, true) + ") x";
	};
	names.push_back("w");
	state.create = {"CREATE TABLE " + state.table + " (" + pg::join(definitions, ", ") + ", w int8 NOT NULL) WITH (fillfactor = 90)"};
	state.fill = rows(current(input, {}, true));
	state.filled = names;
	state.index.push_back("CREATE INDEX ON " + state.table + " (h)");
	program_.states.push_back(state);

	std::vector<std::string> inserted;
	for (const std::string &name : names)
		inserted.push_back("u." + name);
	Statement merge;
	merge.sql = "MERGE INTO " + state.table + " s USING (" + rows(changed) + ") u ON s.h = u.h AND " + recheck(same) +
	            " WHEN MATCHED AND s.w + u.w = 0 THEN DELETE WHEN MATCHED THEN UPDATE SET w = s.w + u.w"
	            " WHEN NOT MATCHED THEN INSERT (" + pg::join(names, ", ") + ") VALUES (" + pg::join(inserted, ", ") + ")";
	merge.modifies = true;
	step(node.id, "changed rows wait for their moments", {}, merge).any = ephemerals_in(changed);
	return state.table;
}

}  // namespace delta
