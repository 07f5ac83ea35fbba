#pragma once
// GROUP BY and aggregates of one query level.
#include "query/from.h"

namespace query {

// The input grouped; the scope that results offers group keys and aggregates.
From build_aggregate(::Query *query, From input);

}  // namespace query
