#pragma once
// now() and its relatives, and what an expression has of them.
#include "query/expression.h"

namespace query {

// The same with the last tick's time, the parameter with this number, for now() and its relatives; nullptr for anything
// else.  In the server's memory; may raise its errors.
Node *time_of_last(Node *node, int parameter);

// Is any of that in a tree, or in its subqueries?  In C frames too.
bool tells_time(Node *tree);

// Every part over now() and constants alone, as large as it can be.
std::vector<Moment> moments_in(Node *expression, const Scope &scope);

}  // namespace query
