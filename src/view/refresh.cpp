// refresh_stream_table and verify: a tick asked for by hand.
#include "apply/immediate.h"
#include "apply/tick.h"
#include "layout.h"
#include "name.h"
#include "pg/spi.hpp"
#include "pg/sql.hpp"
#include "view.h"

extern "C" {
#include "catalog/pg_authid.h"
#include "utils/snapmgr.h"
}

namespace view {

namespace {

// Its writers bring it along with the rows they change, which a role's rights and memberships are not: is that all that has changed?
bool kept_by_writers(int id)
{
	pg::Identity superuser(BOOTSTRAP_SUPERUSERID);
	if (apply::is_settled(id))
		ready(id);
	return apply::is_settled(id);
}

std::vector<int> with_inputs(int id)
{
	pg::Identity superuser(BOOTSTRAP_SUPERUSERID);
	return apply::with_inputs({id});
}

apply::Outcome refresh_by_hand(int id)
{
	require_owner(id);
	kept_by_writers(id);
	const std::vector<int> ids = with_inputs(id);
	apply::Outcome outcome;
	outcome.mode = "NO_DATA";    // IMMEDIATE: its writers have brought it along
	for (const auto &ticked : apply::tick(ids, apply::IfLocked::wait)) {
		if (ticked.outcome.error)
			throw *ticked.outcome.error;
		if (ticked.id == id)
			outcome = ticked.outcome;
	}
	return outcome;
}

// Rows that left has more often than right.  Compared by equality where the types have it, by text where not; what an
// aggregate makes of values in any order, by the characters of its text.
std::string surplus(const View &view, const std::string &left, const std::string &right)
{
	std::vector<std::string> names, columns;
	std::set<int> any_order = view.tree == nullptr ? std::set<int>() : query::columns_of_any_order(*view.tree);
	for (const auto &column : view.columns) {
		bool open = any_order.contains(names.size());
		names.push_back("c" + std::to_string(names.size() + 1));
		columns.push_back(open ? "(SELECT string_agg(z, '' ORDER BY z COLLATE \"C\") FROM regexp_split_to_table(" + names.back() + "::text, '') z)"
		                       : names.back() + (pg::has_equality(column.type) ? "" : "::text"));
	}
	std::string list = pg::join(columns, ", "), as = " x(" + pg::join(names, ", ") + ")";
	return "SELECT count(*) FROM (SELECT " + list + " FROM " + left + as + " EXCEPT ALL SELECT " + list + " FROM " + right + as + ") d";
}

struct Comparison {
	std::string missing, unexpected, at;
};

Comparison verify(int id)
{
	require_owner(id);
	const std::vector<int> ids = kept_by_writers(id) ? std::vector<int>() : with_inputs(id);    // it is right for its inputs as they are
	Comparison out;
	auto compare = [&](Snapshot snapshot) {
		View &view = load(id);
		pg::Identity owner(view.owner, true);
		int settings = apply::begin_settings(view);
		std::string query = pg::relation_name(view.definition);
		if (!view.program.defined.empty())    // of the results that the query may have, the one that the engine defines
			query = "(SELECT " + delta::columns_of("x", view.columns.size()) + " FROM (" + view.program.defined + ") x, generate_series(1, x.w))";
		const std::string statement = "SELECT (" + surplus(view, query, view.name) + "), (" + surplus(view, view.name, query) + "), pg_current_snapshot()";
		pg::Rows rows = pg::query_under(snapshot, statement);
		apply::end_settings(settings);
		out = {*rows[0][0], *rows[0][1], *rows[0][2]};
	};
	for (const auto &ticked : apply::tick(ids, apply::IfLocked::wait, compare))
		if (ticked.outcome.error)
			throw *ticked.outcome.error;
	return out;
}

}  // namespace

}  // namespace view

PGT_FUNCTION(refresh_stream_table)
{
	apply::Outcome o = pg::with_spi([&] { return view::refresh_by_hand(view::stream_table_id(fcinfo, 0)); });
	auto text = [](const std::string &s) { return s.empty() ? pg::Text() : pg::Text(s); };
	return view::return_row(fcinfo, {o.mode, text(o.reason), std::to_string(o.rows_in), std::to_string(o.rows_out),
	                                 std::to_string(o.milliseconds), std::string(o.bulk ? "bulk" : "small")});
}

PGT_FUNCTION(verify_stream_table)
{
	view::Comparison c = pg::with_spi([&] { return view::verify(view::stream_table_id(fcinfo, 0)); });
	return view::return_row(fcinfo, {c.missing, c.unexpected, c.at});
}
