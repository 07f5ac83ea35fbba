#pragma once
// How the rows of a lake table are spread over files (partitions) and lie in them (sort order).
//
// PostgreSQL computes and sorts: a batch is read with the partition values of each row, as text, behind its columns, in the
// order of partitions and, within one, of the sort keys.  So whatever the number of partitions one file of new rows is open
// at a time, and a batch costs its own sort.  Values are DuckLake's: the year is 2024, the month 1 to 12; buckets are Iceberg's
// murmur3, as DuckDB's are.  timestamptz is taken in UTC.
#include "database.h"
#include "decode.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace lake {

struct PartitionKey {
	Column column;
	std::string transform;  // identity, year, month, day, hour, bucket(16)

	std::string value(const std::string &expression) const;  // SQL, of type text
	std::string label() const;                               // for the names of directories
};

struct SortKey {
	Column column;
	bool descending, nulls_first;

	std::string order(const std::string &expression) const;
};

struct Layout {
	std::vector<PartitionKey> partition;
	std::vector<SortKey> sort;

	// The query `from` with partition values after `list`, then `last`, and in order.  expression: SQL of a column in `from`, and not
	// its name alone, which in ORDER BY would be that of an output column.
	std::string query(const std::string &list, const std::string &last, const std::string &from,
	                  const std::function<std::string(const Column &)> &expression) const;
	// Where the files of a partition go, below the table's directory: 'year=2024/region=eu/'.
	std::string directory(const std::vector<Text> &values) const;
};

Layout read_layout(Connection &connection, int publication, const std::vector<Column> &columns);

}  // namespace lake
