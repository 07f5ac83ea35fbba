#pragma once
// IMMEDIATE: a stream table follows inside the transaction that writes what it reads.
//
// A statement that changes rows is over when all its triggers have fired: its changes are in the log then, and the tables
// hold nothing that is not.  That is when the outermost statement that changes anything ends, be it a query, COPY, TRUNCATE or
// DDL; a function called from a SELECT, a DO or a CALL has each of its statements followed by itself.
// Then the stream tables that read what has changed are brought along, inputs before what reads them.
// An error of theirs is an error of the statement.
// What is written at the commit (logical replication, deferred triggers) is followed at the commit.
//
// Writers take a shared lock of the stream table to their end, and keys of it (delta/lock.cpp); what they apply is what they have
// logged themselves.  So the stream table needs no frontier: it is true in every snapshot.  It is locked as a
// whole for a key's worth of reasons: its operators name no keys, it is made anew, or so much changes that a key each is too many.
//
// Transactions that are at work when it is set up may not know of it.  Until they have ended it goes by its frontier, as
// other stream tables do, one writer at a time (meanwhile.h); the scheduler looks in, too.  From then on it is settled.
//
// A snapshot older than another's change cannot follow: REPEATABLE READ fails with 40001.
#include "pg/postgres.hpp"

#include <vector>

namespace apply {

// Brings the IMMEDIATE stream tables up to date with what this transaction has written since they last were.
// The relations that have changed by that.
std::vector<Oid> follow();

// These, which go by their frontiers, with what this transaction had written before it knew of them.  follow() comes next.
void bring_unfollowed(const std::vector<int> &ids);

// The first part of the log that this transaction has not brought along yet.
int unfollowed_part();

// Has the stream table, and the arrangements it uses, go by frontiers again: true for what is committed now and what this
// transaction has logged before a part.  REQUIRES: superuser, inside with_spi().
void unsettle(int id, int before_part);

// After consumers have moved to their frontier: those that every writer knows of are settled.  Not by who has set
// them up: others get to know of it when he commits.
void settle(const std::vector<int> &consumers);
bool is_settled(int consumer);

// While one lives nothing is followed: a refresh writes stream tables, and follows when it is through.
class Hold {
public:
	Hold();
	~Hold();
	Hold(const Hold &) = delete;
	Hold &operator=(const Hold &) = delete;
};

// Registers hooks and callbacks; from _PG_init, after capture's.
void follow_statements();

}  // namespace apply
