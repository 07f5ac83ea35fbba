#include "pg/postgres.hpp"

#include "deadline.h"

#include "pg/error.hpp"

extern "C" {
#include "miscadmin.h"
#include "storage/latch.h"
}

#include <algorithm>
#include <csignal>

namespace apply {

namespace {

TimeoutId timeout = MAX_TIMEOUTS;
volatile sig_atomic_t has_passed;

void pass()
{
	has_passed = true;
	QueryCancelPending = true;
	InterruptPending = true;
	SetLatch(MyLatch);
}

void start(int milliseconds)
{
	if (timeout == MAX_TIMEOUTS)
		timeout = RegisterTimeout(USER_TIMEOUT, pass);
	has_passed = false;
	enable_timeout_after(timeout, milliseconds);
}

}  // namespace

Deadline::Deadline(double milliseconds)
{
	pg::call(start, int(std::clamp(milliseconds, 1.0, 1e9)));
}

// What passed unnoticed is to cancel nobody else.
Deadline::~Deadline()
{
	disable_timeout(timeout, false);
	if (has_passed)
		QueryCancelPending = false;
}

bool Deadline::passed() const
{
	return has_passed;
}

}  // namespace apply
