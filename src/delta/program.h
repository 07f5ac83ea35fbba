#pragma once
// A stream table compiled: the statements that turn the changes of its sources
// into its own change, and keep its state, once a tick.
//
// Deltas travel between statements as ephemeral relations (tuplestores the
// server reads like tables) with columns c1…cn and a weight w.  Every statement
// is planned once per backend for a few rows and once for some; a bulk delta is planned anew with
// its true row counts, which costs nothing beside running it.
#include "query/tree.h"

#include <map>
#include <string>
#include <vector>

namespace delta {

using query::Column;
using query::Oid;

// An ephemeral relation.
struct Ephemeral {
	std::vector<Column> columns;          // by their names in SQL
};

struct Statement {
	std::string sql;
	std::string bulk;                     // instead of sql when much of the bases is touched; empty: the same
	std::vector<Oid> bases;               // tables that bulk reads as a whole
	std::vector<std::string> reads;       // ephemeral relations it names
	std::string into;                     // the ephemeral relation it appends to; empty: none
	bool modifies = false;                // INSERT, DELETE, MERGE on state
	bool scans = false;                   // reads whole tables: always planned anew
};

// Whom a key excludes that was locked for two transactions at work on one stream table (see lock.cpp).
enum class Excludes { nobody, rights, lefts, everybody };

// One statement of a tick, run when its inputs say so.
struct Step {
	int node;                             // operator
	std::string title;
	std::vector<std::string> all;         // runs only if all of these have rows …
	std::vector<std::string> any;         // … and, if given, any of these …
	std::vector<std::string> none;        // … and none of these
	bool when_time_moves = false;         // runs without input, if the tick's time differs from the last
	Statement statement;
	int loop = -1;                        // the loop it is part of
	Excludes excludes = Excludes::nobody; // but nobody: yields the hashes of keys to lock before what follows
	int slot = 0;                         // … under this number
};

// Steps that run in rounds, one for each depth at which there is something to do, the least first.  These are
// ephemeral relations; pending and taken have the depth as their last column but one.
struct Loop {
	std::string pending;                  // what is to be done at which depth: filled before, and by the steps for greater ones
	std::string taken;                    // that of the round's depth
	std::string before, now;              // what the round before this one came to, at a depth less by one, and what this one does
	std::string total;                    // of all rounds
	std::vector<std::string> emptied;     // at the start of a round
};

// A table of pgtrickle_state that an operator keeps.
struct State {
	int node;
	std::string role;                     // groups, values, rows
	std::string table;                    // qualified name
	std::vector<std::string> create;      // DDL before the fill
	std::string fill;                     // SELECT: its rows from scratch …
	std::vector<std::string> index;       // after every fill, as the extension: indexes, where a sequence goes on
	std::vector<std::string> finish;      // after every fill, when all states are filled
	bool recurses = false;                // the fill is a recursion: nested loops may be what it needs
	std::vector<std::string> filled = {}; // … in these columns
};

struct Batch {
	Oid relation;
	std::vector<int> attributes;
	std::string name;                     // its ephemeral relation: columns a<attribute>…, w
};

struct Program {
	std::vector<Batch> batches;
	std::map<std::string, Ephemeral> ephemerals;
	std::vector<Step> steps;
	std::vector<Loop> loops;
	std::string result;                   // SELECT c1…, w over ephemerals: the change of the stream table
	std::vector<std::string> result_reads;
	std::vector<State> states;            // inputs before their operator
	std::string current;                  // SELECT c1…, w: the whole content, from tables and states
	std::string defined;                  // the same without the state of windows, tops, sums of floats and any_value, where the server has several answers; else empty
	std::vector<std::string> next_times;  // SELECT moment: when a temporal filter next moves a row
	std::vector<std::string> notes;       // per operator: what explain says of access and cost
	std::string exclusive;                // why two transactions cannot be at work on the stream table; empty: they can
};

}  // namespace delta
