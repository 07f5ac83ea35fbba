#include "decode_parts.h"

#include <arrow/extension/json.h>
#include <arrow/extension/uuid.h>
#include <arrow/util/utf8.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>

namespace lake {

namespace {

constexpr int64_t epoch_days = 10957;  // PostgreSQL counts from 2000-01-01
constexpr int64_t day = 86'400'000'000;

bool is_utf8(std::string_view text)
{
	static const bool initialized = (arrow::util::InitializeUTF8(), true);
	return initialized && arrow::util::ValidateUTF8(text);
}

// Its beginning, with what is not ASCII as \xNN.
std::string printable(std::string_view text)
{
	std::string out;
	for (const char c : text.substr(0, 60)) {
		char spelt[8];
		snprintf(spelt, sizeof spelt, c >= ' ' && c <= '~' ? "%c" : "\\x%02x", static_cast<unsigned char>(c));
		out += spelt;
	}
	return text.size() > 60 ? out + "…" : out;
}

template <typename Number>
constexpr auto powers_of_ten = [] {
	std::array<Number, sizeof(Number) == 8 ? 20 : 39> table{1};
	for (size_t i = 1; i < table.size(); i++)
		table[i] = table[i - 1] * 10;
	return table;
}();

// The least and the greatest of the values so far.
template <typename Kept>
void widen(Kept &least, Kept &greatest, bool is_first, const auto &value)
{
	if (is_first)
		least = greatest = value;
	else if (value < least)
		least = value;
	else if (value > greatest)
		greatest = value;
}

// Values of one width.  The next row group has room at once for as many as the last one had, and a bitmap from its first NULL on.
template <typename Value>
class Values {
public:
	void append(Value value)
	{
		make_room();
		values_.UnsafeAppend(value);
		if (nulls_ > 0)
			valid_.UnsafeAppend(true);
	}
	void append(int count, const auto &value)
	{
		reserve(count);
		for (int i = 0; i < count; i++)
			values_.UnsafeAppend(value(i));
		if (nulls_ > 0)
			valid_.UnsafeAppend(count, true);
	}
	void append_null()
	{
		make_room();
		if (nulls_++ == 0) {
			check(valid_.Reserve(values_.capacity()));
			valid_.UnsafeAppend(values_.length(), true);
		}
		values_.UnsafeAppend(Value());
		valid_.UnsafeAppend(false);
	}
	std::shared_ptr<arrow::Array> finish(const std::shared_ptr<arrow::DataType> &type)
	{
		rows_before_ = values_.length();
		const int64_t nulls = std::exchange(nulls_, 0);
		const auto valid = nulls > 0 ? check(valid_.Finish()) : nullptr;
		return arrow::MakeArray(arrow::ArrayData::Make(type, rows_before_, {valid, check(values_.Finish())}, nulls));
	}

private:
	void make_room()
	{
		if (values_.length() == values_.capacity())
			reserve(32);
	}
	void reserve(int64_t count)
	{
		if (values_.length() + count <= values_.capacity())
			return;
		check(values_.Reserve(std::max(rows_before_, count)));
		if (nulls_ > 0)
			check(valid_.Reserve(values_.capacity() - values_.length()));
	}

