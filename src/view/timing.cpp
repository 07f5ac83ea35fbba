#include "timing.h"

#include "pg/error.hpp"
#include "pg/spi.hpp"
#include "schedule/cron.h"

#include <algorithm>

namespace view {

namespace {

[[noreturn]] void refuse(const std::string &schedule, const std::string &detail)
{
	pg::fail(ERRCODE_INVALID_PARAMETER_VALUE, "\"" + schedule + "\" is not a schedule", detail,
	         "Use a duration of at least 100 ms, such as '1s', '10s', '1m' or '2h 30m', a cron line, such as '*/5 * * * *' or '@daily', "
	         "or 'calculated': as soon as something it reads has changed.");
}

std::string lower(std::string text)
{
	std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return tolower(c); });
	return text;
}

}  // namespace

Timing timing_of(const std::string &schedule)
{
	if (lower(schedule) == "calculated")
		return {};
	if (schedule::is_cron(schedule)) {
		auto read = schedule::read_cron(schedule);
		if (auto misread = std::get_if<schedule::Misread>(&read))
			refuse(schedule, "At character " + std::to_string(misread->position) + ": " + misread->what + ".");
		return {{}, schedule};
	}
	pg::Text text;
	auto error = pg::attempt([&] {
		text = pg::with_spi([&] {
			return pg::value("SELECT $1::interval WHERE $1::interval >= interval '0.1 second' AND $1 ~ '[a-z:]'", {schedule});
		});
	});
	if (error || !text)
		refuse(schedule, {});
	return {text, {}};
}

}  // namespace view
