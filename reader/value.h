#pragma once
// Values of the lake as PostgreSQL's: which type stands for which, and how a cell of an Arrow column becomes a Datum.
//
// What publish writes comes back as it was.  A value that PostgreSQL cannot hold exactly (nanoseconds, a year too far)
// is an error, never bent.  Lists of plain values are arrays; what is nested deeper is jsonb, or what the user says (nested.h).
#include <arrow/api.h>

#include "catalog.h"

namespace reader {

// The type a lake column has here, and its modifier.  Fails 0A000 for one that has none.
Oid natural_type(const Column &column, int32 &typmod);

// Whether cells of such a column can become this natural type; asked once per file.
bool is_convertible(const arrow::DataType &from, Oid to);

// The cell as a Datum in the current memory context.  REQUIRES: is_convertible, the cell is not NULL.
// C in a .cpp file: reports errors by ereport, and no frame of it has anything to destroy.
Datum to_datum(const arrow::Array &array, int64_t row, Oid type);

// DuckDB's text of a value that lies in the catalog, as the type's input function takes it.
// Fails 0A000 for a nested value whose text is not PostgreSQL's.
std::string from_duckdb_text(const std::string &text, Oid type);

}  // namespace reader
