#include "correlate.h"

#include "expression.h"

extern "C" {
#include "access/table.h"
#include "access/transam.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "parser/parse_clause.h"
#include "parser/parse_oper.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/typcache.h"
#include "access/htup_details.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_attribute.h"
}

namespace query {

namespace {

// ---- references ----

struct Search {
	List *computed, *found;
	int depth;
};

Node *raised(Node *expression, int levels)
{
	auto *copy = static_cast<Node *>(copyObjectImpl(expression));
	IncrementVarSublevelsUp(copy, levels, 0);
	return copy;
}

Node *as_above(Var *var)
{
	auto *copy = static_cast<Var *>(copyObjectImpl(var));
	copy->varlevelsup = 0;
	copy->varnullingrels = nullptr;
	copy->location = -1;
	return reinterpret_cast<Node *>(copy);
}

bool is_computed(Node *node, List *computed, int depth, Node **which)
{
	ListCell *cell;
	foreach (cell, computed)
		if (nodeTag(node) == nodeTag(lfirst(cell)) && equal(node, raised(static_cast<Node *>(lfirst(cell)), depth))) {
			*which = static_cast<Node *>(lfirst(cell));
			return true;
		}
	return false;
}

bool search(Node *node, void *context)
{
	auto *s = static_cast<Search *>(context);
	if (node == nullptr)
		return false;
	Node *which;
	if (s->depth > 0 && is_computed(node, s->computed, s->depth, &which)) {
		s->found = list_append_unique(s->found, which);
		return false;
	}
	if (IsA(node, Var)) {
		auto *var = reinterpret_cast<Var *>(node);
		if (int(var->varlevelsup) == s->depth)
			s->found = list_append_unique(s->found, as_above(var));
		return false;
	}
	if (IsA(node, Query)) {
		s->depth++;
		(void)query_tree_walker(reinterpret_cast<::Query *>(node), search, s, QTW_IGNORE_JOINALIASES);
		s->depth--;
		return false;
	}
	return expression_tree_walker(node, search, s);
}

struct Replace {
	List *references;      // as the level above sees them
	List *replacements;    // as the subquery sees them
	int depth, up;         // levels between the tree's top and the subquery; between that and the level above
};

Node *replace(Node *node, void *context)
{
	auto *r = static_cast<Replace *>(context);
	if (node == nullptr)
		return nullptr;
	ListCell *reference, *replacement;
	if (!IsA(node, Query) && !IsA(node, List))
		forboth (reference, r->references, replacement, r->replacements) {
			auto *one = static_cast<Node *>(lfirst(reference));
			if (nodeTag(node) != nodeTag(one))
				continue;
			Node *seen = raised(one, r->depth + r->up);
			Node *plain = node;
			if (IsA(node, Var)) {
				plain = static_cast<Node *>(copyObjectImpl(node));
				reinterpret_cast<Var *>(plain)->varnullingrels = nullptr;
			}
			if (equal(plain, seen))
				return raised(static_cast<Node *>(lfirst(replacement)), r->depth);
		}
	if (IsA(node, Query)) {
		r->depth++;
		Node *out = reinterpret_cast<Node *>(query_tree_mutator(reinterpret_cast<::Query *>(node), replace, r, QTW_IGNORE_JOINALIASES));
		r->depth--;
		return out;
	}
	return expression_tree_mutator(node, replace, r);
}

void replace_in(::Query *query, List *references, List *replacements, int up)
{
	Replace r{references, replacements, 0, up};
	(void)query_tree_mutator(query, replace, &r, QTW_DONT_COPY_QUERY | QTW_IGNORE_JOINALIASES);
}

void replace_in_limit(::Query *query, List *references, List *replacements, int up)
{
	Replace r{references, replacements, 0, up};
	query->limitCount = replace(query->limitCount, &r);
	query->limitOffset = replace(query->limitOffset, &r);
}

[[noreturn]] void refuse(const char *what, const char *reason, int location)
{
	ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("%s has no differential law yet", what), errdetail("%s", reason),
	                errhint("Use refresh_mode AUTO or FULL, which recompute the query and apply the difference."), errposition(location + 1)));
	pg_unreachable();
}

