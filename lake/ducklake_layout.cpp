// Partitions in DuckLake's catalog.
//
// A change of partitions ends the spec and begins another one; files keep the spec they were written under.  The sort
// order is not told: DuckDB 1.5.5 would sort what it merges and count row ids anew along it, so that they are other rows'.
#include "ducklake.h"

namespace lake {

bool DuckLake::has_layout(const Publication &p)
{
	const Rows rows = c_.query("SELECT c.column_id, c.transform FROM " + table("partition_info") + " i JOIN " + table("partition_column") +
	                               " c USING (partition_id) WHERE i.table_id = $1 AND i.end_snapshot IS NULL ORDER BY c.partition_key_index",
	                           {text(p.table_id)});
	bool same = rows.size() == static_cast<int>(p.layout.partition.size());
	for (int i = 0; same && i < rows.size(); i++)
		same = rows.number(i, 0) == p.layout.partition[i].column.id && rows.text(i, 1) == p.layout.partition[i].transform;
	return same;
}

void DuckLake::write_layout(const Publication &p, int64_t snapshot, int64_t &next_catalog_id)
{
	if (!has_layout(p)) {
		c_.query("UPDATE " + table("partition_info") + " SET end_snapshot = $2 WHERE table_id = $1 AND end_snapshot IS NULL", {text(p.table_id), text(snapshot)});
		if (!p.layout.partition.empty())
			c_.query("INSERT INTO " + table("partition_info") + "(partition_id, table_id, begin_snapshot) VALUES ($1, $2, $3)",
			         {text(next_catalog_id), text(p.table_id), text(snapshot)});
		for (size_t i = 0; i < p.layout.partition.size(); i++)
			c_.query("INSERT INTO " + table("partition_column") + "(partition_id, table_id, partition_key_index, column_id, transform) VALUES ($1, $2, $3, $4, $5)",
			         {text(next_catalog_id), text(p.table_id), text(static_cast<int64_t>(i)), text(p.layout.partition[i].column.id), p.layout.partition[i].transform});
		next_catalog_id += !p.layout.partition.empty();
	}
}

void DuckLake::add_partition(const Publication &p, const DataFile &file, int64_t id)
{
	if (file.partition_of >= 0) {
		c_.query("UPDATE " + table("data_file") + " f SET partition_id = o.partition_id FROM " + table("data_file") + " o WHERE f.data_file_id = $1 AND o.data_file_id = $2",
		         {text(id), text(file.partition_of)});
		c_.query("INSERT INTO " + table("file_partition_value") + "(data_file_id, table_id, partition_key_index, partition_value) SELECT $1, table_id, partition_key_index, partition_value "
		         "FROM " + table("file_partition_value") + " WHERE data_file_id = $2", {text(id), text(file.partition_of)});
		return;
	}
	if (file.partition.empty())
		return;
	c_.query("UPDATE " + table("data_file") + " SET partition_id = (SELECT partition_id FROM " + table("partition_info") + " WHERE table_id = $2 AND end_snapshot IS NULL) "
	         "WHERE data_file_id = $1", {text(id), text(p.table_id)});
	ArrayText values;
	for (const Text &value : file.partition)
		values.add(value);
	c_.query("INSERT INTO " + table("file_partition_value") + "(data_file_id, table_id, partition_key_index, partition_value) "
	         "SELECT $1, $2, v.n - 1, v.value FROM unnest($3::varchar[]) WITH ORDINALITY v(value, n)", {text(id), text(p.table_id), values.text()});
}

}  // namespace lake
