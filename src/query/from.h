#pragma once
// FROM and WHERE: scans, derived tables, CTEs, joins; predicates at their place.
#include "query/expression.h"

namespace query {

// WITH queries in sight, innermost level first.
struct Environment {
	const Environment *outer = nullptr;
	List *ctes = NIL;
};

// An operator and what expressions above it may refer to.
struct From {
	std::unique_ptr<Operator> node;
	Scope scope;
};

From build_from(::Query *query, const Environment &environment);

// One query level; build() is this for the outermost.
std::unique_ptr<Operator> build_level(::Query *query, const Environment &outer);

// The input restricted by a condition (a conjunction or a list of them), each
// conjunct at the lowest operator that has its columns.
std::unique_ptr<Operator> filter(std::unique_ptr<Operator> input, Node *condition, const Scope &scope);

}  // namespace query
