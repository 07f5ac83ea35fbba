#pragma once
// What makes a stream table work: capture of its sources, state tables,
// arrangements, the index that finds its rows.
#include <string>

namespace view {

// Sets up a registered stream table (row in pgtrickle.stream_table, definition view
// and table exist); chooses the effective mode.  REQUIRES: superuser, inside with_spi().
void set_up(int id, const std::string &mode);

// Takes down what set_up made; the table and its rows stay.
void take_down(int id);

// Creates or replaces the view pgtrickle_state.q_<id>; errors carry the position in the query.
void define_query(int id, const std::string &query, const std::string &owner, bool replace);

// 'calculated' or a duration; returns the interval as text, or nothing for calculated.  Fails 22023.
std::string period_of(const std::string &schedule);

std::string checked_mode(const std::string &mode);

}  // namespace view
