#include "schedule/cron.h"

#include <chrono>
#include <gtest/gtest.h>

using namespace schedule;

namespace {

using std::chrono::sys_days;

std::int64_t at(int year, unsigned month, unsigned day, int hour = 0, int minute = 0, int second = 0)
{
	return std::chrono::sys_seconds{sys_days{std::chrono::year{year} / month / day}}.time_since_epoch().count() + hour * 3600 + minute * 60 + second;
}

std::int64_t utc(std::int64_t)
{
	return 0;
}

// Central Europe in 2026: 2:00 becomes 3:00 on 29 March, 3:00 becomes 2:00 on 25 October.
std::int64_t berlin(std::int64_t t)
{
	return t >= at(2026, 3, 29, 1) && t < at(2026, 10, 25, 1) ? 7200 : 3600;
}

Cron cron(const std::string &line)
{
	auto read = read_cron(line);
	if (auto misread = std::get_if<Misread>(&read))
		ADD_FAILURE() << line << ": " << misread->what;
	return std::get<Cron>(read);
}

// The next n runs.
std::vector<std::int64_t> runs(const std::string &line, std::int64_t after, int n, const Offset &offset = utc)
{
	std::vector<std::int64_t> out;
	for (Micros t = after * 1'000'000; n > 0; n--) {
		t = next_run(cron(line), t, offset);
		out.push_back(t == never ? -1 : t / 1'000'000);
	}
	return out;
}

using Times = std::vector<std::int64_t>;

std::string misread(const std::string &line)
{
	auto read = read_cron(line);
	auto *found = std::get_if<Misread>(&read);
	return found == nullptr ? "" : std::to_string(found->position) + ": " + found->what;
}

}  // namespace

TEST(Cron, EveryFewMinutes)
{
	EXPECT_EQ(runs("*/20 * * * *", at(2026, 1, 31, 23, 39, 59), 3), (Times{at(2026, 1, 31, 23, 40), at(2026, 2, 1), at(2026, 2, 1, 0, 20)}));
	EXPECT_EQ(runs("7-59/20 8,17 * * *", at(2026, 5, 1, 8, 7), 5),
	          (Times{at(2026, 5, 1, 8, 27), at(2026, 5, 1, 8, 47), at(2026, 5, 1, 17, 7), at(2026, 5, 1, 17, 27), at(2026, 5, 1, 17, 47)}));
}

TEST(Cron, AMomentIsAfterItself)
{
	EXPECT_EQ(runs("0 6 * * *", at(2026, 1, 1, 6), 1), Times{at(2026, 1, 2, 6)});
	EXPECT_EQ(next_run(cron("0 6 * * *"), at(2026, 1, 1, 6) * 1'000'000 - 1, utc), at(2026, 1, 1, 6) * 1'000'000);
}

TEST(Cron, Names)
{
	EXPECT_EQ(runs("0 0 1 Feb-APR/2 *", at(2026, 1, 1), 2), (Times{at(2026, 2, 1), at(2026, 4, 1)}));
	EXPECT_EQ(runs("30 9 * * mon,Fri-sun", at(2026, 1, 1), 4), (Times{at(2026, 1, 2, 9, 30), at(2026, 1, 3, 9, 30), at(2026, 1, 4, 9, 30), at(2026, 1, 5, 9, 30)}));
	EXPECT_EQ(runs("0 0 * * 7", at(2026, 1, 1), 1), runs("0 0 * * sun", at(2026, 1, 1), 1));
}

TEST(Cron, EitherDayWhereBothAreGiven)
{
	EXPECT_EQ(runs("0 0 13 * fri", at(2026, 2, 1), 4), (Times{at(2026, 2, 6), at(2026, 2, 13), at(2026, 2, 20), at(2026, 2, 27)}));
	EXPECT_EQ(runs("0 0 13 * fri", at(2026, 4, 11), 2), (Times{at(2026, 4, 13), at(2026, 4, 17)}));
	EXPECT_EQ(runs("0 0 */2 * fri", at(2026, 2, 1), 2), (Times{at(2026, 2, 13), at(2026, 2, 27)}));    // odd days that are Fridays
}

TEST(Cron, Shorthands)
{
	std::int64_t now = at(2026, 5, 14, 15, 16);
	EXPECT_EQ(runs("@hourly", now, 1), Times{at(2026, 5, 14, 16)});
	EXPECT_EQ(runs("@daily", now, 1), Times{at(2026, 5, 15)});
	EXPECT_EQ(runs("@weekly", now, 1), Times{at(2026, 5, 17)});
	EXPECT_EQ(runs("@monthly", now, 1), Times{at(2026, 6, 1)});
	EXPECT_EQ(runs(" @Yearly ", now, 2), (Times{at(2027, 1, 1), at(2028, 1, 1)}));
}

TEST(Cron, RareDays)
{
	EXPECT_EQ(runs("0 0 29 2 *", at(2096, 2, 29), 1), Times{at(2104, 2, 29)});
	EXPECT_EQ(runs("0 0 31 * *", at(2026, 3, 31), 2), (Times{at(2026, 5, 31), at(2026, 7, 31)}));
}

