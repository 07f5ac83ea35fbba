#include "from.h"

#include "pg/sql.hpp"

extern "C" {
#include "access/stratnum.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/catalog.h"
#include "catalog/namespace.h"
#include "nodes/makefuncs.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"
}

#include <algorithm>

namespace query {

namespace {

// ---- relations ----

struct Attributes {
	char relkind;
	bool has_children, temporary, system, ours;
	int count;
	Form_pg_attribute attributes[MaxHeapAttributeNumber];
	int key_count;
	AttrNumber key[INDEX_MAX_KEYS];
};

void describe(Oid relid, Attributes *out)
{
	Relation relation = table_open(relid, AccessShareLock);
	out->relkind = relation->rd_rel->relkind;
	out->has_children = relation->rd_rel->relkind == RELKIND_RELATION && has_subclass(relid);
	out->temporary = relation->rd_rel->relpersistence == RELPERSISTENCE_TEMP;
	out->system = IsCatalogRelation(relation) || relation->rd_rel->relnamespace == get_namespace_oid("pg_catalog", false);
	out->ours = relation->rd_rel->relnamespace == get_namespace_oid("pgtrickle", true) ||
	            relation->rd_rel->relnamespace == get_namespace_oid("pgtrickle_state", true);
	TupleDesc desc = RelationGetDescr(relation);
	out->count = desc->natts;
	for (int i = 0; i < desc->natts; i++) {
		out->attributes[i] = static_cast<Form_pg_attribute>(palloc(sizeof(FormData_pg_attribute)));
		*out->attributes[i] = *TupleDescAttr(desc, i);
	}
	out->key_count = 0;
	Bitmapset *key = RelationGetIndexAttrBitmap(relation, INDEX_ATTR_BITMAP_PRIMARY_KEY);
	if (key == nullptr)
		key = RelationGetIndexAttrBitmap(relation, INDEX_ATTR_BITMAP_IDENTITY_KEY);
	for (int member = -1; (member = bms_next_member(key, member)) >= 0;)
		out->key[out->key_count++] = member + FirstLowInvalidHeapAttributeNumber;
	table_close(relation, NoLock);
}

std::unique_ptr<Operator> scan(RangeTblEntry *entry, int index, const std::vector<std::pair<int, int>> &read)
{
	auto attributes = std::make_unique<Attributes>();
	pg::call(describe, entry->relid, attributes.get());
	auto refuse = [&](bool present, const char *what) {
		if (present)
			no_law(std::string(what) + " (" + pg::relation_name(entry->relid) + ") as a source", -1);
	};
	refuse(attributes->system, "a system catalog");
	refuse(attributes->ours, "a table of the extension");
	refuse(attributes->temporary, "a temporary table");
	refuse(attributes->relkind == RELKIND_MATVIEW, "a materialized view");
	refuse(attributes->relkind == RELKIND_FOREIGN_TABLE, "a foreign table");
	refuse(attributes->relkind != RELKIND_RELATION && attributes->relkind != RELKIND_PARTITIONED_TABLE,
	       "this kind of relation");
	refuse(attributes->has_children, "a table with inheritance children");
	refuse(entry->tablesample != nullptr, "TABLESAMPLE of a table");

	auto node = std::make_unique<Operator>();
	node->kind = Kind::scan;
	node->relation = entry->relid;
	std::vector<int> wanted;
	for (auto [varno, attribute] : read)
		if (varno == index && attribute > 0)
			wanted.push_back(attribute);
	std::sort(wanted.begin(), wanted.end());
	for (int number : wanted) {
		Form_pg_attribute attribute = attributes->attributes[number - 1];
		node->attributes.push_back(number);
		node->columns.push_back({NameStr(attribute->attname), attribute->atttypid, attribute->atttypmod,
		                         attribute->attcollation, attribute->attnotnull});
	}
	for (int i = 0; i < attributes->key_count; i++) {
		auto found = std::find(wanted.begin(), wanted.end(), attributes->key[i]);
		if (found == wanted.end()) {
			node->identity.clear();
			break;
		}
		node->identity.push_back(found - wanted.begin());
	}
	return node;
}

// ---- conditions ----

bool is_btree_comparison(Oid opno)
{
	List *interpretations = get_op_index_interpretation(opno);
	return interpretations != NIL;
}

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

// An interval that is the same length wherever it is added to this type of moment.
bool has_one_length(Node *node, Oid moment)
{
	if (!IsA(node, Const) || reinterpret_cast<Const *>(node)->consttype != INTERVALOID ||
	    reinterpret_cast<Const *>(node)->constisnull)
		return false;
	Interval *interval = DatumGetIntervalP(reinterpret_cast<Const *>(node)->constvalue);
	return interval->month == 0 && (interval->day == 0 || moment == TIMESTAMPOID) && !INTERVAL_NOT_FINITE(interval);
}

// moment + interval <op> other becomes moment <op> other - interval, and so on for minus,
// where that is the same; otherwise both stay.
void bare_moment(Node **moment, Node **other)
{
	auto *sum = reinterpret_cast<OpExpr *>(*moment);
	if (!IsA(sum, OpExpr) || list_length(sum->args) != 2)
		return;
	Oid type = exprType(*other);
	bool zoned = sum->opfuncid == F_TIMESTAMPTZ_PL_INTERVAL || sum->opfuncid == F_TIMESTAMPTZ_MI_INTERVAL;
	bool plus = sum->opfuncid == F_TIMESTAMPTZ_PL_INTERVAL || sum->opfuncid == F_TIMESTAMP_PL_INTERVAL;
	if ((!zoned && !plus && sum->opfuncid != F_TIMESTAMP_MI_INTERVAL) ||
	    type != (zoned ? TIMESTAMPTZOID : TIMESTAMPOID) || !has_one_length(static_cast<Node *>(lsecond(sum->args)), type))
		return;
	Oid inverse = OpernameGetOprid(list_make1(makeString(pstrdup(plus ? "-" : "+"))), type, INTERVALOID);
	*other = reinterpret_cast<Node *>(
	    make_opclause(inverse, type, false, reinterpret_cast<Expr *>(*other),
	                  static_cast<Expr *>(lsecond(sum->args)), InvalidOid, InvalidOid));
	set_opfuncid(reinterpret_cast<OpExpr *>(*other));
	*moment = static_cast<Node *>(linitial(sum->args));
}

// column <op> expression of now(), or the other way round.
std::optional<Temporal> temporal(Node *condition, const Expression &whole, const Scope &scope)
{
	OpExpr *op = binary_operator(condition);
	if (op == nullptr || !pg::call(is_btree_comparison, op->opno))
		return {};
	auto *moment = static_cast<Node *>(linitial(op->args)), *other = static_cast<Node *>(lsecond(op->args));
	if (make_expression(moment, scope).uses_time())
		std::swap(moment, other);
	pg::call(bare_moment, &moment, &other);
	Expression left = make_expression(moment, scope), right = make_expression(other, scope);
	if (left.plain < 0 || left.uses_time() || !right.columns.empty())
		return {};
	return Temporal{left.plain, whole, right};
}

List *conjuncts(Node *condition)
{
	return make_ands_implicit(reinterpret_cast<Expr *>(condition));
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
	return conjuncts(condition);
}

struct Condition {
	Expression expr;
	std::optional<Temporal> temporal;
	std::optional<std::pair<int, int>> equated;   // two plain columns
	std::set<int> rejected;                       // columns whose NULL it does not let through
	int location;
};

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

std::vector<Condition> conditions(Node *condition, const Scope &scope)
{
	std::vector<Condition> out;
	ListCell *cell;
	List *all = pg::call(flat_conjuncts, condition);
	foreach (cell, all) {
		auto *one = static_cast<Node *>(lfirst(cell));
		Condition c{make_expression(one, scope), {}, {}, rejected_by(one, scope), pg::call(exprLocation, (const Node *)one)};
		if (c.expr.uses_time()) {
			c.temporal = temporal(one, c.expr, scope);
			if (!c.temporal)
				no_law("this use of now()", c.location,
				       "A temporal filter compares a plain column with an expression of now() and constants.");
		} else if (OpExpr *op = binary_operator(one);
		           op != nullptr && pg::call(is_equality, op->opno, pg::call(exprType, (const Node *)linitial(op->args)))) {
			Expression left = make_expression(static_cast<Node *>(linitial(op->args)), scope);
			Expression right = make_expression(static_cast<Node *>(lsecond(op->args)), scope);
			if (left.plain >= 0 && right.plain >= 0)
				c.equated = {left.plain, right.plain};
		}
		out.push_back(std::move(c));
	}
	return out;
}

std::unique_ptr<Operator> filter_node(std::unique_ptr<Operator> input)
{
	if (input->kind == Kind::filter)
		return input;
	auto node = std::make_unique<Operator>();
	node->kind = Kind::filter;
	node->columns = input->columns;
	node->inputs.push_back(std::move(input));
	return node;
}

Temporal remap_temporal(const Temporal &t, const std::function<int(int)> &map)
{
	return {map(t.column), remap(t.whole, map), t.threshold};
}

std::unique_ptr<Operator> push(std::unique_ptr<Operator> node, const Condition &condition);

// Adds the condition to an input, whose column map(i) is column i here; -1 if it has none.
bool sink_into(Operator &node, int input, const Condition &condition, const std::function<int(int)> &map)
{
	for (int column : condition.expr.columns)
		if (map(column) < 0)
			return false;
	Condition moved{remap(condition.expr, map), {}, {}, {}, condition.location};
	if (condition.temporal)
		moved.temporal = remap_temporal(*condition.temporal, map);
	if (condition.equated)
		moved.equated = {map(condition.equated->first), map(condition.equated->second)};
	for (int column : condition.rejected)
		if (condition.expr.columns.contains(column))
			moved.rejected.insert(map(column));
	node.inputs[input] = push(std::move(node.inputs[input]), moved);
	return true;
}

bool sink(Operator &node, const Condition &condition);

// Through an inner join to the input that has all columns; through a left join to its left
// input.  A left join whose padded rows the condition rejects is an inner join.
bool sink_into_join(Operator &node, const Condition &condition)
{
	int input = node.input_of(*condition.expr.columns.begin());
	int low = node.offset(input), high = low + node.inputs[input]->width();
	bool inside = *condition.expr.columns.rbegin() < high;
	if (inside && (node.kind == Kind::join || input == 0))
		return sink_into(node, input, condition, [low](int column) { return column - low; });
	int width = node.inputs[0]->width();
	if (node.kind == Kind::join || condition.rejected.empty() || *condition.rejected.rbegin() < width)
		return false;
	node.kind = Kind::join;
	return sink(node, condition);
}

// Takes the condition below an operator that it commutes with, as far down as that goes.
bool sink(Operator &node, const Condition &condition)
{
	if (condition.expr.columns.empty())
		return false;
	switch (node.kind) {
	case Kind::scan:
		return false;
	case Kind::filter:
		return sink(*node.inputs[0], condition);
	case Kind::project:
		return sink_into(node, 0, condition, [&](int column) { return node.expressions[column].plain; });
	case Kind::aggregate:
		return sink_into(node, 0, condition,
		                 [&](int column) { return column < int(node.keys.size()) ? node.keys[column].plain : -1; });
	case Kind::distinct:
		return sink_into(node, 0, condition, [](int column) { return column; });
	case Kind::union_all:
		for (int column : condition.expr.columns)
			for (const auto &input : node.inputs)
				if (input->columns[column].type != node.columns[column].type)
					return false;
		for (size_t i = 0; i < node.inputs.size(); i++)
			sink_into(node, i, condition, [](int column) { return column; });
		return true;
	case Kind::join:
	case Kind::left_join:
		return sink_into_join(node, condition);
	}
	return false;
}

// Puts a condition at the lowest operator that has all its columns.
std::unique_ptr<Operator> push(std::unique_ptr<Operator> node, const Condition &condition)
{
	if (sink(*node, condition))
		return node;
	if (node->kind == Kind::join && !condition.temporal) {
		node->conditions.push_back(condition.expr);
		if (condition.equated) {
			auto [a, b] = *condition.equated;
			int ia = node->input_of(a), ib = node->input_of(b);
			if (ia != ib)
				node->equalities.push_back({ia, a - node->offset(ia), ib, b - node->offset(ib), int(node->conditions.size()) - 1});
		}
		return node;
	}
	node = filter_node(std::move(node));
	// A temporal filter looks rows up by its column, so it must sit on a scan.
	if (condition.temporal && node->inputs[0]->kind != Kind::scan)
		no_law("comparing now() with a computed column", condition.location,
		       "now() can be compared with a column of a table.");
	if (condition.temporal)
		node->temporal.push_back(*condition.temporal);
	else
		node->conditions.push_back(condition.expr);
	return node;
}

// ---- the join tree ----

class Builder {
public:
	Builder(::Query *query, const Environment &environment)
	    : query_(query), environment_(environment), read_(columns_read_by(query))
	{
	}

