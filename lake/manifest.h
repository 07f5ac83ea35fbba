#pragma once
// Iceberg's manifests (which files a table has, and what is in them) and manifest lists (which manifests a snapshot
// has), in Iceberg's format version 2: https://iceberg.apache.org/spec.
//
// A file's path stands in three places, its manifest, its delete files, and their manifest's bounds, and must be the
// same to the byte: readers that do not find it take no row for deleted, and say nothing.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace lake {

struct PartitionField {
	int64_t id;
	std::string type;  // of its values: boolean, int, long, date or string
};

struct PartitionSpec {
	int64_t id = 0;  // 0: the one without fields
	std::vector<PartitionField> fields;
	std::string json = "[]";
};

struct ColumnMetrics {
	int64_t field;
	int64_t bytes, values, nulls;               // values: nulls included
	std::optional<std::string> lower, upper;    // in Iceberg's binary form
};

struct ManifestEntry {
	enum Status { existing = 0, added = 1, deleted = 2 };
	Status status;
	int64_t snapshot;  // that added it or, if it is deleted now, deleted it
	int64_t sequence;  // of the snapshot that added it
	std::string path;
	int64_t rows, bytes;
	std::vector<ColumnMetrics> metrics;
	std::string data_path;  // of a delete file: the one it deletes from
	std::vector<std::optional<std::string>> partition = {};  // of the manifest's spec: numbers in digits, days since 1970 for a date
};

struct Manifest {
	std::string path;
	int64_t bytes = 0;
	bool deletes = false;
	int64_t snapshot = 0;      // that wrote it
	int64_t min_sequence = 0;  // of the files that it says are there
	int64_t files[3] = {}, rows[3] = {};  // by status
	int64_t spec = 0;                     // the partition spec of all its files
};

// Counts the entries and writes the file.  schema: Iceberg's JSON; sync: see avro_file.
std::string manifest_file(Manifest &manifest, const std::vector<ManifestEntry> &entries, const PartitionSpec &spec, const std::string &schema,
                          int64_t schema_id, std::string_view sync);
std::string manifest_list(const std::vector<Manifest> &manifests, int64_t snapshot, std::optional<int64_t> parent, std::string_view sync);

// DuckLake's spelling of a bound in Iceberg's binary form; none where there is no equal that every reader understands.
// upper: of two zeros the greater one, since readers order -0.0 before 0.0.
std::optional<std::string> iceberg_bound(const std::string &lake_type, const std::string &text, bool upper);

}  // namespace lake
