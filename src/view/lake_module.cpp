// What is read of lakes is read by a library of its own, pg_trickle_lake (reader/), so that a backend loads Arrow only when
// it does, and the extension can be made where there is no Arrow.  Functions that live there are entered from here.
#include "pg/error.hpp"

namespace {

Datum in_module(const char *function, FunctionCallInfo fcinfo)
{
	void *found = pg::call(load_external_function, "$libdir/pg_trickle_lake", function, true, static_cast<void **>(nullptr));
	return pg::call(reinterpret_cast<PGFunction>(found), fcinfo);
}

}  // namespace

PGT_FUNCTION(lake_table_handler)
{
	return in_module("lake_table_handler", fcinfo);
}

PGT_FUNCTION(lake_table_ddl)
{
	return in_module("lake_table_ddl", fcinfo);
}

PGT_FUNCTION(lake_feed_rows)
{
	return in_module("lake_feed_rows", fcinfo);
}

PGT_FUNCTION(lake_feed_positions)
{
	return in_module("lake_feed_positions", fcinfo);
}

PGT_FUNCTION(lake_feed_columns)
{
	return in_module("lake_feed_columns", fcinfo);
}

PGT_FUNCTION(lake_feed_bytes)
{
	return in_module("lake_feed_bytes", fcinfo);
}
