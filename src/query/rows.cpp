#include "rows.h"

extern "C" {
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_relation.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"
}

#include "correlate.h"
#include "expression.h"

namespace query {

namespace {

struct Expansion {
	::Query *query;
	int depth;
	List *present;      // pairs of a range table index and the column with whether the row is there
};

// (SELECT r FROM (SELECT a AS x, b AS y) r)
Node *named_row(List *values, List *names)
{
	auto *inner = makeNode(Query), *outer = makeNode(Query);
	auto *entry = makeNode(RangeTblEntry);
	auto *reference = makeNode(RangeTblRef);
	auto *link = makeNode(SubLink);
	inner->commandType = outer->commandType = CMD_SELECT;
	inner->canSetTag = outer->canSetTag = true;
	inner->jointree = makeFromExpr(NIL, nullptr);
	ListCell *value, *name;
	forboth (value, values, name, names) {
		auto *one = static_cast<Node *>(copyObjectImpl(lfirst(value)));
		IncrementVarSublevelsUp(one, 2, 0);
		inner->targetList = lappend(inner->targetList, makeTargetEntry(reinterpret_cast<Expr *>(one), list_length(inner->targetList) + 1, pstrdup(strVal(lfirst(name))), false));
	}
	entry->rtekind = RTE_SUBQUERY;
	entry->subquery = inner;
	entry->lateral = false;
	entry->inFromCl = true;
	entry->alias = makeAlias("r", NIL);
	entry->eref = makeAlias("r", static_cast<List *>(copyObjectImpl(names)));
	reference->rtindex = 1;
	outer->rtable = list_make1(entry);
	outer->jointree = makeFromExpr(list_make1(reference), nullptr);
	outer->targetList = list_make1(makeTargetEntry(reinterpret_cast<Expr *>(makeVar(1, 0, RECORDOID, -1, InvalidOid, 0)), 1, pstrdup("r"), false));
	link->subLinkType = EXPR_SUBLINK;
	link->subselect = reinterpret_cast<Node *>(outer);
	link->location = -1;
	return reinterpret_cast<Node *>(link);
}

Var *column_like(const Var *row, int attribute, Oid type, int32 typmod, Oid collation)
{
	Var *out = makeVar(row->varno, attribute, type, typmod, collation, row->varlevelsup);
	out->varnullingrels = bms_copy(row->varnullingrels);
	return out;
}

Node *typed_row(const Var *row)
{
	auto *out = makeNode(RowExpr);
	out->row_typeid = row->vartype;
	out->row_format = COERCE_EXPLICIT_CAST;
	out->location = -1;
	TupleDesc description = lookup_rowtype_tupdesc(row->vartype, -1);
	for (int i = 0; i < description->natts; i++) {
		Form_pg_attribute attribute = TupleDescAttr(description, i);
		out->args = lappend(out->args, attribute->attisdropped
		                                   ? reinterpret_cast<Node *>(makeNullConst(INT4OID, -1, InvalidOid))
		                                   : reinterpret_cast<Node *>(column_like(row, i + 1, attribute->atttypid, attribute->atttypmod, attribute->attcollation)));
	}
	ReleaseTupleDesc(description);
	return reinterpret_cast<Node *>(out);
}

// The column that was added to the entry; 0: none.
int present_column(const Expansion *state, int index)
{
	ListCell *cell;
	foreach (cell, state->present)
		if (linitial_int(static_cast<List *>(lfirst(cell))) == index)
			return lsecond_int(static_cast<List *>(lfirst(cell)));
	return 0;
}

Node *row_of_record(const Var *row, RangeTblEntry *entry, const Expansion *state)
{
	List *names, *columns;
	ListCell *cell;
	expandRTE(entry, row->varno, row->varlevelsup, VAR_RETURNING_DEFAULT, -1, false, &names, &columns);
	if (int present = present_column(state, row->varno); present > 0) {
		names = list_truncate(names, present - 1);
		columns = list_truncate(columns, present - 1);
	}
	foreach (cell, columns)
		if (IsA(lfirst(cell), Var))
			lfirst_node(Var, cell)->varnullingrels = bms_union(lfirst_node(Var, cell)->varnullingrels, row->varnullingrels);
	return named_row(columns, names);
}

// A column that is NULL only where an outer join has no row for the entry.
Node *presence(const Var *row, RangeTblEntry *entry, Expansion *state)
{
	if (entry->rtekind == RTE_SUBQUERY && entry->subquery->setOperations == nullptr) {
		int column = present_column(state, row->varno);
		if (column == 0) {
			column = add_target(entry->subquery, reinterpret_cast<Expr *>(makeBoolConst(true, false)), "present");
			entry->eref->colnames = lappend(entry->eref->colnames, makeString(pstrdup("present")));
			state->present = lappend(state->present, list_make2_int(row->varno, column));
		}
		return reinterpret_cast<Node *>(column_like(row, column, BOOLOID, -1, InvalidOid));
	}
	if (entry->rtekind != RTE_RELATION || row->vartype == RECORDOID)
		return nullptr;
	Node *found = nullptr;
	TupleDesc description = lookup_rowtype_tupdesc(row->vartype, -1);
	for (int i = 0; i < description->natts && found == nullptr; i++) {
		Form_pg_attribute attribute = TupleDescAttr(description, i);
		if (!attribute->attisdropped && TupleDescCompactAttr(description, i)->attnullability == ATTNULLABLE_VALID)
			found = reinterpret_cast<Node *>(column_like(row, i + 1, attribute->atttypid, attribute->atttypmod, attribute->attcollation));
	}
	ReleaseTupleDesc(description);
	return found;
}

Node *null_unless(Node *present, Node *row)
{
	auto *test = makeNode(NullTest);
	test->arg = reinterpret_cast<Expr *>(present);
	test->nulltesttype = IS_NOT_NULL;
	test->location = -1;
	auto *when = makeNode(CaseWhen);
	when->expr = reinterpret_cast<Expr *>(test);
	when->result = reinterpret_cast<Expr *>(row);
	when->location = -1;
	auto *out = makeNode(CaseExpr);
	out->casetype = exprType(row);
	out->args = list_make1(when);
	out->defresult = reinterpret_cast<Expr *>(makeNullConst(out->casetype, -1, InvalidOid));
	out->location = -1;
	return reinterpret_cast<Node *>(out);
}

bool is_whole_row(Node *node, const Expansion *state)
{
	auto *var = reinterpret_cast<Var *>(node);
	return IsA(node, Var) && var->varattno == 0 && int(var->varlevelsup) == state->depth && type_is_rowtype(var->vartype);
}

// Adds the columns that tell whether rows are there, before anything else changes.
bool add_presence(Node *node, void *context)
{
	auto *state = static_cast<Expansion *>(context);
	if (node == nullptr)
		return false;
	if (IsA(node, Query)) {
		state->depth++;
		(void)query_tree_walker(reinterpret_cast<::Query *>(node), add_presence, context, 0);
		state->depth--;
		return false;
	}
	auto *var = reinterpret_cast<Var *>(node);
	if (is_whole_row(node, state) && !bms_is_empty(var->varnullingrels))
		(void)presence(var, rt_fetch(var->varno, state->query->rtable), state);
	return expression_tree_walker(node, add_presence, context);
}

Node *expand(Node *node, void *context)
{
	auto *state = static_cast<Expansion *>(context);
	if (node == nullptr)
		return nullptr;
	if (IsA(node, Query)) {
		state->depth++;
		auto *out = query_tree_mutator(reinterpret_cast<::Query *>(node), expand, context, 0);
		state->depth--;
		return reinterpret_cast<Node *>(out);
	}
	if (!is_whole_row(node, state))
		return expression_tree_mutator(node, expand, context);
	auto *var = reinterpret_cast<Var *>(node);
	RangeTblEntry *entry = rt_fetch(var->varno, state->query->rtable);
	bool record = var->vartype == RECORDOID;
	Node *row = record ? row_of_record(var, entry, state) : typed_row(var);
	if (bms_is_empty(var->varnullingrels))
		return row;
	Node *present = presence(var, entry, state);
	if (present == nullptr)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("a whole row of \"%s\", which an outer join may lack, has no differential law yet", entry->eref->aliasname),
		                errdetail("A row that is not there is NULL, and no column of it tells so."),
		                errhint("Name the columns that you need, or give one of them NOT NULL.")));
	return null_unless(present, row);
}

}  // namespace

