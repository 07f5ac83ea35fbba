#pragma once
// By deltas or anew: which is cheaper for this batch.
//
// Weighed only in AUTO, and only once a thousand rows are on their way, so that small batches pay nothing.  What the last
// large refreshes took is remembered beside the number of rows that they read and that their widest step had
// (pgtrickle.cost).  From those of a similar size comes the time by deltas, from those that made everything anew, for as
// much as the sources hold now, that of doing so again; medians, so that no single slow one decides.  It is weighed at the
// start, by the rows of the batch, and again as the rows between operators become more: a change of a few rows may reach
// half a table.  What is on its way to take longer than it would to start anew is given up for that.
//
// Without two refreshes of that size it is by deltas until the batch is more than half of what the sources hold.
#include "view/view.h"

namespace apply {

struct Outcome;

class Choice {
public:
	Choice(const view::View &view, const Outcome &so_far) : view_(view), so_far_(so_far) {}

	// Why everything is sooner made anew; nothing if it is not.  milliseconds: spent so far.
	std::optional<std::string> anew(double milliseconds);
	// The same for a loop, whose rounds are not known beforehand.
	std::optional<std::string> no_end_in_sight(double milliseconds);
	// What was compared, for the history; empty if nothing was.
	const std::string &said() const { return said_; }

private:
	struct Cost {
		std::string kind;
		double rows_in, widest, milliseconds;
	};
	void load();
	std::optional<double> by_deltas(double rows, double Cost::*of) const;
	std::optional<double> from_sources() const;

	const view::View &view_;
	const Outcome &so_far_;
	bool loaded_ = false;
	std::vector<Cost> costs_;
	int64 weighed_at_ = 0;
	std::string said_;
};

// Remembers what a refresh took.  REQUIRES: superuser, inside with_spi().
void remember_cost(int view, const Outcome &outcome);

}  // namespace apply
