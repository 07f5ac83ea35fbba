#include "pg/postgres.hpp"

#include "cancel.h"

extern "C" {
#include "access/htup_details.h"
#include "access/tupmacs.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/nodeHash.h"
#include "executor/tuptable.h"
#include "port/pg_bitutils.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
}

#include <cstring>

namespace apply {

namespace {

struct Row {
	MinimalTuple tuple;
	uint32 hash;
	int64 weight;
};

struct Sums {
	Row *rows;
	int64 count;
	int32 *places;        // by hash: a row's number from 1 on; 0: none
	uint64 mask;
};

bool is_plain(Oid type)
{
	Oid base = getBaseType(type);
	return get_typlen(base) > 0 || base == TEXTOID || base == VARCHAROID || base == BPCHAROID || base == NUMERICOID || base == BYTEAOID;
}

bool all_plain(TupleDesc description)
{
	for (int i = 0; i < description->natts; i++)
		if (!is_plain(TupleDescAttr(description, i)->atttypid))
			return false;
	return true;
}

// The weight is the last attribute, never NULL and 8 bytes long.
char *before_weight(MinimalTuple tuple)
{
	return reinterpret_cast<char *>(tuple) + tuple->t_len - sizeof(int64);
}

char *row_bytes(MinimalTuple tuple)
{
	return reinterpret_cast<char *>(tuple) + MINIMAL_TUPLE_DATA_OFFSET;
}

int row_length(MinimalTuple tuple)
{
	return before_weight(tuple) - row_bytes(tuple);
}

bool any_compressed(TupleTableSlot *slot)
{
	slot_getallattrs(slot);
	for (int i = 0; i < slot->tts_tupleDescriptor->natts; i++) {
		if (TupleDescAttr(slot->tts_tupleDescriptor, i)->attlen != -1 || slot->tts_isnull[i])
			continue;
		Pointer value = DatumGetPointer(slot->tts_values[i]);
		if (VARATT_IS_EXTERNAL(value) || VARATT_IS_COMPRESSED(value))
			return true;
	}
	return false;
}

Sums room_for(int64 rows)
{
	uint64 places = pg_nextpower2_64(2 * rows);
	Sums sums{nullptr, 0, nullptr, places - 1};
	sums.rows = static_cast<Row *>(MemoryContextAllocHuge(CurrentMemoryContext, rows * sizeof(Row)));
	sums.places = static_cast<int32 *>(MemoryContextAllocExtended(CurrentMemoryContext, places * sizeof(int32), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));
	return sums;
}

// True: the row is a new one, whose tuple is kept.
bool add(Sums *sums, MinimalTuple tuple)
{
	int64 weight;
	memcpy(&weight, before_weight(tuple), sizeof(weight));
	const int length = row_length(tuple);
	const uint32 hash = hash_bytes(reinterpret_cast<unsigned char *>(row_bytes(tuple)), length);
	uint64 place = hash & sums->mask;
	for (; sums->places[place] != 0; place = (place + 1) & sums->mask) {
		Row *row = &sums->rows[sums->places[place] - 1];
		if (row->hash == hash && row_length(row->tuple) == length && memcmp(row_bytes(row->tuple), row_bytes(tuple), length) == 0) {
			row->weight += weight;
			return false;
		}
	}
	sums->rows[sums->count] = {tuple, hash, weight};
	sums->places[place] = ++sums->count;
	return true;
}

bool sum_up(Tuplestorestate *from, TupleTableSlot *slot, Sums *sums, Size most)
{
	Size held = 0;
	tuplestore_rescan(from);
	while (tuplestore_gettupleslot(from, true, false, slot)) {
		bool own;
		MinimalTuple tuple = ExecFetchSlotMinimalTuple(slot, &own);
		if (any_compressed(slot))
			return false;
		MinimalTuple kept = heap_copy_minimal_tuple(tuple, 0);
		if (own)
			heap_free_minimal_tuple(tuple);
		if (!add(sums, kept))
			heap_free_minimal_tuple(kept);
		else if ((held += kept->t_len) > most)
			return false;
	}
	return true;
}

void put(const Sums *sums, TupleTableSlot *slot, Tuplestorestate *to)
{
	for (int64 i = 0; i < sums->count; i++) {
		Row *row = &sums->rows[i];
		if (row->weight == 0)
			continue;
		memcpy(before_weight(row->tuple), &row->weight, sizeof(row->weight));
		tuplestore_puttupleslot(to, ExecStoreMinimalTuple(row->tuple, slot, false));
	}
}

}  // namespace

bool cancel(Tuplestorestate *from, TupleDesc description, Tuplestorestate *to)
{
	const int64 rows = tuplestore_tuple_count(from);
	const Size most = get_hash_memory_limit();
	if (rows * (sizeof(Row) + 4 * sizeof(int32)) > most / 2 || rows > PG_INT32_MAX || !all_plain(description))
		return false;
	MemoryContext own = AllocSetContextCreate(CurrentMemoryContext, "changes that cancel", ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(own);
	TupleTableSlot *slot = MakeSingleTupleTableSlot(description, &TTSOpsMinimalTuple);
	Sums sums = room_for(rows);
	bool summed = sum_up(from, slot, &sums, most / 2);
	if (summed)
		put(&sums, slot, to);
	ExecDropSingleTupleTableSlot(slot);
	MemoryContextSwitchTo(before);
	MemoryContextDelete(own);
	return summed;
}

}  // namespace apply
