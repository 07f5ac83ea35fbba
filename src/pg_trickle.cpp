// The library meets the server: settings, shared memory, hooks, workers.
#include "apply/immediate.h"
#include "capture/capture.h"
#include "pg/trust.hpp"
#include "schedule/schedule.h"
#include "settings.h"
#include "view/guard.h"

extern "C" {
#include "utils/guc.h"

PG_MODULE_MAGIC_EXT(.name = "pg_trickle", .version = PG_TRICKLE_VERSION);
PGDLLEXPORT void _PG_init(void);
}

// In the order of their names.
static void define_settings()
{
	DefineCustomBoolVariable("pg_trickle.enabled", "Whether stream tables are refreshed by their schedules and lakes are served.",
	                         "Changes are captured in any case, and refresh_stream_table works.", &settings::enabled, true,
	                         PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
	DefineCustomIntVariable("pg_trickle.history_rows", "How many refreshes of a stream table are kept in its history.",
	                        "0 keeps all of them.", &settings::history_rows, 1000, 0, INT_MAX, PGC_SIGHUP, 0, nullptr, nullptr,
	                        nullptr);
	DefineCustomIntVariable("pg_trickle.kept_from", "From more rows of a table than these on, the few that a filter of a new stream table lets through are kept as state.",
	                        "-1: what a filter lets through is kept, however many rows there are. For tests.", &settings::kept_from, 10000, -1, INT_MAX, PGC_SUSET,
	                        0, nullptr, nullptr, nullptr);
	DefineCustomStringVariable("pg_trickle.lake_command", "The program that serves the lakes of a database.",
	                           "Empty: trickle-lake beside the server's own programs.", &settings::lake_command, "", PGC_SIGHUP,
	                           GUC_SUPERUSER_ONLY, nullptr, nullptr, nullptr);
	DefineCustomStringVariable("pg_trickle.lake_conninfo", "How that program connects, but for dbname.",
	                           "Empty: over the server's socket as its first superuser. Shown in the process list: name a "
	                           "passfile, not a password.", &settings::lake_conninfo, "",
	                           PGC_SIGHUP, GUC_SUPERUSER_ONLY, nullptr, nullptr, nullptr);
	DefineCustomIntVariable("pg_trickle.log_segment_size", "A change log that has grown to this size goes on in its other segment.",
	                        "The first is emptied once all consumers have read it.", &settings::log_segment_size, 16, 1,
	                        1024 * 1024, PGC_SUSET, GUC_UNIT_MB, nullptr, nullptr, nullptr);
	DefineCustomIntVariable("pg_trickle.weighed_rows", "From more changed rows than these on AUTO weighs changes against recomputing.",
	                        "What takes fewer is not worth the weighing.", &settings::weighed_rows, 1000, 0, INT_MAX, PGC_SUSET, 0,
	                        nullptr, nullptr, nullptr);
	DefineCustomIntVariable("pg_trickle.max_log_size", "The most that a change log keeps for consumers that lag behind.",
	                        "Beyond it they are rebuilt from their sources instead.", &settings::max_log_size, 10240, 1,
	                        INT_MAX, PGC_SUSET, GUC_UNIT_MB, nullptr, nullptr, nullptr);
	MarkGUCPrefixReserved("pg_trickle");
}

// Loaded with the server; or, if it was left out of its settings, on demand by the first change of a captured
// table: nothing runs by itself then, but the change is logged.
void _PG_init(void)
{
	define_settings();
	if (process_shared_preload_libraries_in_progress)
		schedule::initialize();
	capture::initialize();
	pg::watch_analysis();
	apply::follow_statements();
	view::guard_shapes();
}

PGT_FUNCTION(require_preload)
{
	if (!schedule::is_preloaded())
		pg::fail(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		         "pg_trickle must be loaded via \"shared_preload_libraries\"",
		         "Its workers and hooks are started with the server.",
		         "Add the line  shared_preload_libraries = 'pg_trickle'  to postgresql.conf (after a comma, if others are "
		         "there) and restart the server.");
	PG_RETURN_VOID();
}
