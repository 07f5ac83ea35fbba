#pragma once
// What the schedulers share with everybody else: one slot a database, in shared memory.
//
// Thread safety: slots are claimed and freed under the lock; the words of a claimed
// slot are atomics, set by whoever commits and taken by the slot's scheduler.
#include "pg/postgres.hpp"

extern "C" {
#include "port/atomics.h"
#include "storage/condition_variable.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "utils/timestamp.h"
}

namespace schedule {

constexpr int max_databases = 128;
constexpr int max_changed = 64;   // distinct sources noted between two ticks; more count as all

enum Flag : uint32 {
	flag_changed = 1,       // some source has changed, see sources
	flag_all_changed = 2,   // more than could be noted
	flag_tick_all = 4,      // tick every view with a calculated schedule, changed or not
	flag_leave = 8,         // leave the database: somebody wants to drop, rename or copy it
	flag_recheck = 16,      // definitions may have changed
};

struct Database {
	Oid id;                             // InvalidOid: the slot is free
	ProcNumber scheduler;               // INVALID_PROC_NUMBER: not running
	int pid;
	pg_atomic_uint32 attentive;         // commits set the latch; otherwise it will look at the flags by itself
	pg_atomic_uint32 flags;
	pg_atomic_uint32 sources[max_changed];  // 0: free
	ConditionVariable ticked;           // broadcast after every tick
	TimestampTz start_after;            // for the launcher: no scheduler before this (0: no news)
	uint32 creations;                   // CREATE EXTENSIONs that have been committed
	bool wanted;                        // one since the launcher has last looked
	bool absent;                        // a scheduler has found no extension
};

struct Shared {
	LWLock *lock;
	ProcNumber launcher;
	Database databases[max_databases];
};

// nullptr when the library was not loaded at server start.
Shared *shared();

// Its slot; REQUIRES the lock.  nullptr: none (and, for claim_slot, none free).
Database *find_slot(Oid database);
Database *claim_slot(Oid database);

void request_shared_memory();

}  // namespace schedule
