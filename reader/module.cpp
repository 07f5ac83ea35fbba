// A library of its own, so that a backend loads Arrow only when it reads a lake.
#include "object_store.h"
#include "pg/error.hpp"

extern "C" {
#include "storage/ipc.h"

PG_MODULE_MAGIC_EXT(.name = "pg_trickle_lake", .version = PG_TRICKLE_VERSION);
PGDLLEXPORT void _PG_init(void);
}

#include <cstdlib>

namespace {

void finish(int, Datum)
{
	lake::finish_object_stores();
}

}  // namespace

// Memory goes back to the system with each batch; S3's own threads end before the process does.
void _PG_init(void)
{
	setenv("ARROW_DEFAULT_MEMORY_POOL", "system", 0);
	on_proc_exit(finish, 0);
}
