#pragma once
// The operator tree: a query as relational algebra over Z-sets.
//
// A relation is a bag of rows with integer weights.  Every operator has
// columns c1..cn; expressions over an operator's input are SQL text with holes
// where the input's columns go, so that the same expression can be written
// over a base table, a delta or a state table.  Nothing here knows the server.
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace query {

using Oid = unsigned int;

struct Column {
	std::string name;
	Oid type = 0;
	std::int32_t typmod = -1;
	Oid collation = 0;
	bool not_null = false;
	int scale = -1;             // numeric: the digits after the point that all values have, where the type does not say it
};

// A part of an expression over now() and constants alone.  If it is compared, by an order, with something over the
// input that time does not move, the comparison changes only where that lies between the part's values of two ticks.
struct Moment {
	enum class Pace { steady, daily, other };
	std::string text, at_last;
	Oid type = 0;
	Pace pace = Pace::other;    // as now() does, at midnight, or otherwise
	bool compared = false;
	std::string with{};         // over the input, if it is compared
	int column = -1;            // the input column that this is, when it is just one
	std::string kept{};         // the same for rows that are kept in its order; empty: it cannot be worked out for every row
	Column kept_type{};
	bool bounds = false;        // the whole expression is this comparison, and no value less than the moment satisfies it

	bool keeps_column() const;  // what is kept is the column as it is
};

// SQL text with holes: \x01<column>\x02 is column <column> (from 0) of the
// input.  at_last is the same expression with the time of the previous tick,
// parameter $1, in place of now(); empty when the expression does not use time.
struct Expression {
	std::string text;
	std::string at_last;
	Column type;                // what it yields
	std::set<int> columns;      // which input columns it reads
	int plain = -1;             // the input column it is, when it is just one
	std::vector<Moment> moments{};      // all that it has of now()
	bool uses_time() const { return !at_last.empty(); }
};

std::string render(const std::string &text, const std::function<std::string(int)> &column);
// Over the columns of one relation called alias: alias.c1, alias.c2, …
std::string render(const std::string &text, const std::string &alias);
// A column of the input as it is.
std::string hole(int column);
Expression column_of(int number, const Column &type);
// The same expression over an input whose column i is now map(i).
Expression remap(const Expression &expr, const std::function<int(int)> &map);

enum class Kind {
	one_row, scan, constant, filter, project, function, join, left_join, semi_join, anti_join, aggregate, distinct, intersect, except, union_all, window, top,
	recursive, self
};

// An equality between a column of one join input and a column of another.
struct Equality {
	int left_input, left_column, right_input, right_column;
	int condition;              // which of the join's conditions it is
	bool alike;                 // values are equal here if and only if they are one group
};

// A column of the left input and one of the right, of one type and collation, in a condition left < right, <=, > or >=.
struct Bound {
	int left, right;
};

// How an aggregate is kept (see delta/aggregate.cpp).
enum class Law { count_rows, count, sum, exact_sum, average, count_distinct, recompute };

// Values at fractions of a group's, in their order.
struct Quantile {
	std::vector<std::string> fractions;
	bool continuous = false;    // between two values, on the way from one to the next
	bool many = false;          // an array of them
	bool descending = false;
};

struct Aggregate {
	static constexpr int first_key = 1000;

	Law law;
	std::vector<Expression> arguments;
	std::optional<Expression> filter;
	std::string call;           // the aggregate over holes that number its arguments; from first_key on, the group's keys
	bool distinct = false;
	int checked = 0;            // a row where one of so many first arguments is NULL has no effect
	bool by_order = false;      // equal bags of values may differ in it by their order
	bool any_order = false;     // and the query leaves that open
	bool by_image = false;      // equal values may differ in what they make of it
	bool uses_keys = false;     // direct arguments are expressions of the group's keys
	enum class Exact { value, sum, products } exact = Exact::value;      // of an exact sum: it as a float, or as bytes; or that of products
	bool finite = false;        // a sum of numbers that are neither NaN nor infinite
	bool ignores_copies = false;// a second copy of an argument has no effect (min, max)
	bool wants_order = false;   // answered from an ordered index (min, max)
	bool greatest = false;      // max rather than min
	bool ours = false;          // one of the results that the query may have (any_value: the least)
	std::optional<Quantile> quantile{};
	bool most_frequent = false; // mode: the value with the most copies; of several the least, or greatest
	bool ignores_padding = false;   // a row of NULLs has no effect, and over nothing it is NULL or, of count, 0
	Column type;
	std::string title;          // as the user wrote it, for explain
};

// A column of the input that rows are ordered by.
struct Sort {
	int column;
	bool descending = false, nulls_first = false;
	std::string by = {};        // an operator; empty: the type's own order or its reverse, as btrees are

	// What follows the column in ORDER BY.
	std::string direction(bool reversed = false) const;
};

// How far before and after its own row, in the order of the window, a result looks at most: so many rows; so many
// groups of rows that ORDER BY leaves alike; or, of its one column, by these distances, each SQL.
struct Reach {
	enum class Unit { rows, groups, distance };
	std::int64_t before = 0, after = 0;
	Unit unit = Unit::rows;
	std::vector<std::string> back{}, ahead{};
};

// How a result follows from that of the row before and from what its frame has more, where frames grow with each row:
// the values that count rows are added up, NULL is none; sums are, NULL is nothing; the first value stays.
enum class Resume { none, count, rank, sum, all, any, least, greatest, first };

// Functions over one order and frame of the rows of a partition.
struct Window {
	enum class Position { none, row_number, rank, dense_rank };
	struct Function {
		std::string call;       // over holes for columns of the input
		Column type;
		std::string title;
		bool ties_matter;       // the result depends on the order of rows that ORDER BY leaves alike
		std::optional<Reach> reach{};   // none: on any row of the partition
		Resume resume = Resume::none;
		bool peers = false;             // resumed: the same for rows that ORDER BY leaves alike
		Position position = Position::none;
		bool near() const { return reach.has_value(); }
		bool running() const { return resume != Resume::none; }
	};
	std::vector<Sort> order;
	std::string frame;          // ROWS BETWEEN …; empty: the standard one
	std::vector<Function> functions;

	// What the reach of the functions counts; rows where there is none.
	Reach::Unit unit() const { return functions.empty() || !functions[0].near() ? Reach::Unit::rows : functions[0].reach->unit; }
};

struct Operator;
using Tree = std::shared_ptr<Operator>;

// What the references of a WITH RECURSIVE share: self in its recursive term, and the operator above it.
struct Recursion {
	bool all = false;                     // UNION ALL
	Operator *whole = nullptr;            // inputs: what it begins with, and the recursive term
};

// Several operators may read one: the tree is then a DAG, and what is shared is kept, and its delta worked out, once.
struct Operator {
	Kind kind;
	int id = 0;                 // number in explain, from 1, inputs before their operator
	std::vector<Column> columns;
	std::vector<Tree> inputs;
	int readers = 1;            // operators that it is an input of, or the stream table

	// scan
	Oid relation = 0;
	std::vector<int> attributes;          // attribute number of each column
	std::vector<int> identity;            // columns of a unique, not null key; empty if none

	// filter, join (over the concatenated inputs), left, semi and anti join (ON, over both inputs)
	std::vector<Expression> conditions;
	std::vector<Equality> equalities;     // joins: those of the conditions usable for look-up
	int kept = 0;                         // filter over a table: the number, from 1, of the state that holds the few rows it lets through
	std::optional<Bound> bound{};         // semi join with one row: its one condition compares these by their order

	// project; sets: some expressions return sets, so that a row becomes as many as the longest has
	std::vector<Expression> expressions;
	bool sets = false;

	// constant, function: the relation, a SELECT in parentheses, over the input's columns; its columns follow those
	// of the input.  padded: a row without any stays, with NULLs (LEFT JOIN LATERAL), by the conditions as ON.
	Expression relation_of;
	bool padded = false;

	// intersect, except
	bool all = false;                     // copies count

	// aggregate: columns are the keys, then the aggregates
	std::vector<Expression> keys;
	std::vector<Aggregate> aggregates;
	bool narrow = false;                  // a group has no more rows than match one row of a table

	// window, top: rows that are alike in these columns of the input are treated by themselves
	std::vector<int> partition;
	std::vector<Window> windows;          // window: columns are the input's, then those of each window's functions

	// top: the rows after the first offset, no more than limit, or as a column says: of the one row of a second input, or
	// without that of the partition
	std::vector<Sort> order;
	std::optional<std::int64_t> limit;
	std::int64_t offset_rows = 0;
	std::optional<int> limit_column, offset_column;
	bool with_ties = false;               // and those that order leaves alike with the last

	// recursive, self
	std::shared_ptr<Recursion> recursion;
	int depth = -1;                       // in a recursive term, between its root and self: the column with the depth of self's row

	int offset(int input) const;          // first column of this input among the concatenated inputs
	int input_of(int column) const;       // which input a concatenated column belongs to
	int width() const { return static_cast<int>(columns.size()); }
	bool shared() const { return readers > 1; }
};

// Columns that together are unique in every state of the relation, or nothing.
std::optional<std::vector<int>> unique_key(const Operator &node);

// Is it a semi join with one row, whatever there is below: an aggregate without GROUP BY, or what is computed of it?
bool compares_with_one_row(const Operator &node);

// Plain group keys, as columns of the aggregate's input, that find a group's rows where these are the fan-out of
// one row of a table: its whole identity, or what a join equated with it.  Empty if there is no such table.
std::vector<int> keys_of_one_row(const Operator &aggregate);

bool same_order(const std::vector<Sort> &a, const std::vector<Sort> &b);

// The reach of a window's results, if all have one or follow from those before, and are of one order and unit.
std::optional<Reach> reach_of(const Operator &node);

// Does what a window shows or a top keeps depend on how rows are ordered that its ORDER BY leaves alike?
bool ties_matter(const Operator &node);

// Does an aggregate sum floats or take any value, and none show anything that depends on an order which the query leaves open?
bool defines_results(const Operator &node);

// The same operator for one more reader.
Tree share(const Tree &node);

// The operator for this reader to change: a copy, if others read it too.
Tree own(Tree node);

// Do these columns of the operator hold the whole key of a table, so that what equals them is what one row of it matches?
bool identifies_row(const Operator &node, const std::vector<int> &columns);

// Columns for which several answers of the query are right, because the order that an aggregate reads in is open.
std::set<int> columns_of_any_order(const Operator &node);

// Everything that the operator evaluates over now().
std::vector<Moment> moments_of(const Operator &node);

// The column of a base table that a column shows unchanged where rows are looked for by it, if it is one.
std::pair<const Operator *, int> ordered_by(const Operator &node, int column);

// Visits each operator once, inputs before it.
void walk(Operator &node, const std::function<void(Operator &)> &visit);
void walk(const Operator &node, const std::function<void(const Operator &)> &visit);

// Numbers the operators from 1, inputs before their operator.
void number(Operator &root);

const char *name(Kind kind);

}  // namespace query
