#pragma once
// The files of a lake: data files with one row group per batch, and positional delete files.
//
// Encodings follow DuckDB's own files where both other readers of the same files (Iceberg's) agree: zstd, field
// id = column id, short decimals as integers, JSON and UUID annotated, timestamptz in UTC.
// A row group is encoded and compressed by a second thread while the next one is being decoded.  Whether a column gets a dictionary is
// decided by some values of the first one: to find out while writing that most differ, costs more than to write them.
#include "decode.h"
#include "object_store.h"

#include <future>
#include <utility>

namespace parquet::arrow {
class FileWriter;
}

namespace lake {

inline constexpr int64_t row_group_rows = 122880;
inline constexpr int64_t row_group_bytes = 16 << 20;  // of values as they come from PostgreSQL
inline constexpr int64_t data_file_bytes = 512 << 20; // then the next file is begun
inline constexpr int64_t data_file_rows = 100'000'000;

struct Footprint {
	int64_t bytes = 0, footer = 0, row_groups = 0;
	std::vector<int64_t> column_bytes;  // compressed, by column of the file
};

class ParquetWriter {
public:
	ParquetWriter(ObjectStore &store, std::string path, const std::shared_ptr<arrow::Schema> &schema);
	~ParquetWriter();
	void write(std::shared_ptr<arrow::RecordBatch> rows);
	int64_t bytes();  // so far, about
	Footprint close();

private:
	void wait();
	void open(const arrow::RecordBatch *first);
	ObjectStore &store_;
	std::string path_;
	std::shared_ptr<arrow::Schema> schema_;
	std::shared_ptr<arrow::io::OutputStream> sink_;
	std::unique_ptr<parquet::arrow::FileWriter> writer_;
	std::future<void> running_;
};

// Rows of a data file that are gone: position, and the snapshot that took it away (pending: the one to come).
using Deletions = std::vector<std::pair<int64_t, int64_t>>;
inline constexpr int64_t pending = -1;

// with_snapshots: the third column, which a file needs that tells the deletions of more than one snapshot.
Footprint write_delete_file(ObjectStore &store, const std::string &path, const std::string &data_file, const Deletions &rows,
                            bool with_snapshots, int64_t snapshot);
// snapshot: what to take where the file does not say.
Deletions read_delete_file(ObjectStore &store, const std::string &path, int64_t snapshot);

// Whether Iceberg's readers would find in it what it deletes from data_file: by field id, by name and by the file's name.
bool is_iceberg_delete_file(ObjectStore &store, const std::string &path, const std::string &data_file);

// Calls row(position, row id) for every row of a data file; ids are embedded, or count from row_id_start.
void read_row_ids(ObjectStore &store, const std::string &path, int64_t rows, int64_t row_id_start,
                  const std::function<void(int64_t, int64_t)> &row);

std::string new_uuid();                              // of the time
std::string new_file_name(const char *suffix = "");  // ducklake-<uuid>….parquet

}  // namespace lake
