#include "immediate.h"

#include "apply/arrangement.h"
#include "apply/followers.h"
#include "apply/meanwhile.h"
#include "apply/tick.h"
#include "capture/capture.h"
#include "pg/spi.hpp"
#include "pg/sql.hpp"
#include "schedule/wake.h"
#include "view/layout.h"

extern "C" {
#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/inval.h"
#include "utils/snapmgr.h"
}

#include <algorithm>
#include <set>

namespace apply {

namespace {

ExecutorStart_hook_type next_start;
ExecutorFinish_hook_type next_finish;
ProcessUtility_hook_type next_utility;

// @scope transaction: the statements at work that change rows, by the subtransaction level they have begun at.
std::vector<int> &writing()
{
	static auto &all = *new std::vector<int>;
	return all;
}

int held;
int first_part;    // @scope transaction: of the log, that nobody has been brought along with

// It may have been dropped while its lock was waited for.
std::string name_now(int id)
{
	return pg::with_spi([&] {
		pg::Identity superuser(BOOTSTRAP_SUPERUSERID);
		pg::Rows rows = pg::query_latest("SELECT c.oid::regclass FROM pgtrickle.stream_table t JOIN pg_catalog.pg_class c ON c.oid = t.relid "
		                                 "WHERE t.id = $1::int", {std::to_string(id)});
		return rows.empty() ? std::string() : *rows[0][0];
	});
}

[[noreturn]] void not_serializable(const std::string &why)
{
	pg::fail(ERRCODE_T_R_SERIALIZATION_FAILURE, "could not serialize access due to " + why, {}, "Try the transaction again.");
}

// An older snapshot shows a transaction neither what was set up since nor what it was filled from.
void refuse_unseen(int id)
{
	const char *sql = "SELECT generation, refresh_mode FROM pgtrickle.stream_table WHERE id = $1::int";
	if (pg::query(sql, {std::to_string(id)}) != pg::query_latest(sql, {std::to_string(id)}))
		not_serializable("concurrent creation or change of stream table " + name_now(id));
}

// … nor, what it joins with its own changes, those that others have committed since.
void refuse_unseen_changes(const view::View &view)
{
	pg::with_spi([&] {
		pg::Identity superuser(BOOTSTRAP_SUPERUSERID);
		pg::Text snapshot = pg::value("SELECT pg_current_snapshot()");
		std::string own = std::to_string(own_xid());
		for (Oid source : view.sources)
			for (int segment : {0, 1}) {
				std::string log = " FROM pgtrickle_state.log_" + std::to_string(source) + "_" + std::to_string(segment);
				if (!pg::query_latest("SELECT 1 WHERE EXISTS (SELECT" + log + " WHERE xid >= pg_snapshot_xmax($1::pg_snapshot) AND xid <> $2::xid8) OR EXISTS "
				                      "(SELECT" + log + " WHERE xid = ANY (ARRAY(SELECT pg_snapshot_xip($1::pg_snapshot))) AND xid <> $2::xid8)",
				                      {snapshot, own}).empty())
					not_serializable("concurrent changes of what stream table " + view.name + " reads");
			}
	});
}

// What another attempt may not meet: conflicts, locks, cancelled statements.
bool passes(int sqlstate)
{
	const int category = ERRCODE_TO_CATEGORY(sqlstate);
	return category == ERRCODE_TO_CATEGORY(ERRCODE_T_R_SERIALIZATION_FAILURE) || category == ERRCODE_TO_CATEGORY(ERRCODE_LOCK_NOT_AVAILABLE) ||
	       category == ERRCODE_TO_CATEGORY(ERRCODE_QUERY_CANCELED);
}

[[noreturn]] void fail_statement(int id, pg::Error error)
{
	ErrorData *data = error.data();
	// The engine's own statements say nothing to who writes a table, and may show what he must not see.
	const std::string name = name_now(id);
	std::string context = "refresh of stream table " + name + " in the transaction that changes what it reads (refresh_mode IMMEDIATE)";
	data->context = pg::call(pstrdup, context.c_str());
	if (data->hint == nullptr && !passes(data->sqlerrcode)) {
		std::string hint = "If the change is right, pgtrickle.pause_stream_table(" + pg::quote_literal(name) + ") lets writers go on without it.";
		data->hint = pg::call(pstrdup, hint.c_str());
	}
	throw error;
}

Snapshot take_latest()
{
	return RegisterSnapshot(GetLatestSnapshot());
}

Snapshot take_snapshot()
{
	return RegisterSnapshot(IsolationUsesXactSnapshot() ? GetTransactionSnapshot() : GetLatestSnapshot());
}

void push_snapshot()
{
	PushActiveSnapshot(GetTransactionSnapshot());
}

void lock_key(Oid relid, uint32 hash, int slot, LOCKMODE mode)
{
	LOCKTAG tag;
	SET_LOCKTAG_OBJECT(tag, MyDatabaseId, relid, hash, uint16(slot));
	(void)LockAcquire(&tag, mode, false, false);
}

LOCKMODE mode_of(delta::Excludes excludes)
{
	switch (excludes) {
	case delta::Excludes::rights: return RowExclusiveLock;
	case delta::Excludes::lefts: return ShareLock;
	default: return ExclusiveLock;
	}
}

// More keys than this and the stream table is locked as a whole: the lock table has room for some thousands.
constexpr size_t most_keys = 200;

struct Standing {
	Oid relid = InvalidOid;    // it is not there
	bool settled = false, side_by_side = false;
	bool operator==(const Standing &) const = default;
};

Standing standing_of(int id)
{
	return pg::with_spi([&] {
		pg::Identity superuser(BOOTSTRAP_SUPERUSERID);
		pg::Rows rows = pg::query_latest("SELECT t.relid, c.settled AND c.frontier IS NOT NULL, t.exclusive IS NULL FROM pgtrickle.stream_table t "
		                                 "JOIN pgtrickle.consumer c USING (id) WHERE id = $1::int AND t.refresh_mode = 'IMMEDIATE' AND t.status <> 'PAUSED'",
		                                 {std::to_string(id)});
		return rows.empty() ? Standing{} : Standing{Oid(std::stoul(*rows[0][0])), *rows[0][1] == "t", *rows[0][2] == "t"};
	});
}

// The stream tables that follow one statement, one after the other.
class Round {
public:
	explicit Round(int64 rows) : as_a_whole_(rows > int64(most_keys) || capture::marked()) {}

