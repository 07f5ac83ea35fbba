// One launcher a cluster: starts a scheduler in every database that has the extension.
#include "schedule.h"

#include "due.h"
#include "pg/memory.hpp"
#include "pg/worker.hpp"
#include "wake.h"

extern "C" {
#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_database.h"
#include "storage/ipc.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
}

#include <map>
#include <optional>

extern "C" {
PGDLLEXPORT void pg_trickle_launcher(Datum);
}

namespace schedule {

namespace {

constexpr long rescan_every = 60'000;
constexpr long between_starts = 50;
constexpr int at_a_time = 2;    // databases that are being tried

struct Known {
	BackgroundWorkerHandle *worker = nullptr;   // running, or so it was
	bool absent = false;                        // tried: the extension is not there
	bool listed = true;
	int failures = 0;
	TimestampTz started = 0, start_after = 0;
};

using Databases = std::map<Oid, Known>;

void say_goodbye(int, Datum)
{
	LWLockAcquire(shared()->lock, LW_EXCLUSIVE);
	shared()->launcher = INVALID_PROC_NUMBER;
	LWLockRelease(shared()->lock);
}

void say_hello()
{
	LWLockAcquire(shared()->lock, LW_EXCLUSIVE);
	shared()->launcher = MyProcNumber;
	LWLockRelease(shared()->lock);
	before_shmem_exit(say_goodbye, Datum(0));
}

// Databases one can connect to.  Templates are left alone, so that they can be copied.
int list_databases(Oid *oids, int room)
{
	int count = 0;
	StartTransactionCommand();
	Relation catalog = table_open(DatabaseRelationId, AccessShareLock);
	TableScanDesc scan = table_beginscan_catalog(catalog, 0, nullptr);
	for (HeapTuple tuple; HeapTupleIsValid(tuple = heap_getnext(scan, ForwardScanDirection));) {
		auto *form = reinterpret_cast<Form_pg_database>(GETSTRUCT(tuple));
		if (form->datallowconn && !form->datistemplate && form->datconnlimit != DATCONNLIMIT_INVALID_DB && count < room)
			oids[count++] = form->oid;
	}
	table_endscan(scan);
	table_close(catalog, AccessShareLock);
	CommitTransactionCommand();
	return count;
}

void rescan(Databases &databases)
{
	std::vector<Oid> oids(16384);
	oids.resize(pg::call(list_databases, oids.data(), int(oids.size())));
	for (auto &[oid, known] : databases)
		known.listed = false;
	for (Oid oid : oids)
		databases[oid].listed = true;
	std::erase_if(databases, [](const auto &entry) { return !entry.second.listed && entry.second.worker == nullptr; });
}

// What sessions and schedulers have left in the slots.
void read_slots(Databases &databases)
{
	LWLockAcquire(shared()->lock, LW_EXCLUSIVE);
	for (Database &slot : shared()->databases) {
		if (slot.id == InvalidOid)
			continue;
		auto found = databases.find(slot.id);
		if (found == databases.end()) {
			slot.id = InvalidOid;
			continue;
		}
		Known &known = found->second;
		if (slot.wanted) {
			known.absent = false;
			known.failures = 0;
			known.start_after = 0;
			slot.wanted = false;
		}
		if (slot.absent) {
			known.absent = true;
			known.failures = 0;
			slot.id = InvalidOid;
		}
		if (slot.start_after != 0)
			known.start_after = slot.start_after;
		slot.start_after = 0;
	}
	LWLockRelease(shared()->lock);
}

bool stopped(Known &known)
{
	pid_t pid;
	return pg::call(GetBackgroundWorkerPid, known.worker, &pid) == BGWH_STOPPED;
}

// Schedulers that have ended: on purpose, or to be started again after a while.
void reap(Databases &databases)
{
	TimestampTz now = GetCurrentTimestamp();
	for (auto &[oid, known] : databases) {
		if (known.worker == nullptr || !stopped(known))
			continue;
		pfree(known.worker);
		known.worker = nullptr;
		// One that has run for long enough was healthy.
		known.failures = TimestampDifferenceExceeds(known.started, now, 60'000) ? 1 : known.failures + 1;
		known.start_after = Max(known.start_after, now + backoff(known.failures));
	}
}

bool claim(Oid database)
{
	LWLockAcquire(shared()->lock, LW_EXCLUSIVE);
	Database *slot = claim_slot(database);
	bool claimed = slot != nullptr;
	if (claimed)
		pg_atomic_write_u32(&slot->flags, 0);
	LWLockRelease(shared()->lock);
	if (!claimed)
		ereport(LOG, (errmsg("pg_trickle serves at most %d databases; the database with OID %u must wait", max_databases,
		                     database)));
	return claimed;
}

BackgroundWorkerHandle *start_scheduler(Oid database)
{
	BackgroundWorker worker =
	    pg::describe_worker("pg_trickle scheduler", "pg_trickle scheduler", "pg_trickle_scheduler", ObjectIdGetDatum(database));
	worker.bgw_notify_pid = MyProcPid;
	BackgroundWorkerHandle *handle;
	MemoryContext context = MemoryContextSwitchTo(TopMemoryContext);
	bool registered = RegisterDynamicBackgroundWorker(&worker, &handle);
	MemoryContextSwitchTo(context);
	if (!registered)
		ereport(LOG, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
		              errmsg("no background worker is free for the pg_trickle scheduler of the database with OID %u", database),
		              errhint("Increase \"max_worker_processes\": pg_trickle needs one, and one more for each database with the "
		                      "extension.")));
	return registered ? handle : nullptr;
}

void start(Oid database, Known &known)
{
	TimestampTz now = GetCurrentTimestamp();
	if (pg::call(claim, database))
		known.worker = pg::call(start_scheduler, database);
	known.started = now;
	if (known.worker == nullptr)
		known.start_after = now + backoff(++known.failures + 3);
}

bool is_waiting(const Known &known)
{
	return known.listed && known.worker == nullptr && !known.absent;
}

// Starts what may start now; returns how long to sleep.
long start_all(Databases &databases)
{
	TimestampTz now = GetCurrentTimestamp();
	long sleep = rescan_every;
	int started = 0;
	for (auto &[oid, known] : databases) {
		if (!is_waiting(known))
			continue;
		if (known.start_after > now) {
			sleep = std::min(sleep, TimestampDifferenceMilliseconds(now, known.start_after) + 1);
		} else if (started == at_a_time) {
			sleep = std::min(sleep, between_starts);
		} else {
			start(oid, known);
			started++;
		}
	}
	return sleep;
}

void run()
{
	pg::call(BackgroundWorkerInitializeConnectionByOid, Oid{InvalidOid}, Oid{InvalidOid}, uint32{0});
	pg::call(say_hello);
	Databases &databases = *new Databases;  // the process may end in the middle of anything
	for (;;) {
		rescan(databases);
		reap(databases);
		read_slots(databases);
		long sleep = start_all(databases);
		pg::call(pg::worker_sleep, sleep, "PgTrickleLauncher");
	}
}

}  // namespace

}  // namespace schedule

void pg_trickle_launcher(Datum)
{
	pg::begin_worker();
	pg::entry(schedule::run);
}
