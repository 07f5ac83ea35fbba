#include "relate.h"

#include "correlate.h"
#include "pg/sql.hpp"

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

Expression of_columns(std::string text, std::set<int> columns)
{
	return {std::move(text), {}, {"", BOOLOID, -1, InvalidOid, false}, std::move(columns), -1};
}

Node *copy(Node *node)
{
	return static_cast<Node *>(pg::call(copyObjectImpl, static_cast<const void *>(node)));
}

::Query *copy(::Query *query)
{
	return static_cast<::Query *>(pg::call(copyObjectImpl, static_cast<const void *>(query)));
}

// A column of the input, as a Var of a range table entry that is not there.
Var *new_column(From &from, int column, const Environment &environment)
{
	int index = environment.next_index++;
	const Column &type = from.node->columns[column];
	from.scope.columns[{index, 1}] = column;
	return pg::call(makeVar, index, AttrNumber(1), type.type, type.typmod, type.collation, Index(0));
}

// Ends with the columns of another input; the first of them.
int add_input(Operator &join, Tree input)
{
	int first = join.width();
	if (input->depth >= 0)
		join.depth = first + input->depth;
	join.columns.insert(join.columns.end(), input->columns.begin(), input->columns.end());
	join.inputs.push_back(std::move(input));
	return first;
}

List *computed_of(const Scope &scope)
{
	List *out = NIL;
	for (const auto &computed : scope.computed)
		out = pg::call(lappend, out, static_cast<void *>(computed.expression));
	return out;
}

int visible_columns(::Query *query)
{
	int count = 0;
	ListCell *cell;
	foreach (cell, query->targetList)
		count += !lfirst_node(TargetEntry, cell)->resjunk;
	return count;
}

namespace {

Node *image_of(Node *value)
{
	auto *image = makeNode(CoerceViaIO);
	image->arg = static_cast<Expr *>(copyObjectImpl(value));
	image->resulttype = TEXTOID;
	image->resultcollid = DEFAULT_COLLATION_OID;
	image->coerceformat = COERCE_EXPLICIT_CAST;
	image->location = -1;
	return reinterpret_cast<Node *>(image);
}

// Equal values that look different are different rows to a subquery.
List *with_images(List *references)
{
	List *images = NIL;
	ListCell *cell;
	foreach (cell, references)
		if (auto *one = static_cast<Node *>(lfirst(cell)); pg::varies_when_equal(pg::call(exprType, static_cast<const Node *>(one))))
			images = pg::call(lappend, images, static_cast<void *>(pg::call(image_of, one)));
	return pg::call(list_concat, references, static_cast<const List *>(images));
}

// Groups that hold what one row of a table matches are small.
void mark_narrow(Operator &top, const From &from, const std::vector<int> &left)
{
	Operator *node = &top;
	while (node->kind == Kind::project || node->kind == Kind::filter)
		node = node->inputs[0].get();
	if (node->kind == Kind::aggregate && !node->shared() && identifies_row(*from.node, left) &&
	    std::all_of(node->keys.begin(), node->keys.end(), [](const Expression &key) { return key.plain >= 0; }))
		node->narrow = true;
}

}  // namespace

Related relate(From &from, ::Query *query, const Environment &environment, bool whole)
{
	Related out;
	out.width = visible_columns(query);
	List *references = pg::call(outer_references, query, computed_of(from.scope));
	if (references == NIL) {
		out.node = build_level(query, environment);
		return out;
	}
	::Query *inner = copy(query);
	bool equated = !whole && pg::call(equate, inner, references);
	ListCell *cell;
	if (!equated) {
		foreach (cell, references) {
			auto *one = static_cast<const Node *>(lfirst(cell));
			if (Oid type = pg::call(exprType, one); !pg::has_equality(type))
				no_law("a subquery that reads a value of type " + pg::type_name(type) + " around it", pg::call(exprLocation, one),
				       "It is made once for values that are equal, and the type has no equality.");
		}
		references = with_images(references);
	}
	foreach (cell, references)
		out.left.push_back(column_for(from, static_cast<Node *>(lfirst(cell))));
	out.nulls_match.assign(out.left.size(), false);
	if (equated) {
		out.node = build_level(inner, environment, list_length(references));
		mark_narrow(*out.node, from, out.left);
		return out;
	}
	std::string name = "outer rows " + std::to_string(environment.next_index++);
	inner = copy(query);
	List *not_null = pg::call(correlate, inner, references, name.c_str());
	std::set<int> without_null;
	for (size_t i = 0; i < out.left.size(); i++) {
		bool nullable = !from.node->columns[out.left[i]].not_null;
		if (nullable && !whole && list_member_int(not_null, int(i) + 1))
			without_null.insert(out.left[i]);
		else
			out.nulls_match[i] = nullable;
	}
	Tree d = distinct_columns(share(from.node), out.left, without_null);
	environment.given[name] = {share(d), whole};
	out.node = build_level(inner, environment, list_length(references));
	d->readers--;
	environment.given.erase(name);
	d->readers--;
	return out;
}

