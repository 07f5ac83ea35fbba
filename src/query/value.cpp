// Subqueries as values, and in any expression.
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

// What a subquery without GROUP BY yields for no rows, a value a column (nullptr is NULL).  Nothing, if it takes a look
// to know: a row that is not there is either one that HAVING does not let through, or one of no rows that it does.
std::optional<std::vector<Node *>> values_for_nothing(::Query *query)
{
	std::vector<Node *> out;
	Node *having = query->havingQual == nullptr ? nullptr : pg::call(over_no_rows, query->havingQual);
	bool rejects = having != nullptr && IsA(having, Const) && (reinterpret_cast<Const *>(having)->constisnull || !DatumGetBool(reinterpret_cast<Const *>(having)->constvalue));
	if (query->havingQual != nullptr && !rejects)
		return {};
	ListCell *cell;
	foreach (cell, query->targetList) {
		auto *target = lfirst_node(TargetEntry, cell);
		if (target->resjunk)
			continue;
		Node *value = rejects ? nullptr : pg::call(over_no_rows, reinterpret_cast<Node *>(target->expr));
		if (value == nullptr && !rejects)
			return {};
		out.push_back(value);
	}
	return out;
}

// The subquery's columns for each row of A, which it has no more than one row for.
std::vector<Node *> values(From &from, ::Query *original, const Environment &environment)
{
	::Query *query = copy(original);
	bool global = pg::call(is_global, query), whole = false;
	std::vector<Node *> nothing, out;
	Var *marker = nullptr;
	int mark = -1;
	if (global) {
		auto empty = values_for_nothing(copy(query));
		whole = !empty;
		nothing = empty.value_or(std::vector<Node *>{});
		if (std::any_of(nothing.begin(), nothing.end(), [](Node *value) { return !is_null_constant(value); }))
			mark = pg::call(add_target, query, reinterpret_cast<Expr *>(true_constant()), "present") - 1;
	}
	int width = visible_columns(original);
	Related r = relate(from, query, environment, whole);
	bool always = global && query->havingQual == nullptr && (whole || !r.is_correlated());
	if (is_single(r)) {
		int first = join(from, r, !always);
		for (int i = 0; i < width; i++)
			out.push_back(reinterpret_cast<Node *>(new_column(from, first + i, environment)));
		if (mark >= 0 && !always)
			marker = new_column(from, first + mark, environment);
		for (int i = 0; marker != nullptr && i < width; i++)
			if (!is_null_constant(nothing[i]))
				out[i] = case_of(is_present(reinterpret_cast<Node *>(marker)), out[i], nullptr, nullptr, nothing[i]);
		return out;
	}
	r = only_rows(std::move(r));
	int first = join(from, r, true);
	for (int i = 0; i < width; i++) {
		// The server's own error, where the value is asked for.
		const Column &type = from.node->columns[first + i];
		std::string name = pg::type_name(type.type, type.typmod);
		auto *column = new_column(from, first + i, environment);
		from.scope.columns.erase({column->varno, 1});
		from.scope.computed.push_back({reinterpret_cast<Node *>(column),
		                               "CASE WHEN " + hole(first + width) + " > 1 THEN (SELECT NULL::" + name + " FROM pg_catalog.generate_series(1, 2)) ELSE " +
		                                   hole(first + i) + " END",
		                               type});
		out.push_back(reinterpret_cast<Node *>(column));
	}
	return out;
}

Node *exists(From &from, ::Query *original, const Environment &environment)
{
	::Query *query = pg::call(existence, original);
	if (query == nullptr)
		return true_constant();
	if (pg::call(is_global, query)) {
		pg::call(add_target, query, reinterpret_cast<Expr *>(true_constant()), "present");
		return is_present(values(from, query, environment)[0]);
	}
	if (query->setOperations == nullptr && query->distinctClause == NIL && !query->hasTargetSRFs) {
		ListCell *cell;
		foreach (cell, query->targetList)
			lfirst_node(TargetEntry, cell)->resjunk = true;
		pg::call(add_target, query, reinterpret_cast<Expr *>(true_constant()), "present");
	}
	Related r = relate(from, query, environment);
	// One row that is there or not, for each p.
	auto present = std::make_shared<Operator>();
	present->kind = Kind::project;
	present->expressions.push_back({"true", {}, {"present", BOOLOID, -1, InvalidOid, true}, {}, -1});
	for (size_t i = 0; i < r.left.size(); i++)
		present->expressions.push_back(column_of(r.width + i, r.node->columns[r.width + i]));
	for (const Expression &e : present->expressions)
		present->columns.push_back(e.type);
	bool single = is_single(r);
	present->inputs.push_back(std::move(r.node));
	r.node = single ? std::move(present) : distinct(std::move(present));
	r.width = 1;
	int first = join(from, r, true);
	return is_present(reinterpret_cast<Node *>(new_column(from, first, environment)));
}

Node *exists_link(::Query *query)
{
	auto make = [](::Query *subselect) {
		auto *link = makeNode(SubLink);
		link->subLinkType = EXISTS_SUBLINK;
		link->subselect = reinterpret_cast<Node *>(subselect);
		link->location = -1;
		return reinterpret_cast<Node *>(link);
	};
	return pg::call(+make, query);
}

