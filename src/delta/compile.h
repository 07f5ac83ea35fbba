#pragma once
// Operator tree → program.  One file per operator holds its law.
#include "delta/alike.h"
#include "delta/program.h"

#include <functional>
#include <optional>
#include <set>

namespace delta {

using query::Expression;
using query::Operator;

// How rows of a base table are found by key.
struct Access {
	enum class How { scan, index, arrangement } how = How::scan;
	std::string table;                // the arrangement
	std::set<int> key;                // attributes the arrangement is found by
	std::vector<int> identity;        // attributes that join it back to the base table; empty: it carries all
	std::string note;
};

// What the compiler must ask of the catalog.
class Catalog {
public:
	virtual ~Catalog() = default;
	// The way to find rows of relation by equality (or range) on these attributes.
	virtual Access access(Oid relation, const std::set<int> &key, const std::vector<int> &needed) = 0;
	// Is there an index for that already, or one that is made where the rows are?
	virtual bool has_index(Oid relation, int attribute) = 0;
};

// How the rows are found that time moves: by a column that a table has in order; among those that wait in a state;
// not at all, so that all are looked at once the moment has moved.
struct Moving {
	std::vector<query::Moment> found, waiting, swept;
	bool ahead = false;               // those that wait are only those that no moment has passed yet

	// What is waited for, each once; where of these a moment's is.
	std::vector<query::Moment> waited() const;
	std::string column(const query::Moment &moment) const;
};

class Grouping;
class Partition;

class Compiler {
public:
	// wide: values do not fit an index row, so that state is found by hashes alone.
	// locks: with the statements that let several transactions work on it.
	Compiler(int view, Catalog &catalog, bool wide, bool locks) : view_(view), catalog_(catalog), wide_(wide), locks_(locks) {}
	Program compile(Operator &root);

private:
	// SELECT c1…cn, w: the change of an operator, over ephemerals; emits the steps it needs.
	std::string delta(Operator &node);
	// The same as an ephemeral relation of its own; what is shared always is one, so that it is worked out once.
	std::string materialized(Operator &node);
	std::string own_delta(Operator &node);
	// SELECT c1…cn, w: the content now, so that rows can be found by the columns of probe.
	// bulk: base tables are read as they are, for plans that touch much of them.
	std::string current(const Operator &node, const std::set<int> &probe, bool bulk);
	// The same for the fill of a state above: what has been filled before it is read instead of the tables, where it has all that it takes.
	std::string content(const Operator &node);

