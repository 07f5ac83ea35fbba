#include "due.h"

#include <algorithm>

namespace schedule {

namespace {

bool reads(const View &view, const std::set<std::uint32_t> &relids)
{
	return std::any_of(view.sources.begin(), view.sources.end(), [&](std::uint32_t source) { return relids.contains(source); });
}

// Due for a reason of its own.
bool wants(const View &view, Micros now)
{
	const Timers &timers = view.timers;
	if (view.calculated)
		return view.pending || timers.rebuild || timers.next_flip <= now || timers.due_at <= now;
	return timers.due_at <= now;
}

Micros earliest(const View &view)
{
	return std::max(view.timers.retry_at, view.not_before);
}

}  // namespace

void note(std::vector<View> &views, const Changes &changes)
{
	for (View &view : views)
		view.pending |= changes.all || reads(view, changes.sources);
}

std::vector<int> due(const std::vector<View> &views, Micros now)
{
	std::vector<int> ids;
	std::set<std::uint32_t> moved;
	std::vector<bool> chosen(views.size());
	for (bool grew = true; grew;) {
		grew = false;
		for (std::size_t i = 0; i < views.size(); i++) {
			const View &view = views[i];
			if (chosen[i] || earliest(view) > now || !(wants(view, now) || (view.calculated && reads(view, moved))))
				continue;
			chosen[i] = grew = true;
			ids.push_back(view.id);
			moved.insert(view.relid);
			moved.insert(view.compares.begin(), view.compares.end());
		}
	}
	return ids;
}

Micros next_due(const std::vector<View> &views, Micros now)
{
	Micros next = never;
	for (const View &view : views) {
		const Timers &timers = view.timers;
		Micros at = never;
		if (!view.calculated)
			at = timers.due_at;
		else
			at = view.pending || timers.rebuild ? now : std::min(timers.next_flip, timers.due_at);
		if (at != never)
			next = std::min(next, std::max(at, earliest(view)));
	}
	return next;
}

namespace {

bool contains(const std::vector<int> &ids, int id)
{
	return std::find(ids.begin(), ids.end(), id) != ids.end();
}

}  // namespace

void settle(std::vector<View> &views, const std::vector<int> &ids, Micros when)
{
	for (View &view : views)
		if (contains(ids, view.id))
			view.pending = view.timers.retry_at > when;
}

void postpone(std::vector<View> &views, const std::vector<int> &ids, const std::vector<int> &ticked, Micros until)
{
	for (View &view : views)
		if (contains(ids, view.id) && !contains(ticked, view.id)) {
			view.pending = true;
			view.not_before = until;
		}
}

Micros rest_after(Micros tick)
{
	constexpr Micros short_tick = 10'000, longest = 200'000;
	return std::min(longest, tick * std::clamp(tick, short_tick, 3 * short_tick) / short_tick);
}

Micros backoff(int failures)
{
	constexpr Micros second = 1'000'000, longest = 300 * second;
	return std::min(longest, second << std::clamp(failures - 1, 0, 9));
}

}  // namespace schedule
