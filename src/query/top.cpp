#include "top.h"

#include "pg/sql.hpp"

extern "C" {
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
}

#include <algorithm>

namespace query {

namespace {

Node *folded(Node *node)
{
	return eval_const_expressions(nullptr, static_cast<Node *>(copyObjectImpl(node)));
}

// The number of rows that LIMIT or OFFSET says; none: NULL, which is no limit.
std::optional<std::int64_t> row_count(Node *expression, const char *word)
{
	if (expression == nullptr)
		return {};
	Node *value = pg::call(folded, expression);
	int location = pg::call(exprLocation, static_cast<const Node *>(expression));
	if (!IsA(value, Const))
		no_law(std::string(word) + " with a value that is not constant", location);
	auto *known = reinterpret_cast<Const *>(value);
	if (known->constisnull)
		return {};
	std::int64_t count = DatumGetInt64(known->constvalue);
	if (count < 0)
		pg::fail(count < 0 && word[0] == 'L' ? ERRCODE_INVALID_ROW_COUNT_IN_LIMIT_CLAUSE : ERRCODE_INVALID_ROW_COUNT_IN_RESULT_OFFSET_CLAUSE,
		         std::string(word) + " must not be negative");
	return count;
}

Tree top(Tree input, std::vector<int> partition, const std::vector<Sort> &order)
{
	auto node = std::make_shared<Operator>();
	node->kind = Kind::top;
	node->columns = input->columns;
	std::sort(partition.begin(), partition.end());
	partition.erase(std::unique(partition.begin(), partition.end()), partition.end());
	node->partition = std::move(partition);
	for (const Sort &sort : order)    // rows of a partition are alike in its columns
		if (std::find(node->partition.begin(), node->partition.end(), sort.column) == node->partition.end())
			node->order.push_back(sort);
	node->inputs.push_back(std::move(input));
	return node;
}

Tree without_more(Tree input, int shown)
{
	auto node = std::make_shared<Operator>();
	node->kind = Kind::project;
	for (int i = 0; i < shown; i++) {
		node->columns.push_back(input->columns[i]);
		node->expressions.push_back({'\x01' + std::to_string(i) + '\x02', {}, input->columns[i], {i}, i});
	}
	node->inputs.push_back(std::move(input));
	return node;
}

}  // namespace

Tree chosen(::Query *query, Selected selected, int references)
{
	auto node = std::move(selected.node);
	std::optional<std::int64_t> limit = row_count(query->limitCount, "LIMIT"), offset = row_count(query->limitOffset, "OFFSET");
	bool limited = limit || offset.value_or(0) > 0;
	std::vector<Sort> order;
	if (query->hasDistinctOn || limited) {
		order = sorting(query, query->sortClause, [&](TargetEntry *target) { return selected.refs.at(target->ressortgroupref); });
	}
	if (query->hasDistinctOn) {
		std::vector<int> partition;
		ListCell *cell;
		foreach (cell, query->distinctClause)
			partition.push_back(selected.refs.at(static_cast<SortGroupClause *>(lfirst(cell))->tleSortGroupRef));
		node = top(std::move(node), std::move(partition), order);
		node->limit = 1;
	}
	if (limited) {
		std::vector<int> partition;
		for (int i = selected.shown - references; i < selected.shown; i++)
			partition.push_back(i);
		node = top(std::move(node), std::move(partition), order);
		node->limit = limit;
		node->offset_rows = offset.value_or(0);
		node->with_ties = limit && query->limitOption == LIMIT_OPTION_WITH_TIES;
	}
	return node->width() > selected.shown ? without_more(std::move(node), selected.shown) : std::move(node);
}

}  // namespace query
