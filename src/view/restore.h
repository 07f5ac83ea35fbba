#pragma once
// What a dump holds of stream tables, and how they come to life again.
//
// pg_dump knows tables, views, triggers and comments, and these say it all: the stream table with its rows;
// its query, the view pgtrickle_state.q_<id>; the guard trigger, whose argument is <id>; and the comment on the view:
// how it is refreshed.  Catalog and logs belong to the extension, which a dump creates empty; frontiers
// would mean nothing in another cluster.  So a stream table that nobody knows is registered and set up
// as when it was created, and its first refresh applies the difference to the rows that came with it.
#include <vector>

namespace view {

// Writes down, beside the query, how the stream table is refreshed.  After every change of that.
void remember(int id);

// Stream tables, not registered, that a dump has brought.
bool any_to_restore();

// Restores them all; their ids.  One that cannot be restored is left, with a warning.
// REQUIRES: inside with_spi(); superuser.
std::vector<int> restore();

}  // namespace view
