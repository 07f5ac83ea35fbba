#pragma once
// A change becomes a logged row.
//
// A captured relation R has a change log of two segments, the tables
// pgtrickle_state.log_<R>_0 and log_<R>_1, with the columns
//
//   xid   xid8   the top-level transaction that made the change
//   part  int4   how many inline refreshes that transaction had done before it
//   w     int2   +1 a row that came, -1 a row that went; 0 TRUNCATE (or another change
//                of everything at once): all columns NULL, and consumers rebuild
//   a<n>         the source's column with attribute number n
//
// UPDATE is -1 old and +1 new, and nothing when no captured column changed.
// C triggers write the log (trigger.cpp, log.h); the log of a partitioned table
// or of an inheritance tree belongs to its root, whose columns it has.
//
// A consumer is true for a snapshot, its frontier F.  Its next batch under a newer
// snapshot S is what S sees and F does not: the log rows that are visible and have
//
//   xid >= xmax(F)   or   xid in xip(F)   or   (xid = X and part > p)
//
// where X is the transaction that wrote F and p the part it had read up to
// itself.  Visibility is all that decides, so a writer that commits late, or
// writes to a segment after it was switched away, is never missed.
//
// Invariants
//   - A row is in the log if and only if its change is: it carries the same xid
//     and dies with the same subtransaction.
//   - At the end of every statement its changes are in the log (flush() is for those
//     who look earlier), so a refresh in the same transaction finds them.
//   - Consumers read both segments.  Which one is active matters to nobody but drain.cpp.
//   - A writer never waits for us: it takes a segment's lock only if it is free,
//     and the other segment otherwise.
#include "pg/error.hpp"

#include <string>
#include <vector>

namespace capture {

// Makes sure that changes of these columns are logged: creates or widens the log, installs the
// triggers, notes them in pgtrickle.source.  Locks the source (ShareRowExclusive) only
// if something has to be installed.  REQUIRES: runs as the extension's owner; called before
// the snapshot that the consumer is populated at, in the same transaction (until
// it ends the log cannot be truncated).
void ensure(Oid relid, const std::vector<AttrNumber> &columns);

// Has the relation triggers that a dump brought from another database?  They go when it is captured.
bool has_strangers(Oid relid);

// Are they logged already?
bool is_captured(Oid relid, const std::vector<AttrNumber> &columns);

// Ends capture if no row of pgtrickle.reads names the relation, which may be gone by now.
void release(Oid relid);

// The query for a consumer's next batch: SELECT a<n>, …, w::int8, with the parameters
// $1 xid8 = xmax(F), $2 xid8[] = xip(F), $3 xid8 = X (may be NULL), $4 int4 = p.
std::string batch_sql(Oid relid, const std::vector<AttrNumber> &columns);

// The part of this transaction that changes are logged with now; next_part() begins another.
int part();
void next_part();

// Has anything been logged since touched() was last asked?  The captured relations that have changed since; in how many rows.
bool any_touched();
std::vector<Oid> touched();
int64 rows_touched();

// The captured relations that this transaction has changed at all; some of it may have been rolled back to a savepoint.
bool any_written();
std::vector<Oid> written();

// Has this transaction logged a marker?  A TRUNCATE takes rows along that its transaction's snapshot does not see.
bool marked();

// Writes what this subtransaction has changed so far to the logs.
void flush();

// Logs that everything about the relation may have changed.
void mark_rebuild(Oid relid);

// Truncates segments that everybody has read, begins a new one where the active one has
// grown, and gives up on consumers that hold more than pg_trickle.max_log_size.
// REQUIRES: a superuser, in a transaction without a snapshot that must live on.
void drain();

// Fits the log of a captured relation to a column whose type or values have changed, and logs a
// rebuild; does nothing if the column is not captured.
void repair(Oid relid, AttrNumber column);

// Lets what is published of a relation have its columns, before anything is logged without one that has come.
void follow_columns(Oid relid);

// Logs a rebuild of the captured relations with columns of an enum whose values have other names.
void rebuild_with_type(Oid type);

// Those that read a copy of a materialized view are due when it has been refreshed (apply/copy.h).
void note_refreshed(Oid matview);

// As a member of the extension a relation of ours is dropped with it, not dumped, and safe from a stray DROP.
void join_extension(Oid relid);
void drop_member(Oid relid);

// Puts triggers on relations that have joined a captured tree; logs a rebuild if they brought rows.
void adopt(Oid relid, bool brings_rows);

// Takes them off a relation that has left the tree, and logs a rebuild.
void disown(Oid relid, Oid root);

// Has the triggers of root on relid fire always, whatever ALTER TABLE has just made of them.
void stay_enabled(Oid relid, Oid root);

// Fails 0A000: a captured table must survive a crash with what its consumers have seen.
void refuse_unlogged(Oid relid, Oid root);

// Registers callbacks, settings and hooks; from _PG_init.
void initialize();

}  // namespace capture
