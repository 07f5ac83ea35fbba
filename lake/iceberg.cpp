#include "iceberg.h"

#include "ducklake.h"
#include "iceberg_table.h"
#include "parquet.h"

#include <algorithm>
#include <future>
#include <sstream>

namespace lake {

namespace {

// A manifest of that many files is left alone until one of them goes.
constexpr int64_t largest_merged = 8192;
constexpr int most_metadata = 100;  // metadata.json before the current one, as write.metadata.previous-versions-max says

std::string sync_marker()
{
	std::string bytes;
	for (const char c : new_uuid())
		if (c != '-' && bytes.size() < 16)
			bytes += c;
	return bytes;
}

}  // namespace

void Iceberg::follow(int64_t table_id)
{
	pending_.clear();
	// The session's own plans are for looking up a few rows among many.
	c_.query("SELECT set_config(name, 'on', true) FROM unnest('{enable_seqscan,enable_hashjoin,enable_mergejoin,enable_bitmapscan}'::text[]) name");
	Table t;
	if (!find(table_id, t)) {
		c_.query("SELECT pgtrickle._drop_iceberg_table(l, $2) FROM pgtrickle.lake l WHERE l.id = $1", {text(lake_.id), text(table_id)});
		return;
	}
	Change change = compare(t);
	adapt_delete_files(t, change.added);
	if (t.id < 0)
		t.id = static_cast<int>(c_.query("INSERT INTO pgtrickle.iceberg_table(lake, table_id, name, directory) VALUES ($1, $2, $3, $4) RETURNING id",
		                                 {text(lake_.id), text(table_id), t.name, t.directory}).number(0, 0));
	read_specs(t);
	assign_partitions(t, change);
	const bool news = !change.empty() || t.last < 0 || t.schema_id != t.last_schema_id;
	if (news)
		add_snapshot(t, change, write_manifests(t, change));
	const Rows expired = c_.query("SELECT pgtrickle._expire_iceberg($1, (SELECT coalesce((options->>'iceberg_snapshots')::int, 100) FROM pgtrickle.lake WHERE id = $2))",
	                              {text(t.id), text(lake_.id)});
	leave(expired);
	if (news || !expired.empty() || t.name != t.last_name || t.spec != t.last_spec || t.retagged)
		publish(t);
	if (c_.query("SELECT max(snapshot_id) FROM " + table("snapshot")).number(0, 0) != t.snapshot)
		throw Conflict("another writer changed the catalog while it was read for Iceberg");
	flush();
}

bool Iceberg::find(int64_t table_id, Table &t)
{
	const Rows rows = c_.query(
	    "SELECT n.snapshot_id, n.snapshot_time, lower(t.table_name), CASE WHEN t.path_is_relative THEN s.path || t.path ELSE t.path END || 'metadata/', v.id, "
	    "       pgtrickle._iceberg_schema(l.metadata_schema, t.table_id, n.snapshot_id, v.id, g.tags), i.id, i.snapshot, i.version, i.name, i.spec, "
	    "       (SELECT k.schema_id FROM pgtrickle.iceberg_snapshot k WHERE k.iceberg_table = i.id AND k.snapshot = i.snapshot), g.tags, g.tags IS DISTINCT FROM i.tags "
	    "FROM pgtrickle.lake l, (SELECT * FROM " + table("snapshot") + " ORDER BY snapshot_id DESC LIMIT 1) n, "
	    + table("table") + " t JOIN " + table("schema") + " s USING (schema_id) "
	    "LEFT JOIN pgtrickle.iceberg_table i ON i.lake = $1 AND i.table_id = t.table_id, "
	    "LATERAL (SELECT pgtrickle._iceberg_schema_id(l.metadata_schema, t.table_id, n.snapshot_id) AS id) v, "
	    "LATERAL (SELECT pgtrickle._iceberg_tags(l.metadata_schema, t.table_id) AS tags) g "
	    "WHERE l.id = $1 AND t.table_id = $2 AND t.end_snapshot IS NULL",
	    {text(lake_.id), text(table_id)});
	if (rows.empty())
		return false;
	t.table_id = table_id;
	t.snapshot = rows.number(0, 0);
	t.made_at = rows.text(0, 1);
	t.name = rows.text(0, 2);
	t.directory = rows.text(0, 3);
	t.schema_id = rows.number(0, 4);
	t.schema = rows.text(0, 5);
	t.tags = rows.text(0, 12);
	t.retagged = rows.flag(0, 13);
	if (!rows.is_null(0, 6)) {
		t.id = static_cast<int>(rows.number(0, 6));
		t.last = rows.is_null(0, 7) ? -1 : rows.number(0, 7);
		t.version = static_cast<int>(rows.number(0, 8));
		t.last_name = rows.text(0, 9);
		t.last_spec = rows.number(0, 10);
		t.last_schema_id = rows.is_null(0, 11) ? -1 : rows.number(0, 11);
	}
	return true;
}

Iceberg::Change Iceberg::compare(const Table &t)
{
	const Rows why = c_.query("SELECT pgtrickle._iceberg_hindrance(metadata_schema, $2, $3::jsonb) FROM pgtrickle.lake WHERE id = $1", {text(lake_.id), text(t.table_id), t.schema});
	if (!why.is_null(0, 0))
		throw Unpublishable("0A000", why.text(0, 0));
	const std::string of_table = " JOIN " + table("table") + " t ON t.table_id = f.table_id AND t.end_snapshot IS NULL JOIN " + table("schema") + " s USING (schema_id) ";
	const Rows rows = c_.query(
	    "SELECT l.id IS NOT NULL, coalesce(l.id, k.file_id), coalesce(l.deletes, k.deletes), coalesce(l.path, k.path), coalesce(l.data_path, k.data_path), "
	    "       coalesce(l.rows, k.rows), coalesce(l.bytes, k.bytes), k.manifest, k.begin_snapshot, l.strange, l.data_id "
	    "FROM (SELECT f.data_file_id AS id, false AS deletes, " + resolved("f") + " AS path, NULL AS data_path, f.record_count AS rows, f.file_size_bytes AS bytes, NULL::bigint AS data_id, "
	    "             CASE WHEN f.encryption_key IS NOT NULL THEN 'is encrypted' WHEN f.mapping_id IS NOT NULL THEN 'has no field ids' "
	    "                  WHEN f.file_format <> 'parquet' THEN 'has format ' || f.file_format END AS strange "
	    "      FROM " + table("data_file") + " f" + of_table + "WHERE f.table_id = $2 AND f.end_snapshot IS NULL "
	    "      UNION ALL "
	    "      SELECT d.delete_file_id, true, " + resolved("d") + ", " + resolved("f") + ", d.delete_count, d.file_size_bytes, d.data_file_id, "
	    "             CASE WHEN d.encryption_key IS NOT NULL THEN 'is encrypted' WHEN d.format <> 'parquet' THEN 'has format ' || d.format END "
	    "      FROM " + table("delete_file") + " d JOIN " + table("data_file") + " f USING (data_file_id)" + of_table +
	    "      WHERE f.table_id = $2 AND f.end_snapshot IS NULL AND d.end_snapshot IS NULL) l "
	    "FULL JOIN (SELECT * FROM pgtrickle.iceberg_file WHERE iceberg_table = $1 AND end_snapshot IS NULL) k ON k.file_id = l.id "
	    "WHERE l.id IS NULL OR k.file_id IS NULL ORDER BY 2",
	    {text(t.id), text(t.table_id)});
	Change change;
	for (int i = 0; i < rows.size(); i++) {
		const bool added = rows.flag(i, 0);
		if (added && !rows.is_null(i, 9))
			throw Unpublishable("0A000", "file " + rows.text(i, 3) + " of another client " + rows.text(i, 9) + ", which Iceberg's readers cannot read");
		(added ? change.added : change.removed).push_back({rows.number(i, 1), added ? t.snapshot : rows.number(i, 8), rows.flag(i, 2), rows.text(i, 3), rows.text(i, 4),
		                                                   rows.number(i, 5), rows.number(i, 6), added ? -1 : rows.number(i, 7), rows.is_null(i, 10) ? -1 : rows.number(i, 10)});
	}
	return change;
}

// DuckDB's own delete files have other field ids, and another spelling of the data file's name.
void Iceberg::adapt_delete_files(const Table &t, std::vector<File> &added)
{
	if (c_.query("SELECT FROM " + table("snapshot_changes") + " WHERE snapshot_id > $1 AND author IS DISTINCT FROM 'pg_trickle' LIMIT 1", {text(std::max<int64_t>(t.last, 0))}).empty())
		return;
	for (File &file : added) {
		if (!file.deletes || is_iceberg_delete_file(store_, file.path, store_.uri(file.data_path)))
			continue;
		const Deletions rows = read_delete_file(store_, file.path, t.snapshot);
		file.path = new_path(t, "", ".deletes");
		note_({file.path});
		file.bytes = write_delete_file(store_, file.path, store_.uri(file.data_path), rows, false, t.snapshot).bytes;
		file.ours = true;
		written_.push_back(file.path);
	}
}

std::vector<Manifest> Iceberg::write_manifests(const Table &t, const Change &change)
{
	Manifests manifests;
	std::map<std::pair<bool, int64_t>, std::set<int64_t>> moved;  // that stood under another spec, by where they are now
	std::set<int64_t> specs{0};
	const Rows rows = c_.query("SELECT id, path, bytes, deletes, begin_snapshot, min_sequence, added_files, existing_files, deleted_files, added_rows, existing_rows, deleted_rows, spec "
	                           "FROM pgtrickle.iceberg_manifest WHERE iceberg_table = $1 AND end_snapshot IS NULL ORDER BY id", {text(t.id)});
	for (int i = 0; i < rows.size(); i++) {
		Manifest m{store_.uri(rows.text(i, 1)), rows.number(i, 2), rows.flag(i, 3), rows.number(i, 4), rows.number(i, 5)};
		for (int k = 0; k < 3; k++) {
			static constexpr int status[] = {ManifestEntry::added, ManifestEntry::existing, ManifestEntry::deleted};
			m.files[status[k]] = rows.number(i, 6 + k);
			m.rows[status[k]] = rows.number(i, 9 + k);
		}
		m.spec = t.spec_of(rows.number(i, 12)).id;
		specs.insert(m.spec);
		if (m.spec != rows.number(i, 12))
			moved[{m.deletes, m.spec}].insert(rows.number(i, 0));
		manifests.emplace_back(rows.number(i, 0), std::move(m));
	}
	for (const File &file : change.added)
		specs.insert(file.spec);
	for (const bool deletes : {false, true})
		for (const int64_t spec : specs)
			write_manifest(t, change, deletes, t.specs.at(spec), moved[{deletes, spec}], manifests);
	std::vector<Manifest> all;
	for (auto &[id, manifest] : manifests)
		all.push_back(std::move(manifest));
	return all;
}

// Replaces those that change, and small ones with them, by one new manifest.
void Iceberg::write_manifest(const Table &t, const Change &change, bool deletes, const PartitionSpec &spec, std::set<int64_t> replaced, Manifests &manifests)
{
	auto size = [](const Manifest &m) { return m.files[ManifestEntry::added] + m.files[ManifestEntry::existing]; };
	std::set<int64_t> removed;
	std::vector<ManifestEntry> entries;
	std::map<int64_t, size_t> places;  // of the entries that have metrics, by file id
	std::vector<File> added;
	for (const File &file : change.removed)
		if (file.deletes == deletes && file.spec == spec.id) {
			replaced.insert(file.manifest);
			removed.insert(file.id);
			entries.push_back({ManifestEntry::deleted, t.snapshot, file.begin, store_.uri(file.path), file.rows, file.bytes, {}, store_.uri(file.data_path), file.partition});
		}
	for (const File &file : change.added)
		if (file.deletes == deletes && file.spec == spec.id) {
			added.push_back(file);
			places[file.id] = entries.size();
			entries.push_back({ManifestEntry::added, t.snapshot, t.snapshot, store_.uri(file.path), file.rows, file.bytes, {}, store_.uri(file.data_path), file.partition});
		}
	int64_t total = static_cast<int64_t>(added.size());
	for (const auto &[id, manifest] : manifests)
		if (replaced.contains(id))
			total += size(manifest);
	std::vector<std::pair<int64_t, int64_t>> others;
	for (const auto &[id, manifest] : manifests)
		if (manifest.deletes == deletes && manifest.spec == spec.id && !replaced.contains(id))
			others.emplace_back(size(manifest), id);
	std::sort(others.begin(), others.end());
	for (const auto &[files, id] : others)
		if (files == 0 || (!entries.empty() && files <= total && files < largest_merged)) {
			replaced.insert(id);
			total += files;
		}
	ArrayText ids;
	for (const int64_t id : replaced)
		ids.add(id);
	for (const File &file : existing(t, ids.text(), removed)) {
		places[file.id] = entries.size();
		entries.push_back({ManifestEntry::existing, file.begin, file.begin, store_.uri(file.path), file.rows, file.bytes, {}, store_.uri(file.data_path), file.partition});
	}
	c_.query("UPDATE pgtrickle.iceberg_manifest SET end_snapshot = $2 WHERE id = ANY($1::bigint[])", {ids.text(), text(t.snapshot)});
	std::erase_if(manifests, [&](const auto &m) { return replaced.contains(m.first); });
	if (entries.empty())
		return;

	if (!deletes)
		add_metrics(entries, places);
	const std::string path = new_path(t, "", deletes ? "-m1.avro" : "-m0.avro");
	Manifest m{store_.uri(path), 0, deletes, t.snapshot};
	pending_.emplace_back(path, manifest_file(m, entries, spec, t.schema, t.schema_id, sync_marker()));
	const int64_t id = c_.query("INSERT INTO pgtrickle.iceberg_manifest(iceberg_table, deletes, begin_snapshot, min_sequence, path, bytes, added_files, existing_files, deleted_files, "
	                            "added_rows, existing_rows, deleted_rows, spec) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) RETURNING id",
	                            {text(t.id), deletes ? "t" : "f", text(t.snapshot), text(m.min_sequence), path, text(m.bytes), text(m.files[1]), text(m.files[0]), text(m.files[2]),
	                             text(m.rows[1]), text(m.rows[0]), text(m.rows[2]), text(spec.id)}).number(0, 0);
	ArrayText gone;
	for (const int64_t file : removed)
		gone.add(file);
	c_.query("UPDATE pgtrickle.iceberg_file SET end_snapshot = $3 WHERE iceberg_table = $1 AND file_id = ANY($2::bigint[])", {text(t.id), gone.text(), text(t.snapshot)});
	c_.query("UPDATE pgtrickle.iceberg_file SET manifest = $2, spec = $3, partition = CASE WHEN spec = $3 THEN partition END WHERE manifest = ANY($1::bigint[]) AND end_snapshot IS NULL",
	         {ids.text(), text(id), text(spec.id)});
	for (const File &file : added) {
		ArrayText partition;
		for (const Text &value : file.partition)
			partition.add(value);
		c_.query("INSERT INTO pgtrickle.iceberg_file(iceberg_table, file_id, deletes, begin_snapshot, path, data_path, rows, bytes, manifest, ours, spec, partition) "
		         "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
		         {text(t.id), text(file.id), deletes ? "t" : "f", text(t.snapshot), file.path, deletes ? Text(file.data_path) : Text(), text(file.rows), text(file.bytes), text(id),
		          file.ours ? "t" : "f", text(spec.id), spec.id == 0 ? Text() : Text(partition.text())});
	}
	manifests.emplace_back(id, std::move(m));
}

std::vector<Iceberg::File> Iceberg::existing(const Table &t, const std::string &manifests, const std::set<int64_t> &removed)
{
	const Rows rows = c_.query("SELECT file_id, begin_snapshot, deletes, path, data_path, rows, bytes, manifest FROM pgtrickle.iceberg_file "
	                           "WHERE manifest = ANY($1::bigint[]) AND end_snapshot IS NULL ORDER BY file_id", {manifests});
	std::vector<File> files;
	for (int i = 0; i < rows.size(); i++)
		if (!removed.contains(rows.number(i, 0)))
			files.push_back({rows.number(i, 0), rows.number(i, 1), rows.flag(i, 2), rows.text(i, 3), rows.text(i, 4), rows.number(i, 5), rows.number(i, 6), rows.number(i, 7)});
	std::map<int64_t, File *> by_id;
	for (File &file : files)
		by_id[file.id] = &file;
	read_partitions(t, "manifest", manifests, [&](int64_t id) { return by_id.contains(id) ? by_id[id] : nullptr; });
	return files;
}

// From DuckLake's statistics.  A float column with NaN gets no bounds: engines disagree where NaN lies.
void Iceberg::add_metrics(std::vector<ManifestEntry> &entries, const std::map<int64_t, size_t> &places)
{
	ArrayText ids;
	for (const auto &[id, place] : places)
		ids.add(id);
	const Rows rows = c_.query(
	    "SELECT x.data_file_id, x.column_id, x.column_size_bytes, x.value_count + x.null_count, x.null_count, c.column_type, x.min_value, x.max_value, "
	    "       c.column_type LIKE 'float%' AND x.contains_nan IS DISTINCT FROM false "
	    "FROM " + table("file_column_stats") + " x JOIN " + table("column") + " c ON c.table_id = x.table_id AND c.column_id = x.column_id AND c.end_snapshot IS NULL "
	    "WHERE x.data_file_id = ANY($1::bigint[]) AND c.parent_column IS NULL AND x.column_size_bytes IS NOT NULL AND x.value_count IS NOT NULL AND x.null_count IS NOT NULL "
	    "ORDER BY x.column_id",
	    {ids.text()});
	for (int i = 0; i < rows.size(); i++) {
		ColumnMetrics m{rows.number(i, 1), rows.number(i, 2), rows.number(i, 3), rows.number(i, 4), {}, {}};
		if (!rows.flag(i, 8) && !rows.is_null(i, 6))
			m.lower = iceberg_bound(rows.text(i, 5), rows.text(i, 6), false);
		if (!rows.flag(i, 8) && !rows.is_null(i, 7))
			m.upper = iceberg_bound(rows.text(i, 5), rows.text(i, 7), true);
		entries[places.at(rows.number(i, 0))].metrics.push_back(std::move(m));
	}
}

void Iceberg::add_snapshot(const Table &t, const Change &change, const std::vector<Manifest> &manifests)
{
	int64_t files[2][2] = {}, rows[2][2] = {}, bytes[2] = {};  // [removed][deletes]
	for (const bool removed : {false, true})
		for (const File &file : removed ? change.removed : change.added) {
			files[removed][file.deletes]++;
			rows[removed][file.deletes] += file.rows;
			bytes[removed] += file.bytes;
		}
	const bool adds = files[0][0] > 0, takes = files[1][0] > 0 || files[0][1] > 0 || files[1][1] > 0;
	const std::string path = new_path(t, "snap-" + text(t.snapshot) + "-", ".avro");
	const std::optional<int64_t> parent = t.last < 0 ? std::nullopt : std::optional<int64_t>(t.last);
	pending_.emplace_back(path, manifest_list(manifests, t.snapshot, parent, sync_marker()));
	// Compaction changes no row: readers of changes may skip it.
	const bool replaces = c_.query("SELECT FROM " + table("snapshot_changes") + ", string_to_table(changes_made, ',') c WHERE snapshot_id > $1 AND split_part(c, ':', 2) = $2 "
	                               "HAVING count(*) > 0 AND bool_and(split_part(c, ':', 1) IN ('merge_adjacent', 'compacted_table', 'rewrite_delete'))",
	                               {text(std::max<int64_t>(t.last, 0)), text(t.table_id)}).size() > 0;
	c_.query("INSERT INTO pgtrickle.iceberg_snapshot(iceberg_table, snapshot, parent, made_at, schema_id, manifest_list, summary) "
	         "SELECT $1::int, $2::bigint, $3::bigint, greatest($4::timestamptz, (SELECT max(made_at) FROM pgtrickle.iceberg_snapshot WHERE iceberg_table = $1)), $5::bigint, $6, "
	         "jsonb_build_object('operation', $7::text, 'ducklake.snapshot-id', $2::bigint::text, 'added-data-files', $8::text, 'deleted-data-files', $9::text, "
	         "'added-records', $10::text, 'deleted-records', $11::text, 'added-delete-files', $12::text, 'removed-delete-files', $13::text, "
	         "'added-position-deletes', $14::text, 'removed-position-deletes', $15::text, 'added-files-size', $16::text, 'removed-files-size', $17::text) "
	         "|| (SELECT jsonb_build_object('total-data-files', (count(*) FILTER (WHERE NOT deletes))::text, 'total-delete-files', (count(*) FILTER (WHERE deletes))::text, "
	         "   'total-records', coalesce(sum(rows) FILTER (WHERE NOT deletes), 0)::text, 'total-position-deletes', coalesce(sum(rows) FILTER (WHERE deletes), 0)::text, "
	         "   'total-equality-deletes', '0', 'total-files-size', coalesce(sum(bytes), 0)::text) FROM pgtrickle.iceberg_file WHERE iceberg_table = $1 AND end_snapshot IS NULL)",
	         {text(t.id), text(t.snapshot), parent ? Text(text(*parent)) : Text(), t.made_at, text(t.schema_id), path,
	          replaces ? "replace" : adds && takes ? "overwrite" : takes ? "delete" : "append",
	          text(files[0][0]), text(files[1][0]), text(rows[0][0]), text(rows[1][0]), text(files[0][1]), text(files[1][1]), text(rows[0][1]), text(rows[1][1]),
	          text(bytes[0]), text(bytes[1])});
	c_.query("UPDATE pgtrickle.iceberg_table SET snapshot = $2 WHERE id = $1", {text(t.id), text(t.snapshot)});
}

// metadata.json, and the row of the JDBC catalog that names it.
void Iceberg::publish(const Table &t)
{
	std::ostringstream number;
	number.width(5);
	number.fill('0');
	number << t.version + 1;
	const std::string path = new_path(t, number.str() + "-", ".metadata.json");
	c_.query("UPDATE pgtrickle.iceberg_table SET version = version + 1, name = $2, spec = $3, tags = $4 WHERE id = $1", {text(t.id), t.name, text(t.spec), t.tags});
	const std::string root = store_.uri("");
	pending_.emplace_back(path, c_.query("SELECT pgtrickle._iceberg_metadata($1, $2)", {text(t.id), root}).text(0, 0));
	c_.query("INSERT INTO pgtrickle.iceberg_metadata(iceberg_table, version, path, written_at) VALUES ($1, $2, $3, clock_timestamp())", {text(t.id), text(t.version + 1), path});
	leave(c_.query("DELETE FROM pgtrickle.iceberg_metadata WHERE iceberg_table = $1 AND version < $2 RETURNING path", {text(t.id), text(t.version + 1 - most_metadata)}));
	if (!t.last_name.empty() && t.name != t.last_name)
		c_.query("UPDATE " + lake_.schema + ".iceberg_tables SET table_name = $3 WHERE catalog_name = $1 AND table_namespace = 'main' AND table_name = $2", {lake_.name, t.last_name, t.name});
	c_.query("INSERT INTO " + lake_.schema + ".iceberg_tables AS i (catalog_name, table_namespace, table_name, metadata_location, iceberg_type) VALUES ($1, 'main', $2, $3, 'TABLE') "
	         "ON CONFLICT (catalog_name, table_namespace, table_name) DO UPDATE SET previous_metadata_location = i.metadata_location, metadata_location = excluded.metadata_location",
	         {lake_.name, t.name, store_.uri(path)});
}

void Iceberg::leave(const Rows &paths)
{
	ArrayText list;
	for (int i = 0; i < paths.size(); i++)
		list.add(paths.maybe(i, 0));
	if (paths.empty())
		return;
	c_.query("INSERT INTO pgtrickle.lake_upload(lake, path) SELECT $1, unnest($2::text[])", {text(lake_.id), list.text()});
	leftovers_ = true;
}

std::string Iceberg::new_path(const Table &t, const std::string &before, const std::string &after)
{
	return t.directory + before + new_uuid() + after;
}

// All at once: an object store answers slowly, and other writers of the catalog may be waiting.
void Iceberg::flush()
{
	std::vector<std::string> paths;
	for (const auto &[path, bytes] : pending_)
		paths.push_back(path);
	if (paths.empty())
		return;
	note_(paths);
	written_.insert(written_.end(), paths.begin(), paths.end());
	std::vector<std::future<void>> running;
	for (const auto &[path, bytes] : pending_)
		running.push_back(std::async(std::launch::async, [&] { store_.put(path, bytes); }));
	for (auto &one : running)
		one.wait();
	pending_.clear();
	for (auto &one : running)
		one.get();
}

std::vector<std::string> Iceberg::take_written() { return std::exchange(written_, {}); }
bool Iceberg::take_leftovers() { return std::exchange(leftovers_, false); }

}  // namespace lake
