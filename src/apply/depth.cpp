// The equality of depths in UNION: they are all the same.  Called for each row of a fill, and has nothing to unwind.
#include "pg/postgres.hpp"

extern "C" {

#include "fmgr.h"

PG_FUNCTION_INFO_V1(depth_equal);
PGDLLEXPORT Datum depth_equal(PG_FUNCTION_ARGS)
{
	(void)fcinfo;
	PG_RETURN_BOOL(true);
}

PG_FUNCTION_INFO_V1(depth_hash);
PGDLLEXPORT Datum depth_hash(PG_FUNCTION_ARGS)
{
	(void)fcinfo;
	PG_RETURN_INT32(0);
}

}
