#include "eager.h"

#include <algorithm>
#include <map>

namespace query {

namespace {

// A column of X and the column of another input that the join equates it with.
struct Link {
	int mine, input, theirs;
	bool alike;
};

// An aggregate over a join, seen from one of the join's inputs: X.
class Grouped {
public:
	Grouped(Operator &aggregate, int x) : aggregate_(aggregate), join_(*aggregate.inputs[0]), x_(x)
	{
		low_ = join_.offset(x);
		high_ = low_ + join_.inputs[x]->width();
		for (const Equality &e : join_.equalities)
			if (e.left_input == x)
				equated_.push_back({e.left_column, e.right_input, e.right_column, e.alike});
			else if (e.right_input == x)
				equated_.push_back({e.right_column, e.left_input, e.left_column, e.alike});
	}

	bool applies() const
	{
		return !equated_.empty() && keys_read_others() && aggregates_read_x() && padding_adds_nothing() && only_equated() &&
		       equal_alike() && others_are_whole() && group_is_one_row();
	}

	Tree rewritten()
	{
		auto groups = grouped_x();
		auto join = std::make_shared<Operator>();
		join->kind = join_.kind;
		for (size_t i = 0; i < join_.inputs.size(); i++)
			if (int(i) != x_)
				offsets_.push_back(place(*join, std::move(join_.inputs[i])));
			else
				offsets_.push_back(-1);
		first_ = place(*join, std::move(groups));
		for (size_t i = first_; join->kind == Kind::left_join && i < join->columns.size(); i++)
			join->columns[i].not_null = false;
		for (const Expression &condition : join_.conditions)
			join->conditions.push_back(remap(condition, [this](int c) { return moved(c); }));
		for (const Equality &e : join_.equalities)
			join->equalities.push_back({input(e.left_input), own(e.left_input, e.left_column), input(e.right_input),
			                            own(e.right_input, e.right_column), e.condition, e.alike});
		return shown(std::move(join));
	}

private:
	bool in_x(int column) const { return column >= low_ && column < high_; }

	bool reads_x(const Expression &expr) const
	{
		return std::any_of(expr.columns.begin(), expr.columns.end(), [this](int c) { return in_x(c); });
	}

	bool reads_only_x(const Expression &expr) const
	{
		return std::all_of(expr.columns.begin(), expr.columns.end(), [this](int c) { return in_x(c); });
	}

	bool keys_read_others() const
	{
		return std::none_of(aggregate_.keys.begin(), aggregate_.keys.end(), [this](const Expression &key) { return reads_x(key); });
	}

	bool aggregates_read_x() const
	{
		return std::all_of(aggregate_.aggregates.begin(), aggregate_.aggregates.end(), [this](const Aggregate &a) {
			return !a.uses_keys && (!a.filter || reads_only_x(*a.filter)) &&
			       std::all_of(a.arguments.begin(), a.arguments.end(), [this](const Expression &e) { return reads_only_x(e); });
		});
	}

	// count(*) counts the padded row, and is corrected for it.
	bool padding_adds_nothing() const
	{
		return join_.kind == Kind::join ||
		       std::all_of(aggregate_.aggregates.begin(), aggregate_.aggregates.end(),
		                   [](const Aggregate &a) { return a.law == Law::count_rows || a.ignores_padding; });
	}

	bool only_equated() const
	{
		return std::count_if(join_.conditions.begin(), join_.conditions.end(),
		                     [this](const Expression &e) { return reads_x(e); }) == std::ptrdiff_t(equated_.size());
	}

	// Grouping must tell values apart as the join does.
	bool equal_alike() const
	{
		return std::all_of(equated_.begin(), equated_.end(), [](const Link &e) { return e.alike; });
	}

	// Where a filter leaves few rows of T, groups for all others would be kept for nothing.
	bool others_are_whole() const
	{
		bool whole = true;
		for (size_t i = 0; i < join_.inputs.size(); i++)
			if (int(i) != x_)
				walk(static_cast<const Operator &>(*join_.inputs[i]), [&](const Operator &below) { whole = whole && below.kind != Kind::filter; });
		return whole;
	}

	// Do the group keys determine all columns of the other inputs?  By equalities among these, and by their unique keys.
	bool group_is_one_row() const
	{
		std::set<int> known;
		for (const Expression &key : aggregate_.keys)
			if (key.plain >= 0)
				known.insert(key.plain);
		size_t before;
		do {
			before = known.size();
			for (const Equality &e : join_.equalities)
				if (e.left_input != x_ && e.right_input != x_ && join_.kind == Kind::join) {
					int left = join_.offset(e.left_input) + e.left_column, right = join_.offset(e.right_input) + e.right_column;
					if (known.contains(left) || known.contains(right))
						known.insert({left, right});
				}
			for (size_t i = 0; i < join_.inputs.size(); i++) {
				auto unique = int(i) == x_ ? std::nullopt : unique_key(*join_.inputs[i]);
				int offset = join_.offset(i);
				if (unique && std::all_of(unique->begin(), unique->end(), [&](int c) { return known.contains(offset + c); }))
					for (int c = 0; c < join_.inputs[i]->width(); c++)
						known.insert(offset + c);
			}
		} while (known.size() > before);
		for (int c = 0; c < join_.width(); c++)
			if (!in_x(c) && !known.contains(c))
				return false;
		return std::all_of(join_.inputs.begin(), join_.inputs.end(), [this](const auto &other) {
			return other.get() == join_.inputs[x_].get() || unique_key(*other);
		});
	}

