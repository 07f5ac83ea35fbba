// One scheduler a database: sleeps until something is due, and ticks.
#include "schedule.h"

#include "apply/tick.h"
#include "capture/capture.h"
#include "due.h"
#include "pg/spi.hpp"
#include "pg/sql.hpp"
#include "pg/worker.hpp"
#include "settings.h"
#include "supervisor.h"
#include "view/restore.h"
#include "wake.h"

extern "C" {
#include "commands/extension.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "utils/backend_status.h"
#include "utils/guc.h"
#include "utils/timestamp.h"
}

#include <algorithm>

extern "C" {
PGDLLEXPORT void pg_trickle_scheduler(Datum);
}

namespace schedule {

namespace {

constexpr Micros second = 1'000'000;
constexpr const char *lock_not_available = "55P03";
constexpr Micros heartbeat = 60 * second;
constexpr Micros upkeep_every = 5 * second;
constexpr Micros patience_with_locks = 50'000;   // of the catalog's rows, before another try
// Somebody's DDL must not stop the other views.  Well below deadlock_timeout: should a tick and a DROP wait for
// each other, it is the tick that gives way.
constexpr const char *lock_timeout = "300ms";
constexpr Micros rest_after_nothing = 5'000;    // the change was of no concern; it may be followed by many

Database *slot;   // ours
uint32 creations; // as they were when the extension was looked for

Micros now()
{
	return GetCurrentTimestamp() + (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
}

// Shared memory: hello, goodbye, and what others have left for us.

void leave_slot(int, Datum)
{
	LWLockAcquire(shared()->lock, LW_EXCLUSIVE);
	slot->scheduler = INVALID_PROC_NUMBER;
	slot->pid = 0;
	LWLockRelease(shared()->lock);
	ConditionVariableBroadcast(&slot->ticked);
}

bool enter_slot()
{
	LWLockAcquire(shared()->lock, LW_EXCLUSIVE);
	slot = find_slot(MyDatabaseId);
	bool entered = slot != nullptr && slot->scheduler == INVALID_PROC_NUMBER;
	if (entered) {
		slot->scheduler = MyProcNumber;
		slot->pid = MyProcPid;
		creations = slot->creations;
	}
	LWLockRelease(shared()->lock);
	if (entered)
		before_shmem_exit(leave_slot, Datum(0));
	return entered;
}

// False: it has been created in the meantime.
bool note_absence()
{
	LWLockAcquire(shared()->lock, LW_EXCLUSIVE);
	bool absent = slot->creations == creations;
	slot->absent = absent;
	creations = slot->creations;
	LWLockRelease(shared()->lock);
	return absent;
}

// The launcher will start a scheduler in our place at once.
void ask_for_another()
{
	LWLockAcquire(shared()->lock, LW_EXCLUSIVE);
	slot->wanted = true;
	LWLockRelease(shared()->lock);
}

struct News {
	uint32 flags;
	Changes changes;
};

News take_news()
{
	News news{pg_atomic_exchange_u32(&slot->flags, 0), {}};
	news.changes.all = news.flags & (flag_all_changed | flag_tick_all);
	if (news.flags & flag_changed)
		for (auto &source : slot->sources)
			if (Oid relid = pg_atomic_exchange_u32(&source, 0); relid != InvalidOid)
				news.changes.sources.insert(relid);
	return news;
}

// Transactions of our own.

void begin()
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	pgstat_report_activity(STATE_RUNNING, nullptr);
}

void commit()
{
	CommitTransactionCommand();
	pgstat_report_stat(false);
	pgstat_report_activity(STATE_IDLE, nullptr);
}

void abort()
{
	AbortCurrentTransaction();
	pgstat_report_activity(STATE_IDLE, nullptr);
}

void report(const char *what, const char *sqlstate, const char *message)
{
	ereport(LOG, (errmsg("%s: %s", what, message), errdetail("SQLSTATE %s", sqlstate)));
}

// False: there is news already.
bool be_attentive(bool attentive)
{
	pg_atomic_write_u32(&slot->attentive, attentive);
	pg_memory_barrier();
	return !attentive || pg_atomic_read_u32(&slot->flags) == 0;
}

struct Trouble {
	std::string sqlstate, message;
};

// Runs body in a transaction; an error ends up in the server's log.
template <typename F>
std::optional<Trouble> transact(const char *what, F &&body)
{
	std::optional<Trouble> trouble;
	try {
		pg::call(begin);
		body();
		pg::call(commit);
	} catch (const pg::Error &error) {
		trouble = Trouble{unpack_sql_state(error.data()->sqlerrcode), error.data()->message};
	} catch (const pg::Failure &failure) {
		trouble = Trouble{unpack_sql_state(failure.sqlstate), failure.message};
	} catch (const std::exception &error) {
		trouble = Trouble{"XX000", error.what()};
	}
	if (trouble) {
		pg::call(abort);
		pg::call(report, what, trouble->sqlstate.c_str(), trouble->message.c_str());
	}
	return trouble;
}

// SPI wants a snapshot from whoever has no statement.
template <typename F>
void with_snapshot(F &&body)
{
	pg::call(PushActiveSnapshot, pg::call(GetTransactionSnapshot));
	body();
	pg::call(PopActiveSnapshot);
}

// The catalog.

const std::string timers =
    "(extract(epoch FROM CASE WHEN t.refresh_mode = 'IMMEDIATE' THEN CASE WHEN NOT c.settled THEN coalesce(c.ticked_at + interval '0.2 second', '-infinity') END "
    "WHEN t.cron IS NOT NULL THEN CASE WHEN c.ticked_at IS NULL THEN '-infinity' ELSE coalesce(pgtrickle._next_run(t.cron, t.settings, c.ticked_at), 'infinity') END "
    "WHEN t.period IS NOT NULL THEN coalesce(c.ticked_at + t.period, '-infinity') "
    "ELSE (SELECT min(coalesce(k.compared_at, '-infinity')) + pgtrickle._foreign_period() FROM pgtrickle.reads r JOIN pgtrickle.copy k ON k.relid = r.source "
    "WHERE r.consumer = t.id AND k.is_foreign) END) * 1000000)::text, "
    "(extract(epoch FROM h.next_flip) * 1000000)::int8::text, (extract(epoch FROM h.retry_at) * 1000000)::int8::text, "
    "c.frontier IS NULL";

const std::string scheduled =
    " FROM pgtrickle.stream_table t JOIN pgtrickle.consumer c USING (id) LEFT JOIN pgtrickle.health h USING (id)"
    " WHERE t.status IN ('ACTIVE', 'ERROR', 'INITIALIZING')";

Micros micros(const pg::Text &text, Micros otherwise)
{
	if (!text)
		return otherwise;
	return *text == "-Infinity" ? 0 : *text == "Infinity" ? never : Micros(std::stod(*text));
}

Timers read_timers(const std::vector<pg::Text> &row, size_t from)
{
	return {micros(row[from], never), micros(row[from + 1], never), micros(row[from + 2], 0), row[from + 3] == "t"};
}

std::vector<std::uint32_t> read_oids(const pg::Text &text)
{
	std::vector<std::uint32_t> oids;
	for (size_t at = 0; text && at < text->size(); at = text->find(' ', at) + 1) {
		oids.push_back(std::uint32_t(std::stoul(text->substr(at))));
		if (text->find(' ', at) == std::string::npos)
			break;
	}
	return oids;
}

// Views that are known keep what they wait for.
void read_views(std::vector<View> &views)
{
	pg::Rows rows = pg::with_spi([] {
		// An IMMEDIATE one is looked after until it is settled; its writers follow its sources.
		return pg::query("SELECT t.id, t.relid, CASE WHEN t.refresh_mode = 'IMMEDIATE' THEN c.settled ELSE t.period IS NULL AND t.cron IS NULL END, "
		                 "(SELECT string_agg(r.source::text, ' ') FROM pgtrickle.reads r WHERE t.refresh_mode <> 'IMMEDIATE' AND "
		                 "(r.consumer = t.id OR r.consumer IN (SELECT u.arrangement FROM pgtrickle.uses u WHERE u.view = t.id))), "
		                 "(SELECT string_agg(k.relid::text, ' ') FROM pgtrickle.reads r JOIN pgtrickle.copy k ON k.relid = r.source WHERE r.consumer = t.id AND k.is_foreign), " +
		                 timers + scheduled);
	});
	std::vector<View> found;
	for (const auto &row : rows) {
		View view;
		view.id = std::stoi(*row[0]);
		view.relid = std::uint32_t(std::stoul(*row[1]));
		view.calculated = row[2] == "t";
		view.sources = read_oids(row[3]);
		view.compares = read_oids(row[4]);
		view.timers = read_timers(row, 5);
		auto known = std::find_if(views.begin(), views.end(), [&](const View &old) { return old.id == view.id; });
		if (known != views.end()) {
			view.pending = known->pending;
			view.not_before = known->not_before;
		}
		found.push_back(std::move(view));
	}
	views = std::move(found);
}

void update_timers(std::vector<View> &views)
{
	pg::Rows rows = pg::with_spi([] { return pg::query("SELECT t.id, " + timers + scheduled); });
	for (const auto &row : rows)
		for (View &view : views)
			if (view.id == std::stoi(*row[0]))
				view.timers = read_timers(row, 1);
}

void record_failure(int id, const Trouble &trouble)
{
	transact("recording the error of a stream table", [&] {
		with_snapshot([&] { pg::with_spi([&] {
			pg::query("INSERT INTO pgtrickle.health (id, consecutive_errors, last_error, last_sqlstate, last_error_at, retry_at)"
			          " VALUES ($1::int, 1, $2, $3, now(), now() + interval '1 s')"
			          " ON CONFLICT (id) DO UPDATE SET consecutive_errors = health.consecutive_errors + 1, last_error = $2,"
			          " last_sqlstate = $3, last_error_at = now(),"
			          " retry_at = now() + least(300, 2 ^ least(health.consecutive_errors, 9)) * interval '1 s'",
			          {std::to_string(id), trouble.message, trouble.sqlstate});
			pg::query("UPDATE pgtrickle.stream_table SET status = 'ERROR' WHERE id = $1::int AND status = 'ACTIVE'",
			          {std::to_string(id)});
		}); });
	});
}

class Scheduler {
public:
	[[noreturn]] void run();

private:
	Oid extension();
	void look_for_extension();
	bool hear();
	void read();
	void restore();
	bool tick();
	std::optional<Trouble> tick(const std::vector<int> &ids);
	void tick_alone(int id);
	void upkeep();
	Micros rest_until();