	From build()
	{
		return joined(query_->jointree->fromlist, query_->jointree->quals);
	}

private:
	static std::vector<std::pair<int, int>> columns_read_by(::Query *query)
	{
		List *parts = list_make3(query->targetList, query->havingQual, query->jointree);
		return columns_read(reinterpret_cast<Node *>(parts));
	}

	From leaf(int index)
	{
		RangeTblEntry *entry = rt_fetch(index, query_->rtable);
		From from;
		std::vector<int> attributes;
		if (entry->rtekind == RTE_RELATION) {
			from.node = scan(entry, index, read_);
			attributes = from.node->attributes;
		} else {
			from.node = derived(entry);
			for (int i = 1; i <= from.node->width(); i++)
				attributes.push_back(i);
		}
		for (size_t i = 0; i < attributes.size(); i++)
			from.scope.columns[{index, attributes[i]}] = i;
		return from;
	}

	std::unique_ptr<Operator> derived(RangeTblEntry *entry)
	{
		if (entry->rtekind == RTE_SUBQUERY) {
			if (entry->security_barrier && entry->lateral)
				no_law("LATERAL", -1);
			return build_level(entry->subquery, environment_);
		}
		if (entry->rtekind != RTE_CTE)
			no_law(entry->rtekind == RTE_FUNCTION ? "a function in FROM"
			       : entry->rtekind == RTE_VALUES ? "VALUES"
			                                      : "this kind of FROM item", -1);
		const Environment *environment = &environment_;
		for (Index up = entry->ctelevelsup; up > 0 && environment != nullptr; up--)
			environment = environment->outer;
		ListCell *cell;
		foreach (cell, environment == nullptr ? NIL : environment->ctes) {
			auto *cte = static_cast<CommonTableExpr *>(lfirst(cell));
			if (strcmp(cte->ctename, entry->ctename) != 0)
				continue;
			if (cte->cterecursive)
				no_law("WITH RECURSIVE", cte->location);
			return build_level(reinterpret_cast<::Query *>(cte->ctequery), *environment);
		}
		no_law("this WITH reference", -1);
	}

