#pragma once
// Several data files of one table become one.
//
//   keep    all rows, each with its row id and the snapshot it came with: the new file stands for the old ones at every
//           snapshot, and their delete files become one (DuckLake's merge_adjacent)
//   drop    the rows that are there now, each with its row id: the new file begins where the old ones end (rewrite_delete)
//
// Rows are copied as Arrow columns, a row group at a time, in the order of the files; no value is looked at.  A column may be
// given one value for all rows instead (the end of versions, see history.h).
#include "object_store.h"
#include "parquet.h"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace lake {

struct MergeSource {
	int64_t data_file_id, rows, bytes, begin_snapshot;
	int64_t row_id_start;                     // where the file does not say its rows' ids
	std::string path;                         // relative to the data path, or whole
	Deletions deleted;                        // sorted by position
};

struct MergedFile {
	std::string path;
	int64_t rows = 0, bytes_read = 0;
	int64_t first_snapshot = 0, last_snapshot = 0;   // that its rows came with; when they are kept
	Footprint footprint;
	std::vector<int64_t> column_ids, values, nulls;  // by leaf column: of a list, its elements
	Deletions deleted;                               // by position in the new file
	std::vector<int64_t> begins;                     // by source: position of its first row
};

enum class Deleted { keep, drop };

// Nothing if the files have not the same columns.  note is called with the path before the file is begun.
// constants: by field id, a 64-bit column's one value.
std::optional<MergedFile> merge_files(ObjectStore &store, const std::vector<MergeSource> &sources, Deleted deleted,
                                      const std::string &directory, const std::function<void(const std::string &)> &note,
                                      const std::map<int, int64_t> &constants = {});

// DuckLake's field id for the snapshot a row came with.
inline constexpr int snapshot_id_field = 2147483539;

}  // namespace lake
