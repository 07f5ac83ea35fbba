#include "value.h"

extern "C" {
#include "catalog/pg_type.h"
#include "common/int.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/date.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"
}

#include <algorithm>

namespace reader {

namespace {

constexpr int64_t epoch_days = POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE;
constexpr int64_t epoch_micros = epoch_days * USECS_PER_DAY;

Oid scalar_type(const std::string &type, int32 &typmod)
{
	static const std::map<std::string, Oid> types{
	    {"boolean", BOOLOID},   {"int8", INT2OID},       {"int16", INT2OID},      {"int32", INT4OID},      {"int64", INT8OID},       {"uint8", INT2OID},
	    {"uint16", INT4OID},    {"uint32", INT8OID},     {"uint64", NUMERICOID},  {"int128", NUMERICOID},  {"uint128", NUMERICOID},  {"float32", FLOAT4OID},
	    {"float64", FLOAT8OID}, {"varchar", TEXTOID},    {"blob", BYTEAOID},      {"uuid", UUIDOID},       {"json", JSONOID},        {"date", DATEOID},
	    {"time", TIMEOID},      {"timetz", TIMETZOID},   {"timestamp", TIMESTAMPOID}, {"timestamp_s", TIMESTAMPOID}, {"timestamp_ms", TIMESTAMPOID},
	    {"timestamp_ns", TIMESTAMPOID}, {"timestamptz", TIMESTAMPTZOID}, {"interval", INTERVALOID}};
	typmod = -1;
	int precision = 0, scale = 0;
	if (sscanf(type.c_str(), "decimal(%d,%d)", &precision, &scale) == 2) {
		typmod = ((precision << 16) | scale) + VARHDRSZ;
		return NUMERICOID;
	}
	auto found = types.find(type);
	return found == types.end() ? InvalidOid : found->second;
}

// The parts that publish gives one under "interval": "struct".
constexpr struct {
	const char *name, *type;
} interval_parts[] = {{"months", "int32"}, {"days", "int32"}, {"microseconds", "int64"}};

bool is_interval(const Column &column)
{
	return column.type == "struct" && std::equal(column.children.begin(), column.children.end(), std::begin(interval_parts), std::end(interval_parts),
	                                             [](const Column &child, const auto &part) { return child.name == part.name && child.type == part.type; });
}

int64_t integer_at(const arrow::Array &array, int64_t row)
{
	switch (array.type_id()) {
	case arrow::Type::INT8: return static_cast<const arrow::Int8Array &>(array).Value(row);
	case arrow::Type::INT16: return static_cast<const arrow::Int16Array &>(array).Value(row);
	case arrow::Type::INT32: return static_cast<const arrow::Int32Array &>(array).Value(row);
	case arrow::Type::INT64: return static_cast<const arrow::Int64Array &>(array).Value(row);
	case arrow::Type::UINT8: return static_cast<const arrow::UInt8Array &>(array).Value(row);
	case arrow::Type::UINT16: return static_cast<const arrow::UInt16Array &>(array).Value(row);
	case arrow::Type::UINT32: return static_cast<const arrow::UInt32Array &>(array).Value(row);
	case arrow::Type::DATE32: return static_cast<const arrow::Date32Array &>(array).Value(row);
	case arrow::Type::TIME32: return static_cast<const arrow::Time32Array &>(array).Value(row);
	case arrow::Type::TIME64: return static_cast<const arrow::Time64Array &>(array).Value(row);
	case arrow::Type::TIMESTAMP: return static_cast<const arrow::TimestampArray &>(array).Value(row);
	default: elog(ERROR, "Arrow type %d is no integer", static_cast<int>(array.type_id()));
	}
}

struct Bytes {
	const char *data;
	int size;
};

Bytes bytes_at(const arrow::Array &array, int64_t row)
{
	switch (array.type_id()) {
	case arrow::Type::STRING:
	case arrow::Type::BINARY: {
		const auto view = static_cast<const arrow::BinaryArray &>(array).GetView(row);
		return {view.data(), static_cast<int>(view.size())};
	}
	case arrow::Type::LARGE_STRING:
	case arrow::Type::LARGE_BINARY: {
		const auto view = static_cast<const arrow::LargeBinaryArray &>(array).GetView(row);
		if (view.size() > MaxAllocSize / 2)
			ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("a value of the lake has %zu bytes", view.size())));
		return {view.data(), static_cast<int>(view.size())};
	}
	case arrow::Type::FIXED_SIZE_BINARY: {
		const auto &fixed = static_cast<const arrow::FixedSizeBinaryArray &>(array);
		return {reinterpret_cast<const char *>(fixed.GetValue(row)), fixed.byte_width()};
	}
	default: elog(ERROR, "Arrow type %d has no bytes", static_cast<int>(array.type_id()));
	}
}

