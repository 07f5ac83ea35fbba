// Rows on their way into a file: a decoder a column.
#include "decode_parts.h"

#include <arrow/util/key_value_metadata.h>

#include <algorithm>

namespace lake {

namespace {

std::shared_ptr<arrow::KeyValueMetadata> field_id(int64_t id)
{
	return arrow::key_value_metadata({"PARQUET:field_id"}, {std::to_string(id)});
}

}  // namespace

std::shared_ptr<arrow::Field> field_of(const Column &column, const Decoder &decoder, bool nullable)
{
	return arrow::field(column.name, decoder.type(), nullable, field_id(column.id));
}

RowBuilder::RowBuilder(const std::vector<Column> &columns, bool with_row_ids) : columns_(columns)
{
	std::vector<std::shared_ptr<arrow::Field>> fields;
	for (const Column &column : columns) {
		decoders_.push_back(make_decoder(column));
		fields.push_back(field_of(column, *decoders_.back()));
	}
	if (with_row_ids) {
		row_ids_ = std::make_unique<arrow::Int64Builder>();
		fields.push_back(arrow::field("_ducklake_internal_row_id", arrow::int64(), true, field_id(row_id_field)));
	}
	schema_ = arrow::schema(std::move(fields));
}

void RowBuilder::append(const Tuple &tuple, int64_t row_id)
{
	size_t i = 0;
	try {
		for (; i < decoders_.size(); i++)
			decoders_[i]->append(tuple.fields[i]);
	} catch (const Unpublishable &e) {
		refuse(e, columns_[i], tuple);
	}
	if (row_ids_)
		check(row_ids_->Append(row_id));
	rows_++;
	bytes_ += static_cast<int64_t>(tuple.image.size());
}

void RowBuilder::append(Block &block, int begin, int end)
{
	size_t i = 0;
	try {
		for (; i < decoders_.size(); i++)
			decoders_[i]->append(block.column(i), begin, end);
	} catch (const Unpublishable &) {
		// The row is looked for once more.
		const auto decoder = make_decoder(columns_[i]);
		for (int row = begin; row < end; row++)
			try {
				decoder->append(block.column(i)[row]);
			} catch (const Unpublishable &e) {
				refuse(e, columns_[i], block.row(row));
			}
		throw;
	}
	rows_ += end - begin;
	bytes_ += block.bytes() * (end - begin) / block.rows();
}

void RowBuilder::refuse(const Unpublishable &reason, const Column &column, const Tuple &tuple) const
{
	throw Unpublishable(reason.sqlstate, "column \"" + column.name + "\" " + reason.what() + ", in the row " + name_of(tuple) +
	                                         "; change it there, or publish a stream table that casts the column");
}

// By its key, or by all that can be spelt: a bound of one value is that value.
std::string RowBuilder::name_of(const Tuple &tuple) const
{
	const bool has_key = std::any_of(columns_.begin(), columns_.end(), [](const Column &column) { return column.is_key; });
	std::string names, values;
	for (size_t i = 0; i < columns_.size() && values.size() < 200; i++) {
		if (has_key && !columns_[i].is_key)
			continue;
		std::string value = tuple.fields[i].is_null() ? "NULL" : "…";
		try {
			const auto decoder = make_decoder(columns_[i]);
			decoder->append(tuple.fields[i]);
			std::vector<Statistics> statistics;
			decoder->statistics(statistics);
			value = statistics[0].min.value_or(value);
		} catch (const Unpublishable &) {
		}
		names += (names.empty() ? "" : ", ") + columns_[i].name;
		values += (values.empty() ? "" : ", ") + value;
	}
	return "(" + names + ") = (" + values + ")";
}

std::shared_ptr<arrow::RecordBatch> RowBuilder::finish()
{
	std::vector<std::shared_ptr<arrow::Array>> arrays;
	for (const auto &decoder : decoders_)
		arrays.push_back(decoder->finish());
	if (row_ids_)
		arrays.push_back(check(row_ids_->Finish()));
	auto batch = arrow::RecordBatch::Make(schema_, rows_, std::move(arrays));
	rows_ = bytes_ = 0;
	return batch;
}

std::vector<Statistics> RowBuilder::statistics() const
{
	std::vector<Statistics> statistics;
	for (const auto &decoder : decoders_)
		decoder->statistics(statistics);
	return statistics;
}

void RowBuilder::restart()
{
	for (const auto &decoder : decoders_)
		decoder->restart();
}

}  // namespace lake
