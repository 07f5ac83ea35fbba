#include "condition.h"

#include "pg/sql.hpp"

extern "C" {
#include "access/stratnum.h"
#include "access/transam.h"
#include "catalog/pg_opfamily.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "optimizer/prep.h"
#include "catalog/namespace.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"
}

#include <algorithm>

namespace query {

namespace {

// The type's own equality, by which groups and unique keys tell values apart, and not another that it may have.
bool is_equality(Oid opno, Oid left_type)
{
	const TypeCacheEntry *type = lookup_type_cache(left_type, TYPECACHE_BTREE_OPFAMILY | TYPECACHE_HASH_OPFAMILY);
	bool own = (OidIsValid(type->btree_opf) && get_op_opfamily_strategy(opno, type->btree_opf) == BTEqualStrategyNumber) ||
	           (OidIsValid(type->hash_opf) && get_op_opfamily_strategy(opno, type->hash_opf) == HTEqualStrategyNumber);
	return own && (op_mergejoinable(opno, left_type) || op_hashjoinable(opno, left_type));
}

OpExpr *binary_operator(Node *condition)
{
	if (!IsA(condition, OpExpr))
		return nullptr;
	auto *op = reinterpret_cast<OpExpr *>(condition);
	return list_length(op->args) == 2 ? op : nullptr;
}

// What every branch of an OR says holds without it: an equality said in each branch is one to look up by.
Node *factored(Node *condition)
{
	return is_orclause(condition) ? reinterpret_cast<Node *>(canonicalize_qual(reinterpret_cast<Expr *>(condition), false)) : condition;
}

List *flat_conjuncts(Node *condition)
{
	if (condition == nullptr)
		return NIL;
	if (IsA(condition, List)) {
		List *all = NIL;
		ListCell *cell;
		foreach (cell, reinterpret_cast<List *>(condition))
			all = list_concat(all, flat_conjuncts(static_cast<Node *>(lfirst(cell))));
		return all;
	}
	if (is_andclause(condition))
		return flat_conjuncts(reinterpret_cast<Node *>(reinterpret_cast<BoolExpr *>(condition)->args));
	Node *simpler = factored(condition);
	return is_andclause(simpler) ? flat_conjuncts(simpler) : make_ands_implicit(reinterpret_cast<Expr *>(simpler));
}

// Anything but columns of one table and what is computed of them.
bool has_others(Node *node, void *table)
{
	if (node == nullptr)
		return false;
	if (IsA(node, Var)) {
		auto *var = reinterpret_cast<Var *>(node);
		return var->varlevelsup > 0 || var->varno != *static_cast<int *>(table);
	}
	if (IsA(node, SubLink) || IsA(node, SubPlan) || IsA(node, Param) || IsA(node, Aggref) || IsA(node, GroupingFunc) || IsA(node, WindowFunc))
		return true;
	return expression_tree_walker(node, has_others, table);
}

// What a branch of an OR says of one table alone.
List *said_of(Node *branch, int table)
{
	List *said = NIL;
	ListCell *cell;
	foreach (cell, make_ands_implicit(reinterpret_cast<Expr *>(branch))) {
		auto *one = static_cast<Node *>(lfirst(cell));
		if (contain_var_clause(one) && !has_others(one, &table))
			said = lappend(said, one);
	}
	return said;
}

// An OR over several tables, where every branch says something of one of them, lets through few rows of it:
//   σ[(x = 1 ∧ y = 2) ∨ (x = 3 ∧ y = 4)] (A × B) = σ[the same] (σ[x = 1 ∨ x = 3] A × σ[y = 2 ∨ y = 4] B)
// So fewer rows are looked up, and changes of the others reach nothing.
List *of_each_table(Node *condition)
{
	List *out = NIL;
	Bitmapset *tables = is_orclause(condition) ? pull_varnos(nullptr, condition) : nullptr;
	if (bms_membership(tables) != BMS_MULTIPLE || contain_volatile_functions(condition))
		return NIL;
	for (int table = -1; (table = bms_next_member(tables, table)) >= 0;) {
		List *branches = NIL;
		ListCell *cell;
		foreach (cell, reinterpret_cast<BoolExpr *>(condition)->args)
			if (List *said = said_of(static_cast<Node *>(lfirst(cell)), table); said != NIL)
				branches = lappend(branches, make_ands_explicit(said));
		if (list_length(branches) == list_length(reinterpret_cast<BoolExpr *>(condition)->args))
			out = lappend(out, makeBoolExpr(OR_EXPR, branches, exprLocation(condition)));
	}
	return out;
}

struct Numbers {
	int count;
	std::pair<int, int> found[1664];
};

// Columns (range table index, attribute) that are not NULL where the condition is true.
void not_null_where(Node *condition, Numbers *out)
{
	List *sets = find_nonnullable_vars(condition);
	int index = 0;
	ListCell *cell;
	foreach (cell, sets) {
		auto *set = static_cast<Bitmapset *>(lfirst(cell));
		for (int member = -1; (member = bms_next_member(set, member)) >= 0 && out->count < 1664;)
			out->found[out->count++] = {index, member + FirstLowInvalidHeapAttributeNumber};
		index++;
	}
}

std::set<int> rejected_by(Node *condition, const Scope &scope)
{
	auto numbers = std::make_unique<Numbers>();
	numbers->count = 0;
	pg::call(not_null_where, condition, numbers.get());
	std::set<int> out;
	for (int i = 0; i < numbers->count; i++)
		if (auto found = scope.columns.find(numbers->found[i]); found != scope.columns.end())
			out.insert(found->second);
	return out;
}

// Built-in types have one equality, which a collation may change.
bool groups_alike(const Column &left, const Column &right)
{
	auto integer = [](Oid type) { return type == INT2OID || type == INT4OID || type == INT8OID; };
	return (left.type == right.type || (integer(left.type) && integer(right.type))) && left.collation == right.collation &&
	       left.type < FirstNormalObjectId && left.type != RECORDOID && pg::has_hash(left.type) && pg::has_equality(left.type);
}

// varchar is compared as text, a domain as what it is over, by one equality.
Node *unlabelled(Node *node)
{
	while (IsA(node, RelabelType))
		node = reinterpret_cast<Node *>(reinterpret_cast<RelabelType *>(node)->arg);
	return node;
}

std::optional<Equated> equated(const OpExpr *op, const Scope &scope)
{
	Node *left = unlabelled(static_cast<Node *>(linitial(op->args))), *right = unlabelled(static_cast<Node *>(lsecond(op->args)));
	if (!IsA(left, Var) || !IsA(right, Var) || !pg::call(is_equality, op->opno, pg::call(exprType, static_cast<const Node *>(left))) ||
	    !pg::call(is_equality, op->opno, pg::call(exprType, static_cast<const Node *>(right))))
		return {};
	Expression a = make_expression(left, scope), b = make_expression(right, scope);
	if (a.plain < 0 || b.plain < 0)
		return {};
	return Equated{a.plain, b.plain, groups_alike(a.type, b.type)};
}

// column IS NOT NULL, of one that never is.
bool is_certain(Node *condition, const Scope &scope)
{
	auto *test = reinterpret_cast<NullTest *>(condition);
	if (!IsA(condition, NullTest) || test->nulltesttype != IS_NOT_NULL || test->argisrow || scope.input == nullptr || !IsA(test->arg, Var))
		return false;
	return make_expression(reinterpret_cast<Node *>(test->arg), scope).type.not_null;
}

struct Comparison {
	Node *column;
	std::int64_t value;
	int strategy;       // of the column against the value
};

// column <op> whole number, or the other way round.
void compare_with_number(const OpExpr *op, Comparison *out)
{
	auto *column = static_cast<Node *>(linitial(op->args)), *number = static_cast<Node *>(lsecond(op->args));
	int strategy = get_op_opfamily_strategy(op->opno, INTEGER_BTREE_FAM_OID);
	if (IsA(column, Const) && strategy != 0) {
		std::swap(column, number);
		strategy = BTMaxStrategyNumber + 1 - strategy;
	}
	out->strategy = 0;
	if (strategy == 0 || !IsA(column, Var) || !IsA(number, Const) || reinterpret_cast<Const *>(number)->constisnull)
		return;
	auto *known = reinterpret_cast<Const *>(number);
	out->column = column;
	out->strategy = strategy;
	out->value = known->consttype == INT8OID   ? DatumGetInt64(known->constvalue)
	             : known->consttype == INT4OID ? DatumGetInt32(known->constvalue)
	                                           : DatumGetInt16(known->constvalue);
}

std::optional<AtMost> at_most(const OpExpr *op, const Scope &scope)
{
	Comparison found{};
	pg::call(compare_with_number, op, &found);
	if (found.strategy == 0 || found.strategy > BTEqualStrategyNumber)
		return {};
	int column = make_expression(found.column, scope).plain;
	if (column < 0 || (found.strategy == BTLessStrategyNumber && found.value == PG_INT64_MIN))
		return {};
	return AtMost{column, found.value - (found.strategy == BTLessStrategyNumber)};
}

}  // namespace

std::vector<Condition> conditions(Node *condition, const Scope &scope)
{
	std::vector<Condition> out;
	ListCell *cell, *part;
	List *all = pg::call(flat_conjuncts, condition);
	foreach (cell, all) {
		auto *one = static_cast<Node *>(lfirst(cell));
		if (is_certain(one, scope))
			continue;
		Condition c{make_expression(one, scope), {}, {}, rejected_by(one, scope), pg::call(exprLocation, (const Node *)one)};
		if (OpExpr *op = binary_operator(one); op != nullptr && !c.expr.uses_time()) {
			c.equated = equated(op, scope);
			c.at_most = at_most(op, scope);
		}
		out.push_back(std::move(c));
		List *implied = pg::call(of_each_table, one);
		foreach (part, implied) {
			auto *of_table = static_cast<Node *>(lfirst(part));
			Condition less{make_expression(of_table, scope), {}, {}, rejected_by(of_table, scope), out.back().location};
			if (!less.expr.uses_time())
				out.push_back(std::move(less));
		}
	}
	return out;
}

}  // namespace query
