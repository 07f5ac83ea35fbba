#include "restore.h"

#include "apply/tick.h"
#include "define.h"
#include "pg/spi.hpp"
#include "pg/sql.hpp"
#include "timing.h"
#include "view.h"

extern "C" {
#include "catalog/pg_authid.h"
}

namespace view {

namespace {

// The guard comes after all rows and indexes, so whoever has it has been loaded.
const std::string brought =
    " FROM (SELECT tgrelid, replace(encode(tgargs, 'escape'), '\\000', '') AS id FROM pg_catalog.pg_trigger "
    "WHERE tgfoid = 'pgtrickle._guard'::regproc AND tgnargs = 1) g "
    "JOIN pg_catalog.pg_class c ON c.oid = g.tgrelid "
    "JOIN pg_catalog.pg_class q ON q.relname = 'q_' || g.id AND q.relnamespace = 'pgtrickle_state'::regnamespace "
    "AND q.relkind = 'v' AND q.relowner = c.relowner "
    "WHERE NOT EXISTS (SELECT FROM pgtrickle.stream_table t WHERE t.relid = g.tgrelid OR t.definition = q.oid)";

// Its number, or another where that is taken.
std::string register_consumer(const std::string &wanted, const std::string &table)
{
	if (!pg::value("SELECT 1 FROM pgtrickle.consumer WHERE id = $1::int", {wanted})) {
		pg::query("INSERT INTO pgtrickle.consumer (id, kind) OVERRIDING SYSTEM VALUE VALUES ($1::int, 'view')", {wanted});
		pg::query("SELECT setval(s, greatest($1::int, (SELECT max(id) FROM pgtrickle.consumer))) "
		          "FROM pg_get_serial_sequence('pgtrickle.consumer', 'id') s", {wanted});
		return wanted;
	}
	std::string id = *pg::value("INSERT INTO pgtrickle.consumer (kind) VALUES ('view') RETURNING id");
	pg::execute("ALTER VIEW pgtrickle_state.q_" + wanted + " RENAME TO q_" + id);
	unguard(table);
	guard(table, std::stoi(id));
	return id;
}

// The index that found its rows is made again, when its content has a key.
void own_target(const std::string &id, const std::string &relid)
{
	pg::query("INSERT INTO pgtrickle.state (relid, owner, node, role) SELECT indexrelid, $1::int, 0, 'index' FROM pg_catalog.pg_index "
	          "WHERE indrelid = $2::oid AND (indisprimary OR pg_get_expr(indexprs, indrelid) LIKE 'hash\\_record\\_extended(%')",
	          {id, relid});
}

int restore_one(const pg::Text &relid, const std::string &number, const pg::Text &remembered)
{
	if (!remembered)
		pg::fail(ERRCODE_UNDEFINED_OBJECT, "the comment on view pgtrickle_state.q_" + number + " is missing", {},
		         "Drop the table and create the stream table again.");
	auto said = pg::query("SELECT d->>'query', d->>'schedule', d->>'refresh_mode', d->>'status', "
	                      "ARRAY(SELECT unnest(ARRAY[key, value]) FROM json_each_text(d->'settings') WHERE key = ANY ($2::text[])) FROM (SELECT $1::json) r(d)",
	                      {remembered, to_array(current_settings())})[0];
	Timing timing = timing_of(said[1].value_or(""));
	std::string mode = checked_mode(said[2].value_or(""));
	std::string id = register_consumer(number, pg::relation_name(std::stoul(*relid)));
	pg::query("INSERT INTO pgtrickle.stream_table (id, relid, definition, query, schedule, period, cron, refresh_mode, effective_mode, status, settings) "
	          "VALUES ($1::int, $2::oid, ('pgtrickle_state.q_' || $1)::regclass, $3, $4, $5::interval, $6, $7, 'FULL', 'INITIALIZING', $8::text[])",
	          {id, relid, said[0], said[1], timing.period, timing.cron, mode, said[4]});
	pg::query("INSERT INTO pgtrickle.health (id) VALUES ($1::int)", {id});
	own_target(id, *relid);
	set_up(std::stoi(id), mode);
	if (said[3] == "PAUSED")
		pg::query("UPDATE pgtrickle.stream_table SET status = 'PAUSED' WHERE id = $1::int", {id});
	return std::stoi(id);
}

void warn(const char *table, const char *message)
{
	ereport(WARNING, (errmsg("stream table %s cannot be restored: %s", table, message),
	                  errhint("Its rows stay as they were dumped.  Drop it, or mend the cause and SELECT pgtrickle.restore_stream_tables().")));
}

}  // namespace

void remember(int id)
{
	std::string text = std::to_string(id);
	std::string comment = *pg::value(
	    "SELECT json_build_object('query', query, 'schedule', schedule, 'refresh_mode', refresh_mode, "
	    "'status', CASE status WHEN 'PAUSED' THEN 'PAUSED' ELSE 'ACTIVE' END, 'settings', json_object(settings)) FROM pgtrickle.stream_table WHERE id = $1::int", {text});
	pg::execute("COMMENT ON VIEW pgtrickle_state.q_" + text + " IS " + pg::quote_literal(comment));
}

bool any_to_restore()
{
	return pg::value("SELECT 1" + brought + " LIMIT 1").has_value();
}

std::vector<int> restore()
{
	pg::Quiet quiet;
	std::vector<int> ids;
	pg::Rows found = pg::query("SELECT g.tgrelid, g.id, CASE WHEN pg_input_is_valid(obj_description(q.oid, 'pg_class'), 'json') "
	                           "THEN obj_description(q.oid, 'pg_class') END" + brought + " ORDER BY g.id::int");
	for (const auto &row : found)
		if (auto error = pg::attempt([&] { ids.push_back(pg::with_spi([&] { return restore_one(row[0], *row[1], row[2]); })); })) {
			std::string table = pg::relation_name(std::stoul(*row[0]));
			pg::call(warn, table.c_str(), static_cast<const char *>(error->data()->message));
		}
	return ids;
}

}  // namespace view

PGT_FUNCTION(restore_stream_tables)
{
	std::vector<int> ids = pg::with_spi([] {
		pg::Identity superuser(BOOTSTRAP_SUPERUSERID);
		std::vector<int> restored = view::restore();
		for (const auto &ticked : apply::tick(restored, apply::IfLocked::wait))
			if (ticked.outcome.error)
				throw *ticked.outcome.error;
		return restored;
	});
	return Int32GetDatum(int(ids.size()));
}
