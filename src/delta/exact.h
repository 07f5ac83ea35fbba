#pragma once
// An exact sum of doubles, which knows no order and from which what was added can be taken away again.
//
// A double is a whole number of 2^-1074.  The sum is a whole number of them, too: digits of 32 bits, each in 64 so that many can be
// added before any is carried (R. Neal, Fast exact summation using small and large superaccumulators, 2015).  It is rounded
// once, when it is asked for.  NaN and the infinities do not subtract, so they are counted.
#include <cstdint>
#include <string>
#include <string_view>

namespace delta {

class ExactSum {
public:
	// x so many times; a negative number of times takes it away.
	void add(double x, std::int64_t copies);
	// x times y, which is two doubles; what of it is less than all doubles is left out.
	void add_product(double x, double y, std::int64_t copies);
	void add(const ExactSum &other);

	// The nearest double, of two the even one; an infinity where that is too large.
	double value() const;
	// Σxy - Σx Σy / n, where n numbers x and y have these sums and this is that of their products; rounded at the end.
	double spread(std::int64_t n, const ExactSum &x, const ExactSum &y) const;
	// No finite sum, but NaN or an infinity that was added.
	bool is_special() const { return nans_ > 0 || plus_ > 0 || minus_ > 0; }

	// Equal sums are equal bytes; none is 0.
	std::string bytes() const;
	// False if these are not bytes of a sum.
	bool read(std::string_view bytes);

private:
	static constexpr int digits = 72;        // 2098 bits of doubles and 64 of how many there can be, and some to be on the safe side
	static constexpr int most_adds = 1 << 29;

	struct Magnitude {
		bool negative = false;
		std::uint32_t digit[digits] = {};
	};
	Magnitude magnitude() const;
	void add_at(__int128 number, int bit);
	void carry();

	std::int64_t digit_[digits] = {}, nans_ = 0, plus_ = 0, minus_ = 0;
	int adds_ = 0;
};

}  // namespace delta
