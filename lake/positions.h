#pragma once
// Where a row of the source is in the lake: key → file, position in it, and row id.
//
// One row per row of the lake table, in pgtrickle_state.lake_rows_<publication>, changed in the transaction that
// commits the batch.  `file` counts the files of the publication; pgtrickle.publication_file has its DuckLake id,
// which is not known before the commit.  Without a row id of its own a row has row_id_start + position, DuckLake's rule.
// Rows with an integer key that were loaded and have not changed since are in runs instead (runs.h), until they do.
// Rows without a key are found by a hash of the whole row; equal rows stand there several times, and any will do.
#include "database.h"
#include "publication.h"
#include "runs.h"

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
	using Taken = std::function<void(const Key &, const Place &)>;

	Positions(Connection &writer, const Publication &publication) : writer_(writer), publication_(publication) {}

	// Removes `count` rows of each key and tells where they were, each with its row id.  REQUIRES: keys sorted, for the index's sake.
	void take(const std::vector<std::pair<Key, int>> &keys, const Taken &taken);

	// Adds rows, in the order given: sorted by key where the index is not to be built afterwards.
	// load: in runs, if the keys are of a kind and order for it; fresh: by the transaction that emptied the table.
	enum class To { rows, load, fresh_load };
	class Adding {
	public:
		Adding(Positions &positions, To to);
		void add(const Key &key, const Place &place);
		void finish();

	private:
		void decide();
		void open_rows();
		void add_row(const Key &key, const Place &place);
		Positions &positions_;
		const To to_;
		std::vector<std::pair<Key, Place>> first_;  // while it is not decided what they become
		std::optional<RunWriter> runs_;
		std::optional<CopyIn> copy_;
	};

	void forget();

	// Forgets all and lets go of the index, for a load; end_load builds it again.
	void begin_load();
	void end_load();

	// Writes what is in runs row by row, for who reads them all.
	void spread();

private:
	void take_rows(const std::vector<std::pair<Key, int>> &keys, const Taken &taken);
	void take_of_runs(const std::vector<Key> &keys, const Taken &taken);
	std::string file_of(const std::string &row) const;
	void each(const Rows &rows, const Taken &taken) const;
	Connection &writer_;
	const Publication &publication_;
};

}  // namespace lake
