#pragma once
// Changes of one batch that cancel: a row that came and went, or was updated where nobody looks.
//
// A row version is logged with the same bytes each time, when it comes and when it goes.  So rows are summed up by their bytes,
// in one pass; equal rows of other bytes stay apart, which a Z-set allows.  It holds where bytes follow from the value:
// for values of the plainest types, neither compressed nor stored elsewhere.  All else, and what does not fit the memory of a
// hash table, is summed up by SQL.
extern "C" {
#include "access/tupdesc.h"
#include "utils/tuplestore.h"
}

namespace apply {

// Appends the rows of a store, whose last column is an int8 weight, to another, each once with the sum of its weights, those
// with none left out.  False, and nothing is appended: by SQL.  Runs in C frames, beneath pg::call().
bool cancel(Tuplestorestate *from, TupleDesc description, Tuplestorestate *to);

}  // namespace apply
