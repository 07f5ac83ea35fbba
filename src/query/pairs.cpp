#include "pairs.h"

#include "correlate.h"
#include "time.h"

extern "C" {
#include "nodes/bitmapset.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/prep.h"
#include "rewrite/rewriteManip.h"
}

namespace query {

namespace {

struct Reads {
	Relids of;                  // range table indexes of one side
	List *found;                // Vars of them
	bool others;                // Vars of the level that are not
	int depth;
};

// Each column once, with the outer joins within the item that may lack it.
void note(Reads *reads, Var *var)
{
	ListCell *cell;
	foreach (cell, reads->found) {
		auto *known = lfirst_node(Var, cell);
		if (known->varno != var->varno || known->varattno != var->varattno)
			continue;
		known->varnullingrels = bms_union(known->varnullingrels, bms_intersect(var->varnullingrels, reads->of));
		return;
	}
	Var *plain = makeVar(var->varno, var->varattno, var->vartype, var->vartypmod, var->varcollid, 0);
	plain->varnullingrels = bms_intersect(var->varnullingrels, reads->of);
	reads->found = lappend(reads->found, plain);
}

bool read(Node *node, void *context)
{
	auto *reads = static_cast<Reads *>(context);
	if (node == nullptr)
		return false;
	if (IsA(node, Var)) {
		auto *var = reinterpret_cast<Var *>(node);
		if (int(var->varlevelsup) != reads->depth)
			return false;
		if (!bms_is_member(var->varno, reads->of)) {
			reads->others = true;
			return false;
		}
		note(reads, var);
		return false;
	}
	if (IsA(node, Query)) {
		reads->depth++;
		(void)query_tree_walker(reinterpret_cast<::Query *>(node), read, context, QTW_IGNORE_JOINALIASES);
		reads->depth--;
		return false;
	}
	return expression_tree_walker(node, read, context);
}

bool reads_both(Node *tree, Relids of)
{
	Reads reads{of, NIL, false, 0};
	(void)read(tree, &reads);
	return reads.found != NIL && reads.others;
}

// Those of the item, one level up by now, are its own.
bool lower(Node *node, void *context)
{
	auto *reads = static_cast<Reads *>(context);
	if (node == nullptr)
		return false;
	if (IsA(node, Var)) {
		auto *var = reinterpret_cast<Var *>(node);
		if (int(var->varlevelsup) == reads->depth + 1 && bms_is_member(var->varno, reads->of))
			var->varlevelsup--;
		return false;
	}
	if (IsA(node, Query)) {
		reads->depth++;
		(void)query_tree_walker(reinterpret_cast<::Query *>(node), lower, context, QTW_IGNORE_JOINALIASES);
		reads->depth--;
		return false;
	}
	return expression_tree_walker(node, lower, context);
}

List *columns_of(::Query *level, Relids item)
{
	Reads reads{item, NIL, false, 0};
	(void)query_tree_walker(level, read, &reads, QTW_IGNORE_JOINALIASES);
	return reads.found;
}

RangeTblEntry *nothing()
{
	auto *entry = makeNode(RangeTblEntry);
	entry->rtekind = RTE_RESULT;
	entry->eref = makeAlias("*RESULT*", NIL);
	return entry;
}

}  // namespace

bool asks_of_pairs(Node *on, Node *item)
{
	Relids of = get_relids_in_jointree(item, true, true);
	ListCell *cell;
	foreach (cell, conjuncts_of(on)) {
		auto *one = static_cast<Node *>(lfirst(cell));
		if ((tells_time(one) && reads_both(one, of)) || (has_sublinks(one) && reads_both(reinterpret_cast<Node *>(sublink_references(one)), of)))
			return true;
	}
	return false;
}

::Query *rows_where(::Query *level, Node *item, Node *condition, List **columns)
{
	Relids of = get_relids_in_jointree(item, true, true);
	auto *query = makeNode(Query);
	query->commandType = CMD_SELECT;
	query->canSetTag = true;
	query->hasSubLinks = level->hasSubLinks;
	query->rtable = static_cast<List *>(copyObjectImpl(level->rtable));
	query->rteperminfos = static_cast<List *>(copyObjectImpl(level->rteperminfos));
	ListCell *cell;
	foreach (cell, query->rtable)
		if (!bms_is_member(foreach_current_index(cell) + 1, of))
			lfirst(cell) = nothing();
	query->jointree = makeFromExpr(list_make1(copyObjectImpl(item)), static_cast<Node *>(copyObjectImpl(condition)));
	*columns = columns_of(level, of);
	foreach (cell, *columns) {
		int number = foreach_current_index(cell) + 1;
		query->targetList = lappend(query->targetList, makeTargetEntry(static_cast<Expr *>(copyObjectImpl(lfirst(cell))), number, psprintf("c%d", number), false));
	}
	IncrementVarSublevelsUp(reinterpret_cast<Node *>(query), 1, 0);
	Reads own{of, NIL, false, 0};
	(void)query_tree_walker(query, lower, &own, QTW_IGNORE_JOINALIASES);
	return query;
}

}  // namespace query
