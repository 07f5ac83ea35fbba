#pragma once
// Which filters keep the rows that they let through (delta/selected.cpp): those over a large table with a key, where the
// planner thinks that these are few of it.
//
// It is asked when state is made; from then on what there is says so, until state is made anew.
#include "view.h"

namespace view {

// Marks them in the tree of the view.  anew: state is yet to be made.
void choose_kept(const View &view, bool anew);

}  // namespace view
