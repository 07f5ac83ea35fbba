#pragma once
// One aggregate operator on its way to SQL: the columns of its state, and the pieces its statements are made of.
//
// In these texts x is a row of the input, i one of its rows with keys (k1…), arguments (v1_1…) and filters (f1…)
// worked out, s a row of the state of groups, u and d a change of one, t a row of a group's values.
#include "delta/compile.h"

#include <map>

namespace delta {

// A number kept per group and how a delta changes it.
struct Accumulator {
	std::string name, type;
	std::string change;       // aggregate over the input rows i
	std::string merged() const;       // with the change u of the group s
};

// The values of an aggregate's arguments per group, each with its weight.
struct Values {
	std::string table, name;  // state table; ephemeral of its changes
	std::string filter;       // which input rows count
	std::vector<std::string> inputs;   // input columns
	std::vector<Column> types;
	std::vector<bool> image;           // told apart also by how they look
	bool ordered = false, hashed = false;
	bool placed = false;               // quantiles follow their changes
	std::vector<std::string> orders{}; // of more indexes of a group's
	std::string signature;
};

class Grouping {
public:
	Grouping(const Operator &node, const std::string &groups, const std::string &values_prefix, bool wide);

	bool global() const { return node.keys.empty(); }
	// Groups are found by their keys if those are small and never NULL, else by a hash of them.
	bool hashed() const;
	// Kept as an extreme, and not in values.
	bool extreme(int aggregate) const;
	bool any_extreme() const;
	// Are the values it is answered from found in their order; is it a quantile whose place follows their changes?
	bool in_order(int aggregate) const;
	bool is_placed(int aggregate) const;

	// k1…, h, v1_1…, f1…, w over the input's rows.
	std::string input(const std::string &from) const;
	std::vector<Column> input_columns() const;
	// h, k1…, n, accumulators, extremes that came (e) and went (r): one row a touched group.
	std::string grouped(const std::string &from, const std::vector<std::string> &more = {}) const;
	std::vector<std::string> key_names() const;
	std::vector<Column> key_types() const;
	std::string same_group(const std::string &a, const std::string &b) const;

	// What the aggregate's column shows, from the row of the group called alias.
	std::string shown(int aggregate, const std::string &alias) const;
	// c1…, w: what is shown of each group of these rows, from them alone.
	std::string defined(const std::string &from) const;
	// The recomputed value of a group, a row with its g and keys, from its values.
	std::string recomputed(int aggregate, const std::string &group) const;
	// The extreme of group u: kept, beaten by one that came, or, when it went itself, looked up in content.
	std::string new_extreme(int aggregate, const std::string &content) const;

	const Operator &node;
	const std::string groups;             // the state table
	const bool wide;                      // values may not fit an index row
	std::vector<Accumulator> accumulators;
	std::vector<Values> values;
	std::map<int, int> values_of;         // aggregate → values

private:
	// The column of the input that has an argument of an aggregate.
	std::string argument(int aggregate, int argument) const;
	std::string counted_rows(const query::Aggregate &a, int i, const std::string &more = {}) const;
	void count(const std::string &name, const std::string &where);
	void add(const query::Aggregate &a, int i, const std::string &values_prefix);
	void add_sum(const query::Aggregate &a, int i);
	void add_exact_sum(const query::Aggregate &a, int i);
	void add_values(const query::Aggregate &a, int i, const std::string &prefix);
	void add_order(const query::Aggregate &a, int i);

	bool of_one_row_;
};

// "prefix<i + 1>", and that of every name.
std::string number(const std::string &prefix, int i);
std::vector<std::string> prefixed(const std::string &prefix, const std::vector<std::string> &names);

}  // namespace delta
