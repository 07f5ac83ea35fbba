#include "hidden.h"

#include "expression.h"
#include "pg/error.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
}

namespace query {

namespace {

// Of a query level: the entries whose rows are hidden in part, and those of them whose policies read their row alone.
struct Level {
	::Query *query;
	Bitmapset *hiding, *simple;
	bool with_hides;           // some WITH query does
	Level *outer;
	Node **refused;
};

bool guard(::Query *query, Level *outer, Node **refused);

struct Uses {
	Level *level;
	Bitmapset *found;          // entries of this level that hide rows
	bool elsewhere, padded;    // of outer levels; of the padded side of an outer join
	int depth;
};

bool collect_uses(Node *node, void *context)
{
	auto *uses = static_cast<Uses *>(context);
	if (node == nullptr)
		return false;
	if (IsA(node, Query)) {
		uses->depth++;
		bool out = query_tree_walker(reinterpret_cast<::Query *>(node), collect_uses, context, 0);
		uses->depth--;
		return out;
	}
	if (!IsA(node, Var))
		return expression_tree_walker(node, collect_uses, context);
	auto *var = reinterpret_cast<Var *>(node);
	int up = int(var->varlevelsup) - uses->depth;
	Level *level = uses->level;
	for (int i = 0; i < up && level != nullptr; i++)
		level = level->outer;
	if (up < 0 || level == nullptr || !bms_is_member(var->varno, level->hiding))
		return false;
	if (up > 0)
		uses->elsewhere = true;
	else
		uses->found = bms_add_member(uses->found, var->varno);
	uses->padded = uses->padded || !bms_is_empty(var->varnullingrels);
	return false;
}

Node *without_not(Node *node)
{
	while (IsA(node, BoolExpr) && reinterpret_cast<BoolExpr *>(node)->boolop == NOT_EXPR)
		node = static_cast<Node *>(linitial(reinterpret_cast<BoolExpr *>(node)->args));
	return node;
}

// What is inside a subquery is looked at by itself.
bool leaks(Node *condition)
{
	Node *inner = without_not(condition);
	return contain_leaked_vars(IsA(inner, SubLink) ? reinterpret_cast<SubLink *>(inner)->testexpr : condition);
}

Expr *policies(Level *level, Bitmapset *entries)
{
	List *all = NIL;
	for (int index = -1; (index = bms_next_member(entries, index)) >= 0;)
		all = list_concat(all, static_cast<List *>(copyObjectImpl(rt_fetch(index, level->query->rtable)->securityQuals)));
	return make_ands_explicit(all);
}

Node *after_policies(Level *level, Bitmapset *entries, Node *condition)
{
	auto *when = makeNode(CaseWhen);
	when->expr = policies(level, entries);
	when->result = reinterpret_cast<Expr *>(condition);
	when->location = -1;
	auto *out = makeNode(CaseExpr);
	out->casetype = BOOLOID;
	out->casecollid = InvalidOid;
	out->args = list_make1(when);
	out->defresult = reinterpret_cast<Expr *>(makeBoolConst(false, false));
	out->location = exprLocation(condition);
	return reinterpret_cast<Node *>(out);
}

Node *guarded(Level *level, Node *conditions)
{
	if (conditions == nullptr || *level->refused != nullptr)
		return conditions;
	List *out = NIL;
	ListCell *cell;
	foreach (cell, make_ands_implicit(reinterpret_cast<Expr *>(conditions))) {
		auto *one = static_cast<Node *>(lfirst(cell));
		Uses uses{level, nullptr, false, false, 0};
		if (leaks(one))
			collect_uses(one, &uses);
		if (uses.elsewhere || (uses.found != nullptr && (uses.padded || !bms_is_subset(uses.found, level->simple)))) {
			*level->refused = one;
			return conditions;
		}
		out = lappend(out, uses.found != nullptr ? after_policies(level, uses.found, one) : one);
	}
	return reinterpret_cast<Node *>(make_ands_explicit(out));
}

void guard_joins(Level *level, Node *item)
{
	if (item == nullptr)
		return;
	if (IsA(item, FromExpr)) {
		auto *from = reinterpret_cast<FromExpr *>(item);
		ListCell *cell;
		foreach (cell, from->fromlist)
			guard_joins(level, static_cast<Node *>(lfirst(cell)));
		from->quals = guarded(level, from->quals);
	} else if (IsA(item, JoinExpr)) {
		auto *join = reinterpret_cast<JoinExpr *>(item);
		guard_joins(level, join->larg);
		guard_joins(level, join->rarg);
		join->quals = guarded(level, join->quals);
	}
}

bool guard_sublinks(Node *node, void *context)
{
	auto *level = static_cast<Level *>(context);
	if (node == nullptr)
		return false;
	if (IsA(node, Query)) {
		guard(reinterpret_cast<::Query *>(node), level, level->refused);
		return false;
	}
	return expression_tree_walker(node, guard_sublinks, context);
}

// By what rows are told apart is compared before they are joined with what a policy reads.
void look_at_keys(Level *level)
{
	Bitmapset *others = bms_difference(level->hiding, level->simple);
	ListCell *cell;
	foreach (cell, level->query->targetList) {
		auto *target = lfirst_node(TargetEntry, cell);
		auto *expression = reinterpret_cast<Node *>(target->expr);
		Uses uses{level, nullptr, false, false, 0};
		if (target->ressortgroupref == 0 || IsA(expression, Var) || contain_agg_clause(expression) || contain_windowfuncs(expression) || !contain_leaked_vars(expression))
			continue;
		collect_uses(expression, &uses);
		if (bms_overlap(uses.found, others))
			*level->refused = expression;
	}
}

bool covers(const Level *level, Index up)
{
	for (Index i = 0; i < up && level != nullptr; i++)
		level = level->outer;
	return level != nullptr && level->with_hides;
}

bool hides(Level *level, RangeTblEntry *entry)
{
	switch (entry->rtekind) {
	case RTE_RELATION:
		return entry->securityQuals != NIL;
	case RTE_SUBQUERY:
		return guard(entry->subquery, level, level->refused) || entry->security_barrier;
	case RTE_CTE:
		return covers(level, entry->ctelevelsup);
	default:
		return false;
	}
}

// Does the query read rows that are hidden in part?
bool guard(::Query *query, Level *outer, Node **refused)
{
	Level level{query, nullptr, nullptr, false, outer, refused};
	ListCell *cell;
	foreach (cell, query->cteList)
		if (auto *with = lfirst_node(CommonTableExpr, cell); IsA(with->ctequery, Query) && guard(reinterpret_cast<::Query *>(with->ctequery), &level, refused))
			level.with_hides = true;
	int index = 0;
	foreach (cell, query->rtable) {
		auto *entry = lfirst_node(RangeTblEntry, cell);
		index++;
		if (!hides(&level, entry))
			continue;
		level.hiding = bms_add_member(level.hiding, index);
		if (entry->rtekind == RTE_RELATION && !checkExprHasSubLink(reinterpret_cast<Node *>(entry->securityQuals)))
			level.simple = bms_add_member(level.simple, index);
	}
	index = 0;
	bool any = level.hiding != nullptr;
	foreach (cell, query->rtable) {    // what stands for columns of others
		auto kind = lfirst_node(RangeTblEntry, cell)->rtekind;
		index++;
		if (any && (kind == RTE_JOIN || kind == RTE_GROUP))
			level.hiding = bms_add_member(level.hiding, index);
	}
	guard_sublinks(reinterpret_cast<Node *>(query->targetList), &level);
	guard_sublinks(reinterpret_cast<Node *>(query->jointree), &level);
	guard_sublinks(query->havingQual, &level);
	foreach (cell, query->rtable)
		guard_sublinks(reinterpret_cast<Node *>(lfirst_node(RangeTblEntry, cell)->securityQuals), &level);
	guard_joins(&level, reinterpret_cast<Node *>(query->jointree));
	if (query->havingQual != nullptr && !contain_agg_clause(query->havingQual))
		query->havingQual = guarded(&level, query->havingQual);
	look_at_keys(&level);
	return any;
}

}  // namespace

void keep_hidden(::Query *query)
{
	Node *refused = nullptr;
	pg::call(guard, query, static_cast<Level *>(nullptr), &refused);
	if (refused != nullptr)
		no_law("a condition or a key that may show rows which row security or a security_barrier view hides", pg::call(exprLocation, static_cast<const Node *>(refused)),
		       "What it calls is not leakproof, and it would be worked out before it is known which rows are hidden.");
}

}  // namespace query
