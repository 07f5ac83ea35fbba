// Which partition of which spec each file is in.
#include "iceberg.h"
#include "iceberg_table.h"
#include "partition.h"

namespace lake {

// Those of columns that are there, with the values that they had when Iceberg was told: Trino does not take an int for a long.
void Iceberg::read_specs(Table &t)
{
	t.specs = {{0, PartitionSpec()}};
	const Rows layouts = c_.query("SELECT max(partition_id) FILTER (WHERE end_snapshot IS NULL) FROM " + table("partition_info") + " WHERE table_id = $1 HAVING count(*) > 0", {text(t.table_id)});
	if (layouts.empty())   // it never was in partitions
		return;
	c_.query("SELECT pgtrickle._note_iceberg_specs($1)", {text(t.id)});
	const Rows rows = c_.query("SELECT spec, field, transform, lake_type, told_type FROM pgtrickle._iceberg_specs($1) ORDER BY spec, n", {text(t.id)});
	std::set<int64_t> lost;
	for (int i = 0; i < rows.size(); i++) {
		const auto type = rows.is_null(i, 3) ? std::nullopt : partition_type(rows.text(i, 2), rows.text(i, 3));
		if (type && type == partition_type(rows.text(i, 2), rows.text(i, 4)))
			t.specs[rows.number(i, 0)].fields.push_back({rows.number(i, 1), *type});
		else
			lost.insert(rows.number(i, 0));
	}
	for (const int64_t spec : lost)
		t.specs.erase(spec);
	for (auto &[id, spec] : t.specs) {
		spec.id = id;
		if (id != 0)
			spec.json = c_.query("SELECT pgtrickle._iceberg_spec($1, $2)", {text(t.id), text(id)}).text(0, 0);
	}
	t.spec = layouts.is_null(0, 0) ? 0 : t.spec_of(layouts.number(0, 0)).id;
}

void Iceberg::assign_partitions(const Table &t, Change &change)
{
	compute_partitions(t, change.added);
	std::map<int64_t, File *> removed;
	std::map<int64_t, const File *> data;
	std::map<int64_t, std::vector<File *>> deletes;  // of data files that were there before
	ArrayText ids;
	for (File &file : change.removed) {
		removed[file.id] = &file;
		ids.add(file.id);
	}
	for (const File &file : change.added)
		if (!file.deletes)
			data[file.id] = &file;
	std::map<int64_t, File> before;
	for (File &file : change.added)
		if (file.deletes && data.contains(file.data_id)) {
			file.spec = data[file.data_id]->spec;
			file.partition = data[file.data_id]->partition;
		} else if (file.deletes) {
			deletes[file.data_id].push_back(&file);
			if (before.try_emplace(file.data_id).second)
				ids.add(file.data_id);
		}
	read_partitions(t, "file_id", ids.text(), [&](int64_t id) { return removed.contains(id) ? removed[id] : before.contains(id) ? &before[id] : nullptr; });
	for (const auto &[id, files] : deletes)
		for (File *file : files) {
			file->spec = before[id].spec;
			file->partition = before[id].partition;
		}
}

// Of new data files, from what DuckLake's catalog says of them.
void Iceberg::compute_partitions(const Table &t, std::vector<File> &added)
{
	std::map<int64_t, File *> files;
	ArrayText ids;
	for (File &file : added)
		if (!file.deletes) {
			files[file.id] = &file;
			ids.add(file.id);
		}
	if (files.empty() || t.specs.size() == 1)
		return;
	const Rows rows = c_.query(
	    "SELECT f.data_file_id, f.partition_id, s.transform, s.lake_type, v.partition_value, x.value_count, x.null_count, x.min_value, x.max_value "
	    "FROM " + table("data_file") + " f JOIN pgtrickle._iceberg_specs($1) s ON s.spec = f.partition_id "
	    "LEFT JOIN " + table("file_partition_value") + " v ON v.data_file_id = f.data_file_id AND v.partition_key_index = s.n "
	    "LEFT JOIN " + table("file_column_stats") + " x ON x.data_file_id = f.data_file_id AND x.column_id = s.column_id "
	    "WHERE f.data_file_id = ANY($2::bigint[]) ORDER BY f.data_file_id, s.n", {text(t.id), ids.text()});
	std::set<File *> untold;
	for (int i = 0; i < rows.size(); i++) {
		File *file = files.at(rows.number(i, 0));
		file->spec = t.spec_of(rows.number(i, 1)).id;
		if (file->spec == 0)
			continue;
		const bool known = !rows.is_null(i, 5) && !rows.is_null(i, 6);
		const auto value = known ? partition_value({rows.text(i, 2), rows.text(i, 3), rows.maybe(i, 4), rows.number(i, 5), rows.number(i, 6), rows.maybe(i, 7), rows.maybe(i, 8)})
		                         : std::nullopt;
		if (value)
			file->partition.push_back(*value);
		else
			untold.insert(file);
	}
	for (File *file : untold) {
		file->spec = 0;
		file->partition.clear();
	}
}

// As noted, of files by an id of theirs; file: where it is to go, or nowhere.
void Iceberg::read_partitions(const Table &t, const std::string &id, const std::string &ids, const std::function<File *(int64_t)> &file)
{
	if (t.specs.size() == 1)
		return;
	const Rows rows = c_.query("SELECT f.file_id, f.spec, u.value FROM pgtrickle.iceberg_file f, unnest(f.partition) WITH ORDINALITY u(value, n) "
	                           "WHERE f.iceberg_table = $1 AND f." + id + " = ANY($2::bigint[]) AND f.end_snapshot IS NULL ORDER BY f.file_id, u.n", {text(t.id), ids});
	for (int i = 0; i < rows.size(); i++)
		if (File *f = file(rows.number(i, 0)); f && t.specs.contains(rows.number(i, 1))) {
			f->spec = rows.number(i, 1);
			f->partition.push_back(rows.maybe(i, 2));
		}
}

}  // namespace lake
