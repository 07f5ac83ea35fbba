#pragma once
// What Iceberg (iceberg.h) works with: a table, its files, and how they differ from what was told last.
#include "iceberg.h"

namespace lake {

struct Iceberg::Table {
	int64_t table_id, snapshot;  // DuckLake's newest
	std::string made_at, name, directory, schema;
	int64_t schema_id;
	int id = -1;            // of pgtrickle.iceberg_table
	int64_t last = -1;      // Iceberg's newest snapshot, and its schema
	int64_t last_schema_id = -1;
	int version = 0;
	std::string last_name;
	std::string tags;       // comments and a stream table's query, by pgtrickle._iceberg_tags
	bool retagged = false;  // since they were told
	std::map<int64_t, PartitionSpec> specs;  // that can be told of the columns there are
	int64_t spec = 0, last_spec = 0;         // of new files

	const PartitionSpec &spec_of(int64_t id) const
	{
		const auto found = specs.find(id);
		return found == specs.end() ? specs.at(0) : found->second;
	}
};

struct Iceberg::File {
	int64_t id, begin;
	bool deletes;
	std::string path, data_path;
	int64_t rows, bytes, manifest;
	int64_t data_id = -1;  // of a delete file
	bool ours = false;
	int64_t spec = 0;
	std::vector<Text> partition;
};

struct Iceberg::Change {
	std::vector<File> added, removed;
	bool empty() const { return added.empty() && removed.empty(); }
};

}  // namespace lake