// ---- the subquery by the references ----

SortGroupClause *group_clause(TargetEntry *target, List *targets)
{
	auto *clause = makeNode(SortGroupClause);
	clause->tleSortGroupRef = assignSortGroupRef(target, targets);
	get_sort_group_operators(exprType(reinterpret_cast<Node *>(target->expr)), false, true, false, &clause->sortop, &clause->eqop, nullptr, &clause->hashable);
	return clause;
}

int visible(List *targets)
{
	int count = 0;
	ListCell *cell;
	foreach (cell, targets)
		count += !lfirst_node(TargetEntry, cell)->resjunk;
	return count;
}

// After the columns that are shown.
TargetEntry *shown_target(::Query *query, Expr *expression, const char *name)
{
	int before = visible(query->targetList), number = 0;
	auto *target = makeTargetEntry(expression, before + 1, pstrdup(name), false);
	query->targetList = list_insert_nth(query->targetList, before, target);
	ListCell *cell;
	foreach (cell, query->targetList)
		lfirst_node(TargetEntry, cell)->resno = ++number;
	return target;
}

// Yields these columns too, and is by them.
void by_columns(::Query *query, List *columns)
{
	bool grouped = query->hasAggs || query->groupClause != NIL || query->groupingSets != NIL || query->havingQual != nullptr;
	if (query->groupingSets != NIL)
		refuse("GROUPING SETS, CUBE or ROLLUP in a correlated subquery", "Its total has a row also where there is nothing to group.",
		       linitial_node(GroupingSet, query->groupingSets)->location);
	ListCell *cell;
	foreach (cell, columns) {
		auto *target = shown_target(query, static_cast<Expr *>(copyObjectImpl(lfirst(cell))), "outer");
		if (grouped)
			query->groupClause = lappend(query->groupClause, group_clause(target, query->targetList));
		ListCell *window;
		foreach (window, query->windowClause) {
			auto *clause = lfirst_node(WindowClause, window);
			clause->partitionClause = lappend(clause->partitionClause, group_clause(target, query->targetList));
		}
		if (query->distinctClause != NIL)
			query->distinctClause = lappend(query->distinctClause, group_clause(target, query->targetList));
	}
}

Node *and_also(Node *condition, Node *more)
{
	return condition == nullptr ? more : reinterpret_cast<Node *>(makeBoolExpr(AND_EXPR, list_make2(condition, more), -1));
}

// ---- a relation for the references ----

Var *column_of(int index, int column, Node *like)
{
	return makeVar(index, column, exprType(like), exprTypmod(like), exprCollation(like), 0);
}

int add_relation(::Query *query, List *references, const char *name)
{
	auto *entry = makeNode(RangeTblEntry);
	entry->rtekind = RTE_NAMEDTUPLESTORE;
	entry->enrname = pstrdup(name);
	entry->eref = makeAlias(name, NIL);
	entry->inFromCl = true;
	ListCell *cell;
	foreach (cell, references) {
		auto *one = static_cast<Node *>(lfirst(cell));
		entry->eref->colnames = lappend(entry->eref->colnames, makeString(pstrdup("outer")));
		entry->coltypes = lappend_oid(entry->coltypes, exprType(one));
		entry->coltypmods = lappend_int(entry->coltypmods, exprTypmod(one));
		entry->colcollations = lappend_oid(entry->colcollations, exprCollation(one));
	}
	query->rtable = lappend(query->rtable, entry);
	return list_length(query->rtable);
}

bool any_reads(Node *item, int index, ::Query *query)
{
	if (IsA(item, RangeTblRef)) {
		auto *entry = rt_fetch(reinterpret_cast<RangeTblRef *>(item)->rtindex, query->rtable);
		return entry->subquery != nullptr && reads_entry(reinterpret_cast<Node *>(entry->subquery), index);
	}
	if (IsA(item, FromExpr)) {
		ListCell *cell;
		foreach (cell, reinterpret_cast<FromExpr *>(item)->fromlist)
			if (any_reads(static_cast<Node *>(lfirst(cell)), index, query))
				return true;
		return false;
	}
	auto *join = reinterpret_cast<JoinExpr *>(item);
	return reads_entry(join->quals, index) || any_reads(join->larg, index, query) || any_reads(join->rarg, index, query);
}

