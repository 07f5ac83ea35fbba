#include "manifest.h"

#include "avro.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>

namespace lake {

namespace {

// Of a positional delete file's first column, whose bounds say which data file it is about.
constexpr int64_t file_path_field = 2147483546;

std::string optional_field(const char *name, const std::string &type, int id)
{
	return std::string(R"(,{"name":")") + name + R"(","type":["null",)" + type + R"(],"default":null,"field-id":)" + std::to_string(id) + "}";
}

// Avro has no maps with keys other than text.
std::string map_type(int key_id, int value_id, const char *value)
{
	const std::string key = std::to_string(key_id), id = std::to_string(value_id);
	return R"({"type":"array","logicalType":"map","items":{"type":"record","name":"k)" + key + "_v" + id + R"(","fields":[{"name":"key","type":"int","field-id":)" +
	       key + R"(},{"name":"value","type":")" + value + R"(","field-id":)" + id + "}]}}";
}

// Readers go by the ids; Avro's names would not take every column's.
std::string partition_type(const std::vector<PartitionField> &partition)
{
	std::string fields;
	for (const PartitionField &field : partition)
		fields += optional_field(("key_" + std::to_string(field.id)).c_str(),
		                         field.type == "date" ? R"({"type":"int","logicalType":"date"})" : '"' + field.type + '"', static_cast<int>(field.id));
	return R"({"type":"record","name":"r102","fields":[)" + (fields.empty() ? fields : fields.substr(1)) + "]}";
}

std::string entry_schema(const std::vector<PartitionField> &partition)
{
	return
	    R"({"type":"record","name":"manifest_entry","fields":[{"name":"status","type":"int","field-id":0})" +
	    optional_field("snapshot_id", R"("long")", 1) + optional_field("sequence_number", R"("long")", 3) + optional_field("file_sequence_number", R"("long")", 4) +
	    R"(,{"name":"data_file","field-id":2,"type":{"type":"record","name":"r2","fields":[{"name":"content","type":"int","field-id":134})"
	    R"(,{"name":"file_path","type":"string","field-id":100},{"name":"file_format","type":"string","field-id":101})"
	    R"(,{"name":"partition","field-id":102,"type":)" + partition_type(partition) +
	    R"(},{"name":"record_count","type":"long","field-id":103},{"name":"file_size_in_bytes","type":"long","field-id":104})" +
	    optional_field("column_sizes", map_type(117, 118, "long"), 108) + optional_field("value_counts", map_type(119, 120, "long"), 109) +
	    optional_field("null_value_counts", map_type(121, 122, "long"), 110) + optional_field("lower_bounds", map_type(126, 127, "bytes"), 125) +
	    optional_field("upper_bounds", map_type(129, 130, "bytes"), 128) + optional_field("referenced_data_file", R"("string")", 143) + "]}}]}";
}

const char *const list_schema =
    R"({"type":"record","name":"manifest_file","fields":[{"name":"manifest_path","type":"string","field-id":500},{"name":"manifest_length","type":"long","field-id":501})"
    R"(,{"name":"partition_spec_id","type":"int","field-id":502},{"name":"content","type":"int","field-id":517},{"name":"sequence_number","type":"long","field-id":515})"
    R"(,{"name":"min_sequence_number","type":"long","field-id":516},{"name":"added_snapshot_id","type":"long","field-id":503})"
    R"(,{"name":"added_files_count","type":"int","field-id":504},{"name":"existing_files_count","type":"int","field-id":505},{"name":"deleted_files_count","type":"int","field-id":506})"
    R"(,{"name":"added_rows_count","type":"long","field-id":512},{"name":"existing_rows_count","type":"long","field-id":513},{"name":"deleted_rows_count","type":"long","field-id":514}]})";

template <typename Has, typename Put>
void put_map(AvroRecord &record, const std::vector<ColumnMetrics> &metrics, Has has, Put put)
{
	const size_t count = std::count_if(metrics.begin(), metrics.end(), has);
	if (count == 0) {
		record.none();
		return;
	}
	record.some().begin_array(count);
	for (const ColumnMetrics &m : metrics)
		if (has(m))
			put(record.integer(m.field), m);
	record.end_array(count);
}

void put_partition(AvroRecord &record, const ManifestEntry &entry, const std::vector<PartitionField> &partition)
{
	for (size_t i = 0; i < partition.size(); i++) {
		const auto &value = entry.partition.at(i);
		if (!value)
			record.none();
		else if (partition[i].type == "string")
			record.some().text(*value);
		else if (partition[i].type == "boolean")
			record.some().flag(*value == "1");
		else
			record.some().integer(std::stoll(*value));
	}
}

AvroRecord entry_record(const ManifestEntry &entry, bool deletes, const std::vector<PartitionField> &partition)
{
	AvroRecord record;
	record.integer(entry.status).some().integer(entry.snapshot);
	if (entry.status == ManifestEntry::added)
		record.none().none();  // those of the snapshot, from the manifest list
	else
		record.some().integer(entry.sequence).some().integer(entry.sequence);
	record.integer(deletes ? 1 : 0).text(entry.path).text("PARQUET");
	put_partition(record, entry, partition);
	record.integer(entry.rows).integer(entry.bytes);
	const auto all = [](const ColumnMetrics &) { return true; };
	std::vector<ColumnMetrics> path;
	if (deletes)
		path.push_back({file_path_field, 0, 0, 0, entry.data_path, entry.data_path});
	const std::vector<ColumnMetrics> &bounds = deletes ? path : entry.metrics;
	put_map(record, entry.metrics, all, [](AvroRecord &r, const ColumnMetrics &m) { r.integer(m.bytes); });
	put_map(record, entry.metrics, all, [](AvroRecord &r, const ColumnMetrics &m) { r.integer(m.values); });
	put_map(record, entry.metrics, all, [](AvroRecord &r, const ColumnMetrics &m) { r.integer(m.nulls); });
	put_map(record, bounds, [](const ColumnMetrics &m) { return m.lower.has_value(); }, [](AvroRecord &r, const ColumnMetrics &m) { r.text(*m.lower); });
	put_map(record, bounds, [](const ColumnMetrics &m) { return m.upper.has_value(); }, [](AvroRecord &r, const ColumnMetrics &m) { r.text(*m.upper); });
	if (deletes)
		record.some().text(entry.data_path);
	else
		record.none();
	return record;
}

template <typename T>
std::optional<T> parse(std::string_view text)
{
	T value{};
	const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
	return error == std::errc() && end == text.data() + text.size() ? std::optional<T>(value) : std::nullopt;
}

template <typename T>
std::optional<std::string> little_endian(std::optional<T> value)
{
	if (!value)
		return std::nullopt;
	const auto bits = static_cast<uint64_t>(*value);
	std::string bytes;
	for (size_t i = 0; i < sizeof(T); i++)
		bytes += static_cast<char>(bits >> (8 * i));
	return bytes;
}

template <typename Float, typename Bits>
std::optional<std::string> float_bound(std::string_view text, bool upper)
{
	std::optional<Float> value = parse<Float>(text);
	if (!value || std::isnan(*value))
		return std::nullopt;
	if (*value == 0)
		value = upper ? Float(0) : -Float(0);
	return little_endian<Bits>(std::bit_cast<Bits>(*value));
}

// YYYY-MM-DD of the years 1 to 9999: what lies beyond, readers disagree about.
std::optional<int32_t> parse_date(std::string_view text)
{
	if (text.size() != 10 || text[4] != '-' || text[7] != '-')
		return std::nullopt;
	const auto year = parse<int>(text.substr(0, 4)), month = parse<int>(text.substr(5, 2)), of_month = parse<int>(text.substr(8, 2));
	if (!year || !month || !of_month || *year < 1 || *month < 1 || *month > 12 || *of_month < 1 || *of_month > 31)
		return std::nullopt;
	// Days from civil (Hinnant): years that begin in March, in eras of 400.
	const int y = *year - (*month <= 2), era = y / 400, of_era = y - era * 400;
	const int of_year = (153 * (*month + (*month > 2 ? -3 : 9)) + 2) / 5 + *of_month - 1;
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

// HH:MM:SS[.ffffff]
std::optional<int64_t> parse_time(std::string_view text)
{
	if (text.size() < 8 || text[2] != ':' || text[5] != ':')
		return std::nullopt;
	const auto hours = parse<int>(text.substr(0, 2)), minutes = parse<int>(text.substr(3, 2)), seconds = parse<int>(text.substr(6, 2));
	if (!hours || !minutes || !seconds)
		return std::nullopt;
	int64_t micros = 0;
	if (text.size() > 8) {
		std::string digits(text.substr(9));
		if (text[8] != '.' || digits.empty() || digits.size() > 6)
			return std::nullopt;
		digits.resize(6, '0');
		const auto fraction = parse<int64_t>(digits);
		if (!fraction || *fraction < 0)
			return std::nullopt;
		micros = *fraction;
	}
	return (int64_t(*hours) * 3600 + *minutes * 60 + *seconds) * 1'000'000 + micros;
}

std::optional<int64_t> parse_timestamp(std::string_view text)
{
	if (text.size() < 19 || text[10] != ' ')
		return std::nullopt;
	const auto days = parse_date(text.substr(0, 10));
	const auto micros = parse_time(text.substr(11));
	return days && micros ? std::optional<int64_t>(*days * int64_t(86'400'000'000) + *micros) : std::nullopt;
}

// The unscaled number, big-endian, in as few bytes as hold it.
std::optional<std::string> decimal_bound(std::string_view text, int scale)
{
	const bool negative = text.starts_with('-');
	const size_t point = text.find('.');
	const size_t digits_after = point == text.npos ? 0 : text.size() - point - 1;
	if (digits_after > static_cast<size_t>(scale))
		return std::nullopt;
	__int128 value = 0;
	for (size_t i = negative; i < text.size(); i++) {
		if (i == point)
			continue;
		if (text[i] < '0' || text[i] > '9')
			return std::nullopt;
		value = value * 10 + (text[i] - '0');
	}
	for (size_t i = digits_after; i < static_cast<size_t>(scale); i++)
		value *= 10;
	if (negative)
		value = -value;
	std::string bytes;
	for (int shift = 120; shift >= 0; shift -= 8)
		bytes += static_cast<char>(value >> shift);
	size_t skip = 0;
	while (skip < 15 && (bytes[skip] == '\0' || bytes[skip] == '\xff') && (bytes[skip] & 0x80) == (bytes[skip + 1] & 0x80))
		skip++;
	return bytes.substr(skip);
}

}  // namespace

std::string manifest_file(Manifest &manifest, const std::vector<ManifestEntry> &entries, const PartitionSpec &spec, const std::string &schema,
                          int64_t schema_id, std::string_view sync)
{
	std::vector<AvroRecord> records;
	manifest.spec = spec.id;
	manifest.min_sequence = manifest.snapshot;
	for (const ManifestEntry &entry : entries) {
		records.push_back(entry_record(entry, manifest.deletes, spec.fields));
		manifest.files[entry.status]++;
		manifest.rows[entry.status] += entry.rows;
		if (entry.status == ManifestEntry::existing)
			manifest.min_sequence = std::min(manifest.min_sequence, entry.sequence);
	}
	std::string file = avro_file(entry_schema(spec.fields),
	                             {{"schema", schema}, {"schema-id", std::to_string(schema_id)}, {"partition-spec", spec.json}, {"partition-spec-id", std::to_string(spec.id)},
	                              {"format-version", "2"}, {"content", manifest.deletes ? "deletes" : "data"}},
	                             records, sync);
	manifest.bytes = static_cast<int64_t>(file.size());
	return file;
}

std::string manifest_list(const std::vector<Manifest> &manifests, int64_t snapshot, std::optional<int64_t> parent, std::string_view sync)
{
	std::vector<AvroRecord> records;
	for (const Manifest &m : manifests) {
		AvroRecord record;
		record.text(m.path).integer(m.bytes).integer(m.spec).integer(m.deletes ? 1 : 0).integer(m.snapshot).integer(m.min_sequence).integer(m.snapshot);
		for (const auto &counts : {m.files, m.rows})
			record.integer(counts[ManifestEntry::added]).integer(counts[ManifestEntry::existing]).integer(counts[ManifestEntry::deleted]);
		records.push_back(std::move(record));
	}
	return avro_file(list_schema,
	                 {{"snapshot-id", std::to_string(snapshot)}, {"parent-snapshot-id", parent ? std::to_string(*parent) : "null"},
	                  {"sequence-number", std::to_string(snapshot)}, {"format-version", "2"}},
	                 records, sync);
}

std::optional<std::string> iceberg_bound(const std::string &lake_type, const std::string &text, bool upper)
{
	int precision, scale;
	if (sscanf(lake_type.c_str(), "decimal(%d,%d)", &precision, &scale) == 2)
		return decimal_bound(text, scale);
	if (lake_type == "boolean")
		return text == "1" || text == "true" ? std::optional<std::string>("\1") : text == "0" || text == "false" ? std::string(1, '\0') : std::optional<std::string>();
	if (lake_type == "int8" || lake_type == "int16" || lake_type == "int32")
		return little_endian<int32_t>(parse<int32_t>(text));
	if (lake_type == "int64")
		return little_endian<int64_t>(parse<int64_t>(text));
	if (lake_type == "float32")
		return float_bound<float, uint32_t>(text, upper);
	if (lake_type == "float64")
		return float_bound<double, uint64_t>(text, upper);
	if (lake_type == "date")
		return little_endian<int32_t>(parse_date(text));
	if (lake_type == "time")
		return little_endian<int64_t>(parse_time(text));
	if (lake_type == "timestamp")
		return little_endian<int64_t>(parse_timestamp(text));
	if (lake_type == "timestamptz")
		return text.ends_with("+00") ? little_endian<int64_t>(parse_timestamp(std::string_view(text).substr(0, text.size() - 3))) : std::nullopt;
	if (lake_type == "varchar")
		return text;
	return std::nullopt;  // of uuid too: Java orders its two halves as signed numbers
}

}  // namespace lake
