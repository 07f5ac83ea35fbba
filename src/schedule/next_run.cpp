// Cron lines in the time zones of the server.
#include "cron.h"
#include "pg/error.hpp"

extern "C" {
#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
}

namespace schedule {

namespace {

constexpr Micros epoch = Micros(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;

std::int64_t east(const pg_tz *zone, std::int64_t seconds)
{
	pg_time_t time = seconds;
	const pg_tm *local = pg_localtime(&time, zone);
	return local != nullptr ? local->tm_gmtoff : 0;
}

Micros next(const std::string &line, const std::string &zone_name, Micros after)
{
	auto cron = read_cron(line);
	if (auto misread = std::get_if<Misread>(&cron))
		pg::fail(ERRCODE_INVALID_PARAMETER_VALUE, "\"" + line + "\" is not a schedule", misread->what);
	const pg_tz *zone = pg::call(pg_tzset, zone_name.c_str());
	if (zone == nullptr)
		pg::fail(ERRCODE_INVALID_PARAMETER_VALUE, "time zone \"" + zone_name + "\" is not known here");
	return next_run(std::get<Cron>(cron), after, [zone](std::int64_t seconds) { return east(zone, seconds); });
}

}  // namespace

}  // namespace schedule

PGT_FUNCTION(schedule_next_run)
{
	using namespace schedule;
	TimestampTz after = PG_GETARG_TIMESTAMPTZ(2);
	if (TIMESTAMP_NOT_FINITE(after))
		return TimestampTzGetDatum(after);
	auto argument = [&](int n) { return std::string(pg::call(text_to_cstring, static_cast<const text *>(PG_GETARG_TEXT_PP(n)))); };
	Micros run = next(argument(0), argument(1), after + epoch);
	if (run == never)
		PG_RETURN_NULL();
	return TimestampTzGetDatum(run - epoch);
}
