#include "unqualified.h"

extern "C" {
#include "access/cmptype.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

namespace query {

namespace {

bool is_of_the_server(Oid opno)
{
	HeapTuple tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(opno));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator %u", opno);
	bool out = reinterpret_cast<Form_pg_operator>(GETSTRUCT(tuple))->oprnamespace == PG_CATALOG_NAMESPACE;
	ReleaseSysCache(tuple);
	return out;
}

// DistinctExpr and NullIfExpr are OpExpr under other tags.
OpExpr *compared(const OpExpr *of, List *args)
{
	auto *op = makeNode(OpExpr);
	*op = *of;
	op->xpr.type = T_OpExpr;
	op->opresulttype = BOOLOID;
	op->args = args;
	return op;
}

Expr *null_test(Node *argument)
{
	auto *test = makeNode(NullTest);
	test->arg = static_cast<Expr *>(copyObjectImpl(argument));
	test->nulltesttype = IS_NULL;
	test->location = -1;
	return reinterpret_cast<Expr *>(test);
}

Node *distinct(const OpExpr *of, List *args)
{
	auto *equal = makeNode(BooleanTest);
	equal->arg = reinterpret_cast<Expr *>(compared(of, args));
	equal->booltesttype = IS_NOT_TRUE;
	equal->location = of->location;
	Expr *both = make_andclause(list_make2(null_test(static_cast<Node *>(linitial(args))), null_test(static_cast<Node *>(lsecond(args)))));
	return reinterpret_cast<Node *>(make_andclause(list_make2(equal, make_notclause(both))));
}

CaseWhen *when(Expr *condition, Expr *result)
{
	auto *out = makeNode(CaseWhen);
	out->expr = condition;
	out->result = result;
	out->location = -1;
	return out;
}

Node *null_if(const OpExpr *of, List *args)
{
	auto *first = static_cast<Node *>(copyObjectImpl(linitial(args)));
	auto *out = makeNode(CaseExpr);
	out->casetype = exprType(first);
	out->casecollid = exprCollation(first);
	Const *null = makeNullConst(exprType(first), exprTypmod(first), exprCollation(first));
	out->args = list_make1(when(reinterpret_cast<Expr *>(compared(of, args)), reinterpret_cast<Expr *>(null)));
	out->defresult = reinterpret_cast<Expr *>(first);
	out->location = of->location;
	return reinterpret_cast<Node *>(out);
}

// The value in its place: below casts, the one of an array's elements excepted, on the left of the operator.
Node *put(Node *node, void *value)
{
	if (node == nullptr)
		return nullptr;
	if (IsA(node, CaseTestExpr))
		return static_cast<Node *>(copyObjectImpl(value));
	if (IsA(node, ArrayCoerceExpr)) {
		auto *cast = static_cast<ArrayCoerceExpr *>(copyObjectImpl(node));
		cast->arg = reinterpret_cast<Expr *>(put(reinterpret_cast<Node *>(cast->arg), value));
		return reinterpret_cast<Node *>(cast);
	}
	return expression_tree_mutator(node, put, value);
}

bool compares_by_another(const CaseExpr *of)
{
	bool another = false;
	ListCell *cell;
	foreach (cell, of->args) {
		auto *test = lfirst_node(CaseWhen, cell)->expr;
		if (!IsA(test, OpExpr))
			return false;
		another = another || !is_of_the_server(reinterpret_cast<OpExpr *>(test)->opno);
	}
	return another;
}

Node *searched(CaseExpr *of)
{
	ListCell *cell;
	foreach (cell, of->args) {
		auto *op = reinterpret_cast<OpExpr *>(lfirst_node(CaseWhen, cell)->expr);
		linitial(op->args) = put(static_cast<Node *>(linitial(op->args)), of->arg);
	}
	of->arg = nullptr;
	return reinterpret_cast<Node *>(of);
}

Expr *compare(Oid opno, const RowCompareExpr *of, int column)
{
	auto *left = static_cast<Expr *>(copyObjectImpl(list_nth(of->largs, column))), *right = static_cast<Expr *>(copyObjectImpl(list_nth(of->rargs, column)));
	return make_opclause(opno, BOOLOID, false, left, right, InvalidOid, list_nth_oid(of->inputcollids, column));
}

// Of the family of the column's operator, that of another strategy.
Oid sibling(const RowCompareExpr *of, int column, CompareType wanted)
{
	Oid family = list_nth_oid(of->opfamilies, column), left, right;
	int strategy;
	get_op_opfamily_properties(list_nth_oid(of->opnos, column), family, false, &strategy, &left, &right);
	return get_opfamily_member_for_cmptype(family, left, right, wanted);
}

Node *in_order(const RowCompareExpr *of)
{
	bool less = of->cmptype == COMPARE_LT || of->cmptype == COMPARE_LE;
	int last = list_length(of->opnos) - 1;
	Expr *out = compare(list_nth_oid(of->opnos, last), of, last);
	for (int column = last - 1; column >= 0; column--) {
		Expr *beyond = compare(sibling(of, column, less ? COMPARE_LT : COMPARE_GT), of, column), *level = compare(sibling(of, column, COMPARE_EQ), of, column);
		out = make_orclause(list_make2(beyond, make_andclause(list_make2(level, out))));
	}
	return reinterpret_cast<Node *>(out);
}

bool orders_by_another(const RowCompareExpr *of)
{
	ListCell *cell;
	foreach (cell, of->opnos)
		if (!is_of_the_server(lfirst_oid(cell)))
			return true;
	return false;
}

Node *name_operators(Node *node, void *context)
{
	if (node == nullptr)
		return nullptr;
	if (IsA(node, Query))
		return reinterpret_cast<Node *>(query_tree_mutator(reinterpret_cast<::Query *>(node), name_operators, context, 0));
	node = expression_tree_mutator(node, name_operators, context);
	auto *op = reinterpret_cast<OpExpr *>(node);
	if (IsA(node, DistinctExpr) && !is_of_the_server(op->opno))
		return distinct(op, op->args);
	if (IsA(node, NullIfExpr) && !is_of_the_server(op->opno))
		return null_if(op, op->args);
	if (IsA(node, CaseExpr) && reinterpret_cast<CaseExpr *>(node)->arg != nullptr && compares_by_another(reinterpret_cast<CaseExpr *>(node)))
		return searched(reinterpret_cast<CaseExpr *>(node));
	if (IsA(node, RowCompareExpr) && orders_by_another(reinterpret_cast<RowCompareExpr *>(node)))
		return in_order(reinterpret_cast<RowCompareExpr *>(node));
	return node;
}

}  // namespace

::Query *with_operators_named(::Query *query)
{
	return query_tree_mutator(query, name_operators, nullptr, 0);
}

}  // namespace query
