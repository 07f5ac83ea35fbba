#include "choice.h"

#include "apply/refresh.h"
#include "pg/spi.hpp"
#include "pg/sql.hpp"

extern "C" {
#include "catalog/pg_authid.h"
}

#include <algorithm>
#include <cmath>

namespace apply {

namespace {

constexpr int64 few = most_small_rows, many = 10000;
constexpr size_t enough = 2;             // refreshes, before they are believed
constexpr double similar = 4;            // times as many rows, or one part in it
constexpr double margin = 1.1, least = 5;    // what is not cheaper by this is not worth starting anew

double median(std::vector<double> values)
{
	std::sort(values.begin(), values.end());
	return values[(values.size() - 1) / 2];
}

std::string rounded(double milliseconds)
{
	return std::to_string(std::lround(milliseconds)) + " ms";
}

}  // namespace

void Choice::load()
{
	if (loaded_)
		return;
	loaded_ = true;
	pg::Identity superuser(BOOTSTRAP_SUPERUSERID);
	// An old time of deltas is forgotten, so that what was slow once gets another try.
	for (const auto &row : pg::query("SELECT c.* FROM (VALUES ('DIFFERENTIAL'), ('REBUILD'), ('INITIAL')) k(mode) CROSS JOIN LATERAL "
	                                 "(SELECT mode, rows_in, widest, milliseconds FROM pgtrickle.cost WHERE id = $1::int AND mode = k.mode "
	                                 "AND (mode <> 'DIFFERENTIAL' OR at > now() - interval '1 day') ORDER BY serial DESC LIMIT 8) c",
	                                 {std::to_string(view_.id)}))
		costs_.push_back({*row[0], std::stod(*row[1]), std::stod(*row[2]), std::stod(*row[3])});
}

std::optional<double> Choice::by_deltas(double rows, double Cost::*of) const
{
	std::vector<double> each;
	for (const Cost &cost : costs_)
		if (cost.kind == "DIFFERENTIAL" && cost.*of > 0 && cost.*of <= rows * similar && cost.*of >= rows / similar)
			each.push_back(cost.milliseconds / (cost.*of));
	if (each.size() < enough)
		return {};
	return median(each) * rows;
}

std::optional<double> Choice::from_sources() const
{
	for (const char *kind : {"REBUILD", "INITIAL"}) {
		std::vector<double> all;
		for (const Cost &cost : costs_)
			if (cost.kind == kind)
				all.push_back(cost.milliseconds * (cost.widest > 0 && so_far_.held > 0 ? std::clamp(so_far_.held / cost.widest, 0.1, 10.0) : 1));
		if (!all.empty())
			return median(all);
	}
	return {};
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
	if (widest <= few || widest < 2 * weighed_at_)
		return {};
	weighed_at_ = widest;
	load();
	std::optional<double> known = by_deltas(widest, &Cost::widest), again = from_sources();
	if (auto of_batch = by_deltas(rows_in, &Cost::rows_in); of_batch && rows_in > few)
		known = std::max(known.value_or(0), *of_batch);
	if (!known || !again)
		return mostly();
	said_ = std::to_string(widest) + " rows by deltas: about " + rounded(*known) + ", recomputing: about " + rounded(*again);
	if (*known - milliseconds <= *again * margin + least)
		return {};
	return said_;
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

void remember_cost(int view, const Outcome &outcome)
{
	bool whole = outcome.mode == "INITIAL" || outcome.mode == "REBUILD";
	if (!whole && (outcome.mode != "DIFFERENTIAL" || outcome.widest <= few || !outcome.chooses))
		return;
	pg::query("INSERT INTO pgtrickle.cost (id, mode, rows_in, widest, milliseconds) VALUES ($1::int, $2, $3::int8, $4::int8, $5::float8)",
	          {std::to_string(view), outcome.mode, std::to_string(outcome.rows_in), std::to_string(whole ? std::llround(outcome.held) : outcome.widest),
	           std::to_string(outcome.own_milliseconds)});
}

}  // namespace apply
