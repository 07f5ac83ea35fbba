#include "deletions.h"

#include "ducklake.h"

#include <algorithm>

namespace lake {

namespace {

// Both sorted by position; a position that was deleted before keeps its snapshot.
void merge(Deletions &rows, std::vector<int64_t> added)
{
	std::sort(added.begin(), added.end());
	Deletions merged;
	merged.reserve(rows.size() + added.size());
	auto old = rows.begin();
	for (int64_t position : added) {
		while (old != rows.end() && old->first < position)
			merged.push_back(*old++);
		if (old != rows.end() && old->first == position)
			continue;
		if (merged.empty() || merged.back().first != position)
			merged.emplace_back(position, pending);
	}
	merged.insert(merged.end(), old, rows.end());
	rows = std::move(merged);
}

}  // namespace

std::vector<FileDeletion> merge_deletions(ObjectStore &store, const std::map<int64_t, std::vector<int64_t>> &gone,
                                          const std::map<int64_t, LiveFile> &live, const std::string &directory, int publication)
{
	std::vector<FileDeletion> deletions;
	for (const auto &[id, positions] : gone) {
		auto found = live.find(id);
		if (found == live.end())
			throw NeedsRepair{publication};
		const LiveFile &file = found->second;
		FileDeletion deletion;
		deletion.data_file_id = id;
		deletion.data_file = store.uri(file.path);
		deletion.directory = directory;
		deletion.with_snapshots = file.tells_snapshots;
		if (file.delete_file_id >= 0) {
			if (file.delete_format != "parquet")
				throw Unpublishable("0A000", "data file " + file.path + " has deletions in format " + file.delete_format +
				                                 "; rewrite it: CALL ducklake_rewrite_data_files(…) in DuckDB");
			deletion.rows = read_delete_file(store, file.delete_path, file.delete_begin);
			deletion.with_snapshots = true;
			deletion.replaces = file.delete_file_id;
			deletion.replaced_path = file.delete_path_listed;
			deletion.replaced_path_is_relative = file.delete_path_is_relative;
		}
		merge(deletion.rows, positions);
		deletion.ends = static_cast<int64_t>(deletion.rows.size()) == file.rows;
		deletions.push_back(std::move(deletion));
	}
	return deletions;
}

void write_deletions(ObjectStore &store, std::vector<FileDeletion> &deletions, int64_t snapshot, bool again,
                     const std::function<void(const std::string &)> &note)
{
	for (FileDeletion &deletion : deletions) {
		if (deletion.ends || (again && !deletion.with_snapshots))
			continue;
		deletion.path = deletion.directory + new_file_name("-delete");
		note(deletion.path);
		deletion.footprint = write_delete_file(store, deletion.path, deletion.data_file, deletion.rows, deletion.with_snapshots, snapshot);
	}
}

}  // namespace lake
