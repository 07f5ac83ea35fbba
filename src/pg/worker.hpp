#pragma once
// A background worker's life: signals, sleep, exit.
#include "error.hpp"

extern "C" {
#include "postmaster/bgworker.h"
}

namespace pg {

// What the library's workers have in common.  main names an extern "C" function of the library.
BackgroundWorker describe_worker(const char *name, const char *type, const char *main, Datum argument);

// First thing in a worker: SIGTERM ends it at the next safe point, SIGHUP reloads the settings.
void begin_worker();

// Sleeps until the latch is set or the time is over (negative: no limit), then serves what the server asks of
// every process: exit, settings, barriers, invalidations.  event names the wait in pg_stat_activity.
// May end the process; no C++ object whose destructor matters may be alive.
void worker_sleep(long milliseconds, const char *event);

}  // namespace pg
