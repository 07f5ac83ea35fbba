#pragma once
// The first load of a large table: in parts, by several connections, and gone on with after a crash.
//
// A part is a range of blocks.  Each is read in a snapshot of its own and committed by itself: its positions, the names and
// statistics of its files, the note that it is done.  What was done when the program or the server died is not read again; no snapshot
// is held for long, no writer waits, and meanwhile other tables are published.
//
// So the parts are of different moments, all later than the base: the snapshot of when the load began, from which on the change
// log is kept.  A row whose key has not changed since the base is in exactly one part, as it is.  Every key that has changed
// is taken out of the parts, and its row, if there is one now, is read again under the snapshot that is published (batch.h); this idea
// is that of watermarks in change data capture.  Readers see nothing of the table until that commit.
//
// That needs a key and blocks that stay where they are: a relation that was rewritten, truncated or got other columns begins anew.
// In mode 'history' rows say which snapshot they came with, so there, without a key, and for what is one part anyway
// the table is loaded in one go, in the transaction of the publish (write_load); a crash begins that anew.
#include "batch.h"
#include "bell.h"

#include <atomic>
#include <chrono>
#include <exception>
#include <mutex>
#include <thread>

namespace lake {

// Reads the parts that are left, and then builds the index of the positions.
class Load {
public:
	// directory: where the files go; worker: our presence in the lake; workers: how many read; bell: rung at the end.
	Load(std::string conninfo, ObjectStore &store, int lake, std::string directory, int worker, int publication, int workers, Bell &bell);
	~Load();  // what is under way is given up
	Load(const Load &) = delete;

	bool is_over() const { return running_ == 0; }
	void rethrow() const;  // what ended it, if it did not end well
	void tell_progress(Connection &side);

private:
	struct Part;
	void work();
	bool read_part(Connection &reader, Connection &writer, Connection &side);
	void read(const Part &part, Connection &reader, Connection &writer, Connection &side, std::vector<std::string> &noted);
	Publication lock(const Part &part, Connection &reader);
	void build_index(Connection &writer);
	std::string positions_table() const { return "pgtrickle_state.lake_rows_" + std::to_string(publication_); }

	const std::string conninfo_;
	ObjectStore &store_;
	const int lake_;
	const std::string directory_;
	const int worker_, publication_;
	Bell &bell_;
	std::atomic<int64_t> rows_reading_ = 0;
	std::atomic<bool> stop_ = false;
	std::atomic<int> running_, reading_;
	std::chrono::steady_clock::time_point told_{};
	std::mutex failing_;
	std::exception_ptr failure_;
	std::vector<std::thread> threads_;
};

// The files of the parts that are done.
std::vector<DataFile> read_load_files(Connection &connection, int publication);

}  // namespace lake
