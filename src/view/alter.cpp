// alter_stream_table, and what happens to the rest when a stream table is dropped.
#include "apply/arrangement.h"
#include "apply/immediate.h"
#include "apply/tick.h"
#include "define.h"
#include "name.h"
#include "pg/spi.hpp"
#include "pg/sql.hpp"
#include "reshape.h"
#include "restore.h"
#include "timing.h"
#include "view.h"

extern "C" {
#include "catalog/pg_authid.h"
#include "utils/acl.h"
}

#include <algorithm>

namespace view {

namespace {

pg::Text argument(FunctionCallInfo fcinfo, int n)
{
	if (PG_ARGISNULL(n))
		return {};
	return std::string(pg::call(text_to_cstring, static_cast<const text *>(PG_GETARG_TEXT_PP(n))));
}

void set_schedule(const std::string &id, const std::string &schedule)
{
	Timing timing = timing_of(schedule);
	pg::query("UPDATE pgtrickle.stream_table SET schedule = $2, period = $3::interval, cron = $4 WHERE id = $1::int",
	          {id, schedule, timing.period, timing.cron});
}

std::string set_status(const std::string &id, const std::string &wanted)
{
	std::string status = wanted;
	std::transform(status.begin(), status.end(), status.begin(), [](unsigned char c) { return toupper(c); });
	if (status != "ACTIVE" && status != "PAUSED")
		pg::fail(ERRCODE_INVALID_PARAMETER_VALUE, "\"" + wanted + "\" is not a status that can be set", {}, "Use ACTIVE or PAUSED.");
	pg::query("UPDATE pgtrickle.stream_table SET status = $2 WHERE id = $1::int", {id, status});
	if (status == "ACTIVE")
		pg::query("UPDATE pgtrickle.health SET retry_at = NULL, consecutive_errors = 0 WHERE id = $1::int", {id});
	return status;
}

void refuse_cycle(int id, const std::string &name)
{
	if (pg::value("WITH RECURSIVE up(relid) AS (SELECT d.source FROM pgtrickle._dependency d WHERE d.id = $1::int UNION "
	              "SELECT d.source FROM up JOIN pgtrickle.stream_table t ON t.relid = up.relid "
	              "JOIN pgtrickle._dependency d ON d.id = t.id) "
	              "SELECT 1 FROM up JOIN pgtrickle.stream_table t ON t.relid = up.relid WHERE t.id = $1::int", {std::to_string(id)}))
		pg::fail(ERRCODE_INVALID_RECURSION, "the new query of " + name + " would make it read itself", {},
		         "A stream table may read others, but not in a circle.");
}

// The server lets a view have more columns, or another view be made in its place.
void redefine(int id, const std::string &query, Oid owner)
{
	std::string text = std::to_string(id);
	auto error = pg::attempt([&] { pg::with_spi([&] { define_query(id, query, owner, true); }); });
	if (error && error->data()->sqlerrcode != ERRCODE_INVALID_TABLE_DEFINITION)
		throw *error;
	if (!error)
		return;
	pg::query("UPDATE pgtrickle.stream_table SET definition = 0 WHERE id = $1::int", {text});    // nobody takes the stream table for dropped
	pg::execute("DROP VIEW pgtrickle_state.q_" + text);
	define_query(id, query, owner, false);
	pg::query("UPDATE pgtrickle.stream_table SET definition = ('pgtrickle_state.q_' || id)::regclass WHERE id = $1::int", {text});
}

void set_query(int id, Oid table, const std::string &query, Oid owner)
{
	std::string text = std::to_string(id);
	auto definition = [&] { return Oid(std::stoul(*pg::value("SELECT definition FROM pgtrickle.stream_table WHERE id = $1::int", {text}))); };
	const ::Query *before = stored_query(definition());
	redefine(id, query, owner);
	refuse_cycle(id, pg::relation_name(table));
	if (!has_columns_of(table, definition()))
		reshape(table, definition(), before, stored_query(definition()), owner);
	pg::query("UPDATE pgtrickle.stream_table SET query = $2, settings = $3::text[], generation = generation + 1 WHERE id = $1::int",
	          {text, query, to_array(current_settings())});
}

void tick(int id)
{
	for (const auto &ticked : apply::tick({id}, apply::IfLocked::wait))
		if (ticked.outcome.error)
			throw *ticked.outcome.error;
}

void alter(FunctionCallInfo fcinfo)
{
	for (int n : {5, 6, 7})
		if (!PG_ARGISNULL(n))
			pg::fail(ERRCODE_FEATURE_NOT_SUPPORTED, "cdc_mode, append_only and partition_by cannot be altered yet");
	pg::Quiet quiet;
	int id = stream_table_id(fcinfo, 0);
	require_owner(id);
	std::string text = std::to_string(id);
	pg::Identity superuser(BOOTSTRAP_SUPERUSERID);
	apply::lock(id, apply::IfLocked::wait);
	auto row = pg::query("SELECT t.relid, c.relowner, t.refresh_mode, r.frontier IS NOT NULL FROM pgtrickle.stream_table t JOIN pgtrickle.consumer r USING (id) "
	                     "JOIN pg_catalog.pg_class c ON c.oid = t.relid WHERE t.id = $1::int", {text})[0];
	pg::Text query = argument(fcinfo, 1), schedule = argument(fcinfo, 2), mode = argument(fcinfo, 3), status = argument(fcinfo, 4);
	bool immediate = *row[2] == "IMMEDIATE";
	if (immediate && status)
		apply::unsettle(id, apply::unfollowed_part());
	if (schedule)
		set_schedule(text, *schedule);
	if (status)
		status = set_status(text, *status);
	if (!query && !mode) {
		remember(id);
		if (status == "ACTIVE" && immediate)    // it has to catch up
			tick(id);
		return;
	}
	std::string checked = checked_mode(mode.value_or(*row[2]));
	std::vector<Oid> before = take_down(id);
	if (query)
		set_query(id, std::stoul(*row[0]), *query, std::stoul(*row[1]));
	set_up(id, checked);
	let_go(before);
	remember(id);
	if (row[3] == "t")    // what has never been filled is filled in its time
		tick(id);
}

}  // namespace

}  // namespace view

PGT_FUNCTION(alter_stream_table)
{
	pg::with_spi([&] { view::alter(fcinfo); });
	PG_RETURN_VOID();
}

PGT_FUNCTION(forget_stream_table)
{
	int id = PG_GETARG_INT32(0);
	pg::with_spi([&] {
		pg::Quiet quiet;
		pg::Identity superuser(BOOTSTRAP_SUPERUSERID);
		std::string text = std::to_string(id);
		view::let_go(view::take_down(id));
		pg::execute("DROP VIEW IF EXISTS pgtrickle_state.q_" + text);
		pg::query("DELETE FROM pgtrickle.refresh_history WHERE id = $1::int", {text});
		pg::query("DELETE FROM pgtrickle.stream_table WHERE id = $1::int", {text});
		pg::query("DELETE FROM pgtrickle.consumer WHERE id = $1::int", {text});
	});
	PG_RETURN_VOID();
}
