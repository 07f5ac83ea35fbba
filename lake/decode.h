#pragma once
// PostgreSQL's binary values become Arrow columns.
//
// One Decoder per column takes the bytes of COPY (FORMAT binary), of one value or of a block of them, appends to an Arrow
// builder and keeps the statistics of the file.  No value is bent to fit: one that has no equal in the lake (infinity, NaN in a decimal,
// more digits than the decimal has, an array of other dimensions than its column's) throws Unpublishable, which names column and row.
// What consists of others, a list, a struct, a map, has decoders for them (decode_nested.cpp); only leaves lie in the file and have
// statistics.  row_builder.cpp has the rows.
#include "block.h"
#include "statistics.h"

#include <arrow/api.h>

#include <memory>
#include <string>
#include <vector>

namespace lake {

// A published column, as pgtrickle.publication_column has it.
struct Column {
	int64_t id;  // DuckLake's, and the Parquet field id
	int16_t attnum;
	std::string name;
	std::string source_type;  // whose binary form it comes in
	std::string lake_type;
	bool nullable;
	std::string declared;
	std::vector<Column> fields = {};  // what it consists of
	bool is_key = false;              // of those that a row is found by

	bool is_nested() const { return !fields.empty(); }
};

// The columns of a file: those that consist of nothing, in order; nested: within others.
struct Leaf {
	const Column *column;
	bool nested;
};
std::vector<Leaf> leaves(const std::vector<Column> &columns);

class Decoder {
public:
	virtual ~Decoder() = default;
	virtual void append(const Field &field) = 0;
	virtual void append(const Block::Column &column, int begin, int end);  // the rows from begin on
	virtual std::shared_ptr<arrow::Array> finish() = 0;  // the rows since the last finish
	virtual std::shared_ptr<arrow::DataType> type() const = 0;
	virtual void statistics(std::vector<Statistics> &leaves) const = 0;  // adds those of the rows since the last restart
	virtual void restart() = 0;                                          // a new file begins
};

std::unique_ptr<Decoder> make_decoder(const Column &column);

// Rows of a publication on their way into a file.
class RowBuilder {
public:
	// with_row_ids: the file says each row's id (rows that had one before).  The columns must outlive it.
	RowBuilder(const std::vector<Column> &columns, bool with_row_ids);
	void append(const Tuple &tuple, int64_t row_id = -1);
	void append(Block &block, int begin, int end);  // the rows from begin on, none of which has an id
	int64_t rows() const { return rows_; }
	int64_t bytes() const { return bytes_; }
	std::shared_ptr<arrow::RecordBatch> finish();
	std::vector<Statistics> statistics() const;  // by leaf
	void restart();
	const std::shared_ptr<arrow::Schema> &schema() const { return schema_; }

private:
	[[noreturn]] void refuse(const Unpublishable &reason, const Column &column, const Tuple &tuple) const;
	std::string name_of(const Tuple &tuple) const;
	const std::vector<Column> &columns_;
	std::vector<std::unique_ptr<Decoder>> decoders_;
	std::unique_ptr<arrow::Int64Builder> row_ids_;
	std::shared_ptr<arrow::Schema> schema_;
	int64_t rows_ = 0, bytes_ = 0;
};

// DuckLake's field ids for its own columns.
inline constexpr int row_id_field = 2147483540;

}  // namespace lake
