#pragma once
// Columns of a foreign table and those of the lake table that they stand for.
#include "scan.h"

extern "C" {
#include "access/tupdesc.h"
#include "nodes/pg_list.h"
}

namespace reader {

// Options of a foreign table and its server.
struct Foreign {
	Oid server;
	Reference reference;
};
Foreign read_foreign_table(Oid relid);

// The wanted attributes (from 0), each with the lake column it stands for: option column_id, column_name, row_id, or its own name.
// Values that are kept are made in the current memory context.  Fails 42703 for a column that the lake's table has not.
std::vector<Wanted> bind_columns(Oid relid, TupleDesc row, const Lake &lake, const Table &table, const std::vector<int> &attributes);

Wanted want_place(int64_t what, int target);  // row_id_column, file_column or position_column
Wanted want_column(const Column &column, int target);
// Where it is to become a value of another type: by parts, or through text.  column: nullptr for a place.
void want_as(Wanted &wanted, const Column *column, Oid type, int32 typmod);

// CREATE FOREIGN TABLE of the lake's table as it is in that snapshot; columns are bound by their ids.
std::string foreign_table_ddl(const Lake &lake, const char *server, const std::string &local_name, const Reference &reference);

}  // namespace reader
