#include "subquery.h"

#include "condition.h"
#include "correlate.h"
#include "pg/sql.hpp"
#include "push.h"
#include "relate.h"
#include "time.h"

extern "C" {
#include "access/stratnum.h"
#include "access/transam.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteManip.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"
}

#include <algorithm>

namespace query {

namespace {

// A side of a condition that is not a column, as one: then the other is found by it.
Node *as_column(From &from, Node *side, const Environment &environment)
{
	Node *bare = unlabelled(side);
	return IsA(bare, Var) || IsA(bare, Const) ? side : reinterpret_cast<Node *>(new_column(from, column_for(from, side), environment));
}

struct Sides {
	int offset;
	bool low, high;
};

bool find_sides(Node *node, void *context)
{
	auto *sides = static_cast<Sides *>(context);
	if (node == nullptr)
		return false;
	if (IsA(node, Var)) {
		(reinterpret_cast<Var *>(node)->varno > sides->offset ? sides->high : sides->low) = true;
		return false;
	}
	return expression_tree_walker(node, find_sides, context);
}

// The subquery's columns as if it were one more FROM item of the level above.
void lower(Node *condition, int offset)
{
	OffsetVarNodes(condition, offset, 0);
	IncrementVarSublevelsUp(condition, -1, 1);
}

std::set<int> columns_from(const Operator &node, int first)
{
	std::set<int> out;
	for (const Expression &condition : node.conditions)
		for (int column : condition.columns)
			if (column >= first)
				out.insert(column - first);
	return out;
}

// Without an equality every row of R would be looked at for each of A: then at least each combination once, if those can be told.
void reduce_right(Operator &node, int width)
{
	std::set<int> used = columns_from(node, width);
	if (!std::all_of(used.begin(), used.end(), [&](int column) { return pg::has_equality(node.inputs[1]->columns[column].type); }))
		return;
	std::vector<int> columns(used.begin(), used.end());
	node.inputs[1] = distinct_columns(std::move(node.inputs[1]), columns, {});
	for (Expression &condition : node.conditions)
		condition = remap(condition, [&](int column) {
			return column < width ? column : width + int(std::find(columns.begin(), columns.end(), column - width) - columns.begin());
		});
}

// As far down in A as its columns come from one input.
Tree place(Tree a, const std::shared_ptr<Operator> &semi, int width)
{
	std::set<int> used;
	for (const Expression &condition : semi->conditions)
		for (int column : condition.columns)
			if (column < width)
				used.insert(column);
	bool joins = a->kind == Kind::join || a->kind == Kind::left_join;
	if (joins && !a->shared() && !used.empty()) {
		int input = a->input_of(*used.begin()), low = a->offset(input), inside = a->inputs[input]->width();
		if (*used.rbegin() < low + inside && (a->kind == Kind::join || input == 0)) {
			for (Expression &condition : semi->conditions)
				condition = remap(condition, [&](int column) { return column < width ? column - low : inside + column - width; });
			for (Equality &e : semi->equalities)
				e.left_column -= low;
			if (semi->bound)
				semi->bound->left -= low;
			a->inputs[input] = place(std::move(a->inputs[input]), semi, inside);
			return a;
		}
	}
	semi->columns = a->columns;
	semi->depth = a->depth;
	semi->inputs[0] = std::move(a);
	return semi;
}

struct Split {
	List *outer, *local;
	bool fits;
};

// Conjuncts that read the level above, and whether nothing else does.
void split(::Query *query, List *computed, Split *out)
{
	*out = {NIL, NIL, is_simple(query) && query->jointree->fromlist != NIL};
	ListCell *cell;
	auto reads_above = [&](Node *tree) {
		auto *probe = makeNode(Query);
		probe->commandType = CMD_SELECT;
		probe->jointree = makeFromExpr(NIL, tree);
		return outer_references(probe, computed) != NIL;
	};
	foreach (cell, conjuncts_of(query->jointree->quals)) {
		auto *one = static_cast<Node *>(lfirst(cell));
		if (!reads_above(one))
			out->local = lappend(out->local, one);
		else {
			out->outer = lappend(out->outer, one);
			out->fits = out->fits && !has_sublinks(one) && !tells_time(one);
		}
	}
	auto *rest = static_cast<::Query *>(copyObjectImpl(query));
	rest->targetList = NIL;
	rest->jointree->quals = nullptr;
	out->fits = out->fits && outer_references(rest, computed) == NIL;
}

}  // namespace

std::optional<Beside> beside(From &from, ::Query *query, bool with_targets, const Environment &environment)
{
	Split parts;
	pg::call(split, query, computed_of(from.scope), &parts);
	if (!parts.fits || (with_targets && pg::call(has_sublinks, reinterpret_cast<Node *>(query->targetList))))
		return {};
	::Query *rows = copy(query);
	rows->jointree->quals = reinterpret_cast<Node *>(parts.local);
	List *over = static_cast<List *>(pg::call(copyObjectImpl, static_cast<const void *>(list_make2(parts.outer, with_targets ? query->targetList : NIL))));
	Beside out{build_rows(rows, environment, &over)};
	if (!out.right.scope.computed.empty())
		return {};
	int offset = environment.next_index;
	environment.next_index += 1000;
	std::map<std::pair<int, int>, int> shifted;
	for (auto [key, column] : out.right.scope.columns)
		shifted[{key.first + offset, key.second}] = column;
	out.right.scope.columns = std::move(shifted);
	pg::call(lower, reinterpret_cast<Node *>(over), offset);
	out.condition = static_cast<List *>(linitial(over));
	out.targets = static_cast<List *>(lsecond(over));
	ListCell *cell;
	foreach (cell, out.condition) {
		auto *one = static_cast<Node *>(lfirst(cell));
		if (!pg::call(is_equation, one))
			continue;
		ListCell *side;
		foreach (side, reinterpret_cast<OpExpr *>(one)->args) {
			Sides sides{offset, false, false};
			(void)pg::call(find_sides, static_cast<Node *>(lfirst(side)), static_cast<void *>(&sides));
			bool theirs = sides.high && !sides.low;
			if (theirs != (sides.low && !sides.high))
				lfirst(side) = as_column(theirs ? out.right : from, static_cast<Node *>(lfirst(side)), environment);
		}
	}
	return out;
}

// Conditions over the columns of both inputs, A's first.
void add_conditions(Operator &node, Node *condition, const Scope &scope, int width)
{
	for (Condition &one : conditions(condition, scope)) {
		if (one.expr.uses_time())
			no_law("now() against what a subquery reads outside", one.location);
		if (one.equated) {
			auto [a, b, alike] = *one.equated;
			if ((a < width) != (b < width))
				node.equalities.push_back({0, std::min(a, b), 1, std::max(a, b) - width, int(node.conditions.size()), alike});
		}
		node.conditions.push_back(one.expr);
	}
}

Scope both_scopes(const From &from, const From &right, std::vector<Column> *columns)
{
	Scope both = from.scope;
	for (auto [key, column] : right.scope.columns)
		both.columns[key] = from.node->width() + column;
	*columns = from.node->columns;
	columns->insert(columns->end(), right.node->columns.begin(), right.node->columns.end());
	both.input = columns;
	return both;
}

namespace {

// A condition over A and the rows of the subquery is the join's.
bool semi_by_condition(From &from, ::Query *query, Kind kind, const Environment &environment)
{
	auto rows = beside(from, query, false, environment);
	if (!rows)
		return false;
	auto node = std::make_shared<Operator>();
	node->kind = kind;
	int width = from.node->width();
	std::vector<Column> columns;
	Scope both = both_scopes(from, rows->right, &columns);
	add_conditions(*node, reinterpret_cast<Node *>(rows->condition), both, width);
	node->inputs = {nullptr, std::move(rows->right.node)};
	if (node->equalities.empty())
		reduce_right(*node, width);
	from.node = place(std::move(from.node), node, width);
	return true;
}

void semi(From &from, ::Query *original, bool anti, const Environment &environment)
{
	::Query *query = pg::call(existence, original);
	Kind kind = anti ? Kind::anti_join : Kind::semi_join;
	if (query == nullptr || pg::call(is_global, query)) {
		Node *there = query == nullptr ? true_constant() : exists(from, query, environment);
		from.node = filter(std::move(from.node), anti ? negated(there) : there, from.scope);
		return;
	}
	if (semi_by_condition(from, query, kind, environment))
		return;
	Related r = relate(from, query, environment);
	auto node = std::make_shared<Operator>();
	int width = from.node->width();
	node->kind = kind;
	node->inputs = {nullptr, r.node};
	match(*node, r, width);
	if (node->equalities.empty())
		reduce_right(*node, width);
	from.node = place(std::move(from.node), node, width);
}

// A conjunct that is EXISTS, ANY or ALL, or their negation, as semi and anti joins.
bool restrict_by_sublink(From &from, Node *conjunct, const Environment &environment)
{
	bool negative = false;
	while (IsA(conjunct, BoolExpr) && reinterpret_cast<BoolExpr *>(conjunct)->boolop == NOT_EXPR) {
		negative = !negative;
		conjunct = static_cast<Node *>(linitial(reinterpret_cast<BoolExpr *>(conjunct)->args));
	}
	if (!IsA(conjunct, SubLink))
		return false;
	auto *link = reinterpret_cast<SubLink *>(copy(conjunct));
	if (link->subLinkType == EXISTS_SUBLINK) {
		semi(from, reinterpret_cast<::Query *>(link->subselect), negative, environment);
		return true;
	}
	if (link->subLinkType != ANY_SUBLINK && link->subLinkType != ALL_SUBLINK)
		return false;
	link->testexpr = attach(from, link->testexpr, environment);
	bool all = link->subLinkType == ALL_SUBLINK;
	::Query *decides = pg::call(tested, link, all ? negated(link->testexpr) : link->testexpr);
	// True where some row decides it, or where none does and none is unknown.
	if (negative == all)
		semi(from, decides, false, environment);
	else {
		std::vector<Node *> unknown = null_parts(from, link);
		semi(from, decides, true, environment);
		for (Node *one : unknown)
			semi(from, reinterpret_cast<::Query *>(reinterpret_cast<SubLink *>(one)->subselect), true, environment);
	}
	return true;
}

// mine < theirs, or <=, >, >=, or the other way round, where theirs has a subquery of one row.
struct Comparison {
	int position;               // of theirs, in the operator's arguments
	Node *mine, *theirs;
	SubLink *link;
	Oid type, collation;        // of both; 0 if they have two types
};

bool is_beside_one_row(Node *conjunct, Comparison *out)
{
	auto *op = reinterpret_cast<OpExpr *>(conjunct);
	if (!IsA(conjunct, OpExpr) || list_length(op->args) != 2 || contain_mutable_functions(conjunct))
		return false;
	Node *sides[] = {static_cast<Node *>(linitial(op->args)), static_cast<Node *>(lsecond(op->args))};
	out->position = has_sublinks(sides[1]);
	out->theirs = sides[out->position];
	out->mine = sides[1 - out->position];
	Oid type = exprType(out->mine), family = lookup_type_cache(type, TYPECACHE_BTREE_OPFAMILY)->btree_opf;
	int strategy = OidIsValid(family) ? get_op_opfamily_strategy(op->opno, family) : 0;
	if (has_sublinks(out->mine) || strategy == 0 || strategy == BTEqualStrategyNumber)
		return false;
	out->type = exprType(out->theirs) == type ? type : InvalidOid;
	out->collation = op->inputcollid;
	out->link = find_sublink(out->theirs);
	auto *query = reinterpret_cast<::Query *>(out->link->subselect);
	Node *rest = exchanged(out->theirs, reinterpret_cast<Node *>(out->link), reinterpret_cast<Node *>(makeNullConst(type, -1, InvalidOid)));
	return out->link->subLinkType == EXPR_SUBLINK && is_global(query) && query->havingQual == nullptr && find_sublink(rest) == nullptr;
}

Node *with_argument(Node *operation, int position, Node *argument)
{
	auto *op = static_cast<OpExpr *>(copyObjectImpl(operation));
	lfirst(list_nth_cell(op->args, position)) = argument;
	return reinterpret_cast<Node *>(op);
}

// The value of the subquery is the same for all rows, and none needs to have it: when it moves, rows come and go that lie
// between what it was and what it is.
bool restrict_by_value(From &from, Node *conjunct, const Environment &environment)
{
	Comparison found{};
	if (from.node->depth >= 0 || !pg::call(is_beside_one_row, conjunct, &found))
		return false;
	auto *query = reinterpret_cast<::Query *>(found.link->subselect);
	if (pg::call(outer_references, query, computed_of(from.scope)) != NIL)
		return false;
	From right{relate(from, query, environment).node, {}};
	Node *value = reinterpret_cast<Node *>(new_column(right, 0, environment));
	int column = column_for(right, pg::call(exchanged, found.theirs, reinterpret_cast<Node *>(found.link), value));
	auto node = std::make_shared<Operator>();
	int width = from.node->width();
	node->kind = Kind::semi_join;
	auto *theirs = reinterpret_cast<Node *>(new_column(right, column, environment));
	std::vector<Column> columns;
	Scope both = both_scopes(from, right, &columns), own = from.scope;
	add_conditions(*node, pg::call(with_argument, conjunct, found.position, theirs), both, width);
	own.input = &from.node->columns;
	Expression mine = make_expression(found.mine, own);
	if (mine.plain >= 0)
		if (const Column &one = from.node->columns[mine.plain]; one.type == found.type && one.collation == found.collation)
			node->bound = Bound{mine.plain, column};
	node->inputs = {nullptr, std::move(right.node)};
	from.node = place(std::move(from.node), node, width);
	return true;
}

}  // namespace

void restrict_to(From &from, Node *condition, const Environment &environment)
{
	std::vector<Node *> later;
	ListCell *cell;
	List *all = pg::call(conjuncts_of, condition);
	foreach (cell, all) {
		auto *one = static_cast<Node *>(lfirst(cell));
		if (pg::call(has_sublinks, one))
			later.push_back(one);
		else
			from.node = filter(std::move(from.node), one, from.scope);
	}
	std::vector<Node *> values;
	for (Node *one : later)
		if (!restrict_by_sublink(from, one, environment))
			values.push_back(one);
	for (Node *one : values) {
		if (restrict_by_value(from, one, environment))
			continue;
		Node *attached = attach(from, one, environment);
		from.node = filter(std::move(from.node), attached, from.scope);
	}
}

}  // namespace query
