#pragma once
// Rows into a table that holds none yet, as COPY and CREATE TABLE AS write them: a page at a time, from a query that may
// run in parallel.
extern "C" {
#include "executor/executor.h"
#include "tcop/dest.h"
}

namespace apply {

// May rows come in that way?  Not where triggers, constraints or indexes would have to see them one by one.
bool takes_pages(Oid table);

// A receiver whose rows become those of the table, their columns those of these attributes; others are NULL.
// Runs in C frames, beneath pg::call().
DestReceiver *filling(Oid table, const AttrNumber *attributes, int count);

}  // namespace apply
