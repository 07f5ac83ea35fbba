#include "from.h"

#include "correlate.h"
#include "pairs.h"
#include "pg/sql.hpp"
#include "push.h"
#include "relate.h"
#include "scan.h"
#include "subquery.h"

extern "C" {
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
}

#include <algorithm>
#include <utility>

namespace query {

namespace {

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
		ListCell *cell;
		foreach (cell, query->rtable) {
			auto *entry = lfirst_node(RangeTblEntry, cell);
			for (void *part : {static_cast<void *>(entry->functions), static_cast<void *>(entry->tablefunc), static_cast<void *>(entry->values_lists),
			                   static_cast<void *>(entry->subquery), static_cast<void *>(entry->securityQuals)})
				parts = pg::call(lappend, parts, part);
		}
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
		} else if (reads_no_table(entry)) {
			from.node = std::make_shared<Operator>();
			from.node->kind = Kind::constant;
			from.node->relation_of = make_relation(entry, {}, from.node->columns);
			attributes = attributes_of(entry);
		} else {
			from.node = derived(entry);
			for (int i = 1; i <= from.node->width(); i++)
				attributes.push_back(i);
		}
		for (size_t i = 0; i < attributes.size(); i++)
			if (!only_sorts(entry, i))
				from.scope.columns[{index, attributes[i]}] = i;
		if (entry->securityQuals != NIL)
			restrict_to(from, reinterpret_cast<Node *>(entry->securityQuals), environment_);
		return from;
	}

	// The columns of SEARCH and CYCLE are kept in another form within their recursion: outside nothing but ORDER BY may read them.
	static bool only_sorts(const RangeTblEntry *entry, size_t column)
	{
		if (entry->rtekind != RTE_CTE || entry->self_reference || column >= size_t(list_length(entry->coltypes)))
			return false;
		Oid type = list_nth_oid(entry->coltypes, column);
		return type == RECORDOID || type == RECORDARRAYOID;
	}

	// The query that an entry is, as if it stood there; nullptr: it is something else.
	::Query *subquery(const RangeTblEntry *entry) const
	{
		if (entry->rtekind == RTE_SUBQUERY)
			return entry->subquery;
		if (entry->rtekind != RTE_CTE)
			return nullptr;
		auto [cte, environment] = find_with(entry);
		if (cte == nullptr || cte->cterecursive)
			return nullptr;
		auto *query = static_cast<::Query *>(pg::call(copyObjectImpl, static_cast<const void *>(cte->ctequery)));
		pg::call(IncrementVarSublevelsUp, reinterpret_cast<Node *>(query), int(entry->ctelevelsup), 1);
		return query;
	}

	// The subquery, if it reads what stands beside it.
	::Query *lateral(Node *item) const
	{
		if (!IsA(item, RangeTblRef))
			return nullptr;
		::Query *query = subquery(rt_fetch(reinterpret_cast<RangeTblRef *>(item)->rtindex, query_->rtable));
		return query != nullptr && pg::call(outer_references, query, static_cast<List *>(NIL)) != NIL ? query : nullptr;
	}

	std::pair<const CommonTableExpr *, const Environment *> find_with(const RangeTblEntry *entry) const
	{
		const Environment *environment = &environment_;
		for (Index up = entry->ctelevelsup; up > 0 && environment != nullptr; up--)
			environment = environment->outer;
		ListCell *cell;
		foreach (cell, environment == nullptr ? NIL : environment->ctes)
			if (auto *cte = static_cast<CommonTableExpr *>(lfirst(cell)); strcmp(cte->ctename, entry->ctename) == 0)
				return {cte, environment};
		return {nullptr, nullptr};
	}

	Tree derived(RangeTblEntry *entry)
	{
		if (entry->rtekind == RTE_SUBQUERY)
			return build_level(entry->subquery, environment_);
		if (entry->rtekind == RTE_NAMEDTUPLESTORE)
			return share(given(environment_, entry->enrname).node);
		if (entry->rtekind != RTE_CTE)
			no_law("this kind of FROM item", -1);
		auto [cte, environment] = find_with(entry);
		if (cte == nullptr)
			no_law("this WITH reference", -1);
		return with(entry, cte, *environment);
	}

	// Read more than once, it is one operator; what has no state and is no work is made anew, for filters to go down in it.
	static Tree with(const RangeTblEntry *entry, const CommonTableExpr *cte, const Environment &environment)
	{
		if (entry->self_reference)
			return build_recursive(entry, cte, environment);
		auto found = environment.built.find(cte);
		if (found != environment.built.end())
			return share(found->second);
		Tree node = cte->cterecursive ? build_recursive(entry, cte, environment) : build_level(reinterpret_cast<::Query *>(cte->ctequery), environment);
		if (cte->cterefcount > 1 && is_work(*node))
			environment.built[cte] = share(node);
		return node;
	}

	// A FROM item computed from columns of items before it.
	RangeTblEntry *computed_from_others(Node *item) const
	{
		if (!IsA(item, RangeTblRef))
			return nullptr;
		RangeTblEntry *entry = rt_fetch(reinterpret_cast<RangeTblRef *>(item)->rtindex, query_->rtable);
		List *parts = list_make4(entry->functions, entry->tablefunc, entry->values_lists, entry->subquery);
		return entry->lateral && reads_no_table(entry) && !columns_read(reinterpret_cast<Node *>(parts)).empty() ? entry : nullptr;
	}

	// The input to compute from: that which has the columns, or the join of those that have them.
	static int gather(From &all, const std::set<int> &columns)
	{
		Operator &node = *all.node;
		std::set<int> used;
		for (int column : columns)
			used.insert(node.input_of(column));
		if (used.size() == 1)
			return *used.begin();
		auto join = std::make_shared<Operator>();
		join->kind = Kind::join;
		From regrouped;
		regrouped.node = std::make_shared<Operator>();
		regrouped.node->kind = Kind::join;
		std::vector<int> moved(node.width());
		int at = 0;
		for (size_t i = 0; i < node.inputs.size(); i++)
			at += used.contains(i) ? 0 : node.inputs[i]->width();
		int other = 0, last = at;
		for (size_t i = 0; i < node.inputs.size(); i++)
			for (int c = 0; c < node.inputs[i]->width(); c++)
				moved[node.offset(i) + c] = used.contains(i) ? last++ : other++;
		for (size_t i = 0; i < node.inputs.size(); i++) {
			Operator &to = used.contains(i) ? *join : *regrouped.node;
			to.columns.insert(to.columns.end(), node.inputs[i]->columns.begin(), node.inputs[i]->columns.end());
			to.inputs.push_back(std::move(node.inputs[i]));
		}
		for (auto [key, column] : all.scope.columns)
			regrouped.scope.columns[key] = moved[column];
		for (Scope::Computed &computed : all.scope.computed) {
			computed.text = render(computed.text, [&](int column) { return column_of(moved[column], {}).text; });
			regrouped.scope.computed.push_back(computed);
		}
		if (node.depth >= 0) {
			regrouped.node->depth = moved[node.depth];
			join->depth = moved[node.depth] >= at ? moved[node.depth] - at : -1;
		}
		Operator &whole = *regrouped.node;
		whole.columns.insert(whole.columns.end(), join->columns.begin(), join->columns.end());
		whole.inputs.push_back(std::move(join));
		all = std::move(regrouped);
		return all.node->inputs.size() - 1;
	}

	// Widens an input by the columns of the item; on, if it is padded (LEFT JOIN LATERAL).
	void compute(From &all, Node *item, RangeTblEntry *entry, bool padded, Node *on)
	{
		int index = reinterpret_cast<RangeTblRef *>(item)->rtindex;
		std::vector<Column> columns, before = all.node->columns;
		all.scope.input = &before;
		std::set<int> used = make_relation(entry, all.scope, columns).columns;
		for (auto [varno, attribute] : columns_read(on))
			if (auto found = all.scope.columns.find({varno, attribute}); found != all.scope.columns.end())
				used.insert(found->second);
		int input = gather(all, used);

		auto node = std::make_shared<Operator>();
		node->kind = Kind::function;
		node->padded = padded;
		int offset = all.node->offset(input), width = all.node->inputs[input]->width();
		Scope inside;
		for (auto &[key, column] : all.scope.columns) {
			if (column >= offset && column < offset + width)
				inside.columns[key] = column - offset;
			if (column >= offset + width)
				column += columns.size();
		}
		for (Scope::Computed &computed : all.scope.computed)
			computed.text = render(computed.text, [&](int column) { return column_of(column >= offset + width ? column + int(columns.size()) : column, {}).text; });
		inside.input = &all.node->inputs[input]->columns;
		columns.clear();
		node->relation_of = make_relation(entry, inside, columns);
		node->columns = *inside.input;
		node->columns.insert(node->columns.end(), columns.begin(), columns.end());
		std::vector<int> attributes = attributes_of(entry);
		for (size_t i = 0; i < attributes.size(); i++) {
			inside.columns[{index, attributes[i]}] = width + i;
			all.scope.columns[{index, attributes[i]}] = offset + width + i;
		}
		std::vector<Column> both = node->columns;
		inside.input = &both;
		for (Condition &condition : conditions(on, inside))
			node->conditions.push_back(condition.expr);
		node->depth = all.node->inputs[input]->depth;
		if (all.node->depth >= offset + width)
			all.node->depth += columns.size();
		all.node->columns.insert(all.node->columns.begin() + offset + width, columns.begin(), columns.end());
		node->inputs.push_back(std::move(all.node->inputs[input]));
		all.node->inputs[input] = std::move(node);
		all.scope.input = nullptr;
	}

	// Inner joins, FROM lists and WHERE, flattened to one n-ary join.
	From joined(List *items, Node *condition)
	{
		From all;
		all.node = std::make_shared<Operator>();
		all.node->kind = Kind::join;
		if (From *outside = std::exchange(outside_, nullptr))
			append(all, std::move(*outside));
		std::vector<Node *> pending = conjuncts(condition);
		ListCell *cell;
		foreach (cell, items)
			add(all, static_cast<Node *>(lfirst(cell)), pending);
		if (all.node->inputs.empty()) {
			auto row = std::make_shared<Operator>();
			row->kind = Kind::one_row;
			all.node->inputs.push_back(std::move(row));
		}
		close(all);
		List *left = NIL;
		for (Node *one : pending)
			left = pg::call(lappend, left, static_cast<void *>(one));
		restrict_to(all, reinterpret_cast<Node *>(left), environment_);
		all.scope.input = nullptr;
		return all;
	}

	static std::vector<Node *> conjuncts(Node *condition)
	{
		std::vector<Node *> out;
		ListCell *cell;
		foreach (cell, pg::call(conjuncts_of, condition))
			out.push_back(static_cast<Node *>(lfirst(cell)));
		return out;
	}

	// One operator for what has been joined so far.
	static void close(From &all)
	{
		if (all.node->inputs.size() == 1) {
			auto only = std::move(all.node->inputs[0]);
			all.node = std::move(only);
		}
	}

	bool covers(const Scope &scope, Node *condition) const
	{
		auto read = columns_read(condition);
		return std::all_of(read.begin(), read.end(), [&](const auto &column) { return scope.columns.contains(column); });
	}

	// Conditions that what stands here already decides: before others are made to depend on it.
	void decide(From &from, std::vector<Node *> &pending)
	{
		std::vector<Node *> rest;
		for (Node *one : pending)
			if (!pg::call(has_sublinks, one) && covers(from.scope, one) && !columns_read(one).empty())
				from.node = filter(std::move(from.node), one, from.scope);
			else
				rest.push_back(one);
		pending = rest;
	}

	void add(From &all, Node *item, std::vector<Node *> &pending)
	{
		if (RangeTblEntry *entry = computed_from_others(item)) {
			compute(all, item, entry, false, nullptr);
		} else if (::Query *query = lateral(item)) {
			From so_far = std::move(all);
			close(so_far);
			decide(so_far, pending);
			join_lateral(so_far, query, reinterpret_cast<RangeTblRef *>(item)->rtindex, false, nullptr, environment_);
			all = From{};
			all.node = std::make_shared<Operator>();
			all.node->kind = Kind::join;
			append(all, std::move(so_far));
		} else if (IsA(item, RangeTblRef)) {
			append(all, leaf(reinterpret_cast<RangeTblRef *>(item)->rtindex));
		} else if (IsA(item, FromExpr)) {
			auto *from = reinterpret_cast<FromExpr *>(item);
			ListCell *cell;
			foreach (cell, from->fromlist)
				add(all, static_cast<Node *>(lfirst(cell)), pending);
			for (Node *one : conjuncts(from->quals))
				pending.push_back(one);
		} else {
			auto *join = reinterpret_cast<JoinExpr *>(item);
			if (join->jointype == JOIN_INNER) {
				add(all, join->larg, pending);
				add(all, join->rarg, pending);
				for (Node *one : conjuncts(join->quals))
					pending.push_back(one);
			} else if (RangeTblEntry *entry = computed_from_others(join->rarg); entry != nullptr && join->jointype == JOIN_LEFT) {
				add(all, join->larg, pending);
				compute(all, join->rarg, entry, true, join->quals);
			} else if (join->jointype == JOIN_LEFT) {
				append(all, left(join->larg, join->rarg, join->quals, pending));
			} else if (join->jointype == JOIN_RIGHT) {
				append(all, left(join->rarg, join->larg, join->quals, pending));
			} else
				append(all, full(join->larg, join->rarg, join->quals));
		}
	}

	// What an item reads of what stands before it, from inside.
	std::vector<std::pair<int, int>> reads_of(Node *item, const Scope &before) const
	{
		std::vector<std::pair<int, int>> out;
		auto add = [&](Node *tree) {
			for (auto column : columns_read(tree))
				if (before.columns.contains(column) && std::find(out.begin(), out.end(), column) == out.end())
					out.push_back(column);
		};
		std::vector<Node *> items{item};
		while (!items.empty()) {
			Node *one = items.back();
			items.pop_back();
			if (IsA(one, RangeTblRef)) {
				if (::Query *query = subquery(rt_fetch(reinterpret_cast<RangeTblRef *>(one)->rtindex, query_->rtable)))
					add(reinterpret_cast<Node *>(query));
			} else if (IsA(one, FromExpr)) {
				ListCell *cell;
				foreach (cell, reinterpret_cast<FromExpr *>(one)->fromlist)
					items.push_back(static_cast<Node *>(lfirst(cell)));
				add(reinterpret_cast<FromExpr *>(one)->quals);
			} else {
				items.push_back(reinterpret_cast<JoinExpr *>(one)->larg);
				items.push_back(reinterpret_cast<JoinExpr *>(one)->rarg);
				add(reinterpret_cast<JoinExpr *>(one)->quals);
			}
		}
		return out;
	}

	// Subqueries of an ON condition become columns of the side that they read.
	Node *without_sublinks(From &a, From &b, Node *condition) const
	{
		if (!pg::call(has_sublinks, condition))
			return condition;
		auto read = columns_read(condition);
		auto within = [&](const From &from) {
			return std::all_of(read.begin(), read.end(), [&](const auto &column) { return from.scope.columns.contains(column); });
		};
		if (within(b))
			return attach(b, condition, environment_);
		if (within(a))
			return attach(a, condition, environment_);
		List *outer = pg::call(sublink_references, condition);
		auto of = [&](const From &from) { return covers(from.scope, reinterpret_cast<Node *>(outer)); };
		if (!of(a) && !of(b))
			no_law("a subquery in ON of an outer join that reads both its sides", pg::call(exprLocation, static_cast<const Node *>(condition)));
		return attach(of(b) ? b : a, condition, environment_);
	}

	void keep(Operator &node, const Condition &condition, int width) const
	{
		if (condition.equated) {
			auto [a, b, alike] = *condition.equated;
			if ((a < width) != (b < width))
				node.equalities.push_back({0, std::min(a, b), 1, std::max(a, b) - width, int(node.conditions.size()), alike});
		}
		node.conditions.push_back(condition.expr);
	}

	// ON conditions over the right input alone are a filter below the join.
	From left(Node *larg, Node *rarg, Node *on, std::vector<Node *> &pending)
	{
		From preserved = joined(list_make1(larg), nullptr);
		auto read = reads_of(rarg, preserved.scope);
		if (!read.empty())
			decide(preserved, pending);
		if (pg::call(asks_of_pairs, on, rarg)) {
			of_pairs(preserved, rarg, on);
			return preserved;
		}
		if (::Query *query = lateral(rarg); query != nullptr && !pg::call(has_sublinks, on)) {
			join_lateral(preserved, query, reinterpret_cast<RangeTblRef *>(rarg)->rtindex, true, on, environment_);
			return preserved;
		}
		if (!read.empty())
			return left_by_outer(std::move(preserved), rarg, on, read);
		return left_of(std::move(preserved), joined(list_make1(rarg), nullptr), on, {});
	}

	// Rows of the item where ON holds, for each row of the other side.
	void of_pairs(From &preserved, Node *item, Node *on) const
	{
		List *columns = NIL;
		::Query *query = pg::call(rows_where, query_, item, on, &columns);
		int index = environment_.next_index++, number = 0;
		join_lateral(preserved, query, index, true, nullptr, environment_);
		ListCell *cell;
		foreach (cell, columns)
			preserved.scope.columns[{lfirst_node(Var, cell)->varno, lfirst_node(Var, cell)->varattno}] = preserved.scope.columns.at({index, ++number});
	}

	// The right side reads columns of the left from inside: it is made for all combinations of them.
	From left_by_outer(From preserved, Node *rarg, Node *on, const std::vector<std::pair<int, int>> &read)
	{
		std::vector<int> columns;
		for (auto column : read)
			columns.push_back(preserved.scope.columns.at(column));
		std::sort(columns.begin(), columns.end());
		columns.erase(std::unique(columns.begin(), columns.end()), columns.end());
		for (int column : columns)
			if (pg::varies_when_equal(preserved.node->columns[column].type))
				no_law("LATERAL inside a join by type " + pg::type_name(preserved.node->columns[column].type), -1);
		From outer;
		outer.node = distinct_columns(share(preserved.node), columns, {});
		for (auto column : read)
			outer.scope.columns[column] = std::find(columns.begin(), columns.end(), preserved.scope.columns.at(column)) - columns.begin();
		outside_ = &outer;
		From right = joined(list_make1(rarg), nullptr);
		std::vector<std::pair<int, int>> pairs;
		for (auto column : read) {
			pairs.push_back({preserved.scope.columns.at(column), right.scope.columns.at(column)});
			right.scope.columns.erase(column);
		}
		return left_of(std::move(preserved), std::move(right), on, pairs);
	}

	// Conjuncts of ON over columns of the preserved side alone.
	static std::vector<Node *> of_one_side(const From &side, const std::vector<Node *> &on)
	{
		std::vector<Node *> out;
		for (Node *one : on) {
			auto read = columns_read(one);
			if (std::all_of(read.begin(), read.end(), [&](const auto &column) { return side.scope.columns.contains(column); }))
				out.push_back(one);
		}
		return out;
	}

	From left_of(From preserved, From right, Node *on, const std::vector<std::pair<int, int>> &same)
	{
		From both;
		both.node = std::make_shared<Operator>();
		both.node->kind = Kind::left_join;
		std::vector<Node *> all;
		for (Node *one : conjuncts(on)) {
			if (pg::call(has_sublinks, one) && covers(right.scope, one))
				restrict_to(right, one, environment_);
			else
				all.push_back(without_sublinks(preserved, right, one));
		}
		std::vector<Node *> settled = of_one_side(preserved, all);
		append(both, with_computed(std::move(preserved), settled));
		append(both, std::move(right));
		Operator &node = *both.node;
		int width = node.inputs[0]->width();
		for (int i = width; i < node.width(); i++)
			node.columns[i].not_null = false;
		std::vector<Column> unpadded = node.inputs[0]->columns;
		unpadded.insert(unpadded.end(), node.inputs[1]->columns.begin(), node.inputs[1]->columns.end());
		both.scope.input = &unpadded;
		for (auto [a, b] : same) {
			std::string x = '\x01' + std::to_string(a) + '\x02', y = '\x01' + std::to_string(width + b) + '\x02';
			Oid type = unpadded[a].type;
			if (unpadded[a].not_null)
				node.equalities.push_back({0, a, 1, b, int(node.conditions.size()), true});
			node.conditions.push_back({unpadded[a].not_null ? pg::equal(type, x, y) : pg::not_distinct(type, x, y), {}, {"", BOOLOID, -1, 0, false}, {a, width + b}, -1});
		}
		for (Node *one : all)
			for (Condition &condition : query::conditions(one, both.scope)) {
				if (!condition.expr.columns.empty() && *condition.expr.columns.begin() >= width) {
					sink_into(node, 1, condition, [width](int column) { return column - width; });
					continue;
				}
				if (condition.expr.uses_time())
					no_law("now() with both sides of an outer join", condition.location, "A condition over one of them may use it.");
				keep(node, condition, width);
			}
		return both;
	}

	// The server runs no other FULL JOIN, and nothing could be compared with it.
	static void check_joinable(const std::vector<Node *> &on, const Scope &both, int width)
	{
		bool reads = false, joinable = false;
		for (Node *one : on) {
			reads = reads || !make_expression(one, both).columns.empty();
			if (!pg::call(is_equation, one))
				continue;
			auto *op = reinterpret_cast<OpExpr *>(one);
			auto a = make_expression(static_cast<Node *>(linitial(op->args)), both).columns, b = make_expression(static_cast<Node *>(lsecond(op->args)), both).columns;
			if (!a.empty() && !b.empty())
				joinable = joinable || (*a.rbegin() < width && *b.begin() >= width) || (*b.rbegin() < width && *a.begin() >= width);
		}
		if (reads && !joinable)
			pg::fail(ERRCODE_FEATURE_NOT_SUPPORTED, "FULL JOIN is only supported with merge-joinable or hash-joinable join conditions");
	}

	static void check_joinable_sides(const From &a, const From &b, Node *on)
	{
		std::vector<Column> columns;
		Scope both = both_scopes(a, b, &columns);
		std::vector<Node *> plain;
		for (Node *one : conjuncts(on))
			if (!pg::call(has_sublinks, one))
				plain.push_back(one);
		check_joinable(plain, both, a.node->width());
	}

	// What the scope has, in the order of these columns; NULL is what it does not have.
	static Tree columns_in_order(From from, const std::map<std::pair<int, int>, Column> &columns)
	{
		auto node = std::make_shared<Operator>();
		node->kind = Kind::project;
		for (const auto &[key, type] : columns) {
			auto found = from.scope.columns.find(key);
			node->expressions.push_back(found == from.scope.columns.end() ? Expression{"NULL", {}, type, {}, -1} : column_of(found->second, from.node->columns[found->second]));
			node->columns.push_back(type);
		}
		node->depth = -1;
		node->inputs.push_back(std::move(from.node));
		return node;
	}

	From full_of_pairs(From a, From b, Node *larg, Node *rarg, Node *on) const
	{
		std::map<std::pair<int, int>, Column> columns;
		for (const From *side : {&a, &b})
			for (auto [key, column] : side->scope.columns) {
				columns[key] = side->node->columns[column];
				columns[key].not_null = false;
			}
		check_joinable_sides(a, b, on);
		of_pairs(a, rarg, on);
		List *none = NIL;
		::Query *matching = pg::call(rows_where, query_, larg, on, &none);
		restrict_to(b, negated(exists_link(matching)), environment_);
		From both;
		both.node = std::make_shared<Operator>();
		both.node->kind = Kind::union_all;
		for (From *side : {&a, &b})
			both.node->inputs.push_back(columns_in_order(std::move(*side), columns));
		for (const auto &[key, type] : columns) {
			both.scope.columns[key] = both.node->width();
			both.node->columns.push_back(type);
		}
		return both;
	}

	// A FULL JOIN B = A ⟕ B and the rows of B without a match in A.
	From full(Node *larg, Node *rarg, Node *on)
	{
		From a = joined(list_make1(larg), nullptr), b = joined(list_make1(rarg), nullptr);
		if (pg::call(asks_of_pairs, on, rarg))
			return full_of_pairs(std::move(a), std::move(b), larg, rarg, on);
		std::vector<Node *> all;
		for (Node *one : conjuncts(on))
			all.push_back(without_sublinks(a, b, one));
		auto matched = std::make_shared<Operator>(), alone = std::make_shared<Operator>();
		From both;
		both.node = matched;
		matched->kind = Kind::left_join;
		alone->kind = Kind::anti_join;
		alone->inputs = {share(b.node), share(a.node)};
		alone->columns = b.node->columns;
		append(both, std::move(a));
		append(both, std::move(b));
		int width = matched->inputs[0]->width(), other = alone->width();
		std::vector<Column> unpadded = matched->columns;
		both.scope.input = &unpadded;
		check_joinable(all, both.scope, width);
		auto mirrored = [&](int column) { return column < width ? other + column : column - width; };
		for (Node *one : all)
			for (Condition &condition : query::conditions(one, both.scope)) {
				if (condition.expr.uses_time())
					no_law("now() in ON of a FULL JOIN", condition.location);
				keep(*matched, condition, width);
				condition.expr = remap(condition.expr, mirrored);
				if (condition.equated)
					condition.equated = Equated{mirrored(condition.equated->a), mirrored(condition.equated->b), condition.equated->alike};
				keep(*alone, condition, other);
			}
		for (Column &column : matched->columns)
			column.not_null = false;
		auto padded = std::make_shared<Operator>(), node = std::make_shared<Operator>();
		padded->kind = Kind::project;
		padded->columns = matched->columns;
		for (int i = 0; i < matched->width(); i++)
			if (i < width)
				padded->expressions.push_back({"NULL", {}, matched->columns[i], {}, -1});
			else
				padded->expressions.push_back({'\x01' + std::to_string(i - width) + '\x02', {}, matched->columns[i], {i - width}, i - width});
		padded->inputs.push_back(std::move(alone));
		node->kind = Kind::union_all;
		node->columns = matched->columns;
		node->inputs = {std::move(matched), std::move(padded)};
		both.node = std::move(node);
		both.scope.input = nullptr;
		return both;
	}

	::Query *query_;
	const Environment &environment_;
	std::vector<std::pair<int, int>> read_;
	From *outside_ = nullptr;         // what the next join begins with
};

}  // namespace

