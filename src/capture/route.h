#pragma once
// From a trigger to its log: which columns of the row go where.
//
// @scope backend: kept by trigger, made again after a relcache invalidation of
// the relation, its root or the log.
#include "pg/postgres.hpp"

extern "C" {
#include "commands/trigger.h"
#include "utils/rel.h"
}

namespace capture {

struct Column {
	AttrNumber source;  // attribute of the row, 0: none, the log gets NULL
	bool by_value;
	int16 length;
	bool computed;      // a virtual generated column
};

struct Log;

struct Route {
	Oid trigger;        // hash key
	Oid relid;          // the relation with the trigger
	Oid root;           // the captured relation
	bool valid;
	bool current;       // while it is made: no invalidation has arrived since
	bool captured;      // false: a trigger that outlived its source's capture
	bool misfit;        // the log does not have the types of the row: any change is a rebuild
	int16 active;
	Oid segments[2];
	int width;          // columns of the log
	Column *columns;    // by log attribute number - 1
	AttrNumber last;    // highest attribute of the row that is needed
	MemoryContext memory;
	Log *log;           // open in this transaction while era is the current one
	uint64 era;
};

// The route of a trigger that has fired.  May ereport; no C++ object may be alive.
Route *find_route(TriggerData *data);

// A route from the relation itself, for changes that no trigger sees; nullptr if it is not captured.
Route *find_route(Oid root);

// Whether a log is kept for the relation itself.
bool is_captured(Oid relid);

// Makes an invalidated route again.
void remake(Route *route);

// A segment, 0 or 1, of the log of a captured relation; InvalidOid: there is none.
Oid segment_of(Oid root, int number);

void watch_invalidations();

}  // namespace capture