namespace {

// ---- ANY and ALL by EXISTS ----

Node *null_test(Node *test)
{
	auto make = [](Node *arg) {
		auto *null = makeNode(NullTest);
		null->arg = reinterpret_cast<Expr *>(arg);
		null->nulltesttype = IS_NULL;
		null->location = -1;
		return reinterpret_cast<Node *>(null);
	};
	return pg::call(+make, test);
}

// NULL if and only if a side is.
bool is_strict(Node *test)
{
	return IsA(test, OpExpr) && list_length(reinterpret_cast<OpExpr *>(test)->args) == 2 &&
	       reinterpret_cast<OpExpr *>(test)->opno < FirstNormalObjectId && op_strict(reinterpret_cast<OpExpr *>(test)->opno);
}

}  // namespace

// Conditions that there is a row for which the test is NULL: no more than can be true.
std::vector<Node *> null_parts(const From &from, SubLink *link)
{
	auto *query = reinterpret_cast<::Query *>(link->subselect);
	if (!pg::call(is_strict, link->testexpr))
		return {exists_link(pg::call(tested, link, null_test(copy(link->testexpr))))};
	std::vector<Node *> out;
	auto *op = reinterpret_cast<OpExpr *>(link->testexpr);
	Scope scope = from.scope;
	scope.input = &from.node->columns;
	if (!make_expression(static_cast<Node *>(linitial(op->args)), scope).type.not_null)
		out.push_back(exists_link(pg::call(tested, link, null_test(copy(static_cast<Node *>(linitial(op->args)))))));
	Node *theirs = unlabelled(static_cast<Node *>(lsecond(op->args)));
	if (!IsA(theirs, Param) || !pg::call(column_never_null, query, reinterpret_cast<Param *>(theirs)->paramid))
		out.push_back(exists_link(pg::call(tested, link, null_test(copy(static_cast<Node *>(lsecond(op->args)))))));
	return out;
}

namespace {

Node *or_of(const std::vector<Node *> &conditions)
{
	List *all = NIL;
	for (Node *one : conditions)
		all = pg::call(lappend, all, static_cast<void *>(one));
	return all == NIL ? nullptr : reinterpret_cast<Node *>(pg::call(make_orclause, all));
}

Node *null_boolean()
{
	return pg::call(makeBoolConst, false, true);
}

Node *quantified(From &from, SubLink *link)
{
	bool all = link->subLinkType == ALL_SUBLINK;
	Node *decides = exists_link(pg::call(tested, link, all ? negated(link->testexpr) : link->testexpr));
	Node *unknown = or_of(null_parts(from, link));
	return case_of(decides, pg::call(makeBoolConst, !all, false), unknown, unknown == nullptr ? nullptr : null_boolean(),
	               pg::call(makeBoolConst, all, false));
}

// ---- any expression ----

struct First {
	SubLink *found;
};

bool first_sublink(Node *node, void *context)
{
	if (node == nullptr)
		return false;
	if (is_subquery(node)) {
		static_cast<First *>(context)->found = reinterpret_cast<SubLink *>(node);
		return true;
	}
	return expression_tree_walker(node, first_sublink, context);
}

struct Exchange {
	Node *from, *to;
};

Node *exchange(Node *node, void *context)
{
	auto *e = static_cast<Exchange *>(context);
	if (node == nullptr)
		return nullptr;
	if (IsA(node, SubLink) && equal(node, e->from))
		return static_cast<Node *>(copyObjectImpl(e->to));
	return expression_tree_mutator(node, exchange, context);
}

struct Parameters {
	const std::vector<Node *> *values;
};

Node *with_values(Node *node, void *context)
{
	if (node == nullptr)
		return nullptr;
	if (IsA(node, Param) && reinterpret_cast<Param *>(node)->paramkind == PARAM_SUBLINK)
		return static_cast<Node *>(copyObjectImpl((*static_cast<Parameters *>(context)->values)[reinterpret_cast<Param *>(node)->paramid - 1]));
	return expression_tree_mutator(node, with_values, context);
}

Node *value_of(From &from, SubLink *link, const Environment &environment)
{
	auto *query = reinterpret_cast<::Query *>(link->subselect);
	if (link->testexpr != nullptr)
		link->testexpr = attach(from, link->testexpr, environment);
	switch (link->subLinkType) {
	case EXISTS_SUBLINK:
		return exists(from, query, environment);
	case ANY_SUBLINK:
	case ALL_SUBLINK:
		return quantified(from, link);
	case EXPR_SUBLINK:
		return values(from, query, environment)[0];
	case ROWCOMPARE_SUBLINK: {
		std::vector<Node *> columns = values(from, query, environment);
		Parameters parameters{&columns};
		return pg::call(with_values, link->testexpr, static_cast<void *>(&parameters));
	}
	case ARRAY_SUBLINK:
		return values(from, pg::call(array_of, query), environment)[0];
	default:
		no_law("this kind of subquery", link->location);
	}
}

}  // namespace

SubLink *find_sublink(Node *expression)
{
	First first{nullptr};
	first_sublink(expression, &first);
	return first.found;
}

Node *exchanged(Node *expression, Node *from, Node *to)
{
	Exchange e{from, to};
	return exchange(expression, &e);
}

Node *attach(From &from, Node *expression, const Environment &environment)
{
	if (expression == nullptr)
		return nullptr;
	while (SubLink *link = pg::call(find_sublink, expression)) {
		auto *own = reinterpret_cast<SubLink *>(copy(reinterpret_cast<Node *>(link)));
		Node *value = value_of(from, own, environment);
		expression = pg::call(exchanged, expression, reinterpret_cast<Node *>(link), value);
	}
	return expression;
}

}  // namespace query
