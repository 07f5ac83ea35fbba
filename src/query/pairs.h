#pragma once
// Outer joins whose ON asks of pairs of rows what a join cannot.
//
//   A ⟕[c] B  =  A ⟕ LATERAL (SELECT * FROM B WHERE c)
//   A ⟗[c] B  =  that, and the rows of B for which NOT EXISTS (SELECT FROM A WHERE c)
//
// A condition over both sides that time moves, or with a subquery that reads both: what stands at the right is WHERE of a join, for
// which there are laws, made for each combination of the columns that are read of the left.
// Functions of the server's kind: they fail by its errors and are called by pg::call.
#include "pg/postgres.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace query {

// Has ON, of a join of this level with item at one side, such a conjunct?
bool asks_of_pairs(Node *on, Node *item);

// SELECT columns FROM item WHERE condition, as a subquery of this level: what it reads of other items is outside.  The columns
// are those that the level reads; their Vars, in this order, come back.
::Query *rows_where(::Query *level, Node *item, Node *condition, List **columns);

}  // namespace query
