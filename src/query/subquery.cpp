#include "subquery.h"

#include "condition.h"
#include "correlate.h"
#include "pg/sql.hpp"
#include "push.h"

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

namespace {

std::string hole(int column)
{
	return '\x01' + std::to_string(column) + '\x02';
}

Expression plain(int column, const Column &type)
{
	return {hole(column), {}, type, {column}, column};
}

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

// ---- a subquery as a relation ----

struct Related {
	Tree node;
	int width = 0;                   // its own columns; those for the references follow
	std::vector<int> left;           // the columns of A that the references are
	std::vector<bool> nulls_match;
	bool is_correlated() const { return !left.empty(); }
};

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

Related relate(From &from, ::Query *query, const Environment &environment, bool whole = false)
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
	if (!equated)
		references = with_images(references);
	ListCell *cell;
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
		node->keys.push_back(plain(r.width + i, r.node->columns[r.width + i]));
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
		if (!pg::has_hash(type.type) || !pg::has_order(type.type))
			no_law("a subquery that may have several rows, of type " + pg::type_name(type.type) + ",", -1);
		value.law = Law::recompute;
		value.arguments.push_back(plain(i, type));
		value.call = "pg_catalog.any_value(" + hole(0) + ")";
		value.title = "the only " + type.name;
		value.ignores_copies = true;
		value.type = type;
		value.type.not_null = false;
		if (pg::varies_when_equal(type.type)) {
			Expression image = plain(i, type);
			image.text = "(" + image.text + ")::text";
			image.plain = -1;
			image.type = {"", TEXTOID, -1, DEFAULT_COLLATION_OID, false};
			value.arguments.push_back(image);
		}
		keep(value);
	}
	auto order = std::make_shared<Operator>();    // values, number of rows, references
	order->kind = Kind::project;
	int keys = r.left.size();
	for (int i = 0; i < r.width; i++)
		order->expressions.push_back(plain(keys + 1 + i, node->columns[keys + 1 + i]));
	order->expressions.push_back(plain(keys, node->columns[keys]));
	for (int i = 0; i < keys; i++)
		order->expressions.push_back(plain(i, node->columns[i]));
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

// ---- values ----

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
		present->expressions.push_back(plain(r.width + i, r.node->columns[r.width + i]));
	for (const Expression &e : present->expressions)
		present->columns.push_back(e.type);
	bool single = is_single(r);
	present->inputs.push_back(std::move(r.node));
	r.node = single ? std::move(present) : distinct(std::move(present));
	r.width = 1;
	int first = join(from, r, true);
	return is_present(reinterpret_cast<Node *>(new_column(from, first, environment)));
}

// ---- ANY and ALL by EXISTS ----

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

Node *unlabelled(Node *node)
{
	while (IsA(node, RelabelType))
		node = reinterpret_cast<Node *>(reinterpret_cast<RelabelType *>(node)->arg);
	return node;
}

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

Node *or_of(const std::vector<Node *> &conditions)
{
	List *all = NIL;
	for (Node *one : conditions)
		all = pg::call(lappend, all, static_cast<void *>(one));
	return all == NIL ? nullptr : reinterpret_cast<Node *>(pg::call(make_orclause, all));
}

Node *negated(Node *test)
{
	return pg::call(negate_clause, copy(test));
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
	if (IsA(node, SubLink)) {
		static_cast<First *>(context)->found = reinterpret_cast<SubLink *>(node);
		return true;
	}
	return expression_tree_walker(node, first_sublink, context);
}

SubLink *find_sublink(Node *expression)
{
	First first{nullptr};
	first_sublink(expression, &first);
	return first.found;
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

Node *exchanged(Node *expression, Node *from, Node *to)
{
	Exchange e{from, to};
	return exchange(expression, &e);
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
		no_law("ARRAY(subquery)", link->location);
	default:
		no_law("this kind of subquery", link->location);
	}
}

// ---- conditions ----

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

// Without an equality every row of R would be looked at for each of A: then at least each combination once.
void reduce_right(Operator &node, int width)
{
	std::set<int> used = columns_from(node, width);
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
			out->fits = out->fits && !has_sublinks(one);
		}
	}
	auto *rest = static_cast<::Query *>(copyObjectImpl(query));
	rest->targetList = NIL;
	rest->jointree->quals = nullptr;
	out->fits = out->fits && outer_references(rest, computed) == NIL;
}