	static void append(From &to, From from)
	{
		int offset = 0;
		for (const auto &input : to.node->inputs)
			offset += input->width();
		for (auto [key, column] : from.scope.columns)
			to.scope.columns[key] = column + offset;
		to.node->columns.insert(to.node->columns.end(), from.node->columns.begin(), from.node->columns.end());
		to.node->inputs.push_back(std::move(from.node));
	}

	// Inner joins, FROM lists and WHERE, flattened to one n-ary join.
	From joined(List *items, Node *condition)
	{
		From all;
		all.node = std::make_unique<Operator>();
		all.node->kind = Kind::join;
		std::vector<Node *> pending{condition};
		ListCell *cell;
		foreach (cell, items)
			add(all, static_cast<Node *>(lfirst(cell)), pending);
		if (all.node->inputs.empty())
			no_law("a query without FROM", -1);
		if (all.node->inputs.size() == 1) {
			auto only = std::move(all.node->inputs[0]);
			all.node = std::move(only);
		}
		for (Node *one : pending)
			if (one != nullptr)
				all.node = filter(std::move(all.node), one, all.scope);
		all.scope.input = nullptr;
		return all;
	}

	void add(From &all, Node *item, std::vector<Node *> &pending)
	{
		if (IsA(item, RangeTblRef)) {
			append(all, leaf(reinterpret_cast<RangeTblRef *>(item)->rtindex));
		} else if (IsA(item, FromExpr)) {
			auto *from = reinterpret_cast<FromExpr *>(item);
			ListCell *cell;
			foreach (cell, from->fromlist)
				add(all, static_cast<Node *>(lfirst(cell)), pending);
			pending.push_back(from->quals);
		} else {
			auto *join = reinterpret_cast<JoinExpr *>(item);
			if (join->jointype == JOIN_INNER) {
				add(all, join->larg, pending);
				add(all, join->rarg, pending);
				pending.push_back(join->quals);
			} else if (join->jointype == JOIN_LEFT) {
				append(all, left(join->larg, join->rarg, join->quals));
			} else if (join->jointype == JOIN_RIGHT) {
				append(all, left(join->rarg, join->larg, join->quals));
			} else
				no_law("FULL JOIN", -1);
		}
	}

