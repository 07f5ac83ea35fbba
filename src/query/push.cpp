#include "push.h"

#include "pg/sql.hpp"

#include <algorithm>

namespace query {

namespace {

Tree filter_node(Tree input)
{
	if (input->kind == Kind::filter && !input->shared())
		return input;
	auto node = std::make_shared<Operator>();
	node->kind = Kind::filter;
	node->columns = input->columns;
	node->depth = input->depth;
	node->inputs.push_back(std::move(input));
	return node;
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

void forget(Operator &node)
{
	if (--node.readers == 0)
		for (const Tree &input : node.inputs)
			forget(*input);
}

// Branches that show NULL in a column whose NULLs the condition does not let through: FULL JOIN has one for each side.
void drop_rejected(Operator &node, const Condition &condition)
{
	auto empty = [&](const Tree &input) {
		return input->kind == Kind::project && std::any_of(condition.rejected.begin(), condition.rejected.end(), [&](int column) {
			       return input->expressions[column].text == "NULL";
		       });
	};
	for (size_t i = node.inputs.size(); i-- > 0 && node.inputs.size() > 1;)
		if (empty(node.inputs[i])) {
			forget(*node.inputs[i]);
			node.inputs.erase(node.inputs.begin() + i);
		}
}

// Rows are numbered from the first on, so those with small numbers are not changed by what comes after them:
//   σ[row_number() <= k] ω(X) = σ[row_number() <= k] ω(top k of X)
void number_first(Operator &node, AtMost condition)
{
	if (node.windows.size() != 1)
		return;
	const auto &functions = node.windows[0].functions;
	int index = condition.column - node.inputs[0]->width();
	using Position = Window::Position;
	if (index < 0 || functions[index].position == Position::none || functions[index].position == Position::dense_rank ||
	    std::any_of(functions.begin(), functions.end(), [](const auto &f) { return f.position == Position::none; }))
		return;
	auto top = std::make_shared<Operator>();
	top->kind = Kind::top;
	top->columns = node.inputs[0]->columns;
	top->partition = node.partition;
	top->order = node.windows[0].order;
	top->limit = std::max<std::int64_t>(condition.value, 0);
	top->with_ties = functions[index].position == Position::rank;
	Operator &below = *node.inputs[0];
	if (below.kind == Kind::top && !below.shared() && below.with_ties == top->with_ties && below.offset_rows == 0 && !below.limit_column &&
	    !below.offset_column) {
		below.limit = std::min(below.limit, top->limit);
		return;
	}
	top->inputs.push_back(std::move(node.inputs[0]));
	node.inputs[0] = std::move(top);
}

// Takes the condition below an operator that it commutes with, as far down as that goes.
bool sink(Operator &node, const Condition &condition)
{
	if (condition.expr.columns.empty())
		return false;
	switch (node.kind) {
	case Kind::one_row:
	case Kind::scan:
	case Kind::constant:
		return false;
	case Kind::function:
		return sink_into(node, 0, condition, [&](int column) { return column < node.inputs[0]->width() ? column : -1; });
	case Kind::filter:
		if (!node.inputs[0]->shared())
			return sink(*node.inputs[0], condition);
		return condition.expr.uses_time() && sink_into(node, 0, condition, [](int column) { return column; });
	case Kind::project:
		return sink_into(node, 0, condition, [&](int column) { return node.expressions[column].plain; });
	case Kind::aggregate:
		return sink_into(node, 0, condition,
		                 [&](int column) { return column < int(node.keys.size()) ? node.keys[column].plain : -1; });
	case Kind::distinct:
		return sink_into(node, 0, condition, [](int column) { return column; });
	case Kind::window:
		if (condition.at_most)
			number_first(node, *condition.at_most);
		[[fallthrough]];
	case Kind::top:
		return sink_into(node, 0, condition, [&](int column) {
			return std::find(node.partition.begin(), node.partition.end(), column) == node.partition.end() ? -1 : column;
		});
	case Kind::intersect:
	case Kind::except:
		for (int column : condition.expr.columns)
			if (pg::varies_when_equal(node.columns[column].type))
				return false;
		[[fallthrough]];
	case Kind::union_all:
		for (int column : condition.expr.columns)
			for (const auto &input : node.inputs)
				if (input->columns[column].type != node.columns[column].type)
					return false;
		drop_rejected(node, condition);
		for (size_t i = 0; i < node.inputs.size(); i++)
			sink_into(node, i, condition, [](int column) { return column; });
		return true;
	case Kind::semi_join:
	case Kind::anti_join:
		return sink_into(node, 0, condition, [](int column) { return column; });
	case Kind::join:
	case Kind::left_join:
		return sink_into_join(node, condition);
	default:
		return false;
	}
}

}  // namespace

bool sink_into(Operator &node, int input, const Condition &condition, const std::function<int(int)> &map)
{
	for (int column : condition.expr.columns)
		if (map(column) < 0)
			return false;
	Condition moved{remap(condition.expr, map), {}, {}, {}, condition.location};
	if (condition.equated)
		moved.equated = {map(condition.equated->a), map(condition.equated->b), condition.equated->alike};
	if (condition.at_most)
		moved.at_most = {map(condition.at_most->column), condition.at_most->value};
	for (int column : condition.rejected)
		if (condition.expr.columns.contains(column))
			moved.rejected.insert(map(column));
	node.inputs[input] = push(std::move(node.inputs[input]), moved);
	return true;
}

Tree push(Tree node, const Condition &condition)
{
	// Others read it unfiltered.  The rows that time moves are only found in a scan, though.
	if (node->shared() && condition.expr.uses_time())
		node = own(std::move(node));
	else if (node->shared())
		node = filter_node(std::move(node));
	if (sink(*node, condition))
		return node;
	if (node->kind == Kind::join && !condition.expr.uses_time()) {
		node->conditions.push_back(condition.expr);
		if (condition.equated) {
			auto [a, b, alike] = *condition.equated;
			int ia = node->input_of(a), ib = node->input_of(b);
			if (ia != ib)
				node->equalities.push_back({ia, a - node->offset(ia), ib, b - node->offset(ib), int(node->conditions.size()) - 1, alike});
		}
		return node;
	}
	node = filter_node(std::move(node));
	node->conditions.push_back(condition.expr);
	return node;
}

}  // namespace query
