#pragma once
// The conjuncts of WHERE, ON and HAVING, what is common to all branches of an OR among them, what those say of each
// table, and what is known of each.
#include "query/expression.h"

#include <optional>

namespace query {

// Two plain columns, equal.  alike: grouping tells their values apart in the same way.
struct Equated {
	int a, b;
	bool alike;
};

// A plain column, no greater than a whole number.
struct AtMost {
	int column;
	std::int64_t value;
};

struct Condition {
	Expression expr;
	std::optional<Equated> equated;
	std::optional<AtMost> at_most;
	std::set<int> rejected;                       // columns whose NULL it does not let through
	int location;
};

std::vector<Condition> conditions(Node *condition, const Scope &scope);

}  // namespace query
