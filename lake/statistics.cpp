#include "statistics.h"

#include <charconv>
#include <cmath>
#include <cstdio>

namespace lake {

namespace {

constexpr int64_t day = 86'400'000'000;

template <typename T>
std::string shortest(T value)
{
	if (std::isinf(value))
		return value < 0 ? "-inf" : "inf";
	char text[64];
	return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

// The start of the last character of a UTF-8 text.
size_t last_character(std::string_view text)
{
	size_t at = text.size() - 1;
	while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80)
		at--;
	return at;
}

std::string encode(char32_t c)
{
	if (c < 0x80)
		return {static_cast<char>(c)};
	if (c < 0x800)
		return {static_cast<char>(0xC0 | c >> 6), static_cast<char>(0x80 | (c & 0x3F))};
	if (c < 0x10000)
		return {static_cast<char>(0xE0 | c >> 12), static_cast<char>(0x80 | (c >> 6 & 0x3F)), static_cast<char>(0x80 | (c & 0x3F))};
	return {static_cast<char>(0xF0 | c >> 18), static_cast<char>(0x80 | (c >> 12 & 0x3F)),
	        static_cast<char>(0x80 | (c >> 6 & 0x3F)), static_cast<char>(0x80 | (c & 0x3F))};
}

char32_t decode(std::string_view c)
{
	const unsigned char first = c[0];
	char32_t value = c.size() == 1 ? first : first & (0x7F >> c.size());
	for (size_t i = 1; i < c.size(); i++)
		value = value << 6 | (static_cast<unsigned char>(c[i]) & 0x3F);
	return value;
}

}  // namespace

std::string spell_date(int32_t days)
{
	// Howard Hinnant's civil_from_days; std::chrono's years end at 32767, PostgreSQL's do not.
	const int64_t z = static_cast<int64_t>(days) + 719468;
	const int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	const int64_t of_era = z - era * 146097;
	const int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	const int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	const int64_t mp = (5 * of_year + 2) / 153;
	const int64_t month = mp < 10 ? mp + 3 : mp - 9;
	char text[40];
	snprintf(text, sizeof text, "%04lld-%02d-%02d", static_cast<long long>(year_of_era + era * 400 + (month <= 2)),
	         static_cast<int>(month), static_cast<int>(of_year - (153 * mp + 2) / 5 + 1));
	return text;
}

std::string spell_time(int64_t micros)
{
	char text[40];
	const int64_t seconds = micros / 1'000'000;
	snprintf(text, sizeof text, "%02d:%02d:%02d", static_cast<int>(seconds / 3600), static_cast<int>(seconds / 60 % 60),
	         static_cast<int>(seconds % 60));
	std::string spelt = text;
	if (micros % 1'000'000 != 0) {
		snprintf(text, sizeof text, ".%06d", static_cast<int>(micros % 1'000'000));
		spelt += text;
	}
	return spelt;
}

std::string spell_timestamp(int64_t micros)
{
	const int64_t days = micros >= 0 ? micros / day : -((-micros + day - 1) / day);
	return spell_date(static_cast<int32_t>(days)) + ' ' + spell_time(micros - days * day);
}

std::string spell_decimal(__int128 unscaled, int scale)
{
	const bool negative = unscaled < 0;
	unsigned __int128 rest = negative ? -static_cast<unsigned __int128>(unscaled) : unscaled;
	std::string digits;
	while (rest > 0 || static_cast<int>(digits.size()) <= scale) {
		digits.insert(digits.begin(), static_cast<char>('0' + static_cast<int>(rest % 10)));
		rest /= 10;
	}
	if (scale > 0)
		digits.insert(digits.size() - scale, ".");
	return negative ? "-" + digits : digits;
}

std::string spell_float(float value) { return shortest(value); }
std::string spell_float(double value) { return shortest(value); }

std::string spell_uuid(std::string_view bytes)
{
	static constexpr char hex[] = "0123456789abcdef";
	std::string text;
	for (size_t i = 0; i < bytes.size(); i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			text += '-';
		text += hex[static_cast<unsigned char>(bytes[i]) >> 4];
		text += hex[bytes[i] & 15];
	}
	return text;
}

std::string lower_bound(std::string_view text)
{
	if (text.size() <= longest_bound)
		return std::string(text);
	text = text.substr(0, longest_bound + 1);
	return std::string(text.substr(0, last_character(text)));
}

std::optional<std::string> upper_bound(std::string_view text)
{
	if (text.size() <= longest_bound)
		return std::string(text);
	for (std::string cut = lower_bound(text); !cut.empty();) {
		const size_t at = last_character(cut);
		char32_t c = decode(std::string_view(cut).substr(at));
		cut.resize(at);
		c = c == 0xD7FF ? 0xE000 : c + 1;  // no character between
		if (c <= 0x10FFFF)
			return cut + encode(c);
	}
	return std::nullopt;
}

}  // namespace lake
