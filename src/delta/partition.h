#pragma once
// One window or top operator on its way to SQL: the columns of its state, and the pieces its statements are made of.
//
// In these texts x is a row of the input, i a changed one, s a row of the state.  Each has the columns of the input
// (c1…), g, a hash of the partition (none if there is one partition), and h, a hash of the row.  Where rows are found
// by their place among others, those of the state also have r, a number that tells equal ones apart.
#include "delta/compile.h"

namespace delta {

class Partition {
public:
	// counts: the row with what LIMIT and OFFSET say, as a SELECT.
	Partition(const Operator &node, const std::string &table, bool wide, const std::string &counts);

	bool global() const { return node.partition.empty(); }
	bool is_top() const { return node.kind == query::Kind::top; }
	bool numbered() const { return reach.has_value(); }

	std::vector<std::string> row() const;           // [g,] h, c1…, [r]
	std::vector<Column> row_columns() const;
	std::vector<std::string> results() const;       // columns of the state that hold what is shown: c<m>…, or shown

	// Rows of the input with their hashes; consolidated, or each copy by itself.
	std::string changed(const std::string &from) const;
	std::string copies(const std::string &from, const std::string &number) const;

	std::string same_partition(const std::string &a, const std::string &b) const;
	std::string same_row(const std::string &a, const std::string &b) const;
	std::vector<std::string> partition(const std::string &alias) const;       // for PARTITION BY
	std::vector<std::string> ordered(const std::vector<query::Sort> &order, const std::string &alias) const;
	std::vector<std::string> completed(const std::vector<query::Sort> &order, const std::string &alias) const;
	std::string index_columns(const std::vector<query::Sort> &order) const;

	// The rows with the functions' results n<column>, or with shown.  part: one more column that parts them.
	std::string worked_out(const std::string &rows, const std::string &part = {}) const;

	// What LIMIT and OFFSET say, and their sum, for a row with the columns of the partition; NULL is no limit.
	bool limited() const { return node.limit || node.limit_column; }
	std::string limit(const std::string &alias) const;
	std::string offset(const std::string &alias) const;
	std::string last(const std::string &alias) const;

	// What is compared where rows are found by their place: the row, or as far as ORDER BY tells rows apart.
	enum class Places { rows, peers };
	// Rows of the state beyond the place of row d, or before it, the nearest first: id, k, 1 for the nearest, and more columns.
	std::string neighbours(bool beyond, std::int64_t count, Places by = Places::rows, const std::vector<std::string> &more = {}) const;
	// Conditions, each a range of the index, that together are that row s lies beyond row d, or before it; or at its place.
	std::vector<std::string> beyond(bool beyond, Places by = Places::rows, const std::string &other = "d.") const;
	std::vector<std::string> level(Places by = Places::peers, const std::string &other = "d.") const;
	// The same conditions for rows s that do not lie beyond row e, if there is one: e is of an outer join.
	std::vector<std::string> until(const std::vector<std::string> &conditions, Places by) const;
	std::string is_peer(const std::string &a, const std::string &b) const;

	// Do results follow from those of the row before; from those of the rows before a row's peers?
	bool running() const;
	bool looks_at_peers() const;
	// Is what follows all that there is, so that rows behind one whose results stay keep theirs?
	bool stops() const;
	using Which = std::function<bool(const query::Window::Function &)>;
	// Adds to rows, in which they come in any order, results n<column>.
	std::string functions(const query::Window &window, int first, const std::string &rows, const std::string &part, const Which &which) const;

	const Operator &node;
	const std::string table;
	const bool wide;
	const std::string counts;
	const int inputs;             // columns of the input
	const std::optional<query::Reach> reach;      // none: whole partitions are worked out

private:
	std::optional<query::Reach> usable_reach() const;
	std::string first_rows(const std::string &rows) const;
	std::string counted(int column, const std::string &alias) const;
	std::string hashed(const std::string &from) const;
};

// "c<i + 1>", "n<i + 1>"; those of several columns.
std::string c(int column);
std::string n(int column);
std::vector<std::string> range(int first, int last, std::string (*name)(int), const std::string &prefix = {});
std::vector<std::string> all_of(const std::string &prefix, const std::vector<std::string> &names);
std::vector<std::string> operator+(std::vector<std::string> a, const std::vector<std::string> &b);
std::string list(const std::vector<std::string> &parts);
// The first changed row of each partition; those rows, kept with their results, that have others now.
std::string changed_from(const Partition &p, const std::string &gone, const std::string &came);
std::string still_changing(const Partition &p, const std::string &kept);

}  // namespace delta
