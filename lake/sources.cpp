#include "sources.h"

#include "database.h"

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <memory>
#include <mutex>

namespace lake {

namespace {

constexpr auto pause_between_looks = std::chrono::seconds(1);

// The reading is one transaction on one snapshot: the catalog's rows and the table's are of one moment.
bool follow(Connection &connection, const std::string &id)
{
	try {
		connection.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
		connection.query("SELECT pgtrickle._follow_lake_source($1::int)", {id});
		connection.query("COMMIT");
		return true;
	} catch (const DatabaseError &e) {
		connection.rollback();
		fprintf(stderr, "trickle-lake: lake source %s: %s (%s)\n", id.c_str(), e.what(), e.sqlstate.c_str());
		connection.query("SELECT pgtrickle._lake_source_failed($1::int, $2, $3)", {id, e.sqlstate, e.what()});
		return false;
	}
}

bool follow_all(Connection &connection)
{
	bool all = true;
	const Rows due = connection.query_prepared("SELECT pgtrickle._lake_sources_due()");
	for (int i = 0; i < due.size(); i++)
		all = follow(connection, due.text(i, 0)) && all;
	return all;
}

void run(const std::stop_token &stop, const std::string &conninfo)
{
	std::unique_ptr<Connection> connection;
	std::mutex mutex;
	std::condition_variable_any pause;
	while (!stop.stop_requested()) {
		try {
			if (!connection)
				connection = std::make_unique<Connection>(conninfo, "trickle-lake sources");
			follow_all(*connection);
		} catch (const std::exception &e) {
			fprintf(stderr, "trickle-lake: lake sources: %s\n", e.what());
			connection.reset();
		}
		std::unique_lock lock(mutex);
		pause.wait_for(lock, stop, pause_between_looks, [] { return false; });
	}
}

}  // namespace

bool follow_sources(const std::string &conninfo)
{
	Connection connection(conninfo, "trickle-lake sources");
	return follow_all(connection);
}

SourceFollower::SourceFollower(const std::string &conninfo) : thread_([conninfo](const std::stop_token &stop) { run(stop, conninfo); }) {}

}  // namespace lake