void expand_rows(::Query *query)
{
	Expansion state{query, 0, NIL};
	(void)query_tree_walker(query, add_presence, &state, QTW_IGNORE_JOINALIASES);
	(void)query_tree_mutator(query, expand, &state, QTW_DONT_COPY_QUERY | QTW_IGNORE_JOINALIASES);
}


namespace {

bool is_only_a_list(::Query *query)
{
	return is_simple(query) && query->jointree->quals == nullptr && list_length(query->targetList) > 0;
}

bool is_named_row(Node *expression)
{
	if (!IsA(expression, SubLink) || reinterpret_cast<SubLink *>(expression)->subLinkType != EXPR_SUBLINK)
		return false;
	auto *query = reinterpret_cast<::Query *>(reinterpret_cast<SubLink *>(expression)->subselect);
	if (!is_only_a_list(query) || list_length(query->rtable) != 1)
		return false;
	auto *entry = linitial_node(RangeTblEntry, query->rtable);
	auto *row = reinterpret_cast<Var *>(linitial_node(TargetEntry, query->targetList)->expr);
	return IsA(row, Var) && row->varattno == 0 && row->varlevelsup == 0 && entry->rtekind == RTE_SUBQUERY && is_only_a_list(entry->subquery) &&
	       entry->subquery->rtable == NIL;
}

}  // namespace

