#include "ahead.h"

#include "capture.h"
#include "pg/spi.hpp"
#include "pg/worker.hpp"
#include "route.h"
#include "schedule/schedule.h"

extern "C" {
#include "access/table.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "catalog/pg_inherits.h"
#include "storage/dsm.h"
#include "storage/ipc.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
}

#include <algorithm>

extern "C" {
PGDLLEXPORT void pg_trickle_capture(Datum);
}

namespace capture {

namespace {

constexpr const char *turn = "100ms";       // that writers may have to wait behind us
constexpr long between_turns = 200;         // ms
constexpr int patience = 10'000;            // ms; then the lock is waited for, where deadlocks are found

struct Request {
	Oid database, relid;
	int patience, count;
	AttrNumber columns[FLEXIBLE_ARRAY_MEMBER];
};

Oid source_catalog()
{
	return get_relname_relid("source", get_namespace_oid("pgtrickle", false));
}

bool lock_consumers(Oid relid, LOCKMODE mode, bool wait)
{
	LOCKTAG tag;
	SET_LOCKTAG_OBJECT(tag, MyDatabaseId, source_catalog(), relid, 0);
	return LockAcquire(&tag, mode, false, !wait) != LOCKACQUIRE_NOT_AVAIL;
}

bool is_new(Oid relid)
{
	Relation relation = table_open(relid, AccessShareLock);
	bool made_here = relation->rd_createSubid != InvalidSubTransactionId;
	table_close(relation, AccessShareLock);
	return made_here;
}

bool holds_log(Oid relid)
{
	Oid log = segment_of(relid, 0);
	return OidIsValid(log) && CheckRelationOidLockedByMe(log, AccessShareLock, true);
}

// Would a worker see the relation as we do, and not wait for us?
bool can_be_seen(Oid relid)
{
	if (IsolationUsesXactSnapshot() || RecoveryInProgress() || is_new(source_catalog()) || holds_log(relid))
		return false;
	ListCell *cell;
	foreach (cell, find_all_inheritors(relid, AccessShareLock, nullptr))
		if (is_new(lfirst_oid(cell)) || CheckRelationOidLockedByMe(lfirst_oid(cell), RowExclusiveLock, true))
			return false;
	return true;
}

// The wait was cancelled: so is the work.
void cancel(dsm_segment *, Datum worker)
{
	TerminateBackgroundWorker(reinterpret_cast<BackgroundWorkerHandle *>(DatumGetPointer(worker)));
}

void install_by_worker(Oid relid, const AttrNumber *columns, int count)
{
	dsm_segment *segment = dsm_create(offsetof(Request, columns) + count * sizeof(AttrNumber), DSM_CREATE_NULL_IF_MAXSEGMENTS);
	if (segment == nullptr)
		return;
	auto *request = static_cast<Request *>(dsm_segment_address(segment));
	request->database = MyDatabaseId;
	request->relid = relid;
	request->patience = LockTimeout > 0 ? Min(LockTimeout, patience) : patience;
	request->count = count;
	std::copy(columns, columns + count, request->columns);

	BackgroundWorker worker = pg::describe_worker("pg_trickle capture", "pg_trickle capture", "pg_trickle_capture",
	                                              UInt32GetDatum(dsm_segment_handle(segment)));
	worker.bgw_notify_pid = MyProcPid;
	BackgroundWorkerHandle *handle;
	if (RegisterDynamicBackgroundWorker(&worker, &handle)) {
		on_dsm_detach(segment, cancel, PointerGetDatum(handle));
		if (WaitForBackgroundWorkerShutdown(handle) == BGWH_POSTMASTER_DIED)
			ereport(FATAL, (errcode(ERRCODE_ADMIN_SHUTDOWN), errmsg("the server is gone")));
		cancel_on_dsm_detach(segment, cancel, PointerGetDatum(handle));
	}
	dsm_detach(segment);
	AcceptInvalidationMessages();
}

// ---- the worker ----

void begin()
{
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
}

void commit()
{
	PopActiveSnapshot();
	CommitTransactionCommand();
}

// Whatever goes wrong for another reason than a lock is for the caller to find.
bool may_try_again(const Request &request, const std::vector<AttrNumber> &columns)
{
	try {
		pg::call(begin);
		ensure(request.relid, columns);
		pg::call(commit);
		return false;
	} catch (const pg::Error &error) {
		pg::call(AbortCurrentTransaction);
		return error.data()->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE;
	} catch (const pg::Failure &) {
		pg::call(AbortCurrentTransaction);
		return false;
	}
}

Request *connect(Datum handle)
{
	dsm_segment *segment = dsm_attach(DatumGetUInt32(handle));
	if (segment == nullptr)
		proc_exit(0);
	auto *request = static_cast<Request *>(dsm_segment_address(segment));
	BackgroundWorkerInitializeConnectionByOid(request->database, InvalidOid, 0);
	SetConfigOption("lock_timeout", turn, PGC_USERSET, PGC_S_OVERRIDE);
	SetConfigOption("statement_timeout", "0", PGC_USERSET, PGC_S_OVERRIDE);
	SetConfigOption("default_transaction_isolation", "read committed", PGC_USERSET, PGC_S_OVERRIDE);
	SetConfigOption("default_transaction_read_only", "off", PGC_USERSET, PGC_S_OVERRIDE);
	return request;
}

void run(Datum handle)
{
	Request *request = pg::call(connect, handle);
	std::vector<AttrNumber> columns(request->columns, request->columns + request->count);
	TimestampTz started = GetCurrentTimestamp();
	while (may_try_again(*request, columns) && !TimestampDifferenceExceeds(started, GetCurrentTimestamp(), request->patience))
		pg::call(pg::worker_sleep, between_turns, "PgTrickleCapture");
}

}  // namespace

void ensure_ahead(Oid relid, const std::vector<AttrNumber> &columns)
{
	if (schedule::is_preloaded() && pg::call(can_be_seen, relid)) {
		pg::call(lock_consumers, relid, LOCKMODE{ShareLock}, true);
		// To drop a trigger takes more than to make one: the worker would wait for us, who have read the table.
		if (!is_captured(relid, columns) && !has_strangers(relid))
			pg::call(install_by_worker, relid, static_cast<const AttrNumber *>(columns.data()), int(columns.size()));
	}
	ensure(relid, columns);
}

bool claim_abandoned(Oid relid)
{
	return pg::call(lock_consumers, relid, LOCKMODE{ExclusiveLock}, false);
}

}  // namespace capture

void pg_trickle_capture(Datum handle)
{
	pg::begin_worker();
	pg::entry(capture::run, handle);
}
