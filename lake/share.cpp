#include "share.h"

#include <unistd.h>

namespace lake {

namespace {

constexpr auto pause_between_looks = std::chrono::seconds(1);

std::string host()
{
	char name[256] = {};
	return gethostname(name, sizeof name - 1) == 0 ? name : "";
}

}  // namespace

void Share::look(const std::map<int, std::set<int>> &publications)
{
	const auto now = std::chrono::steady_clock::now();
	if (now < next_ && publications == known_)
		return;
	next_ = now + pause_between_looks;
	known_ = publications;

	for (auto entry = workers_.begin(); entry != workers_.end();) {
		const int lake = entry->first;
		if (publications.contains(lake)) {
			++entry;
			continue;
		}
		if (led_.erase(lake))
			release("lake", lake);
		release("worker", entry->second);
		entry = workers_.erase(entry);
	}

	std::set<int> wanted;
	for (const auto &[lake, tables] : publications) {
		if (!workers_.contains(lake))
			workers_[lake] = static_cast<int>(side_.query("SELECT pgtrickle._join_lake($1, $2, $3)", {text(lake), host(), text(getpid())}).number(0, 0));
		if (!leads(lake) && take("lake", lake))
			led_.insert(lake);
		const Rows ours = side_.query_prepared("SELECT pgtrickle._lake_share($1, $2, $3)", {text(lake), text(worker(lake)), leads(lake) ? "t" : "f"});
		for (int i = 0; i < ours.size(); i++)
			if (const int table = static_cast<int>(ours.number(i, 0)); tables.contains(table))
				wanted.insert(table);
	}

	std::erase_if(owned_, [&](int table) {
		if (wanted.contains(table))
			return false;
		release("table", table);
		return true;
	});
	for (int table : wanted)
		if (!owns(table) && take("table", table))
			owned_.insert(table);

	served_ = led_;
	for (const auto &[lake, tables] : publications)
		for (int table : tables)
			if (owns(table))
				served_.insert(lake);
}

bool Share::take(const char *kind, int id)
{
	return side_.query("SELECT pg_try_advisory_lock(pgtrickle._lake_lock($1), $2::int)", {kind, text(id)}).flag(0, 0);
}

void Share::release(const char *kind, int id)
{
	side_.query("SELECT pg_advisory_unlock(pgtrickle._lake_lock($1), $2::int)", {kind, text(id)});
}

}  // namespace lake
