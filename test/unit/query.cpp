#include "query/eager.h"
#include "query/tree.h"

#include <gtest/gtest.h>

using namespace query;

namespace {

using Node = Tree;

Expression plain(int column) { return {hole(column), {}, {}, {column}, column}; }

// A table of so many columns; its first is its key, if it has one.
Node table(Oid relation, int width, bool keyed)
{
	auto node = std::make_shared<Operator>();
	node->kind = Kind::scan;
	node->relation = relation;
	for (int i = 0; i < width; i++)
		node->columns.push_back({"c" + std::to_string(i), 23, -1, 0, true});
	if (keyed)
		node->identity = {0};
	return node;
}

// left.a = right.b
Node join(Kind kind, Node left, int a, Node right, int b, bool alike = true)
{
	auto node = std::make_shared<Operator>();
	node->kind = kind;
	int width = left->width();
	node->columns = left->columns;
	node->columns.insert(node->columns.end(), right->columns.begin(), right->columns.end());
	node->conditions.push_back({hole(a) + " = " + hole(width + b), {}, {}, {a, width + b}, -1});
	node->equalities.push_back({0, a, 1, b, 0, alike});
	node->inputs.push_back(std::move(left));
	node->inputs.push_back(std::move(right));
	return node;
}

// GROUP BY keys with count(*) and sum(argument).
Node grouped(Node input, std::vector<int> keys, int argument)
{
	auto node = std::make_shared<Operator>();
	node->kind = Kind::aggregate;
	for (int key : keys) {
		node->keys.push_back(plain(key));
		node->columns.push_back(input->columns[key]);
	}
	Aggregate count{}, sum{};
	count.law = Law::count_rows;
	sum.law = Law::sum;
	sum.arguments = {plain(argument)};
	sum.ignores_padding = true;
	node->aggregates = {count, sum};
	node->columns.resize(keys.size() + 2);
	node->inputs.push_back(std::move(input));
	return node;
}

std::vector<Kind> kinds(const Operator &root)
{
	std::vector<Kind> out;
	walk(root, [&](const Operator &node) { out.push_back(node.kind); });
	return out;
}

using Kinds = std::vector<Kind>;
using Columns = std::vector<int>;

const Kinds as_it_was{Kind::scan, Kind::scan, Kind::join, Kind::aggregate};

}  // namespace

TEST(Expression, HolesAreFilledAndMoved)
{
	Expression sum{hole(0) + " + " + hole(12), {}, {}, {0, 12}, -1};
	EXPECT_EQ(render(sum.text, "x"), "x.c1 + x.c13");
	Expression moved = remap(sum, [](int column) { return column + 1; });
	EXPECT_EQ(render(moved.text, "x"), "x.c2 + x.c14");
	EXPECT_EQ(moved.columns, (std::set<int>{1, 13}));
	EXPECT_EQ(remap(plain(4), [](int) { return 2; }).plain, 2);
}

TEST(UniqueKey, OfAJoinToAKeyIsTheOtherSides)
{
	EXPECT_EQ(unique_key(*table(1, 2, true)), Columns{0});
	EXPECT_EQ(unique_key(*table(1, 2, false)), std::nullopt);
	EXPECT_EQ(unique_key(*join(Kind::join, table(1, 3, true), 1, table(2, 2, true), 0)), Columns{0});
	// The other way round each row of the first may match many of the second.
	EXPECT_EQ(unique_key(*join(Kind::join, table(1, 2, true), 0, table(2, 3, true), 1)), (Columns{0, 2}));
	EXPECT_EQ(unique_key(*join(Kind::left_join, table(1, 3, false), 1, table(2, 2, true), 0)), std::nullopt);
}

TEST(UniqueKey, OfGroupsIsWhatDeterminesTheOtherKeys)
{
	EXPECT_EQ(unique_key(*grouped(table(1, 3, true), {1, 2}, 0)), (Columns{0, 1}));
	EXPECT_EQ(unique_key(*grouped(table(1, 3, true), {1, 0}, 2)), Columns{1});
}

TEST(GroupBeforeJoin, GroupsTheMatchesOfEachRow)
{
	// author(id, name) ⋈ book(id, author, pages), by author.id and author.name
	Node tree = group_before_join(grouped(join(Kind::join, table(1, 2, true), 0, table(2, 3, true), 1), {0, 1}, 4));
	EXPECT_EQ(kinds(*tree), (Kinds{Kind::scan, Kind::scan, Kind::aggregate, Kind::join, Kind::project}));
	const Operator &both = *tree->inputs[0], &groups = *both.inputs[1];
	EXPECT_EQ(both.inputs[0]->relation, 1u);
	ASSERT_EQ(groups.keys.size(), 1u);
	EXPECT_EQ(groups.keys[0].plain, 1);
	EXPECT_EQ(groups.aggregates[1].arguments[0].plain, 2);
	EXPECT_TRUE(groups.narrow);
	EXPECT_EQ(keys_of_one_row(groups), Columns{1});
	EXPECT_EQ(unique_key(*tree), Columns{0});
	ASSERT_EQ(tree->width(), 4);
	EXPECT_EQ(render(both.conditions[0].text, "x"), "x.c1 = x.c3");
}

