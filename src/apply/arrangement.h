#pragma once
// Arrangements: where rows of a source are found by key.
//
// First an index of the user's; else a table pgtrickle_state.a_<id> that all
// stream tables share: the key beside the source's primary key, which joins
// it back to the source (so a change of other columns writes nothing here); for a
// source without a primary key, the key beside all columns needed and the
// number of copies.  Rows with a NULL in the key are left out: no equality or
// comparison finds them.  Keys too long for an index row are found by a hash index (wide).
// An arrangement is a consumer with a frontier of its own.
// When the source gets another primary key, or its columns other types, another
// arrangement takes its place: each remembers the shape it was made with.
#include "apply/frame.h"
#include "delta/compile.h"

namespace apply {

class Arrangements : public delta::Catalog {
public:
	// may_create: makes those that are missing, but for the capture of what they read.  wide: with hashed keys.
	// apart: for those that follow in their writers' transactions, which the others must not be in the way of.
	Arrangements(int view, bool may_create, bool wide, bool apart) : view_(view), may_create_(may_create), wide_(wide), apart_(apart) {}
	delta::Access access(Oid relation, const std::set<int> &key, const std::vector<int> &needed) override;
	bool has_index(Oid relation, int attribute) override;
	const std::set<int> &used() const { return used_; }
	bool lacking() const { return lacking_; }    // one is wanted that may not be made
	bool counting() const { return counting_; }  // one has rows that stand for several

private:
	int view_;
	bool may_create_, wide_, apart_;
	std::set<int> used_;
	bool lacking_ = false, counting_ = false;
};

// Brings an arrangement to the snapshot.  frontier: parameters of the batch; NULL frontier: from scratch.
struct Frontier;
void advance(int arrangement, const Frontier &from, Snapshot snapshot);

// The batch of a source's changes into an ephemeral relation (columns a<n>, w), and the statement that sums
// equal rows, so that those that cancel go.
Prepared batch_statement(Oid source, const std::vector<AttrNumber> &attributes, const std::string &into);
Prepared consolidation(const std::string &from, const std::string &into, const std::vector<query::Column> &columns);

// Drops arrangements that no stream table uses.
void drop_unused();

}  // namespace apply
