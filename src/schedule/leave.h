#pragma once

namespace schedule {

// Hooks the statements that need a database without sessions.
void watch_databases();

}  // namespace schedule