// Does an item of FROM read the relation where one beside it does not reach: within an outer join?
bool reads_within(Node *item, int index, ::Query *query)
{
	if (!IsA(item, JoinExpr))
		return false;
	auto *join = reinterpret_cast<JoinExpr *>(item);
	return join->jointype == JOIN_INNER ? reads_within(join->larg, index, query) || reads_within(join->rarg, index, query)
	                                    : any_reads(item, index, query);
}

// Places the relation beside what the outer joins of an item preserve.
Node *place(Node *item, int index)
{
	auto *reference = makeNode(RangeTblRef);
	reference->rtindex = index;
	if (IsA(item, JoinExpr)) {
		auto *join = reinterpret_cast<JoinExpr *>(item);
		if (join->jointype == JOIN_LEFT || join->jointype == JOIN_INNER) {
			join->larg = place(join->larg, index);
			return item;
		}
		if (join->jointype == JOIN_RIGHT) {
			join->rarg = place(join->rarg, index);
			return item;
		}
		refuse("a FULL JOIN whose ON reads an outer query", "Its rows without a match would be others for each row around it.", exprLocation(join->quals));
	}
	auto *both = makeNode(FromExpr);
	both->fromlist = list_make2(reference, item);
	return reinterpret_cast<Node *>(both);
}

void place_relation(::Query *query, int index)
{
	ListCell *cell;
	foreach (cell, query->jointree->fromlist)
		if (reads_within(static_cast<Node *>(lfirst(cell)), index, query)) {
			lfirst(cell) = place(static_cast<Node *>(lfirst(cell)), index);
			return;
		}
	auto *reference = makeNode(RangeTblRef);
	reference->rtindex = index;
	query->jointree->fromlist = lcons(reference, query->jointree->fromlist);
}

List *not_null_columns(::Query *query, int index)
{
	List *out = NIL, *sets = find_nonnullable_vars(reinterpret_cast<Node *>(query->jointree->quals));
	if (list_length(sets) > index) {
		auto *set = static_cast<Bitmapset *>(list_nth(sets, index));
		for (int member = -1; (member = bms_next_member(set, member)) >= 0;)
			out = lappend_int(out, member + FirstLowInvalidHeapAttributeNumber);
	}
	return out;
}

List *correlate_at(::Query *query, List *references, const char *name, int up);

// Each branch is by the references, and the operation compares them too.
List *correlate_branches(::Query *query, Node *tree, List *references, const char *name, int up)
{
	if (IsA(tree, RangeTblRef))
		return correlate_at(rt_fetch(reinterpret_cast<RangeTblRef *>(tree)->rtindex, query->rtable)->subquery, references, name, up + 1);
	auto *operation = reinterpret_cast<SetOperationStmt *>(tree);
	List *left = correlate_branches(query, operation->larg, references, name, up), *right = correlate_branches(query, operation->rarg, references, name, up);
	ListCell *cell;
	foreach (cell, references) {
		auto *one = static_cast<Node *>(lfirst(cell));
		operation->colTypes = lappend_oid(operation->colTypes, exprType(one));
		operation->colTypmods = lappend_int(operation->colTypmods, exprTypmod(one));
		operation->colCollations = lappend_oid(operation->colCollations, exprCollation(one));
		if (operation->groupClauses != NIL) {
			auto *clause = makeNode(SortGroupClause);
			get_sort_group_operators(exprType(one), false, true, false, &clause->sortop, &clause->eqop, nullptr, &clause->hashable);
			operation->groupClauses = lappend(operation->groupClauses, clause);
		}
	}
	return operation->op == SETOP_EXCEPT ? left : list_intersection_int(left, right);
}

int first_branch(Node *tree)
{
	while (IsA(tree, SetOperationStmt))
		tree = reinterpret_cast<SetOperationStmt *>(tree)->larg;
	return reinterpret_cast<RangeTblRef *>(tree)->rtindex;
}

