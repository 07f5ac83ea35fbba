#pragma once
// A subquery as a relation R beside the rows A that ask for it.
#include "query/subquery.h"

namespace query {

struct Related {
	Tree node;
	int width = 0;                   // its own columns; those for the references follow
	std::vector<int> left;           // the columns of A that the references are
	std::vector<bool> nulls_match;
	bool is_correlated() const { return !left.empty(); }
};

// The subquery made for all rows of from.  whole: an aggregate without GROUP BY shows a row for each, also where nothing is grouped.
Related relate(From &from, ::Query *query, const Environment &environment, bool whole = false);

// The condition of a join of A with R, whose columns begin at first, on what R is by.
void match(Operator &join, const Related &r, int first);

// A joined with R; the first column of R.
int join(From &from, const Related &r, bool outer);

// Is there at most one row of R for each row of A?
bool is_single(const Related &r);

// At most one row for each, beside the number there would be.
Related only_rows(Related r);

// ---- words of the trees ----

Expression of_columns(std::string text, std::set<int> columns);
Node *copy(Node *node);
::Query *copy(::Query *query);
int visible_columns(::Query *query);
List *computed_of(const Scope &scope);
// A column of the input, as a Var of a range table entry that is not there.
Var *new_column(From &from, int column, const Environment &environment);
// Ends with one more column; its number.
int with_column(From &from, Expression column);
// Ends with the columns of another input; the first of them.
int add_input(Operator &join, Tree input);

// ---- words of the server's expressions ----

Node *unlabelled(Node *node);
Node *true_constant();
Node *negated(Node *test);
Node *exists_link(::Query *query);
Node *is_present(Node *column);
bool is_null_constant(Node *node);
Node *case_of(Node *first, Node *value, Node *second, Node *other, Node *otherwise);

// The first subquery of an expression that is not computed as a whole; an expression with another in its place.  In C frames too.
SubLink *find_sublink(Node *expression);
Node *exchanged(Node *expression, Node *from, Node *to);

// ---- steps ----

// Whether there is a row of the subquery, as an expression over what from has then.
Node *exists(From &from, ::Query *query, const Environment &environment);
// Subqueries for which ANY or ALL is unknown if one has a row: no more than can be.
std::vector<Node *> null_parts(const From &from, SubLink *link);
// What an aggregate without GROUP BY shows for no rows, a value a column (nullptr is NULL); nothing: it takes a look.
std::optional<std::vector<Node *>> values_for_nothing(::Query *query);

// The rows of a plain subquery beside A, the condition that reads both, and its select list, as the level above sees them.
struct Beside {
	From right;
	List *condition = NIL, *targets = NIL;
};
std::optional<Beside> beside(From &from, ::Query *query, bool with_targets, const Environment &environment);

// Conditions over the columns of two inputs, A's first.
void add_conditions(Operator &node, Node *condition, const Scope &scope, int width);
Scope both_scopes(const From &from, const From &right, std::vector<Column> *columns);

}  // namespace query
