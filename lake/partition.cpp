#include "partition.h"

#include <chrono>

namespace lake {

namespace {

bool is_integer(const std::string &type) { return type == "int8" || type == "int16" || type == "int32" || type == "int64"; }

bool is_moment(const std::string &type) { return type == "date" || type == "timestamp" || type == "timestamptz"; }

// The bound as a number: days or microseconds since 1970 of what is a time.
std::optional<int64_t> number(const std::string &lake_type, const std::string &spelt)
{
	const std::optional<std::string> bytes = iceberg_bound(lake_type, spelt, false);
	if (!bytes || bytes->empty() || bytes->size() > 8)
		return std::nullopt;
	uint64_t bits = static_cast<unsigned char>(bytes->back()) & 0x80 ? ~uint64_t(0) : 0;
	for (size_t i = bytes->size(); i-- > 0;)
		bits = bits << 8 | static_cast<unsigned char>((*bytes)[i]);
	return static_cast<int64_t>(bits);
}

int64_t ordinal(const std::string &transform, const std::string &lake_type, int64_t at)
{
	using namespace std::chrono;
	const auto since = lake_type == "date" ? microseconds(days(at)) : microseconds(at);
	if (transform == "hour")
		return floor<hours>(since).count();
	const days whole = floor<days>(since);
	if (transform == "day")
		return whole.count();
	const year_month_day date{sys_days(whole)};
	const int64_t year = int(date.year()) - 1970;
	return transform == "year" ? year : year * 12 + unsigned(date.month()) - 1;
}

}  // namespace

std::optional<std::string> partition_type(const std::string &transform, const std::string &lake_type)
{
	if (transform == "identity") {
		if (lake_type == "boolean" || lake_type == "date")
			return lake_type;
		if (lake_type == "varchar")
			return "string";
		return !is_integer(lake_type) ? std::optional<std::string>() : lake_type == "int64" ? "long" : "int";
	}
	const bool bucket = transform.starts_with("bucket");
	if (!is_moment(lake_type) && !(bucket && (is_integer(lake_type) || lake_type == "varchar" || lake_type == "blob")))
		return std::nullopt;
	return transform == "day" ? "date" : "int";
}

std::optional<PartitionValue> partition_value(const PartitionFacts &f)
{
	if (!f.value)
		return f.values == 0 ? std::optional<PartitionValue>(PartitionValue()) : std::nullopt;
	if (f.nulls != 0)
		return std::nullopt;
	if (f.transform.starts_with("bucket"))
		return number("int32", *f.value) ? std::optional<PartitionValue>(f.value) : std::nullopt;
	if (!f.min || !f.max)
		return std::nullopt;
	if (f.lake_type == "varchar")
		return *f.min == *f.value && *f.max == *f.value ? std::optional<PartitionValue>(f.value) : std::nullopt;
	const auto least = number(f.lake_type, *f.min), greatest = number(f.lake_type, *f.max);
	if (!least || !greatest)
		return std::nullopt;
	if (f.transform == "identity")
		return *least == *greatest && number(f.lake_type, *f.value) == least ? std::optional<PartitionValue>(std::to_string(*least)) : std::nullopt;
	const int64_t first = ordinal(f.transform, f.lake_type, *least);
	return first == ordinal(f.transform, f.lake_type, *greatest) ? std::optional<PartitionValue>(std::to_string(first)) : std::nullopt;
}

}  // namespace lake
