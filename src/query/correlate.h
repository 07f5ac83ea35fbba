#pragma once
// Surgery on the analysed Query of a subquery: what it reads of the levels above becomes a source of its own.
//
// A reference is an expression over the level above, written as that level sees it.  A subquery that has
// references is made free of them in one of two ways:
//
//   correlate   a relation D with a column for each reference is one more FROM item; references read it
//   equate      each reference is equated with a column of the subquery, which then stands for it
//
// Either way the subquery yields those columns after its own, groups, windows and DISTINCT are by them too,
// and what it was for one row of the level above it is for the rows of each combination.
// Functions of the server's kind: they fail by its errors and are called by pg::call.
#include "pg/postgres.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace query {

// References of the subquery, those equal to a computed expression of the level above as a whole.
List *outer_references(::Query *query, List *computed);

// What the subqueries of an expression read of its level.
List *sublink_references(Node *expression);

// Level-0 Vars of the tree, also from inside subqueries: their range table index.
bool reads_entry(Node *tree, int index);
bool has_sublinks(Node *tree);

// The subquery reads the relation of this name; NIL or a list of integers: which of its columns are not NULL in every row.
List *correlate(::Query *query, List *references, const char *name);

// False, and the query is as it was, if a reference is not equated with a column.
bool equate(::Query *query, List *references);

// A plain select: FROM and WHERE and a select list without aggregates, windows, DISTINCT, LIMIT, set operations.
bool is_simple(::Query *query);
// One row, whatever it reads: an aggregate without GROUP BY.
bool is_global(::Query *query);
// For NOT EXISTS and EXISTS: without what does not matter for whether there are rows.  nullptr: there always is one.
::Query *existence(::Query *query);
// The rows for which the test of ANY or ALL, over the subquery's columns, is true; what the test reads of the
// level above is a reference of the result.
::Query *tested(SubLink *sublink, Node *test);
// A select from this subquery alone, and its columns that are not junk as c1, c2 …; its select list is the caller's to fill.
::Query *select_from(::Query *query, const char *name);
// What yields ARRAY(query) as its one value.
::Query *array_of(::Query *query);
// Adds a column to the select list; its number.
int add_target(::Query *query, Expr *expression, const char *name);

// Is column number of the select list never NULL?
bool column_never_null(::Query *query, int number);

// What an aggregate without GROUP BY yields for no rows, as the level above sees it; nullptr: it takes a look.
Node *over_no_rows(Node *expression);

// An equality that a hash or merge join could go by.
bool is_equation(Node *condition);

// The conjuncts of a condition, or of a list of them.
List *conjuncts_of(Node *condition);

}  // namespace query