	std::string scan_delta(Operator &node);
	std::string scan_current(const Operator &node, const std::set<int> &probe, bool bulk);
	std::string no_delta(const Operator &node);
	std::string constant_at(const Operator &node, bool at_last) const;
	std::string constant_delta(const Operator &node);
	std::string function_over(const Operator &node, const std::string &from, bool at_last = false) const;
	std::string moving_over(const Operator &node, const std::string &input, bool at_last) const;
	// passed: by the conditions that time does not move.
	std::string moved_rows(const Operator &node, const std::string &rows, bool passed = false) const;
	std::string moving_delta(Operator &node);
	void wake_for(const Operator &node, const query::Moment &moment);
	void wake_at(const query::Moment &moment, query::Oid type, const std::string &value, const std::string &table);
	// The state of rows that wait, after the changed ones have come to it.
	std::string keep_waiting(Operator &node, const Moving &moving, const std::string &changed);
	// The columns of the input that these rows are kept with; all its columns of a row s of them, NULL what is left out.
	std::vector<int> columns_that_wait(const Operator &node) const;
	std::string waiting_as_input(const Operator &node) const;
	// Rows behind that a moment comes back to; where rows begin to be behind.
	void look_behind(const Operator &node, const Moving &moving, const std::string &name);
	void leave_behind(const Operator &node, const Moving &moving);
	Moving moving(const Operator &node) const;
	// The content of a filter out of the rows that wait, if they are filled and no other passes it; else empty.
	std::string filter_waiting(const Operator &node) const;
	std::string function_delta(Operator &node);
	std::string function_current(const Operator &node, const std::set<int> &probe, bool bulk);
	std::string filter_delta(Operator &node);
	std::string filter_current(const Operator &node, const std::set<int> &probe, bool bulk);
	// A filter whose rows are kept: the state, and its steps.
	std::string selected_delta(Operator &node);
	std::string selected_current(const Operator &node, const std::set<int> &probe);
	std::string selected_table(const Operator &node) const;
	std::string project_delta(Operator &node);
	std::string project_current(const Operator &node, const std::set<int> &probe, bool bulk);
	std::string union_delta(Operator &node);
	std::string union_current(const Operator &node, const std::set<int> &probe, bool bulk);
	std::string join_delta(Operator &node);
	std::string join_current(const Operator &node, const std::set<int> &probe, bool bulk);
	std::string left_delta(Operator &node);
	std::string left_current(const Operator &node, const std::set<int> &probe, bool bulk);
	std::string semi_delta(Operator &node);
	std::string semi_current(const Operator &node, const std::set<int> &probe, bool bulk);
	// Emits into name the change of the rows of the left input that have no match, or, for a semi join, one.
	void match_left(Operator &node, const std::string &da, const std::string &db, const std::string &name);
	void match_by_degree(Operator &node, const std::string &da, const std::string &db, const std::string &name);
	void match_one_row(Operator &node, const std::string &da, const std::string &db, const std::string &name);
	void match_by_counting(Operator &node, const std::string &da, const std::string &db, const std::string &name);
	std::string aggregate_delta(Operator &node);
	void keep_groups(const Grouping &g);
	// Emits the steps from the input's changed rows to the touched groups; what they become, as SELECT.
	std::string touch_groups(const Grouping &g, const std::string &inputs);
	std::string aggregate_current(const Operator &node, const std::set<int> &probe, bool bulk);
	std::string set_delta(Operator &node);
	std::string set_current(const Operator &node, const std::set<int> &probe, bool bulk);
	std::string partition_delta(Operator &node);
	std::string partition_current(const Operator &node, const std::set<int> &probe, bool bulk);
	Partition partition_of(const Operator &node, bool bulk);
	void keep_partitions(const Partition &p);
	std::string touched(const Partition &p, const std::string &changed);
	Statement take_rows(const Partition &p, const std::string &changed, const std::string &into);
	std::string window_delta(const Partition &p, const std::string &changed, const std::string &gone);
	std::string whole_partitions(const Partition &p, const std::string &changed, const std::string &came);
	std::string near_changes(const Partition &p, const std::string &gone, const std::string &came);
	// From these rows on, one of a partition, with those that came; until the row next, if there is one.
	std::string from_changes_on(const Partition &p, const std::string &first, const std::string &came, const std::string &next);
	// The ephemeral relation with the row of the state, and its results, that follows the last changed one.
	std::string rows_behind(const Partition &p, const std::string &changed, const std::string &gone, const std::string &came);
	std::string around_changes(const Partition &p, const std::string &gone, const std::string &came);
	Statement work_out(const Partition &p, const std::string &rows, const std::string &into);
	std::string top_delta(const Partition &p, const std::string &changed, const std::string &gone, const std::string &counted);
	Statement show_first(const Partition &p, const std::string &changed, const std::string &into);
	std::string recursive_delta(Operator &whole);
	std::string recursive_current(const Operator &node, const std::set<int> &probe);
	State recursive_state(const Operator &whole);
	void pursue_all(const Operator &whole, const std::string &few, const std::string &many);
	void pursue_once(const Operator &whole, const std::string &few, const std::string &many);
	std::string filter_over(const Operator &node, const std::string &input, bool at_last = false) const;
	std::string project_over(const Operator &node, const std::string &input, bool at_last = false) const;
	std::string join_over(const Operator &node, int on, const std::string &input, bool bulk);
	std::string left_over(const Operator &node, const std::string &input, bool bulk);
	std::string semi_over(const Operator &node, const std::string &input, bool bulk);
	// SELECT c1…, w: what rows of self, given as a SELECT, come to in an operator of the recursive term, all else as it is now.
	std::string through(const Operator &node, const std::string &self, bool bulk);

