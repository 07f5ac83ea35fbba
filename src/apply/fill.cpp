#include "pg/postgres.hpp"

#include "fill.h"

extern "C" {
#include "access/heapam.h"
#include "access/hio.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_am.h"
#include "commands/trigger.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"
#include "utils/relcache.h"
}

#include <cstring>

namespace apply {

namespace {

// As COPY has it: no more rows than these, or bytes, wait for each other.
constexpr int most_rows = 1000;
constexpr Size most_bytes = 65535;

struct Filling {
	DestReceiver receiver;
	Oid table;
	const AttrNumber *attributes;
	int count;
	Relation relation;
	BulkInsertState bulk;
	CommandId command;
	MemoryContext rows;
	TupleTableSlot *slots[most_rows];
	int waiting;
	Size bytes;
	Datum *values;
	bool *nulls;
};

void flush(Filling *f)
{
	if (f->waiting == 0)
		return;
	MemoryContext before = MemoryContextSwitchTo(f->rows);
	table_multi_insert(f->relation, f->slots, f->waiting, f->command, TABLE_INSERT_SKIP_FSM, f->bulk);
	MemoryContextSwitchTo(before);
	for (int i = 0; i < f->waiting; i++)
		ExecClearTuple(f->slots[i]);
	MemoryContextReset(f->rows);
	f->waiting = 0;
	f->bytes = 0;
}

void check_types(const Filling *f, TupleDesc yields)
{
	TupleDesc description = RelationGetDescr(f->relation);
	if (yields->natts != f->count)
		elog(ERROR, "%s is filled with %d columns, of %d", RelationGetRelationName(f->relation), yields->natts, f->count);
	for (int i = 0; i < f->count; i++)
		if (TupleDescAttr(yields, i)->atttypid != TupleDescAttr(description, f->attributes[i] - 1)->atttypid)
			elog(ERROR, "column %s of %s is filled with a value of type %u", NameStr(TupleDescAttr(description, f->attributes[i] - 1)->attname),
			     RelationGetRelationName(f->relation), TupleDescAttr(yields, i)->atttypid);
}

// The pages of a fill are read again at once, to index them and to fill what is above.  PostgreSQL's own ring for bulk writes holds
// 16 MB of them and writes the others out, after the log before them; this one is as large as any ring may be.
void keep_pages_longer(BulkInsertState bulk)
{
	FreeAccessStrategy(bulk->strategy);
	bulk->strategy = GetAccessStrategyWithSize(BAS_BULKWRITE, NBuffers / 8 * (BLCKSZ / 1024));
}

// A parallel query takes neither a transaction nor a command id: both are there before it runs.
void startup(DestReceiver *self, int, TupleDesc yields)
{
	auto *f = reinterpret_cast<Filling *>(self);
	f->relation = table_open(f->table, RowExclusiveLock);
	check_types(f, yields);
	GetCurrentTransactionId();
	f->command = GetCurrentCommandId(true);
	f->bulk = GetBulkInsertState();
	keep_pages_longer(f->bulk);
	f->rows = AllocSetContextCreate(CurrentMemoryContext, "rows of a fill", ALLOCSET_DEFAULT_SIZES);
	int natts = RelationGetDescr(f->relation)->natts;
	f->values = static_cast<Datum *>(palloc0(sizeof(Datum) * natts));
	f->nulls = static_cast<bool *>(palloc(sizeof(bool) * natts));
	memset(f->nulls, true, sizeof(bool) * natts);
}

bool receive(TupleTableSlot *slot, DestReceiver *self)
{
	auto *f = reinterpret_cast<Filling *>(self);
	slot_getallattrs(slot);
	for (int i = 0; i < f->count; i++) {
		f->values[f->attributes[i] - 1] = slot->tts_values[i];
		f->nulls[f->attributes[i] - 1] = slot->tts_isnull[i];
	}
	TupleDesc description = RelationGetDescr(f->relation);
	MemoryContext before = MemoryContextSwitchTo(f->rows);
	HeapTuple tuple = heap_form_tuple(description, f->values, f->nulls);
	MemoryContextSwitchTo(before);
	if (f->slots[f->waiting] == nullptr) {
		before = MemoryContextSwitchTo(GetMemoryChunkContext(f->values));
		f->slots[f->waiting] = MakeSingleTupleTableSlot(description, &TTSOpsHeapTuple);
		MemoryContextSwitchTo(before);
	}
	ExecStoreHeapTuple(tuple, f->slots[f->waiting++], false);
	f->bytes += tuple->t_len;
	if (f->waiting == most_rows || f->bytes > most_bytes)
		flush(f);
	return true;
}

void shutdown(DestReceiver *self)
{
	auto *f = reinterpret_cast<Filling *>(self);
	flush(f);
	FreeBulkInsertState(f->bulk);
	table_finish_bulk_insert(f->relation, TABLE_INSERT_SKIP_FSM);
	for (int i = 0; i < most_rows && f->slots[i] != nullptr; i++)
		ExecDropSingleTupleTableSlot(f->slots[i]);
	table_close(f->relation, NoLock);
}

void destroy(DestReceiver *self)
{
	pfree(self);
}

// The guard refuses what others write.
bool only_guarded(TriggerDesc *triggers)
{
	for (int i = 0; triggers != nullptr && i < triggers->numtriggers; i++)
		if (strncmp(triggers->triggers[i].tgname, "pg_trickle_guard", strlen("pg_trickle_guard")) != 0)
			return false;
	return true;
}

}  // namespace

bool takes_pages(Oid table)
{
	Relation relation = table_open(table, RowExclusiveLock);
	TupleConstr *constraints = RelationGetDescr(relation)->constr;
	bool ours = RelationGetNamespace(relation) == get_namespace_oid("pgtrickle_state", false);
	bool plain = relation->rd_rel->relam == HEAP_TABLE_AM_OID && RelationGetIndexList(relation) == NIL && only_guarded(relation->trigdesc) &&
	             (ours || constraints == nullptr);
	table_close(relation, NoLock);
	return plain;
}

DestReceiver *filling(Oid table, const AttrNumber *attributes, int count)
{
	auto *f = static_cast<Filling *>(palloc0(sizeof(Filling)));
	f->receiver.receiveSlot = receive;
	f->receiver.rStartup = startup;
	f->receiver.rShutdown = shutdown;
	f->receiver.rDestroy = destroy;
	f->receiver.mydest = DestNone;
	f->table = table;
	f->attributes = attributes;
	f->count = count;
	return &f->receiver;
}

}  // namespace apply