Datum numeric_of_text(const char *text)
{
	return DirectFunctionCall3(numeric_in, CStringGetDatum(text), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
}

Datum decimal_datum(const uint8_t *bytes, int scale)
{
	__int128 value;
	memcpy(&value, bytes, sizeof value);
	if (value >= PG_INT64_MIN && value <= PG_INT64_MAX)
		return NumericGetDatum(int64_div_fast_to_numeric(static_cast<int64_t>(value), scale));
	char text[64], *end = text + sizeof text;
	auto rest = value < 0 ? -static_cast<unsigned __int128>(value) : static_cast<unsigned __int128>(value);
	*--end = '\0';
	for (int digit = 0; rest != 0 || digit <= scale; digit++, rest /= 10) {
		if (digit == scale && scale > 0)
			*--end = '.';
		*--end = static_cast<char>('0' + static_cast<int>(rest % 10));
	}
	if (value < 0)
		*--end = '-';
	return numeric_of_text(end);
}

Datum numeric_datum(const arrow::Array &array, int64_t row)
{
	switch (array.type_id()) {
	case arrow::Type::DECIMAL128: {
		const auto &decimals = static_cast<const arrow::Decimal128Array &>(array);
		return decimal_datum(decimals.GetValue(row), static_cast<const arrow::Decimal128Type &>(*array.type()).scale());
	}
	case arrow::Type::UINT64: {
		char text[32];
		snprintf(text, sizeof text, UINT64_FORMAT, static_cast<uint64>(static_cast<const arrow::UInt64Array &>(array).Value(row)));
		return numeric_of_text(text);
	}
	case arrow::Type::DOUBLE:  // DuckDB's 128-bit integers
		return DirectFunctionCall1(float8_numeric, Float8GetDatum(static_cast<const arrow::DoubleArray &>(array).Value(row)));
	default:
		return NumericGetDatum(int64_to_numeric(integer_at(array, row)));
	}
}

// DuckDB's infinities are the ends of the number range.
Datum date_datum(int64_t days)
{
	if (days == PG_INT32_MAX)
		return DateADTGetDatum(DATEVAL_NOEND);
	if (days == -PG_INT32_MAX)
		return DateADTGetDatum(DATEVAL_NOBEGIN);
	days -= epoch_days;
	if (!IS_VALID_DATE(days))
		ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("date out of range: " INT64_FORMAT " days since 2000-01-01", days)));
	return DateADTGetDatum(static_cast<DateADT>(days));
}

int64_t to_micros(int64_t value, arrow::TimeUnit::type unit)
{
	int64_t micros = value;
	bool overflow = false;
	switch (unit) {
	case arrow::TimeUnit::SECOND: overflow = pg_mul_s64_overflow(value, 1000000, &micros); break;
	case arrow::TimeUnit::MILLI: overflow = pg_mul_s64_overflow(value, 1000, &micros); break;
	case arrow::TimeUnit::MICRO: break;
	case arrow::TimeUnit::NANO:
		if (value % 1000 != 0)
			ereport(ERROR, (errcode(ERRCODE_DATETIME_FIELD_OVERFLOW), errmsg("a time in the lake has nanoseconds, which PostgreSQL has not"),
			                errhint("Cast the column to timestamp with DuckDB.")));
		micros = value / 1000;
	}
	if (overflow)
		ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("timestamp out of range")));
	return micros;
}

Datum timestamp_datum(int64_t value, arrow::TimeUnit::type unit)
{
	if (value == PG_INT64_MAX)
		return TimestampGetDatum(DT_NOEND);
	if (value == -PG_INT64_MAX)
		return TimestampGetDatum(DT_NOBEGIN);
	int64_t micros;
	if (pg_sub_s64_overflow(to_micros(value, unit), epoch_micros, &micros) || !IS_VALID_TIMESTAMP(micros))
		ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("timestamp out of range")));
	return TimestampGetDatum(micros);
}

int64_t integer_part(const arrow::StructArray &fields, int field, int64_t row)
{
	const arrow::Array &part = *fields.field(field);
	return part.IsNull(row) ? 0 : integer_at(part, row);
}

