// LATERAL subqueries: a FROM item made for the rows of those before it.
#include "subquery.h"

#include "condition.h"
#include "correlate.h"
#include "pg/sql.hpp"
#include "push.h"
#include "relate.h"

extern "C" {
#include "access/transam.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteManip.h"
#include "utils/lsyscache.h"
}

#include <algorithm>

namespace query {

namespace {

// Names for expressions over what stands before.
bool lateral_expressions(From &from, ::Query *query, int index)
{
	if (query->jointree->fromlist != NIL || query->jointree->quals != nullptr || !pg::call(is_simple, query) ||
	    pg::call(has_sublinks, reinterpret_cast<Node *>(query->targetList)))
		return false;
	int number = 0;
	ListCell *cell;
	foreach (cell, query->targetList)
		if (auto *target = lfirst_node(TargetEntry, cell); !target->resjunk) {
			Node *expression = copy(reinterpret_cast<Node *>(target->expr));
			pg::call(IncrementVarSublevelsUp, expression, -1, 1);
			int column = column_for(from, expression);
			from.scope.columns[{index, ++number}] = column;
		}
	return true;
}

// A plain subquery is joined as any FROM item, by the conditions that read what stands before.
bool lateral_rows(From &from, ::Query *query, int index, const Environment &environment)
{
	auto rows = beside(from, query, true, environment);
	if (!rows)
		return false;
	auto node = std::make_shared<Operator>();
	node->kind = Kind::join;
	int width = from.node->width();
	std::vector<Column> columns;
	Scope both = both_scopes(from, rows->right, &columns);
	add_conditions(*node, reinterpret_cast<Node *>(rows->condition), both, width);
	add_input(*node, std::move(from.node));
	add_input(*node, std::move(rows->right.node));
	from.node = std::move(node);
	from.scope.columns = both.columns;
	int number = 0;
	ListCell *cell;
	foreach (cell, rows->targets)
		if (auto *target = lfirst_node(TargetEntry, cell); !target->resjunk) {
			int column = column_for(from, reinterpret_cast<Node *>(target->expr));
			from.scope.columns[{index, ++number}] = column;
		}
	return true;
}

}  // namespace

void join_lateral(From &from, ::Query *original, int index, bool outer, Node *on, const Environment &environment)
{
	bool unconditional = on == nullptr || pg::call(conjuncts_of, on) == NIL;
	if ((unconditional && lateral_expressions(from, original, index)) || (!outer && lateral_rows(from, original, index, environment)))
		return;
	::Query *query = copy(original);
	int width = visible_columns(query);
	bool always = unconditional;
	bool global = pg::call(is_global, query), whole = false;
	std::vector<Node *> nothing;
	int mark = -1;
	if (global) {
		auto empty = query->havingQual == nullptr && always ? values_for_nothing(copy(query)) : std::nullopt;
		whole = !empty;
		nothing = empty.value_or(std::vector<Node *>{});
		if (!whole)
			mark = pg::call(add_target, query, reinterpret_cast<Expr *>(true_constant()), "present") - 1;
	}
	Related r = relate(from, query, environment, whole);
	int first = join(from, r, outer || (global && !whole));
	for (int i = 0; i < width; i++) {
		int column = first + i;
		if (mark >= 0 && !is_null_constant(nothing[i])) {
			Node *there = is_present(reinterpret_cast<Node *>(new_column(from, first + mark, environment)));
			column = column_for(from, case_of(there, reinterpret_cast<Node *>(new_column(from, column, environment)), nullptr, nullptr, nothing[i]));
		}
		from.scope.columns[{index, i + 1}] = column;
	}
	if (always)
		return;
	std::vector<Column> columns = from.node->columns;
	Scope scope = from.scope;
	scope.input = &columns;
	add_conditions(*from.node, on, scope, first);
}

}  // namespace query
