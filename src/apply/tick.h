#pragma once
// A tick: stream tables brought to one snapshot, together, in one transaction.
//
// The recipe: lock them; take the snapshot; then, inputs before what reads them,
// advance the arrangements each uses and refresh it in a subtransaction of its
// own, so that one that fails keeps its old state and the others go on; move the
// frontiers; write health and history.  A commit makes all of it visible at once.
#include "apply/refresh.h"

#include <functional>
#include <set>
#include <vector>

namespace apply {

struct Ticked {
	int id;
	Outcome outcome;
};

enum class IfLocked { wait, skip };

// Refreshes these stream tables in the current transaction; what was done for
// each that was not skipped.  looking, if given, runs at the end under the tick's snapshot.  Those that read
// what follows them in IMMEDIATE mode, and is behind them, have another turn.
// REQUIRES: a transaction; superuser rights are taken inside.
std::vector<Ticked> tick(const std::vector<int> &ids, IfLocked if_locked = IfLocked::skip,
                         const std::function<void(Snapshot)> &looking = {});

// As tick(), in the transaction that has changed what they read: leaves no trace in health
// and history but of what is more than following.
// advanced: arrangements that have been.
std::vector<Ticked> bring_along(const std::vector<int> &ids, const std::set<int> &advanced, IfLocked if_locked = IfLocked::wait);

// These and every stream table they read, directly or not, but for those that their writers bring along.
std::vector<int> with_inputs(const std::vector<int> &ids);

// No later tick may see the stream table half changed: holds its lock to the end of the transaction.
bool lock(int consumer, IfLocked if_locked);

// The same for one of many that work on it side by side, each at keys of its own.
void lock_shared(int consumer);
// Before anything was done under a lock just taken.
void unlock(int consumer, bool shared);

// Into health and history.
void record_success(const Ticked &ticked);

// Compiled and set up; what its sources are is what they were compiled as, to the end of the transaction.
// REQUIRES: its lock is held; superuser, inside with_spi().
view::View *locked_and_ready(int id);

}  // namespace apply
