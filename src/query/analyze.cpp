#include "analyze.h"

#include "aggregates.h"
#include "eager.h"
#include "expression.h"
#include "from.h"
#include "pg/sql.hpp"
#include "top.h"
#include "window.h"

extern "C" {
#include "access/table.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteHandler.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
}

#include <algorithm>

namespace query {

namespace {

// Policies that apply to whoever owns the stream table.  (hasRowSecurity is also set where they could apply to another.)
bool has_policies(const ::Query &query)
{
	ListCell *cell;
	foreach (cell, query.rtable)
		if (lfirst_node(RangeTblEntry, cell)->securityQuals != NIL)
			return true;
	return false;
}

void refuse_unsupported(const ::Query &query)
{
	auto refuse = [](bool present, const char *what) {
		if (present)
			no_law(what, -1);
	};
	refuse(query.hasTargetSRFs, "a set-returning function in the select list");
	refuse(query.hasModifyingCTE, "a data-modifying WITH query");
	refuse(query.rowMarks != NIL, "FOR UPDATE or FOR SHARE");
	refuse(has_policies(query), "a source with row security that applies to the owner");
	refuse(query.groupingSets != NIL, "GROUPING SETS, CUBE or ROLLUP");
}

std::vector<Column> named_columns(const ::Query &query, std::vector<Column> columns)
{
	size_t i = 0;
	ListCell *cell;
	foreach (cell, query.targetList) {
		auto *target = static_cast<TargetEntry *>(lfirst(cell));
		if (!target->resjunk)
			columns[i++].name = target->resname == nullptr ? "?column?" : target->resname;
	}
	return columns;
}

Selected project(::Query *query, Tree input, const Scope &scope)
{
	auto node = std::make_shared<Operator>();
	node->kind = Kind::project;
	Selected out{nullptr, {}, 0};
	ListCell *cell;
	foreach (cell, query->targetList) {
		auto *target = static_cast<TargetEntry *>(lfirst(cell));
		if (target->resjunk && !chooses_rows(query, target))
			continue;
		Expression expr = make_expression(reinterpret_cast<Node *>(target->expr), scope);
		if (expr.uses_time())
			no_law("now() in the select list", pg::call(exprLocation, (const Node *)target->expr),
			       "Every row would change at every tick.");
		if (target->resjunk)
			expr.type.name = scope.input == nullptr ? "" : render(expr.text, [&](int column) { return (*scope.input)[column].name; });
		out.refs[target->ressortgroupref] = node->width();
		out.shown += !target->resjunk;
		node->columns.push_back(expr.type);
		node->expressions.push_back(std::move(expr));
	}
	node->columns = named_columns(*query, std::move(node->columns));
	if (input->depth >= 0) {
		node->depth = node->width();
		out.shown++;
		const Column &depth = input->columns[input->depth];
		node->columns.push_back(depth);
		node->expressions.push_back({'\x01' + std::to_string(input->depth) + '\x02', {}, depth, {input->depth}, input->depth});
	}
	node->inputs.push_back(std::move(input));
	out.node = std::move(node);
	return out;
}

Tree distinct(Tree input)
{
	if (input->depth >= 0)
		return distinct_in_term(std::move(input));
	for (const Column &column : input->columns)
		if (!pg::has_hash(column.type) || !pg::has_equality(column.type))
			no_law("DISTINCT over type " + pg::type_name(column.type), -1);
	auto node = std::make_shared<Operator>();
	node->kind = Kind::distinct;
	node->columns = input->columns;
	node->inputs.push_back(std::move(input));
	return node;
}

// UNION [ALL]: the columns of both sides have the types the server resolved.
Tree set_operation(const ::Query &query, Node *tree, const Environment &environment)
{
	if (IsA(tree, RangeTblRef)) {
		auto *entry = rt_fetch(reinterpret_cast<RangeTblRef *>(tree)->rtindex, query.rtable);
		return build_level(entry->subquery, environment);
	}
	auto *operation = reinterpret_cast<SetOperationStmt *>(tree);
	if (operation->op != SETOP_UNION)
		no_law(operation->op == SETOP_INTERSECT ? "INTERSECT" : "EXCEPT", -1);
	auto node = std::make_shared<Operator>();
	node->kind = Kind::union_all;
	node->inputs.push_back(set_operation(query, operation->larg, environment));
	node->inputs.push_back(set_operation(query, operation->rarg, environment));
	int i = 0;
	ListCell *type, *typmod, *collation;
	forthree (type, operation->colTypes, typmod, operation->colTypmods, collation, operation->colCollations) {
		const Column &left = node->inputs[0]->columns[i], &right = node->inputs[1]->columns[i];
		node->columns.push_back({left.name, lfirst_oid(type), lfirst_int(typmod), lfirst_oid(collation),
		                         left.not_null && right.not_null});
		i++;
	}
	return operation->all ? std::move(node) : distinct(std::move(node));
}

::Query *flattened(::Query *original)
{
	auto *query = static_cast<::Query *>(copyObjectImpl(original));
	if (query->hasGroupRTE) {
		query->targetList = reinterpret_cast<List *>(
		    flatten_group_exprs(nullptr, query, reinterpret_cast<Node *>(query->targetList)));
		query->havingQual = flatten_group_exprs(nullptr, query, query->havingQual);
	}
	query->targetList = reinterpret_cast<List *>(
	    flatten_join_alias_vars(nullptr, query, reinterpret_cast<Node *>(query->targetList)));
	query->havingQual = flatten_join_alias_vars(nullptr, query, query->havingQual);
	query->jointree = reinterpret_cast<FromExpr *>(
	    flatten_join_alias_vars(nullptr, query, reinterpret_cast<Node *>(query->jointree)));
	return query;
}

::Query *open_view_query(Oid view)
{
	Relation relation = table_open(view, AccessShareLock);
	auto *query = static_cast<::Query *>(copyObjectImpl(get_view_query(relation)));
	table_close(relation, NoLock);
	AcquireRewriteLocks(query, true, false);
	List *rewritten = QueryRewrite(query);
	return static_cast<::Query *>(linitial(rewritten));
}

struct Relations {
	Oid found[512];
	int count;
};

bool collect_relations(Node *node, void *context)
{
	auto *relations = static_cast<Relations *>(context);
	if (node == nullptr)
		return false;
	if (IsA(node, RangeTblEntry)) {
		auto *entry = reinterpret_cast<RangeTblEntry *>(node);
		if (entry->rtekind == RTE_RELATION && relations->count < 512 &&
		    std::find(relations->found, relations->found + relations->count, entry->relid) ==
		        relations->found + relations->count)
			relations->found[relations->count++] = entry->relid;
		return false;
	}
	if (IsA(node, Query))
		return query_tree_walker(reinterpret_cast<::Query *>(node), collect_relations, context,
		                         QTW_EXAMINE_RTES_BEFORE);
	return expression_tree_walker(node, collect_relations, context);
}

void walk_relations(::Query *query, Relations *relations)
{
	collect_relations(reinterpret_cast<Node *>(query), relations);
}

}  // namespace

Tree build_branch(const ::Query &query, Node *tree, const Environment &environment)
{
	return set_operation(query, tree, environment);
}

Tree build_level(::Query *original, const Environment &outer)
{
	if (original->commandType != CMD_SELECT)
		pg::fail(ERRCODE_FEATURE_NOT_SUPPORTED, "only SELECT can define a stream table");
	refuse_unsupported(*original);
	::Query *query = pg::call(flattened, original);
	Environment environment(&outer, query->cteList);
	if (query->setOperations != nullptr) {
		auto node = set_operation(*query, query->setOperations, environment);
		node->columns = named_columns(*query, std::move(node->columns));
		Selected all{std::move(node), {}, 0};
		ListCell *cell;
		foreach (cell, query->targetList)
			all.refs[static_cast<TargetEntry *>(lfirst(cell))->ressortgroupref] = all.shown++;
		return chosen(query, std::move(all));
	}
	From from = build_from(query, environment);
	if (query->hasAggs || query->groupClause != NIL)
		from = build_aggregate(query, std::move(from));
	if (query->havingQual != nullptr)
		from.node = filter(std::move(from.node), query->havingQual, from.scope);
	if (query->hasWindowFuncs)
		from = build_windows(query, std::move(from));
	from.scope.input = &from.node->columns;
	Selected selected = project(query, std::move(from.node), from.scope);
	if (query->distinctClause != NIL && !query->hasDistinctOn)
		selected.node = distinct(std::move(selected.node));
	return chosen(query, std::move(selected));
}

Tree build(::Query *query)
{
	auto root = group_before_join(build_level(query, Environment{}));
	int next = 1;
	walk(*root, [&](Operator &node) { node.id = next++; });
	return root;
}

::Query *rewritten_view_query(Oid view)
{
	return pg::call(open_view_query, view);
}

std::vector<Oid> relations_read(::Query *query)
{
	auto relations = std::make_unique<Relations>();
	pg::call(walk_relations, query, relations.get());
	return {relations->found, relations->found + relations->count};
}

}  // namespace query
