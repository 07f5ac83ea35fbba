#pragma once
#include "pg/spi.hpp"
#include "pg/sql.hpp"

extern "C" {
#include "catalog/pg_authid.h"
#include "utils/guc.h"
}

namespace capture {

// SQL of our own, out of reach of the caller's rights, settings and search_path.
template <typename F>
void as_owner(F &&body)
{
	pg::Identity superuser(BOOTSTRAP_SUPERUSERID);
	int nesting = pg::call(NewGUCNestLevel);
	pg::call(RestrictSearchPath);
	pg::with_spi(body);
	pg::call(AtEOXact_GUC, false, nesting);
}

}  // namespace capture
