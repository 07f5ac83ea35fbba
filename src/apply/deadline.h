#pragma once
// Work that is given up when it has taken too long: the statement that runs then ends as if somebody had cancelled it.
extern "C" {
#include "utils/timeout.h"
}

namespace apply {

// While one lives.  There is one at a time, around a subtransaction, which is rolled back when it has passed: pg::attempt().
class Deadline {
public:
	explicit Deadline(double milliseconds);
	~Deadline();
	Deadline(const Deadline &) = delete;
	Deadline &operator=(const Deadline &) = delete;
	bool passed() const;
};

}  // namespace apply
