#include "target.h"

#include "pg/sql.hpp"
#include "view/view.h"

extern "C" {
#include "catalog/pg_type.h"
}

#include <algorithm>

namespace apply {

namespace {

std::string number(int i)
{
	return "c" + std::to_string(i + 1);
}

std::string name_of(const view::View &view, int i)
{
	return pg::quote_ident(view.columns[i].name);
}

std::vector<int> every_column(const view::View &view)
{
	std::vector<int> out(view.columns.size());
	for (size_t i = 0; i < out.size(); i++)
		out[i] = i;
	return out;
}

std::vector<int> match_columns(const view::View &view, bool by_key = true)
{
	return view.key && by_key ? *view.key : every_column(view);
}

// A key of fixed-size columns that are never NULL: a plain unique index serves.
bool plain_key(const view::View &view)
{
	return view.key && !view.key->empty() && view.tree != nullptr &&
	       std::all_of(view.key->begin(), view.key->end(), [&](int i) {
		       return view.tree->columns[i].not_null && pg::is_fixed(view.columns[i].type) && pg::has_order(view.columns[i].type);
	       });
}

std::string hash(const view::View &view, const std::string &alias, bool by_number, bool by_key = true)
{
	std::vector<std::string> values;
	std::vector<query::Column> types;
	for (int i : match_columns(view, by_key)) {
		values.push_back(alias + (by_number ? number(i) : name_of(view, i)));
		types.push_back(view.columns[i]);
	}
	return delta::hash_of(values, types);
}

// s is the stream table, u the change.
std::string same_row(const view::View &view, bool by_key)
{
	std::vector<std::string> out;
	bool plain = by_key && plain_key(view);
	for (int i : match_columns(view, by_key)) {
		std::string a = "s." + name_of(view, i), b = "u." + number(i);
		out.push_back(plain ? pg::equal(view.columns[i].type, a, b) : delta::same(view.columns[i], a, b));
	}
	if (plain || out.empty())
		return delta::and_all(out);
	return hash(view, "s.", false, by_key) + " = " + hash(view, "u.", true, by_key) + " AND " + delta::recheck(out);
}

std::vector<query::Column> out_columns(const view::View &view)
{
	std::vector<query::Column> out = view.columns;
	for (size_t i = 0; i < out.size(); i++)
		out[i].name = number(i);
	out.push_back(delta::int8_column("w"));
	return out;
}

std::string all_names(const view::View &view)
{
	std::vector<std::string> out;
	for (size_t i = 0; i < view.columns.size(); i++)
		out.push_back(name_of(view, i));
	return pg::join(out, ", ");
}

std::string consolidated(const view::View &view, const std::string &change)
{
	// A row that has a key is shown as the query shows it, 1.00 or 1; of a bag, equal rows stand for each other.
	std::vector<query::Column> columns = out_columns(view);
	columns.pop_back();
	return delta::consolidated("(" + change + ")", columns, view.key.has_value());
}

Prepared modify(std::string sql)
{
	return {{std::move(sql), {}, {}, {"z_out"}, {}, true}, {}};
}

Prepared merge_by_key(const view::View &view)
{
	std::vector<std::string> sets, values, key;
	for (size_t i = 0; i < view.columns.size(); i++) {
		values.push_back("u." + number(i));
		if (std::find(view.key->begin(), view.key->end(), int(i)) == view.key->end() || !plain_key(view))
			sets.push_back(name_of(view, i) + " = u." + number(i));
	}
	for (int i : *view.key)
		key.push_back("z." + number(i));
	key.push_back("z.w DESC");
	std::string order = pg::join(key, ", ");
	key.pop_back();
	std::string winners = "SELECT " + (key.empty() ? std::string() : "DISTINCT ON (" + pg::join(key, ", ") + ") ") +
	                      "z.* FROM z_out z ORDER BY " + order + (key.empty() ? " LIMIT 1" : "");
	return modify("MERGE INTO " + view.name + " s USING (" + winners + ") u ON " + same_row(view, true) +
	              " WHEN MATCHED AND u.w < 0 THEN DELETE" +
	              (sets.empty() ? " WHEN MATCHED THEN DO NOTHING"
	                            : " WHEN MATCHED THEN UPDATE SET " + pg::join(sets, ", ")) +
	              " WHEN NOT MATCHED AND u.w > 0 THEN INSERT (" + all_names(view) + ") VALUES (" + pg::join(values, ", ") + ")");
}

}  // namespace

std::vector<Prepared> apply_as_bag(const view::View &view)
{
	std::vector<Prepared> out;
	out.push_back(modify("DELETE FROM " + view.name + " WHERE ctid = ANY (ARRAY(SELECT q.ctid FROM (SELECT s.ctid, u.w, "
	                     "row_number() OVER (PARTITION BY u.rid) AS copy FROM (SELECT row_number() OVER () AS rid, z.* "
	                     "FROM z_out z WHERE z.w < 0) u JOIN " + view.name + " s ON " + same_row(view, false) +
	                     ") q WHERE q.copy <= -q.w))"));
	out.push_back(modify("INSERT INTO " + view.name + " (" + all_names(view) + ") SELECT " +
	                     delta::columns_of("u", view.columns.size()) +
	                     " FROM z_out u, generate_series(1, u.w) WHERE u.w > 0"));
	return out;
}

void plan_target(view::View &view)
{
	view.program.ephemerals["z_out"] = {out_columns(view)};
	if (view.tree != nullptr) {
		view.change = Prepared({consolidated(view, view.program.result), {}, {}, view.program.result_reads, "z_out", false}, {});
		// The last tick's time may be a parameter of the result itself (inlined filters).
		view.change.parameters = {TIMESTAMPTZOID};
	}
	std::vector<std::string> mine, query;
	for (size_t i = 0; i < view.columns.size(); i++) {
		query.push_back(number(i));
		mine.push_back("s." + name_of(view, i));
	}
	std::string defined = "SELECT " + pg::join(query, ", ") + ", 1::int8 AS w FROM " + pg::relation_name(view.definition) + " q(" + pg::join(query, ", ") + ")";
	auto difference_to = [&](const std::string &rows) {
		return Prepared({consolidated(view, rows + " UNION ALL SELECT " + pg::join(mine, ", ") + ", -1::int8 FROM " + view.name + " s"), {}, {}, {}, "z_out", false, true}, {});
	};
	view.recompute = difference_to(view.tree != nullptr ? view.program.current : defined);
	if (view.may_lapse)
		view.query = difference_to(defined);
	if (view.key)
		view.apply.push_back(merge_by_key(view));
	else {
		view.apply = apply_as_bag(view);
		view.program.ephemerals["z_go"] = {{delta::int8_column("h")}};
		view.rows_that_go = Prepared({"SELECT DISTINCT " + hash(view, "u.", true) + " AS h FROM z_out u WHERE u.w < 0", {}, {}, {"z_out"}, "z_go", false}, {});
	}
}

std::string target_shape(const view::View &view)
{
	if (match_columns(view).empty())
		return "none";
	std::string out = !view.key ? "rows" : plain_key(view) ? "key" : "hash";
	for (int i : match_columns(view))
		out += " " + std::to_string(i + 1);
	return out;
}

std::string target_index(const view::View &view)
{
	if (match_columns(view).empty())
		return {};
	if (!plain_key(view))
		return "CREATE INDEX ON " + view.name + " ((" + hash(view, "", false) + "))";
	std::vector<std::string> columns;
	for (int i : *view.key)
		columns.push_back(name_of(view, i));
	return "ALTER TABLE " + view.name + " ADD PRIMARY KEY (" + pg::join(columns, ", ") + ")";
}

}  // namespace apply
