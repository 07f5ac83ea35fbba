#include "top.h"

#include "pg/sql.hpp"
#include "relate.h"

extern "C" {
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
}

#include <algorithm>
#include <numeric>

namespace query {

namespace {

Node *folded(Node *node)
{
	return eval_const_expressions(nullptr, static_cast<Node *>(copyObjectImpl(node)));
}

struct Count {
	std::optional<std::int64_t> known;
	Node *expression = nullptr;     // or neither: no limit
	bool some() const { return known || expression != nullptr; }
};

// The number of rows that LIMIT or OFFSET says; NULL is no limit.
Count row_count(Node *expression, const char *word)
{
	if (expression == nullptr)
		return {};
	Node *value = pg::call(folded, expression);
	if (!IsA(value, Const))
		return {{}, expression};
	auto *known = reinterpret_cast<Const *>(value);
	if (known->constisnull)
		return {};
	std::int64_t count = DatumGetInt64(known->constvalue);
	if (count < 0)
		pg::fail(count < 0 && word[0] == 'L' ? ERRCODE_INVALID_ROW_COUNT_IN_LIMIT_CLAUSE : ERRCODE_INVALID_ROW_COUNT_IN_RESULT_OFFSET_CLAUSE,
		         std::string(word) + " must not be negative");
	return {count};
}

// The column that holds it.  Where it is negative the server fails by its own error.
int count_column(From &from, Node *expression, const std::string &word, const Environment &environment)
{
	Node *attached = attach(from, expression, environment);
	Scope scope = from.scope;
	scope.input = &from.node->columns;
	Expression column = make_expression(attached, scope);
	for (std::string *text : {&column.text, &column.at_last})
		if (!text->empty())
			*text = "(SELECT CASE WHEN q.v < 0 THEN (SELECT NULL::int8 " + word + " q.v) ELSE q.v END FROM (SELECT " + *text + " AS v) q)";
	column.plain = -1;
	column.type.not_null = false;
	int number = with_column(from, std::move(column));
	from.node->columns[number].name = word;
	return number;
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

Tree only_columns(Tree input, const std::vector<int> &columns)
{
	auto node = std::make_shared<Operator>();
	node->kind = Kind::project;
	for (int column : columns) {
		node->columns.push_back(input->columns[column]);
		node->expressions.push_back(column_of(column, input->columns[column]));
	}
	node->inputs.push_back(std::move(input));
	return node;
}

Tree shown(Tree input, int count)
{
	std::vector<int> columns(count);
	std::iota(columns.begin(), columns.end(), 0);
	return only_columns(std::move(input), columns);
}

// The columns that the query is made by, and what reads them in it.
std::vector<int> made_by(::Query *query, int first, From &from)
{
	std::vector<int> out;
	int column = 0;
	ListCell *cell;
	foreach (cell, query->targetList) {
		auto *target = lfirst_node(TargetEntry, cell);
		if (target->resjunk)
			continue;
		if (column >= first) {
			out.push_back(column);
			Node *expression = reinterpret_cast<Node *>(target->expr);
			from.scope.computed.push_back({expression, hole(column), from.node->columns[column]});
		}
		column++;
	}
	return out;
}

// One row with what LIMIT and OFFSET say.
void count_once(Operator &top, const Count &limit, const Count &offset, const Environment &environment)
{
	From row;
	row.node = std::make_shared<Operator>();
	row.node->kind = Kind::one_row;
	std::vector<int> columns;
	auto add = [&](const Count &count, const char *word) -> std::optional<int> {
		if (count.expression == nullptr)
			return {};
		columns.push_back(count_column(row, count.expression, word, environment));
		return columns.size() - 1;
	};
	top.limit_column = add(limit, "LIMIT");
	top.offset_column = add(offset, "OFFSET");
	if (!columns.empty())
		top.inputs.push_back(only_columns(std::move(row.node), columns));
}


}  // namespace

Tree chosen(::Query *query, Selected selected, int references, const Environment &environment)
{
	From from{std::move(selected.node), {}};
	Count limit = row_count(query->limitCount, "LIMIT"), offset = row_count(query->limitOffset, "OFFSET");
	bool limited = limit.some() || offset.expression != nullptr || offset.known.value_or(0) > 0;
	std::vector<Sort> order;
	if (query->hasDistinctOn || limited) {
		order = sorting(query, query->sortClause, [&](TargetEntry *target) { return selected.refs.at(target->ressortgroupref); });
	}
	if (query->hasDistinctOn) {
		std::vector<int> partition;
		ListCell *cell;
		foreach (cell, query->distinctClause)
			partition.push_back(selected.refs.at(static_cast<SortGroupClause *>(lfirst(cell))->tleSortGroupRef));
		from.node = top(std::move(from.node), std::move(partition), order);
		from.node->limit = 1;
	}
	if (limited) {
		std::vector<int> partition = made_by(query, references > 0 ? selected.shown - references : selected.shown, from);
		std::optional<int> limit_column, offset_column;
		if (references > 0 && limit.expression != nullptr)
			partition.push_back(*(limit_column = count_column(from, limit.expression, "LIMIT", environment)));
		if (references > 0 && offset.expression != nullptr)
			partition.push_back(*(offset_column = count_column(from, offset.expression, "OFFSET", environment)));
		from.node = top(std::move(from.node), std::move(partition), order);
		from.node->limit = limit.known;
		from.node->offset_rows = offset.known.value_or(0);
		from.node->limit_column = limit_column;
		from.node->offset_column = offset_column;
		if (references == 0)
			count_once(*from.node, limit, offset, environment);
		from.node->with_ties = limit.some() && query->limitOption == LIMIT_OPTION_WITH_TIES;
	}
	return from.node->width() > selected.shown ? shown(std::move(from.node), selected.shown) : std::move(from.node);
}

}  // namespace query
