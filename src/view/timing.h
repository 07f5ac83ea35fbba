#pragma once
// When a stream table is refreshed, as the user writes it.
#include "pg/sql.hpp"

namespace view {

// Neither: 'calculated'.
struct Timing {
	pg::Text period;    // an interval
	pg::Text cron;      // a line for schedule/cron.h
};

// Fails 22023.
Timing timing_of(const std::string &schedule);

}  // namespace view
