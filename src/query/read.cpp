#include "read.h"

#include <algorithm>

namespace query {

namespace {

void add(std::set<int> &to, const std::vector<Expression> &expressions)
{
	for (const Expression &e : expressions)
		to.insert(e.columns.begin(), e.columns.end());
}

void add_all(std::set<int> &to, const Operator &node)
{
	for (int i = 0; i < node.width(); i++)
		to.insert(i);
}

void add_aggregates(std::set<int> &to, const Operator &node)
{
	add(to, node.keys);
	for (const Aggregate &a : node.aggregates) {
		add(to, a.arguments);
		if (a.filter)
			add(to, {*a.filter});
	}
}

}  // namespace

std::map<int, std::set<int>> columns_read(const Operator &root)
{
	std::vector<const Operator *> order;
	walk(root, [&](const Operator &node) { order.push_back(&node); });
	std::reverse(order.begin(), order.end());    // an operator comes after all that read it
	std::map<int, std::set<int>> out;
	add_all(out[root.id], root);
	for (const Operator *node : order)
		for (const Tree &input : node->inputs) {
			std::set<int> &read = out[input->id];
			switch (node->kind) {
			case Kind::project:
				add(read, node->expressions);
				break;
			case Kind::aggregate:
				add_aggregates(read, *node);
				break;
			case Kind::filter:
				read.insert(out[node->id].begin(), out[node->id].end());
				add(read, node->conditions);
				break;
			default:
				add_all(read, *input);
			}
		}
	return out;
}

}  // namespace query