	void bring(int id)
	{
		if (auto standing = lock_as_it_stands(id); OidIsValid(standing.relid)) {
			pg::call(push_snapshot);    // there is none at the commit, and it is older than the lock
			if (IsolationUsesXactSnapshot())
				pg::with_spi([&] {
					pg::Identity superuser(BOOTSTRAP_SUPERUSERID);
					refuse_unseen(id);
				});
			try {
				pg::Identity superuser(BOOTSTRAP_SUPERUSERID);
				follow(id, standing.side_by_side && !as_a_whole_);
			} catch (pg::Error &error) {
				if (error.data()->sqlerrcode == ERRCODE_QUERY_CANCELED)
					throw;
				fail_statement(id, error);
			}
			pg::call(PopActiveSnapshot);
		}
	}

private:
	// How it stands may change while its lock is waited for; and who drops it has locked the table first.
	Standing lock_as_it_stands(int id)
	{
		for (Standing standing = standing_of(id); OidIsValid(standing.relid);) {
			bool shared = standing.settled && standing.side_by_side && !as_a_whole_;
			if (shared)
				lock_shared(id);
			else
				lock(id, IfLocked::wait);
			pg::call(LockRelationOid, standing.relid, LOCKMODE{RowExclusiveLock});
			pg::call(AcceptInvalidationMessages);
			Standing now = standing_of(id);
			if (now == standing)
				return standing;
			unlock(id, shared);
			standing = now;
		}
		return {};
	}

	void follow(int id, bool by_keys)
	{
		view::View *view = pg::with_spi([&] { return locked_and_ready(id); });
		advance_arrangements(*view);
		if (!pg::with_spi([&] { return is_settled(id); })) {
			for (const Ticked &ticked : bring_along({id}, advanced_))
				if (ticked.outcome.error)
					throw *ticked.outcome.error;
			caught_up(id);
			return;
		}
		if (!by_keys)
			lock(id, IfLocked::wait);
		if (view->wide || view->fixed)
			return refresh_settled(*view, by_keys);
		auto error = pg::attempt([&] { refresh_settled(*view, by_keys); });
		if (error && error->data()->sqlerrcode == ERRCODE_PROGRAM_LIMIT_EXCEEDED && pg::with_spi([&] { return view::widen(id); }) != nullptr) {
			advanced_.clear();
			follow(id, false);
		} else if (error)
			throw *error;
	}

	void refresh_settled(view::View &view, bool by_keys)
	{
		snapshot_ = pg::call(take_snapshot);
		if (IsolationUsesXactSnapshot())
			refuse_unseen_changes(view);
		Locker locker = [&](int slot, delta::Excludes excludes, std::vector<int64> hashes) { return lock_keys(view, slot, excludes, hashes); };
		Outcome outcome = refresh(view, own_since(first_part), snapshot_, {}, 0, by_keys ? &locker : nullptr);
		if (outcome.mode == "REBUILD")
			pg::with_spi([&] { record_success({view.id, outcome}); });
		pg::call(UnregisterSnapshot, snapshot_);
	}

