// A database can be dropped, renamed, moved or copied only while nobody is connected to it.
// The statement that is about to do it asks the database's scheduler to leave first.
#include "leave.h"

#include "shared.h"
#include "wake.h"

extern "C" {
#include "catalog/objectaccess.h"
#include "catalog/pg_extension.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "commands/extension.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"
}

#include <signal.h>

namespace schedule {

namespace {

constexpr int patience = 5000;        // ms; the server itself waits as long
constexpr int politeness = 1000;      // ms
constexpr int64 longest_absence = 10'000;

ProcessUtility_hook_type next_utility;
object_access_hook_type next_access;

// DROP EXTENSION, directly or by cascade: the scheduler finds out at commit, and leaves.
void access(ObjectAccessType type, Oid class_id, Oid object, int sub, void *argument)
{
	if (next_access != nullptr)
		next_access(type, class_id, object, sub, argument);
	if (type == OAT_DROP && class_id == ExtensionRelationId && object == get_extension_oid("pg_trickle", true))
		note_definition();
}

// The template of CREATE DATABASE.
const char *template_of(CreatedbStmt *statement)
{
	ListCell *cell;
	foreach (cell, statement->options) {
		auto *option = lfirst_node(DefElem, cell);
		if (strcmp(option->defname, "template") == 0 && option->arg != nullptr)
			return defGetString(option);
	}
	return nullptr;
}

// The database that has to be deserted for this statement; nullptr: none.
const char *deserted_for(Node *statement)
{
	switch (nodeTag(statement)) {
	case T_DropdbStmt:
		return reinterpret_cast<DropdbStmt *>(statement)->dbname;
	case T_CreatedbStmt:
		return template_of(reinterpret_cast<CreatedbStmt *>(statement));
	case T_RenameStmt:
		if (auto *rename = reinterpret_cast<RenameStmt *>(statement); rename->renameType == OBJECT_DATABASE)
			return rename->subname;
		return nullptr;
	case T_AlterDatabaseStmt: {
		auto *alter = reinterpret_cast<AlterDatabaseStmt *>(statement);
		ListCell *cell;
		foreach (cell, alter->options)
			if (strcmp(lfirst_node(DefElem, cell)->defname, "tablespace") == 0)
				return alter->dbname;
		return nullptr;
	}
	default:
		return nullptr;
	}
}

// PID of the scheduler that is there still, or 0.
int who_is_there(Oid database)
{
	LWLockAcquire(shared()->lock, LW_SHARED);
	Database *slot = find_slot(database);
	int pid = slot != nullptr ? slot->pid : 0;
	LWLockRelease(shared()->lock);
	return pid;
}

// No scheduler is started there before then; should the statement fail, that is the end of it.
void keep_away(Oid database, TimestampTz until)
{
	LWLockAcquire(shared()->lock, LW_EXCLUSIVE);
	if (Database *slot = find_slot(database); slot != nullptr)
		slot->start_after = until;
	LWLockRelease(shared()->lock);
	wake_launcher();
}

void desert(Oid database)
{
	keep_away(database, GetCurrentTimestamp() + longest_absence * 1000);
	wake(database, flag_leave);
	int pid;
	for (int waited = 0; (pid = who_is_there(database)) != 0 && waited < patience; waited += 10) {
		CHECK_FOR_INTERRUPTS();
		if (waited == politeness)   // in the middle of a long tick
			kill(pid, SIGTERM);
		pg_usleep(10'000);
	}
}

void utility(PlannedStmt *planned, const char *source, bool read_only, ProcessUtilityContext context,
             ParamListInfo params, QueryEnvironment *environment, DestReceiver *receiver, QueryCompletion *completion)
{
	Oid database = InvalidOid;
	if (const char *name = deserted_for(planned->utilityStmt); name != nullptr)
		database = get_database_oid(name, true);
	if (OidIsValid(database))
		desert(database);
	bool creates = IsA(planned->utilityStmt, CreatedbStmt);
	// COMMIT PREPARED publishes changes that another session has logged.
	bool prepared = IsA(planned->utilityStmt, TransactionStmt) &&
	                reinterpret_cast<TransactionStmt *>(planned->utilityStmt)->kind == TRANS_STMT_COMMIT_PREPARED;
	auto process = next_utility != nullptr ? next_utility : standard_ProcessUtility;
	process(planned, source, read_only, context, params, environment, receiver, completion);
	if (OidIsValid(database))
		keep_away(database, GetCurrentTimestamp());
	if (OidIsValid(database) || creates)
		note_databases();
	if (prepared)
		wake(MyDatabaseId, flag_all_changed);
}

}  // namespace

void watch_databases()
{
	next_access = object_access_hook;
	object_access_hook = access;
	next_utility = ProcessUtility_hook;
	ProcessUtility_hook = utility;
}

}  // namespace schedule
