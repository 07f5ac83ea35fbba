#include "snapshot.h"

#include <algorithm>
#include <charconv>

namespace schedule {

Snapshot Snapshot::parse(std::string_view text)
{
	Snapshot snapshot;
	const char *at = text.data(), *end = at + text.size();
	auto number = [&] {
		std::uint64_t value = 0;
		at = std::from_chars(at, end, value).ptr;
		at += at != end;  // the colon or comma
		return value;
	};
	snapshot.xmin = number();
	snapshot.xmax = number();
	while (at != end)
		snapshot.running.push_back(number());
	return snapshot;
}

bool Snapshot::sees(std::uint64_t xid) const
{
	return xid < xmax && !std::binary_search(running.begin(), running.end(), xid);
}

void Snapshot::hide(std::uint64_t xid)
{
	if (sees(xid))
		running.insert(std::lower_bound(running.begin(), running.end(), xid), xid);
}

bool covers(const Snapshot &frontier, const Snapshot &earlier)
{
	for (std::uint64_t xid : frontier.running)
		if (earlier.sees(xid))
			return false;
	if (earlier.xmax <= frontier.xmax)
		return true;
	// Whatever lies between the two ends must have been running still.
	auto running = earlier.running.end() - std::lower_bound(earlier.running.begin(), earlier.running.end(), frontier.xmax);
	return std::uint64_t(running) == earlier.xmax - frontier.xmax;
}

}  // namespace schedule
