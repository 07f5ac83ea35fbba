#include "publish.h"

#include "file_map.h"

#include <algorithm>
#include <cstdio>
#include <malloc.h>
#include <utility>

namespace lake {

namespace {

constexpr int most_attempts = 10, attempts_without_lock = 3;
constexpr auto longest_unlooked = std::chrono::minutes(10);  // for what DuckDB cleans up without a snapshot
constexpr auto pause_after_failure = std::chrono::seconds(5);
constexpr auto longest_wait_of_reader = "5s";
constexpr auto pause_between_tellings = std::chrono::milliseconds(500);

}  // namespace

Publisher::Publisher(const std::string &conninfo, Connection &side, Lake lake, int worker, Bell &bell)
    : conninfo_(conninfo), side_(side), lake_(std::move(lake)), worker_(worker), bell_(bell), reader_(conninfo, "trickle-lake reader"), writer_(conninfo, "trickle-lake writer"),
      store_(lake_.data_path, lake_.settings), ducklake_(writer_, lake_), upkeep_(writer_, side_, lake_, store_, ducklake_),
      iceberg_(writer_, lake_, store_, [this](const std::vector<std::string> &paths) { note(paths); })
{
	if (!lake_.missing_server.empty())   // without it S3 would be the one that the defaults name
		throw StoreError("42704", "foreign server \"" + lake_.missing_server + "\" of data path " + lake_.data_path +
		                              " does not exist; make it and its user mapping again");
	store_.be_as_open();
	// Whoever lets the reader wait may wait for the writer, of which the server knows nothing.
	reader_.query(std::string("SET lock_timeout = '") + longest_wait_of_reader + "'");
	// Positions are looked up by key, a few among many: never by reading the table.
	writer_.query("SELECT set_config(name, 'off', false) FROM unnest('{enable_seqscan,enable_hashjoin,enable_mergejoin,enable_bitmapscan}'::text[]) name");
}

void Publisher::sweep()
{
	try {
		writer_.query("BEGIN");
		// Waits for a commit that is still under way: what that takes away is not ours to remove.
		const Rows left = writer_.query("SELECT path FROM pgtrickle._sweepable($1, $2)", {text(lake_.id), text(worker_)});
		for (int i = 0; i < left.size(); i++)
			store_.remove(left.text(i, 0));
		writer_.query("COMMIT");
		noted_.clear();
	} catch (const StoreError &e) {
		writer_.rollback();
		fprintf(stderr, "trickle-lake: files of lake \"%s\" wait to be removed: %s\n", lake_.name.c_str(), e.what());
	}
}

std::optional<int64_t> Publisher::keep_up()
{
	std::optional<int64_t> moved;
	try {
		moved = upkeep_.step([this](const std::string &path) { note({path}); }, [this] { sweep(); });
	} catch (const NeedsRepair &e) {
		writer_.rollback();
		repair(e.publication);
		moved = 0;
	}
	if (!noted_.empty())   // an empty file, say
		sweep();
	noted_.clear();
	if (moved) {   // expired snapshots, say, of which the newest one tells nothing
		for (auto &[id, followed] : followed_)
			followed.at -= longest_unlooked;
		followed_all_ = {};
	}
	return moved;
}

bool Publisher::publish(std::set<int> ids)
{
	bool all = true;
	auto give_up = [&](int id, const std::string &sqlstate, const std::string &message, bool suspend) {
		fprintf(stderr, "trickle-lake: publication %d of lake \"%s\" %s: %s (%s)\n", id, lake_.name.c_str(), suspend ? "suspended" : "failed",
		        message.c_str(), sqlstate.c_str());
		record_error(side_, id, sqlstate, message, suspend);
		ids.erase(id);
		all = false;
	};
	auto give_up_all = [&](const std::string &sqlstate, const std::string &message) {
		for (int id : std::set<int>(ids))
			give_up(id, sqlstate, message, false);
	};
	std::set<int> followed;
	for (int attempts = 1; !ids.empty(); attempts++) {
		std::optional<int> to_repair, to_restart;
		std::optional<NeedsFollow> to_follow;
		ended_.clear();
		try {
			const std::set<int> ready = loaded(ids);
			if (!ready.empty())
				attempt(ready, attempts > attempts_without_lock);
			for (int id : ready) {
				record_success(side_, id);
				to_load_.erase(id);
			}
			return all;
		} catch (const NeedsLoad &e) {
			to_load_.insert(e.publication);
		} catch (const NeedsRepair &e) {
			to_repair = e.publication;
		} catch (const NeedsRestart &e) {
			to_restart = e.publication;
		} catch (const NeedsFollow &e) {
			to_follow = e;
		} catch (const Conflict &e) {
			if (attempts >= most_attempts)
				give_up_all(e.sqlstate, e.what());
		} catch (const Failed &e) {
			reader_.rollback();
			writer_.rollback();
			give_up(e.publication, e.sqlstate, e.message, e.suspend);
		} catch (const ConnectionLost &) {
			throw;
		} catch (const StoreError &e) {
			// Every table's trouble.  Files wait for the next sweep.
			reader_.rollback();
			writer_.rollback();
			give_up_all(e.sqlstate, "data path " + lake_.data_path + ": " + e.what());
			return false;
		} catch (const Error &e) {
			reader_.rollback();
			writer_.rollback();
			give_up_all(e.sqlstate, e.what());
			return false;
		}
		reader_.rollback();
		writer_.rollback();
		if (to_restart)
			side_.query("SELECT pgtrickle._abandon_load($1)", {text(*to_restart)});
		if (!noted_.empty() || to_restart)
			sweep();
		if (to_repair)
			if (const Text hindrance = repair(*to_repair))
				give_up(*to_repair, "55000", *hindrance, true);
		if (to_follow && !followed.insert(to_follow->publication).second)
			give_up(to_follow->publication, to_follow->sqlstate, to_follow->what(), true);
		else if (to_follow)
			side_.query("SELECT pgtrickle._follow_columns($1::oid::regclass, late => true)", {text(to_follow->relid)});
	}
	return all;
}

void Publisher::attempt(const std::set<int> &ids, bool lock_first)
{
	iceberg_.take_written();
	iceberg_.take_leftovers();
	writer_.query("BEGIN");
	hold_positions(ids, "ROW EXCLUSIVE");
	keep_upkeep_out(ids);
	if (lock_first)
		ducklake_.lock();
	CatalogState base = ducklake_.state();
	reader_.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
	sources_ = hold_sources(reader_, ids);
	held_ = hold_logs(reader_, ids);
	// The clock is read when the snapshot is taken, so all it shows is older; a moment is later than the one before, whatever the clock does.
	const Rows when = reader_.query("SELECT pg_current_snapshot(), m, (extract(epoch FROM m - timestamptz '2000-01-01 00:00:00+00') * 1000000)::bigint, pg_current_wal_lsn() "
	                                "FROM (SELECT greatest(clock_timestamp(), max(c.ticked_at) + interval '1 microsecond') AS m "
	                                "      FROM pgtrickle.publication p JOIN pgtrickle.consumer c USING (id) WHERE p.lake = $1 OFFSET 0) moment", {text(lake_.id)});
	const std::string snapshot = when.text(0, 0), now = when.text(0, 1);
	const Moment moment{when.number(0, 2), base.snapshot + 1};

	std::vector<Batch> batches;
	for (int id : ids)
		if (std::optional<Batch> batch = prepare(id, moment))
			batches.push_back(std::move(*batch));

	std::map<int, std::vector<FileDeletion>> deletions;
	auto note_file = [this](const std::string &path) { note({path}); };
	for (Batch &batch : batches) {
		std::vector<FileDeletion> &planned = deletions[batch.publication.id] = plan_deletions(batch);
		write_deletions(store_, planned, base.snapshot + 1, false, note_file);
	}

	int64_t lake_snapshot = -1;
	std::vector<int> followed;
	std::vector<Batch> changed;
	for (Batch &batch : batches)
		if (!batch.is_empty() || !deletions[batch.publication.id].empty() || batch.publication.altered || batch.publication.tags)
			changed.push_back(batch);
	if (!changed.empty()) {
		ducklake_.lock();
		const CatalogState state = ducklake_.state();
		if (state.snapshot != base.snapshot) {
			if (came_between(changed, base.snapshot))
				throw Conflict("another writer changed the same lake tables");
			if (std::any_of(changed.begin(), changed.end(), [](const Batch &batch) { return batch.publication.is_history() && !batch.files.empty(); }))
				throw Conflict("another writer made the lake snapshot that the versions name");
			for (Batch &batch : changed)
				write_deletions(store_, deletions[batch.publication.id], state.snapshot + 1, true, note_file);
		}
		lake_snapshot = ducklake_.commit(state, changed, deletions, {snapshot, now, when.text(0, 3)});
		followed = follow_in_commit(changed);
	}
	for (const Batch &batch : changed)
		if (batch.load)
			end_load(batch.publication);
	for (const Batch &batch : changed)
		writer_.query("UPDATE pgtrickle.publication SET table_id = $2, done_version = $3, tags = coalesce($4::jsonb, tags) WHERE id = $1 AND (table_id IS NULL OR done_version <> $3 OR $4::jsonb IS NOT NULL)",
		              {text(batch.publication.id), text(batch.publication.table_id), text(batch.publication.version), batch.publication.tags});
	move_frontiers(batches, snapshot, now);
	for (const Batch &batch : changed)
		writer_.query("UPDATE pgtrickle.publication_health SET lake_snapshot = $2 WHERE id = $1", {text(batch.publication.id), text(lake_snapshot)});

	ArrayText committed;
	size_t files = 0;
	const std::set<std::string> noted(noted_.begin(), noted_.end());
	for (const Batch &batch : changed) {
		for (const DataFile &file : batch.files)
			if (noted.contains(file.path))   // those of a load in parts are not, any more
				committed.add(Text(file.path)), files++;
		for (const FileDeletion &deletion : deletions[batch.publication.id])
			if (!deletion.path.empty())
				committed.add(Text(deletion.path)), files++;
	}
	for (const std::string &path : iceberg_.take_written())
		committed.add(Text(path)), files++;
	if (files > 0)
		forget_notes(committed);
	writer_.query("COMMIT");
	reader_.query("COMMIT");
	for (const int id : followed)
		followed_[id] = {lake_snapshot, std::chrono::steady_clock::now()};
	if (iceberg_.take_leftovers() || noted_.size() > files)
		sweep();
	noted_.clear();
	if (std::any_of(changed.begin(), changed.end(), [](const Batch &batch) { return batch.rows_in > 100'000; })) {
		arrow::default_memory_pool()->ReleaseUnused();
		malloc_trim(0);
	}
}

// Until the transaction ends: another program's merge would take away the files that this batch is about to change, again and again.
void Publisher::keep_upkeep_out(const std::set<int> &ids)
{
	writer_.query_prepared("SELECT pg_advisory_xact_lock(pgtrickle._lake_lock('upkeep'), id) FROM unnest($1::int[]) id", {array_of(ids)});
}

// Until the transaction ends.  First of all, as unpublish does.
void Publisher::hold_positions(const std::set<int> &ids, const char *mode)
{
	const Rows tables = side_.query_prepared("SELECT id, to_regclass('pgtrickle_state.lake_rows_' || id) FROM unnest($1::int[]) id ORDER BY id", {array_of(ids)});
	for (int i = 0; i < tables.size(); i++)
		if (!tables.is_null(i, 1))
			lock(writer_, tables.text(i, 1), mode, static_cast<int>(tables.number(i, 0)));
}

// Those that will be read, before their logs, as ALTER TABLE does.
std::set<int> Publisher::hold_sources(Connection &connection, const std::set<int> &ids)
{
	const Rows sources = side_.query_prepared(
	    "SELECT p.id, CASE WHEN c.relkind <> 'p' THEN 'ONLY ' ELSE '' END || format('%I.%I', n.nspname, c.relname) "
	    "FROM pgtrickle.publication p JOIN pgtrickle.consumer u USING (id) LEFT JOIN pgtrickle.publication_load l ON l.publication = p.id "
	    "JOIN pg_class c ON c.oid = p.relid JOIN pg_namespace n ON n.oid = c.relnamespace "
	    "WHERE p.id = ANY($1::int[]) AND (u.frontier IS NULL OR l.base IS NOT NULL AND l.ended_at IS NULL OR p.id = ANY($2::int[])) ORDER BY p.relid",
	    {array_of(ids), array_of(to_load_)});
	std::set<int> held;
	for (int i = 0; i < sources.size(); i++) {
		lock(connection, sources.text(i, 1), "ACCESS SHARE", static_cast<int>(sources.number(i, 0)));
		held.insert(static_cast<int>(sources.number(i, 0)));
	}
	return held;
}

// A log is emptied behind a publication that has no frontier, and so behind the snapshot that a load is about to make its frontier:
// it is locked before that is taken, until the frontier is there.
std::set<int> Publisher::hold_logs(Connection &connection, const std::set<int> &ids)
{
	const Rows logs = side_.query_prepared("SELECT p.id, to_regclass(format('pgtrickle_state.log_%s_%s', p.relid, segment)) "
	                                       "FROM pgtrickle.publication p JOIN pgtrickle.consumer c USING (id), generate_series(0, 1) segment "
	                                       "WHERE p.id = ANY($1::int[]) AND c.frontier IS NULL ORDER BY p.relid, segment", {array_of(ids)});
	std::set<int> held;
	for (int i = 0; i < logs.size(); i++) {
		if (!logs.is_null(i, 1))
			lock(connection, logs.text(i, 1), "ACCESS SHARE", static_cast<int>(logs.number(i, 0)));
		held.insert(static_cast<int>(logs.number(i, 0)));
	}
	return held;
}

void Publisher::lock(Connection &connection, const std::string &table, const char *mode, int publication)
{
	try {
		connection.query("LOCK TABLE " + table + " IN " + mode + " MODE");
	} catch (const DatabaseError &e) {
		if (e.sqlstate == "42P01" || e.sqlstate == "3F000")
			throw Conflict(table + " was renamed or dropped meanwhile");
		throw Failed{publication, e};
	}
}

std::optional<Batch> Publisher::prepare(int id, const Moment &moment)
{
	try {
		std::optional<Publication> publication = read_publication(reader_, id);
		if (!publication)
			return std::nullopt;
		ducklake_.check_table(*publication);
		return prepare(std::move(*publication), moment);
	} catch (const Unpublishable &e) {
		throw Failed{id, e, true};
	} catch (const DatabaseError &e) {
		throw Failed{id, e};
	}
}

Batch Publisher::prepare(Publication publication, const Moment &moment)
{
	const int id = publication.id;
	const bool loaded = publication.table_id >= 0;
	if (publication.loading() && (publication.frontier.empty() || publication.load_version != publication.version))
		throw NeedsRestart{id};
	if (publication.frontier.empty() && !held_.contains(id))
		throw Conflict("publication " + text(id) + " lost its frontier meanwhile");
	if (loaded && publication.frontier.empty() && !publication.finds_rows())
		throw Unpublishable("55000", "changes were lost before they could be appended, and appending everything would repeat rows; "
		                             "unpublish it and publish it again under another table_name");
	int last_file = static_cast<int>(writer_.query("SELECT coalesce(max(file), 0) FROM pgtrickle.publication_file WHERE publication = $1", {text(id)}).number(0, 0));
	const Workshop shop{reader_, writer_, store_, loaded ? ducklake_.directory_of(publication.table_id) : ducklake_.directory_of_new(publication),
	                    [this](const std::string &path) { note({path}); },
	                    [&last_file] { return ++last_file; }, moment, [&, told = std::chrono::steady_clock::now()](int64_t rows) mutable {
		                    if (const auto now = std::chrono::steady_clock::now(); now - told > pause_between_tellings && !loaded) {
			                    told = now;
			                    side_.query_prepared("UPDATE pgtrickle.publication_load SET rows_reading = $2 WHERE publication = $1", {text(id), text(rows)});
		                    }
	                    }};
	if (publication.loading()) {
		if (!sources_.contains(id))
			throw Conflict("publication " + text(id) + " began to be loaded meanwhile");
		std::vector<DataFile> files = read_load_files(writer_, id);
		for (const DataFile &file : files)
			last_file = std::max(last_file, file.number);
		return write_loaded(shop, std::move(publication), std::move(files));
	}
	Batch batch;
	bool load = publication.frontier.empty() || (publication.reload && publication.finds_rows()) || to_load_.contains(id);
	if (!load) {
		batch = write_changes(shop, publication);
		load = batch.load;
	}
	if (load) {
		if (!sources_.contains(id))
			throw NeedsLoad{id};
		std::vector<DataFile> closed;
		if (loaded && publication.is_history())
			closed = close_versions(shop, publication, ducklake_.live_files(publication.table_id));
		if (loaded)
			ended_[id] = end_all(publication);
		batch = write_load(shop, std::move(publication));
		std::move(closed.begin(), closed.end(), std::back_inserter(batch.files));
	}
	return batch;
}

// Everything of ours that the lake table holds, and nothing that others have added to it.
std::vector<FileDeletion> Publisher::end_all(const Publication &p)
{
	Positions(writer_, p).spread();
	const std::map<int64_t, LiveFile> live = ducklake_.live_files(p.table_id);
	const std::string from = " FROM " + p.rows_table() + " r JOIN pgtrickle.publication_file f ON f.publication = " + text(p.id) + " AND f.file = r.file ";
	const Rows counts = writer_.query("SELECT f.data_file_id, count(*)" + from + "GROUP BY 1");
	std::map<int64_t, std::vector<int64_t>> gone;
	std::vector<FileDeletion> ended;
	for (int i = 0; i < counts.size(); i++) {
		auto found = live.find(counts.number(i, 0));
		if (found == live.end())
			throw NeedsRepair{p.id};
		if (counts.number(i, 1) == found->second.rows - found->second.deleted_rows) {
			FileDeletion whole;
			whole.data_file_id = found->first;
			whole.ends = true;
			ended.push_back(std::move(whole));
			continue;
		}
		std::map<int, Placed> placed;
		for (Placed &file : placed_in(writer_, p.id, {found->first}))
			placed.emplace(file.file, std::move(file));
		const Rows positions = writer_.query("SELECT r.file, r.pos" + from + "WHERE f.data_file_id = $1", {counts.text(i, 0)});
		for (int k = 0; k < positions.size(); k++)
			gone[found->first].push_back(placed.at(static_cast<int>(positions.number(k, 0))).now(static_cast<int32_t>(positions.number(k, 1))));
	}
	for (FileDeletion &deletion : merge_deletions(store_, gone, live, ducklake_.directory_of(p.table_id), p.id))
		ended.push_back(std::move(deletion));
	writer_.query("DELETE FROM pgtrickle.publication_file WHERE publication = $1", {text(p.id)});
	return ended;
}

std::vector<FileDeletion> Publisher::plan_deletions(Batch &batch)
{
	const Publication &p = batch.publication;
	if (auto ended = ended_.find(p.id); ended != ended_.end())
		return std::move(ended->second);
	if (batch.gone.empty())
		return {};
	if (p.loading())
		return plan_fresh_deletions(batch);
	std::map<int64_t, std::vector<int64_t>> gone;
	std::vector<int> files;
	for (const auto &[file, positions] : batch.gone)
		files.push_back(file);
	for (const auto &[file, placed] : placed_files(writer_, p.id, files))
		for (int32_t position : batch.gone[file])
			gone[placed.data_file_id].push_back(placed.now(position));
	std::vector<int64_t> ids;
	for (const auto &[data_file_id, positions] : gone)
		ids.push_back(data_file_id);
	std::vector<FileDeletion> deletions;
	try {
		deletions = merge_deletions(store_, gone, ducklake_.live_files(p.table_id, ids), ducklake_.directory_of(p.table_id), p.id);
	} catch (const Unpublishable &e) {
		throw Failed{p.id, e, true};
	}
	for (const FileDeletion &deletion : deletions)
		if (deletion.ends)
			writer_.query("DELETE FROM pgtrickle.publication_file WHERE publication = $1 AND data_file_id = $2", {text(p.id), text(deletion.data_file_id)});
	return deletions;
}

// Did another writer touch what this commit relies on?  Rows that were added to our tables are no matter.
bool Publisher::came_between(const std::vector<Batch> &batches, int64_t since)
{
	for (const std::string &change : ducklake_.changes_since(since)) {
		const std::string verb = change.substr(0, change.find(':')), object = change.substr(change.find(':') + 1);
		if (verb == "inserted_into_table" || verb == "inlined_insert")
			continue;
		for (const Batch &batch : batches)
			if (object == text(batch.publication.table_id) || batch.publication.table_id < 0)
				return true;
	}
	return false;
}

// Also of the tables that did not change: they are true for this snapshot too.
void Publisher::move_frontiers(const std::vector<Batch> &batches, const std::string &snapshot, const std::string &now)
{
	for (const Batch &batch : batches) {
		const Publication &p = batch.publication;
		if (writer_.query("UPDATE pgtrickle.consumer SET frontier = $2::pg_snapshot, seen_xid = NULL, seen_part = NULL, ticked_at = $3::timestamptz "
		                  "WHERE id = $1 AND frontier::text IS NOT DISTINCT FROM $4", {text(p.id), snapshot, now, p.frontier.empty() ? Text() : p.frontier})
		        .affected() != 1)
			throw Conflict("publication " + text(p.id) + " was changed meanwhile");
	}
}

// What Iceberg has no words for keeps it behind, not DuckLake.
std::vector<int> Publisher::follow_in_commit(const std::vector<Batch> &changed)
{
	std::vector<int> followed;
	for (const Batch &batch : changed) {
		if (!batch.publication.iceberg_each_commit)
			continue;
		Text why;
		try {
			iceberg_.follow(batch.publication.table_id);
			followed.push_back(batch.publication.id);
		} catch (const Unpublishable &e) {
			why = e.what();
		}
		record_iceberg(writer_, batch.publication.id, why);
	}
	return followed;
}

// The last snapshot that changed each lake table, as far as one has not been followed to there.
std::map<int64_t, int64_t> Publisher::last_changes()
{
	int64_t since = followed_all_.snapshot;
	for (const auto &[id, followed] : followed_)
		since = std::min(since, followed.snapshot);
	const Rows rows = side_.query("SELECT split_part(c, ':', 2), max(snapshot_id) FROM " + lake_.schema + ".ducklake_snapshot_changes, string_to_table(changes_made, ',') c "
	                              "WHERE snapshot_id > $1 AND c ~ '^[a-z_]+:[0-9]+$' GROUP BY 1", {text(since)});
	std::map<int64_t, int64_t> last;
	for (int i = 0; i < rows.size(); i++)
		last[rows.number(i, 0)] = rows.number(i, 1);
	return last;
}

void Publisher::follow_iceberg(const std::function<bool(int)> &owned, bool asked)
{
	const auto now = std::chrono::steady_clock::now();
	const int64_t newest = side_.query_prepared("SELECT max(snapshot_id) FROM " + lake_.schema + ".ducklake_snapshot").number(0, 0);
	if (followed_all_.snapshot == newest && now - followed_all_.at < longest_unlooked)
		return;
	const Rows rows = side_.query("SELECT id, table_id, extract(epoch FROM iceberg) * 1000 FROM pgtrickle.publication WHERE lake = $1 AND table_id IS NOT NULL AND iceberg IS NOT NULL",
	                              {text(lake_.id)});
	std::map<int64_t, int64_t> changed = last_changes();
	bool all = true;
	for (int i = 0; i < rows.size(); i++) {
		const int id = static_cast<int>(rows.number(i, 0));
		if (!owned(id))
			continue;
		Followed &followed = followed_[id];
		const auto since = now - followed.at;
		if (followed.snapshot >= 0 && since < longest_unlooked && changed[rows.number(i, 1)] <= followed.snapshot) {
			followed.snapshot = newest;
			continue;
		}
		if (!asked && followed.at.time_since_epoch().count() != 0 && since < (followed.snapshot < 0 ? std::chrono::milliseconds(pause_after_failure) : std::chrono::milliseconds(rows.number(i, 2)))) {
			all = false;
			continue;
		}
		const Followed before = std::exchange(followed, {-1, now});
		Text why;
		try {
			iceberg_.take_written();
			iceberg_.take_leftovers();
			writer_.query("BEGIN");
			iceberg_.follow(rows.number(i, 1));
			ArrayText written;
			for (const std::string &path : iceberg_.take_written())
				written.add(Text(path));
			forget_notes(written);
			writer_.query("COMMIT");
			noted_.clear();
			followed.snapshot = newest;
		} catch (const ConnectionLost &) {
			throw;
		} catch (const Conflict &) {
			writer_.rollback();
			followed = before;
			all = false;
		} catch (const Error &e) {
			writer_.rollback();
			why = e.what();
			all = false;
			fprintf(stderr, "trickle-lake: Iceberg cannot follow publication %d of lake \"%s\": %s (%s)\n", id, lake_.name.c_str(), e.what(), e.sqlstate.c_str());
		}
		record_iceberg(side_, id, why);
		if (iceberg_.take_leftovers() || !noted_.empty())
			sweep();
	}
	if (all)
		followed_all_ = {newest, now};
}

void Publisher::note(const std::vector<std::string> &paths)
{
	ArrayText list;
	for (const std::string &path : paths)
		list.add(Text(path));
	side_.query("INSERT INTO pgtrickle.lake_upload(lake, path, worker) SELECT $1, unnest($2::text[]), $3", {text(lake_.id), list.text(), text(worker_)});
	noted_.insert(noted_.end(), paths.begin(), paths.end());
}

void Publisher::forget_notes(const ArrayText &paths)
{
	writer_.query("DELETE FROM pgtrickle.lake_upload WHERE lake = $1 AND path = ANY($2::text[])", {text(lake_.id), paths.text()});
}

// Another client has compacted the table: rows kept their ids but lie in other files.  The ids of every file that
// is new to us say where.  Rows of ours that are in no file any more were deleted by somebody.
Text Publisher::repair(int id)
{
	fprintf(stderr, "trickle-lake: lake \"%s\" was compacted, finding the rows of publication %d again\n", lake_.name.c_str(), id);
	writer_.query("BEGIN");
	keep_upkeep_out({id});
	writer_.query("SELECT set_config(name, 'on', true) FROM unnest('{enable_seqscan,enable_hashjoin,enable_mergejoin,enable_bitmapscan}'::text[]) name");
	const std::optional<Publication> p = read_publication(writer_, id);
	if (!p) {
		writer_.rollback();
		return {};
	}
	if (ducklake_.is_sorted(p->table_id)) {
		writer_.rollback();
		return "another client has sorted the table and compacted it, which gave rows the ids of others, so that they cannot be found again; "
		       "unpublish it and publish it again under another table_name";
	}
	Positions(writer_, *p).spread();
	const std::map<int64_t, LiveFile> live = ducklake_.live_files(p->table_id);
	const Rows known = writer_.query("SELECT file, data_file_id FROM pgtrickle.publication_file WHERE publication = $1 ORDER BY file", {text(id)});
	std::set<int64_t> known_ids;
	ArrayText stale;
	int last_file = 0;
	for (int i = 0; i < known.size(); i++) {
		last_file = static_cast<int>(known.number(i, 0));
		known_ids.insert(known.number(i, 1));
		if (!live.contains(known.number(i, 1)))
			stale.add(last_file);
	}
	writer_.query("CREATE TEMPORARY TABLE moved (row_id bigint, file int, pos int) ON COMMIT DROP");
	{
		CopyIn copy(writer_, "pg_temp.moved");
		std::vector<std::pair<int, const LiveFile *>> fresh;
		for (const auto &[data_file_id, file] : live) {
			if (known_ids.contains(data_file_id))
				continue;
			fresh.emplace_back(++last_file, &file);
			read_row_ids(store_, file.path, file.rows, file.row_id_start, [&](int64_t position, int64_t row_id) {
				copy.begin_row(3);
				copy.field(row_id);
				copy.field(static_cast<int32_t>(last_file));
				copy.field(static_cast<int32_t>(position));
				copy.end_row();
			});
		}
		copy.finish();
		for (const auto &[number, file] : fresh)
			writer_.query("INSERT INTO pgtrickle.publication_file(publication, file, data_file_id, row_id_start, rows) VALUES ($1, $2, $3, $4, $5)",
			              {text(id), text(number), text(file->data_file_id), text(file->row_id_start), text(file->rows)});
	}
	const std::string rows = p->rows_table();
	const std::string moved = " FROM " + rows + " r, pgtrickle.publication_file f, pg_temp.moved m "
	                          "WHERE f.publication = $1 AND f.file = r.file AND f.file = ANY($2::int[]) AND m.row_id = coalesce(r.row_id, f.row_id_start + r.pos)";
	// The versions of a file begin together, so a data file has a number for each beginning that is in it now.
	if (p->is_history())
		writer_.query("INSERT INTO pgtrickle.publication_file(publication, file, data_file_id, row_id_start, rows, valid_from, from_snapshot) "
		              "SELECT $1, $3 + row_number() OVER (), b.data_file_id, b.row_id_start, b.rows, s.valid_from, s.from_snapshot "
		              "FROM (SELECT DISTINCT m.file, f.valid_from, f.from_snapshot" + moved + ") s JOIN pgtrickle.publication_file b ON b.publication = $1 AND b.file = s.file",
		              {text(id), stale.text(), text(last_file)});
	writer_.query("UPDATE " + rows + " u SET file = n.file, pos = x.pos, row_id = x.row_id FROM (SELECT r.ctid AS at, m.file, m.pos, m.row_id, f.valid_from, f.from_snapshot" + moved + ") x "
	              "JOIN pgtrickle.publication_file b ON b.publication = $1 AND b.file = x.file JOIN pgtrickle.publication_file n ON n.publication = $1 AND n.data_file_id = b.data_file_id "
	              "AND (n.valid_from, n.from_snapshot) IS NOT DISTINCT FROM (x.valid_from, x.from_snapshot) WHERE u.ctid = x.at",
	              {text(id), stale.text()});
	writer_.query("DELETE FROM " + rows + " WHERE file = ANY($1::int[])", {stale.text()});
	writer_.query("DELETE FROM pgtrickle.publication_file WHERE publication = $1 AND file = ANY($2::int[])", {text(id), stale.text()});
	writer_.query("COMMIT");
	return {};
}

}  // namespace lake
