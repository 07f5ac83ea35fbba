#pragma once
// Which lakes and tables are ours, when several programs serve a database, here or on other machines.
//
// Session-level advisory locks say so, on the connection that lives as long as the program: when either ends, they are
// free, and whoever looks next takes them.  There are three kinds:
//   presence  every program holds one for each lake it would serve; pgtrickle.lake_worker tells what it is the presence of
//   lake      whoever holds it leads: does the upkeep, and answers for a lake without tables
//   table     whoever holds it publishes the table
// The leader takes all tables of a lake, so that they are published together, in one lake snapshot, and the others stand
// by.  Where the policy share_tables is on, the tables are dealt out evenly among all that are present
// (pgtrickle._lake_share); one that comes or goes makes the others give up or take tables between two publishes.
// The frontier is compared at each commit, so that one who has lost a lock without knowing commits nothing twice.
#include "database.h"

#include <chrono>
#include <map>
#include <set>

namespace lake {

class Share {
public:
	explicit Share(Connection &side) : side_(side) {}

	// What there is now: publications by lake.  Takes what is ours to take, gives up what is not.  Asks again each second, or when something came or went.
	void look(const std::map<int, std::set<int>> &publications);

	bool leads(int lake) const { return led_.contains(lake); }
	bool owns(int publication) const { return owned_.contains(publication); }
	// Leads it or owns a table of it.
	bool serves(int lake) const { return served_.contains(lake); }
	const std::set<int> &served() const { return served_; }
	// Our presence in it.
	int worker(int lake) const { return workers_.at(lake); }

private:
	bool take(const char *kind, int id);
	void release(const char *kind, int id);

	Connection &side_;
	std::map<int, int> workers_;  // by lake
	std::set<int> led_, owned_, served_;
	std::map<int, std::set<int>> known_;
	std::chrono::steady_clock::time_point next_;
};

}  // namespace lake