	// FROM items x0, x1, … of these inputs of a join: the given ones as deltas ("" is none), the rest
	// found by key from what is bound; first: an input to start from, with its probe.
	std::string join_from(const Operator &node, const std::vector<std::string> &deltas, bool bulk, const std::set<int> &inputs, int first = -1,
	                      const std::set<int> &probe = {});
	// One input's delta against the others of these, each key looked up once.
	std::string join_by_key(const Operator &node, int changed, const std::string &delta, const std::set<int> &inputs);
	void join_terms(Operator &node, const std::vector<std::string> &deltas, const std::string &into);
	std::string level_of(const Operator &node, const std::set<int> &inputs);
	// The change of one input among these.
	Step &term(Operator &node, int changed, const std::string &delta, const std::set<int> &inputs, const std::string &into);
	// What the inputs before come to, joined, with the next one; without its delta, if that is given.
	Step &join_on(Operator &node, const std::set<int> &before, const std::string &joined, int input, const std::string &delta, const std::string &into,
	              std::vector<std::string> all, std::vector<std::string> any);
	// What of an operator's law another transaction could be changing is locked first (lock.cpp).
	void lock(const Operator &node, const std::vector<Column> &types, const std::vector<std::string> &keys, const std::string &from,
	          Excludes excludes, int slot = 0);
	void lock_pairs(const Operator &node, const std::vector<std::string> &deltas, Excludes of_right);
	void refuse_others(const Operator &root);
	void index_by_value(const Operator &node, const std::string &shown);
	void index_for_probe(const Operator &node, const std::set<int> &probe, const std::string &prefix, const std::string &where = {});
	void note(const Operator &node, const std::string &text);
	std::string rows_table(const Operator &node, const std::string &prefix) const;
	void define(const std::string &name, std::vector<Column> columns);
	Step &step(int node, std::string title, std::vector<std::string> all, Statement statement);
	std::vector<std::string> ephemerals_in(const std::string &sql) const;

	int view_;
	Catalog &catalog_;
	bool wide_, locks_;
	int slots_ = 0;
	bool filling_ = false;
	bool defining_ = false;           // windows, tops and sums of floats are worked out from their inputs, not read from state
	Program program_;
	std::map<int, std::set<int>> read_;                   // columns of each operator that others read
	std::set<int> materialized_;
	std::map<int, std::vector<std::set<int>>> probes_;    // of state that is not there yet
};

// ---- words of SQL ----

Column int8_column(const std::string &name);
// Columns c1…cn of an operator; with w behind them.
std::vector<Column> numbered_columns(const Operator &node);
std::vector<Column> delta_columns(const Operator &node);
// "alias.c1, alias.c2, …"; with as: numbered from first + 1
std::string columns_of(const std::string &alias, int count);
// False for what only self of a recursive term changes.
bool changes(const Operator &node);
// Does it evaluate anything over now()?
bool uses_time(const Operator &node);
// Value lies between what the moment is now and was at the last tick, which differ.
std::string moved_past(const query::Moment &moment, const std::string &value);
std::vector<std::string> conditions_over(const std::vector<Expression> &conditions, const std::string &alias, bool at_last);
// The values of a project's columns over a row x.
std::vector<std::string> projected(const Operator &node, bool at_last);
// Tables below an operator.
std::vector<Oid> bases_of(const Operator &node);
// Rows c1…cn, w of an input of a set operation, in the types that the operation gives them.
std::string as_columns_of(const Operator &node, int input, const std::string &rows);
std::string collation(const Column &column);       // " COLLATE …" or nothing
// Makes the index that finds rows of a table by equality: of all the columns, or of one by a hash where their values may be too long.
std::string index_by(const std::string &table, const std::vector<Column> &columns);

}  // namespace delta
