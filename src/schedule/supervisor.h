#pragma once
// Keeps trickle-lake running while the database has a lake.
//
// It is a child of the scheduler, so that it ends with it, and a program of its own, so that
// its end is nobody else's: the scheduler logs it and starts it again, after
// 1 s, 2 s, 4 s … 60 s; when somebody told it to end (SIGTERM), after 1 s.  It writes to the server's log.
#include "due.h"

#include <string>

namespace schedule {

class Supervisor {
public:
	// Whether there is a lake to serve.  REQUIRES: a transaction.
	void read();

	// Starts it when it is wanted and not running, notices when it has ended.
	void tend(Micros now);

	// Ends it and waits for that, a few seconds at most.
	void stop();

	// When it has to be tended next.
	Micros next(Micros now) const;

private:
	void start(Micros now);
	void reap(Micros now);

	bool wanted_ = false;
	Micros started_ = 0, start_at_ = 0;
	int failures_ = 0;
};

}  // namespace schedule
