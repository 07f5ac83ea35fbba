#include "decode.h"

#include <arrow/extension/json.h>
#include <arrow/extension/uuid.h>
#include <arrow/util/key_value_metadata.h>

#include <array>
#include <bit>
#include <cmath>
#include <limits>

namespace lake {

namespace {

constexpr int64_t epoch_days = 10957;  // PostgreSQL counts from 2000-01-01
constexpr int64_t day = 86'400'000'000;

[[noreturn]] void refuse(const Column &column, const std::string &what)
{
	throw Unpublishable("22003", "column \"" + column.name + "\" " + what);
}

unsigned __int128 power_of_ten(int exponent)
{
	static const auto powers = [] {
		std::array<unsigned __int128, 39> table{1};
		for (size_t i = 1; i < table.size(); i++)
			table[i] = table[i - 1] * 10;
		return table;
	}();
	return powers[exponent];
}

// Each kind says how bytes become a value, how the value is spelt, and whether the spelling can be had.

struct Boolean {
	using Builder = arrow::BooleanBuilder;
	using Value = bool;
	static auto type() { return arrow::boolean(); }
	static Value read(const Column &, const Field &f) { return *f.data != 0; }
	static std::string spell(Value v) { return v ? "1" : "0"; }
	static bool spellable(Value) { return true; }
};

template <typename ArrowType>
struct Integer {
	using Builder = typename arrow::TypeTraits<ArrowType>::BuilderType;
	using Value = typename ArrowType::c_type;
	static auto type() { return arrow::TypeTraits<ArrowType>::type_singleton(); }
	static Value read(const Column &, const Field &f) { return read_integer<Value>(f.data); }
	static std::string spell(Value v) { return std::to_string(v); }
	static bool spellable(Value) { return true; }
};

template <typename ArrowType>
struct Float {
	using Builder = typename arrow::TypeTraits<ArrowType>::BuilderType;
	using Value = typename ArrowType::c_type;
	using Bits = std::conditional_t<sizeof(Value) == 4, uint32_t, uint64_t>;
	static auto type() { return arrow::TypeTraits<ArrowType>::type_singleton(); }
	static Value read(const Column &, const Field &f) { return std::bit_cast<Value>(read_integer<Bits>(f.data)); }
	static std::string spell(Value v) { return spell_float(v); }
	static bool spellable(Value) { return true; }
};

struct Date {
	using Builder = arrow::Date32Builder;
	using Value = int32_t;
	static auto type() { return arrow::date32(); }
	static Value read(const Column &column, const Field &f)
	{
		const int32_t days = read_integer<int32_t>(f.data);
		if (days == std::numeric_limits<int32_t>::max() || days == std::numeric_limits<int32_t>::min())
			refuse(column, "holds an infinite date, which the lake does not have");
		return static_cast<int32_t>(days + epoch_days);
	}
	static std::string spell(Value v) { return spell_date(v); }
	static bool spellable(Value v) { return v >= -719162; }  // 0001-01-01
};

struct Time {
	using Builder = arrow::Time64Builder;
	using Value = int64_t;
	static auto type() { return arrow::time64(arrow::TimeUnit::MICRO); }
	static Value read(const Column &, const Field &f) { return read_integer<int64_t>(f.data); }
	static std::string spell(Value v) { return spell_time(v); }
	static bool spellable(Value) { return true; }
};

template <bool with_zone>
struct Timestamp {
	using Builder = arrow::TimestampBuilder;
	using Value = int64_t;
	static auto type() { return with_zone ? arrow::timestamp(arrow::TimeUnit::MICRO, "UTC") : arrow::timestamp(arrow::TimeUnit::MICRO); }
	static Value read(const Column &column, const Field &f)
	{
		const int64_t micros = read_integer<int64_t>(f.data);
		if (micros == std::numeric_limits<int64_t>::max() || micros == std::numeric_limits<int64_t>::min())
			refuse(column, "holds an infinite timestamp, which the lake does not have");
		if (micros > std::numeric_limits<int64_t>::max() - (epoch_days + 1) * day)
			refuse(column, "holds a timestamp after the year 294246, which the lake does not have");
		return micros + epoch_days * day;
	}
	static std::string spell(Value v) { return with_zone ? spell_timestamp(v) + "+00" : spell_timestamp(v); }
	static bool spellable(Value v) { return v >= -719162 * day; }
};

template <typename Kind>
class ScalarDecoder final : public Decoder {
public:
	using Value = typename Kind::Value;
	explicit ScalarDecoder(const Column &column) : column_(column), builder_(Kind::type(), arrow::default_memory_pool()) {}

