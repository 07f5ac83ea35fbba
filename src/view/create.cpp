// create_stream_table: the query becomes a view (so that the server tracks what it needs), its
// result a table with the same columns; then capture, state and the first content.
#include "apply/tick.h"
#include "define.h"
#include "restore.h"
#include "timing.h"
#include "pg/spi.hpp"
#include "pg/sql.hpp"
#include "view.h"

extern "C" {
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "commands/tablecmds.h"
#include "nodes/makefuncs.h"
#include "nodes/miscnodes.h"
#include "nodes/value.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/varlena.h"
}

namespace view {

namespace {

struct Name {
	char *schema, *relation;
	bool taken, temporary, ours;
};

// PRE: out is zero; a text that is no name leaves it so.
void resolve_name(const char *text, Name *out)
{
	ErrorSaveContext bad{T_ErrorSaveContext};
	List *parts = stringToQualifiedNameList(text, reinterpret_cast<Node *>(&bad));
	if (bad.error_occurred || *strVal(llast(parts)) == '\0')
		return;
	RangeVar *range = makeRangeVarFromNameList(parts);
	Oid schema = RangeVarGetCreationNamespace(range);
	out->schema = get_namespace_name(schema);
	out->relation = range->relname;
	out->taken = OidIsValid(get_relname_relid(range->relname, schema));
	out->temporary = isAnyTempNamespace(schema);
	out->ours = schema == get_namespace_oid("pgtrickle", true) || schema == get_namespace_oid("pgtrickle_state", true);
}

Name checked_name(const std::string &text)
{
	Name name{};
	pg::call(resolve_name, text.c_str(), &name);
	if (name.relation == nullptr)
		pg::fail(ERRCODE_INVALID_NAME, "\"" + text + "\" is not a name for a table", {},
		         "Quote what is not a plain name, as everywhere in SQL: \"Order lines\" or sales.\"Order lines\".");
	if (name.temporary)
		pg::fail(ERRCODE_FEATURE_NOT_SUPPORTED, "a stream table cannot be temporary", "The worker that refreshes it could not see it.",
		         "Name a schema that lasts, such as public.");
	if (name.ours)
		pg::fail(ERRCODE_RESERVED_NAME, std::string("schema \"") + name.schema + "\" is for what pg_trickle keeps for itself", {},
		         "Name a schema of yours, such as public.");
	if (name.taken)
		pg::fail(ERRCODE_DUPLICATE_TABLE, "relation \"" + text + "\" already exists", {},
		         "Choose another name, or use pgtrickle.create_or_replace_stream_table to change a stream table's query.");
	return name;
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
                           const Timing &timing, const std::string &mode)
{
	std::string text = std::to_string(id);
	pg::query("INSERT INTO pgtrickle.stream_table (id, relid, definition, query, schedule, period, cron, refresh_mode, effective_mode, "
	          "status, settings) VALUES ($1::int, $2::regclass, ('pgtrickle_state.q_' || $1)::regclass, $3, $4, $5::interval, $6, $7, 'FULL', "
	          "'INITIALIZING', $8::text[])",
	          {text, name, query, schedule, timing.period, timing.cron, mode, to_array(current_settings())});
	pg::query("INSERT INTO pgtrickle.health (id) VALUES ($1::int)", {text});
}

void tell(const char *what)
{
	ereport(NOTICE, (errmsg("%s", what)));
}

Oid create(const std::string &name, const std::string &query, const std::string &schedule, const std::string &mode,
           bool initialize)
{
	auto quiet = std::make_optional<pg::Quiet>();
	Timing timing = timing_of(schedule);
	std::string checked = checked_mode(mode);
	Name resolved = checked_name(name);
	std::string qualified = pg::quote_ident(resolved.schema) + "." + pg::quote_ident(resolved.relation);
	Oid user = GetUserId();
	int id;
	{
		pg::Identity superuser(BOOTSTRAP_SUPERUSERID);
		id = register_consumer();
		define_query(id, query, user, false);
	}
	pg::execute("CREATE TABLE " + qualified + " AS SELECT * FROM pgtrickle_state.q_" + std::to_string(id) + " WITH NO DATA");
	pg::Identity superuser(BOOTSTRAP_SUPERUSERID);
	register_stream_table(id, qualified, query, schedule, timing, checked);
	set_up(id, checked);
	guard(qualified, id);
	remember(id);
	if (initialize)
		for (const auto &ticked : apply::tick({id}, apply::IfLocked::wait))
			if (ticked.outcome.error)
				throw *ticked.outcome.error;
	quiet.reset();
	if (pg::Text reason = pg::value("SELECT mode_reason FROM pgtrickle.stream_table WHERE id = $1::int", {std::to_string(id)}); checked == "AUTO" && reason)
		pg::call(tell, ("each refresh runs the query and applies the difference: " + *reason).c_str());
	for (const auto &copy : load(id).copies)
		pg::call(tell, apply::describe(copy, id).c_str());
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
