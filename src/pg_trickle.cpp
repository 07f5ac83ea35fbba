// The library meets the server.
#include "capture/capture.h"
#include "schedule/wake.h"

extern "C" {
PG_MODULE_MAGIC_EXT(.name = "pg_trickle", .version = PG_TRICKLE_VERSION);
PGDLLEXPORT void _PG_init(void);
}

// Loaded at server start, or on demand by a session, where only the functions work.
void _PG_init(void)
{
	if (!process_shared_preload_libraries_in_progress)
		return;
	schedule::request_shared_memory();
	schedule::watch_commits();
	capture::initialize();
}

PGT_FUNCTION(require_preload)
{
	if (schedule::shared() == nullptr)
		pg::fail(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		         "pg_trickle must be loaded via \"shared_preload_libraries\"",
		         "Its workers and hooks are started with the server.",
		         "Add the line  shared_preload_libraries = 'pg_trickle'  to postgresql.conf (after a comma, if others are "
		         "there) and restart the server.");
	PG_RETURN_VOID();
}
