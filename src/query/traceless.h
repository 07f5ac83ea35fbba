#pragma once
// What changes without a trace that a stream table could follow, so that it would be wrong until something else
// happens to change: system catalogs and tables of the extension, columns that tell where a row is or who wrote it, and samples.
// Only FULL, which asks for no changes but runs its query when the time has come, may read it.
#include "pg/postgres.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

#include <string>

namespace query {

// Fails 0A000 at the first of them that the rewritten query, or a subquery of it, reads.
void refuse_traceless(::Query *query);

}  // namespace query