	// In the same order by all.
	Snapshot lock_keys(const view::View &view, int slot, delta::Excludes excludes, const std::vector<int64> &hashes)
	{
		if (hashes.size() > most_keys)
			lock(view.id, IfLocked::wait);
		else {
			std::set<uint32> keys;
			for (int64 hash : hashes)
				keys.insert(uint32(hash) ^ uint32(hash >> 32));
			for (uint32 key : keys)
				pg::call(lock_key, view.relid, key, slot, mode_of(excludes));
		}
		pg::call(UnregisterSnapshot, snapshot_);
		snapshot_ = pg::call(take_snapshot);
		if (IsolationUsesXactSnapshot())
			refuse_unseen_changes(view);
		return snapshot_;
	}

	void advance_arrangements(const view::View &view)
	{
		for (int arrangement : view.arrangements)
			if (advanced_.insert(arrangement).second)
				advance_one(arrangement, view.program.exclusive.empty() && !capture::marked());
	}

	void advance_one(int arrangement, bool side_by_side)
	{
		auto settled = [&] { return pg::with_spi([&] { return is_settled(arrangement); }); };
		bool shared = side_by_side && settled();
		if (shared) {
			lock_shared(arrangement);
			if (!settled())
				shared = false;
		}
		if (!shared)
			lock(arrangement, IfLocked::wait);
		Snapshot snapshot = pg::call(take_snapshot);
		if (settled())
			advance(arrangement, own_since(first_part), snapshot);
		else
			pg::with_spi([&] {
				Frontier from = read_frontiers({arrangement})[0];
				advance(arrangement, from, snapshot);
				write_frontiers({arrangement}, frontier_of(snapshot));
				settle({arrangement});
			});
		pg::call(UnregisterSnapshot, snapshot);
	}

