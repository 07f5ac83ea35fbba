#pragma once
// PostgreSQL's binary values become Arrow columns.
//
// One Decoder per column takes the bytes of COPY (FORMAT binary), appends to an Arrow builder and keeps the
// statistics of the file.  No value is bent to fit: one that has no equal in the lake (infinity, NaN in a decimal,
// more digits than the decimal has, a two-dimensional array) throws Unpublishable, which names the column.
#include "database.h"
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
	std::string lake_type;    // of a list: its elements'
	bool is_list;
	bool nullable;
	std::string declared;
};

class Decoder {
public:
	virtual ~Decoder() = default;
	virtual void append(const Field &field) = 0;
	virtual std::shared_ptr<arrow::Array> finish() = 0;  // the rows since the last finish
	virtual std::shared_ptr<arrow::DataType> type() const = 0;
	virtual Statistics statistics() const = 0;  // of the rows since the last restart
	virtual void restart() = 0;                 // a new file begins
};

std::unique_ptr<Decoder> make_decoder(const Column &column);

// Rows of a publication on their way into a file.
class RowBuilder {
public:
	// with_row_ids: the file says each row's id (rows that had one before).
	RowBuilder(const std::vector<Column> &columns, bool with_row_ids);
	void append(const Tuple &tuple, int64_t row_id = -1);
	int64_t rows() const { return rows_; }
	int64_t bytes() const { return bytes_; }
	std::shared_ptr<arrow::RecordBatch> finish();
	std::vector<Statistics> statistics() const;
	void restart();
	const std::shared_ptr<arrow::Schema> &schema() const { return schema_; }

private:
	std::vector<std::unique_ptr<Decoder>> decoders_;
	std::unique_ptr<arrow::Int64Builder> row_ids_;
	std::shared_ptr<arrow::Schema> schema_;
	int64_t rows_ = 0, bytes_ = 0;
};

// DuckLake's field ids for its own columns.
inline constexpr int row_id_field = 2147483540;

}  // namespace lake
