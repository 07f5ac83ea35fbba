#pragma once
// What a user calls a stream table.
#include "pg/sql.hpp"

extern "C" {
#include "fmgr.h"
}

namespace view {

// The id of the stream table named by this argument.  Fails 42P01, 42809, 22004.
int stream_table_id(FunctionCallInfo fcinfo, int argument);

// Fails 42501 unless the current user may act as the stream table's owner.
void require_owner(int id);

// Appends rows of text to the result of a set-returning function (C strings go through input functions).
void return_rows(FunctionCallInfo fcinfo, const pg::Rows &rows);

// A row of text as the function's composite result.
Datum return_row(FunctionCallInfo fcinfo, const std::vector<pg::Text> &row);

}  // namespace view
