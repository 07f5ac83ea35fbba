#include "schedule/due.h"
#include "schedule/snapshot.h"

#include <algorithm>
#include <gtest/gtest.h>

using namespace schedule;

namespace {

constexpr Micros second = 1'000'000, now = 1000 * second;

View calculated(int id, std::vector<std::uint32_t> sources)
{
	View view;
	view.id = id;
	view.relid = 100 + id;
	view.sources = std::move(sources);
	view.pending = false;
	return view;
}

View periodic(int id, std::vector<std::uint32_t> sources, Micros due_at)
{
	View view = calculated(id, std::move(sources));
	view.calculated = false;
	view.timers.due_at = due_at;
	return view;
}

using Ids = std::vector<int>;

}  // namespace

TEST(Due, NothingWhenNothingChanged)
{
	std::vector<View> views{calculated(1, {7}), periodic(2, {7}, now + second)};
	EXPECT_EQ(due(views, now), Ids{});
	EXPECT_EQ(next_due(views, now), now + second);
}

TEST(Due, OnlyReadersOfWhatChanged)
{
	std::vector<View> views{calculated(1, {7}), calculated(2, {8})};
	note(views, {false, {8}});
	EXPECT_EQ(due(views, now), Ids{2});
	note(views, {true, {}});
	EXPECT_EQ(due(views, now), (Ids{1, 2}));
}

TEST(Due, CarriesUpWhateverTheOrder)
{
	std::vector<View> views{calculated(3, {102}), calculated(2, {101}), calculated(1, {7})};
	note(views, {false, {7}});
	std::vector<int> ids = due(views, now);
	std::sort(ids.begin(), ids.end());
	EXPECT_EQ(ids, (Ids{1, 2, 3}));
}

TEST(Due, PeriodicStopsAndStartsTheCarrying)
{
	std::vector<View> views{calculated(1, {7}), periodic(2, {101}, now + second), calculated(3, {102})};
	note(views, {false, {7}});
	EXPECT_EQ(due(views, now), Ids{1});
	views[0].pending = false;
	EXPECT_EQ(due(views, now + second), (Ids{2, 3}));
}

TEST(Due, TemporalFlip)
{
	std::vector<View> views{calculated(1, {7})};
	views[0].timers.next_flip = now + 5;
	EXPECT_EQ(due(views, now), Ids{});
	EXPECT_EQ(next_due(views, now), now + 5);
	EXPECT_EQ(due(views, now + 5), Ids{1});
}

TEST(Due, FailedViewsWaitAndStayPending)
{
	std::vector<View> views{calculated(1, {7}), calculated(2, {101})};
	note(views, {true, {}});
	views[0].timers.retry_at = now + second;
	settle(views, {1, 2}, now);
	EXPECT_EQ(due(views, now), Ids{});
	EXPECT_EQ(next_due(views, now), now + second);
	EXPECT_EQ(due(views, now + second), (Ids{1, 2}));
	settle(views, {1, 2}, now + second);
	EXPECT_EQ(due(views, now + 2 * second), Ids{});
	EXPECT_EQ(next_due(views, now), never);
}

TEST(Due, LockedViewsWaitALittle)
{
	std::vector<View> views{calculated(1, {7}), periodic(2, {7}, now)};
	note(views, {true, {}});
	settle(views, {}, now);
	postpone(views, {1, 2}, {}, now + 50);
	EXPECT_EQ(due(views, now), Ids{});
	EXPECT_EQ(next_due(views, now), now + 50);
	EXPECT_EQ(due(views, now + 50), (Ids{1, 2}));
}

TEST(Due, Rest)
{
	EXPECT_EQ(rest_after(1'000), 1'000);
	EXPECT_EQ(rest_after(20'000), 40'000);
	EXPECT_EQ(rest_after(50'000), 150'000);
	EXPECT_EQ(rest_after(60 * second), 200'000);
}

TEST(Due, Backoff)
{
	EXPECT_EQ(backoff(1), second);
	EXPECT_EQ(backoff(3), 4 * second);
	EXPECT_EQ(backoff(9), 256 * second);
	EXPECT_EQ(backoff(1000), 300 * second);
}

TEST(Snapshot, Parse)
{
	Snapshot s = Snapshot::parse("10:20:10,14");
	EXPECT_EQ(s.xmin, 10u);
	EXPECT_EQ(s.xmax, 20u);
	EXPECT_EQ(s.running, (std::vector<std::uint64_t>{10, 14}));
	EXPECT_TRUE(Snapshot::parse("5:5:").running.empty());
	EXPECT_TRUE(s.sees(9));
	EXPECT_TRUE(s.sees(15));
	EXPECT_FALSE(s.sees(14));
	EXPECT_FALSE(s.sees(20));
}

TEST(Snapshot, Covers)
{
	auto check = [](const char *frontier, const char *earlier) {
		return covers(Snapshot::parse(frontier), Snapshot::parse(earlier));
	};
	EXPECT_TRUE(check("10:20:10", "10:20:10"));
	EXPECT_TRUE(check("10:20:10", "10:15:10,12"));
	EXPECT_FALSE(check("10:20:10,14", "10:20:10"));      // 14 had committed
	EXPECT_FALSE(check("10:20:10", "10:21:10"));         // 20 too
	EXPECT_TRUE(check("10:20:10", "10:22:10,20,21"));    // those two had not
	EXPECT_FALSE(check("10:20:10", "10:23:10,20,21"));
	EXPECT_TRUE(check("30:30:", "10:20:10"));
}

TEST(Snapshot, HidesWhatIsNotCommittedYet)
{
	// One's own transaction, 20, is not listed; others have ended since it began.
	Snapshot own = Snapshot::parse("20:25:22");
	EXPECT_FALSE(covers(Snapshot::parse("20:25:20,22"), own));
	own.hide(20);
	own.hide(22);
	own.hide(30);
	EXPECT_EQ(own.running, (std::vector<std::uint64_t>{20, 22}));
	EXPECT_TRUE(covers(Snapshot::parse("20:25:20,22"), own));
}
