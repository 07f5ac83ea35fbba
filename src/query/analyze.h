#pragma once
// An analysed and rewritten Query becomes an operator tree.
//
// Each query level is FROM and WHERE (joins and filters), GROUP BY, HAVING,
// SELECT list, DISTINCT, in this order; views, derived tables and CTEs become
// sub-trees where they are referenced.  Predicates over one input go down to it.
// Fails 0A000 at the first construct that has no law, with its position.
#include "query/tree.h"

#include "pg/error.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace query {

Tree build(::Query *query);

// The query of a view as the server would run it: view references expanded,
// row security applied, locks on what it reads taken.
::Query *rewritten_view_query(Oid view);

// The same of a text, with the places of its words.  Fails 42601 if it is not one SELECT.
::Query *rewritten_query(const std::string &sql);

// Relations that a query reads, through views, derived tables and CTEs.
std::vector<Oid> relations_read(::Query *query);

}  // namespace query
