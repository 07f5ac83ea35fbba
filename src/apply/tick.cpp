#include "tick.h"

#include "apply/arrangement.h"
#include "apply/choice.h"
#include "apply/copy.h"
#include "apply/deadline.h"
#include "capture/capture.h"
#include "immediate.h"
#include "meanwhile.h"
#include "pg/spi.hpp"
#include "pg/sql.hpp"
#include "view/layout.h"

extern "C" {
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
}

#include <algorithm>
#include <chrono>
#include <map>
#include <set>

namespace apply {

namespace {

LOCKTAG tag_of(int consumer)
{
	Oid catalog = get_relname_relid("consumer", get_namespace_oid("pgtrickle", false));
	LOCKTAG tag;
	SET_LOCKTAG_OBJECT(tag, MyDatabaseId, catalog, consumer, 0);
	return tag;
}

bool lock_consumer(int consumer, LOCKMODE mode, bool wait)
{
	LOCKTAG tag = tag_of(consumer);
	return LockAcquire(&tag, mode, false, !wait) != LOCKACQUIRE_NOT_AVAIL;
}

void unlock_consumer(int consumer, LOCKMODE mode)
{
	LOCKTAG tag = tag_of(consumer);
	LockRelease(&tag, mode, false);
}

void push_snapshot()
{
	PushActiveSnapshot(GetTransactionSnapshot());
}

// A REPEATABLE READ transaction ticks under its own snapshot, as REFRESH MATERIALIZED VIEW does,
// so that what it reads agrees.  Its frontiers lie before that snapshot: they were committed
// before it, or written under it.  But capture that began in this transaction began after its
// snapshot; from there on only the latest snapshot holds all that was not captured.  And a TRUNCATE of this
// transaction took rows that were committed after its snapshot: only the latest says that they were there.
Snapshot take_snapshot(bool fresh)
{
	static TransactionId latest_in = InvalidTransactionId;
	TransactionId own = GetTopTransactionId();
	if (fresh)
		latest_in = own;
	bool transactions = IsolationUsesXactSnapshot() && latest_in != own;
	return RegisterSnapshot(transactions ? GetTransactionSnapshot() : GetLatestSnapshot());
}

// Inputs before what reads them.
void order_from(view::View *view, const std::map<Oid, view::View *> &by_relation, std::set<int> &placed,
                std::vector<view::View *> &out)
{
	if (!placed.insert(view->id).second)
		return;
	for (Oid source : view->sources)
		if (auto found = by_relation.find(source); found != by_relation.end())
			order_from(found->second, by_relation, placed, out);
	out.push_back(view);
}

void add_history(const Ticked &t, pg::Text error)
{
	pg::query("INSERT INTO pgtrickle.refresh_history (id, started_at, milliseconds, mode, reason, rows_in, rows_out, plan, error) "
	          "VALUES ($1::int, clock_timestamp() - $2::float8 * interval '1 millisecond', $2::float8, $3, nullif($4, ''), "
	          "$5::int8, $6::int8, $7, $8)",
	          {std::to_string(t.id), std::to_string(t.outcome.milliseconds), t.outcome.mode, t.outcome.reason,
	           std::to_string(t.outcome.rows_in), std::to_string(t.outcome.rows_out),
	           std::string(t.outcome.bulk ? "bulk" : "small"), error});
}

class Tick {
public:
	// advanced: in the transaction of a writer, these arrangements have been.
	Tick(const std::vector<int> &ids, IfLocked if_locked, const std::set<int> *advanced)
	    : if_locked_(if_locked), along_(advanced != nullptr)
	{
		if (advanced != nullptr)
			advanced_ = *advanced;
		for (int id : ids)
			if (lock(id, if_locked))
				locked_.push_back(id);
		do {
			views_.clear();
			anew_ = false;
			for (int id : locked_)
				load(id);
			std::erase_if(locked_, [&](int id) { return left_out_.contains(id); });
		} while (anew_);
		lock_arrangements();
		lock_copies();
	}

