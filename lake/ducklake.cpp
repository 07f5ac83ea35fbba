#include "ducklake.h"

#include <algorithm>

namespace lake {

namespace {

std::string json_text(const std::string &value)
{
	std::string quoted = "\"";
	for (char c : value) {
		if (c == '"' || c == '\\')
			quoted += '\\';
		quoted += c;
	}
	return quoted + '"';
}

std::string double_quoted(const std::string &name)
{
	std::string quoted = "\"";
	for (char c : name)
		quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
	return quoted + '"';
}

}  // namespace

// A file's path as DuckLake resolves it: relative to its table, that to its schema, that to the data path.
static const char *const file_path =
    "CASE WHEN NOT %1$s.path_is_relative THEN %1$s.path WHEN NOT t.path_is_relative THEN t.path || %1$s.path "
    "ELSE s.path || t.path || %1$s.path END";

std::string resolved(const char *alias)
{
	std::string sql = file_path;
	for (size_t at; (at = sql.find("%1$s")) != std::string::npos;)
		sql.replace(at, 4, alias);
	return sql;
}

// The PostgreSQL type that orders DuckLake's spelling of a value as DuckDB does.
std::string ordering_type(const std::string &lake_type)
{
	if (lake_type.starts_with("int") || lake_type.starts_with("decimal") || lake_type == "boolean")
		return "numeric";
	if (lake_type.starts_with("float"))
		return "float8";
	if (lake_type == "varchar" || lake_type == "json" || lake_type == "blob")
		return "text";
	return lake_type;
}

namespace {

// Those within others too, each after what it belongs to.
void each_column(const std::vector<Column> &columns, const Text &parent, const std::function<void(const Column &, const Text &)> &visit)
{
	for (const Column &column : columns) {
		visit(column, parent);
		each_column(column.fields, text(column.id), visit);
	}
}

}  // namespace

CatalogState DuckLake::state()
{
	const Rows rows = c_.query("SELECT snapshot_id, schema_version, next_catalog_id, next_file_id, (SELECT value FROM " + table("metadata") +
	                           " WHERE key = 'version' AND scope IS NULL) FROM " + table("snapshot") + " ORDER BY snapshot_id DESC LIMIT 1");
	if (rows.empty())
		throw Unpublishable("55000", "the DuckLake catalog in schema " + lake_.schema + " has no snapshot");
	const std::string version = rows.text(0, 4);
	if (version != "1.0" && version != "1.1")
		throw Unpublishable("0A000", "the DuckLake catalog in schema " + lake_.schema + " has version " + version +
		                                 "; versions 1.0 and 1.1 can be written: restore it as it was before the migration, or make another lake");
	counts_row_groups_ = version != "1.0";
	return {rows.number(0, 0), rows.number(0, 1), rows.number(0, 2), rows.number(0, 3)};
}

void DuckLake::lock()
{
	c_.query("LOCK TABLE " + table("snapshot") + " IN SHARE ROW EXCLUSIVE MODE");
}

std::vector<std::string> DuckLake::changes_since(int64_t snapshot)
{
	const Rows rows = c_.query("SELECT c FROM " + table("snapshot_changes") + ", string_to_table(changes_made, ',') c WHERE snapshot_id > $1", {text(snapshot)});
	std::vector<std::string> changes;
	for (int i = 0; i < rows.size(); i++)
		changes.push_back(rows.text(i, 0));
	return changes;
}

std::string DuckLake::directory_of_new(const Publication &publication)
{
	const bool plain = std::all_of(publication.table_name.begin(), publication.table_name.end(),
	                               [](unsigned char c) { return isalnum(c) || c == '_' || c == '-'; });
	const Rows rows = c_.query("SELECT path FROM " + table("schema") + " WHERE schema_name = 'main' AND end_snapshot IS NULL");
	if (rows.empty())
		throw Unpublishable("3F000", "the lake has no schema \"main\"");
	return rows.text(0, 0) + (plain ? publication.table_name : "table-" + text(publication.id)) + "/";
}

std::string DuckLake::directory_of(int64_t table_id)
{
	const Rows rows = c_.query("SELECT CASE WHEN t.path_is_relative THEN s.path || t.path ELSE t.path END FROM " + table("table") + " t JOIN " +
	                               table("schema") + " s USING (schema_id) WHERE t.table_id = $1 AND t.end_snapshot IS NULL",
	                           {text(table_id)});
	return rows.text(0, 0);
}

void DuckLake::check_table(const Publication &p)
{
	if (p.table_id < 0) {
		if (!c_.query("SELECT FROM " + table("table") + " WHERE lower(table_name) = lower($1) AND end_snapshot IS NULL", {p.table_name}).empty())
			throw Unpublishable("42P07", "the lake already has a table \"" + p.table_name + "\" that is not of our making");
		return;
	}
	if (c_.query("SELECT FROM " + table("table") + " WHERE table_id = $1 AND end_snapshot IS NULL", {text(p.table_id)}).empty())
		throw Unpublishable("42P01", "lake table \"" + p.table_name + "\" was dropped by another client; unpublish " + p.relation);
	if (p.altered)
		return;   // the next commit makes them so
	const Rows rows = c_.query("SELECT c.column_id, c.column_type FROM " + table("column") +
	                               " c WHERE c.table_id = $1 AND c.end_snapshot IS NULL AND c.parent_column IS NULL ORDER BY 1",
	                           {text(p.table_id)});
	bool same = rows.size() == static_cast<int>(p.lake_columns.size());
	for (int i = 0; same && i < rows.size(); i++)
		same = rows.number(i, 0) == p.lake_columns[i].id && rows.text(i, 1) == p.lake_columns[i].lake_type;
	if (!same)
		throw Unpublishable("42P17", "lake table \"" + p.table_name + "\" was altered by another client; unpublish " + p.relation);
	if (!has_layout(p))
		throw Unpublishable("42P17", "lake table \"" + p.table_name + "\" was partitioned otherwise by another client; SELECT pgtrickle.set_lake_layout(" + text(p.relid) +
		                                 "::regclass, partition_by => …) says what is meant");
}

bool DuckLake::is_sorted(int64_t table_id)
{
	return c_.query("SELECT EXISTS (SELECT FROM " + table("sort_info") + " WHERE table_id = $1 AND end_snapshot IS NULL)", {text(table_id)}).flag(0, 0);
}

std::map<int64_t, LiveFile> DuckLake::live_files(int64_t table_id)
{
	return live_files("", {text(table_id)});
}

std::map<int64_t, LiveFile> DuckLake::live_files(int64_t table_id, const std::vector<int64_t> &ids)
{
	ArrayText list;
	for (int64_t id : ids)
		list.add(id);
	return live_files(" AND f.data_file_id = ANY($2::bigint[])", {text(table_id), list.text()});
}

std::map<int64_t, LiveFile> DuckLake::live_files(const char *which, const std::vector<Text> &params)
{
	const Rows rows = c_.query("SELECT f.data_file_id, f.record_count, f.row_id_start, " + resolved("f") +
	                               ", d.delete_file_id, d.delete_count, d.begin_snapshot, " + resolved("d") + ", d.format, d.path, d.path_is_relative, f.file_size_bytes, f.begin_snapshot, f.partial_max IS NOT NULL "
	                               "FROM " + table("data_file") + " f JOIN " + table("table") + " t ON t.table_id = f.table_id AND t.end_snapshot IS NULL "
	                               "JOIN " + table("schema") + " s USING (schema_id) "
	                               "LEFT JOIN " + table("delete_file") + " d ON d.data_file_id = f.data_file_id AND d.end_snapshot IS NULL "
	                               "WHERE f.table_id = $1 AND f.end_snapshot IS NULL" + which,
	                           params);
	std::map<int64_t, LiveFile> files;
	for (int i = 0; i < rows.size(); i++) {
		LiveFile file{rows.number(i, 0), rows.number(i, 1), rows.is_null(i, 2) ? 0 : rows.number(i, 2), rows.number(i, 11), rows.number(i, 12), rows.text(i, 3), -1, 0, 0, {}, {}, {}, true};
		if (!rows.is_null(i, 4)) {
			file.delete_file_id = rows.number(i, 4);
			file.deleted_rows = rows.number(i, 5);
			file.delete_begin = rows.number(i, 6);
			file.delete_path = rows.text(i, 7);
			file.delete_format = rows.text(i, 8);
			file.delete_path_listed = rows.text(i, 9);
			file.delete_path_is_relative = rows.flag(i, 10);
		}
		file.tells_snapshots = rows.flag(i, 13);
		files[file.data_file_id] = std::move(file);
	}
	return files;
}

int64_t DuckLake::commit(const CatalogState &before, std::vector<Batch> &batches, std::map<int, std::vector<FileDeletion>> &deletions,
                         const Origin &origin)
{
	const int64_t snapshot = before.snapshot + 1;
	int64_t schema_version = before.schema_version, next_catalog_id = before.next_catalog_id, next_file_id = before.next_file_id;
	std::string created, inserted, deleted, altered, rows_in;
	// First, so that a collision shows at once; its counters are filled in at the end.
	c_.query("INSERT INTO " + table("snapshot") + "(snapshot_id, snapshot_time, schema_version, next_catalog_id, next_file_id) VALUES ($1, clock_timestamp(), 0, 0, 0)", {text(snapshot)});

	for (Batch &batch : batches) {
		Publication &p = batch.publication;
		if (p.table_id < 0) {
			if (schema_version == before.schema_version)
				schema_version++;
			p.table_id = next_catalog_id++;
			create_table(batch, snapshot, schema_version, p.table_id);
			write_layout(p, snapshot, next_catalog_id);
			created += ",created_table:\"main\"." + double_quoted(p.table_name);
		} else if (p.altered || p.tags) {
			if (schema_version == before.schema_version)
				schema_version++;
			if (p.altered) {
				alter_columns(p, snapshot, schema_version);
				write_layout(p, snapshot, next_catalog_id);
			}
			altered += ",altered_table:" + text(p.table_id);
		}
		if (p.tags)
			write_tags(p, snapshot);
		if (!batch.files.empty()) {
			add_files(batch, snapshot, next_file_id);
			inserted += ",inserted_into_table:" + text(p.table_id);
		}
		if (!deletions[p.id].empty()) {
			delete_rows(batch, deletions[p.id], snapshot, next_file_id);
			deleted += ",deleted_from_table:" + text(p.table_id);
		}
		rows_in += (rows_in.empty() ? "" : ", ") + json_text(p.table_name) + ": " + text(batch.rows_in);
	}
	c_.query("UPDATE " + table("snapshot") + " SET schema_version = $2, next_catalog_id = $3, next_file_id = $4 WHERE snapshot_id = $1",
	         {text(snapshot), text(schema_version), text(next_catalog_id), text(next_file_id)});
	const std::string changes = created + inserted + deleted + altered;
	c_.query("INSERT INTO " + table("snapshot_changes") + "(snapshot_id, changes_made, author, commit_message, commit_extra_info) VALUES ($1, $2, 'pg_trickle', $3, $4)",
	         {text(snapshot), changes.empty() ? Text() : changes.substr(1), "published " + text(static_cast<int64_t>(batches.size())) + " table(s)",
	          "{\"snapshot\": " + json_text(origin.snapshot) + ", \"moment\": " + json_text(origin.moment) + ", \"lsn\": " + json_text(origin.lsn) + ", \"rows\": {" + rows_in + "}}"});
	return snapshot;
}

void DuckLake::create_table(Batch &batch, int64_t snapshot, int64_t schema_version, int64_t table_id)
{
	const Publication &p = batch.publication;
	const std::string directory = directory_of_new(p);
	const std::string own = directory.substr(directory.rfind('/', directory.size() - 2) + 1);
	c_.query("INSERT INTO " + table("table") + "(table_id, table_uuid, begin_snapshot, schema_id, table_name, path, path_is_relative) "
	         "SELECT $1, gen_random_uuid(), $2, schema_id, $3, $4, true FROM " + table("schema") + " WHERE schema_name = 'main' AND end_snapshot IS NULL",
	         {text(table_id), text(snapshot), p.table_name, own});
	each_column(p.lake_columns, {}, [&](const Column &column, const Text &parent) {
		c_.query("INSERT INTO " + table("column") + "(column_id, begin_snapshot, table_id, column_order, column_name, column_type, default_value, nulls_allowed, "
		         "parent_column, default_value_type, default_value_dialect) VALUES ($1, $2, $3, $1, $4, $5, 'NULL', $6, $7, 'literal', 'duckdb')",
		         {text(column.id), text(snapshot), text(table_id), column.name, column.lake_type, column.nullable ? "t" : "f", parent});
	});
	c_.query("INSERT INTO " + table("schema_versions") + "(begin_snapshot, schema_version, table_id) VALUES ($1, $2, $3)",
	         {text(snapshot), text(schema_version), text(table_id)});
}

// Columns that went end, those that came begin, with the same id where another name or type is read from the same files.
void DuckLake::alter_columns(const Publication &p, int64_t snapshot, int64_t schema_version)
{
	ArrayText ids, names, types, nullables, parents;
	each_column(p.lake_columns, {}, [&](const Column &column, const Text &parent) {
		ids.add(column.id);
		names.add(Text(column.name));
		types.add(Text(column.lake_type));
		nullables.add(Text(column.nullable ? "t" : "f"));
		parents.add(parent);
	});
	const std::string want = "unnest($2::bigint[], $3::text[], $4::text[], $5::bool[], $6::bigint[]) w(id, name, type, nullable, parent)";
	const std::vector<Text> values{text(p.table_id), ids.text(), names.text(), types.text(), nullables.text(), parents.text(), text(snapshot)};
	c_.query("UPDATE " + table("column") + " c SET end_snapshot = $7 WHERE c.table_id = $1 AND c.end_snapshot IS NULL AND NOT EXISTS (SELECT FROM " + want +
	             " WHERE (w.id, w.name, w.type, w.nullable) = (c.column_id, c.column_name, c.column_type, c.nulls_allowed) AND w.parent IS NOT DISTINCT FROM c.parent_column)", values);
	c_.query("INSERT INTO " + table("column") + "(column_id, begin_snapshot, table_id, column_order, column_name, column_type, default_value, nulls_allowed, "
	         "parent_column, default_value_type, default_value_dialect) SELECT w.id, $7, $1, w.id, w.name, w.type, 'NULL', w.nullable, w.parent, 'literal', 'duckdb' FROM " + want +
	             " WHERE NOT EXISTS (SELECT FROM " + table("column") + " c WHERE c.table_id = $1 AND c.column_id = w.id AND c.end_snapshot IS NULL)", values);
	c_.query("DELETE FROM " + table("table_column_stats") + " WHERE table_id = $1 AND column_id <> ALL ($2::bigint[])", {values[0], values[1]});
	c_.query("INSERT INTO " + table("schema_versions") + "(begin_snapshot, schema_version, table_id) VALUES ($1, $2, $3)",
	         {text(snapshot), text(schema_version), text(p.table_id)});
}

void DuckLake::add_files(Batch &batch, int64_t snapshot, int64_t &next_file_id)
{
	const Publication &p = batch.publication;
	const Rows stats = c_.query("SELECT next_row_id FROM " + table("table_stats") + " WHERE table_id = $1", {text(p.table_id)});
	int64_t next_row_id = stats.empty() ? 0 : stats.number(0, 0), rows = 0, bytes = 0;
	for (DataFile &file : batch.files) {
		file.data_file_id = next_file_id;
		// A file that says its rows' ids has no start, like those that DuckDB merges: with one, DuckDB's next merge
		// would take the ids for consecutive and forget them.
		const Text start = file.has_row_ids ? Text() : text(next_row_id);
		add_file(batch, file, next_file_id, snapshot, start);
		if (p.finds_rows() && !(p.is_history() && file.has_row_ids))
			c_.query("INSERT INTO pgtrickle.publication_file(publication, file, data_file_id, row_id_start, rows, valid_from, from_snapshot) VALUES ($1, $2, $3, $4, $5, "
			         "timestamptz '2000-01-01 00:00:00+00' + $6::bigint * interval '1 microsecond', $7)",
			         {text(p.id), text(file.number), text(next_file_id), start, text(file.rows), p.is_history() ? text(batch.moment.micros) : Text(),
			          p.is_history() ? text(snapshot) : Text()});
		next_file_id++;
		next_row_id += file.has_row_ids ? 0 : file.rows;
		rows += file.rows;
		bytes += file.footprint.bytes;
	}
	if (stats.empty())
		c_.query("INSERT INTO " + table("table_stats") + "(table_id, record_count, next_row_id, file_size_bytes) VALUES ($1, $2, $3, $4)",
		         {text(p.table_id), text(rows), text(next_row_id), text(bytes)});
	else
		c_.query("UPDATE " + table("table_stats") + " SET record_count = record_count + $2, next_row_id = $3, file_size_bytes = file_size_bytes + $4 WHERE table_id = $1",
		         {text(p.table_id), text(rows), text(next_row_id), text(bytes)});
	merge_statistics(batch, stats.empty(), snapshot);
}

void DuckLake::add_file(const Batch &batch, const DataFile &file, int64_t id, int64_t snapshot, const Text &row_id_start)
{
	const Publication &p = batch.publication;
	c_.query("INSERT INTO " + table("data_file") + "(data_file_id, table_id, begin_snapshot, path, path_is_relative, file_format, record_count, file_size_bytes, "
	         "footer_size, row_id_start) VALUES ($1, $2, $3, $4, true, 'parquet', $5, $6, $7, $8)",
	         {text(id), text(p.table_id), text(snapshot), file.path.substr(file.name), text(file.rows), text(file.footprint.bytes),
	          text(file.footprint.footer), row_id_start});
	tell_row_groups("data_file", id, file.footprint);
	add_partition(p, file, id);
	ArrayText columns, sizes, values, nulls, mins, maxs, nans;
	const std::vector<Leaf> of_file = leaves(p.lake_columns);
	for (size_t i = 0; i < of_file.size(); i++) {
		const Statistics &s = file.statistics[i];
		columns.add(of_file[i].column->id);
		sizes.add(file.footprint.column_bytes[i]);
		values.add(s.values);
		nulls.add(s.nulls);
		mins.add(s.bounded ? s.min : std::nullopt);
		maxs.add(s.bounded ? s.max : std::nullopt);
		nans.add(s.has_nan ? Text(*s.has_nan ? "t" : "f") : Text());
	}
	c_.query("INSERT INTO " + table("file_column_stats") + "(data_file_id, table_id, column_id, column_size_bytes, value_count, null_count, min_value, max_value, contains_nan) "
	         "SELECT $1, $2, * FROM unnest($3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::varchar[], $8::varchar[], $9::boolean[])",
	         {text(id), text(p.table_id), columns.text(), sizes.text(), values.text(), nulls.text(), mins.text(), maxs.text(), nans.text()});
}

void DuckLake::tell_row_groups(const char *files, int64_t id, const Footprint &footprint)
{
	if (counts_row_groups_)
		c_.query("UPDATE " + table(files) + " SET row_group_count = $2 WHERE " + files + "_id = $1",
		         {text(id), text(footprint.row_groups)});
}

void DuckLake::merge_statistics(const Batch &batch, bool first, int64_t snapshot)
{
	const Publication &p = batch.publication;
	// After its compactions DuckDB writes no bound, too, where one file has none because all is NULL in it: not 'no value yet'.
	c_.query("DELETE FROM " + table("table_column_stats") + " t WHERE t.table_id = $1 AND t.min_value IS NULL AND EXISTS (SELECT FROM " + table("data_file") + " f JOIN " +
	             table("file_column_stats") + " x USING (data_file_id) WHERE f.table_id = $1 AND f.begin_snapshot < $2 AND x.column_id = t.column_id AND coalesce(x.value_count > 0, true))",
	         {text(p.table_id), text(snapshot)});
	const std::vector<Leaf> of_file = leaves(p.lake_columns);
	for (size_t i = 0; i < of_file.size(); i++) {
		const Column &column = *of_file[i].column;
		if (of_file[i].nested)
			continue;  // no row: what is within others has no bounds
		for (const DataFile &file : batch.files) {
			const Statistics &s = file.statistics[i];
			if (s.known)
				continue;
			const std::vector<Text> values{text(p.table_id), text(column.id), s.nulls > 0 ? "t" : "f", s.has_nan ? Text(*s.has_nan ? "t" : "f") : Text(),
			                               s.min, s.max};
			const std::string type = ordering_type(column.lake_type), of = type == "text" ? "::text COLLATE \"C\"" : "::" + type;
			if (!s.bounded)
				c_.query("DELETE FROM " + table("table_column_stats") + " WHERE table_id = $1 AND column_id = $2", {values[0], values[1]});
			else if (first && &file == &batch.files.front())
				c_.query("INSERT INTO " + table("table_column_stats") + "(table_id, column_id, contains_null, contains_nan, min_value, max_value) VALUES ($1, $2, $3, $4, $5, $6)", values);
			else {
				// What another writer spelt in a way that has no order here has no bound any more.
				c_.query("DELETE FROM " + table("table_column_stats") + " WHERE table_id = $1 AND column_id = $2 AND NOT (coalesce(pg_input_is_valid(min_value, $3), true) "
				         "AND coalesce(pg_input_is_valid(max_value, $3), true))", {values[0], values[1], type});
				c_.query("UPDATE " + table("table_column_stats") + " SET contains_null = contains_null OR $3, contains_nan = coalesce(contains_nan OR $4::bool, contains_nan, $4::bool), "
				         "min_value = CASE WHEN min_value" + of + " <= $5::varchar" + of + " OR $5 IS NULL THEN min_value ELSE $5 END, "
				         "max_value = CASE WHEN max_value" + of + " >= $6::varchar" + of + " OR $6 IS NULL THEN max_value ELSE $6 END "
				         "WHERE table_id = $1 AND column_id = $2", values);
			}
		}
	}
}

void DuckLake::delete_rows(const Batch &batch, const std::vector<FileDeletion> &deletions, int64_t snapshot, int64_t &next_file_id)
{
	const Publication &p = batch.publication;
	for (const FileDeletion &deletion : deletions) {
		auto is_fresh = [&](const DataFile &file) { return file.number == deletion.data_file_id; };
		const int64_t data_file_id = deletion.fresh ? std::find_if(batch.files.begin(), batch.files.end(), is_fresh)->data_file_id : deletion.data_file_id;
		if (deletion.ends) {
			c_.query("UPDATE " + table("data_file") + " SET end_snapshot = $2 WHERE data_file_id = $1", {text(deletion.data_file_id), text(snapshot)});
			continue;
		}
		int64_t begin = snapshot, last = snapshot;
		for (const auto &[position, when] : deletion.rows)
			begin = std::min(begin, when == pending ? snapshot : when);
		if (deletion.replaces >= 0) {
			c_.query("DELETE FROM " + table("delete_file") + " WHERE delete_file_id = $1", {text(deletion.replaces)});
			const std::string scheduled = deletion.replaced_path_is_relative ? deletion.directory + deletion.replaced_path : deletion.replaced_path;
			c_.query("INSERT INTO " + table("files_scheduled_for_deletion") + "(data_file_id, path, path_is_relative, schedule_start) VALUES ($1, $2, $3, clock_timestamp())",
			         {text(deletion.replaces), scheduled, deletion.replaced_path_is_relative ? "t" : "f"});
		}
		c_.query("INSERT INTO " + table("delete_file") + "(delete_file_id, table_id, begin_snapshot, data_file_id, path, path_is_relative, format, delete_count, "
		         "file_size_bytes, footer_size, partial_max) VALUES ($1, $2, $3, $4, $5, true, 'parquet', $6, $7, $8, $9)",
		         {text(next_file_id), text(p.table_id), text(begin), text(data_file_id), deletion.path.substr(deletion.path.rfind('/') + 1),
		          text(static_cast<int64_t>(deletion.rows.size())), text(deletion.footprint.bytes), text(deletion.footprint.footer),
		          deletion.with_snapshots ? text(last) : Text()});
		tell_row_groups("delete_file", next_file_id++, deletion.footprint);
	}
}

}  // namespace lake