	Oid extension_ = InvalidOid;
	std::vector<View> views_;
	Supervisor supervisor_;
	bool stale_ = true;          // the views must be read again
	Micros look_at_ = 0;         // ... in any case
	Micros read_at_ = 0;         // ... but not before
	int troubles_ = 0;           // in a row, with that
	Micros brought_at_ = never;  // a dump has brought stream tables that are not followed yet
	Micros ready_at_ = 0;        // the rest after the last tick is over
	Micros upkeep_at_ = 0;
	bool active_ = true;         // something has happened since the last upkeep
};

Oid Scheduler::extension()
{
	Oid found = InvalidOid;
	transact("looking for the extension", [&] { found = pg::call(get_extension_oid, "pg_trickle", true); });
	return found;
}

// Ends the process when the extension is gone, or is another one than when we came: what is
// cached of it here is not true any more.
void Scheduler::look_for_extension()
{
	Oid found = extension();
	while (!OidIsValid(found) && !note_absence())
		found = extension();
	if (!OidIsValid(found))
		proc_exit(0);
	if (extension_ != InvalidOid && extension_ != found) {
		ask_for_another();
		proc_exit(0);
	}
	extension_ = found;
}

// What has happened while we slept; whether something has changed.
bool Scheduler::hear()
{
	News news = take_news();
	if (news.flags & flag_leave)
		proc_exit(0);
	// A consumer that is not ours may have caught up since the last change.
	bool heartbeat_due = now() >= look_at_;
	active_ |= heartbeat_due || (news.flags & flag_changed);
	stale_ |= heartbeat_due || (news.flags & flag_recheck);
	// Somebody waits.
	if (news.flags & flag_tick_all)
		ready_at_ = 0;
	if (stale_ && now() >= read_at_)
		read();
	if (brought_at_ != never && now() >= brought_at_ + heartbeat)
		restore();
	note(views_, news.changes);
	return news.flags & flag_changed;
}

void Scheduler::read()
{
	look_for_extension();
	auto trouble = transact("reading the schedules", [&] {
		with_snapshot([&] {
			if (!pg::with_spi(view::any_to_restore))
				brought_at_ = never;
			else if (brought_at_ == never)
				brought_at_ = now();
			read_views(views_);
			supervisor_.read();
		});
	});
	stale_ = trouble.has_value();
	troubles_ = trouble ? troubles_ + 1 : 0;
	read_at_ = trouble ? now() + backoff(troubles_) : 0;
	look_at_ = now() + heartbeat;
}

// What is still being restored is left in peace.
void Scheduler::restore()
{
	brought_at_ = never;
	transact("restoring stream tables", [] { with_snapshot([] { pg::with_spi(view::restore); }); });
	stale_ = true;
}

std::optional<Trouble> Scheduler::tick(const std::vector<int> &ids)
{
	Micros begun = now();
	std::vector<int> ticked;
	auto trouble = transact("refreshing stream tables", [&] {
		for (const apply::Ticked &done : apply::tick(ids))
			ticked.push_back(done.id);
		with_snapshot([&] { update_timers(views_); });
	});
	if (!trouble) {
		settle(views_, ticked, begun);
		postpone(views_, ids, ticked, now() + patience_with_locks);
	}
	pg::call(ConditionVariableBroadcast, &slot->ticked);
	return trouble;
}

void Scheduler::tick_alone(int id)
{
	auto trouble = tick(std::vector<int>{id});
	if (!trouble)
		return;
	// Somebody has it locked, to drop it perhaps: no fault of the view's.
	if (trouble->sqlstate != lock_not_available)
		record_failure(id, *trouble);
	postpone(views_, {id}, {}, now() + second);
	stale_ = true;
}

// False: nothing was due.
bool Scheduler::tick()
{
	Micros begun = now();
	std::vector<int> ids = due(views_, begun);
	if (ids.empty())
		return false;
	if (ids.size() == 1)
		tick_alone(ids[0]);
	else if (tick(ids))
		for (int id : ids)
			tick_alone(id);
	active_ = true;
	Micros ended = now();
	ready_at_ = ended + rest_after(ended - begun);
	return true;
}

// Now and then, while there is something going on: logs, history.
void Scheduler::upkeep()
{
	transact("draining the change logs", [] { with_snapshot(capture::drain); });
	if (settings::history_rows > 0)
		transact("trimming the history", [] {
			with_snapshot([] { pg::with_spi([] {
				pg::query("WITH kept AS MATERIALIZED (SELECT t.id, (SELECT h.refresh_id FROM pgtrickle.refresh_history h"
				          " WHERE h.id = t.id ORDER BY h.refresh_id DESC OFFSET $1::int LIMIT 1) AS last FROM pgtrickle.stream_table t)"
				          " DELETE FROM pgtrickle.refresh_history h USING kept WHERE h.id = kept.id AND h.refresh_id <= kept.last",
				          {std::to_string(settings::history_rows)});
			}); });
		});
	transact("trimming what refreshes took", [] {
		with_snapshot([] { pg::with_spi([] {
			pg::query("DELETE FROM pgtrickle.cost c WHERE c.serial <= (SELECT d.serial FROM pgtrickle.cost d WHERE d.id = c.id AND d.mode = c.mode "
			          "ORDER BY d.serial DESC OFFSET 32 LIMIT 1)");
		}); });
	});
	active_ = false;
	upkeep_at_ = now() + upkeep_every;
	pg::call(pgstat_report_stat, true);
}

Micros Scheduler::rest_until()
{
	Micros at = now(), until = at + heartbeat;
	if (stale_)
		until = std::min(until, read_at_);
	if (settings::enabled) {
		until = std::min(until, ready_at_ > at ? ready_at_ : next_due(views_, at));
		until = std::min(until, supervisor_.next(at));
		if (active_)
			until = std::min(until, upkeep_at_);
	}
	return std::max<Micros>(0, until - at);
}

void Scheduler::run()
{
	for (;;) {
		bool changed = hear();
		if (settings::enabled) {
			supervisor_.tend(now());
			if (now() >= ready_at_ && !tick() && changed)
				ready_at_ = now() + rest_after_nothing;
			if (active_ && now() >= upkeep_at_)
				upkeep();
		} else {
			supervisor_.stop();
		}
		// While it rests, writers are spared the wake-up.
		if (be_attentive(settings::enabled && now() >= ready_at_))
			pg::call(pg::worker_sleep, long((rest_until() + 999) / 1000), "PgTrickleScheduler");
		be_attentive(false);
	}
}

void connect(Datum database)
{
	BackgroundWorkerInitializeConnectionByOid(DatumGetObjectId(database), InvalidOid, 0);
	if (!enter_slot())
		proc_exit(0);
	// What a crash of the server loses of a tick, the next one does again.
	SetConfigOption("synchronous_commit", "off", PGC_USERSET, PGC_S_OVERRIDE);
	SetConfigOption("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_OVERRIDE);
	SetConfigOption("statement_timeout", "0", PGC_USERSET, PGC_S_OVERRIDE);
	SetConfigOption("idle_in_transaction_session_timeout", "0", PGC_USERSET, PGC_S_OVERRIDE);
	SetConfigOption("lock_timeout", lock_timeout, PGC_USERSET, PGC_S_OVERRIDE);
	SetConfigOption("transaction_timeout", "0", PGC_USERSET, PGC_S_OVERRIDE);
	SetConfigOption("default_transaction_isolation", "read committed", PGC_USERSET, PGC_S_OVERRIDE);
	SetConfigOption("default_transaction_read_only", "off", PGC_USERSET, PGC_S_OVERRIDE);
	pgstat_report_appname("pg_trickle scheduler");
}

void run(Datum database)
{
	pg::call(connect, database);
	(*new Scheduler).run();   // the process may end in the middle of anything
}

}  // namespace

}  // namespace schedule

void pg_trickle_scheduler(Datum database)
{
	pg::begin_worker();
	pg::entry(schedule::run, database);
}
