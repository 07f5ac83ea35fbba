#include "followers.h"

#include "pg/spi.hpp"
#include "pg/sql.hpp"

extern "C" {
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
}

#include <map>
#include <set>

namespace apply {

namespace {

std::map<std::vector<Oid>, Followers> &known()
{
	static auto &all = *new std::map<std::vector<Oid>, Followers>;
	return all;
}

bool catalog_changed = true, defined = true;
Oid definitions;    // pgtrickle.stream_table, whose relcache entry every change of it invalidates; InvalidOid: not looked up yet

Oid find_definitions()
{
	return get_relname_relid("stream_table", get_namespace_oid("pgtrickle", false));
}

void relation_changed(Datum, Oid relid)
{
	catalog_changed = true;
	if (relid == definitions || relid == InvalidOid || definitions == InvalidOid)
		defined = true;
}

// Inputs before what reads them.
void order_from(int id, const std::map<int, std::vector<int>> &inputs, std::set<int> &placed, std::vector<int> &out)
{
	if (!placed.insert(id).second)
		return;
	for (int input : inputs.at(id))
		if (inputs.contains(input))
			order_from(input, inputs, placed, out);
	out.push_back(id);
}

Followers read_followers(const std::vector<Oid> &roots)
{
	pg::Identity superuser(BOOTSTRAP_SUPERUSERID);
	Followers out;
	std::map<int, std::vector<int>> inputs;
	for (const auto &row : pg::query_latest("WITH RECURSIVE up(id, relid) AS (SELECT t.id, t.relid FROM pgtrickle.stream_table t "
	                                        "JOIN pgtrickle.reads r ON r.consumer = t.id WHERE r.source = ANY ($1::oid[]) "
	                                        "AND t.refresh_mode = 'IMMEDIATE' AND t.status <> 'PAUSED' UNION "
	                                        "SELECT t.id, t.relid FROM up JOIN pgtrickle.reads r ON r.source = up.relid "
	                                        "JOIN pgtrickle.stream_table t ON t.id = r.consumer "
	                                        "WHERE t.refresh_mode = 'IMMEDIATE' AND t.status <> 'PAUSED') "
	                                        "SELECT up.id, up.relid, i.id FROM up LEFT JOIN (pgtrickle.reads r JOIN up i ON i.relid = r.source) "
	                                        "ON r.consumer = up.id ORDER BY 1",
	                                        {pg::array_of(roots)})) {
		auto [found, first] = inputs.try_emplace(std::stoi(*row[0]));
		if (first)
			out.relids.push_back(std::stoul(*row[1]));
		if (row[2])
			found->second.push_back(std::stoi(*row[2]));
	}
	std::set<int> placed;
	for (const auto &[id, of] : inputs)
		order_from(id, inputs, placed, out.ids);
	return out;
}

}  // namespace

Followers followers_of(const std::vector<Oid> &roots)
{
	pg::call(AcceptInvalidationMessages);
	if (catalog_changed) {
		catalog_changed = false;
		known().clear();
		definitions = pg::call(find_definitions);
	}
	auto found = known().find(roots);
	if (found == known().end())
		found = known().emplace(roots, pg::with_spi([&] { return read_followers(roots); })).first;
	return found->second;
}

bool definitions_changed()
{
	return defined;
}

void definitions_seen()
{
	defined = false;
}

void doubt_definitions()
{
	defined = true;
}

void announce_definition()
{
	pg::call(CacheInvalidateRelcacheByRelid, pg::call(find_definitions));
}

void watch_definitions()
{
	CacheRegisterRelcacheCallback(relation_changed, Datum(0));
}

}  // namespace apply