	std::vector<Ticked> run(const std::function<void(Snapshot)> &looking)
	{
		snapshot_ = pg::call(take_snapshot, XactIsoLevel >= XACT_REPEATABLE_READ && (capture::marked() || some_are_new()));
		frontier_ = frontier_of(snapshot_);
		compare_copies();
		for (view::View *view : ordered())
			one(*view);
		record();
		if (looking)
			looking(snapshot_);
		pg::call(UnregisterSnapshot, snapshot_);
		capture::next_part();
		return std::move(done_);
	}

private:
	bool some_are_new()
	{
		std::vector<int> ids;
		for (view::View *view : views_) {
			ids.push_back(view->id);
			ids.insert(ids.end(), view->arrangements.begin(), view->arrangements.end());
		}
		return pg::with_spi([&] {
			return pg::value("SELECT 1 FROM pgtrickle.consumer WHERE id = ANY ($1::int[]) AND frontier IS NULL AND NOT lapsed LIMIT 1",
			                 {pg::array_of(ids)}).has_value();
		});
	}

	// Somebody's DDL, or a reader of a stream table that gets another key: the next tick has it.
	bool is_for_later(const pg::Error &error) const
	{
		int sqlstate = error.data()->sqlerrcode;
		return if_locked_ == IfLocked::skip && (sqlstate == ERRCODE_LOCK_NOT_AVAILABLE || sqlstate == ERRCODE_T_R_DEADLOCK_DETECTED);
	}

	void failed(int id, const pg::Error &error, Clock::time_point start)
	{
		Outcome outcome;
		outcome.mode = "ERROR";
		outcome.error = error;
		outcome.milliseconds = milliseconds_since(start);
		done_.push_back({id, outcome});
	}

	// Compiling may fail, when a source's row security or an operator class went away, say.  What
	// is set up anew may have lost a key that those that read it rely on: they are looked at again.
	void load(int id)
	{
		auto start = Clock::now();
		auto error = pg::attempt([&] {
			view::View *view = pg::with_spi([&] {
				view::View *before = view::compiled(id), *now = locked_and_ready(id);
				anew_ = anew_ || (before != now && !now->remade.empty());
				return now;
			});
			views_.push_back(view);
		});
		if (error)
			left_out_.insert(id);
		if (error && !is_for_later(*error))
			failed(id, *error, start);
	}

	// In the order of their numbers, and before the snapshot: what another tick does to one under its lock must be in it.
	void lock_arrangements()
	{
		std::set<int> wanted;
		for (view::View *view : views_)
			for (int arrangement : view->arrangements)
				if (needs(*view, arrangement))
					wanted.insert(arrangement);
		for (int arrangement : wanted)
			(lock(arrangement, if_locked_) ? held_ : elsewhere_).insert(arrangement);
	}

	// Those of IMMEDIATE stream tables are brought along by their writers.
	bool needs(const view::View &view, int arrangement)
	{
		return !advanced_.contains(arrangement) && !(view.immediate && pg::with_spi([&] { return is_settled(arrangement); }));
	}

	// One that is needed only now; false: another tick has it.
	bool lock_late(int arrangement)
	{
		if (elsewhere_.contains(arrangement) || !lock(arrangement, if_locked_))
			return false;
		bool moved = pg::with_spi([&] {
			return pg::value("SELECT 1 FROM pgtrickle.consumer WHERE id = $1::int AND NOT pg_visible_in_snapshot(seen_xid, $2::pg_snapshot)",
			                 {std::to_string(arrangement), frontier_}).has_value();
		});
		if (moved)
			pg::fail(ERRCODE_T_R_SERIALIZATION_FAILURE, "state that is shared with another stream table was refreshed by another transaction meanwhile", {}, "Try again.");
		held_.insert(arrangement);
		return true;
	}

	void lock_copies()
	{
		bool wait = if_locked_ == IfLocked::wait;
		for (view::View *view : views_)
			for (const Copy &copy : view->copies)
				if (!compared_.contains(copy.relid) && pg::with_spi([&] { return may_be_due(copy, view->id, wait); })) {
					compared_.emplace(copy.relid, copy);
					if (!lock(copy, wait))
						busy_.insert(copy.relid);
				}
	}