	void append(const Field &field) override
	{
		if (field.is_null()) {
			nulls_++;
			check(builder_.AppendNull());
			return;
		}
		const Value value = Kind::read(column_, field);
		check(builder_.Append(value));
		if constexpr (std::is_floating_point_v<Value>) {
			if (std::isnan(value)) {
				nans_++;
				return;
			}
		}
		if (values_++ == 0)
			min_ = max_ = value;
		else if (value < min_)
			min_ = value;
		else if (value > max_)
			max_ = value;
	}

	std::shared_ptr<arrow::Array> finish() override { return check(builder_.Finish()); }
	std::shared_ptr<arrow::DataType> type() const override { return Kind::type(); }
	void restart() override { values_ = nulls_ = nans_ = 0; }

	Statistics statistics() const override
	{
		Statistics s{.values = values_ + nans_, .nulls = nulls_, .bounded = true, .min = {}, .max = {}, .has_nan = {}};
		if constexpr (std::is_floating_point_v<Value>)
			s.has_nan = nans_ > 0;
		if (values_ > 0 && !Kind::spellable(min_))
			s.bounded = false;
		else if (values_ > 0) {
			s.min = Kind::spell(min_);
			s.max = Kind::spell(max_);
		} else if (nans_ > 0)
			s.bounded = false;
		return s;
	}

private:
	const Column column_;
	typename Kind::Builder builder_;
	Value min_{}, max_{};
	int64_t values_ = 0, nulls_ = 0, nans_ = 0;
};

// numeric: base-10000 digits, weight of the first, sign, display scale.
class DecimalDecoder final : public Decoder {
public:
	DecimalDecoder(const Column &column, int precision, int scale)
	    : column_(column), precision_(precision), scale_(scale), type_(arrow::decimal128(precision, scale)), builder_(type_)
	{
		limit_ = power_of_ten(precision);
	}

	void append(const Field &field) override
	{
		if (field.is_null()) {
			nulls_++;
			check(builder_.AppendNull());
			return;
		}
		const __int128 value = read(field.data);
		check(builder_.Append(arrow::Decimal128(static_cast<int64_t>(value >> 64), static_cast<uint64_t>(value))));
		if (values_++ == 0)
			min_ = max_ = value;
		else if (value < min_)
			min_ = value;
		else if (value > max_)
			max_ = value;
	}

	std::shared_ptr<arrow::Array> finish() override { return check(builder_.Finish()); }
	std::shared_ptr<arrow::DataType> type() const override { return type_; }
	void restart() override { values_ = nulls_ = 0; }

	Statistics statistics() const override
	{
		Statistics s{.values = values_, .nulls = nulls_, .bounded = true, .min = {}, .max = {}, .has_nan = {}};
		if (values_ > 0) {
			s.min = spell_decimal(min_, scale_);
			s.max = spell_decimal(max_, scale_);
		}
		return s;
	}

private:
	std::string type_name() const { return "decimal(" + std::to_string(precision_) + "," + std::to_string(scale_) + ")"; }

	__int128 read(const char *data) const
	{
		const int count = read_integer<int16_t>(data);
		const int weight = read_integer<int16_t>(data + 2);
		const uint16_t sign = read_integer<uint16_t>(data + 4);
		if (sign != 0 && sign != 0x4000)
			refuse(column_, "holds NaN or an infinity, which " + type_name() + " does not have");

		// value = sum of digit[i] * 10^(4 * (weight - i) + scale); what lies below the scale must be zero.
		unsigned __int128 value = 0;
		for (int i = 0; i < count; i++) {
			const int digit = read_integer<int16_t>(data + 8 + 2 * i);
			const int exponent = 4 * (weight - i) + scale_;
			if (digit == 0)
				continue;
			if (exponent >= precision_)
				refuse_size();
			if (exponent >= 0) {
				if (static_cast<unsigned>(digit) > limit_ / power_of_ten(exponent))
					refuse_size();
				value += digit * power_of_ten(exponent);
			} else {
				if (exponent <= -4 || digit % static_cast<int>(power_of_ten(-exponent)) != 0)
					refuse_digits();
				value += digit / static_cast<int>(power_of_ten(-exponent));
			}
			if (value >= limit_)
				refuse_size();
		}
		return sign == 0 ? static_cast<__int128>(value) : -static_cast<__int128>(value);
	}

	[[noreturn]] void refuse_digits() const
	{
		refuse(column_, "holds a number with more than " + std::to_string(scale_) + " digits after the point, which " + type_name() +
		                    " would round: publish a stream table that casts it to numeric(precision, scale)");
	}
	[[noreturn]] void refuse_size() const { refuse(column_, "holds a number that is too large for " + type_name()); }