Datum interval_datum(const arrow::Array &array, int64_t row)
{
	auto *interval = static_cast<Interval *>(palloc(sizeof(Interval)));
	if (array.type_id() == arrow::Type::STRUCT) {
		const auto &fields = static_cast<const arrow::StructArray &>(array);
		const int64_t months = integer_part(fields, 0, row), days = integer_part(fields, 1, row);
		if (months != static_cast<int32>(months) || days != static_cast<int32>(days))
			ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("interval out of range")));
		interval->month = static_cast<int32>(months);
		interval->day = static_cast<int32>(days);
		interval->time = integer_part(fields, 2, row);
		return IntervalPGetDatum(interval);
	}
	uint32_t parts[3];
	memcpy(parts, bytes_at(array, row).data, sizeof parts);
	interval->month = static_cast<int32>(parts[0]);
	interval->day = static_cast<int32>(parts[1]);
	interval->time = static_cast<int64>(parts[2]) * 1000;
	return IntervalPGetDatum(interval);
}

Datum integer_datum(int64_t value, Oid type)
{
	if (type == INT8OID)
		return Int64GetDatum(value);
	const bool fits = type == INT4OID ? value == static_cast<int32>(value) : value == static_cast<int16>(value);
	if (!fits)
		ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("value " INT64_FORMAT " of the lake is out of range for its column", value)));
	return type == INT4OID ? Int32GetDatum(static_cast<int32>(value)) : Int16GetDatum(static_cast<int16>(value));
}

// Files may come from anybody: their text is checked as a client's would be.
Datum text_datum(Bytes bytes)
{
	const char *text = pg_any_to_server(bytes.data, bytes.size, PG_UTF8);
	return PointerGetDatum(cstring_to_text_with_len(text, text == bytes.data ? bytes.size : static_cast<int>(strlen(text))));
}

Datum array_datum(const arrow::ListArray &list, int64_t row, Oid element)
{
	const arrow::Array &values = *list.values();
	const int64_t first = list.value_offset(row), count = list.value_length(row);
	if (count > static_cast<int64_t>(MaxArraySize))
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("a list of the lake has " INT64_FORMAT " elements", count)));
	if (count == 0)
		return PointerGetDatum(construct_empty_array(element));
	auto *datums = static_cast<Datum *>(palloc0(sizeof(Datum) * count));
	auto *nulls = static_cast<bool *>(palloc(sizeof(bool) * count));
	for (int64_t i = 0; i < count; i++) {
		nulls[i] = values.IsNull(first + i);
		if (!nulls[i])
			datums[i] = to_datum(values, first + i, element);
	}
	int16 length;
	bool by_value;
	char align;
	get_typlenbyvalalign(element, &length, &by_value, &align);
	int dims[1] = {static_cast<int>(count)}, bounds[1] = {1};
	return PointerGetDatum(construct_md_array(datums, nulls, 1, dims, bounds, element, length, by_value, align));
}

// The type whose output function writes an Arrow value that is no number, text or nest.
Oid plain_type(const arrow::DataType &type)
{
	switch (type.id()) {
	case arrow::Type::DATE32: return DATEOID;
	case arrow::Type::TIME32:
	case arrow::Type::TIME64: return TIMEOID;
	case arrow::Type::TIMESTAMP: return static_cast<const arrow::TimestampType &>(type).timezone().empty() ? TIMESTAMPOID : TIMESTAMPTZOID;
	case arrow::Type::BINARY:
	case arrow::Type::LARGE_BINARY: return BYTEAOID;
	case arrow::Type::FIXED_SIZE_BINARY: return static_cast<const arrow::FixedSizeBinaryType &>(type).byte_width() == 12 ? INTERVALOID : UUIDOID;
	case arrow::Type::DECIMAL128:
	case arrow::Type::UINT64: return NUMERICOID;
	case arrow::Type::FLOAT: return FLOAT4OID;
	case arrow::Type::DOUBLE: return FLOAT8OID;
	default: return INT8OID;
	}
}

void append_json(StringInfo out, const arrow::Array &array, int64_t row);

void append_json_text(StringInfo out, Datum text)
{
	escape_json_with_len(out, VARDATA_ANY(DatumGetPointer(text)), static_cast<int>(VARSIZE_ANY_EXHDR(DatumGetPointer(text))));
}

void append_json_list(StringInfo out, const arrow::Array &values, int64_t first, int64_t count)
{
	appendStringInfoChar(out, '[');
	for (int64_t i = 0; i < count; i++) {
		if (i > 0)
			appendStringInfoChar(out, ',');
		append_json(out, values, first + i);
	}
	appendStringInfoChar(out, ']');
}

