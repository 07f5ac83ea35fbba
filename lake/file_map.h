#pragma once
// Where the rows of a publication lie now.
//
// pgtrickle_state.lake_rows_<n> names a row by (file, position) as they were when it was written, and stays as it is when
// files are merged or rewritten.  pgtrickle.publication_file says in which data file those rows are now, from which
// position on, and which of them a rewrite left out.  So upkeep costs the files it touches, and no row of positions.
#include "database.h"

#include <map>
#include <vector>

namespace lake {

// A file as it was written, inside the data file that holds its rows now.
struct Placed {
	int file;
	int64_t data_file_id, first, rows;      // rows: as it was written
	std::vector<int32_t> removed;           // sorted positions that are not in the data file any more

	int64_t now(int32_t position) const;    // position in the data file
	int64_t left() const { return rows - static_cast<int64_t>(removed.size()); }
};

// Those of the publication that are named, or that lie in the data files named; in the order of their rows.
std::map<int, Placed> placed_files(Connection &connection, int publication, const std::vector<int> &files);
std::vector<Placed> placed_in(Connection &connection, int publication, const std::vector<int64_t> &data_files);

// The file after its data file was rewritten without the rows at these positions (sorted, of the data file).
Placed without(const Placed &file, const std::vector<int64_t> &gone);

}  // namespace lake
