// WITH RECURSIVE: what it begins with, and a term over the rows of the last iteration.
//
// Each row of the last iteration must come to rows of its own in the term, whatever the other rows are: then a change of
// some is carried through the term without the others.  Filters, expressions, inner joins, and left, semi and anti
// joins that preserve it are like that.  A column with the depth of a row goes beside it through the term.
#include "from.h"

#include "pg/sql.hpp"

extern "C" {
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
}

#include <algorithm>

namespace query {

namespace {

// CYCLE and SEARCH keep the rows on the way to a row, as record[] or record, which no table can hold.  As text they can
// be held, and are equal if and only if the records are, for types with one look a value.  A record is the place of a
// row in SEARCH BREADTH FIRST: ORDER BY alone reads it, and UNION ALL does not compare it, so it is nothing.
struct AsText {
	Oid types[64];       // of their columns
	int count;
};

Oid text_type(Oid type)
{
	return type == RECORDARRAYOID ? TEXTARRAYOID : type == RECORDOID ? TEXTOID : type;
}

Node *as_text(Node *node, void *context)
{
	auto *state = static_cast<AsText *>(context);
	if (node == nullptr)
		return nullptr;
	if (IsA(node, Query))
		return reinterpret_cast<Node *>(query_tree_mutator(reinterpret_cast<::Query *>(node), as_text, context, 0));
	if (IsA(node, TargetEntry) && exprType(reinterpret_cast<Node *>(reinterpret_cast<TargetEntry *>(node)->expr)) == RECORDOID) {
		auto *entry = static_cast<TargetEntry *>(copyObjectImpl(node));
		entry->expr = reinterpret_cast<Expr *>(makeNullConst(TEXTOID, -1, DEFAULT_COLLATION_OID));
		return reinterpret_cast<Node *>(entry);
	}
	if (IsA(node, RowExpr) && reinterpret_cast<RowExpr *>(node)->row_typeid == RECORDOID) {
		auto *cast = makeNode(CoerceViaIO);
		cast->arg = reinterpret_cast<Expr *>(expression_tree_mutator(node, as_text, context));
		cast->resulttype = TEXTOID;
		cast->resultcollid = DEFAULT_COLLATION_OID;
		cast->coerceformat = COERCE_EXPLICIT_CAST;
		cast->location = -1;
		ListCell *cell;
		foreach (cell, reinterpret_cast<RowExpr *>(node)->args)
			if (state->count < 64)
				state->types[state->count++] = exprType(static_cast<Node *>(lfirst(cell)));
		return reinterpret_cast<Node *>(cast);
	}
	Node *out = expression_tree_mutator(node, as_text, context);
	if (IsA(out, Var) && text_type(reinterpret_cast<Var *>(out)->vartype) != reinterpret_cast<Var *>(out)->vartype) {
		reinterpret_cast<Var *>(out)->vartype = text_type(reinterpret_cast<Var *>(out)->vartype);
		reinterpret_cast<Var *>(out)->varcollid = DEFAULT_COLLATION_OID;
	} else if (IsA(out, ArrayExpr) && reinterpret_cast<ArrayExpr *>(out)->array_typeid == RECORDARRAYOID) {
		reinterpret_cast<ArrayExpr *>(out)->array_typeid = TEXTARRAYOID;
		reinterpret_cast<ArrayExpr *>(out)->array_collid = DEFAULT_COLLATION_OID;
		reinterpret_cast<ArrayExpr *>(out)->element_typeid = TEXTOID;
	} else if (IsA(out, FuncExpr) && reinterpret_cast<FuncExpr *>(out)->funcresulttype == RECORDARRAYOID) {
		reinterpret_cast<FuncExpr *>(out)->funcresulttype = TEXTARRAYOID;
		reinterpret_cast<FuncExpr *>(out)->funccollid = DEFAULT_COLLATION_OID;
	}
	return out;
}

::Query *without_records(const ::Query *query, AsText *state)
{
	return reinterpret_cast<::Query *>(as_text(static_cast<Node *>(copyObjectImpl(query)), state));
}

::Query *storable(const CommonTableExpr &cte, bool all)
{
	auto *query = reinterpret_cast<::Query *>(cte.ctequery);
	ListCell *cell;
	bool records = false;
	foreach (cell, cte.ctecoltypes) {
		records = records || lfirst_oid(cell) == RECORDOID || lfirst_oid(cell) == RECORDARRAYOID;
		if (lfirst_oid(cell) == RECORDOID && !all)
			no_law("SEARCH BREADTH FIRST of WITH RECURSIVE … UNION", cte.location, "The place of a row is of no type that a table could have.");
	}
	if (!records)
		return query;
	AsText state{};
	query = pg::call(without_records, static_cast<const ::Query *>(query), &state);
	for (int i = 0; i < state.count; i++)
		if (pg::varies_when_equal(state.types[i]))
			no_law("SEARCH or CYCLE of WITH RECURSIVE by a column of type " + pg::type_name(state.types[i]), cte.location,
			       "Equal values of the type can look different.");
	return query;
}

std::vector<Column> columns_of(const CommonTableExpr &cte)
{
	std::vector<Column> out;
	ListCell *name, *type, *typmod, *collation;
	forfour (name, cte.ctecolnames, type, cte.ctecoltypes, typmod, cte.ctecoltypmods, collation, cte.ctecolcollations)
		out.push_back({strVal(lfirst(name)), text_type(lfirst_oid(type)), lfirst_int(typmod),
		               text_type(lfirst_oid(type)) == lfirst_oid(type) ? lfirst_oid(collation) : DEFAULT_COLLATION_OID, false});
	return out;
}

Tree self(const CommonTableExpr &cte, std::shared_ptr<Recursion> recursion)
{
	auto node = std::make_shared<Operator>();
	node->kind = Kind::self;
	node->columns = columns_of(cte);
	node->depth = node->width();
	node->columns.push_back({"depth", INT8OID, -1, 0, true});
	node->recursion = std::move(recursion);
	return node;
}

bool holds_self(const Operator &node, const Recursion *recursion)
{
	bool found = false;
	walk(node, [&](const Operator &below) { found = found || (below.kind == Kind::self && below.recursion.get() == recursion); });
	return found;
}

// From the root of the term down to self there is nothing that looks at several rows at once.
void check_term(const Operator &node, const Recursion *recursion, int location)
{
	if (node.kind == Kind::self)
		return;
	int on = 0;
	while (!holds_self(*node.inputs[on], recursion))
		on++;
	if (std::count_if(node.inputs.begin(), node.inputs.end(), [&](const Tree &input) { return holds_self(*input, recursion); }) > 1)
		no_law("WITH RECURSIVE with a correlated subquery in its recursive term", location, "It would be made for all rows of the last iteration together.");
	if (!moments_of(node).empty())
		no_law("now() over the rows of a recursion", location, "Each step of the recursion would have to be taken at both times.");
	bool row_by_row = node.kind == Kind::filter || node.kind == Kind::project || node.kind == Kind::function || node.kind == Kind::join ||
	                  ((node.kind == Kind::left_join || node.kind == Kind::semi_join || node.kind == Kind::anti_join) && on == 0);
	if (!row_by_row)
		no_law("WITH RECURSIVE with its recursive term under " + std::string(name(node.kind)), location,
		       "What a row comes to in the next iteration would depend on other rows of the last one.");
	check_term(*node.inputs[on], recursion, location);
}

void check_columns(const std::vector<Column> &columns, int location)
{
	for (const Column &column : columns)
		if (pg::varies_when_equal(column.type))
			no_law("WITH RECURSIVE … UNION with column \"" + column.name + "\" of type " + pg::type_name(column.type), location,
			       "Equal values of the type can differ in what comes of them, and which one is met first is not known.");
}

}  // namespace

Tree build_recursive(const RangeTblEntry *entry, const CommonTableExpr *cte, const Environment &environment)
{
	std::shared_ptr<Recursion> &recursion = environment.recursions[cte];
	if (entry->self_reference)
		return self(*cte, recursion);
	bool all = reinterpret_cast<SetOperationStmt *>(reinterpret_cast<::Query *>(cte->ctequery)->setOperations)->all;
	::Query *query = storable(*cte, all);
	auto *operation = reinterpret_cast<SetOperationStmt *>(query->setOperations);
	recursion = std::make_shared<Recursion>();
	recursion->all = all;
	Environment inner(&environment, query->cteList);
	auto node = std::make_shared<Operator>();
	node->kind = Kind::recursive;
	node->columns = columns_of(*cte);
	node->recursion = recursion;
	if (!all)
		check_columns(node->columns, cte->location);
	node->inputs.push_back(build_branch(*query, operation->larg, inner));
	node->inputs.push_back(build_branch(*query, operation->rarg, inner));
	check_term(*node->inputs[1], recursion.get(), cte->location);
	recursion->whole = node.get();
	return node;
}

Tree distinct_in_term(Tree input)
{
	const Recursion *recursion = nullptr;
	for (const Operator *node = input.get(); node != nullptr && recursion == nullptr;) {
		recursion = node->recursion.get();
		auto next = std::find_if(node->inputs.begin(), node->inputs.end(), [](const auto &below) { return below->depth >= 0; });
		node = next == node->inputs.end() ? nullptr : next->get();
	}
	if (recursion == nullptr || recursion->all)
		no_law("DISTINCT in the recursive term of WITH RECURSIVE … UNION ALL", -1, "Write UNION if no row is wanted twice.");
	return input;    // UNION does the same
}

}  // namespace query