List *correlate_at(::Query *query, List *references, const char *name, int up)
{
	if (query->setOperations != nullptr) {
		int first = first_branch(query->setOperations), own = visible(rt_fetch(first, query->rtable)->subquery->targetList);
		List *not_null = correlate_branches(query, query->setOperations, references, name, up);
		List *columns = NIL;
		ListCell *cell;
		foreach (cell, references)
			columns = lappend(columns, column_of(first, ++own, static_cast<Node *>(lfirst(cell))));
		replace_in_limit(query, references, columns, up);
		by_columns(query, columns);
		return not_null;
	}
	int index = add_relation(query, references, name);
	List *columns = NIL;
	ListCell *cell;
	int column = 0;
	foreach (cell, references)
		columns = lappend(columns, column_of(index, ++column, static_cast<Node *>(lfirst(cell))));
	replace_in(query, references, columns, up);
	place_relation(query, index);
	List *not_null = not_null_columns(query, index);
	by_columns(query, columns);
	return not_null;
}

// ---- references equated with columns ----

Node *unlabelled(Node *node)
{
	while (IsA(node, RelabelType))
		node = reinterpret_cast<Node *>(reinterpret_cast<RelabelType *>(node)->arg);
	return node;
}

bool is_type_equality(Oid opno, Oid type)
{
	const TypeCacheEntry *entry = lookup_type_cache(type, TYPECACHE_EQ_OPR | TYPECACHE_HASH_OPFAMILY | TYPECACHE_BTREE_OPFAMILY);
	return entry->eq_opr == opno;
}

// Values of these are equal only if they are the same.
bool is_plain_type(Oid type, Oid collation)
{
	switch (type) {
	case INT2OID: case INT4OID: case INT8OID: case OIDOID: case UUIDOID: case DATEOID: case TIMESTAMPOID: case TIMESTAMPTZOID: case BOOLOID:
		return true;
	case TEXTOID: case VARCHAROID:
		return !OidIsValid(collation) || get_collation_isdeterministic(collation);
	default:
		return false;
	}
}

// The column that a conjunct equates the reference with.
Var *equated_column(Node *conjunct, Node *reference)
{
	if (!IsA(conjunct, OpExpr) || list_length(reinterpret_cast<OpExpr *>(conjunct)->args) != 2)
		return nullptr;
	auto *op = reinterpret_cast<OpExpr *>(conjunct);
	Node *a = unlabelled(static_cast<Node *>(linitial(op->args))), *b = unlabelled(static_cast<Node *>(lsecond(op->args)));
	Node *outer = raised(reference, 1);
	auto is_outer = [&](Node *node) {
		Node *plain = node;
		if (IsA(node, Var)) {
			plain = static_cast<Node *>(copyObjectImpl(node));
			reinterpret_cast<Var *>(plain)->varnullingrels = nullptr;
		}
		return equal(plain, outer);
	};
	if (is_outer(b)) {
		Node *swapped = a;
		a = b;
		b = swapped;
	} else if (!is_outer(a))
		return nullptr;
	if (!IsA(b, Var) || reinterpret_cast<Var *>(b)->varlevelsup != 0 || exprType(b) != exprType(a) || exprCollation(a) != exprCollation(b) ||
	    !is_plain_type(exprType(a), exprCollation(a)) || !is_type_equality(op->opno, exprType(a)))
		return nullptr;
	return reinterpret_cast<Var *>(b);
}

bool entry_reads(Node *node, void *context)
{
	auto *index = static_cast<std::pair<int, int> *>(context);    // range table index, depth
	if (node == nullptr)
		return false;
	if (IsA(node, Var))
		return reinterpret_cast<Var *>(node)->varno == index->first && int(reinterpret_cast<Var *>(node)->varlevelsup) == index->second;
	if (IsA(node, Query)) {
		index->second++;
		bool found = query_tree_walker(reinterpret_cast<::Query *>(node), entry_reads, context, QTW_IGNORE_JOINALIASES);
		index->second--;
		return found;
	}
	return expression_tree_walker(node, entry_reads, context);
}