	arrow::TypedBufferBuilder<Value> values_;
	arrow::TypedBufferBuilder<bool> valid_;
	int64_t nulls_ = 0, rows_before_ = 0;
};

// Each kind says how bytes become a value, how the value is spelt, and whether the spelling can be had.

struct Boolean {
	using Value = bool;
	static auto type() { return arrow::boolean(); }
	static Value read(const Field &f) { return *f.data != 0; }
	static std::string spell(Value v) { return v ? "1" : "0"; }
	static bool spellable(Value) { return true; }
};

template <typename ArrowType>
struct Integer {
	using Value = typename ArrowType::c_type;
	static auto type() { return arrow::TypeTraits<ArrowType>::type_singleton(); }
	static Value read(const Field &f) { return read_integer<Value>(f.data); }
	static std::string spell(Value v) { return std::to_string(v); }
	static bool spellable(Value) { return true; }
};

template <typename ArrowType>
struct Float {
	using Value = typename ArrowType::c_type;
	using Bits = std::conditional_t<sizeof(Value) == 4, uint32_t, uint64_t>;
	static auto type() { return arrow::TypeTraits<ArrowType>::type_singleton(); }
	static Value read(const Field &f) { return std::bit_cast<Value>(read_integer<Bits>(f.data)); }
	static std::string spell(Value v) { return spell_float(v); }
	static bool spellable(Value) { return true; }
};

struct Date {
	using Value = int32_t;
	static auto type() { return arrow::date32(); }
	static Value read(const Field &f)
	{
		const int32_t days = read_integer<int32_t>(f.data);
		if (days == std::numeric_limits<int32_t>::max() || days == std::numeric_limits<int32_t>::min())
			refuse("holds an infinite date, which the lake does not have");
		return static_cast<int32_t>(days + epoch_days);
	}
	static std::string spell(Value v) { return spell_date(v); }
	static bool spellable(Value v) { return v >= -719162; }  // 0001-01-01
};

struct Time {
	using Value = int64_t;
	static auto type() { return arrow::time64(arrow::TimeUnit::MICRO); }
	static Value read(const Field &f)
	{
		const int64_t micros = read_integer<int64_t>(f.data);
		if (micros >= day)
			refuse("holds the time 24:00:00, which the lake does not have");
		return micros;
	}
	static std::string spell(Value v) { return spell_time(v); }
	static bool spellable(Value) { return true; }
};

// At offset 0, as the user chose; the offset comes in seconds west of it.
struct TimeTz : Time {
	static Value read(const Field &f)
	{
		const int64_t utc = Time::read(f) + read_integer<int32_t>(f.data + 8) * int64_t(1'000'000);
		return (utc + day) % day;
	}
	static bool spellable(Value) { return false; }
};

template <bool with_zone>
struct Timestamp {
	using Value = int64_t;
	static auto type() { return with_zone ? arrow::timestamp(arrow::TimeUnit::MICRO, "UTC") : arrow::timestamp(arrow::TimeUnit::MICRO); }
	static Value read(const Field &f)
	{
		const int64_t micros = read_integer<int64_t>(f.data);
		if (micros == std::numeric_limits<int64_t>::max() || micros == std::numeric_limits<int64_t>::min())
			refuse("holds an infinite timestamp, which the lake does not have");
		if (micros > std::numeric_limits<int64_t>::max() - (epoch_days + 1) * day)
			refuse("holds a timestamp after the year 294246, which the lake does not have");
		return micros + epoch_days * day;
	}
	static std::string spell(Value v) { return with_zone ? spell_timestamp(v) + "+00" : spell_timestamp(v); }
	static bool spellable(Value v) { return v >= -719162 * day; }
};

template <typename Kind>
class ScalarDecoder final : public Decoder {
public:
	using Value = typename Kind::Value;

	void append(const Field &field) override
	{
		if (field.is_null()) {
			nulls_++;
			column_.append_null();
			return;
		}
		const Value value = Kind::read(field);
		column_.append(value);
		weigh(value);
	}

	void append(const Block::Column &column, int begin, int end) override
	{
		if (column.has_nulls() || column.width() < 0) {
			Decoder::append(column, begin, end);
			return;
		}
		const char *first = column.values() + static_cast<size_t>(begin) * column.width();
		column_.append(end - begin, [&](int i) {
			const Value value = Kind::read({first + static_cast<size_t>(i) * column.width(), column.width()});
			weigh(value);
			return value;
		});
	}

	std::shared_ptr<arrow::Array> finish() override { return column_.finish(Kind::type()); }
	std::shared_ptr<arrow::DataType> type() const override { return Kind::type(); }
	void restart() override { values_ = nulls_ = nans_ = 0; }

	void statistics(std::vector<Statistics> &leaves) const override
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
		leaves.push_back(std::move(s));
	}

private:
	void weigh(Value value)
	{
		if constexpr (std::is_floating_point_v<Value>) {
			if (std::isnan(value)) {
				nans_++;
				return;
			}
		}
		widen(min_, max_, values_++ == 0, value);
	}

	Values<Value> column_;
	Value min_{}, max_{};
	int64_t values_ = 0, nulls_ = 0, nans_ = 0;
};

// numeric: base-10000 digits, weight of the first, sign, display scale.
class DecimalDecoder final : public Decoder {
public:
	DecimalDecoder(int precision, int scale)
	    : precision_(precision), scale_(scale), type_(arrow::decimal128(precision, scale))
	{
	}

