#pragma once
// Avro's container files, as far as Iceberg's manifests need them (https://avro.apache.org/docs/1.12.0/specification):
// one block of records, not compressed, after a header that holds the schema.
//
// A record is its fields in order: integers as zigzag varints, bytes and text with their length before them, a union as
// the number of its branch, an array as a counted block and an empty one.
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lake {

class AvroRecord {
public:
	AvroRecord &integer(int64_t value);  // int and long
	AvroRecord &text(std::string_view value);  // string and bytes
	AvroRecord &flag(bool value);
	// Of a union with null in front: the branch, before the value if there is one.
	AvroRecord &some() { return integer(1); }
	AvroRecord &none() { return integer(0); }
	// Before that many elements; nothing follows an array of none.
	AvroRecord &begin_array(size_t elements);
	AvroRecord &end_array(size_t elements);

	const std::string &bytes() const { return bytes_; }

private:
	std::string bytes_;
};

// metadata: of the header, beside the schema.  sync: 16 bytes that the data is unlikely to hold.
std::string avro_file(std::string_view schema, const std::vector<std::pair<std::string, std::string>> &metadata,
                      const std::vector<AvroRecord> &records, std::string_view sync);

}  // namespace lake
