#pragma once
// Where in the text of a query the cause of an error stands.
//
// The server keeps the place of every expression with the query that it has analysed, but not that of a relation.  So an error
// that is about one (its schema_name and table_name) is placed at the first word of the text that stands for it; one that a view
// of the query reads has no place.
#include "pg/error.hpp"

#include <string>

namespace view {

// A cursor position, from 1; 0 if there is none.  Names are looked up for the current role.
int place_of_relation(const ErrorData &error, const std::string &query);

}  // namespace view