// Of a test beside a subquery too: it is compared with its rows.
bool collect_sublinks(Node *node, void *context)
{
	auto *out = static_cast<List **>(context);
	if (node != nullptr && IsA(node, SubLink)) {
		auto *link = reinterpret_cast<SubLink *>(node);
		*out = list_concat(*out, pull_var_clause(link->testexpr, PVC_RECURSE_AGGREGATES | PVC_RECURSE_WINDOWFUNCS | PVC_RECURSE_PLACEHOLDERS));
		*out = list_concat(*out, outer_references(reinterpret_cast<::Query *>(link->subselect), NIL));
		return false;
	}
	return node != nullptr && expression_tree_walker(node, collect_sublinks, context);
}

bool finds_sublink(Node *node, void *)
{
	return node != nullptr && (is_subquery(node) || expression_tree_walker(node, finds_sublink, nullptr));
}

// ---- ANY and ALL ----

struct Columns {
	::Query *query;     // whose select list stands for the test's parameters; nullptr: range table entry 1 does
};

Node *test_over(Node *node, void *context)
{
	auto *columns = static_cast<Columns *>(context);
	if (node == nullptr)
		return nullptr;
	if (IsA(node, Param) && reinterpret_cast<Param *>(node)->paramkind == PARAM_SUBLINK) {
		int number = reinterpret_cast<Param *>(node)->paramid;
		if (columns->query != nullptr)
			return static_cast<Node *>(copyObjectImpl(static_cast<TargetEntry *>(list_nth(columns->query->targetList, number - 1))->expr));
		return reinterpret_cast<Node *>(column_of(1, number, node));
	}
	return expression_tree_mutator(node, test_over, context);
}

Node *aggregates_over_nothing(Node *node, void *context)
{
	if (node == nullptr)
		return nullptr;
	if (IsA(node, Aggref) && reinterpret_cast<Aggref *>(node)->agglevelsup == 0) {
		auto *aggref = reinterpret_cast<Aggref *>(node);
		bool counts = aggref->aggfnoid == F_COUNT_ || aggref->aggfnoid == F_COUNT_ANY || aggref->aggfnoid == F_REGR_COUNT;
		if (aggref->aggkind != AGGKIND_NORMAL || aggref->aggfnoid >= FirstNormalObjectId)
			*static_cast<bool *>(context) = true;
		if (counts)
			return reinterpret_cast<Node *>(makeConst(INT8OID, -1, InvalidOid, sizeof(int64), Int64GetDatum(0), false, true));
		return reinterpret_cast<Node *>(makeNullConst(aggref->aggtype, -1, aggref->aggcollid));
	}
	if (IsA(node, SubLink) || IsA(node, WindowFunc) || IsA(node, GroupingFunc) || (IsA(node, Var) && reinterpret_cast<Var *>(node)->varlevelsup == 0))
		*static_cast<bool *>(context) = true;
	return expression_tree_mutator(node, aggregates_over_nothing, context);
}


}  // namespace

List *outer_references(::Query *query, List *computed)
{
	Search s{computed, NIL, 0};
	search(reinterpret_cast<Node *>(query), &s);
	return s.found;
}

List *conjuncts_of(Node *condition)
{
	if (condition == nullptr)
		return NIL;
	if (IsA(condition, List)) {
		List *out = NIL;
		ListCell *cell;
		foreach (cell, reinterpret_cast<List *>(condition))
			out = list_concat(out, conjuncts_of(static_cast<Node *>(lfirst(cell))));
		return out;
	}
	return is_andclause(condition) ? conjuncts_of(reinterpret_cast<Node *>(reinterpret_cast<BoolExpr *>(condition)->args)) : list_make1(condition);
}

bool is_equation(Node *condition)
{
	auto *op = reinterpret_cast<OpExpr *>(condition);
	return IsA(condition, OpExpr) && list_length(op->args) == 2 &&
	       (op_mergejoinable(op->opno, exprType(static_cast<Node *>(linitial(op->args)))) ||
	        op_hashjoinable(op->opno, exprType(static_cast<Node *>(linitial(op->args)))));
}

