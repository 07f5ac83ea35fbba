#pragma once
// One lake snapshot is one PostgreSQL snapshot of all the tables that are published together.
//
// Three connections, three lifetimes:
//   side     commits each statement by itself: notes of files that are about to be written, errors, the lake's lock
//   reader   REPEATABLE READ: its snapshot S is what is published, and becomes the frontier
//   writer   READ COMMITTED: positions, DuckLake's rows and the frontiers, all in one transaction, which needs
//            to see the catalog's newest snapshot, whatever S is
//
// A publish is: read the changes under S and write them as Parquet; then, briefly, lock the catalog, see what other
// writers did meanwhile, write the rows, commit.  Killed before the commit nothing happened, but for files that are
// noted in pgtrickle.lake_upload and removed by sweep(); after it everything did.
// Whoever loses the race for the lake snapshot that its files name a few times takes the lock before it reads.
// When a table fails, its error is recorded and the others are published without it.
// Iceberg follows in the same transaction, or later in one of its own: it needs only the catalog.
// A large table is first loaded beside all this (load.h), and joins when it is there.
#include "ducklake.h"
#include "iceberg.h"
#include "load.h"
#include "object_store.h"
#include "publication.h"
#include "upkeep.h"

#include <chrono>
#include <memory>
#include <set>

namespace lake {

class Publisher {
public:
	// worker: our presence in the lake, which the notes of files name.
	// bell: rung when there is more to do than the last publish() did.
	Publisher(const std::string &conninfo, Connection &side, Lake lake, int worker, Bell &bell);

	// Publishes these publications now, but for those that are being loaded.  True if all of them were.
	bool publish(std::set<int> ids);

	// Gives up loads of what is not ours to publish any more.
	void end_loads(const std::function<bool(int)> &owned);

	// Whether it was left out for that the last time.
	bool is_loading(int id) const { return waiting_.contains(id); }

	// Brings Iceberg up to date where its lag is over, whoever wrote to the lake; owned: of these tables; asked: wherever it lags.
	void follow_iceberg(const std::function<bool(int)> &owned, bool asked);

	// Removes files that no snapshot names: what a crash, a conflict or an error left behind.
	void sweep();

	// Upkeep::step.
	std::optional<int64_t> keep_up();

	const Lake &lake() const { return lake_; }

private:
	// One table's trouble, on its way out of the attempt.
	struct Failed {
		int publication;
		std::string sqlstate, message;
		bool suspend;
		Failed(int publication, const Error &why, bool suspend = false)
		    : publication(publication), sqlstate(why.sqlstate),
		      message(why.what() + std::string(is_locked() ? ": another transaction has the table or its change log locked; it is tried again" : "")), suspend(suspend) {}
		bool is_locked() const { return sqlstate == "55P03"; }
	};
	void attempt(const std::set<int> &ids, bool lock_first);
	std::set<int> loaded(const std::set<int> &ids);
	bool goes_on_loading(int id, bool begun, bool given_up, bool complete);
	bool begin_load(int id);
	void hold_positions(const std::set<int> &ids, const char *mode);
	std::set<int> hold_sources(Connection &connection, const std::set<int> &ids);
	std::set<int> hold_logs(Connection &connection, const std::set<int> &ids);
	std::optional<Batch> prepare(int id, const Moment &moment);
	Batch prepare(Publication publication, const Moment &moment);
	std::vector<FileDeletion> plan_deletions(Batch &batch);
	std::vector<FileDeletion> plan_fresh_deletions(Batch &batch);
	std::vector<FileDeletion> end_all(const Publication &publication);
	void end_load(const Publication &publication);
	bool came_between(const std::vector<Batch> &batches, int64_t since);
	void move_frontiers(const std::vector<Batch> &batches, const std::string &snapshot, const std::string &now);
	Text repair(int id);   // why it cannot be
	std::vector<int> follow_in_commit(const std::vector<Batch> &changed);
	std::map<int64_t, int64_t> last_changes();
	static void lock(Connection &connection, const std::string &table, const char *mode, int publication);
	void keep_upkeep_out(const std::set<int> &ids);
	void note(const std::vector<std::string> &paths);
	void forget_notes(const ArrayText &paths);

	const std::string conninfo_;
	Connection &side_;
	Lake lake_;
	const int worker_;
	Bell &bell_;
	Connection reader_, writer_;
	ObjectStore store_;
	DuckLake ducklake_;
	Upkeep upkeep_;
	Iceberg iceberg_;
	std::vector<std::string> noted_;  // and not committed yet
	std::set<int> sources_;           // of these are locked, and may be read
	std::set<int> held_;              // their logs are kept from before the snapshot on
	std::map<int, std::unique_ptr<Load>> loads_;
	std::set<int> waiting_;           // for them
	std::set<int> to_load_;           // whole: their positions are lost, or their log does not say what went
	std::map<int, std::vector<FileDeletion>> ended_;  // by loads: what the lake had before
	// The catalog's snapshot that Iceberg has been compared with, by publication and for all of them, and when.
	struct Followed {
		int64_t snapshot = -1;
		std::chrono::steady_clock::time_point at{};
	};
	std::map<int, Followed> followed_;
	Followed followed_all_;
};

}  // namespace lake
