#pragma once
// An analysed expression of the server becomes text with holes.
#include "query/tree.h"

#include "pg/error.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

#include <map>
#include <utility>

namespace query {

// What an expression may refer to: columns of range table entries, or whole
// sub-expressions that the input already computes (group keys, aggregates).
// Each is given as text with holes over the input's columns.
struct Scope {
	struct Computed {
		Node *expression;
		std::string text;
		Column type;
	};
	std::map<std::pair<int, int>, int> columns;   // (range table index, attribute) → input column
	std::vector<Computed> computed;               // tried first, by equal()
	const std::vector<Column> *input = nullptr;   // the input's columns
};

// Fails 0A000, with the position, when the expression has a part without a law:
// a volatile function, a sub-select, a set-returning function, a system column.
Expression make_expression(Node *expression, const Scope &scope);

// What the server printed, each $number outside quotes replaced by a text.
std::string with_holes(const char *printed, const std::function<std::string(int)> &text);

// Columns (range table index, attribute) of this query level that the tree reads, its subqueries included.
std::vector<std::pair<int, int>> columns_read(Node *tree);

// "has no differential law yet", at a place of the query text.
[[noreturn]] void no_law(const std::string &what, int location, const std::string &detail = {});

}  // namespace query
