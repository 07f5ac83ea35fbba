// What consists of others: lists, structs, maps.
#include "decode_parts.h"

#include <algorithm>

namespace lake {

namespace {

constexpr Field null_field{nullptr, -1};

// A boolean array's bits are what a validity bitmap is.
std::shared_ptr<arrow::Buffer> validity(arrow::BooleanBuilder &valid, int64_t &rows)
{
	const std::shared_ptr<arrow::Array> array = check(valid.Finish());
	rows = array->length();
	return array->data()->buffers[1];
}

// Which rows have a list, and where it ends among the elements.
class Spans {
public:
	Spans() { check(ends_.Append(0)); }
	void add(bool valid, int32_t elements)
	{
		check(valid_.Append(valid));
		check(ends_.Append(end_ += elements));
	}
	struct Finished {
		int64_t rows;
		std::shared_ptr<arrow::Buffer> valid, offsets;
	};
	Finished finish()
	{
		Finished done;
		done.valid = validity(valid_, done.rows);
		done.offsets = check(ends_.Finish())->data()->buffers[1];
		check(ends_.Append(end_ = 0));
		return done;
	}

private:
	arrow::BooleanBuilder valid_;
	arrow::Int32Builder ends_;
	int32_t end_ = 0;
};

// Leaves within others have no bounds.
void add_unbounded(const Decoder &decoder, std::vector<Statistics> &leaves)
{
	const size_t first = leaves.size();
	decoder.statistics(leaves);
	for (size_t i = first; i < leaves.size(); i++) {
		leaves[i].bounded = false;
		leaves[i].min = leaves[i].max = std::nullopt;
	}
}

// An array has its dimensions, flags and element type, then per dimension its length and lower bound, then the elements.
// A list for each dimension that the column was declared with; only the outermost sees the head.
class ListDecoder final : public Decoder {
public:
	explicit ListDecoder(const Column &column) : element_(make_decoder(column.fields[0]))
	{
		if (column.fields[0].source_type == "dimension")
			inner_ = static_cast<ListDecoder *>(element_.get());
		type_ = arrow::list(field_of(column.fields[0], *element_));
	}

	void append(const Field &field) override
	{
		if (field.is_null()) {
			spans_.add(false, 0);
			return;
		}
		const int dimensions = read_integer<int32_t>(field.data);
		const char *sizes = field.data + 12, *at = sizes + 8 * dimensions;
		if (dimensions == 0) {
			spans_.add(true, 0);
			return;
		}
		if (dimensions != depth())
			refuse("holds an array of " + std::to_string(dimensions) + " dimensions, where it is declared with " + std::to_string(depth()));
		for (int i = 0; i < dimensions; i++)
			if (const int lower = read_integer<int32_t>(sizes + 8 * i + 4); lower != 1)
				refuse("holds an array that begins at number " + std::to_string(lower) + ", which a list of the lake does not say");
		take(sizes, at);
	}

	std::shared_ptr<arrow::Array> finish() override
	{
		const auto [rows, valid, offsets] = spans_.finish();
		return std::make_shared<arrow::ListArray>(type_, rows, offsets, element_->finish(), valid);
	}
	std::shared_ptr<arrow::DataType> type() const override { return type_; }
	void restart() override { element_->restart(); }
	void statistics(std::vector<Statistics> &leaves) const override { add_unbounded(*element_, leaves); }

private:
	int depth() const { return inner_ ? 1 + inner_->depth() : 1; }
	void take(const char *sizes, const char *&at)
	{
		const int count = read_integer<int32_t>(sizes);
		for (int i = 0; i < count; i++)
			if (inner_)
				inner_->take(sizes + 8, at);
			else
				element_->append(read_field(at));
		spans_.add(true, count);
	}