bool reads_entry(Node *tree, int index)
{
	std::pair<int, int> which{index, 0};
	return entry_reads(tree, &which);
}

bool has_sublinks(Node *tree)
{
	return finds_sublink(tree, nullptr);
}

List *sublink_references(Node *expression)
{
	List *out = NIL;
	collect_sublinks(expression, &out);
	return out;
}

List *correlate(::Query *query, List *references, const char *name)
{
	return correlate_at(query, references, name, 1);
}

bool equate(::Query *query, List *references)
{
	if (query->setOperations != nullptr || query->jointree->fromlist == NIL)
		return false;
	List *all = conjuncts_of(query->jointree->quals), *columns = NIL, *rest = list_copy(all);
	ListCell *reference, *conjunct;
	foreach (reference, references) {
		Var *column = nullptr;
		foreach (conjunct, all) {
			column = equated_column(static_cast<Node *>(lfirst(conjunct)), static_cast<Node *>(lfirst(reference)));
			if (column == nullptr)
				continue;
			rest = list_delete_ptr(rest, lfirst(conjunct));
			break;
		}
		if (column == nullptr)
			return false;
		columns = lappend(columns, column);
		auto *present = makeNode(NullTest);
		present->arg = static_cast<Expr *>(copyObjectImpl(column));
		present->nulltesttype = IS_NOT_NULL;
		present->location = -1;
		rest = lappend(rest, present);
	}
	// FROM items that read a reference would read the column of an item beside them.
	query->jointree->quals = nullptr;
	auto *level = static_cast<::Query *>(copyObjectImpl(query));
	level->targetList = NIL;
	level->havingQual = nullptr;
	if (outer_references(level, NIL) != NIL) {
		query->jointree->quals = reinterpret_cast<Node *>(make_andclause(all));
		return false;
	}
	query->jointree->quals = reinterpret_cast<Node *>(make_andclause(rest));
	replace_in(query, references, columns, 1);
	by_columns(query, columns);
	return true;
}

bool is_simple(::Query *query)
{
	return query->commandType == CMD_SELECT && query->setOperations == nullptr && !query->hasAggs && query->groupClause == NIL && query->groupingSets == NIL &&
	       query->havingQual == nullptr && !query->hasWindowFuncs && !query->hasTargetSRFs && query->limitCount == nullptr && query->limitOffset == nullptr &&
	       query->distinctClause == NIL && query->rowMarks == NIL;
}

bool is_global(::Query *query)
{
	return query->setOperations == nullptr && (query->hasAggs || query->havingQual != nullptr) && query->groupClause == NIL && query->groupingSets == NIL &&
	       !query->hasWindowFuncs && !query->hasTargetSRFs && query->limitCount == nullptr && query->limitOffset == nullptr;
}

::Query *existence(::Query *original)
{
	auto *query = static_cast<::Query *>(copyObjectImpl(original));
	if (query->limitOffset != nullptr || query->setOperations != nullptr || query->hasTargetSRFs || query->groupingSets != NIL)
		return query;
	if (query->limitCount != nullptr) {
		Node *count = eval_const_expressions(nullptr, query->limitCount);
		if (!IsA(count, Const) || (!reinterpret_cast<Const *>(count)->constisnull && DatumGetInt64(reinterpret_cast<Const *>(count)->constvalue) <= 0))
			return query;
		query->limitCount = nullptr;
	}
	query->sortClause = query->distinctClause = query->windowClause = NIL;
	query->hasDistinctOn = query->hasWindowFuncs = false;
	if (is_global(query) && query->havingQual == nullptr)
		return nullptr;
	// Grouping makes no group where there is no row, and one where there is.
	if (!is_global(query) && query->havingQual == nullptr) {
		query->groupClause = query->targetList = NIL;
		query->hasAggs = query->hasGroupRTE = false;
	} else {
		ListCell *cell;
		foreach (cell, query->targetList)
			lfirst_node(TargetEntry, cell)->resjunk = true;
	}
	return query;
}

