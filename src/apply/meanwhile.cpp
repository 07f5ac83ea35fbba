#include "meanwhile.h"

#include "apply/followers.h"
#include "apply/immediate.h"
#include "apply/tick.h"
#include "capture/capture.h"
#include "pg/spi.hpp"
#include "pg/sql.hpp"

extern "C" {
#include "access/parallel.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
}

#include <algorithm>
#include <utility>

namespace apply {

namespace {

// @scope transaction: those that may lack what it has written, in the order to bring them along.
Followers &behind()
{
	static auto &all = *new Followers;
	return all;
}

// @scope transaction: those that it has filled.
std::vector<int> &filled()
{
	static auto &all = *new std::vector<int>;
	return all;
}

bool caught;    // @scope transaction: something, which a subtransaction may undo

void push_snapshot()
{
	PushActiveSnapshot(GetTransactionSnapshot());
}

void push_new_snapshot()
{
	PushCopiedSnapshot(GetTransactionSnapshot());
}

// A relation that nobody writes to, so that nothing else takes these locks of it; InvalidOid: the extension is gone.
Oid commits()
{
	Oid schema = get_namespace_oid("pgtrickle", true);
	return OidIsValid(schema) ? get_relname_relid("_dependency", schema) : InvalidOid;
}

Oid known_commits;    // as it was when definitions were last seen

// Nobody holds it for longer than a commit takes: who does not want to wait for others' rows gets no error for it.
void lock_commits(Oid lock, LOCKMODE mode)
{
	struct Patience {
		const int timeout = std::exchange(LockTimeout, 0);
		~Patience() { LockTimeout = timeout; }
	} patience;
	pg::call(LockRelationOid, lock, mode);
}

// Of these, those that go by their frontier, and have one.
std::vector<int> unsettled(const std::vector<int> &ids)
{
	std::vector<int> found, out;
	pg::with_spi([&] {
		pg::Identity superuser(BOOTSTRAP_SUPERUSERID);
		for (const auto &row : pg::query_latest("SELECT t.id FROM pgtrickle.stream_table t JOIN pgtrickle.consumer c USING (id) WHERE id = ANY ($1::int[]) "
		                                        "AND t.refresh_mode = 'IMMEDIATE' AND t.status <> 'PAUSED' AND NOT c.settled AND c.frontier IS NOT NULL",
		                                        {pg::array_of(ids)}))
			found.push_back(std::stoi(*row[0]));
	});
	for (int id : ids)
		if (std::find(found.begin(), found.end(), id) != found.end())
			out.push_back(id);
	return out;
}

// REQUIRES: a snapshot.
bool any_behind()
{
	if (definitions_changed()) {
		definitions_seen();
		try {
			behind() = followers_of(capture::written());
			if (!behind().ids.empty())
				behind().ids = unsettled(behind().ids);
		} catch (...) {
			doubt_definitions();
			throw;
		}
	}
	return !behind().ids.empty();
}

// What it writes belongs to what this transaction has written before it was made READ ONLY.
void catch_up()
{
	const std::vector<int> ids = std::exchange(behind(), {}).ids;
	caught = true;
	const bool read_only = std::exchange(XactReadOnly, false);
	bring_unfollowed(ids);
	follow();
	XactReadOnly = read_only;
}

bool any_behind_of(const List *relids)
{
	return std::any_of(behind().relids.begin(), behind().relids.end(), [&](Oid relid) { return list_member_oid(relids, relid); });
}

// Triggers and functions read what no plan says.
bool may_look_anywhere(const PlannedStmt *plan)
{
	ListCell *cell;
	foreach (cell, plan->invalItems)
		if (lfirst_node(PlanInvalItem, cell)->cacheId == PROCOID)
			return true;
	return plan->commandType != CMD_SELECT || plan->hasModifyingCTE;
}

bool catch_up_for(const PlannedStmt *plan, const List *relids)
{
	known_commits = pg::call(commits);
	if (!OidIsValid(known_commits) || !any_behind() || !((plan != nullptr && may_look_anywhere(plan)) || any_behind_of(relids)))
		return false;
	catch_up();
	return true;
}

bool may_catch_up()
{
	if (pg::entry_context != nullptr || IsInParallelMode() || IsolationUsesXactSnapshot() || capture::any_touched())
		return false;
	AcceptInvalidationMessages();
	return definitions_changed() || !behind().ids.empty();
}

// Those that could be brought along.  What is locked elsewhere is for the scheduler, as is what fails.
std::vector<int> look_at(const std::vector<int> &ids)
{
	std::vector<int> out;
	{
		Hold hold;
		for (const Ticked &ticked : bring_along(ids, {}, IfLocked::skip))
			if (!ticked.outcome.error)
				out.push_back(ticked.id);
	}
	follow();
	return out;
}

// Nobody reads in this transaction any more: from here on it may see what has been committed since its snapshot.
void before_commit(bool prepares)
{
	const Oid lock = known_commits = pg::call(commits);
	if (!OidIsValid(lock))
		return;
	const int isolation = std::exchange(XactIsoLevel, XACT_READ_COMMITTED);
	pg::call(push_snapshot);
	std::vector<int> ids;
	if (!prepares && !filled().empty())
		ids = unsettled(filled());
	if (!ids.empty())
		ids = look_at(ids);    // locks all that it needs
	const LOCKMODE mode = ids.empty() ? RowExclusiveLock : ShareLock;
	for (;;) {
		if (prepares)
			pg::call(AcceptInvalidationMessages);
		else
			lock_commits(lock, mode);
		if (!capture::any_written() || !any_behind())
			break;
		if (!prepares)
			pg::call(UnlockRelationOid, lock, mode);
		catch_up();
	}
	if (!ids.empty())
		look_at(ids);
	pg::call(PopActiveSnapshot);
	XactIsoLevel = isolation;
}

// The way of nearly all writers: but for the lock, which tells them of changes, as before_commit().
bool nothing_to_do(bool prepares)
{
	if (prepares || LockTimeout > 0 || definitions_changed() || !behind().ids.empty() || !filled().empty() || !OidIsValid(known_commits))
		return false;
	LockRelationOid(known_commits, RowExclusiveLock);
	if (!definitions_changed())
		return true;
	UnlockRelationOid(known_commits, RowExclusiveLock);
	return false;
}

}  // namespace

void look_again(int id)
{
	if (std::find(filled().begin(), filled().end(), id) == filled().end())
		filled().push_back(id);
	announce_definition();
}

void caught_up(int id)
{
	std::erase(behind().ids, id);
	caught = true;
}

void catch_up_before(QueryDesc *query)
{
	// Who else is registered: its portal, for what it returns.  A query that this one is part of would be twice.
	if (!ActiveSnapshotSet() || query->snapshot != GetActiveSnapshot() || query->snapshot->regd_count > 2 || !may_catch_up() ||
	    !pg::entry(catch_up_for, static_cast<const PlannedStmt *>(query->plannedstmt), static_cast<const List *>(query->plannedstmt->relationOids)))
		return;
	PopActiveSnapshot();
	push_new_snapshot();
	UnregisterSnapshot(query->snapshot);
	query->snapshot = RegisterSnapshot(GetActiveSnapshot());
}

bool catch_up_before(const CopyStmt *copy)
{
	if (copy->relation == nullptr || !may_catch_up())
		return false;
	const List *relids = list_make1_oid(RangeVarGetRelid(copy->relation, NoLock, true));
	if (!pg::entry(catch_up_for, static_cast<const PlannedStmt *>(nullptr), relids))
		return false;
	push_new_snapshot();
	return true;
}

void catch_up_before_commit(bool prepares)
{
	if ((capture::any_written() || !filled().empty()) && !nothing_to_do(prepares))
		pg::entry(before_commit, prepares);
}

void undone_meanwhile()
{
	if (caught)
		doubt_definitions();
}

void forget_meanwhile()
{
	behind() = {};
	filled().clear();
	caught = false;
}

}  // namespace apply