	void compare_copies()
	{
		for (const auto &[relid, copy] : compared_)
			if (!busy_.contains(relid))
				if (auto error = pg::attempt([&] { compare(copy, snapshot_); }))
					unreadable_.emplace(relid, *error);
	}

	std::vector<view::View *> ordered()
	{
		std::map<Oid, view::View *> by_relation;
		for (view::View *view : views_)
			by_relation[view->relid] = view;
		std::set<int> placed;
		std::vector<view::View *> out;
		for (view::View *view : views_)
			order_from(view, by_relation, placed, out);
		return out;
	}

	void one(view::View &view)
	{
		auto start = Clock::now();
		int id = view.id;
		Outcome outcome;
		auto error = bring(view, outcome);
		if (error && error->data()->sqlerrcode == ERRCODE_PROGRAM_LIMIT_EXCEEDED)
			error = widened(id, outcome, *error);    // view is another one now
		// A refresh of the scheduler that somebody cancels has failed, and is tried again later.
		if (error && error->data()->sqlerrcode == ERRCODE_QUERY_CANCELED && if_locked_ == IfLocked::wait)
			throw *error;
		if (error && is_for_later(*error))
			return;
		if (error)
			return failed(id, *error, start);
		if (outcome.mode.empty())
			return;
		outcome.milliseconds = milliseconds_since(start);
		done_.push_back({id, outcome});
	}

	// Once more, with state whose indexes hold no values; all or nothing.
	std::optional<pg::Error> widened(int id, Outcome &outcome, const pg::Error &error)
	{
		std::set<int> advanced = advanced_;
		auto still = pg::attempt([&] {
			view::View *view = pg::with_spi([&] { return view::widen(id); });
			if (view == nullptr)
				throw error;
			if (auto again = bring(*view, outcome))
				throw *again;
		});
		if (still)
			advanced_ = advanced;
		return still;
	}

	// Without an outcome it was left alone: the scheduler never waits, so it is in no deadlock.
	std::optional<pg::Error> bring(view::View &view, Outcome &outcome)
	{
		auto start = Clock::now();
		std::vector<int> consumers{view.id};
		if (view.immediate && pg::with_spi([&] { return is_settled(view.id); })) {
			outcome.mode = "NO_DATA";
			return {};
		}
		for (const Copy &copy : view.copies)
			if (busy_.contains(copy.relid))
				return {};
			else if (auto error = unreadable_.find(copy.relid); error != unreadable_.end())
				return error->second;
		for (int arrangement : view.arrangements)
			if (needs(view, arrangement)) {
				if (!held_.contains(arrangement)) {
					bool held = false;
					if (auto error = pg::attempt([&] { held = lock_late(arrangement); }))
						return error;
					if (!held)
						return {};
				}
				consumers.push_back(arrangement);
			}
		std::vector<Frontier> frontiers = pg::with_spi([&] { return read_frontiers(consumers); });
		Decision decision;
		std::optional<pg::Error> error;
		if (view.may_lapse && frontiers[0].populated)
			error = pg::attempt([&] { decision = decide(view, frontiers[0], snapshot_); });
		if (decision.most > 0 && !error) {
			error = try_to_recompute(view, frontiers[0], decision, outcome);
			if (error || decision.way == Decision::Way::recompute)
				return error;
			start = Clock::now();
		}
		for (size_t i = 1; i < consumers.size() && !error && decision.way != Decision::Way::recompute; i++) {
			error = pg::attempt([&] {
				advance(consumers[i], frontiers[i], snapshot_);
				pg::with_spi([&] { move(view, consumers[i], frontiers[i].lapsed); });
			});
			if (!error)
				advanced_.insert(consumers[i]);
		}
		if (!error)
			error = pg::attempt([&] { outcome = refresh_and_move(view, frontiers[0], decision, milliseconds_since(start)); });
		return error;
	}

	Outcome refresh_and_move(view::View &view, const Frontier &from, const Decision &decision, double spent)
	{
		Outcome outcome = refresh(view, from, snapshot_, decision, spent);
		pg::with_spi([&] {
			move(view, view.id, from.lapsed && !outcome.lapsed);
			if (view.immediate && !from.populated)
				look_again(view.id);
			if (outcome.lapsed && outcome.mode != "NO_DATA")
				lapse(view.id);
		});
		return outcome;
	}