// The rows of a plain subquery beside A, the condition that reads both over the columns of both, and whatever else is over
// the subquery's columns and those above, now as the level above sees them.
struct Beside {
	From right;
	List *condition = NIL, *targets = NIL;
};

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
		if (one.temporal)
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

}  // namespace

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
		Node *attached = attach(from, one, environment);
		from.node = filter(std::move(from.node), attached, from.scope);
	}
}

int column_for(From &from, Node *expression)
{
	Scope scope = from.scope;
	scope.input = &from.node->columns;
	Expression wanted = make_expression(expression, scope);
	if (wanted.uses_time())
		no_law("now() in what a subquery is compared with", pg::call(exprLocation, (const Node *)expression));
	if (wanted.plain >= 0)
		return wanted.plain;
	auto node = std::make_shared<Operator>();
	node->kind = Kind::project;
	node->columns = from.node->columns;
	for (int i = 0; i < from.node->width(); i++)
		node->expressions.push_back(plain(i, from.node->columns[i]));
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
		node->expressions.push_back(plain(column, input->columns[column]));
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

namespace {

// Names for expressions over what stands before.
bool lateral_expressions(From &from, ::Query *query, int index)
{
	if (query->jointree->fromlist != NIL || query->jointree->quals != nullptr || !pg::call(is_simple, query) ||
	    pg::call(has_sublinks, reinterpret_cast<Node *>(query->targetList)))
		return false;
	int number = 0;
	ListCell *cell;
	foreach (cell, query->targetList)
		if (auto *target = lfirst_node(TargetEntry, cell); !target->resjunk) {
			Node *expression = copy(reinterpret_cast<Node *>(target->expr));
			pg::call(IncrementVarSublevelsUp, expression, -1, 1);
			int column = column_for(from, expression);
			from.scope.columns[{index, ++number}] = column;
		}
	return true;
}

// A plain subquery is joined as any FROM item, by the conditions that read what stands before.
bool lateral_rows(From &from, ::Query *query, int index, const Environment &environment)
{
	auto rows = beside(from, query, true, environment);
	if (!rows)
		return false;
	auto node = std::make_shared<Operator>();
	node->kind = Kind::join;
	int width = from.node->width();
	std::vector<Column> columns;
	Scope both = both_scopes(from, rows->right, &columns);
	add_conditions(*node, reinterpret_cast<Node *>(rows->condition), both, width);
	add_input(*node, std::move(from.node));
	add_input(*node, std::move(rows->right.node));
	from.node = std::move(node);
	from.scope.columns = both.columns;
	int number = 0;
	ListCell *cell;
	foreach (cell, rows->targets)
		if (auto *target = lfirst_node(TargetEntry, cell); !target->resjunk) {
			int column = column_for(from, reinterpret_cast<Node *>(target->expr));
			from.scope.columns[{index, ++number}] = column;
		}
	return true;
}

}  // namespace

void join_lateral(From &from, ::Query *original, int index, bool outer, Node *on, const Environment &environment)
{
	bool unconditional = on == nullptr || pg::call(conjuncts_of, on) == NIL;
	if ((unconditional && lateral_expressions(from, original, index)) || (!outer && lateral_rows(from, original, index, environment)))
		return;
	::Query *query = copy(original);
	int width = visible_columns(query);
	bool always = unconditional;
	bool global = pg::call(is_global, query), whole = false;
	std::vector<Node *> nothing;
	int mark = -1;
	if (global) {
		auto empty = query->havingQual == nullptr && always ? values_for_nothing(copy(query)) : std::nullopt;
		whole = !empty;
		nothing = empty.value_or(std::vector<Node *>{});
		if (!whole)
			mark = pg::call(add_target, query, reinterpret_cast<Expr *>(true_constant()), "present") - 1;
	}
	Related r = relate(from, query, environment, whole);
	int first = join(from, r, outer || (global && !whole));
	for (int i = 0; i < width; i++) {
		int column = first + i;
		if (mark >= 0 && !is_null_constant(nothing[i])) {
			Node *there = is_present(reinterpret_cast<Node *>(new_column(from, first + mark, environment)));
			column = column_for(from, case_of(there, reinterpret_cast<Node *>(new_column(from, column, environment)), nullptr, nullptr, nothing[i]));
		}
		from.scope.columns[{index, i + 1}] = column;
	}
	if (always)
		return;
	std::vector<Column> columns = from.node->columns;
	Scope scope = from.scope;
	scope.input = &columns;
	add_conditions(*from.node, on, scope, first);
}

}  // namespace query
