// The log behind its slowest reader is given back, and no writer waits for it.
//
// A segment goes as a whole, by TRUNCATE, when nobody needs a row of it.  Its lock is taken only if
// it is free at once: then no transaction that has written to it is running, so what can
// be seen of it is all there is.  A writer that comes late finds the lock taken and
// uses the other segment.
#include "ahead.h"
#include "capture.h"

#include "log.h"
#include "pg/spi.hpp"
#include "pg/sql.hpp"
#include "rights.h"
#include "settings.h"

extern "C" {
#include "catalog/pg_inherits.h"
#include "storage/lmgr.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
}

namespace capture {

namespace {

constexpr int64 megabyte = 1024 * 1024;

struct Source {
	std::string relid;
	int active;
	int64 bytes[2];
};

std::string log_name(const Source &source, int segment)
{
	return "pgtrickle_state.log_" + source.relid + "_" + std::to_string(segment);
}

std::vector<Source> read_sources()
{
	std::vector<Source> sources;
	for (const auto &row : pg::query("SELECT relid, active FROM pgtrickle.source")) {
		Source source{*row[0], std::stoi(*row[1]), {}};
		for (int segment : {0, 1})
			source.bytes[segment] = std::stoll(
			    pg::value("SELECT coalesce(pg_table_size(to_regclass($1)), 0)", {log_name(source, segment)}).value_or("0"));
		sources.push_back(source);
	}
	return sources;
}

// False: it is being installed or widened right now, and is left for the next time.
bool claim(const Source &source)
{
	return pg::execute("SELECT FROM pgtrickle.source WHERE relid = " + source.relid + " FOR UPDATE SKIP LOCKED") > 0;
}

// The least transaction that a snapshot somebody still holds may not see: an IMMEDIATE stream table refuses older snapshots by what
// the log has of it and newer ones.
std::string horizon()
{
	return *pg::value("SELECT greatest(pg_snapshot_xmin(pg_current_snapshot())::text::numeric - coalesce(max(age(backend_xmin)), 0), 0) "
	                  "FROM pg_catalog.pg_stat_activity");
}

// The consumers that have yet to read a row of the segment.  Those without a frontier will rebuild and need none.
std::string needing(const Source &source, int segment)
{
	std::string log = log_name(source, segment);
	return "SELECT c.id FROM pgtrickle.reads r JOIN pgtrickle.consumer c ON c.id = r.consumer WHERE r.source = " +
	       source.relid + " AND c.frontier IS NOT NULL AND CASE WHEN c.settled THEN EXISTS (SELECT FROM " + log + " WHERE xid >= '" + horizon() +
	       "') ELSE (EXISTS (SELECT FROM " + log +
	       " WHERE xid >= pg_snapshot_xmax(c.frontier)) OR EXISTS (SELECT FROM " + log +
	       " WHERE xid = ANY (ARRAY(SELECT pg_snapshot_xip(c.frontier)))) OR EXISTS (SELECT FROM " + log +
	       " WHERE xid = c.seen_xid AND part > c.seen_part)) END";
}

bool any_rows(const Source &source, int segment)
{
	return pg::execute("SELECT FROM " + log_name(source, segment) + " LIMIT 1") > 0;
}

bool is_needed(const Source &source, int segment)
{
	return pg::execute(needing(source, segment) + " LIMIT 1") > 0;
}

void empty(const Source &source, int segment)
{
	if (is_needed(source, segment) || !claim(source))
		return;
	Oid log = Oid(std::stoul(*pg::value("SELECT to_regclass($1)::oid", {log_name(source, segment)})));
	if (!pg::call(ConditionalLockRelationOid, log, LOCKMODE{AccessExclusiveLock}))
		return;
	if (!is_needed(source, segment))
		pg::execute("TRUNCATE " + log_name(source, segment));
}

void switch_segments(const Source &source)
{
	Oid relid = Oid(std::stoul(source.relid));
	if (pg::call(get_rel_relkind, relid) == '\0' || !claim(source))
		return;
	pg::query("UPDATE pgtrickle.source SET active = 1 - active WHERE relid = $1::oid", {source.relid});
	pg::call(CacheInvalidateRelcacheByRelid, relid);
}

void warn(int consumer, const char *relation, int64 size)
{
	ereport(WARNING, (errmsg("consumer %d holds " INT64_FORMAT " MB of changes of \"%s\" and is given up", consumer, size, relation),
	                  errdetail("It will be rebuilt from its sources.  pg_trickle.max_log_size is %d MB.", settings::max_log_size),
	                  errhint("See pgtrickle.health_check() for why it lags behind.")));
}

void give_up_laggards(const Source &source, int segment)
{
	pg::Rows laggards = pg::query("SELECT id FROM pgtrickle.consumer WHERE id IN (" + needing(source, segment) +
	                              ") AND NOT settled FOR UPDATE SKIP LOCKED");
	for (const auto &row : laggards) {
		pg::query("UPDATE pgtrickle.consumer SET frontier = NULL WHERE id = $1::int", {*row[0]});
		std::string name = pg::value("SELECT $1::oid::regclass::text", {source.relid}).value_or(source.relid);
		pg::call(warn, std::stoi(*row[0]), name.c_str(), (source.bytes[0] + source.bytes[1]) / megabyte);
	}
}

bool lock_if_free(Oid relid)
{
	ListCell *cell;
	foreach (cell, find_all_inheritors(relid, NoLock, nullptr))
		if (!ConditionalLockRelationOid(lfirst_oid(cell), AccessExclusiveLock))
			return false;
	return true;
}

// A source that nothing reads: dropped with everything that did, or captured for a consumer that was not to be.
bool is_orphan(const Source &source)
{
	auto unread = [&] { return pg::execute("SELECT FROM pgtrickle.reads WHERE source = " + source.relid + " LIMIT 1") == 0; };
	Oid relid = Oid(std::stoul(source.relid));
	if (!unread())
		return false;
	if (pg::call(get_rel_relkind, relid) == '\0')
		return true;
	return pg::call(lock_if_free, relid) && claim_abandoned(relid) && unread();
}

void drain(const Source &source)
{
	if (is_orphan(source) && claim(source)) {
		release(Oid(std::stoul(source.relid)));
		return;
	}
	int active = source.active, inactive = 1 - active;
	if (source.bytes[inactive] > 0 && any_rows(source, inactive)) {
		if (source.bytes[0] + source.bytes[1] > settings::max_log_size * megabyte)
			give_up_laggards(source, inactive);
		empty(source, inactive);
	} else if (source.bytes[inactive] > 8192) {
		empty(source, inactive);   // of rows that were rolled back
	} else if (source.bytes[active] > settings::log_segment_size * megabyte) {
		switch_segments(source);
	}
}

}  // namespace

void drain()
{
	flush();
	pg::call(close_logs);
	as_owner([] {
		// The statistics of a log are never true; its index always serves.
		pg::execute("SET LOCAL enable_seqscan = off");
		for (const Source &source : read_sources())
			drain(source);
	});
}

}  // namespace capture
