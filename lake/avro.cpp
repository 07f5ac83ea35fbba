#include "avro.h"

namespace lake {

AvroRecord &AvroRecord::integer(int64_t value)
{
	uint64_t rest = (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
	for (; rest >= 0x80; rest >>= 7)
		bytes_ += static_cast<char>(rest | 0x80);
	bytes_ += static_cast<char>(rest);
	return *this;
}

AvroRecord &AvroRecord::text(std::string_view value)
{
	integer(static_cast<int64_t>(value.size()));
	bytes_ += value;
	return *this;
}

AvroRecord &AvroRecord::flag(bool value)
{
	bytes_ += value ? '\1' : '\0';
	return *this;
}

AvroRecord &AvroRecord::begin_array(size_t elements)
{
	return integer(static_cast<int64_t>(elements));
}

AvroRecord &AvroRecord::end_array(size_t elements)
{
	return elements > 0 ? integer(0) : *this;
}

std::string avro_file(std::string_view schema, const std::vector<std::pair<std::string, std::string>> &metadata,
                      const std::vector<AvroRecord> &records, std::string_view sync)
{
	AvroRecord header;
	header.begin_array(metadata.size() + 2);
	header.text("avro.schema").text(schema).text("avro.codec").text("null");
	for (const auto &[key, value] : metadata)
		header.text(key).text(value);
	header.end_array(metadata.size() + 2);
	std::string file = "Obj\1" + header.bytes();
	file += sync;
	if (records.empty())
		return file;
	size_t size = 0;
	for (const AvroRecord &record : records)
		size += record.bytes().size();
	file += AvroRecord().integer(static_cast<int64_t>(records.size())).integer(static_cast<int64_t>(size)).bytes();
	for (const AvroRecord &record : records)
		file += record.bytes();
	return file += sync;
}

}  // namespace lake
