#pragma once
// One table's share of a lake snapshot: the files that were written for it and the rows that are gone.
//
//   load      the whole relation becomes files; what the lake had of it ends
//   changes   the net change since the frontier: new rows become files, rows that went become positions
//   loaded    the files of a load in parts (load.h), without the keys that have changed since it began; those are read again
//
// A file of new rows gets its row ids when the snapshot is committed; rows that took another's place (an update)
// keep their id, which needs a column in the file, so they go into a file of their own.  In mode 'history' those are the
// versions that end (history.h).
// Whatever the size of the relation or the batch, memory holds one row group and a bounded part of the changes.
// Rows come partition by partition (layout.h), so a file ends where its partition does.
#include "history.h"
#include "object_store.h"
#include "parquet.h"
#include "positions.h"
#include "publication.h"

#include <functional>
#include <map>
#include <memory>

namespace lake {

struct DataFile {
	int number;        // among the publication's files
	std::string path;  // relative to the data path
	size_t name;       // where in it the path below the table's directory begins
	int64_t rows = 0;
	bool has_row_ids = false;
	Footprint footprint;
	std::vector<Statistics> statistics;
	std::vector<Text> partition = {};   // its value of each key
	int64_t partition_of = -1;          // or: the data file whose partition it has
	int64_t data_file_id = -1;          // DuckLake's, from the commit on
};

struct Batch {
	Publication publication;
	bool load = false;
	int64_t rows_in = 0;                       // changes read
	std::vector<DataFile> files;
	std::map<int, std::vector<int32_t>> gone;  // by our file number
	Moment moment = {};
	bool is_empty() const { return files.empty() && gone.empty() && !load; }
};

// What writing a batch needs.
struct Workshop {
	Connection &reader;  // in the snapshot that is published
	Connection &writer;  // in the transaction that will commit it
	ObjectStore &store;
	std::string directory;                          // of the table, relative to the data path
	std::function<void(const std::string &)> note;  // called before a file is begun
	std::function<int()> next_file;
	Moment moment;                                  // of this publish, with the lake snapshot that is likely
	std::function<void(int64_t)> progress = [](int64_t) {};  // rows read, now and then
};

// The positions do not know a row that went: the publication must be loaded again.
struct NeedsLoad {
	int publication;
};

// What has been loaded in parts is not what it was: begin anew.
struct NeedsRestart {
	int publication;
};

Batch write_load(const Workshop &shop, Publication publication);
// files: of the parts.
Batch write_loaded(const Workshop &shop, Publication publication, std::vector<DataFile> files);
// The files of a query's rows, and their positions, if any are kept.
std::vector<DataFile> write_rows(const Workshop &shop, const Publication &publication, const std::string &query, Positions::Adding *adding);
// A batch whose frontier is of no use any more (TRUNCATE) comes back with load set and nothing written.
Batch write_changes(const Workshop &shop, Publication publication);

}  // namespace lake