	void append(const Field &field) override
	{
		if (field.is_null()) {
			nulls_++;
			column_.append_null();
			return;
		}
		const __int128 value = precision_ <= most_digits_of_64_bits ? read<uint64_t>(field.data) : read<unsigned __int128>(field.data);
		column_.append(value);
		widen(min_, max_, values_++ == 0, value);
	}

	std::shared_ptr<arrow::Array> finish() override { return column_.finish(type_); }
	std::shared_ptr<arrow::DataType> type() const override { return type_; }
	void restart() override { values_ = nulls_ = 0; }

	void statistics(std::vector<Statistics> &leaves) const override
	{
		Statistics s{.values = values_, .nulls = nulls_, .bounded = true, .min = {}, .max = {}, .has_nan = {}};
		if (values_ > 0) {
			s.min = spell_decimal(min_, scale_);
			s.max = spell_decimal(max_, scale_);
		}
		leaves.push_back(std::move(s));
	}

private:
	std::string type_name() const { return "decimal(" + std::to_string(precision_) + "," + std::to_string(scale_) + ")"; }

	static constexpr int most_digits_of_64_bits = 18;  // and twice as much, still

	template <typename Number>
	__int128 read(const char *data) const
	{
		const auto &powers = powers_of_ten<Number>;
		const Number limit = powers[precision_];
		const int count = read_integer<int16_t>(data);
		const int weight = read_integer<int16_t>(data + 2);
		const uint16_t sign = read_integer<uint16_t>(data + 4);
		if (sign != 0 && sign != 0x4000)
			refuse("holds NaN or an infinity, which " + type_name() + " does not have");

		// value = sum of digit[i] * 10^(4 * (weight - i) + scale); what lies below the scale must be zero.
		Number value = 0;
		for (int i = 0; i < count; i++) {
			const unsigned digit = read_integer<int16_t>(data + 8 + 2 * i);
			const int exponent = 4 * (weight - i) + scale_;
			if (digit == 0)
				continue;
			if (exponent >= precision_)
				refuse_size();
			if (exponent >= 0) {
				if (digit > limit / powers[exponent])
					refuse_size();
				value += digit * powers[exponent];
			} else {
				if (exponent <= -4 || digit % static_cast<unsigned>(powers[-exponent]) != 0)
					refuse_digits();
				value += digit / static_cast<unsigned>(powers[-exponent]);
			}
			if (value >= limit)
				refuse_size();
		}
		return sign == 0 ? static_cast<__int128>(value) : -static_cast<__int128>(value);
	}

	[[noreturn]] void refuse_digits() const
	{
		refuse("holds a number with more than " + std::to_string(scale_) + " digits after the point, which " + type_name() +
		                    " would round: publish a stream table that casts it to numeric(precision, scale)");
	}
	[[noreturn]] void refuse_size() const { refuse("holds a number that is too large for " + type_name()); }

	int precision_, scale_;
	std::shared_ptr<arrow::DataType> type_;
	Values<__int128> column_;
	__int128 min_ = 0, max_ = 0;
	int64_t values_ = 0, nulls_ = 0;
};

// Text keeps bounds; json and blob do not.  jsonb comes with a version byte before its text.  A database in SQL_ASCII may hold text that is none.
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
		if constexpr (is_text)
			if (!is_utf8(value))
				refuse("holds text that is not valid UTF-8, '" + printable(value) + "', which the lake does not have");
		reserve(1, static_cast<int64_t>(value.size()));
		append(value);
	}

	void append(const Block::Column &column, int begin, int end) override
	{
		if (column.has_nulls() || column.width() >= 0 || skip_ > 0 || (is_text && !are_utf8(column, begin, end))) {
			Decoder::append(column, begin, end);
			return;
		}
		reserve(end - begin, static_cast<int64_t>(bytes_of(column, begin, end).size()));
		for (int row = begin; row < end; row++)
			append(std::string_view(column[row].data, column[row].size));
	}

	std::shared_ptr<arrow::Array> finish() override
	{
		rows_before_ = builder_.length();
		bytes_before_ = builder_.value_data_length();
		std::shared_ptr<arrow::Array> storage = check(builder_.Finish());
		return type_->id() == arrow::Type::EXTENSION ? arrow::ExtensionType::WrapArray(type_, storage) : storage;
	}
	std::shared_ptr<arrow::DataType> type() const override { return type_; }
	void restart() override { values_ = nulls_ = 0; }

	void statistics(std::vector<Statistics> &leaves) const override
	{
		Statistics s{.values = values_, .nulls = nulls_, .bounded = bounds || values_ == 0, .min = {}, .max = {}, .has_nan = {}};
		if (bounds && values_ > 0) {
			s.min = lower_bound(min_);
			s.max = upper_bound(max_);
			s.bounded = s.max.has_value();
		}
		leaves.push_back(std::move(s));
	}