void append_json_map(StringInfo out, const arrow::MapArray &map, int64_t row)
{
	const arrow::Array &keys = *map.keys(), &items = *map.items();
	const bool by_name = keys.type_id() == arrow::Type::STRING;
	appendStringInfoChar(out, by_name ? '{' : '[');
	for (int64_t i = map.value_offset(row); i < map.value_offset(row) + map.value_length(row); i++) {
		if (i > map.value_offset(row))
			appendStringInfoChar(out, ',');
		appendStringInfoString(out, by_name ? "" : "{\"key\":");
		append_json(out, keys, i);
		appendStringInfoString(out, by_name ? ":" : ",\"value\":");
		append_json(out, items, i);
		appendStringInfoString(out, by_name ? "" : "}");
	}
	appendStringInfoChar(out, by_name ? '}' : ']');
}

void append_json(StringInfo out, const arrow::Array &array, int64_t row)
{
	check_stack_depth();
	if (array.IsNull(row)) {
		appendStringInfoString(out, "null");
		return;
	}
	switch (array.type_id()) {
	case arrow::Type::BOOL:
		appendStringInfoString(out, static_cast<const arrow::BooleanArray &>(array).Value(row) ? "true" : "false");
		return;
	case arrow::Type::STRING:
	case arrow::Type::LARGE_STRING:
		append_json_text(out, text_datum(bytes_at(array, row)));
		return;
	case arrow::Type::MAP:
		append_json_map(out, static_cast<const arrow::MapArray &>(array), row);
		return;
	case arrow::Type::LIST: {
		const auto &list = static_cast<const arrow::ListArray &>(array);
		append_json_list(out, *list.values(), list.value_offset(row), list.value_length(row));
		return;
	}
	case arrow::Type::STRUCT: {
		const auto &fields = static_cast<const arrow::StructArray &>(array);
		appendStringInfoChar(out, '{');
		for (int i = 0; i < fields.num_fields(); i++) {
			if (i > 0)
				appendStringInfoChar(out, ',');
			const char *name = fields.struct_type()->field(i)->name().c_str();
			escape_json(out, name);
			appendStringInfoChar(out, ':');
			append_json(out, *fields.field(i), row);
		}
		appendStringInfoChar(out, '}');
		return;
	}
	default: {
		const Oid type = plain_type(*array.type());
		Oid output;
		bool is_varlena;
		getTypeOutputInfo(type, &output, &is_varlena);
		char *text = OidOutputFunctionCall(output, to_datum(array, row, type));
		const bool is_number = (type == INT8OID || type == NUMERICOID || type == FLOAT4OID || type == FLOAT8OID) && strchr("-0123456789", *text) && strcmp(text, "-Infinity") != 0;
		if (is_number)
			appendStringInfoString(out, text);
		else
			escape_json(out, text);
	}
	}
}

Datum jsonb_datum(const arrow::Array &array, int64_t row)
{
	StringInfoData text;
	initStringInfo(&text);
	append_json(&text, array, row);
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(text.data));
}

}  // namespace

Oid natural_type(const Column &column, int32 &typmod)
{
	if (Oid type = scalar_type(column.type, typmod); OidIsValid(type))
		return type;
	if (column.type == "list" && column.children.size() == 1) {
		const Column &of = column.children[0];
		if (const Oid element = is_interval(of) ? INTERVALOID : scalar_type(of.type, typmod); OidIsValid(element))
			return pg::call(get_array_type, element);
	}
	typmod = -1;
	if (is_interval(column))
		return INTERVALOID;
	if (column.type == "list" || column.type == "struct" || column.type == "map")
		return JSONBOID;
	pg::fail(ERRCODE_FEATURE_NOT_SUPPORTED, "column \"" + column.name + "\" has type " + column.type + ", which cannot be read here", {},
	         "Leave the column out of the foreign table, or cast it with DuckDB.");
}