bool is_work(const Operator &node)
{
	bool work = false;
	walk(node, [&](const Operator &below) {
		work = work || (below.kind != Kind::scan && below.kind != Kind::filter && below.kind != Kind::project);
	});
	return work;
}

void append(From &to, From from)
{
	int offset = to.node->width();
	for (auto [key, column] : from.scope.columns)
		to.scope.columns[key] = column + offset;
	if (from.node->depth >= 0)
		to.node->depth = offset + from.node->depth;
	for (Scope::Computed &computed : from.scope.computed) {
		computed.text = render(computed.text, [&](int column) { return '\x01' + std::to_string(column + offset) + '\x02'; });
		to.scope.computed.push_back(computed);
	}
	to.node->columns.insert(to.node->columns.end(), from.node->columns.begin(), from.node->columns.end());
	to.node->inputs.push_back(std::move(from.node));
}

const Environment::Given &given(const Environment &environment, const char *name)
{
	for (const Environment *level = &environment; level != nullptr; level = level->outer)
		if (auto found = level->given.find(name); found != level->given.end())
			return found->second;
	no_law("this FROM item", -1);
}

From build_from(::Query *query, const Environment &environment)
{
	return Builder(query, environment).build();
}

Tree filter(Tree input, Node *condition, const Scope &scope)
{
	Scope over = scope;
	std::vector<Column> columns = input->columns;
	over.input = &columns;
	for (const Condition &one : conditions(condition, over))
		input = push(std::move(input), one);
	return input;
}

}  // namespace query
