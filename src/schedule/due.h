#pragma once
// When is a stream table due?  Pure: no server, no clock.
//
// A view with a period is due when the period since its last tick is over, one with a cron line
// at the first time after its last tick that the line names (cron.h): what was missed runs once.  A view
// with the schedule 'calculated' is due when a source of its has changed since, when a
// temporal filter moves a row, when it has to be rebuilt, or when a view that it
// reads is due: what a tick changes below is carried up in the same tick.
// A view whose last tick failed waits for its retry_at in any case.
#include <cstdint>
#include <limits>
#include <set>
#include <vector>

namespace schedule {

using Micros = std::int64_t;   // since 1970
constexpr Micros never = std::numeric_limits<Micros>::max();

struct Timers {
	Micros due_at = never;     // end of the period, or the time that the cron line names; in the past if it has never been ticked.  Of 'calculated': when a copy is due
	Micros next_flip = never;
	Micros retry_at = 0;
	bool rebuild = false;
};

struct View {
	int id = 0;
	std::uint32_t relid = 0;
	bool calculated = true;
	std::vector<std::uint32_t> sources;
	std::vector<std::uint32_t> compares;   // those among them that its tick may change: copies of foreign tables
	Timers timers;
	bool pending = true;       // something it reads has changed since its last tick
	Micros not_before = 0;     // postponed
};

struct Changes {
	bool all = false;
	std::set<std::uint32_t> sources;
};

// Marks the views that read what has changed.
void note(std::vector<View> &views, const Changes &changes);

// Ids of the views that are due.
std::vector<int> due(const std::vector<View> &views, Micros now);

// When the next one will be, if nothing changes.
Micros next_due(const std::vector<View> &views, Micros now);

// After a tick at `when` of the views in ids, with the timers it has left: those that
// failed, as their retry_at says, stay pending.
void settle(std::vector<View> &views, const std::vector<int> &ids, Micros when);

// The views in ids that were not ticked, because somebody else had them locked, are not tried again until then.
void postpone(std::vector<View> &views, const std::vector<int> &ids, const std::vector<int> &ticked, Micros until);

// How long to rest after a tick: as long as it took, and up to three times that after a long one, 200 ms at most.
// Short ticks keep views fresh; when they grow, others want the processor, and a bigger batch is cheaper by the row.
Micros rest_after(Micros tick);

// 1 s, 2 s, 4 s … 5 min.
Micros backoff(int failures);

}  // namespace schedule
