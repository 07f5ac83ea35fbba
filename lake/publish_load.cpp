// How a publication that is loaded in parts (load.h) is begun, waited for, brought into the lake, or given up.
#include "publish.h"

#include <algorithm>
#include <malloc.h>
#include <utility>

namespace lake {

// Those that are in the lake or can be put into it now.
std::set<int> Publisher::loaded(const std::set<int> &ids)
{
	const Rows rows = side_.query_prepared(
	    "SELECT p.id, l.base IS NOT NULL AND l.ended_at IS NULL, c.frontier IS NULL, to_regclass('pgtrickle_state.lake_rows_' || p.id || '_key') IS NOT NULL "
	    "       AND NOT EXISTS (SELECT FROM pgtrickle.load_part f WHERE f.publication = p.id AND f.rows IS NULL), p.table_id IS NOT NULL "
	    "FROM pgtrickle.publication p JOIN pgtrickle.consumer c USING (id) LEFT JOIN pgtrickle.publication_load l ON l.publication = p.id "
	    "WHERE p.id = ANY($1::int[])", {array_of(ids)});
	std::set<int> ready = ids;
	for (int i = 0; i < rows.size(); i++) {
		const int id = static_cast<int>(rows.number(i, 0));
		waiting_.erase(id);
		if (!rows.flag(i, 4) && goes_on_loading(id, rows.flag(i, 1), rows.flag(i, 2), rows.flag(i, 3)))
			ready.erase(id), waiting_.insert(id);
	}
	return ready;   // those unpublished just now still wait, for end_loads
}

bool Publisher::goes_on_loading(int id, bool begun, bool given_up, bool complete)
{
	try {
		if (auto found = loads_.find(id); found != loads_.end()) {
			if (!found->second->is_over()) {
				found->second->tell_progress(side_);
				return true;
			}
			const std::unique_ptr<Load> over = std::move(found->second);
			loads_.erase(found);
			over->rethrow();
			arrow::default_memory_pool()->ReleaseUnused();
			malloc_trim(0);
			bell_.ring();   // what was asked before may have changed
			return true;
		}
		if (begun && given_up)
			throw NeedsRestart{id};
		if (begun ? complete : !begin_load(id))
			return false;
		const std::optional<Publication> publication = read_publication(side_, id);
		if (!publication)
			return false;
		const Rows workers = side_.query("UPDATE pgtrickle.publication_load SET resumed_at = clock_timestamp(), rows_reading = 0, resumed_rows = "
		                                 "(SELECT coalesce(sum(f.rows), 0) FROM pgtrickle.load_part f WHERE f.publication = $1) WHERE publication = $1 RETURNING workers", {text(id)});
		loads_[id] = std::make_unique<Load>(conninfo_, store_, lake_.id, ducklake_.directory_of_new(*publication), worker_, id, static_cast<int>(workers.number(0, 0)), bell_);
		return true;
	} catch (const Unpublishable &e) {
		throw Failed{id, e, true};
	} catch (const Failed &e) {
		if (!e.is_locked())
			throw;
	} catch (const DatabaseError &e) {
		if (const Failed failed{id, e}; !failed.is_locked())
			throw failed;
	}
	writer_.rollback();
	return true;   // whoever has it locked need not wait for us: it is asked for again soon
}

void Publisher::end_loads(const std::function<bool(int)> &owned)
{
	std::erase_if(loads_, [&](const auto &load) { return !owned(load.first); });
	if (std::erase_if(waiting_, [&](int id) { return !owned(id); }) > 0)
		sweep();
}

// False: it is to be loaded in one go.
bool Publisher::begin_load(int id)
{
	writer_.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
	writer_.query("SET LOCAL lock_timeout = '100ms'");
	hold_positions({id}, "ACCESS EXCLUSIVE");
	hold_sources(writer_, {id});
	hold_logs(writer_, {id});
	const Rows parts = writer_.query("SELECT pgtrickle._begin_load($1, pg_size_bytes(pgtrickle._lake_policy($2, 'load_part_size')), pgtrickle._lake_policy($2, 'load_workers')::int)",
	                                 {text(id), text(lake_.id)});
	writer_.query("COMMIT");
	return parts.number(0, 0) > 0;
}

// Of rows in files that come with this very commit.  A file of which nothing is left does not come at all.
std::vector<FileDeletion> Publisher::plan_fresh_deletions(Batch &batch)
{
	const Publication &p = batch.publication;
	std::map<int64_t, std::vector<int64_t>> gone;
	for (const auto &[file, positions] : batch.gone)
		gone[file].assign(positions.begin(), positions.end());
	std::map<int64_t, LiveFile> files;
	for (const DataFile &file : batch.files)
		files[file.number] = {file.number, file.rows, 0, file.footprint.bytes, 0, file.path};
	std::vector<FileDeletion> deletions = merge_deletions(store_, gone, files, ducklake_.directory_of_new(p), p.id);
	for (const FileDeletion &deletion : deletions)
		if (deletion.ends)
			std::erase_if(batch.files, [&](const DataFile &file) { return file.number == deletion.data_file_id; });
	std::erase_if(deletions, [](const FileDeletion &deletion) { return deletion.ends; });
	for (FileDeletion &deletion : deletions)
		deletion.fresh = true;
	return deletions;
}

// What was loaded in parts is in the commit now, or in no use.
void Publisher::end_load(const Publication &p)
{
	if (p.mode == "append")
		Positions(writer_, p).forget();
	writer_.query("INSERT INTO pgtrickle.lake_upload(lake, path) SELECT $2, f.path FROM pgtrickle.load_file f WHERE f.publication = $1 AND NOT EXISTS (SELECT FROM " + lake_.schema +
	              ".ducklake_data_file d WHERE d.table_id = $3 AND d.path = substr(f.path, f.directory + 1))", {text(p.id), text(lake_.id), text(p.table_id)});
	writer_.query("DELETE FROM pgtrickle.load_file WHERE publication = $1", {text(p.id)});
	writer_.query("DELETE FROM pgtrickle.load_part WHERE publication = $1", {text(p.id)});
	writer_.query("UPDATE pgtrickle.publication_load SET ended_at = clock_timestamp(), rows_reading = 0 WHERE publication = $1 AND ended_at IS NULL", {text(p.id)});
}

}  // namespace lake