List *fields_of(Node *row)
{
	List *out = NIL;
	ListCell *cell;
	if (IsA(row, SubLink))
		return outer_references(reinterpret_cast<::Query *>(reinterpret_cast<SubLink *>(row)->subselect), NIL);
	if (IsA(row, CaseExpr)) {
		auto *when = linitial_node(CaseWhen, reinterpret_cast<CaseExpr *>(row)->args);
		return lcons(reinterpret_cast<NullTest *>(when->expr)->arg, fields_of(reinterpret_cast<Node *>(when->result)));
	}
	foreach (cell, reinterpret_cast<RowExpr *>(row)->args) {
		auto *one = static_cast<Node *>(lfirst(cell));
		if (is_row(one))
			out = list_concat(out, fields_of(one));
		else if (!IsA(one, Const))
			out = lappend(out, one);
	}
	return out;
}

bool is_row(Node *expression)
{
	if (!type_is_rowtype(exprType(expression)) || contain_mutable_functions(expression))
		return false;
	if (IsA(expression, RowExpr) || is_named_row(expression))
		return true;
	if (!IsA(expression, CaseExpr) || list_length(reinterpret_cast<CaseExpr *>(expression)->args) != 1)
		return false;
	auto *otherwise = reinterpret_cast<Node *>(reinterpret_cast<CaseExpr *>(expression)->defresult);
	auto *when = linitial_node(CaseWhen, reinterpret_cast<CaseExpr *>(expression)->args);
	auto *test = reinterpret_cast<NullTest *>(when->expr);
	bool missing = otherwise == nullptr || (IsA(otherwise, Const) && reinterpret_cast<Const *>(otherwise)->constisnull);
	return missing && IsA(test, NullTest) && test->nulltesttype == IS_NOT_NULL && !test->argisrow && IsA(test->arg, Var) && !IsA(when->result, CaseExpr) &&
	       is_row(reinterpret_cast<Node *>(when->result));
}

}  // namespace query
