#pragma once
// A stream table gets the columns of another query.
//
// A column stays if the new query has one of its name, or computes one alike under another name, and all before it stay
// too: a table's columns keep their order.  What stays keeps its values and all that hangs on it: indexes, comments,
// privileges, readers.  What comes behind is added at the end; of a column that has to go there the values, indexes, comment and
// privileges go along.  The refresh that follows writes what differs.
//
// Refused is what would take a column, its place or its type from somebody who reads it.
#include "pg/error.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace view {

// The query of a view as it is stored, without places of words; a copy.
::Query *stored_query(Oid view);

bool has_columns_of(Oid table, Oid definition);

// before, after: the former query and the new one, whose view is the definition.  Fails 2BP01, naming the reader.
// REQUIRES: inside with_spi(); the index that finds its rows is dropped.
void reshape(Oid table, Oid definition, const ::Query *before, const ::Query *after, Oid owner);

}  // namespace view
