#pragma once
// Subqueries become joins.
//
// With A the rows that a subquery is asked for and p what it reads of them, it is built once for all of them,
// by p (see correlate.h), as a relation R, and
//
//   EXISTS, IN, = ANY as a condition      A ⋉ R        NOT EXISTS, NOT IN, ALL      A ▷ R
//   x < (SELECT max(y) FROM …)            A ⋉ R, where R has one row whatever A is, also for <=, > and >=
//   a value, or EXISTS in an expression   A ⟕ R on p, and the value is a column
//   LATERAL                               A ⋈ R, A ⟕ R
//
// A condition that compares columns of A with those of a plain subquery is the join's own.  Otherwise p joins
// them: through D = distinct(π[p] A), which the subquery then reads as one more source, or, where it
// equates p with columns of its own, without it: R is then grouped by those.
// Nested subqueries need nothing more: what they read of levels farther out is a column of D by then.
#include "query/from.h"

namespace query {

// Leaves the rows for which the condition is true.
void restrict_to(From &from, Node *condition, const Environment &environment);

// The expression with columns, which from now has, for its subqueries.
Node *attach(From &from, Node *expression, const Environment &environment);

// The subquery, entry number index of FROM, for each row that stands before it; on: of a LEFT JOIN, or nullptr.
void join_lateral(From &from, ::Query *query, int index, bool outer, Node *on, const Environment &environment);

// Adds the column that an expression is, if it is not one; its number.
int column_for(From &from, Node *expression);

// Distinct rows of some columns.
Tree distinct_columns(Tree input, const std::vector<int> &columns, const std::set<int> &without_null);

Tree distinct(Tree input);

}  // namespace query
