#pragma once
// The log as its writers see it: rows wait in memory until the end of their
// statement, then go to the heap in bulk and into the index.
//
// Rows wait by subtransaction, and are written in the one they belong to, so that
// they carry its xid and vanish with it.  What waits when a subtransaction
// aborts is dropped; when it commits, is written before.
//
// @scope transaction: a log stays open, with its lock, until the transaction ends.
#include "route.h"

extern "C" {
#include "nodes/execnodes.h"
}

namespace capture {

struct Batch {
	SubTransactionId owner;
	int count;
	Size bytes;
	MemoryContext memory;
	TupleTableSlot **slots;
	Batch *next;
};

struct Log {
	Oid relid;
	Oid root;
	bool touched;
	Relation heap;
	Relation index;
	IndexInfo *index_info;
	Batch *batches;
	Log *next;
};

// The open log of a route, nullptr if its root is not captured (any more).  Opens the active
// segment, or the other one while somebody holds the active one locked.  May remake the route.
Log *open_log(Route *route);

// Adds one row.  values and isnull have the log's columns; the first three are set here.
void append(Log *log, int16 weight, Datum *values, bool *isnull);

// Adds the row that says: everything may have changed.
void append_marker(Log *log);

// The same, from outside of a trigger.
void log_rebuild(Oid root);

// Writes the rows of the current subtransaction.
void flush_logs();

// Closes what holds no rows, so that DDL on a log finds it unused.
void close_logs();

// The roots that have got rows since they were last asked for.
bool log_touched();
int64 log_rows_touched();
List *take_touched();
// All that have got rows in this transaction, those of subtransactions that were rolled back among them.
List *log_written();

int log_part();
void next_log_part();
bool log_marked();

void watch_transactions();

}  // namespace capture
