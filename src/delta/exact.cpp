#include "exact.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace delta {

namespace {

constexpr int of_digit = 32, mantissa_bits = 53, least_exponent = -1074;
constexpr std::uint64_t low = 0xffffffffu;

enum Flags : unsigned char { is_negative = 1, has_specials = 2 };

struct Rounded {
	double mantissa;
	int exponent;
};

// The nearest number of 53 bits; of two the even one.
Rounded rounded(const std::uint32_t *digit, int count)
{
	int top = count - 1;
	while (top >= 0 && digit[top] == 0)
		top--;
	if (top < 0)
		return {0, 0};
	auto bit = [&](int i) { return digit[i / of_digit] >> (i % of_digit) & 1; };
	const int highest = top * of_digit + std::bit_width(digit[top]) - 1, lowest = std::max(highest - mantissa_bits + 1, 0);
	std::uint64_t mantissa = 0;
	for (int i = highest; i >= lowest; i--)
		mantissa = mantissa << 1 | bit(i);
	if (lowest > 0 && bit(lowest - 1)) {
		bool more = (mantissa & 1) != 0;
		for (int i = lowest - 2; i >= 0 && !more; i--)
			more = bit(i);
		mantissa += more;
	}
	return {static_cast<double>(mantissa), lowest};
}

void carry_up(std::int64_t *digit, int count)
{
	for (int i = 0; i + 1 < count; i++) {
		digit[i + 1] += digit[i] >> of_digit;
		digit[i] &= low;
	}
}

// Digits without a sign; whether they had one.
bool lose_sign(std::int64_t *digit, int count)
{
	carry_up(digit, count);
	if (digit[count - 1] >= 0)
		return false;
	for (int i = 0; i < count; i++)
		digit[i] = -digit[i];
	carry_up(digit, count);
	return true;
}

void multiply(const std::uint32_t *a, int of_a, const std::uint32_t *b, int of_b, std::uint32_t *out)
{
	for (int i = 0; i < of_a; i++) {
		if (a[i] == 0)
			continue;
		std::uint64_t over = 0;
		for (int j = 0; j < of_b; j++) {
			over += out[i + j] + static_cast<std::uint64_t>(a[i]) * b[j];
			out[i + j] = static_cast<std::uint32_t>(over);
			over >>= of_digit;
		}
		out[i + of_b] += static_cast<std::uint32_t>(over);
	}
}

template <typename T>
void put(std::string &out, T value)
{
	out.append(reinterpret_cast<const char *>(&value), sizeof value);
}

template <typename T>
bool take(std::string_view &from, T &value)
{
	if (from.size() < sizeof value)
		return false;
	std::memcpy(&value, from.data(), sizeof value);
	from.remove_prefix(sizeof value);
	return true;
}

}  // namespace

void ExactSum::add(double x, std::int64_t copies)
{
	if (std::isnan(x)) {
		nans_ += copies;
		return;
	}
	if (std::isinf(x)) {
		(x > 0 ? plus_ : minus_) += copies;
		return;
	}
	const auto bits = std::bit_cast<std::uint64_t>(x);
	const int exponent = static_cast<int>(bits >> (mantissa_bits - 1) & 0x7ff);
	auto mantissa = static_cast<std::int64_t>(bits & ((std::uint64_t{1} << (mantissa_bits - 1)) - 1));
	if (exponent > 0)
		mantissa |= std::int64_t{1} << (mantissa_bits - 1);
	if (std::signbit(x))
		mantissa = -mantissa;
	const int bit = exponent > 0 ? exponent - 1 : 0;
	if (copies == static_cast<std::int32_t>(copies))
		return add_at(static_cast<__int128>(mantissa) * copies, bit);
	add_at(static_cast<__int128>(mantissa) * static_cast<std::int64_t>(copies & low), bit);
	add_at(static_cast<__int128>(mantissa) * (copies >> of_digit), bit + of_digit);
}

// A number of less than 2^86: it reaches into four digits.
void ExactSum::add_at(__int128 number, int bit)
{
	if (++adds_ > most_adds)
		carry();
	number *= __int128{1} << (bit % of_digit);
	std::int64_t *digit = digit_ + bit / of_digit;
	for (int i = 0; i < 3; i++, number >>= of_digit)
		digit[i] += static_cast<std::int64_t>(static_cast<std::uint64_t>(number) & low);
	digit[3] += static_cast<std::int64_t>(number);
}

void ExactSum::carry()
{
	carry_up(digit_, digits);
	adds_ = 0;
}