	// For as long as deltas would take; if it is not ready by then, those are decided for.
	std::optional<pg::Error> try_to_recompute(view::View &view, const Frontier &from, Decision &decision, Outcome &outcome)
	{
		Deadline deadline(decision.most);
		auto error = pg::attempt([&] { outcome = refresh_and_move(view, from, decision, 0); });
		if (!error || !deadline.passed() || error->data()->sqlerrcode != ERRCODE_QUERY_CANCELED)
			return error;
		return pg::attempt([&] {
			pg::with_spi([&] { remember_try(view.id, decision, view.sources); });
			decision = {};
			outcome = {};
		});
	}

	void move(const view::View &view, int consumer, bool revived)
	{
		write_frontiers({consumer}, frontier_);
		if (revived)
			revive(consumer);
		// Who is settled is brought along with what this tick has written, which is behind this one already.
		if (view.immediate && !capture::any_touched())
			settle({consumer});
	}

	void record()
	{
		pg::with_spi([&] {
			for (const Ticked &t : done_)
				if (along_ && (t.outcome.error || t.outcome.mode == "DIFFERENTIAL" || t.outcome.mode == "NO_DATA"))
					continue;
				else if (t.outcome.error)
					record_error(t);
				else
					record_success(t);
		});
	}

	static void record_error(const Ticked &t)
	{
		std::string id = std::to_string(t.id);
		ErrorData *error = t.outcome.error->data();
		pg::query("UPDATE pgtrickle.health SET consecutive_errors = consecutive_errors + 1, last_error = $2, last_sqlstate = $3, "
		          "last_error_at = clock_timestamp(), "
		          "retry_at = clock_timestamp() + least(interval '5 minutes', interval '1 second' * 2 ^ least(consecutive_errors, 10)) "
		          "WHERE id = $1::int",
		          {id, error->message, std::string(unpack_sql_state(error->sqlerrcode))});
		// Half a day of retries at the longest interval, then somebody must look.
		pg::query("UPDATE pgtrickle.stream_table t SET status = CASE WHEN h.consecutive_errors >= 150 THEN 'SUSPENDED' ELSE 'ERROR' END "
		          "FROM pgtrickle.health h WHERE h.id = t.id AND t.id = $1::int AND t.status IN ('ACTIVE', 'ERROR', 'INITIALIZING')",
		          {id});
		add_history(t, error->message);
	}

