#pragma once
// One stream table brought to the snapshot of a tick.
#include "apply/choice.h"
#include "apply/frontier.h"
#include "view/view.h"

#include <functional>

namespace apply {

struct Outcome {
	std::string mode;             // DIFFERENTIAL, FULL, REBUILD, INITIAL, NO_DATA, ERROR
	std::string reason;
	int64 rows_in = 0, rows_out = 0;
	int64 widest = 0;             // rows of the step that had most, the batch included
	double held = 0;              // rows of the sources
	bool chooses = false;         // AUTO
	double own_milliseconds = 0;  // of what mode says, with the arrangements that were brought up to date for it
	double recomputing = 0;       // of INITIAL and REBUILD: what that would have taken, as far as plans tell; 0: they were not asked
	bool lapsed = false;          // its state is not kept up from here on
	bool bulk = false;
	double milliseconds = 0;
	std::optional<double> next_flip;        // when time next moves a row: seconds since 1970
	std::optional<pg::Error> error;
};

// Locks keys for other transactions at work on the stream table, to the end of this one; the snapshot to go on under.
using Locker = std::function<Snapshot(int slot, delta::Excludes excludes, const std::vector<int64> &hashes)>;

// Reads the batch since the frontier and applies its change; rebuilds when there
// is no frontier or a source was truncated.  REQUIRES: the caller is in a
// subtransaction and holds the stream table's lock; arrangements are at the snapshot,
// unless it was decided to do without (choice.h).  spent: milliseconds that it took to bring them there.
// locker: the stream table is locked for one key after the other.
Outcome refresh(view::View &view, const Frontier &from, Snapshot snapshot, const Decision &decision = {}, double spent = 0, const Locker *locker = nullptr);

// The settings that were in force at creation, and a search_path nobody can plant anything
// on, until end_settings() (or the end of the transaction).
int begin_settings(const view::View &view);
int begin_settings(const std::vector<view::Setting> &settings);
void end_settings(int level);

// While one lives the engine itself writes to stream tables, or changes their columns.
class Applying {
public:
	Applying();
	~Applying();
	Applying(const Applying &) = delete;
	Applying &operator=(const Applying &) = delete;
};
bool applying();

}  // namespace apply
