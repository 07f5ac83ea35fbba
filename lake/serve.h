#pragma once
// When to publish what: the loop of the program.
//
// A table with a period is due when the clock passes a multiple of it, so tables with the same period are due
// together and share a lake snapshot.  A table on 'calculated' is due when its log has something new.  publish_now
// makes all tables of a lake due.  None of this is told by NOTIFY, which would tax every writer: one small query, ten
// times a second, asks.
//
// A table is served by one program at a time, a lake's upkeep too: share.h says by which.
#include <string>

namespace lake {

struct Settings {
	std::string conninfo;
	std::string lake;   // serve only this one; empty: all of the database
	bool once = false;  // publish everything once, then end
};

// Ends only with `once`, then telling whether everything was published, or by an exception.
bool serve(const Settings &settings);

}  // namespace lake
