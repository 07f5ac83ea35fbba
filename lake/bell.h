#pragma once
// Wakes the one who looks around now and then: whoever has news for him rings.
#include <chrono>
#include <condition_variable>
#include <mutex>

namespace lake {

class Bell {
public:
	void ring()
	{
		const std::lock_guard guard(mutex_);
		rung_ = true;
		changed_.notify_one();
	}
	// Until it is rung, or was since the last wait; no longer than that.
	void wait(std::chrono::milliseconds longest)
	{
		std::unique_lock guard(mutex_);
		changed_.wait_for(guard, longest, [this] { return rung_; });
		rung_ = false;
	}

private:
	std::mutex mutex_;
	std::condition_variable changed_;
	bool rung_ = false;
};

}  // namespace lake
