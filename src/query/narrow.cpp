#include "narrow.h"

#include "pg/sql.hpp"

extern "C" {
#include "catalog/pg_type.h"
}

#include <algorithm>

namespace query {

namespace {

// A relation's column.
struct Place {
	Tree node;
	int column;
};

std::optional<Place> few_rows(const Tree &node, int column);

// Of the columns that equal this one, from an input's point of view: inner joins hold rows of equal values alone.
std::optional<Place> among_equals(const Operator &node, int input, int column)
{
	for (const Equality &e : node.equalities) {
		if (!e.alike)
			continue;
		if (e.left_input == input && e.left_column == column)
			if (auto found = few_rows(node.inputs[e.right_input], e.right_column))
				return found;
		if (e.right_input == input && e.right_column == column)
			if (auto found = few_rows(node.inputs[e.left_input], e.left_column))
				return found;
	}
	return {};
}

// The few rows among whose key all values of this column are.
std::optional<Place> few_rows(const Tree &node, int column)
{
	auto below = [&](int input, int inside) { return few_rows(node->inputs[input], inside); };
	switch (node->kind) {
	case Kind::filter:
		if (node->kept > 0 && unique_key(*node) == std::vector<int>{column})
			return Place{node, column};
		return below(0, column);
	case Kind::project:
		if (node->sets || node->expressions[column].plain < 0)
			return {};
		return below(0, node->expressions[column].plain);
	case Kind::anti_join:
		return below(0, column);
	case Kind::semi_join:
		if (auto found = below(0, column))
			return found;
		return among_equals(*node, 0, column);
	case Kind::join: {
		int input = node->input_of(column), inside = column - node->offset(input);
		if (auto found = below(input, inside))
			return found;
		return among_equals(*node, input, inside);
	}
	default:
		return {};
	}
}

// The aggregate below projects, that nobody else reads, and its key that a column shows.
std::optional<Place> group_key(const Tree &node, int column)
{
	if (node->shared())
		return {};
	if (node->kind == Kind::project && !node->sets && node->expressions[column].plain >= 0)
		return group_key(node->inputs[0], node->expressions[column].plain);
	if (node->kind != Kind::aggregate || column >= int(node->keys.size()) || node->keys[column].plain < 0)
		return {};
	return Place{node, node->keys[column].plain};
}

Tree key_of(const Place &few)
{
	auto node = std::make_shared<Operator>();
	node->kind = Kind::project;
	node->columns = {few.node->columns[few.column]};
	node->expressions = {column_of(few.column, node->columns[0])};
	node->inputs = {share(few.node)};
	return node;
}

// Its input, of these groups alone.
void restrict_to(Operator &aggregate, int key, const Place &few)
{
	auto join = std::make_shared<Operator>();
	join->kind = Kind::join;
	join->inputs = {std::move(aggregate.inputs[0]), key_of(few)};
	for (const Tree &input : join->inputs)
		join->columns.insert(join->columns.end(), input->columns.begin(), input->columns.end());
	int other = join->inputs[0]->width();
	join->conditions.push_back({pg::equal(join->columns[key].type, hole(key), hole(other)), {}, {"", BOOLOID, -1, 0, true}, {key, other}, -1});
	join->equalities.push_back({0, key, 1, 0, 0, true});
	aggregate.inputs[0] = std::move(join);
}

bool narrow(Operator &join, const Equality &e, bool left)
{
	int groups = left ? e.left_input : e.right_input, others = left ? e.right_input : e.left_input;
	auto key = group_key(join.inputs[groups], left ? e.left_column : e.right_column);
	if (!key || !e.alike || groups == others)
		return false;
	const Operator &x = *key->node->inputs[0];
	auto few = few_rows(join.inputs[others], left ? e.right_column : e.left_column);
	if (!few || ordered_by(x, key->column).first == nullptr)
		return false;
	const Column &mine = x.columns[key->column], &theirs = few->node->columns[few->column];
	if (mine.type != theirs.type || mine.collation != theirs.collation)
		return false;
	restrict_to(*key->node, key->column, *few);
	return true;
}

}  // namespace

void narrow_groups(Tree &root)
{
	walk(*root, [](Operator &node) {
		if (node.kind != Kind::join || node.depth >= 0)
			return;
		std::set<int> done;
		for (const Equality &e : node.equalities)
			for (bool left : {true, false})
				if (int groups = left ? e.left_input : e.right_input; !done.contains(groups) && narrow(node, e, left))
					done.insert(groups);
	});
	number(*root);
}

}  // namespace query
