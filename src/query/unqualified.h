#pragma once
// Operators that SQL has no way to name with their schema: those of IS DISTINCT FROM, NULLIF, CASE x WHEN and of rows in order.
//
// What is compiled is read again with pg_catalog alone in the search path.  There the operator of another schema would not be found,
// or, worse, another one in its place: two citext would be compared as text.  So these constructs are spelled out with the operator
// that the query was analysed with:
//
//   a IS DISTINCT FROM b   (a = b) IS NOT TRUE AND NOT (a IS NULL AND b IS NULL)
//   NULLIF(a, b)           CASE WHEN a = b THEN NULL ELSE a END
//   CASE x WHEN y THEN …   CASE WHEN x = y THEN …
//   (a, b) <= (c, d)       a < c OR (a = c AND b <= d): a name that stands for several operators, as its columns may be of several types
#include "pg/postgres.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace query {

// The same query with such operators of other schemas spelled out.  In C frames; may raise the server's errors.
::Query *with_operators_named(::Query *query);

}  // namespace query
