#pragma once
// FROM and WHERE: scans, derived tables, CTEs, joins; predicates at their place.
#include "query/expression.h"

namespace query {

// What a query level may read besides tables, innermost level first: WITH queries, and relations made for subqueries.
struct Environment {
	const Environment *outer = nullptr;
	List *ctes = NIL;
	struct Given {
		Tree node;
		bool whole;                 // the level shows a row for each of its rows, also where it groups none
	};
	mutable std::map<std::string, Given> given;
	mutable int next_index = 1;                              // range table indexes that no entry has
	mutable std::map<const CommonTableExpr *, Tree> built;   // those that several read; the level is one more reader of each

	mutable std::map<const CommonTableExpr *, std::shared_ptr<Recursion>> recursions;   // those that are being built

	explicit Environment(const Environment *outer = nullptr, List *ctes = NIL) : outer(outer), ctes(ctes) {}
	Environment(const Environment &) = delete;
	Environment &operator=(const Environment &) = delete;
	~Environment()
	{
		for (auto &[cte, node] : built)
			node->readers--;
	}
};

// An operator and what expressions above it may refer to.
struct From {
	Tree node;
	Scope scope;
};

From build_from(::Query *query, const Environment &environment);

// Whether several readers do better to share it: it is more than a scan with filters and projections.
bool is_work(const Operator &node);

// One query level; build() is this for the outermost.  references: so many of its last columns are those of rows that it
// is made for, each by itself.
Tree build_level(::Query *query, const Environment &outer, int references = 0);

// FROM and WHERE of a level without the rest; *list, an expression over it, follows the flattening of its joins.
From build_rows(::Query *query, const Environment &outer, List **list);

// The relation made for a subquery.
const Environment::Given &given(const Environment &environment, const char *name);

// One side of a set operation of the query.
Tree build_branch(const ::Query &query, Node *tree, const Environment &environment);

// What reads a WITH RECURSIVE query; environment is the one that it is in.
Tree build_recursive(const RangeTblEntry *entry, const CommonTableExpr *cte, const Environment &environment);

// SELECT DISTINCT over rows of a recursive term.
Tree distinct_in_term(Tree input);

// The input with those of these parts as columns of their own that are sets or move with time; the scope knows them.
From with_computed(From input, const std::vector<Node *> &parts);

// The input restricted by a condition (a conjunction or a list of them), each
// conjunct at the lowest operator that has its columns.
Tree filter(Tree input, Node *condition, const Scope &scope);

// One input beside others: the scope's columns are shifted by what stands before.
void append(From &to, From from);

}  // namespace query
