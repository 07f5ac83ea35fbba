#pragma once
// What consists of others in the lake as a value that does here: a list as an array, a struct as a composite, a map as hstore.
//
// Without a type of the user's such a column is jsonb; a foreign table may declare it with the type it had.  Fields are found
// by name; what is plain and of another type than the lake's goes through text, as a whole column does.
#include "value.h"

#include <algorithm>
#include <memory>
#include <vector>

namespace reader {

struct Cell {
	enum class Kind { plain, array, composite, pairs } kind = Kind::plain;
	Oid type = InvalidOid, natural = InvalidOid;
	Oid domain = InvalidOid;      // over a type that is not plain
	int32 typmod = -1;
	bool through_text = false;
	FmgrInfo output{}, input{};
	Oid input_param = InvalidOid;
	int dimensions = 0;           // of an array
	TupleDesc row = nullptr;      // of a composite
	std::vector<Cell> parts;      // the element; the attributes that are there; key and value
	std::vector<int> attributes;  // of each part
	std::vector<int> places;      // of each part in the file's struct; -1: not there
};

// Nothing when the type is none that such a column can be.  What it keeps is in the current memory context.
std::shared_ptr<Cell> make_nested(const Column &column, Oid type, int32 typmod);

// Whether cells of a file's column can become it; asked, and places found, once per file.
bool bind_nested(Cell &cell, const arrow::DataType &from);

// As to_datum.
Datum nested_datum(const Cell &cell, const arrow::Array &array, int64_t row);

}  // namespace reader
