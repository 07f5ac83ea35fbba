#pragma once
// Functions that answer otherwise while nothing that is captured has changed.
//
// A VOLATILE function does at any time.  A STABLE one does not within a statement, and may between two: of the
// server's own, most depend on settings only, which are kept with the stream table, and now() has a law (time.h);
// those that tell of catalogs or of the server's state have none.  One of yours may read tables, unless it is in C; where the
// server would put an SQL function's body in the place of its call, so is done here, and the body is looked at.
#include "pg/postgres.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace query {

// The same query with such bodies in the place of their calls.  In C frames; may raise its errors.
::Query *with_bodies(const ::Query *query);

// A call in the expression that may answer otherwise.
struct Unsteady {
	Oid function;         // InvalidOid: there is none
	bool own;             // not the server's
	int location;
};
Unsteady unsteady_call(Node *expression);

// A STABLE function that may do so.
bool is_unsteady(Oid function);

}  // namespace query
