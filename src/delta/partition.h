#pragma once
// One window or top operator on its way to SQL: the columns of its state, and the pieces its statements are made of.
//
// In these texts x is a row of the input, i a changed one, s a row of the state.  Each has the columns of the input
// (c1…), g, a hash of the partition (none if there is one partition), and h, a hash of the row.
#include "delta/compile.h"

namespace delta {

class Partition {
public:
	Partition(const Operator &node, const std::string &table, bool wide);

	bool global() const { return node.partition.empty(); }
	bool is_top() const { return node.kind == query::Kind::top; }

	// [g,] h, c1…, [w]
	std::vector<std::string> row() const;
	// Input rows with their hashes; consolidated, or each copy by itself.
	std::string changed(const std::string &from) const;
	std::string copies(const std::string &from) const;
	std::string same_partition(const std::string &a, const std::string &b) const;
	std::string same_row(const std::string &a, const std::string &b) const;
	// PARTITION BY or the first columns of ORDER BY; with the order: complete.
	std::vector<std::string> partition(const std::string &alias) const;
	std::vector<std::string> ordered(const std::vector<query::Sort> &order, const std::string &alias) const;
	std::vector<std::string> completed(const std::vector<query::Sort> &order, const std::string &alias) const;
	// The rows with the functions' results n<column>, or with shown.
	std::string worked_out(const std::string &rows) const;
	// Of an ordered index on the state.
	std::string index_columns(const std::vector<query::Sort> &order) const;

	const Operator &node;
	const std::string table;
	const bool wide;
	const int inputs;             // columns of the input

private:
	std::string functions(const query::Window &window, int first, const std::string &rows) const;
	std::string hashed(const std::string &from) const;
};

}  // namespace delta
