#pragma once
// The partition of a data file in Iceberg's terms: the values of a spec's fields that all of its rows have.
//
// DuckLake's month is 1 to 12, Iceberg's counts from 1970, and one file of DuckLake's may hold the same month of several years.
// So a value is told only where the file's bounds confirm it, and a file without one is listed under the spec without fields.
// Readers take an identity value for that of each row and do not read the column; so there the three must be one.
#include "manifest.h"

#include <cstdint>
#include <optional>
#include <string>

namespace lake {

using PartitionValue = std::optional<std::string>;  // none: NULL

// What DuckLake knows of a data file for one field.
struct PartitionFacts {
	std::string transform;  // Iceberg's
	std::string lake_type;  // of the column
	PartitionValue value;   // DuckLake's partition value
	int64_t values, nulls;  // in the file
	PartitionValue min, max;
};

// Iceberg's type of the values, none if the column has come to be of a type that such a field cannot have.
std::optional<std::string> partition_type(const std::string &transform, const std::string &lake_type);

// none: the rows have no one value that could be told.
std::optional<PartitionValue> partition_value(const PartitionFacts &facts);

}  // namespace lake
