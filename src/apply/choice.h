#pragma once
// By deltas or anew: which is cheaper for this batch.
//
// Weighed only in AUTO, and only once a thousand rows (pg_trickle.weighed_rows) are on their way, so that small batches pay
// nothing.  What the last large refreshes took is remembered beside the number of rows that they read and that their widest
// step had (pgtrickle.cost).  From those of a similar size, or else the two nearest to it, comes the time by deltas, from those
// that recomputed, for as much as the sources hold now, that of doing so again; medians, so that no single slow one decides.
// Before anything was recomputed, a part of the last fill stands for it, the rest being state: as much of what its
// statements took as the query costs, by its plan, of what they did by theirs.  Of these the planner knew the tables, and what it does
// not charge for, rows that are written, was counted.  Both are asked when state is filled, and the part is remembered.
// Where deltas are cheaper than what is only such an estimate by a tenth at most, recomputing is tried, for as long as they would have
// taken: if it is not ready by then it is given up for them, and known to take longer (pgtrickle.cost, TRIED).
//
// Before two refreshes by deltas are known, the planner is asked what it knows about: the query.  Deltas are taken to cost what it
// charges for a look-up in an index, for each row.  Both are in its unit, and recomputing is chosen if it is less.  What the
// statements of the deltas cost by their plans is not looked at: nothing is known of the relations that they read.
// What cannot lapse goes by deltas until the batch is more than half of what the sources hold.
//
// It is weighed first by the number of changes that wait, before one of them is read, and they are counted only if as many as
// the logs have room for would be too many: recomputing needs none of them, no arrangement and no state, only the query and
// the difference to what is there.  So none of that is kept up any more: the
// stream table has lapsed, and costs what it would in FULL.  Arrangements lapse when all that use them have.  Once recomputing
// has cost as much more than deltas would have as filling the state does, state and content are made anew together, and changes
// followed again: whatever comes, that is at most twice what knowing it would have cost.
//
// By deltas it is weighed again as the rows between operators become more: a change of a few rows may reach half a
// table.  What is on its way to take longer than it would to recompute is given up for that.
//
// What moves by time, reads copies, or may show several results of which state decides cannot lapse: it is rebuilt,
// state and all, where deltas would take longer than that.
#include "apply/frontier.h"
#include "view/view.h"

namespace apply {

struct Outcome;

struct Decision {
	enum class Way { deltas, recompute, resume };
	Way way = Way::deltas;
	std::string reason;
	int64 rows = 0;               // that wait; -1: everything may have changed
	double planned = 0;           // what recomputing costs by its plan; 0: it was not asked
	double most = 0;              // milliseconds, after which recomputing has proved dearer than deltas; 0: it is not tried but done
	                              // (measured, or both by the query's plan: an estimate that is off is off for both)
};

class Choice {
public:
	Choice(const view::View &view, const Outcome &so_far, double planned = 0) : view_(view), so_far_(so_far), planned_(planned) {}

	// Why everything is sooner made anew; nothing if it is not.  milliseconds: spent so far.
	std::optional<std::string> anew(double milliseconds);
	// The same for a loop, whose rounds are not known beforehand.
	std::optional<std::string> no_end_in_sight(double milliseconds);
	// Whether what has lapsed is to be followed again.
	Decision lapsed();
	// What was compared, for the history; empty if nothing was.
	const std::string &said() const { return said_; }
	double planned() const { return planned_; }
	// What deltas would take, where recomputing has only been estimated.
	double most() const { return most_; }
	// There are fewer changes than was thought.
	void counted() { weighed_at_ = 0; }

private:
	struct Cost {
		std::string kind;
		double rows_in, widest, milliseconds;
		int64 serial;
		double recomputing;       // what that took, or would have
	};
	void load();
	std::optional<double> by_deltas(double rows, double Cost::*of) const;
	double guessed(double rows, double again);
	double as_planned(double rows, double again);
	std::optional<double> made(const std::vector<const char *> &kinds, double Cost::*of) const;
	std::optional<double> filled(double Cost::*of) const;
	std::optional<double> from_sources() const;
	std::optional<double> tried() const;
	bool is_worth_a_try(double again, double deltas) const;
	std::string compared(double rows, double deltas, double again) const;

	const view::View &view_;
	const Outcome &so_far_;
	bool loaded_ = false;
	std::vector<Cost> costs_;
	int64 weighed_at_ = 0;
	double planned_;
	std::string said_;
	double most_ = 0;
};

// Decides before a change is read.  REQUIRES: superuser; the view may lapse and is populated.
Decision decide(view::View &view, const Frontier &from, Snapshot snapshot);

// Counts the changes of these sources since a frontier; its ephemeral relation is added.
Prepared waiting_statement(const std::vector<Oid> &sources, std::map<std::string, delta::Ephemeral> &ephemerals);

// Remembers that recomputing took longer than that.  REQUIRES: superuser, inside with_spi().
void remember_try(int view, const Decision &decision, const std::vector<Oid> &sources);

// Remembers what a refresh took.  REQUIRES: superuser, inside with_spi().
void remember_cost(int view, const Outcome &outcome);

}  // namespace apply
