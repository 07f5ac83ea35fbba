#pragma once
// Selections are pushed down: a condition goes to the lowest operator that has its columns.
#include "query/condition.h"

namespace query {

// The tree restricted by the condition.
Tree push(Tree node, const Condition &condition);

// Adds the condition to an input, whose column map(i) is column i here; false: it lacks one (map(i) is -1).
bool sink_into(Operator &node, int input, const Condition &condition, const std::function<int(int)> &map);

}  // namespace query