private:
	static constexpr bool is_text = std::is_same_v<Builder, arrow::StringBuilder>;

	static std::string_view bytes_of(const Block::Column &column, int begin, int end)
	{
		const Field first = column[begin], last = column[end - 1];
		return {first.data, static_cast<size_t>(last.data + last.size - first.data)};
	}
	// Values are, if all of them in a row are and none begins within a character.
	static bool are_utf8(const Block::Column &column, int begin, int end)
	{
		for (int row = begin; row < end; row++)
			if (const Field field = column[row]; field.size > 0 && (*field.data & 0xc0) == 0x80)
				return false;
		return is_utf8(bytes_of(column, begin, end));
	}
	void reserve(int64_t rows, int64_t bytes)
	{
		if (builder_.length() + rows > builder_.capacity()) {
			check(builder_.Reserve(std::max<int64_t>(rows_before_, 32 + rows)));
			check(builder_.ReserveData(std::max(bytes_before_, bytes)));
		}
		if (builder_.value_data_length() + bytes > builder_.value_data_capacity())
			check(builder_.ReserveData(bytes));
	}
	void append(std::string_view value)
	{
		builder_.UnsafeAppend(value);
		if constexpr (bounds)
			widen(min_, max_, values_ == 0, value);
		values_++;
	}

	std::shared_ptr<arrow::DataType> type_;
	int skip_;
	Builder builder_;
	int64_t rows_before_ = 0, bytes_before_ = 0;  // in the last row group
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
		widen(min_, max_, values_++ == 0, value);
	}

	std::shared_ptr<arrow::Array> finish() override { return arrow::ExtensionType::WrapArray(type_, check(builder_.Finish())); }
	std::shared_ptr<arrow::DataType> type() const override { return type_; }
	void restart() override { values_ = nulls_ = 0; }

	void statistics(std::vector<Statistics> &leaves) const override
	{
		Statistics s{.values = values_, .nulls = nulls_, .bounded = true, .min = {}, .max = {}, .has_nan = {}};
		if (values_ > 0) {
			s.min = spell_uuid(min_);
			s.max = spell_uuid(max_);
		}
		leaves.push_back(std::move(s));
	}

private:
	std::shared_ptr<arrow::DataType> type_;
	arrow::FixedSizeBinaryBuilder builder_;
	std::string min_, max_;
	int64_t values_ = 0, nulls_ = 0;
};

// Parquet's interval: months, days and milliseconds, none of them negative.
class IntervalDecoder final : public Decoder {
public:
	IntervalDecoder() : builder_(arrow::fixed_size_binary(12)) {}

	void append(const Field &field) override
	{
		(field.is_null() ? nulls_ : values_)++;
		if (field.is_null()) {
			check(builder_.AppendNull());
			return;
		}
		check_finite_interval(field.data);
		const auto micros = read_integer<int64_t>(field.data);
		const auto days = read_integer<int32_t>(field.data + 8), months = read_integer<int32_t>(field.data + 12);
		if (micros < 0 || days < 0 || months < 0)
			refuse("holds an interval with a negative part, which an interval of the lake does not have");
		if (micros % 1000 != 0 || micros / 1000 > std::numeric_limits<uint32_t>::max())
			refuse("holds an interval whose time is not of whole milliseconds, or of more than 1193 hours, which an interval of the lake does not have");
		const uint32_t parts[] = {static_cast<uint32_t>(months), static_cast<uint32_t>(days), static_cast<uint32_t>(micros / 1000)};
		check(builder_.Append(reinterpret_cast<const uint8_t *>(parts)));
	}