	// The matches of one row of T, then: no more than that has.
	bool group_is_narrow() const
	{
		for (size_t i = 0; i < join_.inputs.size(); i++) {
			auto unique = int(i) == x_ ? std::nullopt : unique_key(*join_.inputs[i]);
			if (unique && std::all_of(unique->begin(), unique->end(), [&](int c) {
				    return std::any_of(equated_.begin(), equated_.end(), [&](const Link &e) { return e.input == int(i) && e.theirs == c; });
			    }))
				return true;
		}
		return false;
	}

	Tree grouped_x()
	{
		auto groups = std::make_shared<Operator>();
		groups->kind = Kind::aggregate;
		groups->narrow = group_is_narrow();
		auto x = without_null_keys(std::move(join_.inputs[x_]));
		for (const Link &e : equated_)
			if (std::find(key_columns_.begin(), key_columns_.end(), e.mine) == key_columns_.end()) {
				key_columns_.push_back(e.mine);
				groups->keys.push_back(column_of(e.mine, x->columns[e.mine]));
				groups->columns.push_back(x->columns[e.mine]);
			}
		auto inside = [this](int c) { return c - low_; };
		for (const Aggregate &a : aggregate_.aggregates) {
			Aggregate own = a;
			for (Expression &argument : own.arguments)
				argument = remap(argument, inside);
			if (own.filter)
				own.filter = remap(*own.filter, inside);
			groups->columns.push_back(aggregate_.columns[aggregate_.keys.size() + groups->aggregates.size()]);
			groups->aggregates.push_back(std::move(own));
		}
		groups->inputs.push_back(std::move(x));
		return groups;
	}

	// What no row of T equals needs no group.
	Tree without_null_keys(Tree x) const
	{
		auto filter = std::make_shared<Operator>();
		filter->kind = Kind::filter;
		filter->columns = x->columns;
		for (const Link &e : equated_)
			if (Column &key = filter->columns[e.mine]; !key.not_null) {
				key.not_null = true;
				filter->conditions.push_back({"(" + hole(e.mine) + " IS NOT NULL)", {}, {"", 0, -1, 0, true}, {e.mine}, -1});
			}
		if (filter->conditions.empty())
			return x;
		filter->inputs.push_back(std::move(x));
		return filter;
	}

	// Adds an input; tells its first column.
	static int place(Operator &join, Tree input)
	{
		int first = join.width();
		join.columns.insert(join.columns.end(), input->columns.begin(), input->columns.end());
		join.inputs.push_back(std::move(input));
		return first;
	}

	int input(int before) const { return before == x_ ? int(offsets_.size()) - 1 : before - (before > x_); }

	int own(int input, int column) const
	{
		return input != x_ ? column : std::find(key_columns_.begin(), key_columns_.end(), column) - key_columns_.begin();
	}

	int moved(int column) const
	{
		int from = 0, low = 0;
		while (column - low >= widths_[from])
			low += widths_[from++];
		return from == x_ ? first_ + own(x_, column - low) : offsets_[from] + column - low;
	}

	// The columns of the aggregate that was.
	Tree shown(Tree join)
	{
		auto node = std::make_shared<Operator>();
		node->kind = Kind::project;
		node->columns = aggregate_.columns;
		for (const Expression &key : aggregate_.keys)
			node->expressions.push_back(remap(key, [this](int c) { return moved(c); }));
		for (size_t i = 0; i < aggregate_.aggregates.size(); i++) {
			int from = first_ + key_columns_.size() + i;
			Expression value = column_of(from, join->columns[from]);
			Law law = aggregate_.aggregates[i].law;
			if (join->kind == Kind::left_join && (law == Law::count_rows || law == Law::count || law == Law::count_distinct)) {
				value.text = "COALESCE(" + value.text + (law == Law::count_rows ? ", 1::bigint)" : ", 0::bigint)");
				value.plain = -1;
				value.type.not_null = true;
			}
			node->expressions.push_back(std::move(value));
		}
		node->inputs.push_back(std::move(join));
		return node;
	}

	Operator &aggregate_, &join_;
	int x_, low_, high_;
	std::vector<Link> equated_;
	std::vector<int> key_columns_;     // of X, in the order of the groups' keys
	std::vector<int> widths_ = widths(join_);
	std::vector<int> offsets_;         // where each input's columns begin in the new join
	int first_ = 0;                    // where those of the groups do

	static std::vector<int> widths(const Operator &join)
	{
		std::vector<int> out;
		for (const auto &input : join.inputs)
			out.push_back(input->width());
		return out;
	}
};

// done: shared operators and what has become of them.
Tree group_before_join(Tree node, std::map<Tree, Tree> &done)
{
	if (auto found = done.find(node); found != done.end())
		return found->second;
	Tree before = node->shared() ? node : nullptr;
	for (auto &input : node->inputs)
		input = group_before_join(std::move(input), done);
	if (node->kind == Kind::aggregate && !node->keys.empty() && !node->inputs[0]->shared()) {
		const Operator &join = *node->inputs[0];
		int first = join.kind == Kind::join ? 0 : join.kind == Kind::left_join ? 1 : int(join.inputs.size());
		for (int x = first; x < int(join.inputs.size()); x++)
			if (Grouped grouped(*node, x); grouped.applies()) {
				int readers = node->readers;
				node = grouped.rewritten();
				node->readers = readers;
				break;
			}
	}
	if (before != nullptr)
		done[before] = node;
	return node;
}

}  // namespace

Tree group_before_join(Tree node)
{
	std::map<Tree, Tree> done;
	return group_before_join(std::move(node), done);
}

}  // namespace query
