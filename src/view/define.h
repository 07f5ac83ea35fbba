#pragma once
// What makes a stream table work: capture of its sources, state tables,
// arrangements, the index that finds its rows.
#include "pg/error.hpp"

#include <string>
#include <vector>

namespace view {

struct View;

// Sets up a registered stream table (row in pgtrickle.stream_table, definition view
// and table exist); chooses the effective mode.  REQUIRES: superuser, inside with_spi().
void set_up(int id, const std::string &mode);

// Takes down what set_up made; the table and its rows stay.  Returns the sources it read, for
// let_go(), once it is known what still reads them.
std::vector<Oid> take_down(int id);

// Ends the capture of those that nothing reads any more, and drops arrangements that nothing uses.
void let_go(const std::vector<Oid> &sources);

// Makes anew what set_up made, with the mode chosen again if it is AUTO; the table, its rows and capture of what it reads stay.
void set_up_anew(int id);

// Makes the arrangements that are wanted now and lets go of the others.
void exchange_arrangements(int id);

// The index that finds the stream table's rows is made after its content has a key; until then it is a bag.
bool has_target_index(int id);
void make_target_index(const View &view);

// Has a trigger refuse whoever else would write the table; a dump knows the stream table by it.  Subscriptions fire none of a statement,
// so another refuses their rows: one that fires for nobody else.
void guard(const std::string &table, int id);
void unguard(const std::string &table);

// Creates or replaces the view pgtrickle_state.q_<id>, of what its owner's words stand for; errors carry the position in the query.
void define_query(int id, const std::string &query, Oid owner, bool replace);

std::string checked_mode(const std::string &mode);

}  // namespace view