	const bool as_a_whole_;
	Snapshot snapshot_ = nullptr;
	std::set<int> advanced_;
};

void follow_now()
{
	follow();
}

// ---- which statements change rows, and when the outermost of them is over ----

bool changes_rows(const QueryDesc *query)
{
	return query->operation != CMD_SELECT || query->plannedstmt->hasModifyingCTE;
}

void begin_writing()
{
	writing().push_back(GetCurrentTransactionNestLevel());
}

// The library may have been loaded in the middle of one.
void end_writing()
{
	if (!writing().empty())
		writing().pop_back();
}

void statement_is_over()
{
	if (writing().empty() && held == 0 && capture::any_touched())
		pg::entry(follow_now);
}

void start(QueryDesc *query, int flags)
{
	if (capture::any_written() && writing().empty() && held == 0 && !(flags & EXEC_FLAG_EXPLAIN_ONLY))
		catch_up_before(query);
	if (next_start != nullptr)
		next_start(query, flags);
	else
		standard_ExecutorStart(query, flags);
	if (changes_rows(query) && !(flags & EXEC_FLAG_EXPLAIN_ONLY))
		begin_writing();
}

void finish(QueryDesc *query)
{
	next_finish(query);
	if (!changes_rows(query))
		return;
	end_writing();
	statement_is_over();
}

// Statements that run others, which are followed by themselves, or that change nothing.
bool is_transparent(Node *statement)
{
	switch (nodeTag(statement)) {
	case T_CallStmt:
	case T_ClosePortalStmt:
	case T_DeallocateStmt:
	case T_DeclareCursorStmt:
	case T_DoStmt:
	case T_ExecuteStmt:
	case T_ExplainStmt:
	case T_FetchStmt:
	case T_PrepareStmt:
	case T_TransactionStmt:
	case T_VariableSetStmt:
	case T_VariableShowStmt:
		return true;
	case T_CopyStmt:
		return !reinterpret_cast<CopyStmt *>(statement)->is_from;
	default:
		return false;
	}
}

void utility(PlannedStmt *planned, const char *source, bool read_only, ProcessUtilityContext context,
             ParamListInfo params, QueryEnvironment *environment, DestReceiver *receiver, QueryCompletion *completion)
{
	bool writes = !is_transparent(planned->utilityStmt);
	int depth = int(writing().size());
	if (writes)
		begin_writing();
	bool renewed = IsA(planned->utilityStmt, CopyStmt) && capture::any_written() && writing().empty() && held == 0 &&
	               catch_up_before(reinterpret_cast<CopyStmt *>(planned->utilityStmt));
	next_utility(planned, source, read_only, context, params, environment, receiver, completion);
	if (renewed)
		PopActiveSnapshot();
	if (!writes)
		return;
	// VACUUM, CLUSTER and the like have been through several transactions.
	if (int(writing().size()) > depth)
		end_writing();
	if (IsTransactionState())
		statement_is_over();
}

void at_transaction(XactEvent event, void *)
{
	switch (event) {
	case XACT_EVENT_PRE_COMMIT:
	case XACT_EVENT_PRE_PREPARE:
		if (held == 0 && capture::any_touched())
			pg::entry(follow_now);
		catch_up_before_commit(event == XACT_EVENT_PRE_PREPARE);
		break;
	case XACT_EVENT_COMMIT:
	case XACT_EVENT_PREPARE:
	case XACT_EVENT_ABORT:
		forget_meanwhile();
		writing().clear();
		first_part = 0;
		break;
	default:
		break;
	}
}

void at_subtransaction(SubXactEvent event, SubTransactionId, SubTransactionId, void *)
{
	if (event != SUBXACT_EVENT_ABORT_SUB)
		return;
	while (!writing().empty() && writing().back() >= GetCurrentTransactionNestLevel())
		writing().pop_back();
	undone_meanwhile();
}

}  // namespace

Hold::Hold()
{
	held++;
}

Hold::~Hold()
{
	held--;
}

// What a stream table's own triggers write is followed too.
std::vector<Oid> follow()
{
	Hold hold;
	capture::flush();
	std::vector<Oid> changed;
	if (!capture::any_touched())
		return changed;
	pg::call(push_snapshot);    // a worker, and a transaction that commits, have none
	int64 rows = capture::rows_touched();
	for (std::vector<Oid> roots = capture::touched(); !roots.empty();) {
		Followers along = followers_of(roots);
		Round round(rows);
		for (int id : along.ids)
			round.bring(id);
		rows = capture::rows_touched();
		roots = capture::touched();
		changed.insert(changed.end(), roots.begin(), roots.end());
		std::erase_if(roots, [&](Oid root) { return std::find(along.relids.begin(), along.relids.end(), root) != along.relids.end(); });
		if (!along.ids.empty())
			capture::next_part();
		first_part = capture::part();
	}
	pg::call(PopActiveSnapshot);
	return changed;
}

void bring_unfollowed(const std::vector<int> &ids)
{
	Hold hold;
	pg::call(push_snapshot);
	Round round(0);
	for (int id : ids)
		round.bring(id);
	pg::call(PopActiveSnapshot);
	capture::next_part();
	if (!capture::any_touched())
		first_part = capture::part();
}

int unfollowed_part()
{
	return first_part;
}

void unsettle(int id, int before_part)
{
	std::vector<int> ids{id};
	for (const auto &row : pg::query_latest("SELECT arrangement FROM pgtrickle.uses WHERE view = $1::int ORDER BY 1", {std::to_string(id)}))
		ids.push_back(std::stoi(*row[0]));
	for (int consumer : ids)
		lock(consumer, IfLocked::wait);
	Snapshot snapshot = pg::call(take_latest);
	for (int consumer : ids) {
		if (is_settled(consumer))
			write_frontiers({consumer}, frontier_of(snapshot), before_part - 1);
		pg::query("UPDATE pgtrickle.consumer SET settled = false, settles_at = NULL, set_up_by = pg_current_xact_id() WHERE id = $1::int",
		          {std::to_string(consumer)});
	}
	pg::call(UnregisterSnapshot, snapshot);
	look_again(id);
}

bool is_settled(int consumer)
{
	return pg::query_latest("SELECT FROM pgtrickle.consumer WHERE id = $1::int AND settled AND frontier IS NOT NULL", {std::to_string(consumer)}).size() > 0;
}

void settle(const std::vector<int> &consumers)
{
	for (int consumer : consumers)
		if (pg::value("UPDATE pgtrickle.consumer SET settled = coalesce(settles_at <= pg_snapshot_xmin(frontier), false), "
		              "settles_at = coalesce(settles_at, pg_snapshot_xmax(frontier)) WHERE id = $1::int AND set_up_by <> pg_current_xact_id() RETURNING settled",
		              {std::to_string(consumer)}) == pg::Text("t"))
			schedule::note_definition();
}

void follow_statements()
{
	next_start = ExecutorStart_hook;
	ExecutorStart_hook = start;
	next_finish = ExecutorFinish_hook;
	ExecutorFinish_hook = finish;
	next_utility = ProcessUtility_hook;
	ProcessUtility_hook = utility;
	RegisterXactCallback(at_transaction, nullptr);
	RegisterSubXactCallback(at_subtransaction, nullptr);
	watch_definitions();
}

}  // namespace apply

PGT_FUNCTION(unsettle_stream_table)
{
	int id = PG_GETARG_INT32(0);
	pg::with_spi([&] {
		pg::Identity superuser(BOOTSTRAP_SUPERUSERID);
		apply::unsettle(id, apply::unfollowed_part());
	});
	PG_RETURN_VOID();
}
