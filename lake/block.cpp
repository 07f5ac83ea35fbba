#include "block.h"

namespace lake {

Block::Column::Column(const char *&at, int rows) : width_(read_integer<int16_t>(at))
{
	at += 2;
	if (*at++ == 1) {
		nulls_ = at;
		at += rows;
	}
	if (width_ < 0) {
		ends_ = at;
		at += 4 * static_cast<size_t>(rows);
	}
	values_ = at;
	at += width_ < 0 ? end_of(rows - 1) : static_cast<size_t>(rows) * width_;
}

Block::Block(std::string_view bytes) : rows_(read_integer<int32_t>(bytes.data())), bytes_(static_cast<int64_t>(bytes.size()))
{
	const int columns = read_integer<int16_t>(bytes.data() + 4);
	const char *at = bytes.data() + 6;
	columns_.reserve(columns);
	for (int i = 0; i < columns; i++)
		columns_.emplace_back(at, rows_);
	tuple_.fields.resize(columns);
}

const Tuple &Block::row(int i)
{
	image_.clear();
	for (const Column &column : columns_) {
		const Field field = column[i];
		append_integer(image_, field.size);
		if (field.size > 0)
			image_.append(field.data, field.size);
	}
	const char *at = image_.data();
	read_fields(at, tuple_);
	return tuple_;
}

void read_blocks(Connection &connection, const std::string &query, const std::function<void(Block &)> &block)
{
	connection.copy_out("SELECT pgtrickle._row_blocks(" + connection.quote_literal(query) + ")", [&](const Tuple &sent) {
		Block rows({sent.fields[0].data, static_cast<size_t>(sent.fields[0].size)});
		block(rows);
	});
}

}  // namespace lake
