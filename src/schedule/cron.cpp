#include "cron.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <vector>

namespace schedule {

namespace {

using Seconds = std::int64_t;

constexpr Seconds minute = 60, hour = 60 * minute, day = 24 * hour, week = 7 * day;
constexpr int days_to_look = 9 * 366;      // from one 29 February to the next there are eight years at most

struct Field {
	const char *name;
	int first, last;
	std::vector<std::string_view> names;   // of first, first + 1, …
};

const std::array<Field, 5> fields{{{"minute", 0, 59, {}},
                                   {"hour", 0, 23, {}},
                                   {"day of the month", 1, 31, {}},
                                   {"month", 1, 12, {"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
                                   {"day of the week", 0, 7, {"sun", "mon", "tue", "wed", "thu", "fri", "sat"}}}};

const std::map<std::string_view, std::string_view> shorthands{{"@hourly", "0 * * * *"}, {"@daily", "0 0 * * *"}, {"@midnight", "0 0 * * *"},
                                                              {"@weekly", "0 0 * * 0"}, {"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"},
                                                              {"@annually", "0 0 1 1 *"}};

std::string lower(std::string_view text)
{
	std::string out(text);
	std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return std::tolower(c); });
	return out;
}

struct Word {
	std::size_t at;
	std::string_view text;
};

std::vector<Word> split(std::string_view text, std::string_view separators)
{
	std::vector<Word> words;
	for (std::size_t at = text.find_first_not_of(separators); at < text.size(); at = text.find_first_not_of(separators, at)) {
		std::size_t end = std::min(text.find_first_of(separators, at), text.size());
		words.push_back({at, text.substr(at, end - at)});
		at = end;
	}
	return words;
}

// Reads one field, from left to right; throws where it cannot.
class Reader {
public:
	Reader(Word word, const Field &field) : text_(word.text), start_(word.at), field_(field) {}

	std::bitset<60> read()
	{
		do
			part();
		while (take(','));
		if (at_ < text_.size())
			fail(at_, "\"" + std::string(text_.substr(at_)) + "\" is out of place here");
		return found_;
	}

private:
	[[noreturn]] void fail(std::size_t at, std::string what) const { throw Misread{start_ + at + 1, what}; }

	bool take(char c)
	{
		bool is = at_ < text_.size() && text_[at_] == c;
		at_ += is;
		return is;
	}

	std::string_view take_while(int (*is)(int))
	{
		std::size_t from = at_;
		while (at_ < text_.size() && is(static_cast<unsigned char>(text_[at_])))
			at_++;
		return text_.substr(from, at_ - from);
	}

	int number(const char *of)
	{
		std::size_t from = at_;
		std::string_view digits = take_while(std::isdigit);
		if (digits.empty())
			fail(from, from < text_.size() ? "\"" + std::string(text_.substr(from)) + "\" is no " + of : std::string("a ") + of + " is missing");
		return digits.size() > 4 ? 9999 : std::stoi(std::string(digits));
	}

	int value()
	{
		std::size_t from = at_;
		std::string_view letters = take_while(std::isalpha);
		if (!letters.empty()) {
			auto named = std::find(field_.names.begin(), field_.names.end(), lower(letters));
			if (named == field_.names.end())
				fail(from, "\"" + std::string(letters) + "\" is no " + field_.name);
			return field_.first + int(named - field_.names.begin());
		}
		int n = number(field_.name);
		if (n < field_.first || n > field_.last)
			fail(from, std::to_string(n) + " is no " + field_.name + ", which is from " + std::to_string(field_.first) + " to " + std::to_string(field_.last));
		return n;
	}

	void part()
	{
		std::size_t from = at_;
		bool all = take('*');
		int first = all ? field_.first : value(), last = all ? field_.last : first;
		bool range = all;
		if (!all && take('-')) {
			last = value();
			range = true;
			if (last == 0 && field_.last == 7)
				last = 7;    // up to Sunday
			if (last < first)
				fail(from, "the range \"" + std::string(text_.substr(from, at_ - from)) + "\" ends before it begins");
		}
		int step = 1;
		if (std::size_t slash = at_; take('/')) {
			if (!range)
				fail(slash, "a step follows * or a range");
			std::size_t digits = at_;
			step = number("step");
			if (step == 0)
				fail(digits, "a step is at least 1");
		}
		for (int n = first; n <= last; n += step)
			found_.set(n);
	}

