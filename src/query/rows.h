#pragma once
// Whole rows: t where it stands for a row of t.
//
// A row of a table becomes ROW(its columns) of its type; a row of a derived table or a join, whose columns have names but no
// type, becomes (SELECT r FROM (SELECT a AS x, …) r).  Where an outer join may lack the row it is NULL, which a row of
// NULLs is not: a column that is never NULL in the row tells them apart, for a derived table one that is added.
// So what reads a row reads columns, is kept by columns, and no state has a column of a table's row type.
#include "pg/postgres.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace query {

// In the whole of a query level, also within its subqueries; the columns of joins are still named by these.  In C frames; may raise its errors.
void expand_rows(::Query *query);

// An expression of these forms.  Its value is NULL only where a CASE says so; the first column that is met in it is the
// one that it tests.
bool is_row(Node *expression);

// What a row of these forms is made of: rows are equal if and only if these are.
List *fields_of(Node *row);

}  // namespace query
