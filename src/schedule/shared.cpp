#include "shared.h"

extern "C" {
#include "storage/ipc.h"
#include "storage/shmem.h"
}

namespace schedule {

namespace {

Shared *segment;
shmem_request_hook_type next_request;
shmem_startup_hook_type next_startup;

void request()
{
	if (next_request != nullptr)
		next_request();
	RequestAddinShmemSpace(MAXALIGN(sizeof(Shared)));
	RequestNamedLWLockTranche("pg_trickle", 1);
}

void startup()
{
	if (next_startup != nullptr)
		next_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	bool found;
	segment = static_cast<Shared *>(ShmemInitStruct("pg_trickle", sizeof(Shared), &found));
	if (!found) {
		memset(static_cast<void *>(segment), 0, sizeof(Shared));
		segment->lock = &GetNamedLWLockTranche("pg_trickle")->lock;
		segment->launcher = INVALID_PROC_NUMBER;
		for (Database &database : segment->databases) {
			database.scheduler = INVALID_PROC_NUMBER;
			ConditionVariableInit(&database.ticked);
			pg_atomic_init_u32(&database.attentive, 0);
			pg_atomic_init_u32(&database.flags, 0);
			for (auto &source : database.sources)
				pg_atomic_init_u32(&source, 0);
		}
	}
	LWLockRelease(AddinShmemInitLock);
}

}  // namespace

Shared *shared()
{
	return segment;
}

Database *find_slot(Oid database)
{
	for (Database &slot : segment->databases)
		if (slot.id == database)
			return &slot;
	return nullptr;
}

Database *claim_slot(Oid database)
{
	if (Database *slot = find_slot(database); slot != nullptr)
		return slot;
	Database *slot = find_slot(InvalidOid);
	if (slot != nullptr) {
		slot->id = database;
		slot->scheduler = INVALID_PROC_NUMBER;
		slot->pid = 0;
		slot->start_after = 0;
		slot->wanted = slot->absent = false;
		pg_atomic_write_u32(&slot->flags, 0);
		for (auto &source : slot->sources)
			pg_atomic_write_u32(&source, 0);
	}
	return slot;
}

void request_shared_memory()
{
	next_request = shmem_request_hook;
	shmem_request_hook = request;
	next_startup = shmem_startup_hook;
	shmem_startup_hook = startup;
}

}  // namespace schedule
