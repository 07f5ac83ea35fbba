#pragma once
// What joins of two inputs say of their ON condition.
#include "delta/compile.h"

namespace delta {

// The ON condition with the left input called a and the right b.
std::string on(const Operator &node, const std::string &a, const std::string &b);

// Columns of an input that the condition equates with the other's.
std::set<int> equated(const Operator &node, int input);

// "list, ": a select list may have no columns before the weight, as SELECT count(*) reads none.
std::string before_more(const std::string &list);

}  // namespace delta
