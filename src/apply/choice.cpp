#include "choice.h"

#include "apply/refresh.h"
#include "capture/capture.h"
#include "capture/route.h"
#include "pg/spi.hpp"
#include "pg/sql.hpp"
#include "settings.h"

extern "C" {
#include "access/table.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "optimizer/optimizer.h"
#include "storage/bufmgr.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
}

#include <algorithm>
#include <cmath>

namespace apply {

namespace {

constexpr int64 many = 10000;
constexpr size_t enough = 2;             // refreshes, before they are believed
constexpr double similar = 4;            // times as many rows, or one part in it
constexpr double margin = 1.1, least = 5;    // what is not cheaper by this is not worth starting anew
constexpr double clearly = 1.5;          // times as long, and state is worth filling for it
constexpr double thought_of_tried = 2;   // times as long as it was tried for, recomputing is thought to take
constexpr double part_of_fill = 1.0 / 3;    // that recomputing is thought to be, where no plans were asked
constexpr double comparisons = 150;      // that the planner charges for finding a row by an index of three levels
constexpr int64 least_row_bytes = 48;    // of a log

double median(std::vector<double> values)
{
	std::sort(values.begin(), values.end());
	return values[(values.size() - 1) / 2];
}

std::string rounded(double milliseconds)
{
	return std::to_string(std::lround(milliseconds)) + " ms";
}

int64 bytes_logged(const Oid *sources, int count)
{
	int64 bytes = 0;
	for (int i = 0; i < count; i++)
		for (int segment = 0; segment < 2; segment++) {
			Oid relid = capture::segment_of(sources[i], segment);
			Relation log = OidIsValid(relid) ? try_table_open(relid, AccessShareLock) : nullptr;
			if (log == nullptr)
				continue;
			bytes += int64(RelationGetNumberOfBlocks(log)) * BLCKSZ;
			table_close(log, AccessShareLock);
		}
	return bytes;
}

int64 count_waiting(view::View &view, const Frontier &from, Snapshot snapshot)
{
	Frame frame(view.program.ephemerals, snapshot);
	BatchParameters parameters = batch_parameters(from);
	frame.run(view.waiting, parameters.values, parameters.nulls);
	int64 waiting = frame.take(view.waiting.statement.into)[0];
	frame.close();
	return waiting;
}

}  // namespace

void Choice::load()
{
	if (loaded_)
		return;
	loaded_ = true;
	pg::Identity superuser(BOOTSTRAP_SUPERUSERID);
	// An old time of deltas is forgotten, so that what was slow once gets another try.
	for (const auto &row : pg::query("SELECT c.* FROM (VALUES ('DIFFERENTIAL', 8), ('FULL', 32), ('REBUILD', 8), ('INITIAL', 8), ('TRIED', 1)) k(mode, last) CROSS JOIN LATERAL "
	                                 "(SELECT mode, rows_in, widest, milliseconds, serial, recomputing FROM pgtrickle.cost WHERE id = $1::int AND mode = k.mode "
	                                 "AND (mode NOT IN ('DIFFERENTIAL', 'TRIED') OR at > now() - interval '1 day') ORDER BY serial DESC LIMIT k.last) c",
	                                 {std::to_string(view_.id)})) {
		double milliseconds = std::stod(*row[3]);
		double recomputing = row[5] ? std::stod(*row[5]) : milliseconds * (*row[0] == "FULL" ? 1 : part_of_fill);
		costs_.push_back({*row[0], std::stod(*row[1]), std::stod(*row[2]), milliseconds, std::stoll(*row[4]), recomputing});
	}
}

std::optional<double> Choice::by_deltas(double rows, double Cost::*of) const
{
	std::vector<const Cost *> all;
	for (const Cost &cost : costs_)
		if (cost.kind == "DIFFERENTIAL" && cost.*of > 0)
			all.push_back(&cost);
	if (all.size() < enough)
		return {};
	auto distance = [&](const Cost *cost) { return std::abs(std::log(cost->*of / std::max(rows, 1.0))); };
	std::stable_sort(all.begin(), all.end(), [&](const Cost *a, const Cost *b) { return distance(a) < distance(b); });
	std::vector<double> each;
	for (const Cost *cost : all)
		if (each.size() < enough || distance(cost) <= std::log(similar))
			each.push_back(cost->milliseconds / (cost->*of));
	return median(each) * rows;
}

// A look-up for each row, against the plan of the query.
double Choice::as_planned(double rows, double again)
{
	if (planned_ == 0) {
		int settings = begin_settings(view_);
		pg::Identity owner(view_.owner, true);
		planned_ = std::max(planned_cost(view_.query, pg::Opened::as_extension), 1.0);
		end_settings(settings);
	}
	return again * rows * comparisons * cpu_operator_cost / planned_;
}

// By the refresh whose size is nearest; without any, by plan; few rows, as if most of the sources would take as long as recomputing.
double Choice::guessed(double rows, double again)
{
	if (auto known = by_deltas(rows, &Cost::rows_in))
		return *known;
	const Cost *nearest = nullptr;
	auto distance = [&](const Cost &cost) { return std::abs(std::log(cost.rows_in / std::max(rows, 1.0))); };
	for (const Cost &cost : costs_)
		if (cost.kind == "DIFFERENTIAL" && cost.rows_in > 0 && (nearest == nullptr || distance(cost) < distance(*nearest)))
			nearest = &cost;
	if (nearest != nullptr)
		return nearest->milliseconds / nearest->rows_in * rows;
	if (rows > settings::weighed_rows)
		return as_planned(rows, again);
	return again * std::min(1.0, 2 * rows / std::max(so_far_.held, 1.0));
}

std::optional<double> Choice::made(const std::vector<const char *> &kinds, double Cost::*of) const
{
	for (const char *kind : kinds) {
		std::vector<double> all;
		for (const Cost &cost : costs_)
			if (cost.kind == kind && all.size() < 8)
				all.push_back(cost.*of * (cost.widest > 0 && so_far_.held > 0 ? std::clamp(so_far_.held / cost.widest, 0.1, 10.0) : 1));
		if (!all.empty())
			return median(all);
	}
	return {};
}

std::optional<double> Choice::filled(double Cost::*of) const
{
	return made({"REBUILD", "INITIAL"}, of);
}

std::optional<double> Choice::from_sources() const
{
	if (!view_.may_lapse)
		return filled(&Cost::milliseconds);
	if (auto known = made({"FULL"}, &Cost::recomputing))
		return known;
	auto estimated = filled(&Cost::recomputing), longer = tried();
	return estimated && longer ? std::max(*estimated, *longer * thought_of_tried) : estimated;
}

std::optional<double> Choice::tried() const
{
	return made({"TRIED"}, &Cost::milliseconds);
}

std::string Choice::compared(double rows, double deltas, double again) const
{
	auto longer = made({"FULL"}, &Cost::milliseconds) ? std::nullopt : tried();
	return std::to_string(std::llround(rows)) + " rows by deltas: about " + rounded(deltas) + (planned_ > 0 ? ", by the query's plan" : "") + ", recomputing: " +
	       (longer && *longer * thought_of_tried >= again ? "more than " + rounded(*longer) : "about " + rounded(again));
}

std::optional<std::string> Choice::anew(double milliseconds)
{
	const int64 rows_in = so_far_.rows_in, widest = so_far_.widest;
	// Not weighed, or nothing to weigh with: by deltas until most of the sources has changed.
	auto mostly = [&]() -> std::optional<std::string> {
		if (rows_in <= many || 2.0 * rows_in <= so_far_.held || widest > rows_in)
			return {};
		return "the batch is more than half of what the sources hold: recomputing is cheaper";
	};
	if (!view_.chooses)
		return mostly();
	if (widest <= settings::weighed_rows || widest < 2 * weighed_at_)
		return {};
	weighed_at_ = widest;
	load();
	std::optional<double> known = by_deltas(widest, &Cost::widest), again = from_sources();
	if (auto of_batch = by_deltas(rows_in, &Cost::rows_in); of_batch && rows_in > settings::weighed_rows)
		known = std::max(known.value_or(0), *of_batch);
	const bool measured = known.has_value();
	if (!known && again && view_.may_lapse)
		known = as_planned(widest, *again);
	if (!known || !again)
		return mostly();
	said_ = compared(widest, *known, *again);
	const bool to_try = measured && milliseconds == 0 && is_worth_a_try(*again, *known);
	most_ = to_try ? *known : 0;
	if (!to_try && *known - milliseconds <= *again * margin + least)
		return {};
	return to_try ? said_ + ", which was never measured" : said_;
}

// Whether recomputing has only been estimated, and deltas hardly beat that.
bool Choice::is_worth_a_try(double again, double deltas) const
{
	return view_.may_lapse && !made({"FULL"}, &Cost::milliseconds) && deltas > least && deltas * margin > again;
}

std::optional<std::string> Choice::no_end_in_sight(double milliseconds)
{
	if (!view_.chooses || milliseconds < 20 * least)
		return {};
	load();
	std::optional<double> again = from_sources();
	if (!again || milliseconds <= *again)
		return {};
	return "the recursion by deltas has taken " + rounded(milliseconds) + " and goes on, recomputing: about " + rounded(*again);
}

Decision Choice::lapsed()
{
	load();
	const double rows = so_far_.rows_in, again = from_sources().value_or(0);
	int64 since = 0;
	for (const Cost &cost : costs_)
		if (cost.kind == "REBUILD" || cost.kind == "INITIAL")
			since = std::max(since, cost.serial);
	auto lost_by = [&](double read, double took) {
		double deltas = guessed(read, again);
		return deltas * clearly < took ? took - deltas : 0;
	};
	double lost = lost_by(rows, again);
	for (const Cost &cost : costs_)
		if (cost.kind == "FULL" && cost.serial > since)
			lost += lost_by(cost.rows_in, cost.milliseconds);
	const double fill = std::max(filled(&Cost::milliseconds).value_or(0) - again, again);
	said_ = compared(rows, guessed(rows, again), again);
	if (lost <= fill)
		return {Decision::Way::recompute, said_ + ", without the state that deltas need", so_far_.rows_in};
	return {Decision::Way::resume, said_ + ": state is filled again, for about " + rounded(fill), so_far_.rows_in};
}

Decision decide(view::View &view, const Frontier &from, Snapshot snapshot)
{
	const int64 most = from.lapsed ? 0 : pg::call(bytes_logged, static_cast<const Oid *>(view.sources.data()), int(view.sources.size())) / least_row_bytes;
	if (!from.lapsed && most <= settings::weighed_rows)
		return {};
	return pg::with_spi([&]() -> Decision {
		Outcome waiting;
		waiting.held = rows_held(view.sources);
		waiting.rows_in = waiting.widest = most;
		Choice choice(view, waiting);
		if (!from.lapsed && !choice.anew(0))
			return {Decision::Way::deltas, {}, 0, choice.planned()};
		waiting.rows_in = waiting.widest = count_waiting(view, from, snapshot);
		choice.counted();
		if (from.lapsed && waiting.rows_in < 0)
			return {Decision::Way::recompute, "a source was truncated or rewritten", -1};
		if (from.lapsed)
			return waiting.rows_in == 0 ? Decision{Decision::Way::recompute, {}, 0} : choice.lapsed();
		if (auto reason = choice.anew(0))
			return {Decision::Way::recompute, *reason, waiting.rows_in, choice.planned(), choice.most()};
		return {Decision::Way::deltas, {}, 0, choice.planned()};
	});
}

Prepared waiting_statement(const std::vector<Oid> &sources, std::map<std::string, delta::Ephemeral> &ephemerals)
{
	std::vector<std::string> batches;
	for (Oid source : sources)
		batches.push_back(capture::batch_sql(source, {}));
	ephemerals["z_waiting"] = {{delta::int8_column("n")}};
	delta::Statement statement;
	statement.sql = "SELECT CASE WHEN count(*) FILTER (WHERE b.w = 0) > 0 THEN -1 ELSE count(*) END AS n FROM (" + pg::join(batches, " UNION ALL ") + ") b";
	statement.into = "z_waiting";
	return {std::move(statement), {XID8OID, XID8ARRAYOID, XID8OID, INT4OID}};
}

void remember_try(int view, const Decision &decision, const std::vector<Oid> &sources)
{
	pg::query("INSERT INTO pgtrickle.cost (id, mode, rows_in, widest, milliseconds) VALUES ($1::int, 'TRIED', $2::int8, $3::int8, $4::float8)",
	          {std::to_string(view), std::to_string(decision.rows), std::to_string(std::llround(rows_held(sources))), std::to_string(decision.most)});
}

void remember_cost(int view, const Outcome &outcome)
{
	bool whole = outcome.mode == "INITIAL" || outcome.mode == "REBUILD" || (outcome.mode == "FULL" && outcome.lapsed);
	if (!whole && (outcome.mode != "DIFFERENTIAL" || outcome.widest <= settings::weighed_rows || !outcome.chooses))
		return;
	pg::query("INSERT INTO pgtrickle.cost (id, mode, rows_in, widest, milliseconds, recomputing) VALUES ($1::int, $2, $3::int8, $4::int8, $5::float8, nullif($6::float8, 0))",
	          {std::to_string(view), outcome.mode, std::to_string(outcome.rows_in), std::to_string(whole ? std::llround(outcome.held) : outcome.widest),
	           std::to_string(outcome.own_milliseconds), std::to_string(outcome.recomputing)});
}

}  // namespace apply