// The condition of a join of A with R on p.
void match(Operator &join, const Related &r, int first)
{
	for (size_t i = 0; i < r.left.size(); i++) {
		int a = r.left[i], b = first + r.width + int(i);
		Oid type = join.columns.size() > size_t(b) ? join.columns[b].type : r.node->columns[r.width + i].type;
		if (r.nulls_match[i]) {
			join.conditions.push_back(of_columns(pg::not_distinct(type, hole(a), hole(b)), {a, b}));
			continue;
		}
		join.equalities.push_back({0, a, 1, r.width + int(i), int(join.conditions.size()), true});
		join.conditions.push_back(of_columns(pg::equal(type, hole(a), hole(b)), {a, b}));
	}
}

// Is there at most one row of R for each p?
bool is_single(const Related &r)
{
	auto unique = unique_key(*r.node);
	return unique && std::all_of(unique->begin(), unique->end(), [&](int column) { return column >= r.width; });
}

// A joined with R; the first column of R.
int join(From &from, const Related &r, bool outer)
{
	auto node = std::make_shared<Operator>();
	node->kind = outer ? Kind::left_join : Kind::join;
	add_input(*node, std::move(from.node));
	int first = add_input(*node, r.node);
	for (int i = first; outer && i < node->width(); i++)
		node->columns[i].not_null = false;
	match(*node, r, first);
	from.node = std::move(node);
	return first;
}

// At most one row for each p, beside the number there would be.
Related only_rows(Related r)
{
	auto node = std::make_shared<Operator>();
	node->kind = Kind::aggregate;
	for (size_t i = 0; i < r.left.size(); i++) {
		node->keys.push_back(column_of(r.width + i, r.node->columns[r.width + i]));
		node->columns.push_back(r.node->columns[r.width + i]);
	}
	auto keep = [&](Aggregate a) {
		node->columns.push_back(a.type);
		node->columns.back().name = a.title;
		node->aggregates.push_back(std::move(a));
	};
	Aggregate count{};
	count.law = Law::count_rows;
	count.call = count.title = "count(*)";
	count.type = {"", INT8OID, -1, InvalidOid, true};
	keep(count);
	for (int i = 0; i < r.width; i++) {
		Aggregate value{};
		const Column &type = r.node->columns[i];
		value.law = Law::recompute;
		value.arguments.push_back(column_of(i, type));
		value.call = "pg_catalog.any_value(" + hole(0) + ")";
		value.title = "the only " + type.name;
		value.ignores_copies = true;
		value.type = type;
		value.type.not_null = false;
		if (pg::varies_when_equal(type.type)) {
			Expression image = column_of(i, type);
			image.text = "(" + image.text + ")::text";
			image.plain = -1;
			image.type = {"", TEXTOID, -1, DEFAULT_COLLATION_OID, false};
			value.arguments.push_back(image);
		}
		value.checked = value.arguments.size();
		keep(value);
	}
	auto order = std::make_shared<Operator>();    // values, number of rows, references
	order->kind = Kind::project;
	int keys = r.left.size();
	for (int i = 0; i < r.width; i++)
		order->expressions.push_back(column_of(keys + 1 + i, node->columns[keys + 1 + i]));
	order->expressions.push_back(column_of(keys, node->columns[keys]));
	for (int i = 0; i < keys; i++)
		order->expressions.push_back(column_of(i, node->columns[i]));
	for (const Expression &e : order->expressions)
		order->columns.push_back(node->columns[e.plain]);
	node->inputs.push_back(std::move(r.node));
	order->inputs.push_back(std::move(node));
	r.node = std::move(order);
	r.width++;
	return r;
}

