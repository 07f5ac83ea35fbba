#pragma once
// DISTINCT ON, and ORDER BY with LIMIT, OFFSET or FETCH FIRST: the first rows of each partition in an order.
//
// How many is a number, or an expression without a column of its own level.  What it yields is then one row, a second input of the
// operator; in a subquery that is made for all rows of another relation, a column that it is made by, as any that it reads outside.
#include "query/window.h"

namespace query {

// What a SELECT yields: the columns of its list, then those that only choose rows.
struct Selected {
	Tree node;
	std::map<Index, int> refs;      // sort group reference → column
	int shown;                      // columns of the select list
};

// DISTINCT ON, ORDER BY and LIMIT of a query level, for each combination of its last columns, so many as references.
Tree chosen(::Query *query, Selected selected, int references, const Environment &environment);

}  // namespace query
