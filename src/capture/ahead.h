#pragma once
// Capture installed ahead: in a transaction of its own, before that of its consumer.
//
// Triggers are made under a lock that writers wait for, and a transaction keeps its locks to its end; one that
// goes on to populate a stream table would stop the writers for as long as that takes.  So a background
// worker installs, commits and is gone, in milliseconds; all it leaves its caller is to look.  It asks for the
// lock in short turns, so that writers do not queue up behind it while an old transaction holds it off.
//
// What others cannot see or lock yet (a table that the caller's transaction has made or written to), and what
// did not succeed, is installed in the caller's transaction.  When that aborts after the worker has committed,
// capture is left without a consumer, and drain() removes it.
#include "pg/error.hpp"

#include <vector>

namespace capture {

// As ensure(), but writers are not stopped until the end of the transaction if that can be helped.
void ensure_ahead(Oid relid, const std::vector<AttrNumber> &columns);

// Nobody is about to add a consumer of the relation: true, and nobody will until the end of the transaction.
bool claim_abandoned(Oid relid);

}  // namespace capture
