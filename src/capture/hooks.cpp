// Where capture listens to the server: the end of a statement, DDL that changes what a captured
// relation holds without firing a row trigger, and DDL that would break a promise and is refused.
#include "capture.h"

#include "log.h"
#include "pg/error.hpp"
#include "schedule/wake.h"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "commands/extension.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "parser/parse_type.h"
#include "tcop/utility.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
}

namespace capture {

namespace {

ExecutorFinish_hook_type next_finish;
ProcessUtility_hook_type next_utility;
object_access_hook_type next_access;

// The row triggers of a statement have all fired when it has finished.
void finish(QueryDesc *query)
{
	if (next_finish != nullptr)
		next_finish(query);
	else
		standard_ExecutorFinish(query);
	flush_logs();
}

// The captured relations among relid and all above it.
List *captured_from(Oid relid, List *found)
{
	if (list_member_oid(found, relid))
		return found;
	if (is_captured(relid))
		found = lappend_oid(found, relid);
	Relation inherits = table_open(InheritsRelationId, AccessShareLock);
	ScanKeyData key;
	ScanKeyInit(&key, Anum_pg_inherits_inhrelid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
	SysScanDesc scan = systable_beginscan(inherits, InheritsRelidSeqnoIndexId, true, nullptr, 1, &key);
	for (HeapTuple tuple; HeapTupleIsValid(tuple = systable_getnext(scan));)
		found = captured_from(reinterpret_cast<Form_pg_inherits>(GETSTRUCT(tuple))->inhparent, found);
	systable_endscan(scan);
	table_close(inherits, AccessShareLock);
	return found;
}


// A partition, or a child by inheritance, takes its rows along when it is dropped.
void access(ObjectAccessType type, Oid class_id, Oid object, int sub, void *argument)
{
	if (next_access != nullptr)
		next_access(type, class_id, object, sub, argument);
	if (IsBinaryUpgrade || type != OAT_DROP || class_id != RelationRelationId || sub != 0 || !has_superclass(object))
		return;
	List *roots = captured_from(object, NIL);
	for (int i = 0; i < list_length(roots); i++)
		if (list_nth_oid(roots, i) != object) {
			log_rebuild(list_nth_oid(roots, i));
			CacheInvalidateRelcacheByRelid(list_nth_oid(roots, i));    // it may have a law again
		}
}

// Statements that can neither drop nor change a log.
bool leaves_logs_alone(Node *statement)
{
	switch (nodeTag(statement)) {
	case T_CallStmt:
	case T_CopyStmt:
	case T_DeclareCursorStmt:
	case T_DeallocateStmt:
	case T_DoStmt:
	case T_ExecuteStmt:
	case T_ExplainStmt:
	case T_FetchStmt:
	case T_ClosePortalStmt:
	case T_NotifyStmt:
	case T_PrepareStmt:
	case T_TransactionStmt:
	case T_VariableSetStmt:
	case T_VariableShowStmt:
		return true;
	default:
		return false;
	}
}

Oid relation(RangeVar *name)
{
	return RangeVarGetRelid(name, NoLock, true);
}

void joined(Oid child, bool brings_rows)
{
	if (!OidIsValid(child) || captured_from(child, NIL) == NIL)
		return;
	CommandCounterIncrement();
	pg::entry(adopt, child, brings_rows);
}

void left(Oid child, Oid parent)
{
	if (!OidIsValid(child) || !OidIsValid(parent))
		return;
	List *roots = captured_from(parent, NIL);
	if (roots != NIL)
		CommandCounterIncrement();
	for (int i = 0; i < list_length(roots); i++)
		pg::entry(disown, child, list_nth_oid(roots, i));
}

void altered(Oid relid, const char *column)
{
	if (!OidIsValid(relid))
		return;
	List *roots = captured_from(relid, NIL);
	if (roots != NIL)
		CommandCounterIncrement();
	for (int i = 0; i < list_length(roots); i++)
		pg::entry(repair, list_nth_oid(roots, i), get_attnum(list_nth_oid(roots, i), column));
}

// Every captured relation that relid is, or is part of.
void each_root(Oid relid, void (*body)(Oid, Oid))
{
	List *roots = OidIsValid(relid) ? captured_from(relid, NIL) : NIL;
	if (roots != NIL)
		CommandCounterIncrement();
	for (int i = 0; i < list_length(roots); i++)
		pg::entry(body, relid, list_nth_oid(roots, i));
}

// What is published of a relation has its columns.
void columns_changed(Oid relid)
{
	if (!OidIsValid(relid) || !is_captured(relid))
		return;
	CommandCounterIncrement();
	pg::entry(follow_columns, relid);
}

// Policies decide which rows a stream table's owner is shown.
void other_rows_shown(Oid, Oid root)
{
	mark_rebuild(root);
}

// Of a policy or trigger, whose name follows the table's.
Oid table_of(List *name)
{
	return relation(makeRangeVarFromNameList(list_copy_head(name, list_length(name) - 1)));
}

void policy_dropped(List *objects)
{
	ListCell *cell;
	foreach (cell, objects)
		each_root(table_of(lfirst_node(List, cell)), other_rows_shown);
}

bool changes_columns(AlterTableStmt *statement)
{
	ListCell *cell;
	foreach (cell, statement->cmds)
		switch (lfirst_node(AlterTableCmd, cell)->subtype) {
		case AT_AddColumn:
		case AT_DropColumn:
		case AT_AlterColumnType:
		case AT_DropNotNull:
			return true;
		default:
			break;
		}
	return false;
}

void after_alter_table(AlterTableStmt *statement)
{
	ListCell *cell;
	foreach (cell, statement->cmds) {
		auto *command = lfirst_node(AlterTableCmd, cell);
		switch (command->subtype) {
		case AT_AttachPartition:
			joined(relation(reinterpret_cast<PartitionCmd *>(command->def)->name), true);
			break;
		case AT_DetachPartition:
		case AT_DetachPartitionFinalize:
			left(relation(reinterpret_cast<PartitionCmd *>(command->def)->name), relation(statement->relation));
			break;
		case AT_AddInherit:
			joined(relation(statement->relation), true);
			break;
		case AT_DropInherit:
			left(relation(statement->relation), relation(reinterpret_cast<RangeVar *>(command->def)));
			break;
		case AT_AlterColumnType:
		case AT_SetExpression:
			altered(relation(statement->relation), command->name);
			break;
		// pg_restore disables all triggers while it loads data.
		case AT_DisableTrig:
		case AT_DisableTrigAll:
		case AT_DisableTrigUser:
		case AT_EnableTrig:
		case AT_EnableTrigAll:
		case AT_EnableTrigUser:
		case AT_EnableReplicaTrig:
			each_root(relation(statement->relation), stay_enabled);
			break;
		case AT_EnableRowSecurity:
		case AT_DisableRowSecurity:
		case AT_ForceRowSecurity:
		case AT_NoForceRowSecurity:
			each_root(relation(statement->relation), other_rows_shown);
			break;
		case AT_SetUnLogged:
			each_root(relation(statement->relation), refuse_unlogged);
			break;
		default:
			break;
		}
	}
	if (changes_columns(statement))
		columns_changed(relation(statement->relation));
}

void after(Node *statement)
{
	switch (nodeTag(statement)) {
	case T_AlterEnumStmt:
		if (auto *alter = reinterpret_cast<AlterEnumStmt *>(statement); alter->oldVal != nullptr)
			pg::entry(rebuild_with_type, typenameTypeId(nullptr, makeTypeNameFromNameList(alter->typeName)));
		break;
	case T_CreateFunctionStmt:
		if (reinterpret_cast<CreateFunctionStmt *>(statement)->replace)
			schedule::note_all_changed();
		break;
	case T_ViewStmt:
		if (reinterpret_cast<ViewStmt *>(statement)->replace)
			schedule::note_all_changed();
		break;
	case T_AlterFunctionStmt:
		schedule::note_all_changed();
		break;
	case T_AlterTableStmt:
		after_alter_table(reinterpret_cast<AlterTableStmt *>(statement));
		break;
	case T_RenameStmt:
		if (auto *rename = reinterpret_cast<RenameStmt *>(statement); rename->renameType == OBJECT_COLUMN)
			columns_changed(relation(rename->relation));
		break;
	case T_CreatePolicyStmt:
		each_root(relation(reinterpret_cast<CreatePolicyStmt *>(statement)->table), other_rows_shown);
		break;
	case T_AlterPolicyStmt:
		each_root(relation(reinterpret_cast<AlterPolicyStmt *>(statement)->table), other_rows_shown);
		break;
	case T_DropStmt:
		if (reinterpret_cast<DropStmt *>(statement)->removeType == OBJECT_POLICY)
			policy_dropped(reinterpret_cast<DropStmt *>(statement)->objects);
		break;
	case T_AlterRoleStmt:
	case T_GrantRoleStmt:
	case T_AlterOwnerStmt:
		schedule::note_all_changed();
		break;
	case T_RefreshMatViewStmt:
		pg::entry(note_refreshed, relation(reinterpret_cast<RefreshMatViewStmt *>(statement)->relation));
		break;
	case T_CreateStmt:
		if (auto *create = reinterpret_cast<CreateStmt *>(statement); create->inhRelations != NIL)
			joined(relation(create->relation), false);
		break;
	default:
		break;
	}
}

// Without them changes would go past us.  Those that capture has done with may go: it has given up the source before.
void refuse_without_trigger(Oid relid, const char *trigger)
{
	List *roots = OidIsValid(relid) ? captured_from(relid, NIL) : NIL;
	for (int i = 0; i < list_length(roots); i++) {
		char name[NAMEDATALEN], truncate[NAMEDATALEN];
		snprintf(name, sizeof name, "pg_trickle_%u", list_nth_oid(roots, i));
		snprintf(truncate, sizeof truncate, "%s_truncate", name);
		if (strcmp(trigger, name) == 0 || strcmp(trigger, truncate) == 0)
			ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			                errmsg("trigger \"%s\" of table \"%s\" logs its changes for stream tables or lakes", trigger, get_rel_name(relid)),
			                errhint("It goes with the last of them: SELECT * FROM pgtrickle.change_log_sizes() WHERE source_table = %u::regclass.",
			                        list_nth_oid(roots, i))));
	}
}

void before(Node *statement)
{
	ListCell *cell;
	if (IsA(statement, RenameStmt)) {
		auto *rename = reinterpret_cast<RenameStmt *>(statement);
		if (rename->renameType == OBJECT_TRIGGER)
			refuse_without_trigger(relation(rename->relation), rename->subname);
	} else if (IsA(statement, DropStmt) && reinterpret_cast<DropStmt *>(statement)->removeType == OBJECT_TRIGGER) {
		foreach (cell, reinterpret_cast<DropStmt *>(statement)->objects) {
			List *name = lfirst_node(List, cell);
			refuse_without_trigger(table_of(name), strVal(llast(name)));
		}
	}
}

// What pg_upgrade restores is as it was, and its rows have been logged.
bool concerns_capture(Node *statement)
{
	if (IsBinaryUpgrade)
		return false;
	switch (nodeTag(statement)) {
	case T_AlterTableStmt:
	case T_RenameStmt:
	case T_CreateStmt:
	case T_AlterEnumStmt:
	case T_CreateFunctionStmt:
	case T_AlterFunctionStmt:
	case T_ViewStmt:
	case T_RefreshMatViewStmt:
	case T_CreatePolicyStmt:
	case T_AlterPolicyStmt:
	case T_AlterRoleStmt:
	case T_GrantRoleStmt:
	case T_AlterOwnerStmt:
		return IsTransactionState() && OidIsValid(get_extension_oid("pg_trickle", true));
	case T_DropStmt:
		return (reinterpret_cast<DropStmt *>(statement)->removeType == OBJECT_POLICY || reinterpret_cast<DropStmt *>(statement)->removeType == OBJECT_TRIGGER) && IsTransactionState() && OidIsValid(get_extension_oid("pg_trickle", true));
	default:
		return false;
	}
}

void utility(PlannedStmt *planned, const char *source, bool read_only, ProcessUtilityContext context,
             ParamListInfo params, QueryEnvironment *environment, DestReceiver *receiver, QueryCompletion *completion)
{
	// It may be gone afterwards: ROLLBACK frees what PREPARE kept.
	Node *statement = planned->utilityStmt;
	bool concerned = concerns_capture(statement);
	if (concerned) {
		statement = static_cast<Node *>(copyObjectImpl(statement));
		before(statement);
	}
	if (!leaves_logs_alone(statement))
		close_logs();

	auto process = next_utility != nullptr ? next_utility : standard_ProcessUtility;
	process(planned, source, read_only, context, params, environment, receiver, completion);

	flush_logs();
	if (concerned)
		after(statement);
	flush_logs();
}

}  // namespace

void initialize()
{
	watch_invalidations();
	watch_transactions();
	next_finish = ExecutorFinish_hook;
	ExecutorFinish_hook = finish;
	next_utility = ProcessUtility_hook;
	ProcessUtility_hook = utility;
	next_access = object_access_hook;
	object_access_hook = access;
}

}  // namespace capture
