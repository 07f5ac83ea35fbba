#pragma once
// When rows are the same, and how they are found.
//
// Values are the same by the equality of their type, or, of a type without one (json, xml, point), by their image: what they look
// like as text under fixed settings.  Equal values of some types look different (numeric 1 and 1.00, float8 0 and -0): where what
// comes of a row depends on its look, rows are told apart exactly.
#include "query/tree.h"

#include <string>
#include <vector>

namespace delta {

using query::Column;

// Equal or both NULL; in the second form also of one look.
std::string same(const Column &type, const std::string &a, const std::string &b);
std::string exactly_same(const Column &type, const std::string &a, const std::string &b);
// Equal values of the type may look different, but for numerics of one scale, as columns have it; whether two do not.
bool has_looks(const Column &type);
std::string look_same(const std::string &a, const std::string &b);

// Rows that are the same, as one: what a SELECT from them shows, and what it groups by.
struct Alike {
	std::vector<std::string> shown, by;
};
Alike alike(const std::string &alias, const std::vector<Column> &columns, bool exactly);
// Rows with their weight w, a FROM item, each once with the sum: what cancels is gone.
std::string consolidated(const std::string &rows, const std::vector<Column> &columns, bool exactly);

// One 64-bit hash of several values, NULLs equal: finds a row by all of them.  A type that has an equality, no hash, and equal
// values of several looks (tsquery) takes no part: such rows are found by the other columns.
std::string hash_of(const std::vector<std::string> &values, const std::vector<Column> &types);
// The same for values of types known to have a hash.
std::string hash_of(const std::vector<std::string> &values);
// Does a value of the type take part?
bool is_hashed(const Column &type);

std::string and_all(const std::vector<std::string> &conditions);
// Conditions that a hash has decided but for collisions.  Written as a conjunction they would each lower the planner's
// estimate of the rows, to none; a CASE it takes for half.
std::string recheck(const std::vector<std::string> &conditions);

}  // namespace delta
