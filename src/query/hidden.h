#pragma once
// Rows that row security, or a view with security_barrier, hides from who owns the stream table.
//
// The server's rewriter leaves the policies that apply as conditions of the range table entry; they become the first
// filter over its scan, semi joins where they read other tables, so that all laws follow.  What the engine keeps of a table
// itself (log, arrangements) holds hidden rows too, and is read by nobody but the engine (pg/trust.hpp).
//
// No condition of the query may see a hidden row before the policy does: a function in it could show the row, and an error
// would.  The planner orders conditions by their cost, and a view's security levels are gone when it has become
// operators.  So a condition that is not leakproof, over a table whose policies read its row alone, becomes
//   CASE WHEN policy THEN condition ELSE false END
// and one over rows that are hidden in any other way has no law.
#include "query/tree.h"

#include "pg/error.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace query {

// Rewrites such conditions of a rewritten query, in place.  Fails 0A000 at the first without a law.
void keep_hidden(::Query *query);

}  // namespace query