TEST(Cron, ATimeThatTheClockJumpsOverRunsAtTheJump)
{
	// 2:30 on 29 March does not come: it runs at 3:00, which is 1:00 in UTC.
	EXPECT_EQ(runs("30 2 * * *", at(2026, 3, 28, 0), 3, berlin), (Times{at(2026, 3, 28, 1, 30), at(2026, 3, 29, 1), at(2026, 3, 30, 0, 30)}));
	EXPECT_EQ(runs("15,30 2,3 * * *", at(2026, 3, 29, 0), 4, berlin), (Times{at(2026, 3, 29, 1), at(2026, 3, 29, 1, 15), at(2026, 3, 29, 1, 30), at(2026, 3, 30, 0, 15)}));
	EXPECT_EQ(runs("0 2,3 * * *", at(2026, 3, 29, 0), 2, berlin), (Times{at(2026, 3, 29, 1), at(2026, 3, 30, 0)}));    // once
}

TEST(Cron, ATimeThatComesTwiceRunsTheFirstTime)
{
	// 2:30 on 25 October is 0:30 and 1:30 in UTC.
	EXPECT_EQ(runs("30 2 * * *", at(2026, 10, 24, 12), 2, berlin), (Times{at(2026, 10, 25, 0, 30), at(2026, 10, 26, 1, 30)}));
	for (int minute : {31, 59, 60, 75, 89, 95})
		EXPECT_EQ(runs("30 2 * * *", at(2026, 10, 25, 0, minute), 1, berlin), Times{at(2026, 10, 26, 1, 30)}) << minute;
	EXPECT_EQ(runs("0 3 * * *", at(2026, 10, 25, 1, 10), 1, berlin), Times{at(2026, 10, 25, 2)});
}

TEST(Cron, EveryHourGoesByTheClock)
{
	EXPECT_EQ(runs("30 * * * *", at(2026, 3, 29, 0), 3, berlin), (Times{at(2026, 3, 29, 0, 30), at(2026, 3, 29, 1, 30), at(2026, 3, 29, 2, 30)}));
	EXPECT_EQ(runs("30 * * * *", at(2026, 10, 25, 0), 3, berlin), (Times{at(2026, 10, 25, 0, 30), at(2026, 10, 25, 1, 30), at(2026, 10, 25, 2, 30)}));
}

TEST(Cron, FarAwayAcrossSeveralChangesOfTheClock)
{
	EXPECT_EQ(runs("0 12 1 1 *", at(2026, 2, 1), 1, berlin), Times{at(2027, 1, 1, 11)});
	EXPECT_EQ(runs("0 12 1 7 *", at(2026, 2, 1), 2, berlin), (Times{at(2026, 7, 1, 10), at(2027, 7, 1, 11)}));
}

TEST(Cron, SaysWhereItCannotBeRead)
{
	EXPECT_EQ(misread("61 * * * *"), "1: 61 is no minute, which is from 0 to 59");
	EXPECT_EQ(misread("0 24 * * *"), "3: 24 is no hour, which is from 0 to 23");
	EXPECT_EQ(misread("0 0 0 * *"), "5: 0 is no day of the month, which is from 1 to 31");
	EXPECT_EQ(misread("0 0 1 foo *"), "7: \"foo\" is no month");
	EXPECT_EQ(misread("0 0 * * 1-9"), "11: 9 is no day of the week, which is from 0 to 7");
	EXPECT_EQ(misread("0 22-2 * * *"), "3: the range \"22-2\" ends before it begins");
	EXPECT_EQ(misread("5/10 * * * *"), "2: a step follows * or a range");
	EXPECT_EQ(misread("*/0 * * * *"), "3: a step is at least 1");
	EXPECT_EQ(misread("1, * * * *"), "3: a minute is missing");
	EXPECT_EQ(misread("1;2 * * * *"), "2: \";2\" is out of place here");
	EXPECT_EQ(misread("* * * *"), "8: the day of the week is missing");
	EXPECT_EQ(misread("* * * * * *"), "11: there are five fields");
	EXPECT_EQ(misread("0 0 30 2 *"), "5: no such day comes in these months");
	EXPECT_EQ(misread("0 0 30 2 mon"), "");
	EXPECT_EQ(misread("@reboot"), "1: \"@reboot\" is none of @hourly, @daily, @weekly, @monthly, @yearly");
	EXPECT_EQ(misread("@daily 5"), "8: nothing follows @daily");
	EXPECT_EQ(misread("9999999999999 * * * *"), "1: 9999 is no minute, which is from 0 to 59");
	EXPECT_EQ(misread(""), "1: the minute is missing");
}

TEST(Cron, IsNoDuration)
{
	for (const char *line : {"* * * * *", "*/5", "@daily", "0 6 * * mon", "0 6 1 1 1", "5 4"})
		EXPECT_TRUE(is_cron(line)) << line;
	for (const char *text : {"", "1s", "2h 30m", "1 day 2 hours", "10:00", "calculated", "5", "sometimes"})
		EXPECT_FALSE(is_cron(text)) << text;
}
