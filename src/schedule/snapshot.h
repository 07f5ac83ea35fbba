#pragma once
// pg_snapshot, 'xmin:xmax:xip,xip…', as plain values.  Pure: no server.
#include <cstdint>
#include <string_view>
#include <vector>

namespace schedule {

struct Snapshot {
	std::uint64_t xmin = 0, xmax = 0;
	std::vector<std::uint64_t> running;  // ascending

	// REQUIRES: what pg_snapshot's output function writes.
	static Snapshot parse(std::string_view text);

	bool sees(std::uint64_t xid) const;
	// As if it were running still: a transaction is not listed in its own snapshot.
	void hide(std::uint64_t xid);
};

// Whether all that is visible in `earlier` is visible in `frontier`.
bool covers(const Snapshot &frontier, const Snapshot &earlier);

}  // namespace schedule
