#pragma once
// GROUP BY and aggregates of one query level.
#include "query/from.h"

namespace query {

// GROUPING SETS, CUBE and ROLLUP are the union all of their sets, each a list of references to the group clauses by
// which it groups; the other keys are NULL there.  Without any there is one set, of all clauses.
List *grouping_sets(::Query *query);

// The input grouped by one set; the scope that results offers group keys and aggregates.
From build_aggregate(::Query *query, From input, List *set);

}  // namespace query
