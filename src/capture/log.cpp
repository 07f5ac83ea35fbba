#include "log.h"

#include "schedule/wake.h"

extern "C" {
#include "access/genam.h"
#include "access/heapam.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "executor/tuptable.h"
#include "storage/lmgr.h"
}

namespace capture {

namespace {

constexpr int rows_per_batch = 256;
constexpr Size bytes_per_batch = 256 * 1024;

// All of it lives in TopTransactionContext.
Log *logs;
// Counts closings: a route's log is open if they are of one era.
uint64 era = 1;
int waiting;
int current_part;
bool marked;
List *touched;
List *written;    // all that were ever touched
int64 rows_touched;

// What is opened here must outlive the subtransaction that happens to open it.
class TransactionOwner {
public:
	TransactionOwner() : owner_(CurrentResourceOwner) { CurrentResourceOwner = TopTransactionResourceOwner; }
	// Not reached by ERROR, after which the abort restores the owner.
	void end() { CurrentResourceOwner = owner_; }

private:
	ResourceOwner owner_;
};

Log *find_open(Oid relid)
{
	for (Log *log = logs; log != nullptr; log = log->next)
		if (log->relid == relid)
			return log;
	return nullptr;
}

Log *open(Oid relid, Oid root)
{
	MemoryContext context = MemoryContextSwitchTo(TopTransactionContext);
	TransactionOwner owner;
	auto *log = static_cast<Log *>(palloc0(sizeof(Log)));
	log->relid = relid;
	log->root = root;
	log->heap = table_open(relid, NoLock);
	List *indexes = RelationGetIndexList(log->heap);
	log->index = index_open(linitial_oid(indexes), RowExclusiveLock);
	log->index_info = BuildIndexInfo(log->index);
	list_free(indexes);
	log->next = logs;
	logs = log;
	owner.end();
	MemoryContextSwitchTo(context);
	return log;
}

// Whoever holds a segment locked is truncating or widening it; a writer takes the other one.
Oid lock_segment(Route *route)
{
	TransactionOwner owner;
	Oid segment = route->segments[route->active], other = route->segments[1 - route->active];
	if (!ConditionalLockRelationOid(segment, RowExclusiveLock)) {
		if (ConditionalLockRelationOid(other, RowExclusiveLock))
			segment = other;
		else
			LockRelationOid(segment, RowExclusiveLock);
	}
	owner.end();
	return segment;
}

Batch *find_batch(Log *log)
{
	SubTransactionId owner = GetCurrentSubTransactionId();
	for (Batch *batch = log->batches; batch != nullptr; batch = batch->next)
		if (batch->owner == owner)
			return batch;
	for (Batch *batch = log->batches; batch != nullptr; batch = batch->next)
		if (batch->count == 0) {
			batch->owner = owner;
			return batch;
		}
	auto *batch = static_cast<Batch *>(MemoryContextAllocZero(TopTransactionContext, sizeof(Batch)));
	batch->slots = static_cast<TupleTableSlot **>(
	    MemoryContextAllocZero(TopTransactionContext, sizeof(TupleTableSlot *) * rows_per_batch));
	batch->memory = AllocSetContextCreate(TopTransactionContext, "pg_trickle batch", ALLOCSET_DEFAULT_SIZES);
	batch->owner = owner;
	batch->next = log->batches;
	log->batches = batch;
	return batch;
}

TupleTableSlot *next_slot(Log *log, Batch *batch)
{
	TupleTableSlot *&slot = batch->slots[batch->count];
	if (slot == nullptr) {
		MemoryContext context = MemoryContextSwitchTo(TopTransactionContext);
		TransactionOwner owner;
		slot = MakeSingleTupleTableSlot(RelationGetDescr(log->heap), &TTSOpsHeapTuple);
		owner.end();
		MemoryContextSwitchTo(context);
	}
	return slot;
}

void empty(Batch *batch)
{
	for (int i = 0; i < batch->count; i++)
		ExecClearTuple(batch->slots[i]);
	waiting -= batch->count;
	batch->count = 0;
	batch->bytes = 0;
	MemoryContextReset(batch->memory);
}

void write(Log *log, Batch *batch)
{
	// Fetching a toasted value of the source needs a snapshot, and at commit there is none.
	bool snapshot = !HaveRegisteredOrActiveSnapshot();
	if (snapshot)
		PushActiveSnapshot(GetTransactionSnapshot());
	MemoryContext context = MemoryContextSwitchTo(batch->memory);

	heap_multi_insert(log->heap, batch->slots, batch->count, GetCurrentCommandId(true), 0, nullptr);
	Datum xid = UInt64GetDatum(U64FromFullTransactionId(GetTopFullTransactionId()));
	bool isnull = false;
	for (int i = 0; i < batch->count; i++)
		index_insert(log->index, &xid, &isnull, &batch->slots[i]->tts_tid, log->heap, UNIQUE_CHECK_NO, false,
		             log->index_info);

	MemoryContextSwitchTo(context);
	if (snapshot)
		PopActiveSnapshot();
	empty(batch);
}

void write_all()
{
	if (waiting == 0)
		return;
	for (Log *log = logs; log != nullptr; log = log->next)
		for (Batch *batch = log->batches; batch != nullptr; batch = batch->next)
			if (batch->count > 0)
				write(log, batch);
}

void drop(SubTransactionId owner)
{
	for (Log *log = logs; log != nullptr; log = log->next)
		for (Batch *batch = log->batches; batch != nullptr; batch = batch->next)
			if (batch->count > 0 && batch->owner == owner)
				empty(batch);
}

void touch(Log *log)
{
	log->touched = true;
	MemoryContext context = MemoryContextSwitchTo(TopTransactionContext);
	touched = list_append_unique_oid(touched, log->root);
	written = list_append_unique_oid(written, log->root);
	MemoryContextSwitchTo(context);
}

bool is_empty(Log *log)
{
	for (Batch *batch = log->batches; batch != nullptr; batch = batch->next)
		if (batch->count > 0)
			return false;
	return true;
}

void close(Log *log)
{
	for (Batch *batch = log->batches; batch != nullptr; batch = batch->next)
		for (int i = 0; i < rows_per_batch && batch->slots[i] != nullptr; i++)
			ExecDropSingleTupleTableSlot(batch->slots[i]);
	index_close(log->index, NoLock);
	table_close(log->heap, NoLock);
}

void forget()
{
	logs = nullptr;
	waiting = 0;
	current_part = 0;
	marked = false;
	touched = written = NIL;
	rows_touched = 0;
	era++;
}

void at_transaction(XactEvent event, void *)
{
	switch (event) {
	case XACT_EVENT_PRE_COMMIT:
	case XACT_EVENT_PRE_PREPARE:
		write_all();
		close_logs();
		break;
	case XACT_EVENT_COMMIT:
	case XACT_EVENT_PREPARE:
	case XACT_EVENT_ABORT:
		forget();
		break;
	default:
		break;
	}
}

void at_subtransaction(SubXactEvent event, SubTransactionId id, SubTransactionId, void *)
{
	if (logs == nullptr)
		return;
	switch (event) {
	case SUBXACT_EVENT_PRE_COMMIT_SUB:
		flush_logs();
		break;
	case SUBXACT_EVENT_ABORT_SUB:
		// A log made in this subtransaction must not stay open.
		drop(id);
		close_logs();
		break;
	default:
		break;
	}
}

}  // namespace

Log *open_log(Route *route)
{
	if (route->log != nullptr && route->era == era && route->valid)
		return route->log;
	remake(route);
	Log *log = nullptr;
	while (route->captured) {
		log = find_open(route->segments[route->active]);
		if (log == nullptr) {
			// Taking the lock may bring an invalidation.
			Oid segment = lock_segment(route);
			if (!route->valid) {
				remake(route);
				continue;
			}
			log = find_open(segment);
			if (log == nullptr)
				log = open(segment, route->root);
			schedule::note_change(route->root);
		}
		if (route->valid)
			break;
		remake(route);
	}
	route->log = log;
	route->era = era;
	return route->captured ? log : nullptr;
}

void append(Log *log, int16 weight, Datum *values, bool *isnull)
{
	Batch *batch = find_batch(log);
	TupleTableSlot *slot = next_slot(log, batch);
	values[0] = UInt64GetDatum(U64FromFullTransactionId(GetTopFullTransactionId()));
	marked = marked || weight == 0;
	if (!log->touched)
		touch(log);
	rows_touched++;
	values[1] = Int32GetDatum(current_part);
	values[2] = Int16GetDatum(weight);
	isnull[0] = isnull[1] = isnull[2] = false;

	MemoryContext context = MemoryContextSwitchTo(batch->memory);
	HeapTuple tuple = heap_form_tuple(RelationGetDescr(log->heap), values, isnull);
	MemoryContextSwitchTo(context);
	ExecStoreHeapTuple(tuple, slot, false);
	batch->count++;
	batch->bytes += tuple->t_len;
	waiting++;
	if (batch->count == rows_per_batch || batch->bytes > bytes_per_batch)
		write(log, batch);
}

void flush_logs()
{
	if (waiting == 0)
		return;
	SubTransactionId owner = GetCurrentSubTransactionId();
	for (Log *log = logs; log != nullptr; log = log->next)
		for (Batch *batch = log->batches; batch != nullptr; batch = batch->next)
			if (batch->count > 0 && batch->owner == owner)
				write(log, batch);
}

void close_logs()
{
	TransactionOwner owner;
	for (Log **next = &logs; *next != nullptr;) {
		if (is_empty(*next)) {
			close(*next);
			*next = (*next)->next;
		} else {
			next = &(*next)->next;
		}
	}
	era++;
	owner.end();
}

bool log_touched()
{
	return touched != NIL;
}

int64 log_rows_touched()
{
	return rows_touched;
}

List *take_touched()
{
	List *taken = touched;
	touched = NIL;
	rows_touched = 0;
	for (Log *log = logs; log != nullptr; log = log->next)
		log->touched = false;
	return taken;
}

List *log_written()
{
	return written;
}

int log_part()
{
	return current_part;
}

bool log_marked()
{
	return marked;
}

void next_log_part()
{
	current_part++;
}

void watch_transactions()
{
	RegisterXactCallback(at_transaction, nullptr);
	RegisterSubXactCallback(at_subtransaction, nullptr);
}

}  // namespace capture