bool is_convertible(const arrow::DataType &from, Oid to)
{
	const arrow::Type::type id = from.id();
	const bool is_integer = arrow::is_integer(id) && id != arrow::Type::UINT64;
	switch (to) {
	case BOOLOID: return id == arrow::Type::BOOL;
	case INT2OID:
	case INT4OID:
	case INT8OID: return is_integer;
	case NUMERICOID: return is_integer || id == arrow::Type::UINT64 || id == arrow::Type::DECIMAL128 || id == arrow::Type::DOUBLE;
	case FLOAT4OID: return id == arrow::Type::FLOAT;
	case FLOAT8OID: return id == arrow::Type::FLOAT || id == arrow::Type::DOUBLE || is_integer;
	case TEXTOID:
	case JSONOID:
	case BYTEAOID: return arrow::is_base_binary_like(id);
	case UUIDOID: return id == arrow::Type::FIXED_SIZE_BINARY && static_cast<const arrow::FixedSizeBinaryType &>(from).byte_width() == 16;
	case INTERVALOID:
		if (id == arrow::Type::STRUCT)
			return from.num_fields() == 3 && std::equal(from.fields().begin(), from.fields().end(), std::begin(interval_parts),
			                                            [](const auto &field, const auto &part) { return field->name() == part.name && arrow::is_integer(field->type()->id()); });
		return id == arrow::Type::FIXED_SIZE_BINARY && static_cast<const arrow::FixedSizeBinaryType &>(from).byte_width() == 12;
	case DATEOID: return id == arrow::Type::DATE32;
	case TIMEOID:
	case TIMETZOID: return id == arrow::Type::TIME32 || id == arrow::Type::TIME64;
	case TIMESTAMPOID:
	case TIMESTAMPTZOID: return id == arrow::Type::TIMESTAMP || (to == TIMESTAMPOID && id == arrow::Type::DATE32);
	case JSONBOID: return id == arrow::Type::STRUCT || id == arrow::Type::MAP || id == arrow::Type::LIST;
	default: {
		const Oid element = pg::call(get_element_type, to);
		return OidIsValid(element) && id == arrow::Type::LIST && is_convertible(*static_cast<const arrow::ListType &>(from).value_type(), element);
	}
	}
}

Datum to_datum(const arrow::Array &array, int64_t row, Oid type)
{
	switch (type) {
	case BOOLOID: return BoolGetDatum(static_cast<const arrow::BooleanArray &>(array).Value(row));
	case INT2OID:
	case INT4OID:
	case INT8OID: return integer_datum(integer_at(array, row), type);
	case NUMERICOID: return numeric_datum(array, row);
	case FLOAT4OID: return Float4GetDatum(static_cast<const arrow::FloatArray &>(array).Value(row));
	case FLOAT8OID:
		if (array.type_id() == arrow::Type::DOUBLE)
			return Float8GetDatum(static_cast<const arrow::DoubleArray &>(array).Value(row));
		if (array.type_id() == arrow::Type::FLOAT)
			return Float8GetDatum(static_cast<const arrow::FloatArray &>(array).Value(row));
		return Float8GetDatum(static_cast<double>(integer_at(array, row)));
	case TEXTOID:
	case JSONOID: return text_datum(bytes_at(array, row));
	case BYTEAOID: {
		const Bytes bytes = bytes_at(array, row);
		return PointerGetDatum(cstring_to_text_with_len(bytes.data, bytes.size));
	}
	case UUIDOID: {
		auto *uuid = static_cast<pg_uuid_t *>(palloc(sizeof(pg_uuid_t)));
		memcpy(uuid->data, bytes_at(array, row).data, UUID_LEN);
		return UUIDPGetDatum(uuid);
	}
	case INTERVALOID: return interval_datum(array, row);
	case DATEOID: return date_datum(integer_at(array, row));
	case TIMEOID:
	case TIMETZOID: {
		const auto &time = static_cast<const arrow::TimeType &>(*array.type());
		const int64_t micros = to_micros(integer_at(array, row), time.unit());
		if (type == TIMEOID)
			return TimeADTGetDatum(micros);
		auto *with_zone = static_cast<TimeTzADT *>(palloc(sizeof(TimeTzADT)));
		with_zone->time = micros;
		with_zone->zone = 0;
		return TimeTzADTPGetDatum(with_zone);
	}
	case TIMESTAMPOID:
	case TIMESTAMPTZOID:
		if (array.type_id() == arrow::Type::DATE32)
			return timestamp_datum(integer_at(array, row) * 86400, arrow::TimeUnit::SECOND);
		return timestamp_datum(integer_at(array, row), static_cast<const arrow::TimestampType &>(*array.type()).unit());
	case JSONBOID: return jsonb_datum(array, row);
	default: return array_datum(static_cast<const arrow::ListArray &>(array), row, get_element_type(type));
	}
}

std::string from_duckdb_text(const std::string &text, Oid type)
{
	const Oid element = pg::call(get_element_type, type);
	const bool is_struct = type == INTERVALOID && text.starts_with('{');
	if (!OidIsValid(element) && type != JSONBOID && !is_struct)
		return text;
	if (type == JSONBOID || is_struct || element == INTERVALOID || element == TEXTOID || element == JSONOID || element == BYTEAOID || text.size() < 2 || text[0] != '[')
		pg::fail(ERRCODE_FEATURE_NOT_SUPPORTED, "the lake holds a nested value inlined in its catalog", "It is written as DuckDB writes it: " + text,
		         "CALL ducklake_flush_inlined_data('lake') in DuckDB writes such rows into a file.");
	return "{" + text.substr(1, text.size() - 2) + "}";
}

}  // namespace reader
