// How trickle-lake spells bounds and finds rows: what DuckDB must be able to trust.
#include "../../lake/hash.h"
#include "../../lake/statistics.h"

#include <gtest/gtest.h>

#include <limits>

using namespace lake;

TEST(Spelling, Dates)
{
	EXPECT_EQ(spell_date(0), "1970-01-01");
	EXPECT_EQ(spell_date(-1), "1969-12-31");
	EXPECT_EQ(spell_date(19782), "2024-02-29");
	EXPECT_EQ(spell_date(-719162), "0001-01-01");
	EXPECT_EQ(spell_date(2932896), "9999-12-31");
	EXPECT_EQ(spell_date(2932897), "10000-01-01");
}

TEST(Spelling, Timestamps)
{
	EXPECT_EQ(spell_timestamp(0), "1970-01-01 00:00:00");
	EXPECT_EQ(spell_timestamp(-1), "1969-12-31 23:59:59.999999");
	EXPECT_EQ(spell_timestamp(1'500'000), "1970-01-01 00:00:01.500000");
	EXPECT_EQ(spell_timestamp(-86'400'000'000), "1969-12-31 00:00:00");
	EXPECT_EQ(spell_time(86'400'000'000), "24:00:00");
}

TEST(Spelling, Decimals)
{
	EXPECT_EQ(spell_decimal(0, 2), "0.00");
	EXPECT_EQ(spell_decimal(5, 2), "0.05");
	EXPECT_EQ(spell_decimal(-5, 2), "-0.05");
	EXPECT_EQ(spell_decimal(12345, 0), "12345");
	EXPECT_EQ(spell_decimal(-1234567, 3), "-1234.567");
}

TEST(Spelling, Floats)
{
	EXPECT_EQ(spell_float(1.5), "1.5");
	EXPECT_EQ(spell_float(-std::numeric_limits<double>::infinity()), "-inf");
	EXPECT_EQ(std::stod(spell_float(0.1)), 0.1);
	EXPECT_EQ(spell_float(0.1f), "0.1");
}

TEST(Bounds, ShortTextIsItsOwnBound)
{
	EXPECT_EQ(lower_bound(""), "");
	EXPECT_EQ(upper_bound("abc"), "abc");
	EXPECT_EQ(upper_bound(std::string(longest_bound, 'x')), std::string(longest_bound, 'x'));
}

TEST(Bounds, LongTextLiesBetweenItsBounds)
{
	for (const char *character : {"x", "\x7f", "ß", "\u07ff", "\ud7ff", "\uffff", "🌍"}) {
		std::string text;
		while (text.size() <= longest_bound + 10)
			text += character;
		const std::string lower = lower_bound(text);
		const std::optional<std::string> upper = upper_bound(text);
		EXPECT_LE(lower.size(), longest_bound);
		EXPECT_LE(lower, text);
		ASSERT_TRUE(upper.has_value());
		EXPECT_GT(*upper, text) << character;
		EXPECT_LE(upper->size(), longest_bound + 4);
	}
}

TEST(Bounds, NothingIsGreaterThanTheGreatest)
{
	std::string text;
	while (text.size() <= longest_bound)
		text += "\U0010ffff";
	EXPECT_FALSE(upper_bound(text).has_value());
	EXPECT_GT(*upper_bound("a" + text), "a" + text);
}

TEST(RowHash, IsSipHash)
{
	std::string secret, text;
	for (int i = 0; i < 16; i++)
		secret += static_cast<char>(i);
	for (int i = 0; i < 15; i++)
		text += static_cast<char>(i);
	// From the authors' vectors for 128 bits: 54 93 e9 99 33 b0 a8 11 7e 08 ec 0f 97 cf c3 d9.
	const Key hash = RowHash(secret)(text);
	EXPECT_EQ(hash.high, 0x11a8b03399e99354u);
	EXPECT_EQ(hash.low, 0xd9c3cf970fec087eu);
}

TEST(RowHash, TellsLengthsAndSecretsApart)
{
	const RowHash hash(std::string(16, 'a')), other(std::string(16, 'b'));
	EXPECT_NE(hash(std::string(3, '\0')), hash(std::string(4, '\0')));
	EXPECT_NE(hash("x"), other("x"));
}
