#pragma once
// A stream table becomes IMMEDIATE while others are at work on what it reads.
//
// It is filled under a snapshot that shows nothing of what they have written so far, and they cannot know of it before it is
// committed.  So two things are done.
//
//   - Whoever has written what it reads gets to know of it by the invalidation of its definition, and brings it
//     along with all of that before a query that may show it, and before the commit.
//   - Whoever has filled it looks once more before the commit, and takes along what has been committed meanwhile.
//
// Between a look and the commit after it nobody may pass the other: writers hold a lock from their last look to their end, shared among
// themselves, and who has filled one holds it against all of them.  It is held for as long as commits take: whoever has more to do does
// that without it, and then looks again.
//
// REPEATABLE READ and SERIALIZABLE show it as it was before, and bring it along at the commit.  A prepared transaction does not
// come back to us: what it has written comes with the next writer or the scheduler, as the stream table goes by its
// frontier until that has ended (immediate.h).
#include "pg/postgres.hpp"

extern "C" {
#include "executor/execdesc.h"
#include "nodes/parsenodes.h"
}

namespace apply {

// This transaction has filled the stream table, or had it go by its frontier again.
void look_again(int id);

// It has been brought along with all that this transaction has written.
void caught_up(int id);

// Before a query starts, outside of any that changes rows: if it may show what is to be brought along, by itself or by functions
// and triggers, that is done, and the query gets a new snapshot.
void catch_up_before(QueryDesc *query);

// The same before COPY … TO; true: a snapshot was pushed.
bool catch_up_before(const CopyStmt *copy);

// After everything that this transaction has written was followed.
void catch_up_before_commit(bool prepares);

// A subtransaction, and the transaction, are over.
void undone_meanwhile();
void forget_meanwhile();

}  // namespace apply
