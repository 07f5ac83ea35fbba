#pragma once
// Copies: how sources are followed that no trigger sees.
//
// A materialized view, or a foreign table, is read through a copy of the columns that are needed of it, the table
// pgtrickle_state.c_<n>.  The compiled query names the copy in its place.  At a tick the source is read once, compared with
// the copy as a bag of images (numeric 1.0 is not 1.00), and the difference is written to the copy, whose capture logs it: from
// there on it is a table as any other.  It has the source's columns under their numbers; those that nobody reads are NULL.
//
// When it is compared
//   a materialized view  at each tick, if it was refreshed since: its row in pg_class is another one then.  Without a
//                        refresh a tick reads that row and nothing else.
//   a foreign table      at each tick of a stream table with a period, once a minute where all schedules are 'calculated',
//                        and when a refresh is asked for by hand.  What is not due is read from the copy.
//
// A table with a foreign table among its partitions or children is followed as a whole as a foreign table.
//
// All stream tables share the copy of a materialized view.  What a foreign table shows depends on who asks, by his user mapping,
// and on settings, by how text is read: it has a copy for each role and settings.  It is read as that role.
// Who compares holds the copy's lock (ShareUpdateExclusive) to the end of his transaction, taken before his snapshot.
#include "pg/sql.hpp"

extern "C" {
#include "nodes/parsenodes.h"
#include "utils/snapshot.h"
}

namespace apply {

struct Copy {
	Oid relid, source, role;
	bool foreign;
};

// Has the query read copies in the place of such sources; those it reads.  settings: array of names and values.  may_create:
// makes those that are missing, with their rows; else what is missing is left in place.
// REQUIRES: superuser, inside with_spi(); the query is rewritten, and a copy of one's own.
std::vector<Copy> read_copies(::Query *query, const std::string &settings, bool may_create);

// For a query that is only looked at: its sources may be taken as if they had copies.
void suppose_copies(::Query *query);

// Is a foreign table among the partitions or the children of a table?
bool has_foreign_part(Oid relid);

// The source of a copy; InvalidOid: the relation is none.
Oid source_of_copy(Oid relid);

// May there be something to compare at this tick of a reader?
bool may_be_due(const Copy &copy, int reader, bool by_hand);

// False: another tick has it.
bool lock(const Copy &copy, bool wait);

// Brings the copy to the source.  Fails as reading the source does; 40001 if it was compared since the snapshot.
void compare(const Copy &copy, Snapshot snapshot);

// Makes sure that rows of a copy are found by these columns.  False: not yet, or their values may be too long for an index.
bool index_copy(Oid relid, const std::vector<int> &attributes, bool may_create);

// Drops the copies that nothing reads.
void drop_unused_copies();

// How it is followed for a stream table.
std::string describe(const Copy &copy, int reader);

}  // namespace apply
