#include "wake.h"

extern "C" {
#include "access/xact.h"
#include "miscadmin.h"
}

namespace schedule {

namespace {

// @scope transaction: the sources it has changed.
Oid changed[max_changed];
int changed_count;
bool too_many_changed;
bool definition_changed;
bool created;
bool databases_changed;

void set_latch(ProcNumber number)
{
	if (number != INVALID_PROC_NUMBER)
		SetLatch(&GetPGProcByNumber(number)->procLatch);
}

// Open addressing; a slot that is taken for the tick in between is simply found free again.
bool note(Database *database, Oid source)
{
	for (int probe = 0; probe < 8; probe++) {
		pg_atomic_uint32 *slot = &database->sources[(source + probe) % max_changed];
		uint32 expected = 0;
		if (pg_atomic_read_u32(slot) == source || pg_atomic_compare_exchange_u32(slot, &expected, source) ||
		    expected == source)
			return true;
	}
	return false;
}

void tell_scheduler()
{
	LWLockAcquire(shared()->lock, LW_SHARED);
	Database *database = find_slot(MyDatabaseId);
	// What a tick has changed, it has carried up itself.
	if (database != nullptr && database->pid != MyProcPid) {
		// What is committed must be visible to whoever takes the note.
		pg_memory_barrier();
		uint32 flags = flag_changed;
		if (definition_changed)
			flags |= flag_recheck;
		if (too_many_changed)
			flags |= flag_all_changed;
		for (int i = 0; i < changed_count; i++)
			if (!note(database, changed[i]))
				flags |= flag_all_changed;
		if ((pg_atomic_read_u32(&database->flags) & flags) != flags)
			pg_atomic_fetch_or_u32(&database->flags, flags);
		pg_memory_barrier();
		if (pg_atomic_read_u32(&database->attentive) != 0)
			set_latch(database->scheduler);
	}
	LWLockRelease(shared()->lock);
}

void tell_launcher()
{
	LWLockAcquire(shared()->lock, LW_EXCLUSIVE);
	if (Database *slot = claim_slot(MyDatabaseId); slot != nullptr) {
		slot->creations++;
		slot->wanted = true;
	}
	set_latch(shared()->launcher);
	LWLockRelease(shared()->lock);
}

void forget()
{
	changed_count = 0;
	too_many_changed = definition_changed = created = databases_changed = false;
}

void at_transaction(XactEvent event, void *)
{
	switch (event) {
	case XACT_EVENT_COMMIT:
		if (changed_count > 0 || too_many_changed || definition_changed)
			tell_scheduler();
		if (created)
			tell_launcher();
		if (databases_changed)
			wake_launcher();
		forget();
		break;
	case XACT_EVENT_PREPARE:
	case XACT_EVENT_ABORT:
		forget();
		break;
	default:
		break;
	}
}

}  // namespace

void note_change(Oid source)
{
	for (int i = 0; i < changed_count; i++)
		if (changed[i] == source)
			return;
	if (changed_count < max_changed)
		changed[changed_count++] = source;
	else
		too_many_changed = true;
}

void note_all_changed()
{
	too_many_changed = true;
}

void note_definition()
{
	definition_changed = true;
}

void note_created()
{
	created = true;
}

void note_databases()
{
	databases_changed = true;
}

bool wake(Oid database, uint32 flags)
{
	LWLockAcquire(shared()->lock, LW_SHARED);
	Database *slot = find_slot(database);
	bool running = slot != nullptr && slot->scheduler != INVALID_PROC_NUMBER;
	if (slot != nullptr) {
		pg_atomic_fetch_or_u32(&slot->flags, flags);
		set_latch(slot->scheduler);
	}
	LWLockRelease(shared()->lock);
	return running;
}

void wake_launcher()
{
	LWLockAcquire(shared()->lock, LW_SHARED);
	set_latch(shared()->launcher);
	LWLockRelease(shared()->lock);
}

void watch_commits()
{
	RegisterXactCallback(at_transaction, nullptr);
}

}  // namespace schedule