	std::shared_ptr<arrow::Array> finish() override { return check(builder_.Finish()); }
	std::shared_ptr<arrow::DataType> type() const override { return arrow::fixed_size_binary(12); }
	void restart() override { values_ = nulls_ = 0; }
	void statistics(std::vector<Statistics> &leaves) const override
	{
		leaves.push_back({.values = values_, .nulls = nulls_, .bounded = values_ == 0, .min = {}, .max = {}, .has_nan = {}});
	}

private:
	arrow::FixedSizeBinaryBuilder builder_;
	int64_t values_ = 0, nulls_ = 0;
};

std::unique_ptr<Decoder> make_scalar(const Column &column)
{
	const std::string &type = column.lake_type;
	int precision, scale;
	if (sscanf(type.c_str(), "decimal(%d,%d)", &precision, &scale) == 2)
		return std::make_unique<DecimalDecoder>(precision, scale);
	if (type == "boolean")
		return std::make_unique<ScalarDecoder<Boolean>>();
	if (type == "int16")
		return std::make_unique<ScalarDecoder<Integer<arrow::Int16Type>>>();
	if (type == "int32")
		return std::make_unique<ScalarDecoder<Integer<arrow::Int32Type>>>();
	if (type == "int64")
		return std::make_unique<ScalarDecoder<Integer<arrow::Int64Type>>>();
	if (type == "float32")
		return std::make_unique<ScalarDecoder<Float<arrow::FloatType>>>();
	if (type == "float64")
		return std::make_unique<ScalarDecoder<Float<arrow::DoubleType>>>();
	if (type == "date")
		return std::make_unique<ScalarDecoder<Date>>();
	if (type == "time")
		return std::make_unique<ScalarDecoder<Time>>();
	if (type == "timestamp")
		return std::make_unique<ScalarDecoder<Timestamp<false>>>();
	if (type == "timestamptz")
		return std::make_unique<ScalarDecoder<Timestamp<true>>>();
	if (type == "varchar")
		return std::make_unique<BytesDecoder<arrow::StringBuilder, true>>(arrow::utf8());
	if (type == "json")
		return std::make_unique<BytesDecoder<arrow::StringBuilder, false>>(arrow::extension::json(), column.source_type == "jsonb");
	if (type == "blob")
		return std::make_unique<BytesDecoder<arrow::BinaryBuilder, false>>(arrow::binary());
	if (type == "uuid")
		return std::make_unique<UuidDecoder>();
	if (type == "timetz")
		return std::make_unique<ScalarDecoder<TimeTz>>();
	if (type == "interval")
		return std::make_unique<IntervalDecoder>();
	throw Unpublishable("0A000", "column \"" + column.name + "\" has lake type " + type + ", which this program cannot write");
}

}  // namespace

void refuse(const std::string &what)
{
	throw Unpublishable("22003", what);
}

void check_finite_interval(const char *data)
{
	using Micros = std::numeric_limits<int64_t>;
	using Parts = std::numeric_limits<int32_t>;
	const auto micros = read_integer<int64_t>(data);
	const auto days = read_integer<int32_t>(data + 8), months = read_integer<int32_t>(data + 12);
	if ((micros == Micros::max() && days == Parts::max() && months == Parts::max()) || (micros == Micros::min() && days == Parts::min() && months == Parts::min()))
		refuse("holds an infinite interval, which the lake does not have");
}

void Decoder::append(const Block::Column &column, int begin, int end)
{
	for (int row = begin; row < end; row++)
		append(column[row]);
}

std::unique_ptr<Decoder> make_decoder(const Column &column)
{
	std::unique_ptr<Decoder> nested = make_nested(column);
	return nested ? std::move(nested) : make_scalar(column);
}

std::vector<Leaf> leaves(const std::vector<Column> &columns)
{
	std::vector<Leaf> all;
	for (const Column &column : columns) {
		if (!column.is_nested())
			all.push_back({&column, false});
		for (const Leaf &leaf : leaves(column.fields))
			all.push_back({leaf.column, true});
	}
	return all;
}

}  // namespace lake
