// Comments, and the query of a stream table, as tags in DuckLake's catalog.
//
// A tag that changes ends and another begins, under a new schema_version, by which DuckDB knows that it has to look, but without a
// row in ducklake_schema_versions, which is for what files are read by.  What others have said stays, but where we have a say.
#include "ducklake.h"

namespace lake {

void DuckLake::write_tags(const Publication &p, int64_t snapshot)
{
	const std::vector<Text> values{text(p.table_id), p.tags, text(snapshot)}, and_told{values[0], values[1], values[2], p.told_tags};
	const std::string of_table = "jsonb_each_text($2::jsonb - 'columns') w(key, value)", of_columns = "jsonb_each_text($2::jsonb->'columns') w(id, value)";
	const std::string ours = "($2::jsonb || $4::jsonb) - 'columns' ? t.key",
	                  our_columns = "coalesce($2::jsonb->'columns', '{}') || coalesce($4::jsonb->'columns', '{}') ? t.column_id::text AND t.key = 'comment'";
	c_.query("UPDATE " + table("tag") + " t SET end_snapshot = $3 WHERE t.object_id = $1 AND t.end_snapshot IS NULL AND " + ours +
	             " AND NOT EXISTS (SELECT FROM " + of_table + " WHERE (w.key, w.value) = (t.key, t.value))", and_told);
	c_.query("INSERT INTO " + table("tag") + "(object_id, begin_snapshot, key, value) SELECT $1, $3, w.key, w.value FROM " + of_table +
	         " WHERE NOT EXISTS (SELECT FROM " + table("tag") + " t WHERE t.object_id = $1 AND t.key = w.key AND t.end_snapshot IS NULL)", values);
	c_.query("UPDATE " + table("column_tag") + " t SET end_snapshot = $3 WHERE t.table_id = $1 AND t.end_snapshot IS NULL AND " + our_columns +
	             " AND NOT EXISTS (SELECT FROM " + of_columns + " WHERE (w.id::bigint, w.value) = (t.column_id, t.value))", and_told);
	c_.query("INSERT INTO " + table("column_tag") + "(table_id, column_id, begin_snapshot, key, value) SELECT $1, w.id::bigint, $3, 'comment', w.value FROM " + of_columns +
	             " WHERE NOT EXISTS (SELECT FROM " + table("column_tag") + " t WHERE t.table_id = $1 AND t.column_id = w.id::bigint AND t.key = 'comment' AND t.end_snapshot IS NULL)",
	         values);
}

}  // namespace lake
