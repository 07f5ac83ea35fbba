#pragma once
// Schedules as cron lines: '*/5 * * * *', '0 6 * * mon-fri', '@daily'.  Pure: no server, no clock.
//
// Five fields: minute, hour, day of the month, month, day of the week (0 or 7 is Sunday).  A field is a list of numbers, names (jan, mon),
// ranges, and * or a range with a step.  Where both days are given, one that fits is enough, as in every cron.
//
// The line is read in a time zone.  A line for certain hours runs once for each time it names: one that the clock jumps over
// runs at the jump, one that comes twice runs the first time.  A line for every hour (* or */n) runs by the clock as it shows.
#include "due.h"

#include <bitset>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace schedule {

struct Cron {
	std::bitset<60> minutes;
	std::bitset<24> hours;
	std::bitset<32> days;
	std::bitset<13> months;
	std::bitset<8> weekdays;      // 7 is 0
	bool any_day = false, any_weekday = false, every_hour = false;
};

struct Misread {
	std::size_t position;         // of the character, from 1
	std::string what;
};

// Is it meant for a cron line, rather than for a duration?
bool is_cron(std::string_view text);
std::variant<Cron, Misread> read_cron(std::string_view text);

// Seconds east of UTC at a time, in seconds since 1970.
using Offset = std::function<std::int64_t(std::int64_t)>;

// The first time after `after` that the line names; never, if there is none in nine years.
Micros next_run(const Cron &cron, Micros after, const Offset &offset);

}  // namespace schedule