Node *true_constant()
{
	return pg::call(makeBoolConst, true, false);
}

Node *is_present(Node *column)
{
	auto make = [](Node *arg) {
		auto *test = makeNode(NullTest);
		test->arg = reinterpret_cast<Expr *>(arg);
		test->nulltesttype = IS_NOT_NULL;
		test->location = -1;
		return reinterpret_cast<Node *>(test);
	};
	return pg::call(+make, column);
}

Node *case_of(Node *first, Node *value, Node *second, Node *other, Node *otherwise)
{
	auto make = [](Node *when1, Node *then1, Node *when2, Node *then2, Node *rest) {
		auto *out = makeNode(CaseExpr);
		out->casetype = exprType(then1);
		out->casecollid = exprCollation(then1);
		out->location = -1;
		auto add = [&](Node *when, Node *then) {
			auto *one = makeNode(CaseWhen);
			one->expr = reinterpret_cast<Expr *>(when);
			one->result = reinterpret_cast<Expr *>(then);
			one->location = -1;
			out->args = lappend(out->args, one);
		};
		add(when1, then1);
		if (when2 != nullptr)
			add(when2, then2);
		out->defresult = reinterpret_cast<Expr *>(rest);
		return reinterpret_cast<Node *>(out);
	};
	return pg::call(+make, first, value, second, other, otherwise);
}

bool is_null_constant(Node *node)
{
	return node == nullptr || (IsA(node, Const) && reinterpret_cast<Const *>(node)->constisnull);
}

Node *unlabelled(Node *node)
{
	while (IsA(node, RelabelType))
		node = reinterpret_cast<Node *>(reinterpret_cast<RelabelType *>(node)->arg);
	return node;
}

Node *negated(Node *test)
{
	return pg::call(negate_clause, copy(test));
}

int column_for(From &from, Node *expression)
{
	Scope scope = from.scope;
	scope.input = &from.node->columns;
	Expression wanted = make_expression(expression, scope);
	return wanted.plain >= 0 ? wanted.plain : with_column(from, std::move(wanted));
}

int with_column(From &from, Expression wanted)
{
	auto node = std::make_shared<Operator>();
	node->kind = Kind::project;
	node->columns = from.node->columns;
	for (int i = 0; i < from.node->width(); i++)
		node->expressions.push_back(column_of(i, from.node->columns[i]));
	node->columns.push_back(wanted.type);
	node->columns.back().name = "outer";
	node->depth = from.node->depth;
	node->expressions.push_back(std::move(wanted));
	node->inputs.push_back(std::move(from.node));
	from.node = std::move(node);
	return from.node->width() - 1;
}

Tree distinct_columns(Tree input, const std::vector<int> &columns, const std::set<int> &without_null)
{
	auto node = std::make_shared<Operator>();
	node->kind = Kind::project;
	auto unique = unique_key(*input);
	bool single = unique && std::all_of(unique->begin(), unique->end(), [&](int column) {
		              return std::find(columns.begin(), columns.end(), column) != columns.end();
	              });
	for (int column : columns) {
		node->columns.push_back(input->columns[column]);
		node->expressions.push_back(column_of(column, input->columns[column]));
	}
	if (columns.empty()) {
		node->columns.push_back({"present", BOOLOID, -1, InvalidOid, true});
		node->expressions.push_back({"true", {}, node->columns[0], {}, -1});
	}
	if (!without_null.empty()) {
		auto some = std::make_shared<Operator>();
		some->kind = Kind::filter;
		some->columns = input->columns;
		for (int column : without_null) {
			some->columns[column].not_null = true;
			some->conditions.push_back(of_columns("(" + hole(column) + " IS NOT NULL)", {column}));
			for (size_t i = 0; i < columns.size(); i++)
				if (columns[i] == column)
					node->columns[i].not_null = node->expressions[i].type.not_null = true;
		}
		some->inputs.push_back(std::move(input));
		input = std::move(some);
	}
	node->inputs.push_back(std::move(input));
	return single ? std::move(node) : distinct(std::move(node));
}

}  // namespace query