	// ON conditions over the right input alone are a filter below the join.
	From left(Node *larg, Node *rarg, Node *on)
	{
		From both;
		both.node = std::make_unique<Operator>();
		both.node->kind = Kind::left_join;
		append(both, joined(list_make1(larg), nullptr));
		append(both, joined(list_make1(rarg), nullptr));
		Operator &node = *both.node;
		int width = node.inputs[0]->width();
		for (int i = width; i < node.width(); i++)
			node.columns[i].not_null = false;
		std::vector<Column> unpadded = node.inputs[0]->columns;
		unpadded.insert(unpadded.end(), node.inputs[1]->columns.begin(), node.inputs[1]->columns.end());
		both.scope.input = &unpadded;
		for (Condition &condition : conditions(on, both.scope)) {
			if (!condition.expr.columns.empty() && *condition.expr.columns.begin() >= width) {
				sink_into(node, 1, condition, [width](int column) { return column - width; });
				continue;
			}
			if (condition.temporal)
				no_law("now() against the preserved side of a LEFT JOIN's ON", condition.location);
			if (condition.equated) {
				auto [a, b] = *condition.equated;
				if ((a < width) != (b < width))
					node.equalities.push_back({0, std::min(a, b), 1, std::max(a, b) - width, int(node.conditions.size())});
			}
			node.conditions.push_back(condition.expr);
		}
		return both;
	}

	::Query *query_;
	const Environment &environment_;
	std::vector<std::pair<int, int>> read_;
};

}  // namespace

From build_from(::Query *query, const Environment &environment)
{
	return Builder(query, environment).build();
}

std::unique_ptr<Operator> filter(std::unique_ptr<Operator> input, Node *condition, const Scope &scope)
{
	Scope over = scope;
	std::vector<Column> columns = input->columns;
	over.input = &columns;
	for (const Condition &one : conditions(condition, over))
		input = push(std::move(input), one);
	return input;
}

}  // namespace query
