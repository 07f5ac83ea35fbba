#pragma once
// Window functions of one query level.
//
// Functions over one PARTITION BY are one operator, whatever their orders and frames; each further
// PARTITION BY is another operator above it, so that a change touches only partitions of its own; so is each further
// ORDER BY, where results depend on some rows before and after only, so that a change touches only those.
// Beneath them is a projection to what the functions and the select list read.
#include "query/from.h"

namespace query {

// The input with the functions' results; the scope that results offers them.
From build_windows(::Query *query, From input);

// An ORDER BY over columns of an input: column(expression's number in the target list) finds each.
std::vector<Sort> sorting(::Query *query, List *clauses, const std::function<int(TargetEntry *)> &column);

// Does the query order or choose its rows by this entry of the target list?
bool chooses_rows(::Query *query, TargetEntry *target);

}  // namespace query
