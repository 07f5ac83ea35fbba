#pragma once
// What a stream table was set up for, and what happens when that changes.
//
// State tables, arrangements and the key of the stream table are made for one compilation of
// the query.  A later one may want others, because a source has lost its primary key or a NOT
// NULL, say; or it may mean something else by the same tables, because a view or a function
// of the query was replaced.  So what they were made for is remembered beside them (layout and
// target in pgtrickle.stream_table, layout in pgtrickle.arrangement), and a tick that compiles anew compares:
//
//   another layout or target   state is made and filled anew, and the difference goes to the
//                              stream table, whose rows and readers stay: a rebuild
//   other arrangements         are made, or given up; the tick goes on from the changes
//   a value too long           for an index row was met: state with hashes in its indexes
//   another owner              what belongs to the stream table follows it
//   no law any more            AUTO falls back to FULL; DIFFERENTIAL fails and says why
#include "view.h"

namespace view {

// The compiled stream table with all that it needs set up.
// REQUIRES: the caller holds its lock and has not taken the snapshot to refresh at; superuser, inside with_spi().
View &ready(int id);

// After a value did not fit an index row: sets up state that is found by hashes.  nullptr: there
// is no more that could be hashed.  REQUIRES: as ready(), but the snapshot may be taken.
View *widen(int id);

// What state is made for: a digest of what the query means, a blank, a digest of the shape of its state.
std::string layout_of(const View &view);

struct Dependencies {
	std::string names;        // of all that the query depends on, as they are printed
	std::string meaning;      // digest of the views and functions among them
};
Dependencies dependencies_of(int id);

}  // namespace view