::Query *select_from(::Query *query, const char *name)
{
	IncrementVarSublevelsUp(reinterpret_cast<Node *>(query), 1, 1);
	auto *outer = makeNode(Query);
	auto *entry = makeNode(RangeTblEntry);
	auto *reference = makeNode(RangeTblRef);
	outer->commandType = CMD_SELECT;
	outer->canSetTag = true;
	entry->rtekind = RTE_SUBQUERY;
	entry->subquery = query;
	entry->lateral = true;
	entry->inFromCl = true;
	entry->eref = makeAlias(name, NIL);
	ListCell *cell;
	foreach (cell, query->targetList)
		if (!lfirst_node(TargetEntry, cell)->resjunk)
			entry->eref->colnames = lappend(entry->eref->colnames, makeString(psprintf("c%d", list_length(entry->eref->colnames) + 1)));
	entry->alias = static_cast<Alias *>(copyObjectImpl(entry->eref));
	reference->rtindex = 1;
	outer->rtable = list_make1(entry);
	outer->jointree = makeFromExpr(list_make1(reference), nullptr);
	return outer;
}

::Query *tested(SubLink *sublink, Node *test)
{
	auto *query = static_cast<::Query *>(copyObjectImpl(sublink->subselect));
	if (query->limitCount == nullptr && query->limitOffset == nullptr && query->setOperations == nullptr && !query->hasDistinctOn) {
		query->distinctClause = NIL;
		query->sortClause = NIL;
	}
	Node *here = raised(test, 1);
	if (is_simple(query)) {
		Columns columns{query};
		query->jointree->quals = and_also(query->jointree->quals, test_over(here, &columns));
		query->hasSubLinks = query->hasSubLinks || has_sublinks(query->jointree->quals);
		return query;
	}
	::Query *outer = select_from(query, "tested");
	Columns columns{nullptr};
	outer->jointree->quals = test_over(here, &columns);
	outer->hasSubLinks = has_sublinks(outer->jointree->quals);
	return outer;
}

namespace {

bool is_never_null(::Query *query, Node *expression)
{
	if (IsA(expression, Const))
		return !reinterpret_cast<Const *>(expression)->constisnull;
	if (IsA(expression, Aggref))
		return reinterpret_cast<Aggref *>(expression)->aggfnoid == F_COUNT_ || reinterpret_cast<Aggref *>(expression)->aggfnoid == F_COUNT_ANY;
	if (!IsA(expression, Var))
		return false;
	auto *var = reinterpret_cast<Var *>(expression);
	if (var->varlevelsup > 0 || var->varattno <= 0 || var->varnullingrels != nullptr)
		return false;
	auto *entry = rt_fetch(var->varno, query->rtable);
	if (entry->rtekind == RTE_RELATION) {
		Relation relation = table_open(entry->relid, NoLock);
		bool out = TupleDescCompactAttr(RelationGetDescr(relation), var->varattno - 1)->attnullability == ATTNULLABLE_VALID;
		table_close(relation, NoLock);
		return out;
	}
	if (entry->rtekind == RTE_GROUP)
		return query->groupingSets == NIL && is_never_null(query, static_cast<Node *>(list_nth(entry->groupexprs, var->varattno - 1)));
	if (entry->rtekind == RTE_SUBQUERY)
		return column_never_null(entry->subquery, var->varattno);
	return false;
}

}  // namespace

bool column_never_null(::Query *query, int column)
{
	return query->setOperations == nullptr &&
	       is_never_null(query, reinterpret_cast<Node *>(static_cast<TargetEntry *>(list_nth(query->targetList, column - 1))->expr));
}

int add_target(::Query *query, Expr *expression, const char *name)
{
	return shown_target(query, expression, name)->resno;
}

Node *over_no_rows(Node *expression)
{
	bool looks = false;
	Node *out = aggregates_over_nothing(expression, &looks);
	if (looks)
		return nullptr;
	out = static_cast<Node *>(copyObjectImpl(out));
	IncrementVarSublevelsUp(out, -1, 1);
	return eval_const_expressions(nullptr, out);
}

}  // namespace query
