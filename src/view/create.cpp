// create_stream_table: the query becomes a view (so that the server tracks what it needs), its
// result a table with the same columns; then capture, state and the first content.
#include "apply/tick.h"
#include "define.h"
#include "pg/spi.hpp"
#include "pg/sql.hpp"
#include "view.h"

extern "C" {
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "commands/tablecmds.h"
#include "nodes/makefuncs.h"
#include "utils/lsyscache.h"
#include "commands/trigger.h"
#include "utils/rel.h"
#include "utils/varlena.h"
}

namespace view {

namespace {

struct Name {
	char *schema, *relation;
	bool taken;
};

void resolve_name(const char *text, Name *out)
{
	RangeVar *range = makeRangeVarFromNameList(textToQualifiedNameList(cstring_to_text(text)));
	Oid schema = RangeVarGetCreationNamespace(range);
	out->schema = get_namespace_name(schema);
	out->relation = range->relname;
	out->taken = OidIsValid(get_relname_relid(range->relname, schema));
}

std::string text_argument(FunctionCallInfo fcinfo, int n, const char *name)
{
	if (PG_ARGISNULL(n))
		pg::fail(ERRCODE_NULL_VALUE_NOT_ALLOWED, std::string("argument \"") + name + "\" must not be null");
	return pg::call(text_to_cstring, static_cast<const text *>(PG_GETARG_TEXT_PP(n)));
}

void refuse_unsupported(FunctionCallInfo fcinfo)
{
	std::string cdc = PG_ARGISNULL(5) ? "auto" : text_argument(fcinfo, 5, "cdc_mode");
	if (cdc == "wal")
		pg::fail(ERRCODE_FEATURE_NOT_SUPPORTED, "cdc_mode 'wal' is not supported yet", {}, "Use 'auto' or 'trigger'.");
	if (cdc != "auto" && cdc != "trigger")
		pg::fail(ERRCODE_INVALID_PARAMETER_VALUE, "\"" + cdc + "\" is not a cdc_mode", {}, "Use 'auto' or 'trigger'.");
	if (!PG_ARGISNULL(6) && PG_GETARG_BOOL(6))
		pg::fail(ERRCODE_FEATURE_NOT_SUPPORTED, "append_only is not supported yet", {},
		         "Leave it out: a source that is only appended to costs nothing more without it.");
	if (!PG_ARGISNULL(7))
		pg::fail(ERRCODE_FEATURE_NOT_SUPPORTED, "partition_by is not supported yet", {}, "Leave it out.");
}

int register_consumer()
{
	return std::stoi(*pg::value("INSERT INTO pgtrickle.consumer (kind) VALUES ('view') RETURNING id"));
}

void register_stream_table(int id, const std::string &name, const std::string &query, const std::string &schedule,
                           const std::string &period, const std::string &mode)
{
	std::string text = std::to_string(id);
	pg::query("INSERT INTO pgtrickle.stream_table (id, relid, definition, query, schedule, period, refresh_mode, effective_mode, "
	          "status, settings) VALUES ($1::int, $2::regclass, ('pgtrickle_state.q_' || $1)::regclass, $3, $4, $5::interval, $6, 'FULL', "
	          "'INITIALIZING', $7::text[])",
	          {text, name, query, schedule, period.empty() ? pg::Text() : pg::Text(period), mode,
	           to_array(current_settings())});
	pg::query("INSERT INTO pgtrickle.health (id) VALUES ($1::int)", {text});
}

Oid create(const std::string &name, const std::string &query, const std::string &schedule, const std::string &mode,
           bool initialize)
{
	pg::Quiet quiet;
	std::string period = period_of(schedule), checked = checked_mode(mode);
	Name resolved{};
	pg::call(resolve_name, name.c_str(), &resolved);
	std::string qualified = pg::quote_ident(resolved.schema) + "." + pg::quote_ident(resolved.relation);
	if (resolved.taken)
		pg::fail(ERRCODE_DUPLICATE_TABLE, "relation \"" + name + "\" already exists", {},
		         "Choose another name, or use pgtrickle.create_or_replace_stream_table to change a stream table's query.");
	Oid user = GetUserId();
	int id;
	{
		pg::Identity superuser(BOOTSTRAP_SUPERUSERID);
		id = register_consumer();
		define_query(id, query, *pg::value("SELECT quote_ident(rolname) FROM pg_catalog.pg_roles WHERE oid = $1::oid",
		                                   {std::to_string(user)}), false);
	}
	pg::execute("CREATE TABLE " + qualified + " AS SELECT * FROM pgtrickle_state.q_" + std::to_string(id) + " WITH NO DATA");
	pg::Identity superuser(BOOTSTRAP_SUPERUSERID);
	register_stream_table(id, qualified, query, schedule, period, checked);
	set_up(id, checked);
	pg::execute("CREATE TRIGGER pg_trickle_guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON " + qualified +
	            " FOR EACH STATEMENT EXECUTE FUNCTION pgtrickle._guard()");
	if (initialize)
		for (const auto &ticked : apply::tick({id}, apply::IfLocked::wait))
			if (ticked.outcome.error)
				throw *ticked.outcome.error;
	return std::stoul(*pg::value("SELECT relid FROM pgtrickle.stream_table WHERE id = $1::int", {std::to_string(id)}));
}

}  // namespace

}  // namespace view

PGT_FUNCTION(create_stream_table)
{
	using namespace view;
	refuse_unsupported(fcinfo);
	std::string name = text_argument(fcinfo, 0, "name"), query = text_argument(fcinfo, 1, "query"),
	            schedule = text_argument(fcinfo, 2, "schedule"), mode = text_argument(fcinfo, 3, "refresh_mode");
	bool initialize = PG_ARGISNULL(4) || PG_GETARG_BOOL(4);
	Oid relid = pg::with_spi([&] { return create(name, query, schedule, mode, initialize); });
	return ObjectIdGetDatum(relid);
}

PGT_FUNCTION(guard_stream_table)
{
	auto *trigger = reinterpret_cast<TriggerData *>(fcinfo->context);
	if (!apply::applying())
		pg::fail(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		         "stream table \"" + std::string(RelationGetRelationName(trigger->tg_relation)) + "\" cannot be changed directly",
		         "It holds the result of its query and is written by its refreshes.",
		         "Change the tables it reads, or its query with pgtrickle.alter_stream_table.");
	return PointerGetDatum(nullptr);
}
