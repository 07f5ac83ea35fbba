#pragma once
// Where loaded rows are that have not changed since: hundreds of them a row of pgtrickle.publication_run.
//
// A table mostly lies in the order of its integer key, roughly.  So a load sorts some ten thousand keys at a time, as they come, and
// writes them down as runs: ascending keys of one file, and their positions where these are not simply the next ones.  Keys that follow
// each other without a gap, as those of a sequence do, need not even be listed.
// Runs of different moments of the load may overlap; when it ends the server writes those that do row by row
// (pgtrickle._end_positions), so that afterwards a key is in at most one run, which an index on the first keys finds.
//
// A run does not change.  A key whose row has been taken out of it is listed in lake_rows_<publication> with file 0.
#include "database.h"

#include <vector>

namespace lake {

class RunWriter {
public:
	static constexpr size_t sorted_at_once = 1 << 16;

	// Whether those that come later lie among those that come first, so that most runs would.
	static bool would_overlap(std::vector<int64_t> keys);

	RunWriter(Connection &writer, int publication);
	void add(int64_t key, int file, int32_t position);
	void finish();

private:
	struct Row {
		int64_t key;
		int32_t position;
	};
	void flush();
	void write(const Row *begin, const Row *end, bool dense);

	const int publication_;
	int file_ = 0;
	std::vector<Row> rows_;  // of one file
	CopyIn copy_;
};

}  // namespace lake
