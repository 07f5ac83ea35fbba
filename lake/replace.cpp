// A merged file takes the place of others in DuckLake's catalog.
//
// At every snapshot (merge_adjacent): the sources and their delete files are forgotten, the new file begins with the first
// of them, and says of each row with which snapshot it came and went.  From now on (rewrite_delete): the sources end, the
// file begins; earlier snapshots keep reading the sources.
#include "ducklake.h"

namespace lake {

namespace {

std::string array_of(const std::vector<int64_t> &ids)
{
	ArrayText array;
	for (int64_t id : ids)
		array.add(id);
	return array.text();
}

std::string name_of(const std::string &path)
{
	return path.substr(path.rfind('/') + 1);
}

// A path below its table's directory.
std::string below(const std::string &directory, const std::string &path)
{
	return path.substr(path.starts_with(directory) ? directory.size() : path.rfind('/') + 1);
}

}  // namespace

std::pair<int64_t, int64_t> DuckLake::replace(const CatalogState &before, const Replacement &r)
{
	const int64_t snapshot = before.snapshot + 1, id = before.next_file_id;
	c_.query("INSERT INTO " + table("snapshot") + "(snapshot_id, snapshot_time, schema_version, next_catalog_id, next_file_id) VALUES ($1, clock_timestamp(), $2, $3, $4)",
	         {text(snapshot), text(before.schema_version), text(before.next_catalog_id), text(id + 2)});
	if (r.file.rows > 0)
		add_merged(r, id, snapshot);
	if (!r.delete_path.empty()) {
		c_.query("INSERT INTO " + table("delete_file") + "(delete_file_id, table_id, begin_snapshot, data_file_id, path, path_is_relative, format, delete_count, "
		         "file_size_bytes, footer_size, partial_max) SELECT $1, $2, min(s), $3, $4, true, 'parquet', $5, $6, $7, max(s) FROM unnest($8::bigint[]) s",
		         {text(id + 1), text(r.table_id), text(id), name_of(r.delete_path), text(static_cast<int64_t>(r.file.deleted.size())),
		          text(r.delete_footprint.bytes), text(r.delete_footprint.footer), [&] {
			          ArrayText snapshots;
			          for (const auto &[position, when] : r.file.deleted)
				          snapshots.add(when);
			          return snapshots.text();
		          }()});
		tell_row_groups("delete_file", id + 1, r.delete_footprint);
	}
	if (r.at_every_snapshot)
		forget(r);
	else
		for (const char *files : {"data_file", "delete_file"})
			c_.query("UPDATE " + table(files) + " SET end_snapshot = $2 WHERE data_file_id = ANY($1::bigint[]) AND end_snapshot IS NULL", {array_of(r.sources), text(snapshot)});
	c_.query("UPDATE " + table("table_stats") + " SET record_count = f.rows, file_size_bytes = f.bytes FROM (SELECT coalesce(sum(record_count), 0) AS rows, "
	         "coalesce(sum(file_size_bytes), 0) AS bytes FROM " + table("data_file") + " WHERE table_id = $1 AND end_snapshot IS NULL) f WHERE table_id = $1", {text(r.table_id)});
	c_.query("INSERT INTO " + table("snapshot_changes") + "(snapshot_id, changes_made, author, commit_message) VALUES ($1, $2, 'pg_trickle', $3)",
	         {text(snapshot), (r.at_every_snapshot ? "merge_adjacent:" : "rewrite_delete:") + text(r.table_id), "upkeep: " + text(static_cast<int64_t>(r.sources.size())) + " file(s) became one"});
	return {snapshot, id};
}

// Of a file whose rows say with which snapshot they came the catalog says so, be it one for all of them: its deletions must say theirs,
// too, as DuckDB else takes a row to go with the snapshot it came with.
void DuckLake::add_merged(const Replacement &r, int64_t id, int64_t snapshot)
{
	const MergedFile &f = r.file;
	c_.query("INSERT INTO " + table("data_file") + "(data_file_id, table_id, begin_snapshot, path, path_is_relative, file_format, record_count, file_size_bytes, "
	         "footer_size, partition_id, partial_max) SELECT $1, table_id, $3, $4, true, 'parquet', $5, $6, $7, partition_id, $8 FROM " + table("data_file") +
	             " WHERE data_file_id = $2",
	         {text(id), text(r.sources.front()), text(r.at_every_snapshot ? f.first_snapshot : snapshot), below(directory_of(r.table_id), f.path), text(f.rows), text(f.footprint.bytes),
	          text(f.footprint.footer), r.at_every_snapshot ? text(f.last_snapshot) : Text()});
	tell_row_groups("data_file", id, f.footprint);
	c_.query("INSERT INTO " + table("file_partition_value") + "(data_file_id, table_id, partition_key_index, partition_value) SELECT $1, table_id, partition_key_index, "
	         "partition_value FROM " + table("file_partition_value") + " WHERE data_file_id = $2", {text(id), text(r.sources.front())});
	add_merged_statistics(r, id);
}

// Bounds of the sources hold for what is left of their rows.  One without a bound, or with one that has no order here, leaves none.
void DuckLake::add_merged_statistics(const Replacement &r, int64_t id)
{
	const std::string sources = array_of(r.sources);
	for (size_t i = 0; i < r.file.column_ids.size(); i++) {
		const std::string column = text(r.file.column_ids[i]);
		const Rows type = c_.query("SELECT column_type FROM " + table("column") + " WHERE table_id = $1 AND column_id = $2 AND end_snapshot IS NULL", {text(r.table_id), column});
		const std::string order = type.empty() ? "text" : ordering_type(type.text(0, 0)), as = order == "text" ? "::text COLLATE \"C\"" : "::" + order;
		auto bound = [&](const std::string &value, const std::string &direction) {
			return "CASE WHEN count(*) = cardinality($5::bigint[]) AND bool_and(value_count = 0 OR coalesce(pg_input_is_valid(" + value + ", '" + order + "'), false)) THEN "
			       "(array_agg(" + value + " ORDER BY CASE WHEN pg_input_is_valid(" + value + ", '" + order + "') THEN " + value + as + " END " + direction +
			       ") FILTER (WHERE " + value + " IS NOT NULL))[1] END";
		};
		c_.query("INSERT INTO " + table("file_column_stats") + "(data_file_id, table_id, column_id, column_size_bytes, value_count, null_count, min_value, max_value, contains_nan) "
		         "SELECT $1, $2, $3, $4, $6, $7, " + bound("min_value", "ASC") + ", " + bound("max_value", "DESC") + ", bool_or(contains_nan) FROM " + table("file_column_stats") +
		             " WHERE data_file_id = ANY($5::bigint[]) AND column_id = $3",
		         {text(id), text(r.table_id), column, text(r.file.footprint.column_bytes[i]), sources, text(r.file.values[i]), text(r.file.nulls[i])});
	}
}

void DuckLake::forget(const Replacement &r)
{
	const std::string sources = array_of(r.sources);
	for (const char *kind : {"delete", "data"})
		c_.query("WITH gone AS (DELETE FROM " + table((std::string(kind) + "_file").c_str()) + " WHERE data_file_id = ANY($1::bigint[]) RETURNING *) "
		         "INSERT INTO " + table("files_scheduled_for_deletion") + "(data_file_id, path, path_is_relative, schedule_start) "
		         "SELECT f." + kind + "_file_id, " + resolved("f") + ", f.path_is_relative AND t.path_is_relative, clock_timestamp() FROM gone f "
		         "JOIN " + table("table") + " t ON t.table_id = f.table_id AND t.end_snapshot IS NULL JOIN " + table("schema") + " s USING (schema_id)", {sources});
	for (const char *about : {"file_column_stats", "file_partition_value", "file_variant_stats"})
		c_.query("DELETE FROM " + table(about) + " WHERE data_file_id = ANY($1::bigint[])", {sources});
}

}  // namespace lake
