#pragma once
// What the DuckLake catalog, which is in this very database, says of a lake and its tables at one lake snapshot.
//
// Everything is read under the executor's snapshot, so a query sees the lake as it sees the other tables: consistent by
// MVCC.  pgtrickle's own tables, and the keys of an S3 server, are read as the cluster's first superuser; the
// catalog's tables, which others may own and hang views and rules on, as the lake's owner, restricted, and with a
// search_path that nobody can put an operator in.
#include "pg/spi.hpp"
#include "pg/sql.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace reader {

struct Lake {
	int id;
	Oid owner;
	std::string name, data_path, schema;          // schema of the catalog's tables, quoted
	std::map<std::string, std::string> settings;  // of the S3 server and its user mapping
	bool is_local() const { return !data_path.starts_with("s3://"); }
};

struct Column {
	int64_t id;
	std::string name, type;  // DuckLake's
	bool nullable;
	pg::Text initial_default;
	std::vector<Column> children;
};

// Which table, and when: a lake snapshot, the last one at a time, or the newest that is visible.
struct Reference {
	std::string schema = "main", table;
	std::optional<int64_t> version;
	pg::Text at;
};

struct Table {
	int64_t id = -1, version = -1;
	std::vector<Column> columns;
	bool prefixed_inlined = false;  // DuckLake 1.1
};

struct DataFile {
	int64_t id, rows, bytes, row_id_start, begin_snapshot;
	int64_t partial_max = -1;  // rows of several snapshots: up to this one
	int64_t mapping_id = -1;   // columns by name
	std::string path;
	std::string delete_path;   // empty: none
	int64_t delete_begin = 0, deleted = 0, delete_bytes = 0;
};

// A column's statistics of a file, as text.
struct FileBounds {
	pg::Text min, max;
	int64_t values = -1, nulls = -1;  // -1: not known
	bool may_be_nan = true;
};

struct TableSize {
	double rows, bytes, files;
};

// Runs body as this role, restricted, under a safe search_path and settings that make text exact.
template <typename F>
auto as_role(Oid role, F &&body)
{
	pg::Identity identity(role, true);
	const int level = pg::call(NewGUCNestLevel);
	pg::call(RestrictSearchPath);
	static constexpr std::pair<const char *, const char *> settings[] = {
	    {"extra_float_digits", "3"}, {"IntervalStyle", "postgres"}, {"DateStyle", "ISO"}, {"bytea_output", "hex"}};
	for (const auto &[name, value] : settings)
		pg::call(set_config_option, name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	auto result = pg::with_spi(body);
	pg::call(AtEOXact_GUC, false, level);
	return result;
}

Lake read_lake(const std::string &name);
// Of a foreign server, whose owner must have the rights of the lake's.
Lake read_lake_of_server(Oid server);

Table read_table(const Lake &lake, const Reference &reference);
Table read_table_by_id(const Lake &lake, int64_t table_id, int64_t version);
std::vector<std::string> read_table_names(const Lake &lake, const std::string &schema, const Reference &reference);
TableSize read_size(const Lake &lake, const Table &table);

// Sorted by id.  Fails where a file is none that we may or can read.
std::vector<DataFile> read_files(const Lake &lake, const Table &table);
// By file and column.
std::map<std::pair<int64_t, int64_t>, FileBounds> read_bounds(const Lake &lake, const Table &table, const std::vector<int64_t> &columns);
// Names in the files of a mapping, by column id.
std::map<int64_t, std::string> read_mapping(const Lake &lake, int64_t mapping_id);
// Positions deleted from data files without a delete file, and the snapshot: by file.
std::map<int64_t, std::vector<std::pair<int64_t, int64_t>>> read_inlined_deletes(const Lake &lake, const Table &table);

// Rows that are in the catalog itself: row id, then the columns by id as text.
struct InlinedRows {
	std::vector<int64_t> columns;
	pg::Rows rows;
};
std::vector<InlinedRows> read_inlined(const Lake &lake, const Table &table);

}  // namespace reader
