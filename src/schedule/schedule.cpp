#include "schedule.h"

#include "due.h"
#include "leave.h"
#include "pg/worker.hpp"
#include "snapshot.h"
#include "wake.h"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "storage/condition_variable.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"
}

#include <algorithm>

namespace schedule {

bool is_preloaded()
{
	return shared() != nullptr;
}

void initialize()
{
	request_shared_memory();
	watch_commits();
	watch_databases();
	if (IsBinaryUpgrade)
		return;
	BackgroundWorker worker = pg::describe_worker("pg_trickle launcher", "pg_trickle launcher", "pg_trickle_launcher", Datum(0));
	worker.bgw_restart_time = 5;
	RegisterBackgroundWorker(&worker);
}

namespace {

void require()
{
	if (!is_preloaded())
		pg::fail(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "pg_trickle must be loaded via \"shared_preload_libraries\"", {},
		         "Add it to shared_preload_libraries in postgresql.conf and restart the server.");
}

ConditionVariable *ticked()
{
	LWLockAcquire(shared()->lock, LW_SHARED);
	Database *slot = find_slot(MyDatabaseId);
	LWLockRelease(shared()->lock);
	return slot != nullptr ? &slot->ticked : nullptr;
}

// The frontier of a consumer as of now, whatever the snapshot of the statement that asks; nullptr: it has none.
// always: it needs none, its writers bring it along.
char *read_frontier(int id, bool *always)
{
	enum { consumer_id = 1, consumer_frontier = 3, consumer_settled = 7 };
	Oid schema = get_namespace_oid("pgtrickle", false);
	Relation consumer = table_open(get_relname_relid("consumer", schema), AccessShareLock);
	ScanKeyData key;
	ScanKeyInit(&key, consumer_id, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(id));
	SysScanDesc scan = systable_beginscan(consumer, get_relname_relid("consumer_pkey", schema), true, nullptr, 1, &key);
	char *text = nullptr;
	if (HeapTuple tuple = systable_getnext(scan); HeapTupleIsValid(tuple)) {
		bool isnull;
		Datum frontier = heap_getattr(tuple, consumer_frontier, RelationGetDescr(consumer), &isnull);
		if (!isnull)
			text = DatumGetCString(DirectFunctionCall1(pg_snapshot_out, frontier));
		*always = DatumGetBool(heap_getattr(tuple, consumer_settled, RelationGetDescr(consumer), &isnull));
	}
	systable_endscan(scan);
	table_close(consumer, AccessShareLock);
	return text;
}

bool all_cover(const std::vector<int> &ids, const Snapshot &wanted)
{
	return std::all_of(ids.begin(), ids.end(), [&](int id) {
		bool always = false;
		char *frontier = pg::call(read_frontier, id, &always);
		return always || (frontier != nullptr && covers(Snapshot::parse(frontier), wanted));
	});
}

// Waits for the next tick, or for so long.
void sleep(ConditionVariable *condition, long milliseconds)
{
	if (condition != nullptr) {
		ConditionVariableTimedSleep(condition, milliseconds, WaitEventExtensionNew("PgTrickleWait"));
	} else {
		CHECK_FOR_INTERRUPTS();
		pg_usleep(milliseconds * 1000);
	}
}

bool wait(const std::vector<int> &ids, const Snapshot &wanted, TimestampTz until)
{
	constexpr long nudge_every = 1000;
	ConditionVariable *condition = pg::call(ticked);
	if (condition != nullptr)
		pg::call(ConditionVariablePrepareToSleep, condition);
	TimestampTz nudge_at = 0;
	bool covered;
	while (!(covered = all_cover(ids, wanted))) {
		TimestampTz now = GetCurrentTimestamp();
		if (now >= until)
			break;
		if (now >= nudge_at) {
			wake(MyDatabaseId, flag_tick_all);
			nudge_at = now + nudge_every * 1000;
		}
		long longest = condition != nullptr ? nudge_every : 50;
		pg::call(sleep, condition, std::min(longest, TimestampDifferenceMilliseconds(now, until) + 1));
	}
	pg::call(ConditionVariableCancelSleep);
	return covered;
}

TimestampTz from_now(Interval *timeout)
{
	return DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval, TimestampTzGetDatum(GetCurrentTimestamp()),
	                                               IntervalPGetDatum(timeout)));
}

std::vector<int> numbers(ArrayType *array)
{
	Datum *values;
	int count;
	pg::call(deconstruct_array_builtin, array, Oid{INT4OID}, &values, static_cast<bool **>(nullptr), &count);
	std::vector<int> all;
	for (int i = 0; i < count; i++)
		all.push_back(DatumGetInt32(values[i]));
	return all;
}

}  // namespace

}  // namespace schedule

// Called by the extension script.
PGT_FUNCTION(schedule_here)
{
	schedule::note_created();
	PG_RETURN_VOID();
}

// Trigger of the tables that say what there is to do.
PGT_FUNCTION(schedule_changed)
{
	// Backends keep who follows what they write.
	pg::call(CacheInvalidateRelcache, reinterpret_cast<TriggerData *>(fcinfo->context)->tg_relation);
	schedule::note_definition();
	return PointerGetDatum(nullptr);
}

PGT_FUNCTION(schedule_wake)
{
	schedule::require();
	PG_RETURN_BOOL(schedule::wake(MyDatabaseId, schedule::flag_tick_all | schedule::flag_recheck));
}

PGT_FUNCTION(schedule_wait)
{
	schedule::require();
	std::vector<int> ids = schedule::numbers(PG_GETARG_ARRAYTYPE_P(0));
	std::string snapshot = pg::call(text_to_cstring, static_cast<const text *>(PG_GETARG_TEXT_PP(1)));
	TimestampTz until = pg::call(schedule::from_now, PG_GETARG_INTERVAL_P(2));
	schedule::Snapshot wanted = schedule::Snapshot::parse(snapshot);
	if (FullTransactionId own = GetTopFullTransactionIdIfAny(); FullTransactionIdIsValid(own))
		wanted.hide(U64FromFullTransactionId(own));
	PG_RETURN_BOOL(schedule::wait(ids, wanted, until));
}