	std::unique_ptr<Decoder> element_;
	ListDecoder *inner_ = nullptr;  // another dimension of the same array
	std::shared_ptr<arrow::DataType> type_;
	Spans spans_;
};

// Fields of a row, each after its type, or the parts of an interval: microseconds, days, months.
class StructDecoder final : public Decoder {
public:
	explicit StructDecoder(const Column &column) : column_(column)
	{
		arrow::FieldVector fields;
		for (const Column &field : column.fields) {
			fields_.push_back(make_decoder(field));
			fields.push_back(field_of(field, *fields_.back()));
		}
		type_ = arrow::struct_(fields);
	}

	void append(const Field &field) override
	{
		check(valid_.Append(!field.is_null()));
		if (field.is_null())
			for (const auto &decoder : fields_)
				decoder->append(null_field);
		else if (column_.source_type == "interval")
			take_interval(field.data);
		else
			take_row(field.data);
	}

	std::shared_ptr<arrow::Array> finish() override
	{
		int64_t rows;
		std::shared_ptr<arrow::Buffer> valid = validity(valid_, rows);
		arrow::ArrayVector arrays;
		for (const auto &decoder : fields_)
			arrays.push_back(decoder->finish());
		return std::make_shared<arrow::StructArray>(type_, rows, std::move(arrays), valid);
	}
	std::shared_ptr<arrow::DataType> type() const override { return type_; }
	void restart() override
	{
		for (const auto &decoder : fields_)
			decoder->restart();
	}
	void statistics(std::vector<Statistics> &leaves) const override
	{
		for (const auto &decoder : fields_)
			add_unbounded(*decoder, leaves);
	}

private:
	void take_row(const char *at)
	{
		// The type may have been altered since the columns were read.
		if (read_integer<int32_t>(at) != static_cast<int>(fields_.size()))
			throw Conflict("the type of column \"" + column_.name + "\" was altered meanwhile");
		at += 4;
		for (const auto &decoder : fields_) {
			at += 4;
			decoder->append(read_field(at));
		}
	}
	void take_interval(const char *data)
	{
		check_finite_interval(data);
		fields_[0]->append({data + 12, 4});
		fields_[1]->append({data + 8, 4});
		fields_[2]->append({data, 8});
	}

	const Column column_;
	std::vector<std::unique_ptr<Decoder>> fields_;
	std::shared_ptr<arrow::DataType> type_;
	arrow::BooleanBuilder valid_;
};

// hstore: how many pairs, then each key and its value.
class MapDecoder final : public Decoder {
public:
	explicit MapDecoder(const Column &column) : key_(make_decoder(column.fields[0])), value_(make_decoder(column.fields[1]))
	{
		type_ = std::make_shared<arrow::MapType>(field_of(column.fields[0], *key_, false), field_of(column.fields[1], *value_));
	}

	void append(const Field &field) override
	{
		if (field.is_null()) {
			spans_.add(false, 0);
			return;
		}
		const int count = read_integer<int32_t>(field.data);
		const char *at = field.data + 4;
		for (int i = 0; i < count; i++) {
			key_->append(read_field(at));
			value_->append(read_field(at));
		}
		spans_.add(true, count);
	}

	std::shared_ptr<arrow::Array> finish() override
	{
		const auto [rows, valid, offsets] = spans_.finish();
		return std::make_shared<arrow::MapArray>(type_, rows, offsets, key_->finish(), value_->finish(), valid);
	}
	std::shared_ptr<arrow::DataType> type() const override { return type_; }
	void restart() override { key_->restart(), value_->restart(); }
	void statistics(std::vector<Statistics> &leaves) const override
	{
		add_unbounded(*key_, leaves);
		add_unbounded(*value_, leaves);
	}

private:
	std::unique_ptr<Decoder> key_, value_;
	std::shared_ptr<arrow::DataType> type_;
	Spans spans_;
};

}  // namespace

std::unique_ptr<Decoder> make_nested(const Column &column)
{
	if (column.lake_type == "list")
		return std::make_unique<ListDecoder>(column);
	if (column.lake_type == "struct")
		return std::make_unique<StructDecoder>(column);
	if (column.lake_type == "map")
		return std::make_unique<MapDecoder>(column);
	return nullptr;
}

}  // namespace lake
