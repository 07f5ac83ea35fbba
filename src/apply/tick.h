#pragma once
// A tick: stream tables brought to one snapshot, together, in one transaction.
//
// The recipe: lock them; take the snapshot; then, inputs before what reads them,
// advance the arrangements each uses and refresh it in a subtransaction of its
// own, so that one that fails keeps its old state and the others go on; move the
// frontiers; write health and history.  A commit makes all of it visible at once.
#include "apply/refresh.h"

#include <functional>
#include <vector>

namespace apply {

struct Ticked {
	int id;
	Outcome outcome;
};

enum class IfLocked { wait, skip };

// Refreshes these stream tables in the current transaction; what was done for
// each that was not skipped.  looking, if given, runs at the end under the tick's snapshot.
// REQUIRES: a transaction; superuser rights are taken inside.
std::vector<Ticked> tick(const std::vector<int> &ids, IfLocked if_locked = IfLocked::skip,
                         const std::function<void(Snapshot)> &looking = {});

// These and every stream table they read, directly or not.
std::vector<int> with_inputs(const std::vector<int> &ids);

// No later tick may see the stream table half changed: holds its lock to the end of the transaction.
bool lock(int consumer, IfLocked if_locked);

}  // namespace apply
