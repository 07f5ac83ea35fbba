#pragma once
// Which columns of an operator the operators above read.
//
// A condition's columns pass through a filter that nobody above asks for them again: what keeps the rows of such a filter may
// leave them out.  Only projections, aggregates and filters are looked into; of whatever else reads an operator, and of the
// stream table, it is taken that they read all of it.
#include "tree.h"

#include <map>

namespace query {

// By the operator's id.
std::map<int, std::set<int>> columns_read(const Operator &root);

}  // namespace query
