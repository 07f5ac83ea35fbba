#pragma once
// Which files and row groups cannot hold a row that a query asks for.
//
// A test is one condition of the query on one column: a comparison with a value, = ANY, IS [NOT] NULL.  It is asked of
// bounds: the least and greatest value and the count of NULLs, which the catalog has of a file and the file of a row
// group.  Only what certainly has no such row is left out; the executor looks at every row again.
// Text is bounded in the order of its bytes: comparisons in another collation are no tests, but equality.
#include "value.h"

namespace reader {

struct Bounds {
	Datum min = 0, max = 0;
	bool has_min = false, has_max = false;
	bool may_be_null = true, may_be_value = true;
};

enum class TestKind : int { compare, any, is_null, is_not_null };

// What the planner found, and keeps in the plan as a list of integers.
struct TestPlan {
	TestKind kind;
	int attno;       // of the foreign table
	int strategy;    // of the B-tree: column strategy value
	Oid comparison;  // the type's own: column, value → int4
	Oid value_type;  // of the value, or of the array's elements
};

struct Test {
	TestPlan plan;
	FmgrInfo comparison{};
	bool usable = true;       // the foreign column has the lake column's type
	bool has_value = false;   // else the condition is never true
	Datum value = 0;
	std::vector<Datum> elements = {};
};

// NULL never meets a comparison.  Reports errors by ereport.
bool may_match(const Test &test, const Bounds &bounds);

// A file's, from the catalog's text; a bound that is no value of the type counts as none.
Bounds bounds_of_file(const FileBounds &file, Oid type, bool is_float);

}  // namespace reader
