#pragma once
// Who follows the changes of some relations, kept until the catalog changes.
#include "pg/postgres.hpp"

#include <vector>

namespace apply {

struct Followers {
	std::vector<int> ids;      // IMMEDIATE stream tables, inputs before what reads them
	std::vector<Oid> relids;
};

Followers followers_of(const std::vector<Oid> &roots);

// Has a stream table been made or changed since definitions_seen()?  As far as invalidations have been accepted.
bool definitions_changed();
void definitions_seen();
// As if one had been.
void doubt_definitions();

// Has others take it that one has been, when this transaction commits.
void announce_definition();

void watch_definitions();

}  // namespace apply
