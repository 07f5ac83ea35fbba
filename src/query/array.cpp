// ARRAY(subquery): an aggregate without GROUP BY over the subquery's rows, in their order.
//
//   ARRAY(SELECT x … ORDER BY y)  =  COALESCE((SELECT array_agg(x ORDER BY y) …), '{}')
//
// A plain subquery aggregates where it stands; another is read as a derived table, with what it is ordered by.
#include "correlate.h"

extern "C" {
#include "catalog/pg_aggregate.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "rewrite/rewriteManip.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
}

namespace query {

namespace {

// args: the value, then what it is ordered by.
Aggref *array_agg(List *args, List *order)
{
	auto *value = reinterpret_cast<Node *>(linitial_node(TargetEntry, args)->expr);
	Oid type = exprType(value);
	auto *out = makeNode(Aggref);
	out->aggfnoid = OidIsValid(get_array_type(type)) ? F_ARRAY_AGG_ANYNONARRAY : F_ARRAY_AGG_ANYARRAY;
	out->aggtype = get_promoted_array_type(type);
	out->aggcollid = out->inputcollid = exprCollation(value);
	out->aggtranstype = InvalidOid;
	out->aggkind = AGGKIND_NORMAL;
	out->aggsplit = AGGSPLIT_SIMPLE;
	out->aggno = out->aggtransno = out->location = -1;
	out->args = args;
	out->aggorder = order;
	ListCell *cell;
	foreach (cell, args)
		if (auto *target = lfirst_node(TargetEntry, cell); !target->resjunk)
			out->aggargtypes = lappend_oid(out->aggargtypes, exprType(reinterpret_cast<Node *>(target->expr)));
	return out;
}

Node *or_empty(Aggref *array)
{
	Oid element = get_element_type(array->aggtype);
	Datum empty = PointerGetDatum(construct_empty_array(element));
	auto *out = makeNode(CoalesceExpr);
	out->coalescetype = array->aggtype;
	out->coalescecollid = array->aggcollid;
	out->args = list_make2(array, makeConst(array->aggtype, -1, array->aggcollid, -1, empty, false, false));
	out->location = -1;
	return reinterpret_cast<Node *>(out);
}

bool orders(const ::Query *query, const TargetEntry *target)
{
	ListCell *cell;
	foreach (cell, query->sortClause)
		if (target->ressortgroupref != 0 && lfirst_node(SortGroupClause, cell)->tleSortGroupRef == target->ressortgroupref)
			return true;
	return false;
}

// The columns that are read of a subquery come first.
void show_order(::Query *query)
{
	List *shown = NIL, *rest = NIL;
	ListCell *cell;
	foreach (cell, query->targetList) {
		auto *target = lfirst_node(TargetEntry, cell);
		if (target->resjunk && orders(query, target)) {
			target->resjunk = false;
			target->resname = pstrdup("place");
		}
		if (target->resjunk)
			rest = lappend(rest, target);
		else
			shown = lappend(shown, target);
	}
	query->targetList = list_concat(shown, rest);
	int number = 0;
	foreach (cell, query->targetList)
		lfirst_node(TargetEntry, cell)->resno = ++number;
}

::Query *over(::Query *inner)
{
	show_order(inner);
	::Query *outer = select_from(inner, "rows");
	ListCell *cell;
	foreach (cell, inner->targetList) {
		auto *target = lfirst_node(TargetEntry, cell);
		if (target->resjunk)
			continue;
		const auto *value = reinterpret_cast<const Node *>(target->expr);
		Var *column = makeVar(1, target->resno, exprType(value), exprTypmod(value), exprCollation(value), 0);
		auto *read = makeTargetEntry(reinterpret_cast<Expr *>(column), target->resno, pstrdup("x"), target->resno > 1);
		read->ressortgroupref = target->ressortgroupref;
		outer->targetList = lappend(outer->targetList, read);
	}
	outer->sortClause = static_cast<List *>(copyObjectImpl(inner->sortClause));
	return outer;
}

}  // namespace

::Query *array_of(::Query *original)
{
	auto *query = static_cast<::Query *>(copyObjectImpl(original));
	if (!is_simple(query) || query->jointree->fromlist == NIL)
		query = over(query);
	List *args = NIL;
	ListCell *cell;
	foreach (cell, query->targetList)
		if (auto *target = lfirst_node(TargetEntry, cell); !target->resjunk || orders(query, target))
			args = lappend(args, target);
	Node *array = or_empty(array_agg(args, query->sortClause));
	query->targetList = list_make1(makeTargetEntry(reinterpret_cast<Expr *>(array), 1, pstrdup("array"), false));
	query->sortClause = NIL;
	query->hasAggs = true;
	return query;
}

}  // namespace query