	const Column column_;
	int precision_, scale_;
	std::shared_ptr<arrow::DataType> type_;
	arrow::Decimal128Builder builder_;
	unsigned __int128 limit_;
	__int128 min_ = 0, max_ = 0;
	int64_t values_ = 0, nulls_ = 0;
};

// Text keeps bounds; json and blob do not.  jsonb comes with a version byte before its text.
template <typename Builder, bool bounds>
class BytesDecoder final : public Decoder {
public:
	explicit BytesDecoder(std::shared_ptr<arrow::DataType> type, bool skip_version = false)
	    : type_(std::move(type)), skip_(skip_version)
	{
	}

	void append(const Field &field) override
	{
		if (field.is_null()) {
			nulls_++;
			check(builder_.AppendNull());
			return;
		}
		const std::string_view value(field.data + skip_, field.size - skip_);
		check(builder_.Append(value));
		if constexpr (bounds) {
			if (values_ == 0)
				min_ = max_ = value;
			else if (value < min_)
				min_ = value;
			else if (value > max_)
				max_ = value;
		}
		values_++;
	}

	std::shared_ptr<arrow::Array> finish() override
	{
		std::shared_ptr<arrow::Array> storage = check(builder_.Finish());
		return type_->id() == arrow::Type::EXTENSION ? arrow::ExtensionType::WrapArray(type_, storage) : storage;
	}
	std::shared_ptr<arrow::DataType> type() const override { return type_; }
	void restart() override { values_ = nulls_ = 0; }

	Statistics statistics() const override
	{
		Statistics s{.values = values_, .nulls = nulls_, .bounded = bounds || values_ == 0, .min = {}, .max = {}, .has_nan = {}};
		if (bounds && values_ > 0) {
			s.min = lower_bound(min_);
			s.max = upper_bound(max_);
			s.bounded = s.max.has_value();
		}
		return s;
	}

private:
	std::shared_ptr<arrow::DataType> type_;
	int skip_;
	Builder builder_;
	std::string min_, max_;
	int64_t values_ = 0, nulls_ = 0;
};

class UuidDecoder final : public Decoder {
public:
	UuidDecoder() : type_(arrow::extension::uuid()), builder_(arrow::fixed_size_binary(16)) {}

	void append(const Field &field) override
	{
		if (field.is_null()) {
			nulls_++;
			check(builder_.AppendNull());
			return;
		}
		const std::string_view value(field.data, 16);
		check(builder_.Append(value));
		if (values_ == 0 || value < min_)
			min_ = value;
		if (values_ == 0 || value > max_)
			max_ = value;
		values_++;
	}

	std::shared_ptr<arrow::Array> finish() override { return arrow::ExtensionType::WrapArray(type_, check(builder_.Finish())); }
	std::shared_ptr<arrow::DataType> type() const override { return type_; }
	void restart() override { values_ = nulls_ = 0; }

	Statistics statistics() const override
	{
		Statistics s{.values = values_, .nulls = nulls_, .bounded = true, .min = {}, .max = {}, .has_nan = {}};
		if (values_ > 0) {
			s.min = spell_uuid(min_);
			s.max = spell_uuid(max_);
		}
		return s;
	}

private:
	std::shared_ptr<arrow::DataType> type_;
	arrow::FixedSizeBinaryBuilder builder_;
	std::string min_, max_;
	int64_t values_ = 0, nulls_ = 0;
};

// Dimensions, flags, element type, then per dimension its length and lower bound, then the elements.
class ListDecoder final : public Decoder {
public:
	ListDecoder(const Column &column, std::unique_ptr<Decoder> element) : column_(column), element_(std::move(element))
	{
		auto metadata = arrow::key_value_metadata({"PARQUET:field_id"}, {std::to_string(column.id + 1)});
		type_ = arrow::list(arrow::field("element", element_->type(), true, metadata));
		check(offsets_.Append(0));
	}

	void append(const Field &field) override
	{
		check(valid_.Append(!field.is_null()));
		if (!field.is_null()) {
			const int dimensions = read_integer<int32_t>(field.data);
			if (dimensions > 1)
				refuse(column_, "holds an array of " + std::to_string(dimensions) + " dimensions, which a list of the lake does not have");
			const int count = dimensions == 0 ? 0 : read_integer<int32_t>(field.data + 12);
			const char *at = field.data + 20;
			for (int i = 0; i < count; i++) {
				const Field element{at + 4, read_integer<int32_t>(at)};
				element_->append(element);
				at += 4 + std::max(element.size, 0);
			}
			length_ += count;
		}
		check(offsets_.Append(length_));
	}

