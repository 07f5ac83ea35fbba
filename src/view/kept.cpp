#include "kept.h"

#include "pg/spi.hpp"
#include "pg/sql.hpp"
#include "pg/trust.hpp"
#include "settings.h"

extern "C" {
#include "executor/spi.h"
#include "nodes/plannodes.h"
#include "utils/plancache.h"
}

namespace view {

namespace {

using query::Kind;
using query::Operator;

constexpr double part = 1.0 / 20;     // of a table's rows, and they are few

double planned_rows(const char *sql)
{
	SPIPlanPtr plan = pg::prepare_trusted(sql, nullptr, 0, CURSOR_OPT_CUSTOM_PLAN, pg::Opened::as_extension);
	CachedPlan *planned = SPI_plan_get_cached_plan(plan);
	if (planned == nullptr)
		elog(ERROR, "a SELECT has several plans");
	double rows = linitial_node(PlannedStmt, planned->stmt_list)->planTree->plan_rows;
	ReleaseCachedPlan(planned, nullptr);
	SPI_freeplan(plan);
	return rows;
}

bool may_be_kept(const Operator &node)
{
	return node.kind == Kind::filter && node.inputs[0]->kind == Kind::scan && !node.inputs[0]->identity.empty() && query::moments_of(node).empty();
}

// Planned as a refresh would run it.
bool lets_few_through(const View &view, const Operator &filter)
{
	const Operator &scan = *filter.inputs[0];
	const double all = apply::rows_of(scan.relation);
	if (settings::kept_from < 0)
		return true;
	if (all <= settings::kept_from)
		return false;
	std::vector<std::string> conditions;
	for (const auto &condition : filter.conditions)
		conditions.push_back(query::render(condition.text, [&](int column) {
			return "t." + pg::quote_ident(pg::attribute_name(scan.relation, scan.attributes[column]));
		}));
	const std::string sql = "SELECT FROM " + pg::relation_name(scan.relation) + " t WHERE " + delta::and_all(conditions);
	pg::Identity owner(view.owner, true);
	return pg::call(planned_rows, sql.c_str()) <= all * part;
}

bool is_there(const View &view, int number)
{
	return pg::value("SELECT 1 FROM pgtrickle.state s JOIN pg_catalog.pg_class c ON c.oid = s.relid WHERE s.owner = $1::int AND s.role = 'selected' AND c.relname = $2",
	                 {std::to_string(view.id), "f" + std::to_string(view.id) + "_" + std::to_string(number)})
	    .has_value();
}

}  // namespace

void choose_kept(const View &view, bool anew)
{
	int number = 0;
	query::walk(*view.tree, [&](Operator &node) {
		if (!may_be_kept(node))
			return;
		number++;
		if (anew ? lets_few_through(view, node) : is_there(view, number))
			node.kept = number;
	});
}

}  // namespace view
