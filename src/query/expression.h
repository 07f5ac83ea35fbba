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
// a volatile function, a sub-select, a set-returning function.
Expression make_expression(Node *expression, const Scope &scope);
// The digits after the point that all numerics of the column have; -1: it varies.
int scale_of(const Column &column);
// May return a set: in a select list.
Expression make_set(Node *expression, const Scope &scope);

// $number, in C frames: what stands for a hole, or an argument, while the server prints.
Node *parameter_like(int number, Node *like);

// What the server printed, each $number outside quotes replaced by a text.
std::string with_holes(const char *printed, const std::function<std::string(int)> &text);

// A part over now() and constants, without its own moments.
Expression make_moment(Node *expression);

// A FROM item that is computed from columns of the scope and reads no table: functions, VALUES, JSON_TABLE, XMLTABLE, and
// subqueries over these.  Its text is a SELECT in parentheses; columns gets what it yields.
bool reads_no_table(RangeTblEntry *entry);
// A subquery that does; others are expressions like any.  In C frames too.
bool is_subquery(Node *node);
Expression make_relation(RangeTblEntry *entry, const Scope &scope, std::vector<Column> &columns);
// The attribute numbers of these columns.
std::vector<int> attributes_of(RangeTblEntry *entry);

// Columns (range table index, attribute) of this query level that the tree reads, also from within its subqueries.
std::vector<std::pair<int, int>> columns_read(Node *tree);

// "has no differential law yet", at a place of the query text.
[[noreturn]] void no_law(const std::string &what, int location, const std::string &detail = {});
[[noreturn]] void no_law_for(Oid relation, const std::string &what, const std::string &detail = {});

}  // namespace query
