#pragma once

namespace view {

// Refuses DDL that would give a stream table other columns than its query has; from _PG_init.
void guard_shapes();

}  // namespace view
