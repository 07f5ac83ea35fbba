#pragma once
// What a file knows about a column: counts, and the least and the greatest value in DuckLake's spelling.
//
// DuckDB skips files and answers from these, so they must be true.  Where a bound cannot be spelt (a year before
// Christ) or is not kept (json, blob), `bounded` is false and the catalog gets no bound at all: for a whole table
// a NULL bound would be read as "no value yet", and rows would vanish from filters.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lake {

struct Statistics {
	int64_t values = 0;  // not null
	int64_t nulls = 0;
	bool bounded = true;
	std::optional<std::string> min, max;  // none: no value
	std::optional<bool> has_nan;          // none: not a float
	bool known = false;                   // the table's own bounds have these values in them already
};

std::string spell_date(int32_t days_since_1970);
std::string spell_timestamp(int64_t micros_since_1970);
std::string spell_time(int64_t micros);
std::string spell_decimal(__int128 unscaled, int scale);
std::string spell_float(float value);
std::string spell_float(double value);
std::string spell_uuid(std::string_view bytes);

// Text bounds are cut to this many bytes: the lower one plainly, the upper one with its last character raised.
inline constexpr size_t longest_bound = 256;
std::string lower_bound(std::string_view text);
std::optional<std::string> upper_bound(std::string_view text);  // none: there is nothing greater to say

}  // namespace lake
