#pragma once
// percentile_disc and percentile_cont, by a place in the order of a group's values that follows their changes.
//
// State, in the row of a group: how many values there are (a<i>) and, for each fraction, the value at its place (q<i>_<j>) and how many
// lie before that (b<i>_<j>).  Changed values before it move b; then it is moved to where the fraction is now, value by value through
// the index of values, so a change costs as many steps as values have come or gone on one side.
#include "delta/grouping.h"

namespace delta {

// Columns of the state beside m<i>, and of the change of how many values lie before.
std::string place(int aggregate, size_t fraction);
std::string before(int aggregate, size_t fraction);
std::string moved(int aggregate, size_t fraction);

// What moves a place, over changed values e and the group o as it was.
std::string moved_before(const Grouping &g, int aggregate, size_t fraction);

// A group called alias whose places are to be found, with the number of its values now, from the places of the row at with moved
// values counted by the row change, or, where they are empty, from the first value on.  None of it is done unless where holds.
struct Walk {
	std::string group, count, at, change, where;
};
// LEFT JOINs of the new places, and names and values of the columns that follow from them.
std::string new_places(const Grouping &g, int aggregate, const Walk &walk);
std::vector<std::pair<std::string, std::string>> placed(const Grouping &g, int aggregate, const Walk &walk);

}  // namespace delta