TEST(GroupBeforeJoin, TakesTheGroupedInputLast)
{
	Node tree = group_before_join(grouped(join(Kind::join, table(2, 3, true), 1, table(1, 2, true), 0), {3, 4}, 2));
	EXPECT_EQ(kinds(*tree), (Kinds{Kind::scan, Kind::scan, Kind::aggregate, Kind::join, Kind::project}));
	EXPECT_EQ(tree->inputs[0]->inputs[0]->relation, 1u);
	EXPECT_EQ(render(tree->inputs[0]->conditions[0].text, "x"), "x.c3 = x.c1");
	EXPECT_EQ(unique_key(*tree), Columns{0});
}

TEST(GroupBeforeJoin, CountsTheRowWithoutAMatch)
{
	Node tree = group_before_join(grouped(join(Kind::left_join, table(1, 2, true), 0, table(2, 3, true), 1), {0}, 4));
	ASSERT_EQ(tree->kind, Kind::project);
	EXPECT_EQ(render(tree->expressions[1].text, "x"), "COALESCE(x.c4, 1::bigint)");
	EXPECT_EQ(tree->expressions[2].plain, 4);
}

TEST(GroupBeforeJoin, LeavesOutKeysThatNothingEquals)
{
	Node book = table(2, 3, true);
	book->columns[1].not_null = false;
	Node tree = group_before_join(grouped(join(Kind::join, table(1, 2, true), 0, std::move(book), 1), {0}, 4));
	EXPECT_EQ(kinds(*tree), (Kinds{Kind::scan, Kind::scan, Kind::filter, Kind::aggregate, Kind::join, Kind::project}));
}

TEST(Sharing, AReaderThatChangesWhatOthersReadGetsACopy)
{
	Node below = table(1, 2, true), left = share(below), right = share(below);
	below->readers--;                      // this test is none
	ASSERT_TRUE(left->shared());
	Node mine = own(left);
	EXPECT_NE(mine, right);
	EXPECT_FALSE(mine->shared());
	EXPECT_FALSE(right->shared());
	EXPECT_EQ(own(right), right);
}

TEST(Sharing, WhatIsSharedIsVisitedOnceAndBeforeItsReaders)
{
	Node below = table(1, 2, true);
	Node top = join(Kind::join, share(below), 0, below, 0);
	std::vector<Kind> seen;
	walk(static_cast<const Operator &>(*top), [&](const Operator &node) { seen.push_back(node.kind); });
	EXPECT_EQ(seen, (std::vector<Kind>{Kind::scan, Kind::join}));
}

TEST(Keys, ASemiJoinKeepsThoseOfItsLeftInput)
{
	Node semi = join(Kind::semi_join, table(1, 2, true), 1, table(2, 1, false), 0);
	semi->columns.resize(2);
	EXPECT_EQ(unique_key(*semi), std::vector<int>{0});
}

TEST(GroupBeforeJoin, OnlyWhereAGroupIsOneRow)
{
	auto kept = [](Node tree) { return kinds(*group_before_join(std::move(tree))); };
	auto authors_and_books = [](bool keyed = true, bool alike = true) {
		return join(Kind::join, table(1, 2, keyed), 0, table(2, 3, true), 1, alike);
	};
	EXPECT_EQ(kept(grouped(authors_and_books(), {1}, 4)), as_it_was);           // many authors of a name
	EXPECT_EQ(kept(grouped(authors_and_books(false), {0, 1}, 4)), as_it_was);   // nothing tells authors apart
	EXPECT_EQ(kept(grouped(authors_and_books(), {0, 3}, 4)), as_it_was);        // a key of the book's
	EXPECT_EQ(kept(grouped(authors_and_books(), {0}, 1)), as_it_was);           // an argument of the author's
	EXPECT_EQ(kept(grouped(authors_and_books(true, false), {0}, 4)), as_it_was);

	Node more = authors_and_books();
	more->conditions.push_back({hole(1) + " < " + hole(4), {}, {}, {1, 4}, -1});
	EXPECT_EQ(kept(grouped(std::move(more), {0}, 4)), as_it_was);               // matches depend on more than the key
}
