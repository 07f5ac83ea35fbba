#pragma once
// A lake kept in order, a step at a time between two publishes.
//
// pgtrickle._lake_upkeep_plan (sql/65_lake_upkeep.sql) says what the policies ask for; a step does the first of it in one
// transaction and writes a row of history.  A step is bounded: as many bytes as one file of the target size, 256 files, or a
// thousand removals.  A crash leaves files that are noted in pgtrickle.lake_upload, as a publish does.
// Files are removed only when no snapshot has named them for as long as the policy says.
#include "ducklake.h"
#include "object_store.h"

#include <functional>
#include <optional>
#include <set>

namespace lake {

class Upkeep {
public:
	// writer: for transactions on the catalog; side: statements that commit by themselves.
	Upkeep(Connection &writer, Connection &side, const Lake &lake, ObjectStore &store, DuckLake &ducklake)
	    : writer_(writer), side_(side), lake_(lake), store_(store), ducklake_(ducklake)
	{
	}

	// Bytes read and written by a step; nothing if there is nothing to do.  Throws NeedsRepair.  note: before a file is begun; sweep: removes noted files.
	std::optional<int64_t> step(const std::function<void(const std::string &)> &note, const std::function<void()> &sweep);

private:
	struct Planned {
		std::string action, table_name;
		int publication;
		int64_t table_id;
		std::vector<int64_t> data_files;
	};
	struct Done {
		int64_t files_before = 0, files_after = 0, rows = 0, bytes_before = 0, bytes_after = 0, snapshot = -1;
	};
	std::vector<Planned> plan();
	std::optional<Done> perform(const Planned &planned, const std::function<void(const std::string &)> &note);
	std::optional<Done> merge(const Planned &planned, Deleted deleted, const std::function<void(const std::string &)> &note);
	void check_positions(const Planned &planned, const std::map<int64_t, LiveFile> &live);
	std::vector<MergeSource> sources_of(const Planned &planned, const std::map<int64_t, LiveFile> &live);
	void move_rows(const Planned &planned, const std::vector<MergeSource> &sources, const MergedFile &merged, Deleted deleted, int64_t id);
	Done expire();
	Done remove_scheduled();
	Done remove_orphans();
	void remove(const std::vector<std::string> &paths);
	void record(const Planned &planned, const Done &done, double milliseconds, const Text &error);

	Connection &writer_, &side_;
	const Lake &lake_;
	ObjectStore &store_;
	DuckLake &ducklake_;
	std::set<std::vector<int64_t>> unlike_;   // files that cannot become one: their columns differ
};

}  // namespace lake
