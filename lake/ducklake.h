#pragma once
// DuckLake's catalog as PostgreSQL tables: what is read of it and what a commit writes into it.
//
// The protocol is DuckDB's (extension ducklake 1.5.5, catalog 1.0):
//   - One row of ducklake_snapshot per commit.  Writers do not lock; two that take the same snapshot id collide on
//     its primary key, and the loser checks ducklake_snapshot_changes and tries again.  We take a lock that makes
//     other writers' inserts wait (never readers), so we do not lose, and look at what came between ourselves.
//   - Rows are never changed but to end them.  A table's row ids come from ducklake_table_stats.next_row_id.
//   - A data file has at most one live delete file, which tells all its deleted positions.  When it tells those of
//     several snapshots it says which is whose, begins at the first, and the one it replaces is unlisted.
//   - Catalog 1.1 is 1.0 with row_group_count in both tables of files, and what is DuckDB's own: comments on columns of views,
//     other names of columns of inlined rows.  DuckDB may make the one of the other at any time, so each commit looks.
//   - Bounds in ducklake_table_column_stats are the truth or there is no row: NULL is read as "no value yet".
#include "batch.h"
#include "database.h"
#include "deletions.h"
#include "merge.h"
#include "publication.h"

#include <map>
#include <string>
#include <vector>

namespace lake {

// SQL: the path of a file (alias) of table t in schema s, relative to the data path unless it is whole.
std::string resolved(const char *alias);
// The PostgreSQL type that orders DuckLake's spelling of a value as DuckDB does.
std::string ordering_type(const std::string &lake_type);

struct CatalogState {
	int64_t snapshot, schema_version, next_catalog_id, next_file_id;
};

// A data file that is in the newest snapshot, and the file of its deletions.
struct LiveFile {
	int64_t data_file_id, rows, row_id_start, bytes, begin_snapshot;
	std::string path;
	int64_t delete_file_id = -1, deleted_rows = 0, delete_begin = 0;
	std::string delete_path, delete_format;
	std::string delete_path_listed;  // as it stands in the catalog
	bool delete_path_is_relative = true;
	bool tells_snapshots = false;    // with which each of its rows came
};

// A merged file that stands for others.
struct Replacement {
	int64_t table_id;
	std::vector<int64_t> sources;       // data files
	const MergedFile &file;
	bool at_every_snapshot;             // the sources are forgotten; else they end and the file begins
	std::string delete_path;            // empty: no row of it is deleted
	Footprint delete_footprint = {};
};

// What a lake snapshot is of: the database's snapshot, when it was taken, and where the log of the server was then.
struct Origin {
	std::string snapshot, moment, lsn;
};

class DuckLake {
public:
	DuckLake(Connection &writer, const Lake &lake) : c_(writer), lake_(lake) {}

	CatalogState state();  // Throws Unpublishable when the catalog is of a version that we do not write.
	void lock();  // until the transaction ends
	// Verbs like inserted_into_table:7 of the snapshots after this one.
	std::vector<std::string> changes_since(int64_t snapshot);

	// Relative to the data path, with a slash at its end.
	std::string directory_of_new(const Publication &publication);
	std::string directory_of(int64_t table_id);
	// Throws Unpublishable when another client has dropped or altered the table.
	void check_table(const Publication &publication);
	std::map<int64_t, LiveFile> live_files(int64_t table_id);
	// Whether another client has given it a sort order: DuckDB 1.5.5 sorts what it merges then, and counts row ids anew along it.
	bool is_sorted(int64_t table_id);
	// Of these data files; an archive may have a million others.
	std::map<int64_t, LiveFile> live_files(int64_t table_id, const std::vector<int64_t> &ids);

	// Writes one snapshot of all batches.  REQUIRES: lock().  Returns its id.
	int64_t commit(const CatalogState &before, std::vector<Batch> &batches, std::map<int, std::vector<FileDeletion>> &deletions,
	               const Origin &origin);

	// Writes the snapshot of a replacement.  REQUIRES: lock().  Returns its id and that of the new data file.
	std::pair<int64_t, int64_t> replace(const CatalogState &before, const Replacement &replacement);

private:
	std::map<int64_t, LiveFile> live_files(const char *which, const std::vector<Text> &params);
	void add_merged(const Replacement &replacement, int64_t id, int64_t snapshot);
	void add_merged_statistics(const Replacement &replacement, int64_t id);
	void forget(const Replacement &replacement);
	void create_table(Batch &batch, int64_t snapshot, int64_t schema_version, int64_t table_id);
	void alter_columns(const Publication &publication, int64_t snapshot, int64_t schema_version);
	void write_tags(const Publication &publication, int64_t snapshot);
	bool has_layout(const Publication &publication);
	void write_layout(const Publication &publication, int64_t snapshot, int64_t &next_catalog_id);
	void add_partition(const Publication &publication, const DataFile &file, int64_t id);
	void add_files(Batch &batch, int64_t snapshot, int64_t &next_file_id);
	void add_file(const Batch &batch, const DataFile &file, int64_t id, int64_t snapshot, const Text &row_id_start);
	void merge_statistics(const Batch &batch, bool first, int64_t snapshot);
	void delete_rows(const Batch &batch, const std::vector<FileDeletion> &deletions, int64_t snapshot, int64_t &next_file_id);
	void tell_row_groups(const char *files, int64_t id, const Footprint &footprint);
	std::string table(const char *name) const { return lake_.schema + ".ducklake_" + name; }

	Connection &c_;
	const Lake &lake_;
	bool counts_row_groups_ = false;  // as state() found the catalog
};

}  // namespace lake
