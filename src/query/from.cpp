#include "from.h"

#include "pg/sql.hpp"
#include "push.h"
#include "scan.h"

extern "C" {
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
}

#include <algorithm>

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
			if (!only_sorts(entry, i))
				from.scope.columns[{index, attributes[i]}] = i;
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

	Tree derived(RangeTblEntry *entry)
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
			return with(entry, cte, *environment);
		}
		no_law("this WITH reference", -1);
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

	static void append(From &to, From from)
	{
		int offset = 0;
		for (const auto &input : to.node->inputs)
			offset += input->width();
		for (auto [key, column] : from.scope.columns)
			to.scope.columns[key] = column + offset;
		if (from.node->depth >= 0)
			to.node->depth = offset + from.node->depth;
		to.node->columns.insert(to.node->columns.end(), from.node->columns.begin(), from.node->columns.end());
		to.node->inputs.push_back(std::move(from.node));
	}

	// Inner joins, FROM lists and WHERE, flattened to one n-ary join.
	From joined(List *items, Node *condition)
	{
		From all;
		all.node = std::make_shared<Operator>();
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
		both.node = std::make_shared<Operator>();
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
				auto [a, b, alike] = *condition.equated;
				if ((a < width) != (b < width))
					node.equalities.push_back({0, std::min(a, b), 1, std::max(a, b) - width, int(node.conditions.size()), alike});
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

bool is_work(const Operator &node)
{
	bool work = false;
	walk(node, [&](const Operator &below) {
		work = work || (below.kind != Kind::scan && below.kind != Kind::filter && below.kind != Kind::project);
	});
	return work;
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