	IfLocked if_locked_;
	bool along_;
	Snapshot snapshot_ = nullptr;
	std::string frontier_;
	std::vector<int> locked_;
	std::set<int> left_out_;
	std::vector<view::View *> views_;
	bool anew_ = false;
	std::set<int> advanced_;
	std::set<int> held_, elsewhere_;        // arrangements that this tick and that others have locked
	std::map<Oid, Copy> compared_;          // copies, if they differ from their sources
	std::set<Oid> busy_;                    // another tick has them
	std::map<Oid, pg::Error> unreadable_;   // what their sources say
	std::vector<Ticked> done_;
};

}  // namespace

void record_success(const Ticked &t)
{
	std::string id = std::to_string(t.id);
	pg::Text flip = t.outcome.next_flip ? pg::Text(std::to_string(*t.outcome.next_flip)) : pg::Text();
	pg::query("UPDATE pgtrickle.health SET next_flip = to_timestamp($2::float8), consecutive_errors = 0, retry_at = NULL, "
	          "last_error = NULL, last_sqlstate = NULL, last_error_at = NULL WHERE id = $1::int AND (consecutive_errors > 0 OR next_flip IS DISTINCT FROM to_timestamp($2::float8))",
	          {id, flip});
	pg::query("UPDATE pgtrickle.stream_table SET status = 'ACTIVE' WHERE id = $1::int AND status IN ('INITIALIZING', 'ERROR')",
	          {id});
	if (t.outcome.mode != "NO_DATA")
		add_history(t, {});
	remember_cost(t.id, t.outcome);
}

view::View *locked_and_ready(int id)
{
	for (;;) {
		view::View *view = &view::ready(id);
		for (Oid source : view->sources)
			pg::call(LockRelationOid, source, LOCKMODE{AccessShareLock});
		for (const Copy &copy : view->copies)
			pg::call(LockRelationOid, copy.source, LOCKMODE{AccessShareLock});
		if (view::compiled(id) == view)
			return view;
	}
}

bool lock(int consumer, IfLocked if_locked)
{
	return pg::call(lock_consumer, consumer, LOCKMODE{ExclusiveLock}, if_locked == IfLocked::wait);
}

void lock_shared(int consumer)
{
	pg::call(lock_consumer, consumer, LOCKMODE{RowExclusiveLock}, true);
}

void unlock(int consumer, bool shared)
{
	pg::call(unlock_consumer, consumer, LOCKMODE(shared ? RowExclusiveLock : ExclusiveLock));
}

namespace {

std::vector<Ticked> run(std::vector<int> ids, IfLocked if_locked, const std::set<int> *advanced, const std::function<void(Snapshot)> &looking)
{
	if (RecoveryInProgress())
		pg::fail(ERRCODE_READ_ONLY_SQL_TRANSACTION, "stream tables cannot be refreshed on a standby", {},
		         "They follow those of the primary: refresh them there, or here after pg_promote().");
	pg::Identity superuser(BOOTSTRAP_SUPERUSERID);
	capture::flush();
	std::sort(ids.begin(), ids.end());
	if (if_locked == IfLocked::wait)    // what is read then is what they were waited for
		for (int id : ids)
			lock(id, if_locked);
	pg::call(push_snapshot);    // a worker has none yet
	std::vector<Ticked> done = Tick(ids, if_locked, advanced).run(looking);
	pg::call(PopActiveSnapshot);
	return done;
}

// Of these, those that read one of the relations.
std::vector<int> readers_of(const std::vector<Oid> &relids, const std::vector<int> &ids)
{
	std::vector<int> out;
	if (!relids.empty() && ids.size() > 1)
		pg::with_spi([&] {
			pg::Identity superuser(BOOTSTRAP_SUPERUSERID);
			for (const auto &row : pg::query("SELECT v.id FROM unnest($1::int[]) v(id) WHERE EXISTS (SELECT FROM pgtrickle.reads r WHERE r.source = ANY ($2::oid[]) "
			                                 "AND (r.consumer = v.id OR r.consumer IN (SELECT u.arrangement FROM pgtrickle.uses u WHERE u.view = v.id))) ORDER BY 1",
			                                 {pg::array_of(ids), pg::array_of(relids)}))
				out.push_back(std::stoi(*row[0]));
		});
	return out;
}

}  // namespace

std::vector<Ticked> tick(const std::vector<int> &ids, IfLocked if_locked, const std::function<void(Snapshot)> &looking)
{
	std::vector<Ticked> done;
	std::vector<int> due = ids;
	for (size_t turn = 0; turn == 0 || (turn < ids.size() && !due.empty()); turn++) {
		{
			Hold hold;
			for (const Ticked &ticked : run(due, if_locked, nullptr, looking)) {
				std::erase_if(done, [&](const Ticked &before) { return before.id == ticked.id; });
				done.push_back(ticked);
			}
		}
		due = readers_of(follow(), ids);
	}
	return done;
}

std::vector<Ticked> bring_along(const std::vector<int> &ids, const std::set<int> &advanced, IfLocked if_locked)
{
	return run(ids, if_locked, &advanced, {});
}

std::vector<int> with_inputs(const std::vector<int> &ids)
{
	std::vector<int> out;
	for (const auto &row : pg::query("WITH RECURSIVE up(id) AS (SELECT unnest($1::int[]) UNION "
	                                 "SELECT t.id FROM up JOIN pgtrickle.reads r ON r.consumer = up.id "
	                                 "JOIN pgtrickle.stream_table t ON t.relid = r.source AND t.status <> 'PAUSED') "
	                                 "SELECT id FROM up WHERE NOT EXISTS (SELECT FROM pgtrickle.consumer c WHERE c.id = up.id AND c.settled) ORDER BY id",
	                                 {pg::array_of(ids)}))
		out.push_back(std::stoi(*row[0]));
	return out;
}

}  // namespace apply
