#include "analyze.h"

#include "aggregates.h"
#include "eager.h"
#include "expression.h"
#include "hidden.h"
#include "correlate.h"
#include "from.h"
#include "functions.h"
#include "rows.h"
#include "subquery.h"
#include "pg/sql.hpp"
#include "top.h"
#include "unqualified.h"
#include "window.h"

extern "C" {
#include "catalog/pg_type.h"
#include "access/table.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "parser/analyze.h"
#include "parser/parser.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteHandler.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
}

#include <algorithm>

namespace query {

namespace {

void refuse_unsupported(const ::Query &query)
{
	auto refuse = [](bool present, const char *what) {
		if (present)
			no_law(what, -1);
	};
	refuse(query.hasModifyingCTE, "a data-modifying WITH query");
	refuse(query.rowMarks != NIL, "FOR UPDATE or FOR SHARE");
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
		auto *expression = reinterpret_cast<Node *>(target->expr);
		Expression expr = make_set(expression, scope);
		node->sets = node->sets || pg::call(expression_returns_set, expression);
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

bool collect_arguments(Node *node, void *context)
{
	if (node == nullptr)
		return false;
	if (!IsA(node, Aggref) || reinterpret_cast<Aggref *>(node)->agglevelsup > 0)
		return expression_tree_walker(node, collect_arguments, context);
	auto *aggref = reinterpret_cast<Aggref *>(node);
	auto *all = static_cast<std::vector<Node *> *>(context);
	ListCell *cell;
	foreach (cell, aggref->args)
		all->push_back(reinterpret_cast<Node *>(lfirst_node(TargetEntry, cell)->expr));
	if (aggref->aggfilter != nullptr)
		all->push_back(reinterpret_cast<Node *>(aggref->aggfilter));
	return false;
}

void list_grouped(::Query *query, std::vector<Node *> *out)
{
	ListCell *cell;
	foreach (cell, query->groupClause)
		out->push_back(get_sortgroupclause_expr(static_cast<SortGroupClause *>(lfirst(cell)), query->targetList));
	collect_arguments(reinterpret_cast<Node *>(query->targetList), out);
	collect_arguments(query->havingQual, out);
}

bool collect_window_arguments(Node *node, void *context)
{
	if (node == nullptr)
		return false;
	if (!IsA(node, WindowFunc))
		return expression_tree_walker(node, collect_window_arguments, context);
	auto *function = reinterpret_cast<WindowFunc *>(node);
	auto *all = static_cast<std::vector<Node *> *>(context);
	ListCell *cell;
	foreach (cell, function->args)
		all->push_back(static_cast<Node *>(lfirst(cell)));
	if (function->aggfilter != nullptr)
		all->push_back(reinterpret_cast<Node *>(function->aggfilter));
	return false;
}

void list_windowed(::Query *query, std::vector<Node *> *out)
{
	ListCell *cell, *clause;
	foreach (cell, query->windowClause)
		for (List *clauses : {lfirst_node(WindowClause, cell)->partitionClause, lfirst_node(WindowClause, cell)->orderClause})
			foreach (clause, clauses)
				out->push_back(get_sortgroupclause_expr(static_cast<SortGroupClause *>(lfirst(clause)), query->targetList));
	collect_window_arguments(reinterpret_cast<Node *>(query->targetList), out);
}

std::vector<Node *> parts_of(::Query *query, void (*list)(::Query *, std::vector<Node *> *))
{
	std::vector<Node *> parts;
	pg::call(list, query, &parts);
	return parts;
}
}  // namespace

Tree distinct(Tree input)
{
	if (input->depth >= 0)
		return distinct_in_term(std::move(input));
	auto node = std::make_shared<Operator>();
	node->kind = Kind::distinct;
	node->columns = input->columns;
	node->inputs.push_back(std::move(input));
	return node;
}

namespace {

// What only tells equal rows apart from others need not be told how many there are.
Tree without_distinct(Tree node)
{
	if (node->kind != Kind::distinct || node->shared())
		return node;
	return std::move(node->inputs[0]);
}

// The columns of both sides have the types the server resolved.
Tree set_operation(const ::Query &query, Node *tree, const Environment &environment, int references)
{
	if (IsA(tree, RangeTblRef)) {
		auto *entry = rt_fetch(reinterpret_cast<RangeTblRef *>(tree)->rtindex, query.rtable);
		return build_level(entry->subquery, environment, references);
	}
	auto *operation = reinterpret_cast<SetOperationStmt *>(tree);
	auto node = std::make_shared<Operator>();
	node->kind = operation->op == SETOP_UNION ? Kind::union_all : operation->op == SETOP_INTERSECT ? Kind::intersect : Kind::except;
	node->all = operation->all && node->kind != Kind::union_all;
	for (Node *side : {operation->larg, operation->rarg}) {
		auto input = set_operation(query, side, environment, references);
		if (input->depth >= 0 && node->kind != Kind::union_all)
			no_law(std::string(node->kind == Kind::intersect ? "INTERSECT" : "EXCEPT") + " in a recursive term", -1);
		node->inputs.push_back(operation->all ? std::move(input) : without_distinct(std::move(input)));
	}
	int i = 0;
	ListCell *type, *typmod, *collation;
	forthree (type, operation->colTypes, typmod, operation->colTypmods, collation, operation->colCollations) {
		const Column &left = node->inputs[0]->columns[i], &right = node->inputs[1]->columns[i];
		bool not_null = left.not_null && (node->kind == Kind::except || right.not_null);
		node->columns.push_back({left.name, lfirst_oid(type), lfirst_int(typmod), lfirst_oid(collation), not_null});
		i++;
	}
	return operation->all || node->kind != Kind::union_all ? std::move(node) : distinct(std::move(node));
}

::Query *flattened(::Query *original)
{
	auto *query = static_cast<::Query *>(copyObjectImpl(original));
	if (query->hasGroupRTE) {
		query->targetList = reinterpret_cast<List *>(
		    flatten_group_exprs(nullptr, query, reinterpret_cast<Node *>(query->targetList)));
		query->havingQual = flatten_group_exprs(nullptr, query, query->havingQual);
	}
	expand_rows(query);
	query->targetList = reinterpret_cast<List *>(
	    flatten_join_alias_vars(nullptr, query, reinterpret_cast<Node *>(query->targetList)));
	query->havingQual = flatten_join_alias_vars(nullptr, query, query->havingQual);
	query->jointree = reinterpret_cast<FromExpr *>(
	    flatten_join_alias_vars(nullptr, query, reinterpret_cast<Node *>(query->jointree)));
	auto flatten = [query](auto *&part) {
		if (part != nullptr)
			part = reinterpret_cast<std::remove_reference_t<decltype(part)>>(
			    flatten_join_alias_vars(nullptr, query, reinterpret_cast<Node *>(part)));
	};
	ListCell *cell;
	foreach (cell, query->rtable) {
		auto *entry = lfirst_node(RangeTblEntry, cell);
		flatten(entry->functions);
		flatten(entry->tablefunc);
		flatten(entry->values_lists);
		if (entry->lateral)
			flatten(entry->subquery);
	}
	return query;
}

struct Replacement {
	Node *from, *to;
};

Node *replace(Node *node, void *context)
{
	auto *r = static_cast<Replacement *>(context);
	if (node == nullptr)
		return nullptr;
	return equal(node, r->from) ? static_cast<Node *>(copyObjectImpl(r->to)) : expression_tree_mutator(node, replace, context);
}

Node *replaced(Node *tree, Node *from, Node *to)
{
	Replacement r{from, to};
	return replace(tree, &r);
}

bool collect_aggregates(Node *node, void *context)
{
	if (node == nullptr)
		return false;
	if (IsA(node, Aggref) && reinterpret_cast<Aggref *>(node)->agglevelsup == 0) {
		auto **found = static_cast<List **>(context);
		*found = lappend(*found, copyObjectImpl(node));
		return false;
	}
	return expression_tree_walker(node, collect_aggregates, context);
}

List *aggregates_in(Node *tree)
{
	List *out = NIL;
	collect_aggregates(tree, &out);
	return out;
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

Query *analyzed(const char *sql)
{
	List *raw = raw_parser(sql, RAW_PARSE_DEFAULT);
	if (list_length(raw) != 1 || !IsA(linitial_node(RawStmt, raw)->stmt, SelectStmt))
		ereport(ERROR, (errcode(ERRCODE_SYNTAX_ERROR), errmsg("the query of a stream table must be one SELECT"),
		                errhint("Pass the text of a single SELECT, WITH … SELECT or UNION.")));
	Query *query = parse_analyze_fixedparams(linitial_node(RawStmt, raw), sql, nullptr, 0, nullptr);
	return static_cast<Query *>(linitial(QueryRewrite(query)));
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

// One set of groups with all that the query computes of them as columns, in the order of the scope.
Tree columns_of_scope(From from)
{
	auto node = std::make_shared<Operator>();
	node->kind = Kind::project;
	from.scope.input = &from.node->columns;
	for (const auto &computed : from.scope.computed) {
		node->expressions.push_back(make_expression(computed.expression, from.scope));
		node->columns.push_back(node->expressions.back().type);
		node->columns.back().name = render(node->expressions.back().text, [&](int column) { return from.node->columns[column].name; });
	}
	node->inputs.push_back(std::move(from.node));
	return node;
}

void unite(From &all, From from)
{
	if (all.node->inputs.empty())
		all.scope = from.scope;
	Tree arm = columns_of_scope(std::move(from));
	if (all.node->inputs.empty())
		all.node->columns = arm->columns;
	for (int i = 0; i < arm->width(); i++) {
		Column &column = all.node->columns[i];
		column.not_null = column.not_null && arm->columns[i].not_null;
		if (arm->expressions[i].plain >= 0)
			column.name = arm->columns[i].name;
		all.scope.computed[i].text = '\x01' + std::to_string(i) + '\x02';
		all.scope.computed[i].type = column;
	}
	all.node->inputs.push_back(std::move(arm));
}

// Subqueries in what is grouped by or aggregated are columns of what is grouped.
void attach_below_groups(::Query *query, From &from, const Environment &environment)
{
	if (!query->hasSubLinks)
		return;
	auto rewrite = [&](Node *expression) {
		if (!pg::call(has_sublinks, expression))
			return;
		Node *attached = attach(from, expression, environment);
		query->targetList = reinterpret_cast<List *>(pg::call(replaced, reinterpret_cast<Node *>(query->targetList), expression, attached));
		query->havingQual = pg::call(replaced, query->havingQual, expression, attached);
	};
	ListCell *cell;
	foreach (cell, query->groupClause)
		rewrite(static_cast<Node *>(pg::call(copyObjectImpl, static_cast<const void *>(
		    pg::call(get_sortgroupclause_expr, lfirst_node(SortGroupClause, cell), query->targetList)))));
	List *aggregates = pg::call(aggregates_in, reinterpret_cast<Node *>(list_make2(query->targetList, query->havingQual)));
	foreach (cell, aggregates)
		rewrite(static_cast<Node *>(lfirst(cell)));
}

// Where a subquery without GROUP BY is made for the rows of another relation, it shows one row for each, those of
// groups without rows too.
void show_empty_groups(const ::Query *query, From &from, const Environment &environment)
{
	const Environment::Given *rows = nullptr;
	ListCell *cell;
	foreach (cell, query->rtable)
		if (auto *entry = lfirst_node(RangeTblEntry, cell); entry->rtekind == RTE_NAMEDTUPLESTORE)
			if (const auto &one = given(environment, entry->enrname); one.whole)
				rows = &one;
	if (rows == nullptr)
		return;
	auto node = std::make_shared<Operator>();
	node->kind = Kind::left_join;
	int width = rows->node->width();
	node->columns = rows->node->columns;
	auto hole = [](int column) { return '\x01' + std::to_string(column) + '\x02'; };
	for (Column column : from.node->columns) {
		column.not_null = false;
		node->columns.push_back(column);
	}
	for (int i = 0; i < width; i++) {
		const Column &key = rows->node->columns[i];
		if (key.not_null)
			node->equalities.push_back({0, i, 1, i, i, true});
		node->conditions.push_back({key.not_null ? pg::equal(key.type, hole(i), hole(width + i)) : pg::not_distinct(key.type, hole(i), hole(width + i)),
		                            {}, {"", BOOLOID, -1, 0, false}, {i, width + i}, -1});
	}
	for (auto &computed : from.scope.computed) {
		if (IsA(computed.expression, Var))
			continue;                          // the keys are the columns of rows, in their order
		computed.text = render(computed.text, [&](int column) { return hole(column + width); });
		Node *empty = pg::call(over_no_rows, computed.expression);
		if (empty == nullptr)
			no_law("this aggregate in a correlated subquery", pg::call(exprLocation, static_cast<const Node *>(computed.expression)));
		if (!reinterpret_cast<Const *>(empty)->constisnull)
			computed.text = "COALESCE(" + computed.text + ", 0)";
		else
			computed.type.not_null = false;
	}
	node->inputs = {share(rows->node), std::move(from.node)};
	from.node = std::move(node);
}

// FROM, GROUP BY and HAVING.
From grouped(::Query *query, const Environment &environment)
{
	auto input_of_groups = [&] {
		From input = build_from(query, environment);
		attach_below_groups(query, input, environment);
		return with_computed(std::move(input), parts_of(query, list_grouped));
	};
	From from = input_of_groups(), all;
	all.node = std::make_shared<Operator>();
	all.node->kind = Kind::union_all;
	List *sets = grouping_sets(query);
	bool work = is_work(*from.node);
	for (int i = 0; i < list_length(sets); i++) {
		bool last = i == list_length(sets) - 1;
		From input = last ? std::move(from) : work ? From{share(from.node), from.scope} : input_of_groups();
		From groups = build_aggregate(query, std::move(input), static_cast<List *>(list_nth(sets, i)));
		show_empty_groups(query, groups, environment);
		if (query->havingQual != nullptr)
			restrict_to(groups, query->havingQual, environment);
		if (list_length(sets) == 1)
			return groups;
		unite(all, std::move(groups));
	}
	return all;
}

}  // namespace

Tree build_branch(const ::Query &query, Node *tree, const Environment &environment)
{
	return set_operation(query, tree, environment, 0);
}

// What groups, aggregates and windows take is worked out before, where it is a set, as the server does, or moves with
// time: as columns of their own.
From with_computed(From input, const std::vector<Node *> &parts)
{
	std::vector<Column> columns = input.node->columns;
	input.scope.input = &columns;
	auto node = std::make_shared<Operator>();
	node->kind = Kind::project;
	std::vector<Scope::Computed> computed;
	for (Node *part : parts) {
		bool set = pg::call(expression_returns_set, part);
		Expression expr = make_set(part, input.scope);
		if (!set && !expr.uses_time())
			continue;
		node->sets = node->sets || set;
		node->columns.push_back(expr.type);
		computed.push_back({part, column_of(columns.size() + node->expressions.size(), expr.type).text, expr.type});
		node->expressions.push_back(std::move(expr));
	}
	input.scope.input = nullptr;
	if (node->expressions.empty())
		return input;
	input.scope.computed.insert(input.scope.computed.end(), computed.begin(), computed.end());
	for (size_t i = 0; i < columns.size(); i++)
		node->expressions.insert(node->expressions.begin() + i, column_of(i, columns[i]));
	node->columns.insert(node->columns.begin(), columns.begin(), columns.end());
	node->inputs.push_back(std::move(input.node));
	input.node = std::move(node);
	return input;
}

Tree build_level(::Query *original, const Environment &outer, int references)
{
	if (original->commandType != CMD_SELECT)
		pg::fail(ERRCODE_FEATURE_NOT_SUPPORTED, "only SELECT can define a stream table");
	refuse_unsupported(*original);
	::Query *query = pg::call(flattened, original);
	Environment environment(&outer, query->cteList);
	environment.next_index = list_length(query->rtable) + 1;
	if (query->setOperations != nullptr) {
		auto node = set_operation(*query, query->setOperations, environment, references);
		node->columns = named_columns(*query, std::move(node->columns));
		Selected all{std::move(node), {}, 0};
		ListCell *cell;
		foreach (cell, query->targetList)
			all.refs[static_cast<TargetEntry *>(lfirst(cell))->ressortgroupref] = all.shown++;
		return chosen(query, std::move(all), references, environment);
	}
	bool groups = query->hasAggs || query->groupClause != NIL || query->groupingSets != NIL || query->havingQual != nullptr;
	From from = groups ? grouped(query, environment) : build_from(query, environment);
	if (query->hasSubLinks)
		query->targetList = reinterpret_cast<List *>(attach(from, reinterpret_cast<Node *>(query->targetList), environment));
	if (query->hasWindowFuncs)
		from = with_computed(std::move(from), parts_of(query, list_windowed));
	if (query->hasWindowFuncs)
		from = build_windows(query, std::move(from));
	std::vector<Column> columns = from.node->columns;
	from.scope.input = &columns;
	Selected selected = project(query, std::move(from.node), from.scope);
	if (query->distinctClause != NIL && !query->hasDistinctOn)
		selected.node = distinct(std::move(selected.node));
	return chosen(query, std::move(selected), references, environment);
}

From build_rows(::Query *original, const Environment &outer, List **list)
{
	original->targetList = *list;
	::Query *query = pg::call(flattened, original);
	*list = query->targetList;
	Environment environment(&outer, query->cteList);
	environment.next_index = list_length(query->rtable) + 1;
	return build_from(query, environment);
}

Tree build(::Query *query)
{
	keep_hidden(query);
	::Query *named = pg::call(with_operators_named, pg::call(with_bodies, static_cast<const ::Query *>(query)));
	auto root = group_before_join(build_level(named, Environment{}));
	number(*root);
	return root;
}

::Query *rewritten_view_query(Oid view)
{
	return pg::call(open_view_query, view);
}

::Query *rewritten_query(const std::string &sql)
{
	return pg::call(analyzed, sql.c_str());
}

std::vector<Oid> relations_read(::Query *query)
{
	auto relations = std::make_unique<Relations>();
	pg::call(walk_relations, query, relations.get());
	return {relations->found, relations->found + relations->count};
}

}  // namespace query
