// A stream table has the rows and the columns of its query: nobody but its refreshes writes it, and its shape stays.
#include "guard.h"

#include "apply/refresh.h"
#include "apply/tick.h"
#include "pg/spi.hpp"
#include "pg/sql.hpp"

extern "C" {
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "commands/extension.h"
#include "commands/trigger.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"
#include "utils/rel.h"
}

namespace view {

namespace {

ProcessUtility_hook_type next_utility;

bool changes_shape(AlterTableStmt *statement)
{
	ListCell *cell;
	foreach (cell, statement->cmds)
		switch (lfirst_node(AlterTableCmd, cell)->subtype) {
		case AT_AddColumn:
		case AT_DropColumn:
		case AT_AlterColumnType:
		case AT_SetExpression:
		case AT_AddIdentity:
		case AT_AddInherit:
		case AT_AddOf:
			return true;
		default:
			break;
		}
	return false;
}

// pg_restore says so while it loads data; what replicas write must be refused, too.
bool switches_triggers(AlterTableStmt *statement)
{
	ListCell *cell;
	foreach (cell, statement->cmds)
		switch (lfirst_node(AlterTableCmd, cell)->subtype) {
		case AT_DisableTrig:
		case AT_DisableTrigAll:
		case AT_DisableTrigUser:
		case AT_EnableTrig:
		case AT_EnableTrigAll:
		case AT_EnableTrigUser:
		case AT_EnableReplicaTrig:
			return true;
		default:
			break;
		}
	return false;
}

// A crash would empty it, while its frontier and its state stay.
bool unlogs(AlterTableStmt *statement)
{
	ListCell *cell;
	foreach (cell, statement->cmds)
		if (lfirst_node(AlterTableCmd, cell)->subtype == AT_SetUnLogged)
			return true;
	return false;
}

// pg_upgrade makes the extension's tables one by one, and nothing is changed meanwhile.
bool has_stream_tables()
{
	return !IsBinaryUpgrade && OidIsValid(get_extension_oid("pg_trickle", true)) && !creating_extension;
}

bool is_stream_table(Oid relid)
{
	return pg::with_spi([&] {
		return pg::value("SELECT 1 FROM pgtrickle.stream_table WHERE relid = $1::oid", {std::to_string(relid)}).has_value();
	});
}

void refuse(Oid relid, bool unlogged)
{
	if (!is_stream_table(relid))
		return;
	std::string name = pg::relation_name(relid);
	if (unlogged)
		pg::fail(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "stream table " + name + " cannot become unlogged",
		         "A crash of the server would empty it and leave the state of its operators as it is.", "Leave it logged.");
	pg::fail(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "columns of stream table " + name + " cannot be changed",
	         "They are the columns of its query.",
	         "Change the query with pgtrickle.alter_stream_table, or make a view of it.");
}

void refuse_if_stream_table(RangeVar *name, bool unlogged)
{
	Oid relid = RangeVarGetRelid(name, NoLock, true);
	if (OidIsValid(relid) && has_stream_tables())
		pg::entry(refuse, relid, unlogged);
}

bool is_guard(const char *trigger)
{
	return strcmp(trigger, "pg_trickle_guard") == 0 || strcmp(trigger, "pg_trickle_guard_replica") == 0;
}

void refuse_unguarded(Oid relid, const char *trigger)
{
	if (is_stream_table(relid))
		pg::fail(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, std::string("trigger \"") + trigger + "\" keeps others from writing to stream table " + pg::relation_name(relid), {},
		         "It goes with the stream table: pgtrickle.drop_stream_table, or DROP TABLE.");
}

void refuse_if_unguarded(RangeVar *name, const char *trigger)
{
	if (!is_guard(trigger) || !has_stream_tables())
		return;
	Oid relid = RangeVarGetRelid(name, NoLock, true);
	if (OidIsValid(relid))
		pg::entry(refuse_unguarded, relid, trigger);
}

void stay_guarded(Oid relid)
{
	if (!is_stream_table(relid))
		return;
	pg::with_spi([&] {
		pg::Identity superuser(BOOTSTRAP_SUPERUSERID);
		if (pg::value("SELECT 1 FROM pg_catalog.pg_trigger WHERE tgrelid = $1::oid AND (tgname, tgenabled) IN (('pg_trickle_guard', 'A'), ('pg_trickle_guard_replica', 'R')) "
		              "HAVING count(*) = 2", {std::to_string(relid)}))
			return;
		pg::execute("ALTER TABLE " + pg::relation_name(relid) + " ENABLE ALWAYS TRIGGER pg_trickle_guard, ENABLE REPLICA TRIGGER pg_trickle_guard_replica");
	});
}

void before(Node *statement)
{
	if (apply::applying())
		return;
	if (IsA(statement, AlterTableStmt)) {
		auto *alter = reinterpret_cast<AlterTableStmt *>(statement);
		if (bool unlogged = unlogs(alter); unlogged || changes_shape(alter))
			refuse_if_stream_table(alter->relation, unlogged);
	} else if (IsA(statement, RenameStmt)) {
		auto *rename = reinterpret_cast<RenameStmt *>(statement);
		if (rename->renameType == OBJECT_COLUMN && rename->relationType == OBJECT_TABLE)
			refuse_if_stream_table(rename->relation, false);
		else if (rename->renameType == OBJECT_TRIGGER)
			refuse_if_unguarded(rename->relation, rename->subname);
	} else if (IsA(statement, DropStmt) && reinterpret_cast<DropStmt *>(statement)->removeType == OBJECT_TRIGGER) {
		ListCell *cell;
		foreach (cell, reinterpret_cast<DropStmt *>(statement)->objects) {
			List *name = lfirst_node(List, cell);
			refuse_if_unguarded(makeRangeVarFromNameList(list_copy_head(name, list_length(name) - 1)), strVal(llast(name)));
		}
	}
}

// The table whose triggers it switches, in memory of its own: the statement may be gone afterwards.
RangeVar *switched(Node *statement)
{
	if (!IsA(statement, AlterTableStmt) || !switches_triggers(reinterpret_cast<AlterTableStmt *>(statement)) || !IsTransactionState() || !has_stream_tables())
		return nullptr;
	return static_cast<RangeVar *>(copyObjectImpl(reinterpret_cast<AlterTableStmt *>(statement)->relation));
}

void after(RangeVar *switched)
{
	Oid relid = switched != nullptr ? RangeVarGetRelid(switched, NoLock, true) : InvalidOid;
	if (!OidIsValid(relid))
		return;
	CommandCounterIncrement();
	pg::entry(stay_guarded, relid);
}

void warn(const char *subscription, const char *table)
{
	ereport(WARNING, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("subscription \"%s\" writes to stream table %s, which will refuse it", subscription, table),
	                  errdetail("A stream table holds the result of its query and is written by its refreshes."),
	                  errhint("Take the table out of the publication and refresh the subscription, or drop it; the tables that the query reads may be subscribed to.")));
}

// The slot at the publisher is there by now and would stay: it is said, and refused when the first row comes.
void warn_of_written(const char *subscription)
{
	pg::with_spi([&] {
		pg::Identity superuser(BOOTSTRAP_SUPERUSERID);
		for (const auto &row : pg::query("SELECT r.srrelid::regclass FROM pg_catalog.pg_subscription_rel r JOIN pg_catalog.pg_subscription s ON s.oid = r.srsubid "
		                                 "JOIN pgtrickle.stream_table t ON t.relid = r.srrelid WHERE s.subname = $1 AND "
		                                 "s.subdbid = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database()) ORDER BY 1", {subscription}))
			pg::call(warn, subscription, row[0]->c_str());
	});
}

// In memory of its own, as above; nullptr: the statement does not choose what is subscribed to.
const char *subscription_of(Node *statement)
{
	const char *name = nullptr;
	if (IsA(statement, CreateSubscriptionStmt))
		name = reinterpret_cast<CreateSubscriptionStmt *>(statement)->subname;
	else if (IsA(statement, AlterSubscriptionStmt))
		name = reinterpret_cast<AlterSubscriptionStmt *>(statement)->subname;
	return name == nullptr ? nullptr : pstrdup(name);
}

void after(const char *subscription)
{
	if (subscription == nullptr || !IsTransactionState() || !has_stream_tables())
		return;
	CommandCounterIncrement();
	pg::entry(warn_of_written, subscription);
}

struct Named {
	std::string query, table;
};

std::vector<Named> queries()
{
	return pg::with_spi([] {
		pg::Identity superuser(BOOTSTRAP_SUPERUSERID);
		std::vector<Named> out;
		for (const auto &row : pg::query("SELECT definition::regclass, relid::regclass FROM pgtrickle.stream_table"))
			out.push_back({*row[0], *row[1]});
		return out;
	});
}

void replace(std::string &text, const std::string &what, const std::string &with)
{
	for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
		text.replace(at, what.size(), with);
}

// The server knows of the query of a stream table as a view; who drops or alters a source knows of a stream table.
void name_dependents(ErrorData *error, const std::vector<Named> &names)
{
	if (error->detail == nullptr)
		return;
	std::string detail = std::string(error->detail) + "\n";
	for (const auto &[query, table] : names) {
		replace(detail, "rule _RETURN on view " + query + " depends", "the query of stream table " + table + " depends");
		replace(detail, "view " + query + " depends", "stream table " + table + " depends");
		replace(detail, " view " + query + "\n", " stream table " + table + "\n");
	}
	detail.pop_back();
	error->detail = pg::call(pstrdup, detail.c_str());
}

struct Call {
	PlannedStmt *planned;
	const char *source;
	bool read_only;
	ProcessUtilityContext context;
	ParamListInfo params;
	QueryEnvironment *environment;
	DestReceiver *receiver;
	QueryCompletion *completion;
};

void process(const Call *call)
{
	auto next = next_utility != nullptr ? next_utility : standard_ProcessUtility;
	next(call->planned, call->source, call->read_only, call->context, call->params, call->environment, call->receiver, call->completion);
}

void process_named(const Call *call)
{
	std::vector<Named> names = queries();
	try {
		pg::call(process, call);
	} catch (pg::Error &error) {
		int state = error.data()->sqlerrcode;
		if (state == ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST || state == ERRCODE_FEATURE_NOT_SUPPORTED)
			name_dependents(error.data(), names);
		throw;
	}
}

// CONCURRENTLY: it goes through several transactions, and none of ours may be left around it.
bool is_concurrent(Node *statement)
{
	if (IsA(statement, DropStmt))
		return reinterpret_cast<DropStmt *>(statement)->concurrent;
	ListCell *cell;
	foreach (cell, reinterpret_cast<AlterTableStmt *>(statement)->cmds)
		if (lfirst_node(AlterTableCmd, cell)->subtype == AT_DetachPartition || lfirst_node(AlterTableCmd, cell)->subtype == AT_DetachPartitionFinalize)
			return true;
	return false;
}

// Can it fail because something depends on what it drops or alters?
bool may_be_needed(Node *statement)
{
	return (IsA(statement, DropStmt) || IsA(statement, AlterTableStmt)) && !is_concurrent(statement) && IsTransactionState() &&
	       has_stream_tables();
}

void utility(PlannedStmt *planned, const char *source, bool read_only, ProcessUtilityContext context,
             ParamListInfo params, QueryEnvironment *environment, DestReceiver *receiver, QueryCompletion *completion)
{
	Call call{planned, source, read_only, context, params, environment, receiver, completion};
	before(planned->utilityStmt);
	RangeVar *table = switched(planned->utilityStmt);
	const char *subscription = subscription_of(planned->utilityStmt);
	if (may_be_needed(planned->utilityStmt))
		pg::entry(process_named, static_cast<const Call *>(&call));
	else
		process(&call);
	after(table);
	after(subscription);
}

}  // namespace

void guard_shapes()
{
	next_utility = ProcessUtility_hook;
	ProcessUtility_hook = utility;
}

}  // namespace view

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
