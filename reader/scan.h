#pragma once
// The rows of a lake table at one lake snapshot, one after the other.
//
// A scan lists the files of its snapshot and leaves out those that pruning can; each file is read a row group at a time,
// and of a row group only the columns that are asked for.  Rows in a delete file, and rows of other
// snapshots in a file that several were merged into, are passed over.  Rows inlined into the catalog come last.
//
// Two regimes: advance() is C++ and reads the next batch from the store; fill() is C, and makes one row of it Datums.
// Arrow's own threads, should it start any, have all signals blocked; none of them calls the server.
#include "nested.h"
#include "object_store.h"
#include "parquet.h"
#include "pg/memory.hpp"
#include "prune.h"

#include <memory>
#include <set>

namespace parquet {
class Statistics;
}
namespace parquet::arrow {
class FileReader;
}

namespace reader {

// A column as it is asked for.
struct Wanted {
	int64_t column_id = -1;  // row_id_column: the row's id
	int target = 0;          // place in the row that is filled
	Oid natural = InvalidOid;
	bool is_float = false;
	bool has_default = false;
	Datum default_value = 0;  // of rows written before the column was there
	std::shared_ptr<Cell> nested;  // where the foreign column has a type that consists of others
	// Where it has another type: through text.
	bool through_text = false;
	FmgrInfo natural_input{}, natural_output{}, input{};
	Oid natural_param = InvalidOid, input_param = InvalidOid;
	int32 typmod = -1;
};
// What a row has beside its columns: DuckLake's id of it; the file it lies in (-1: the catalog) and its place there.
inline constexpr int64_t row_id_column = -2, file_column = -3, position_column = -4;

struct Counts {
	int64_t files = 0, files_pruned = 0, groups = 0, groups_pruned = 0, rows_deleted = 0, bytes = 0, bytes_deletes = 0;
};

class Scan {
public:
	// tests: attno is the place among wanted.
	Scan(Lake lake, Table table, std::vector<Wanted> wanted);
	~Scan();

	// Only these files.
	std::optional<std::set<int64_t>> only_files;
	bool with_inlined = true;
	std::vector<Test> tests;

	// Reads the list of files, once.
	void list();
	// From the first row again; list_again: the tests have other values.
	void restart(bool list_again);

	// Makes the next batch with rows in it ready.  False: there is none.
	bool advance();
	// C: the next row of the batch; false when it is used up.  Values live in the current memory context or in the scan.
	bool fill(Datum *values, bool *nulls)
	{
		if (next_ >= selected_.size())
			return false;
		const int64_t row = selected_[next_++];
		if (inlined_ == nullptr)
			fill_from_batch(row, values, nulls);
		else
			fill_from_inlined(row, values, nulls);
		return true;
	}

	// Deleted rows of a file at the snapshot: position, and the snapshot that took it away; sorted.
	std::vector<std::pair<int64_t, int64_t>> deletions_of(const DataFile &file);

	const Counts &counts() const { return counts_; }
	const Lake &lake() const { return lake_; }
	const Table &table() const { return table_; }
	const std::vector<DataFile> &files() const { return files_; }

private:
	struct OpenFile;
	void open_store();
	bool open_next_file();
	bool open_next_group();
	bool read_batch();
	void read_inlined_rows();
	bool next_inlined();
	bool file_may_match(const DataFile &file);
	bool group_may_match(int group);
	void bind_columns();
	void select(int64_t rows);
	void fill_from_batch(int64_t row, Datum *values, bool *nulls);
	void fill_from_inlined(int64_t row, Datum *values, bool *nulls);

	Lake lake_;
	Table table_;
	std::vector<Wanted> wanted_;
	std::unique_ptr<lake::ObjectStore> store_;
	Counts counts_;

	bool listed_ = false;
	std::vector<DataFile> files_;
	std::map<int64_t, std::vector<std::pair<int64_t, int64_t>>> inlined_deletes_;  // by file
	size_t file_ = 0;
	std::unique_ptr<OpenFile> open_;

	std::shared_ptr<arrow::RecordBatch> batch_;
	std::vector<const arrow::Array *> arrays_;  // by wanted; nullptr: not in the file
	int64_t batch_start_ = 0;                   // position of its first row in the file
	std::vector<int64_t> selected_;
	size_t next_ = 0;

	std::optional<std::vector<InlinedRows>> all_inlined_;
	size_t part_ = 0;
	InlinedRows *inlined_ = nullptr;
	std::vector<int> places_;  // by wanted: column of the inlined row, -1: none
};


}  // namespace reader