	std::string_view text_;
	std::size_t start_, at_ = 0;
	const Field &field_;
	std::bitset<60> found_;
};

template <std::size_t n>
void copy(std::bitset<n> &to, const std::bitset<60> &from)
{
	for (std::size_t i = 0; i < n; i++)
		to.set(i, from[i]);
}

// 30 February
bool comes(const Cron &cron)
{
	constexpr int longest[] = {0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	for (int m = 1; m <= 12; m++)
		for (int d = 1; cron.months[m] && d <= longest[m]; d++)
			if (cron.days[d])
				return true;
	return !cron.any_weekday;
}

Cron read_fields(std::string_view text)
{
	std::vector<Word> words = split(text, " \t\n");
	if (words.size() < fields.size())
		throw Misread{text.size() + 1, std::string("the ") + fields[words.size()].name + " is missing"};
	if (words.size() > fields.size())
		throw Misread{words[fields.size()].at + 1, "there are five fields"};
	std::array<std::bitset<60>, 5> found;
	for (std::size_t i = 0; i < fields.size(); i++)
		found[i] = Reader(words[i], fields[i]).read();
	Cron cron;
	copy(cron.minutes, found[0]);
	copy(cron.hours, found[1]);
	copy(cron.days, found[2]);
	copy(cron.months, found[3]);
	copy(cron.weekdays, found[4]);
	cron.weekdays.set(0, found[4][0] || found[4][7]);
	cron.every_hour = words[1].text.starts_with('*');
	cron.any_day = words[2].text.starts_with('*');
	cron.any_weekday = words[4].text.starts_with('*');
	if (!comes(cron))
		throw Misread{words[2].at + 1, "no such day comes in these months"};
	return cron;
}

Seconds floor(Seconds a, Seconds b)
{
	return a / b - (a % b < 0);
}

bool names_day(const Cron &cron, Seconds number)
{
	using namespace std::chrono;
	sys_days date{days{number}};
	year_month_day parts{date};
	if (!cron.months[unsigned(parts.month())])
		return false;
	bool by_day = cron.days[unsigned(parts.day())], by_weekday = cron.weekdays[weekday{date}.c_encoding()];
	return cron.any_day || cron.any_weekday ? by_day && by_weekday : by_day || by_weekday;
}

// In local time.
std::optional<Seconds> next_local(const Cron &cron, Seconds after)
{
	Seconds from = (floor(after, minute) + 1) * minute, number = floor(from, day), rest = from - number * day;
	for (int tried = 0; tried < days_to_look; tried++, number++, rest = 0) {
		if (!names_day(cron, number))
			continue;
		for (Seconds h = rest / hour; h < 24; h++, rest = 0)
			for (Seconds m = rest % hour / minute; cron.hours[h] && m < 60; m++)
				if (cron.minutes[m])
					return number * day + h * hour + m * minute;
	}
	return {};
}

// Goes from run to run, and over the changes of the clock.
class Walk {
public:
	Walk(const Cron &cron, const Offset &offset, Seconds from)
	    : cron_(cron), offset_(offset), at_(from), east_(offset(from)), after_(from + east_) {}

	std::optional<Seconds> next()
	{
		for (;;) {
			std::optional<Seconds> local = next_local(cron_, after_);
			if (!local)
				return {};
			Seconds run = *local - east_, reach = std::min(run, at_ + week);
			if (offset_(reach) != east_) {
				if (change(*local, reach))
					return at_;
			} else if (reach < run)
				at_ = reach;
			else {
				at_ = run;
				after_ = *local;
				return run;
			}
		}
	}

private:
	// True: what is named lies in the gap.
	bool change(Seconds local, Seconds reach)
	{
		Seconds before = at_, jump = reach;
		while (jump - before > 1) {
			Seconds middle = before + (jump - before) / 2;
			(offset_(middle) == east_ ? before : jump) = middle;
		}
		Seconds old = jump + east_, now = jump + offset_(jump);
		at_ = jump;
		east_ = now - jump;
		bool skipped = !cron_.every_hour && local < now;
		after_ = skipped ? now : (cron_.every_hour ? now : std::max(now, old)) - 1;
		return skipped;
	}

	const Cron &cron_;
	const Offset &offset_;
	Seconds at_, east_, after_;    // after_ is local
};

}  // namespace

bool is_cron(std::string_view text)
{
	std::vector<Word> words = split(text, " \t\n");
	auto numeric = [](const Word &word) { return word.text.find_first_not_of("0123456789*/,-") == std::string_view::npos; };
	return text.find('*') != std::string_view::npos || (!words.empty() && words[0].text[0] == '@') ||
	       (words.size() > 1 && numeric(words[0]) && numeric(words[1]));
}

std::variant<Cron, Misread> read_cron(std::string_view text)
{
	try {
		std::vector<Word> words = split(text, " \t\n");
		if (words.empty() || words[0].text[0] != '@')
			return read_fields(text);
		auto known = shorthands.find(lower(words[0].text));
		if (known == shorthands.end())
			throw Misread{words[0].at + 1, "\"" + std::string(words[0].text) + "\" is none of @hourly, @daily, @weekly, @monthly, @yearly"};
		if (words.size() > 1)
			throw Misread{words[1].at + 1, "nothing follows " + std::string(known->first)};
		return read_fields(known->second);
	} catch (const Misread &misread) {
		return misread;
	}
}

Micros next_run(const Cron &cron, Micros after, const Offset &offset)
{
	Seconds from = floor(after, 1'000'000);
	// Times that come twice are told by what was before.
	Walk walk(cron, offset, cron.every_hour ? from : from - day);
	std::optional<Seconds> run;
	do
		run = walk.next();
	while (run && *run <= from);
	return run ? *run * 1'000'000 : never;
}

}  // namespace schedule
