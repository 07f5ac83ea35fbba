#pragma once
// Rows that are gone, on their way into delete files.
//
// A file's deletions are merged with those it has already.  One whose rows are all gone is ended instead.  Snapshot
// ids inside a delete file must be those of the commit, which is certain only under the catalog's lock: files are
// written before with the id that is likely, and once more under the lock if another writer was faster.  They are needed where
// deletions are of several snapshots, and where the data file says with which snapshot a row came: DuckDB's table_changes would
// take that for the one with which it went.
#include "object_store.h"
#include "parquet.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace lake {

struct Batch;
struct LiveFile;

struct FileDeletion {
	int64_t data_file_id;
	bool ends = false;                      // all rows are gone
	bool fresh = false;                     // the file comes with this very commit: data_file_id is our number of it
	Deletions rows;                         // all deleted ones, ours pending
	bool with_snapshots = false;
	std::string data_file, directory;       // its full name; where the delete file goes
	std::string path;                       // relative to the data path
	Footprint footprint;
	// The delete file it replaces.
	int64_t replaces = -1;
	std::string replaced_path;
	bool replaced_path_is_relative = true;
};

// The positions name a file that is not live: another client has compacted the table.
struct NeedsRepair {
	int publication;
};

// gone: positions by DuckLake file id.
std::vector<FileDeletion> merge_deletions(ObjectStore &store, const std::map<int64_t, std::vector<int64_t>> &gone,
                                          const std::map<int64_t, LiveFile> &live, const std::string &directory, int publication);

// Writes the delete files as of this snapshot; again only those that say so.
void write_deletions(ObjectStore &store, std::vector<FileDeletion> &deletions, int64_t snapshot, bool again,
                     const std::function<void(const std::string &)> &note);

}  // namespace lake
