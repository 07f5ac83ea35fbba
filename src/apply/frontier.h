#pragma once
// Frontiers: the snapshot a consumer is true for, and how a tick moves it.
#include "pg/sql.hpp"

extern "C" {
#include "utils/snapshot.h"
#include "utils/timestamp.h"
}

namespace apply {

struct Frontier {
	int consumer = 0;
	bool populated = false;
	bool lapsed = false;                          // its state is not kept up
	std::string xmax, xip, seen_xid, seen_part;   // text; xip an array literal
	bool has_seen = false;
	TimestampTz ticked_at = 0;
};

// The frontiers of these consumers, in their order.
std::vector<Frontier> read_frontiers(const std::vector<int> &consumers);

// Parameters $1…$4 of a batch.
struct BatchParameters {
	std::vector<Datum> values;
	char nulls[4];
};
BatchParameters batch_parameters(const Frontier &frontier);

// The frontier of a consumer that has read all the snapshot sees, and what its own transaction
// wrote so far: the snapshot as text with the own transaction counted as visible.
std::string frontier_of(Snapshot snapshot);

// What this transaction itself has logged since a part of it, and nothing else.
Frontier own_since(int part);

// Moves consumers to it.
void write_frontiers(const std::vector<int> &consumers, const std::string &frontier);
void write_frontiers(const std::vector<int> &consumers, const std::string &frontier, int part);

// A stream table whose state is not kept up any more, and its arrangements that no other one keeps up.
void lapse(int view);
// What is kept up again.
void revive(int consumer);

// Our transaction's number, which is made to exist.
uint64 own_xid();

}  // namespace apply
