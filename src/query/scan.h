#pragma once
// A base table as an operator.
#include "query/tree.h"

#include "pg/error.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace query {

// The table that the entry, with this index in the range table, names: those of its columns that are read, each a
// pair of index and attribute number.  Fails 0A000 for what changes without a trigger that sees it.
Tree scan(RangeTblEntry *entry, int index, const std::vector<std::pair<int, int>> &read);

}  // namespace query
