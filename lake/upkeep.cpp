#include "upkeep.h"

#include "file_map.h"

#include <algorithm>
#include <chrono>
#include <future>

namespace lake {

namespace {

constexpr size_t removals_at_once = 8;

std::vector<int64_t> ids_of(const std::string &array)
{
	std::vector<int64_t> out;
	for (size_t at = 1; at < array.size(); at = array.find_first_of(",}", at) + 1)
		out.push_back(atoll(array.c_str() + at));
	return out;
}

// The row ids of a source: of all its rows that went, and of all its rows those that went from some source.
struct Versions {
	const MergeSource *source;
	std::vector<int64_t> gone, met;
};

bool meet(const std::vector<int64_t> &ids, const std::set<int64_t> &others)
{
	return std::any_of(ids.begin(), ids.end(), [&](int64_t id) { return others.contains(id); });
}

std::vector<Versions> versions_of(ObjectStore &store, const std::vector<MergeSource> &sources)
{
	std::vector<Versions> out;
	std::vector<int64_t> gone;
	for (const MergeSource &source : sources) {
		Versions &versions = out.emplace_back(Versions{&source, {}, {}});
		auto next = source.deleted.begin();
		if (next != source.deleted.end())
			read_row_ids(store, source.path, source.rows, source.row_id_start, [&](int64_t position, int64_t row_id) {
				if (next != source.deleted.end() && next->first == position) {
					versions.gone.push_back(row_id);
					next++;
				}
			});
		gone.insert(gone.end(), versions.gone.begin(), versions.gone.end());
	}
	std::sort(gone.begin(), gone.end());
	for (Versions &versions : out)
		if (!gone.empty())
			read_row_ids(store, versions.source->path, versions.source->rows, versions.source->row_id_start, [&](int64_t, int64_t row_id) {
				if (std::binary_search(gone.begin(), gone.end(), row_id))
					versions.met.push_back(row_id);
			});
	return out;
}

// Sources that may be one file at every snapshot: DuckDB tells when a row went by its row id, so of a row that has a version which
// went, no other may lie in the same file, be it that it is there still: it will go, too.
std::vector<MergeSource> with_single_versions(ObjectStore &store, const std::vector<MergeSource> &sources)
{
	std::vector<Versions> all = versions_of(store, sources);
	std::stable_sort(all.begin(), all.end(), [](const Versions &a, const Versions &b) { return a.gone.size() < b.gone.size(); });
	std::set<int64_t> gone, met;
	std::set<const MergeSource *> taken;
	for (const Versions &versions : all) {
		if (meet(versions.met, gone) || meet(versions.gone, met))
			continue;
		gone.insert(versions.gone.begin(), versions.gone.end());
		met.insert(versions.met.begin(), versions.met.end());
		taken.insert(versions.source);
	}
	std::vector<MergeSource> out;
	for (const MergeSource &source : sources)
		if (taken.contains(&source))
			out.push_back(source);
	return out;
}

std::vector<int64_t> positions_of(const Deletions &deleted)
{
	std::vector<int64_t> out;
	for (const auto &[position, when] : deleted)
		out.push_back(position);
	return out;
}

}  // namespace

std::optional<int64_t> Upkeep::step(const std::function<void(const std::string &)> &note, const std::function<void()> &sweep)
{
	for (const Planned &planned : plan()) {
		if (unlike_.contains(planned.data_files))
			continue;
		const auto start = std::chrono::steady_clock::now();
		auto milliseconds = [&] { return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count(); };
		try {
			if (std::optional<Done> done = perform(planned, note)) {
				record(planned, *done, milliseconds(), {});
				return done->bytes_before + done->bytes_after;
			}
			writer_.rollback();
			unlike_.insert(planned.data_files);
			sweep();
		} catch (const ConnectionLost &) {
			throw;
		} catch (const Error &e) {
			writer_.rollback();
			sweep();
			record(planned, {}, milliseconds(), e.what());
			throw;
		}
	}
	return std::nullopt;
}

std::vector<Upkeep::Planned> Upkeep::plan()
{
	const Rows rows = side_.query("SELECT p.action, p.table_name, p.publication, p.table_id, p.data_files FROM pgtrickle.lake l, pgtrickle._lake_upkeep_plan(l) p WHERE l.id = $1",
	                              {text(lake_.id)});
	std::vector<Planned> out;
	for (int i = 0; i < rows.size(); i++)
		out.push_back({rows.text(i, 0), rows.text(i, 1), static_cast<int>(rows.number(i, 2)), rows.number(i, 3),
		               rows.is_null(i, 4) ? std::vector<int64_t>() : ids_of(rows.text(i, 4))});
	return out;
}

std::optional<Upkeep::Done> Upkeep::perform(const Planned &planned, const std::function<void(const std::string &)> &note)
{
	if (planned.action == "rewrite")
		return merge(planned, Deleted::drop, note);
	if (planned.action == "merge")
		return merge(planned, Deleted::keep, note);
	if (planned.action == "expire")
		return expire();
	return planned.action == "delete" ? remove_scheduled() : remove_orphans();
}

std::optional<Upkeep::Done> Upkeep::merge(const Planned &planned, Deleted deleted, const std::function<void(const std::string &)> &note)
{
	writer_.query("BEGIN");
	writer_.query("SELECT pg_advisory_xact_lock(pgtrickle._lake_lock('upkeep'), $1::int)", {text(planned.publication)});
	const std::map<int64_t, LiveFile> live = ducklake_.live_files(planned.table_id);
	check_positions(planned, live);
	std::vector<MergeSource> sources = sources_of(planned, live);
	if (deleted == Deleted::keep) {
		std::vector<MergeSource> once = with_single_versions(store_, sources);
		if (once.size() > 1)
			sources = std::move(once);
		else
			deleted = Deleted::drop;
	}
	Done done;
	std::vector<int64_t> ids;
	for (const MergeSource &source : sources) {
		ids.push_back(source.data_file_id);
		done.files_before += 1 + !source.deleted.empty();
		done.bytes_before += source.bytes;
	}
	const std::string directory = ducklake_.directory_of(planned.table_id);
	// Where the first of them is: the directory of their partition.
	const std::string &first = sources.front().path;
	std::optional<MergedFile> merged = merge_files(store_, sources, deleted, first.starts_with(directory) ? first.substr(0, first.rfind('/') + 1) : directory, note);
	if (!merged)
		return std::nullopt;
	std::vector<std::string> written;
	if (merged->rows > 0)
		written.push_back(merged->path);
	Replacement replacement{planned.table_id, ids, *merged, deleted == Deleted::keep, {}};
	if (!merged->deleted.empty()) {
		written.push_back(replacement.delete_path = directory + new_file_name("-delete"));
		note(replacement.delete_path);
		replacement.delete_footprint = write_delete_file(store_, replacement.delete_path, store_.uri(merged->path), merged->deleted, true, pending);
	}

	ducklake_.lock();
	const CatalogState state = ducklake_.state();
	const std::map<int64_t, LiveFile> now = ducklake_.live_files(planned.table_id, planned.data_files);
	for (int64_t id : ids)
		if (auto one = now.find(id); one == now.end() || one->second.delete_file_id != live.at(id).delete_file_id)
			throw Conflict("another writer changed the files of \"" + planned.table_name + "\" meanwhile");
	const auto [snapshot, id] = ducklake_.replace(state, replacement);
	move_rows(planned, sources, *merged, deleted, id);
	ArrayText committed;
	for (const std::string &path : written)
		committed.add(Text(path));
	writer_.query("DELETE FROM pgtrickle.lake_upload WHERE lake = $1 AND path = ANY($2::text[])", {text(lake_.id), committed.text()});
	writer_.query("COMMIT");
	done.files_after = static_cast<int64_t>(written.size());
	done.rows = merged->rows;
	done.bytes_after = merged->footprint.bytes + replacement.delete_footprint.bytes;
	done.snapshot = snapshot;
	return done;
}

// Rows that another client has moved must be found again first: afterwards their new file is one of ours, where nobody looks for them.
void Upkeep::check_positions(const Planned &planned, const std::map<int64_t, LiveFile> &live)
{
	const Rows rows = writer_.query("SELECT DISTINCT data_file_id FROM pgtrickle.publication_file WHERE publication = $1", {text(planned.publication)});
	for (int i = 0; i < rows.size(); i++)
		if (!live.contains(rows.number(i, 0)))
			throw NeedsRepair{planned.publication};
}

std::vector<MergeSource> Upkeep::sources_of(const Planned &planned, const std::map<int64_t, LiveFile> &live)
{
	std::vector<MergeSource> sources;
	for (int64_t id : planned.data_files) {
		auto found = live.find(id);
		if (found == live.end())
			throw Conflict("a file of \"" + planned.table_name + "\" went meanwhile");
		const LiveFile &file = found->second;
		sources.push_back({id, file.rows, file.bytes, file.begin_snapshot, file.row_id_start, file.path,
		                   file.delete_file_id < 0 ? Deletions() : read_delete_file(store_, file.delete_path, file.delete_begin)});
	}
	return sources;
}

// Where the rows of the publication's files lie from now on.
void Upkeep::move_rows(const Planned &planned, const std::vector<MergeSource> &sources, const MergedFile &merged, Deleted deleted, int64_t id)
{
	for (size_t i = 0; i < sources.size(); i++) {
		if (deleted == Deleted::keep) {
			writer_.query("UPDATE pgtrickle.publication_file SET data_file_id = $3, first_position = first_position + $4 WHERE publication = $1 AND data_file_id = $2",
			              {text(planned.publication), text(sources[i].data_file_id), text(id), text(merged.begins[i])});
			continue;
		}
		const std::vector<int64_t> gone = positions_of(sources[i].deleted);
		for (const Placed &before : placed_in(writer_, planned.publication, {sources[i].data_file_id})) {
			const Placed after = without(before, gone);
			ArrayText removed;
			for (int32_t position : after.removed)
				removed.add(position);
			if (after.left() == 0)
				writer_.query("DELETE FROM pgtrickle.publication_file WHERE publication = $1 AND file = $2", {text(planned.publication), text(before.file)});
			else
				writer_.query("UPDATE pgtrickle.publication_file SET data_file_id = $3, first_position = $4, removed = nullif($5::int[], '{}') WHERE publication = $1 AND file = $2",
				              {text(planned.publication), text(before.file), text(id), text(after.first + merged.begins[i]), removed.text()});
		}
	}
}

Upkeep::Done Upkeep::expire()
{
	const Rows expired = side_.query("SELECT pgtrickle._lake_expire(l) FROM pgtrickle.lake l WHERE l.id = $1", {text(lake_.id)});
	Done done;
	done.files_before = expired.number(0, 0);
	return done;
}

Upkeep::Done Upkeep::remove_scheduled()
{
	const std::string table = lake_.schema + ".ducklake_files_scheduled_for_deletion";
	const Rows due = side_.query("SELECT path FROM " + table + " WHERE schedule_start < clock_timestamp() - pgtrickle._lake_policy($1, 'delete_files_after')::interval "
	                             "AND NOT pgtrickle._iceberg_names($1, data_file_id) "
	                             "ORDER BY schedule_start LIMIT 1000", {text(lake_.id)});
	std::vector<std::string> paths;
	ArrayText removed;
	for (int i = 0; i < due.size(); i++) {
		paths.push_back(due.text(i, 0));
		removed.add(Text(paths.back()));
	}
	remove(paths);
	side_.query("DELETE FROM " + table + " WHERE path = ANY($1::text[])", {removed.text()});
	Done done;
	done.files_before = due.size();
	return done;
}

// Files that look like DuckLake's own and that the catalog has never named: of other writers that died.
Upkeep::Done Upkeep::remove_orphans()
{
	const Rows known = side_.query(
	    "SELECT " + resolved("f") + " FROM "
	    "(SELECT table_id, path, path_is_relative FROM " + lake_.schema + ".ducklake_data_file UNION ALL SELECT table_id, path, path_is_relative FROM " + lake_.schema +
	    ".ducklake_delete_file) f JOIN " + lake_.schema + ".ducklake_table t USING (table_id) JOIN " + lake_.schema + ".ducklake_schema s USING (schema_id) "
	    "UNION SELECT path FROM " + lake_.schema + ".ducklake_files_scheduled_for_deletion UNION SELECT path FROM pgtrickle.lake_upload WHERE lake = $1 "
	    "UNION SELECT f.path FROM pgtrickle.load_file f JOIN pgtrickle.publication p ON p.id = f.publication WHERE p.lake = $1", {text(lake_.id)});
	std::set<std::string> named;
	for (int i = 0; i < known.size(); i++)
		named.insert(known.text(i, 0));
	const int64_t before = side_.query("SELECT extract(epoch FROM clock_timestamp() - nullif(pgtrickle._lake_policy($1, 'delete_orphans_after'), 'off')::interval)::bigint",
	                                   {text(lake_.id)}).number(0, 0);
	std::vector<std::string> orphans;
	store_.list([&](const std::string &path, int64_t changed) {
		const std::string name = path.substr(path.rfind('/') + 1);
		if (changed < before && name.starts_with("ducklake-") && name.ends_with(".parquet") && !named.contains(path) && !named.contains(lake_.data_path + path))
			orphans.push_back(path);
	});
	remove(orphans);
	side_.query("UPDATE pgtrickle.lake_upkeep_state SET orphans_at = clock_timestamp() WHERE lake = $1", {text(lake_.id)});
	Done done;
	done.files_before = static_cast<int64_t>(orphans.size());
	return done;
}

void Upkeep::remove(const std::vector<std::string> &paths)
{
	for (size_t begin = 0; begin < paths.size(); begin += removals_at_once) {
		std::vector<std::future<void>> running;
		for (size_t i = begin; i < std::min(begin + removals_at_once, paths.size()); i++)
			running.push_back(std::async(std::launch::async, [this, &path = paths[i]] { store_.remove(path); }));
		for (auto &one : running)
			one.get();
	}
}

void Upkeep::record(const Planned &planned, const Done &d, double milliseconds, const Text &error)
{
	side_.query("INSERT INTO pgtrickle.lake_upkeep_history(lake, action, table_name, files_before, files_after, rows, bytes_before, bytes_after, milliseconds, snapshot_id, error) "
	            "VALUES ($1, $2, nullif($3, ''), $4, $5, $6, $7, $8, $9, nullif($10::bigint, -1), $11)",
	            {text(lake_.id), planned.action, planned.table_name, text(d.files_before), text(d.files_after), text(d.rows), text(d.bytes_before), text(d.bytes_after),
	             std::to_string(milliseconds), text(d.snapshot), error});
	side_.query("DELETE FROM pgtrickle.lake_upkeep_history WHERE id <= (SELECT max(id) FROM pgtrickle.lake_upkeep_history) - 10000");
}

}  // namespace lake
