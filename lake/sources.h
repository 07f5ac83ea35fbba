#pragma once
// Lake tables that are sources of stream tables are read here: when, not how.
//
// pgtrickle._follow_lake_source (sql/68_lake_source.sql) reads the lake's changes in the server and writes them to the source's table.  This
// calls it, on a connection and a thread of its own, so that reading a large table does not hold up publishing.
#include <string>
#include <thread>

namespace lake {

// Reads every source that lags behind its lake, once each.  False if one of them failed; the error is recorded.
bool follow_sources(const std::string &conninfo);

// Does so each second while it lives.
class SourceFollower {
public:
	explicit SourceFollower(const std::string &conninfo);

private:
	std::jthread thread_;
};

}  // namespace lake
