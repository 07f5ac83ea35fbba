#pragma once
// When, in which order, in which worker.
//
// One launcher a cluster ('pg_trickle launcher') tries every database that it
// has not seen before, by starting a scheduler there.  A scheduler that finds no extension
// leaves at once, and the database is not tried again until CREATE EXTENSION says so.
// So a cluster without the extension costs one look at pg_database a minute.
//
// One scheduler a database ('pg_trickle scheduler') sleeps on its latch.  A commit
// that has logged changes notes the sources in shared memory and sets the latch
// (wake.h); beyond that the scheduler wakes for the end of a period, the next flip of a temporal filter, a retry
// (due.h).  A tick is one transaction for all views that are due.  It rests after a tick
// for a while that grows with what the tick took, so that under load ticks take what
// has come together, and leave the processor to those who write.
//
// Errors: apply::tick keeps those of one view to itself.  When one escapes, the views are
// tried one by one, and those that fail again wait longer and longer.  A scheduler
// that dies is started again by the launcher, likewise.
//
// DROP, ALTER … RENAME and CREATE DATABASE … TEMPLATE want a database that nobody
// is connected to: they ask the scheduler to leave first (leave.cpp).
#include "pg/error.hpp"

namespace schedule {

bool is_preloaded();

// From _PG_init, when the server starts.
void initialize();

}  // namespace schedule
