#include "catalog.h"

extern "C" {
#include "catalog/pg_authid.h"
#include "commands/defrem.h"
#include "foreign/foreign.h"
#include "utils/acl.h"
}

#include <algorithm>

namespace reader {

namespace {

int64_t number(const pg::Text &text, int64_t otherwise = -1)
{
	return text ? std::stoll(*text) : otherwise;
}

// SQL: rows of alias that are in snapshot $2.
std::string alive(const std::string &alias)
{
	return alias + ".begin_snapshot <= $2::bigint AND (" + alias + ".end_snapshot IS NULL OR " + alias + ".end_snapshot > $2::bigint)";
}

// SQL: a file's path as DuckLake resolves it: relative to its table, that to its schema, that to the data path.
std::string resolved(const std::string &alias)
{
	return "CASE WHEN NOT " + alias + ".path_is_relative THEN " + alias + ".path WHEN NOT t.path_is_relative THEN t.path || " + alias +
	       ".path WHEN NOT s.path_is_relative THEN s.path || t.path || " + alias + ".path ELSE s.path || t.path || " + alias + ".path END";
}

std::string with_table(const Lake &lake)
{
	return " JOIN " + lake.schema + ".ducklake_table t ON t.table_id = f.table_id AND " + alive("t") + " JOIN " + lake.schema +
	       ".ducklake_schema s ON s.schema_id = t.schema_id AND " + alive("s") + " ";
}

void read_settings(Lake &lake, const std::string &server)
{
	if (pg::query_active("SELECT FROM pg_foreign_server WHERE srvname = $1", {server}).empty())
		pg::fail(ERRCODE_UNDEFINED_OBJECT, "foreign server \"" + server + "\" of data path " + lake.data_path + " does not exist", {},
		         "Make it and its user mapping again.");
	const pg::Rows rows = pg::query_active(
	    "SELECT o.option_name, o.option_value FROM pg_foreign_server s "
	    "LEFT JOIN LATERAL (SELECT umoptions FROM pg_user_mapping m WHERE m.umserver = s.oid AND m.umuser IN (0, $2::oid) "
	    "                   ORDER BY m.umuser DESC LIMIT 1) m ON true "
	    "CROSS JOIN LATERAL pg_options_to_table(coalesce(s.srvoptions, '{}') || coalesce(m.umoptions, '{}')) o WHERE s.srvname = $1",
	    {server, std::to_string(lake.owner)});
	for (const auto &row : rows)
		lake.settings[*row[0]] = row[1].value_or("");
}

// Files are read as the server's operating system user: only those of the lake.
void check_path(const Lake &lake, const std::string &path)
{
	if (!lake.is_local())
		return;
	const bool up = path.starts_with("../") || path.find("/../") != std::string::npos;
	if (up || path.find("://") != std::string::npos || (path.starts_with('/') && !path.starts_with(lake.data_path)))
		pg::fail(ERRCODE_INSUFFICIENT_PRIVILEGE, "file \"" + path + "\" of lake \"" + lake.name + "\" is not below its data path",
		         "The server reads files below \"" + lake.data_path + "\" only.", "Copy its rows into the lake with DuckDB instead of adding the file.");
}

std::vector<Column> children_of(const pg::Rows &rows, const pg::Text &parent)
{
	std::vector<Column> columns;
	for (const auto &row : rows)
		if (row[5] == parent)
			columns.push_back({number(row[0]), *row[1], *row[2], *row[3] == "t", row[4], children_of(rows, row[0])});
	return columns;
}

void read_columns(const Lake &lake, Table &table)
{
	table.columns = children_of(pg::query_active("SELECT column_id, column_name, column_type, coalesce(nulls_allowed, true), initial_default, parent_column FROM " +
	                                                 lake.schema + ".ducklake_column c WHERE table_id = $1::bigint AND " + alive("c") + " ORDER BY column_order, column_id",
	                                             {std::to_string(table.id), std::to_string(table.version)}),
	                            pg::Text());
	table.prefixed_inlined = pg::query_active("SELECT value FROM " + lake.schema + ".ducklake_metadata WHERE key = 'version' AND value <> '1.0'").size() > 0;
}

int64_t read_version(const Lake &lake, const Reference &reference)
{
	const std::string from = " FROM " + lake.schema + ".ducklake_snapshot";
	if (reference.version) {
		if (pg::query_active("SELECT 1" + from + " WHERE snapshot_id = $1::bigint", {std::to_string(*reference.version)}).empty())
			pg::fail(ERRCODE_INVALID_PARAMETER_VALUE, "lake \"" + lake.name + "\" has no snapshot " + std::to_string(*reference.version),
			         "It has expired, or is not there yet.", "SELECT * FROM pgtrickle.lake_snapshots() lists those that are there.");
		return *reference.version;
	}
	const pg::Rows rows = reference.at ? pg::query_active("SELECT max(snapshot_id)" + from + " WHERE snapshot_time <= $1::timestamptz", {reference.at})
	                                   : pg::query_active("SELECT max(snapshot_id)" + from);
	if (!rows[0][0])
		pg::fail(ERRCODE_INVALID_PARAMETER_VALUE, "lake \"" + lake.name + "\" has no snapshot" + (reference.at ? " at " + *reference.at : std::string()), {},
		         "SELECT * FROM pgtrickle.lake_snapshots() lists those that are there.");
	return number(rows[0][0]);
}

}  // namespace

Lake read_lake(const std::string &name)
{
	return as_role(BOOTSTRAP_SUPERUSERID, [&] {
		const pg::Rows rows =
		    pg::query_active("SELECT id, owner, name, data_path, metadata_schema, options->>'server' FROM pgtrickle.lake WHERE name = $1", {name});
		if (rows.empty())
			pg::fail(ERRCODE_UNDEFINED_OBJECT, "lake \"" + name + "\" does not exist", {}, "SELECT pgtrickle.create_lake(name, data_path) makes one.");
		const auto &row = rows[0];
		Lake lake{std::stoi(*row[0]), static_cast<Oid>(std::stoul(*row[1])), *row[2], *row[3], pg::quote_ident(*row[4]), {}};
		if (row[5])
			read_settings(lake, *row[5]);
		return lake;
	});
}

Lake read_lake_of_server(Oid server_id)
{
	const ForeignServer *server = pg::call(GetForeignServer, server_id);
	const char *name = nullptr;
	for (int i = 0; i < list_length(server->options); i++) {
		auto *option = static_cast<DefElem *>(list_nth(server->options, i));
		if (strcmp(option->defname, "lake") == 0)
			name = pg::call(defGetString, option);
	}
	if (name == nullptr)
		pg::fail(ERRCODE_FDW_OPTION_NAME_NOT_FOUND, std::string("server \"") + server->servername + "\" does not say which lake it stands for", {},
		         "ALTER SERVER … OPTIONS (ADD lake 'name').");
	Lake lake = read_lake(name);
	if (!pg::call(has_privs_of_role, server->owner, lake.owner))
		pg::fail(ERRCODE_INSUFFICIENT_PRIVILEGE, std::string("the owner of server \"") + server->servername + "\" may not read lake \"" + lake.name + "\"", {},
		         "Let the lake's owner make the server, and GRANT USAGE ON FOREIGN SERVER.");
	return lake;
}

Table read_table(const Lake &lake, const Reference &reference)
{
	return as_role(lake.owner, [&] {
		Table table;
		table.version = read_version(lake, reference);
		const pg::Rows rows = pg::query_active("SELECT t.table_id FROM " + lake.schema + ".ducklake_table t JOIN " + lake.schema +
		                                           ".ducklake_schema s USING (schema_id) WHERE t.table_name = $1 AND s.schema_name = $3 AND " + alive("t") + " AND " + alive("s"),
		                                       {reference.table, std::to_string(table.version), reference.schema});
		if (rows.empty())
			pg::fail(ERRCODE_FDW_TABLE_NOT_FOUND,
			         "lake \"" + lake.name + "\" has no table \"" + reference.schema + "." + reference.table + "\" in snapshot " + std::to_string(table.version), {},
			         "Options schema_name and table_name name the lake's table; it may have been dropped or renamed.");
		table.id = number(rows[0][0]);
		read_columns(lake, table);
		return table;
	});
}

Table read_table_by_id(const Lake &lake, int64_t table_id, int64_t version)
{
	return as_role(lake.owner, [&] {
		Table table;
		table.id = table_id;
		table.version = version;
		read_columns(lake, table);
		return table;
	});
}

std::vector<std::string> read_table_names(const Lake &lake, const std::string &schema, const Reference &reference)
{
	return as_role(lake.owner, [&] {
		const std::string version = std::to_string(read_version(lake, reference));
		if (pg::query_active("SELECT FROM " + lake.schema + ".ducklake_schema s WHERE schema_name = $1 AND " + alive("s"), {schema, version}).empty())
			pg::fail(ERRCODE_FDW_SCHEMA_NOT_FOUND, "lake \"" + lake.name + "\" has no schema \"" + schema + "\"", {}, "The lake's first schema is \"main\".");
		std::vector<std::string> names;
		for (const auto &row : pg::query_active("SELECT t.table_name FROM " + lake.schema + ".ducklake_table t JOIN " + lake.schema +
		                                            ".ducklake_schema s USING (schema_id) WHERE s.schema_name = $1 AND " + alive("t") + " AND " + alive("s") + " ORDER BY 1",
		                                        {schema, version}))
			names.push_back(*row[0]);
		return names;
	});
}

TableSize read_size(const Lake &lake, const Table &table)
{
	return as_role(lake.owner, [&] {
		const pg::Rows rows = pg::query_active("SELECT coalesce(sum(f.record_count - coalesce(d.delete_count, 0)), 0), coalesce(sum(f.file_size_bytes), 0), count(*) FROM " +
		                                           lake.schema + ".ducklake_data_file f LEFT JOIN " + lake.schema +
		                                           ".ducklake_delete_file d ON d.data_file_id = f.data_file_id AND " + alive("d") + " WHERE f.table_id = $1::bigint AND " + alive("f"),
		                                       {std::to_string(table.id), std::to_string(table.version)});
		return TableSize{std::stod(*rows[0][0]), std::stod(*rows[0][1]), std::stod(*rows[0][2])};
	});
}

std::vector<DataFile> read_files(const Lake &lake, const Table &table)
{
	return as_role(lake.owner, [&] {
		const pg::Rows rows = pg::query_active(
		    "SELECT f.data_file_id, f.record_count, f.file_size_bytes, f.row_id_start, f.begin_snapshot, f.partial_max, f.mapping_id, " + resolved("f") + ", " +
		        resolved("d") + ", d.begin_snapshot, d.delete_count, f.encryption_key IS NOT NULL OR d.encryption_key IS NOT NULL, f.file_format, d.format, d.file_size_bytes FROM " +
		        lake.schema + ".ducklake_data_file f" + with_table(lake) + "LEFT JOIN " + lake.schema +
		        ".ducklake_delete_file d ON d.data_file_id = f.data_file_id AND " + alive("d") + " WHERE f.table_id = $1::bigint AND " + alive("f") + " ORDER BY 1",
		    {std::to_string(table.id), std::to_string(table.version)});
		std::vector<DataFile> files;
		for (const auto &row : rows) {
			DataFile file{number(row[0]), number(row[1]), number(row[2], 0), number(row[3], 0), number(row[4]), number(row[5]), number(row[6]),
			              *row[7], row[8].value_or(""), number(row[9], 0), number(row[10], 0), number(row[14], 0)};
			if (*row[11] == "t" || *row[12] != "parquet" || row[13].value_or("parquet") != "parquet")
				pg::fail(ERRCODE_FEATURE_NOT_SUPPORTED, "file \"" + file.path + "\" of lake \"" + lake.name + "\" cannot be read",
				         *row[11] == "t" ? "It is encrypted." : *row[12] != "parquet" ? "Its format is " + *row[12] + "." : "Its deletions are in format " + *row[13] + ".",
				         "CALL ducklake_rewrite_data_files(…, delete_threshold => 0) in DuckDB writes plain Parquet, once write_deletion_vectors and encryption are off.");
			check_path(lake, file.path);
			if (!file.delete_path.empty())
				check_path(lake, file.delete_path);
			files.push_back(std::move(file));
		}
		return files;
	});
}

std::map<std::pair<int64_t, int64_t>, FileBounds> read_bounds(const Lake &lake, const Table &table, const std::vector<int64_t> &columns)
{
	std::string ids = "{";
	for (int64_t id : columns)
		ids += (ids.size() > 1 ? "," : "") + std::to_string(id);
	return as_role(lake.owner, [&] {
		const pg::Rows rows = pg::query_active(
		    "SELECT f.data_file_id, c, coalesce(b.min_value, p.partition_value), coalesce(b.max_value, p.partition_value), b.value_count, "
		    "       CASE WHEN b.data_file_id IS NULL AND p.data_file_id IS NOT NULL AND p.partition_value IS NOT NULL THEN 0 ELSE b.null_count END, b.contains_nan "
		    "FROM " + lake.schema + ".ducklake_data_file f CROSS JOIN unnest($3::bigint[]) c "
		    "LEFT JOIN " + lake.schema + ".ducklake_file_column_stats b ON b.data_file_id = f.data_file_id AND b.column_id = c "
		    "LEFT JOIN (" + lake.schema + ".ducklake_file_partition_value p JOIN " + lake.schema +
		    ".ducklake_partition_column k USING (table_id, partition_key_index)) ON p.data_file_id = f.data_file_id AND k.partition_id = f.partition_id "
		    "          AND k.column_id = c AND k.transform = 'identity' "
		    "WHERE f.table_id = $1::bigint AND " + alive("f"),
		    {std::to_string(table.id), std::to_string(table.version), ids + "}"});
		std::map<std::pair<int64_t, int64_t>, FileBounds> bounds;
		for (const auto &row : rows)
			bounds[{number(row[0]), number(row[1])}] = {row[2], row[3], number(row[4]), number(row[5]), !row[6] || *row[6] == "t"};
		return bounds;
	});
}

std::map<int64_t, std::string> read_mapping(const Lake &lake, int64_t mapping_id)
{
	return as_role(lake.owner, [&] {
		std::map<int64_t, std::string> names;
		for (const auto &row : pg::query_active("SELECT target_field_id, source_name, coalesce(is_partition, false) FROM " + lake.schema +
		                                            ".ducklake_name_mapping WHERE mapping_id = $1::bigint AND parent_column IS NULL",
		                                        {std::to_string(mapping_id)})) {
			if (*row[2] == "t")
				pg::fail(ERRCODE_FEATURE_NOT_SUPPORTED, "column \"" + *row[1] + "\" of lake \"" + lake.name + "\" is in the names of files, not in them", {},
				         "Copy the rows of files that were added with hive partitions into the lake with DuckDB.");
			names[number(row[0])] = *row[1];
		}
		return names;
	});
}

std::map<int64_t, std::vector<std::pair<int64_t, int64_t>>> read_inlined_deletes(const Lake &lake, const Table &table)
{
	return as_role(lake.owner, [&] {
		std::map<int64_t, std::vector<std::pair<int64_t, int64_t>>> positions;
		const std::string name = lake.schema + ".ducklake_inlined_delete_" + std::to_string(table.id);
		if (!pg::query_active("SELECT to_regclass($1)", {name})[0][0])
			return positions;
		for (const auto &row : pg::query_active("SELECT file_id, row_id, begin_snapshot FROM " + name + " WHERE begin_snapshot <= $1::bigint ORDER BY 1, 2", {std::to_string(table.version)}))
			positions[number(row[0])].emplace_back(number(row[1]), number(row[2]));
		return positions;
	});
}

namespace {

struct InlinedTable {
	std::string name, row_id, begin, end;
	std::vector<Column> columns;  // as they were when it was made
};

std::vector<InlinedTable> read_inlined_tables(const Lake &lake, const Table &table)
{
	std::vector<InlinedTable> tables;
	const std::string prefix = table.prefixed_inlined ? "_ducklake_" : "";
	// It has the columns of the table's last schema change up to the version that is in its name, which may be another table's.
	for (const auto &row : pg::query_active("SELECT i.table_name, coalesce((SELECT max(v.begin_snapshot) FROM " + lake.schema +
	                                            ".ducklake_schema_versions v WHERE coalesce(v.table_id, i.table_id) = i.table_id AND v.schema_version <= i.schema_version), "
	                                            "(SELECT min(t.begin_snapshot) FROM " + lake.schema + ".ducklake_table t WHERE t.table_id = i.table_id)) FROM " + lake.schema +
	                                            ".ducklake_inlined_data_tables i WHERE i.table_id = $1::bigint ORDER BY i.schema_version",
	                                        {std::to_string(table.id)})) {
		Table then;
		then.id = table.id;
		then.version = number(row[1]);
		read_columns(lake, then);
		tables.push_back({lake.schema + "." + pg::quote_ident(*row[0]), prefix + "row_id", prefix + "begin_snapshot", prefix + "end_snapshot", std::move(then.columns)});
	}
	return tables;
}

}  // namespace

std::vector<InlinedRows> read_inlined(const Lake &lake, const Table &table)
{
	return as_role(lake.owner, [&] {
		std::vector<InlinedRows> all;
		for (const InlinedTable &inlined : read_inlined_tables(lake, table)) {
			InlinedRows part;
			std::string columns;
			for (const Column &column : inlined.columns) {
				const std::string name = "x." + pg::quote_ident(column.name);
				part.columns.push_back(column.id);
				columns += ", " + (column.type == "varchar" || column.type == "json" ? "convert_from(" + name + ", 'UTF8')" : name + "::text");
			}
			part.rows = pg::query_active("SELECT x." + inlined.row_id + columns + " FROM " + inlined.name + " x WHERE x." + inlined.begin + " <= $1::bigint AND (x." + inlined.end + " IS NULL OR x." +
			                                 inlined.end + " > $1::bigint)",
			                             {std::to_string(table.version)});
			if (!part.rows.empty())
				all.push_back(std::move(part));
		}
		return all;
	});
}

}  // namespace reader
