#pragma once
// Where a row of the source is in the lake: key → file, position in it, and row id.
//
// One row per row of the lake table, in pgtrickle_state.lake_rows_<publication>, changed in the transaction that
// commits the batch.  `file` counts the files of the publication; pgtrickle.publication_file has its DuckLake id,
// which is not known before the commit.  Without a row id of its own a row has row_id_start + position, DuckLake's rule.
// Rows without a key are found by a hash of the whole row; equal rows stand there several times, and any will do.
#include "database.h"
#include "publication.h"

#include <functional>
#include <optional>

namespace lake {

struct Place {
	int file;
	int32_t position;
	int64_t row_id;  // -1: the file's own
};

class Positions {
public:
	Positions(Connection &writer, const Publication &publication) : writer_(writer), publication_(publication) {}

	// Removes `count` rows of each key and tells where they were, each with its row id.  REQUIRES: keys sorted, for the index's sake.
	void take(const std::vector<std::pair<Key, int>> &keys, const std::function<void(const Key &, const Place &)> &taken);

	// Adds rows, in the order given: sorted by key where the index is not to be built afterwards.
	class Adding {
	public:
		Adding(Positions &positions, bool fresh);
		void add(const Key &key, const Place &place);
		void finish() { copy_.finish(); }

	private:
		bool integer_key_;
		CopyIn copy_;
	};

	// Empties the table and lets go of its index, for a load; end_load builds it again.
	void begin_load();
	void end_load();

private:
	Connection &writer_;
	const Publication &publication_;
};

}  // namespace lake
