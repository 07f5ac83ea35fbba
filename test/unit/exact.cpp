#include "delta/exact.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <random>

using delta::ExactSum;

namespace {

double sum(std::initializer_list<double> numbers)
{
	ExactSum out;
	for (double x : numbers)
		out.add(x, 1);
	return out.value();
}

ExactSum reread(const ExactSum &sum)
{
	ExactSum out;
	EXPECT_TRUE(out.read(sum.bytes()));
	return out;
}

// Of any exponent, subnormal numbers among them.
double any_number(std::mt19937_64 &random)
{
	return std::ldexp(std::uniform_real_distribution<>(-1, 1)(random), std::uniform_int_distribution<>(-1074, 1000)(random));
}

constexpr double most = std::numeric_limits<double>::max(), least = std::numeric_limits<double>::denorm_min(), infinity = std::numeric_limits<double>::infinity();

}  // namespace

TEST(ExactSum, RoundsOnceToTheNearest)
{
	EXPECT_EQ(sum({}), 0);
	EXPECT_EQ(sum({0.1, 0.2, 0.3}), 0.6);
	EXPECT_EQ(sum({1e308, 1, -1e308}), 1);
	EXPECT_EQ(sum({most, most, -most}), most);
	EXPECT_EQ(sum({least, least, 1, -1}), 2 * least);
	EXPECT_EQ(sum({1, std::ldexp(1, -53)}), 1);
	EXPECT_EQ(sum({1, std::ldexp(1, -53), least}), 1 + std::ldexp(1, -52));
	EXPECT_EQ(sum({1 + std::ldexp(1, -52), std::ldexp(1, -53)}), 1 + std::ldexp(1, -51));
	EXPECT_EQ(sum({-1, -std::ldexp(1, -53), -least}), -1 - std::ldexp(1, -52));
	EXPECT_EQ(sum({most, std::ldexp(1, 969)}), most);
	EXPECT_EQ(sum({most, most}), infinity);
	EXPECT_EQ(sum({-most, -std::ldexp(1, 970)}), -infinity);
}

TEST(ExactSum, CountsWhatDoesNotSubtract)
{
	EXPECT_TRUE(std::isnan(sum({1, NAN})));
	EXPECT_TRUE(std::isnan(sum({infinity, -infinity})));
	ExactSum s;
	s.add(-infinity, 2);
	s.add(3, 1);
	s.add(-infinity, -1);
	EXPECT_EQ(reread(s).value(), -infinity);
	s.add(-infinity, -1);
	EXPECT_EQ(s.value(), 3);
	EXPECT_FALSE(s.is_special());
}

TEST(ExactSum, ForgetsWhatIsTakenAway)
{
	std::mt19937_64 random(1);
	for (int turn = 0; turn < 300; turn++) {
		std::vector<double> numbers(turn);
		for (double &x : numbers)
			x = any_number(random);
		ExactSum before, after;
		before.add(1.5, 1);
		after = before;
		for (double x : numbers)
			after.add(x, 3);
		EXPECT_TRUE(turn == 0 || after.bytes() != before.bytes());
		std::shuffle(numbers.begin(), numbers.end(), random);
		ExactSum others;
		for (double x : numbers)
			others.add(-x, 1);
		for (int i = 0; i < 3; i++)
			after.add(reread(others));
		EXPECT_EQ(after.bytes(), before.bytes());
	}
}

TEST(ExactSum, TakesCopies)
{
	for (std::int64_t copies : {std::int64_t{1} << 31, (std::int64_t{1} << 40) + 7, -(std::int64_t{1} << 45) - 3, std::int64_t{-1} << 31}) {
		ExactSum many, one;
		many.add(-0.1, copies);
		for (int bit = 0; bit < 62; bit++)
			if (std::abs(copies) >> bit & 1)
				one.add(std::ldexp(copies < 0 ? 0.1 : -0.1, bit), 1);
		EXPECT_EQ(many.bytes(), one.bytes()) << copies;
	}
}

TEST(ExactSum, SpreadsAreRoundedAtTheEnd)
{
	auto spread = [](const std::vector<std::pair<double, double>> &pairs) {
		ExactSum x, y, products;
		for (auto [a, b] : pairs) {
			x.add(a, 1);
			y.add(b, 1);
			products.add_product(a, b, 1);
		}
		return products.spread(static_cast<std::int64_t>(pairs.size()), x, y);
	};
	EXPECT_EQ(spread({{3, 3}}), 0);
	EXPECT_EQ(spread({{0.1, 0.1}, {0.1, 0.1}, {0.1, 0.1}}), 0);
	EXPECT_EQ(spread({{1, 1}, {2, 2}, {3, 3}, {4, 4}}), 5);
	EXPECT_EQ(spread({{1e9 + 1, 1e9 + 1}, {1e9 + 2, 1e9 + 2}, {1e9 + 3, 1e9 + 3}}), 2);
	EXPECT_EQ(spread({{1, -3}, {2, -6}}), -1.5);
	EXPECT_EQ(spread({{-1e150, 1e150}, {1e150, -1e150}}), -2 * (1e150 * 1e150));
	EXPECT_EQ(spread({{1e200, 1e200}, {0, 0}}), infinity);
	EXPECT_TRUE(std::isnan(spread({{1, infinity}, {2, 3}})));
	EXPECT_TRUE(std::isnan(spread({{NAN, 1}})));
}

TEST(ExactSum, RefusesOtherBytes)
{
	ExactSum s;
	EXPECT_TRUE(s.read(""));
	EXPECT_FALSE(s.read("\x02"));
	EXPECT_FALSE(s.read(std::string("\0\x01\x02", 3)));
	EXPECT_FALSE(s.read(std::string(2, '\x47') + std::string(8, '\1')));
}
