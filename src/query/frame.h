#pragma once
// Frames of window functions: as text, and how far from its row each function looks.
#include "query/tree.h"

#include "query/expression.h"

#include <algorithm>

namespace query {

template <size_t count> bool among(const Oid (&functions)[count], Oid function)
{
	return std::find(functions, functions + count, function) != functions + count;
}

// What follows ORDER BY in OVER; empty for the standard frame.
std::string frame(const WindowClause *clause, int location);

// None: any row of the partition, or all before its own.
std::optional<Reach> reach(WindowFunc *function, const WindowClause *clause);

}  // namespace query