void ExactSum::add_product(double x, double y, std::int64_t copies)
{
	const double product = x * y;
	add(product, copies);
	if (std::isfinite(product))
		add(std::fma(x, y, -product), copies);
}

void ExactSum::add(const ExactSum &other)
{
	carry();
	ExactSum carried = other;
	carried.carry();
	for (int i = 0; i < digits; i++)
		digit_[i] += carried.digit_[i];
	adds_ = 1;
	nans_ += other.nans_;
	plus_ += other.plus_;
	minus_ += other.minus_;
}

ExactSum::Magnitude ExactSum::magnitude() const
{
	ExactSum sum = *this;
	Magnitude out;
	out.negative = lose_sign(sum.digit_, digits);
	for (int i = 0; i < digits; i++)
		out.digit[i] = static_cast<std::uint32_t>(sum.digit_[i]);
	return out;
}

double ExactSum::value() const
{
	if (nans_ > 0 || (plus_ > 0 && minus_ > 0))
		return std::nan("");
	if (plus_ > 0 || minus_ > 0)
		return plus_ > 0 ? HUGE_VAL : -HUGE_VAL;
	const Magnitude m = magnitude();
	const Rounded sum = rounded(m.digit, digits);
	const double value = std::ldexp(sum.mantissa, sum.exponent + least_exponent);
	return m.negative ? -value : value;
}

double ExactSum::spread(std::int64_t n, const ExactSum &x, const ExactSum &y) const
{
	if (x.is_special() || y.is_special())
		return std::nan("");
	if (is_special())
		return HUGE_VAL;
	// n Σxy - Σx Σy, of 2^(2 least_exponent).
	constexpr int wide = 2 * digits + 8, whole = -least_exponent / of_digit, rest = -least_exponent % of_digit;
	const Magnitude a = x.magnitude(), b = y.magnitude(), ab = magnitude();
	const auto times = static_cast<unsigned __int128>(n) << rest;
	const std::uint32_t count[] = {static_cast<std::uint32_t>(times), static_cast<std::uint32_t>(times >> of_digit), static_cast<std::uint32_t>(times >> 2 * of_digit)};
	std::uint32_t left[wide] = {}, right[wide] = {};
	multiply(ab.digit, digits, count, 3, left + whole);
	multiply(a.digit, digits, b.digit, digits, right);
	const int of_left = ab.negative ? -1 : 1, of_right = a.negative != b.negative ? -1 : 1;
	std::int64_t difference[wide];
	for (int i = 0; i < wide; i++)
		difference[i] = of_left * static_cast<std::int64_t>(left[i]) - of_right * static_cast<std::int64_t>(right[i]);
	const bool negative = lose_sign(difference, wide);
	for (int i = 0; i < wide; i++)
		left[i] = static_cast<std::uint32_t>(difference[i]);
	const Rounded by_n = rounded(left, wide);
	const double value = std::ldexp(by_n.mantissa / static_cast<double>(n), by_n.exponent + 2 * least_exponent);
	return negative ? -value : value;
}

std::string ExactSum::bytes() const
{
	const Magnitude m = magnitude();
	int first = 0, end = digits;
	while (end > 0 && m.digit[end - 1] == 0)
		end--;
	while (first < end && m.digit[first] == 0)
		first++;
	const bool specials = nans_ != 0 || plus_ != 0 || minus_ != 0;
	std::string out;
	if (first == end && !specials)
		return out;
	out += static_cast<char>((m.negative ? is_negative : 0) | (specials ? has_specials : 0));
	if (specials)
		for (std::int64_t count : {nans_, plus_, minus_})
			put(out, count);
	out += static_cast<char>(first);
	for (int i = first; i < end; i++)
		put(out, m.digit[i]);
	return out;
}

bool ExactSum::read(std::string_view bytes)
{
	*this = {};
	if (bytes.empty())
		return true;
	unsigned char flags, first;
	if (!take(bytes, flags) || ((flags & has_specials) != 0 && !(take(bytes, nans_) && take(bytes, plus_) && take(bytes, minus_))) || !take(bytes, first) ||
	    bytes.size() % sizeof(std::uint32_t) != 0 || first + bytes.size() / sizeof(std::uint32_t) > digits)
		return false;
	std::uint32_t digit;
	for (int i = first; take(bytes, digit); i++)
		digit_[i] = (flags & is_negative) != 0 ? -static_cast<std::int64_t>(digit) : digit;
	return true;
}

}  // namespace delta
