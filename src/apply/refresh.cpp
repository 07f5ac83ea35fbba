#include "refresh.h"

#include "apply/choice.h"
#include "apply/frame.h"
#include "apply/target.h"
#include "pg/spi.hpp"
#include "pg/sql.hpp"
#include "view/define.h"

extern "C" {
#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "miscadmin.h"
#include "utils/guc.h"
}

#include <algorithm>
#include <chrono>
#include <cmath>

namespace apply {

namespace {

int depth_of_apply = 0;

void set_option(const char *name, const char *value)
{
	(void)set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

void check_for_interrupts()
{
	CHECK_FOR_INTERRUPTS();
}

class Refresh {
public:
	Refresh(view::View &view, const Frontier &from, Snapshot snapshot, const Decision &decision, double spent, const Locker *locker)
	    : view_(view), from_(from), decision_(decision), spent_(spent), frame_(view.program.ephemerals, snapshot, pg::Opened::as_extension), locker_(locker), choice_(view, outcome_, decision.planned)
	{
		outcome_.held = rows_held(view.sources);
		outcome_.chooses = view.chooses;
	}

	Outcome run()
	{
		int settings = begin_settings(view_);
		if (!from_.populated)
			rebuild(view_.remade.empty() ? "INITIAL" : "REBUILD", view_.remade);
		else if (decision_.way == Decision::Way::recompute)
			recompute_waiting();
		else if (from_.lapsed)
			resume();
		else if (truncated())
			rebuild("REBUILD", "a source was truncated or rewritten");
		else if (view_.mode == "FULL")
			recompute();
		else if (auto reason = anew())
			start_anew(*reason);
		else if (auto later = differential())
			start_anew(*later);
		find_next_flip();
		outcome_.bulk = frame_.went_bulk();
		outcome_.own_milliseconds = milliseconds();
		frame_.close();
		end_settings(settings);
		return outcome_;
	}

private:
	// Reads what the sources changed; true if one says that all may have changed.
	bool truncated()
	{
		pg::Identity superuser(BOOTSTRAP_SUPERUSERID);
		BatchParameters parameters = batch_parameters(from_);
		bool mark = false;
		for (auto &batch : view_.batches) {
			Changes changes = frame_.read_batch(batch.prepared, batch.consolidate, parameters.values, parameters.nulls);
			mark = mark || changes == Changes::everything;
			outcome_.rows_in += frame_.rows(batch.name);
		}
		outcome_.widest = outcome_.rows_in;
		return mark;
	}

	// Not while others are at work on the stream table.
	std::optional<std::string> anew() { return locker_ != nullptr ? std::nullopt : choice_.anew(milliseconds()); }

	double milliseconds() const { return spent_ + milliseconds_since(started_); }

	void run_step(size_t i, const std::vector<Datum> &last)
	{
		if (view_.steps[i].step.excludes != delta::Excludes::nobody)
			lock(view_.steps[i], last);
		else if (due(view_.steps[i].step))
			outcome_.widest = std::max<int64>(outcome_.widest, frame_.run(view_.steps[i].prepared, last));
	}

	bool time_moved() const { return GetCurrentTransactionStartTimestamp() != from_.ticked_at; }

	bool due(const delta::Step &step) const
	{
		auto has_rows = [&](const std::string &name) { return frame_.rows(name) > 0; };
		if (step.when_time_moves)
			return time_moved();
		return std::all_of(step.all.begin(), step.all.end(), has_rows) &&
		       (step.any.empty() || std::any_of(step.any.begin(), step.any.end(), has_rows)) &&
		       std::none_of(step.none.begin(), step.none.end(), has_rows);
	}

	// Nothing, or why it was given up for making everything anew.
	std::optional<std::string> differential()
	{
		outcome_.mode = "DIFFERENTIAL";
		bool temporal = !view_.program.next_times.empty();
		if (outcome_.rows_in == 0 && !(temporal && time_moved())) {
			outcome_.mode = "NO_DATA";
			return {};
		}
		pg::Identity owner(view_.owner, true);
		std::vector<Datum> last{TimestampTzGetDatum(from_.ticked_at)};
		for (size_t i = 0; i < view_.steps.size(); i++) {
			if (int number = view_.steps[i].step.loop; number >= 0) {
				if (auto reason = pursue(view_.program.loops[number], i, last))
					return reason;
			} else
				run_step(i, last);
			if (auto reason = anew())
				return reason;
		}
		bool any = std::any_of(view_.program.result_reads.begin(), view_.program.result_reads.end(),
		                       [&](const std::string &name) { return frame_.rows(name) > 0; });
		if (any) {
			frame_.run(view_.change, last);
			write();
		}
		if (outcome_.rows_in == 0 && outcome_.rows_out == 0)
			outcome_.mode = "NO_DATA";
		outcome_.reason = choice_.said();
		return {};
	}

	// Runs a loop, from its first step to its last.
	std::optional<std::string> pursue(const delta::Loop &loop, size_t &i, const std::vector<Datum> &last)
	{
		const size_t first = i;
		size_t end = first;
		while (end < view_.steps.size() && view_.steps[end].step.loop == view_.steps[first].step.loop)
			end++;
		for (int64 depth = -1;;) {
			bool goes_on = frame_.rows(loop.before) > 0;
			auto next = frame_.take(loop.pending, goes_on ? std::optional(depth + 1) : std::nullopt, depth, loop.taken);
			if (!next)
				break;
			depth = *next;
			for (const std::string &name : loop.emptied)
				frame_.empty(name);
			for (size_t each = first; each < end; each++)
				run_step(each, last);
			frame_.empty(loop.before);
			frame_.swap(loop.before, loop.now);
			frame_.append(loop.before, loop.total);
			pg::call(check_for_interrupts);
			if (auto reason = choice_.no_end_in_sight(milliseconds()))
				return reason;
		}
		i = end - 1;
		return {};
	}

	void lock(view::Work &work, const std::vector<Datum> &last)
	{
		if (locker_ == nullptr || !due(work.step))
			return;
		frame_.run(work.prepared, last);
		std::vector<int64> hashes = frame_.take(work.step.statement.into);
		if (!hashes.empty())
			frame_.see((*locker_)(work.step.slot, work.step.excludes, hashes));
	}

	// Of equal rows without a key each transaction deletes its own.
	void lock_rows_that_go()
	{
		if (locker_ == nullptr || view_.rows_that_go.statement.sql.empty())
			return;
		frame_.run(view_.rows_that_go, {});
		std::vector<int64> hashes = frame_.take(view_.rows_that_go.statement.into);
		if (!hashes.empty())
			frame_.see((*locker_)(0, delta::Excludes::everybody, hashes));
	}

	// What was decided when nothing but the number of changes was known.
	void recompute_waiting()
	{
		outcome_.rows_in = std::max<int64>(decision_.rows, 0);
		outcome_.lapsed = true;
		if (decision_.rows == 0)
			outcome_.mode = "NO_DATA";
		else
			recompute_without_state(decision_.reason);
	}

	void resume()
	{
		outcome_.rows_in = decision_.rows;
		rebuild("REBUILD", decision_.way == Decision::Way::resume ? decision_.reason : "its state was not kept up, and from here on is");
	}

	// What deltas were given up for.
	void start_anew(const std::string &reason)
	{
		if (!view_.may_lapse)
			return rebuild("REBUILD", reason);
		started_ = Clock::now();
		spent_ = 0;
		recompute_without_state(reason);
	}

	void recompute_without_state(const std::string &reason)
	{
		outcome_.mode = "FULL";
		outcome_.reason = reason;
		outcome_.lapsed = true;
		pg::Identity owner(view_.owner, true);
		frame_.run(view_.query, {});
		write();
	}

	// Recompute and diff: what is downstream still gets the least change.
	void recompute()
	{
		outcome_.mode = "FULL";
		if (outcome_.rows_in == 0 && !view_.always) {
			outcome_.mode = "NO_DATA";
			return;
		}
		pg::Identity owner(view_.owner, true);
		frame_.run(view_.recompute, {});
		write();
	}

	void write() { write(view_.apply); }

	void write(std::vector<Prepared> &statements)
	{
		outcome_.rows_out = frame_.rows("z_out");
		if (outcome_.rows_out == 0)
			return;
		lock_rows_that_go();
		Applying guard;
		for (Prepared &statement : statements)
			frame_.run(statement, {});
	}

	void rebuild(const std::string &mode, const std::string &reason)
	{
		outcome_.lapsed = false;
		outcome_.mode = mode;
		outcome_.reason = reason;
		bool empty = mode == "INITIAL" &&
		             !pg::value("SELECT 1 FROM " + view_.name + " LIMIT 1").has_value();
		bool keyed = view::has_target_index(view_.id);
		double reading = 0;    // the result, where that is no fill: milliseconds
		analyze_sources();
		outcome_.held = rows_held(view_.sources);
		fill_states();
		{
			pg::Identity owner(view_.owner, true);
			if (empty)
				load();
			else {
				const auto start = Clock::now();
				frame_.run(view_.recompute, {});
				reading = milliseconds_since(start);
				std::vector<Prepared> as_bag = apply_as_bag(view_);
				write(keyed ? view_.apply : as_bag);
			}
		}
		if (!keyed)
			view::make_target_index(view_);
		view_.remade.clear();
		{
			pg::Identity superuser(BOOTSTRAP_SUPERUSERID);
			analyze(view_.name, Columns::all);
		}
		if (view_.may_lapse && view_.program.loops.empty())    // of rounds no plan knows how many there are
			find_recomputing(reading);
	}

	// As much of what the statements of a fill took as the query, with its difference to what is there, costs of them by plan.
	void find_recomputing(double reading)
	{
		pg::Identity owner(view_.owner, true);
		Frame::Cost fill = frame_.filled();
		fill.milliseconds += reading;
		if (reading > 0)
			fill.planned += planned_cost(view_.recompute, pg::Opened::as_extension);
		outcome_.recomputing = fill.milliseconds * std::min(1.0, planned_cost(view_.query, pg::Opened::as_extension) / std::max(fill.planned, 1.0));
	}

	// A table that was just filled has no statistics yet, and is planned for blindly.
	void analyze_sources()
	{
		pg::Identity superuser(BOOTSTRAP_SUPERUSERID);
		for (Oid source : view_.sources)
			if (pg::value("SELECT 1 FROM pg_catalog.pg_partition_tree($1::oid) WHERE NOT EXISTS "
			              "(SELECT FROM pg_catalog.pg_statistic WHERE starelid = $1::oid) HAVING sum(pg_catalog.pg_relation_size(relid)) > 0",
			              {std::to_string(source)}))
				pg::execute("ANALYZE (SKIP_LOCKED) " + pg::relation_name(source));
	}

	void fill_states()
	{
		bool first = !pg::value("SELECT 1 FROM pgtrickle.state WHERE owner = $1::int AND filled LIMIT 1",
		                        {std::to_string(view_.id)});
		for (const auto &state : view_.program.states) {
			pg::Identity superuser(BOOTSTRAP_SUPERUSERID);
			if (!first) {    // an index is sorted in less time than it is descended row by row
				for (const auto &row : pg::query("SELECT indexrelid::regclass FROM pg_catalog.pg_index WHERE indrelid = $1::regclass", {state.table}))
					pg::execute("DROP INDEX " + *row[0]);
				pg::execute("TRUNCATE " + state.table);
			}
			{
				pg::Identity owner(view_.owner, true);
				frame_.fill(state.table, state.filled, state.fill, state.recurses ? Rows::many : Rows::all);
			}
			for (const auto &sql : state.index)
				pg::execute(sql);
			analyze(state.table, Columns::indexed);
			pg::Identity owner(view_.owner, true);
			for (const auto &sql : state.finish)    // before an operator above is filled from it
				frame_.run_once(sql, Rows::all);
		}
		pg::Identity superuser(BOOTSTRAP_SUPERUSERID);
		if (first)
			pg::query("UPDATE pgtrickle.state SET filled = true WHERE owner = $1::int", {std::to_string(view_.id)});
	}

	void load()
	{
		Applying guard;
		std::string rows = view_.tree == nullptr ? "SELECT * FROM " + pg::relation_name(view_.definition)
		                                         : "SELECT " + delta::columns_of("x", view_.columns.size()) + " FROM (" + view_.program.current + ") x" +
		                                               (view_.key ? "" : ", generate_series(1, x.w)");
		std::vector<std::string> columns;
		for (const auto &column : view_.columns)
			columns.push_back(column.name);
		outcome_.rows_out = frame_.fill(view_.name, columns, rows, view_.tree == nullptr ? Rows::many : Rows::all);
	}

	void find_next_flip()
	{
		pg::Identity owner(view_.owner, true);
		for (const auto &sql : view_.program.next_times) {
			pg::Text moment = pg::value_trusted("SELECT extract(epoch FROM (" + sql + "))::float8");
			if (moment)
				outcome_.next_flip = std::min(std::stod(*moment), outcome_.next_flip.value_or(HUGE_VAL));
		}
	}

	view::View &view_;
	const Frontier &from_;
	const Decision &decision_;
	double spent_;
	Frame frame_;
	const Locker *locker_;
	Outcome outcome_;
	Choice choice_;
	Clock::time_point started_ = Clock::now();
};

}  // namespace

int begin_settings(const view::View &view)
{
	return begin_settings(view.settings);
}

int begin_settings(const std::vector<view::Setting> &settings)
{
	int level = pg::call(NewGUCNestLevel);
	auto set = [](const char *name, const std::string &value) {
		const char *now = pg::call(GetConfigOption, name, false, false);
		if (now == nullptr || value != now)
			pg::call(set_option, name, value.c_str());
	};
	for (const auto &setting : settings)
		set(setting.name.c_str(), setting.value);
	set("search_path", "pg_catalog, pg_temp");
	set("row_security", "on");
	return level;
}

void end_settings(int level)
{
	pg::call(AtEOXact_GUC, true, level);
}

Outcome refresh(view::View &view, const Frontier &from, Snapshot snapshot, const Decision &decision, double spent, const Locker *locker)
{
	return pg::with_spi([&] { return Refresh(view, from, snapshot, decision, spent, locker).run(); });
}

Applying::Applying()
{
	depth_of_apply++;
}

Applying::~Applying()
{
	depth_of_apply--;
}

bool applying()
{
	return depth_of_apply > 0;
}

}  // namespace apply
