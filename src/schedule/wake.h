#pragma once
// How a commit reaches the scheduler: through shared memory and a latch, without a query or a NOTIFY.
#include "shared.h"

namespace schedule {

// Notes that this transaction changes a captured relation; its commit wakes the scheduler.
void note_change(Oid source);

// Notes that this transaction may change the answer of any query; likewise.
void note_all_changed();

// Notes that this transaction changes what there is to schedule; likewise.
void note_definition();

// Wakes the scheduler of a database now.  False: there is none running.
bool wake(Oid database, uint32 flags);
void wake_launcher();

// Notes that this transaction creates the extension; its commit gets the database a scheduler.
void note_created();

// Notes that this transaction makes, renames or drops a database; its commit has the launcher look.
void note_databases();

void watch_commits();

}  // namespace schedule
