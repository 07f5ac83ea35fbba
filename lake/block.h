#pragma once
// Some rows of a table, column after column, as pgtrickle._row_blocks() sends them (src/publish/blocks.cpp).
//
//   int32 rows, int16 columns; then for each column
//     int16 width     of a value in bytes; -1: each has its own
//     byte            1: a byte for each row follows, 1 where the value is NULL
//     int32[rows]     where the value ends, if they have widths of their own
//     the values      as their types' send functions write them; a NULL of one width is zeros
//
// Numbers are big-endian.  A row of it can be had as COPY would have sent it: by what looks at whole rows.
#include "database.h"

namespace lake {

class Block {
public:
	class Column {
	public:
		Column(const char *&at, int rows);
		bool has_nulls() const { return nulls_ != nullptr; }
		int width() const { return width_; }            // -1: of its own
		const char *values() const { return values_; }  // of one width
		Field operator[](int row) const
		{
			if (nulls_ && nulls_[row])
				return {nullptr, -1};
			if (width_ >= 0)
				return {values_ + static_cast<size_t>(row) * width_, width_};
			const int32_t begin = row == 0 ? 0 : end_of(row - 1);
			return {values_ + begin, end_of(row) - begin};
		}

	private:
		int32_t end_of(int row) const { return read_integer<int32_t>(ends_ + 4 * static_cast<size_t>(row)); }
		int16_t width_;
		const char *nulls_ = nullptr, *ends_ = nullptr, *values_;
	};

	explicit Block(std::string_view bytes);
	int rows() const { return rows_; }
	int64_t bytes() const { return bytes_; }
	const Column &column(size_t i) const { return columns_[i]; }
	// Valid until the next one.
	const Tuple &row(int i);

private:
	int rows_;
	int64_t bytes_;
	std::vector<Column> columns_;
	Tuple tuple_;
	std::string image_;
};

// The rows of a query in blocks, each valid during its call.
void read_blocks(Connection &connection, const std::string &query, const std::function<void(Block &)> &block);

}  // namespace lake