	std::shared_ptr<arrow::Array> finish() override
	{
		std::shared_ptr<arrow::Array> valid = check(valid_.Finish());
		std::shared_ptr<arrow::Array> offsets = check(offsets_.Finish());
		length_ = 0;
		check(offsets_.Append(0));
		// A boolean array's bits are what a validity bitmap is.
		return std::make_shared<arrow::ListArray>(type_, valid->length(), offsets->data()->buffers[1], element_->finish(),
		                                          valid->data()->buffers[1]);
	}
	std::shared_ptr<arrow::DataType> type() const override { return type_; }
	void restart() override { element_->restart(); }

	// Of the elements: a list has no bounds.
	Statistics statistics() const override
	{
		Statistics s = element_->statistics();
		s.bounded = false;
		s.min = s.max = std::nullopt;
		return s;
	}

private:
	const Column column_;
	std::unique_ptr<Decoder> element_;
	std::shared_ptr<arrow::DataType> type_;
	arrow::BooleanBuilder valid_;
	arrow::Int32Builder offsets_;
	int32_t length_ = 0;
};

std::unique_ptr<Decoder> make_scalar(const Column &column)
{
	const std::string &type = column.lake_type;
	int precision, scale;
	if (sscanf(type.c_str(), "decimal(%d,%d)", &precision, &scale) == 2)
		return std::make_unique<DecimalDecoder>(column, precision, scale);
	if (type == "boolean")
		return std::make_unique<ScalarDecoder<Boolean>>(column);
	if (type == "int16")
		return std::make_unique<ScalarDecoder<Integer<arrow::Int16Type>>>(column);
	if (type == "int32")
		return std::make_unique<ScalarDecoder<Integer<arrow::Int32Type>>>(column);
	if (type == "int64")
		return std::make_unique<ScalarDecoder<Integer<arrow::Int64Type>>>(column);
	if (type == "float32")
		return std::make_unique<ScalarDecoder<Float<arrow::FloatType>>>(column);
	if (type == "float64")
		return std::make_unique<ScalarDecoder<Float<arrow::DoubleType>>>(column);
	if (type == "date")
		return std::make_unique<ScalarDecoder<Date>>(column);
	if (type == "time")
		return std::make_unique<ScalarDecoder<Time>>(column);
	if (type == "timestamp")
		return std::make_unique<ScalarDecoder<Timestamp<false>>>(column);
	if (type == "timestamptz")
		return std::make_unique<ScalarDecoder<Timestamp<true>>>(column);
	if (type == "varchar")
		return std::make_unique<BytesDecoder<arrow::StringBuilder, true>>(arrow::utf8());
	if (type == "json")
		return std::make_unique<BytesDecoder<arrow::StringBuilder, false>>(arrow::extension::json(), column.source_type == "jsonb");
	if (type == "blob")
		return std::make_unique<BytesDecoder<arrow::BinaryBuilder, false>>(arrow::binary());
	if (type == "uuid")
		return std::make_unique<UuidDecoder>();
	throw Unpublishable("0A000", "column \"" + column.name + "\" has lake type " + type + ", which this program cannot write");
}

}  // namespace

std::unique_ptr<Decoder> make_decoder(const Column &column)
{
	std::unique_ptr<Decoder> decoder = make_scalar(column);
	return column.is_list ? std::make_unique<ListDecoder>(column, std::move(decoder)) : std::move(decoder);
}

RowBuilder::RowBuilder(const std::vector<Column> &columns, bool with_row_ids)
{
	std::vector<std::shared_ptr<arrow::Field>> fields;
	auto field_id = [](int64_t id) { return arrow::key_value_metadata({"PARQUET:field_id"}, {std::to_string(id)}); };
	for (const Column &column : columns) {
		decoders_.push_back(make_decoder(column));
		fields.push_back(arrow::field(column.name, decoders_.back()->type(), true, field_id(column.id)));
	}
	if (with_row_ids) {
		row_ids_ = std::make_unique<arrow::Int64Builder>();
		fields.push_back(arrow::field("_ducklake_internal_row_id", arrow::int64(), true, field_id(row_id_field)));
	}
	schema_ = arrow::schema(std::move(fields));
}

void RowBuilder::append(const Tuple &tuple, int64_t row_id)
{
	for (size_t i = 0; i < decoders_.size(); i++)
		decoders_[i]->append(tuple.fields[i]);
	if (row_ids_)
		check(row_ids_->Append(row_id));
	rows_++;
	bytes_ += static_cast<int64_t>(tuple.image.size());
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
		statistics.push_back(decoder->statistics());
	return statistics;
}

void RowBuilder::restart()
{
	for (const auto &decoder : decoders_)
		decoder->restart();
}

}  // namespace lake
