#include "tree.h"

#include <algorithm>

namespace query {

std::string render(const std::string &text, const std::function<std::string(int)> &column)
{
	std::string out;
	for (size_t i = 0; i < text.size(); i++) {
		if (text[i] != '\x01') {
			out += text[i];
			continue;
		}
		size_t end = text.find('\x02', i);
		out += column(std::stoi(text.substr(i + 1, end - i - 1)));
		i = end;
	}
	return out;
}

std::string render(const std::string &text, const std::string &alias)
{
	return render(text, [&](int column) { return alias + ".c" + std::to_string(column + 1); });
}

std::string hole(int column)
{
	return '\x01' + std::to_string(column) + '\x02';
}

Expression column_of(int number, const Column &type)
{
	return {hole(number), {}, type, {number}, number};
}

Expression remap(const Expression &expr, const std::function<int(int)> &map)
{
	auto hole = [&](int column) { return '\x01' + std::to_string(map(column)) + '\x02'; };
	Expression out = expr;
	out.text = render(expr.text, hole);
	out.at_last = render(expr.at_last, hole);
	out.columns.clear();
	for (int column : expr.columns)
		out.columns.insert(map(column));
	out.plain = expr.plain < 0 ? -1 : map(expr.plain);
	for (Moment &moment : out.moments) {
		moment.with = render(moment.with, hole);
		moment.column = moment.column < 0 ? -1 : map(moment.column);
		moment.kept = render(moment.kept, hole);
	}
	return out;
}

bool Moment::keeps_column() const
{
	return column >= 0 && kept == hole(column);
}

int Operator::offset(int input) const
{
	int sum = 0;
	for (int i = 0; i < input; i++)
		sum += inputs[i]->width();
	return sum;
}

int Operator::input_of(int column) const
{
	for (int i = 0;; column -= inputs[i++]->width())
		if (column < inputs[i]->width())
			return i;
}

namespace {

using Key = std::optional<std::vector<int>>;

bool covers(const Operator &join, int input, const std::vector<int> &key)
{
	return std::all_of(key.begin(), key.end(), [&](int column) {
		return std::any_of(join.equalities.begin(), join.equalities.end(), [&](const Equality &e) {
			return (e.left_input == input && e.left_column == column) ||
			       (e.right_input == input && e.right_column == column);
		});
	});
}

// An input whose key is equated with other inputs adds at most one row to each
// combination of the others, so its key is not needed.  Equalities may run in a
// circle; so only inputs after the first are left out, and only when what they
// are equated with is among the inputs kept or before them.
Key join_key(const Operator &node)
{
	std::vector<int> all;
	for (size_t i = 0; i < node.inputs.size(); i++) {
		Key key = unique_key(*node.inputs[i]);
		if (!key)
			return {};
		Operator earlier{};
		if (i > 0) {
			earlier.kind = node.kind;
			for (const Equality &e : node.equalities)
				if (e.left_input <= int(i) && e.right_input <= int(i))
					earlier.equalities.push_back(e);
			if (covers(earlier, i, *key))
				continue;
		}
		for (int column : *key)
			all.push_back(column + node.offset(i));
	}
	return all;
}

Key project_key(const Operator &node)
{
	Key key = unique_key(*node.inputs[0]);
	if (!key || node.sets)
		return {};
	std::vector<int> out;
	for (int column : *key) {
		auto found = std::find_if(node.expressions.begin(), node.expressions.end(),
		                          [&](const Expression &e) { return e.plain == column; });
		if (found == node.expressions.end())
			return {};
		out.push_back(found - node.expressions.begin());
	}
	return out;
}

// The column of a base table that a column shows unchanged, if it is one.
std::pair<const Operator *, int> trace(const Operator &node, int column)
{
	switch (node.kind) {
	case Kind::scan:
		return {&node, column};
	case Kind::filter:
	case Kind::semi_join:
	case Kind::anti_join:
		return trace(*node.inputs[0], column);
	case Kind::function:
		return column < node.inputs[0]->width() ? trace(*node.inputs[0], column) : std::pair<const Operator *, int>{nullptr, 0};
	case Kind::project:
		return node.expressions[column].plain < 0 ? std::pair<const Operator *, int>{nullptr, 0}
		                                          : trace(*node.inputs[0], node.expressions[column].plain);
	case Kind::join:
	case Kind::left_join: {
		int input = node.input_of(column);
		return trace(*node.inputs[input], column - node.offset(input));
	}
	default:
		return {nullptr, 0};
	}
}

using Traced = std::vector<std::pair<const Operator *, int>>;

Traced trace_keys(const Operator &node)
{
	Traced out;
	for (const Expression &key : node.keys)
		out.push_back(key.plain < 0 ? std::pair<const Operator *, int>{nullptr, 0} : trace(*node.inputs[0], key.plain));
	return out;
}

bool holds_identity(const Traced &traced, const Operator *table)
{
	return table != nullptr && !table->identity.empty() &&
	       std::all_of(table->identity.begin(), table->identity.end(), [&](int part) {
		       return std::find(traced.begin(), traced.end(), std::pair{table, part}) != traced.end();
	       });
}

bool is_identity(const Operator *table, int column)
{
	return std::find(table->identity.begin(), table->identity.end(), column) != table->identity.end();
}

// Group keys, without those that others determine: where the keys hold a table's whole
// identity, its other columns add nothing.
Key group_key(const Operator &node)
{
	Traced traced = trace_keys(node);
	std::vector<int> out;
	for (size_t i = 0; i < node.keys.size(); i++) {
		auto [table, column] = traced[i];
		if (!holds_identity(traced, table) || is_identity(table, column))
			out.push_back(i);
	}
	return out;
}

Key first_columns(size_t count)
{
	std::vector<int> out(count);
	for (size_t i = 0; i < count; i++)
		out[i] = i;
	return out;
}

}  // namespace

std::optional<std::vector<int>> unique_key(const Operator &node)
{
	switch (node.kind) {
	case Kind::one_row:
		return Key(std::in_place);
	case Kind::scan:
		return node.identity.empty() ? Key() : Key(node.identity);
	case Kind::filter:
	case Kind::semi_join:
	case Kind::anti_join:
		return unique_key(*node.inputs[0]);
	case Kind::project:
		return project_key(node);
	case Kind::join:
	case Kind::left_join:
		return join_key(node);
	case Kind::aggregate:
		return group_key(node);
	case Kind::distinct:
		return first_columns(node.columns.size());
	case Kind::recursive:
		return node.recursion->all ? Key() : first_columns(node.columns.size());
	case Kind::intersect:
	case Kind::except:
		return node.all ? Key() : first_columns(node.columns.size());
	case Kind::union_all:
	case Kind::self:
	case Kind::constant:
	case Kind::function:
		return {};
	case Kind::window:
		return unique_key(*node.inputs[0]);
	case Kind::top:
		return node.limit == 1 && !node.with_ties ? Key(node.partition) : unique_key(*node.inputs[0]);
	}
	return {};
}

bool compares_with_one_row(const Operator &node)
{
	if (node.kind != Kind::semi_join || !node.equalities.empty())
		return false;
	const Operator *right = node.inputs[1].get();
	while (right->kind == Kind::project && !right->sets)
		right = right->inputs[0].get();
	return right->kind == Kind::aggregate && right->keys.empty();
}

std::string Sort::direction(bool reversed) const
{
	bool down = descending != reversed, first = nulls_first != reversed;
	std::string out = !by.empty() ? " USING " + by : down ? " DESC" : "";
	return out + (first == down && by.empty() ? "" : first ? " NULLS FIRST" : " NULLS LAST");
}

std::optional<Reach> reach_of(const Operator &node)
{
	Reach out;
	if (node.kind != Kind::window || node.windows.empty())
		return {};
	auto add = [](std::vector<std::string> &to, const std::vector<std::string> &distances) {
		for (const auto &distance : distances)
			if (std::find(to.begin(), to.end(), distance) == to.end())
				to.push_back(distance);
	};
	out.unit = node.windows[0].unit();
	for (const Window &window : node.windows) {
		if (!same_order(window.order, node.windows[0].order) || window.unit() != out.unit)
			return {};
		for (const auto &f : window.functions) {
			if (!f.near() && !f.running())
				return {};
			Reach reach = f.reach.value_or(Reach{});
			out.before = std::max(out.before, reach.before);
			out.after = std::max(out.after, reach.after);
			add(out.back, reach.back);
			add(out.ahead, reach.ahead);
		}
	}
	return out;
}

bool same_order(const std::vector<Sort> &a, const std::vector<Sort> &b)
{
	return std::equal(a.begin(), a.end(), b.begin(), b.end(),
	                  [](const Sort &x, const Sort &y) { return x.column == y.column && x.direction() == y.direction(); });
}

bool ties_matter(const Operator &node)
{
	Key key = unique_key(*node.inputs[0]);
	auto is_total = [&](const std::vector<Sort> &order) {
		return key && std::all_of(key->begin(), key->end(), [&](int column) {
			       return std::find(node.partition.begin(), node.partition.end(), column) != node.partition.end() ||
			              std::any_of(order.begin(), order.end(), [&](const Sort &s) { return s.column == column; });
		       });
	};
	if (node.kind == Kind::top)
		return !is_total(node.order) && !(node.with_ties && node.offset_rows == 0 && !node.offset_column);
	return std::any_of(node.windows.begin(), node.windows.end(), [&](const Window &w) {
		return !is_total(w.order) &&
		       std::any_of(w.functions.begin(), w.functions.end(), [](const auto &f) { return f.ties_matter; });
	});
}

bool defines_results(const Operator &node)
{
	const auto &all = node.aggregates;
	return std::any_of(all.begin(), all.end(), [](const Aggregate &a) { return a.law == Law::exact_sum || a.ours; }) &&
	       std::none_of(all.begin(), all.end(), [](const Aggregate &a) { return a.any_order; });
}

std::vector<Moment> moments_of(const Operator &node)
{
	std::vector<Moment> out = node.relation_of.moments;
	for (const auto *expressions : {&node.conditions, &node.expressions})
		for (const Expression &e : *expressions)
			out.insert(out.end(), e.moments.begin(), e.moments.end());
	return out;
}

std::pair<const Operator *, int> ordered_by(const Operator &node, int column)
{
	switch (node.kind) {
	case Kind::scan:
		return {&node, column};
	case Kind::filter:
		return ordered_by(*node.inputs[0], column);
	case Kind::project:
		if (node.expressions[column].plain >= 0)
			return ordered_by(*node.inputs[0], node.expressions[column].plain);
		break;
	case Kind::function:
		if (column < node.inputs[0]->width())
			return ordered_by(*node.inputs[0], column);
		break;
	case Kind::join:
		return ordered_by(*node.inputs[node.input_of(column)], column - node.offset(node.input_of(column)));
	case Kind::left_join:
	case Kind::semi_join:
	case Kind::anti_join:
		if (column < node.inputs[0]->width())
			return ordered_by(*node.inputs[0], column);
		break;
	default:
		break;
	}
	return {nullptr, 0};
}

std::vector<int> keys_of_one_row(const Operator &aggregate)
{
	if (aggregate.narrow) {
		std::vector<int> out;
		for (const Expression &key : aggregate.keys)
			out.push_back(key.plain);
		return out;
	}
	Traced traced = trace_keys(aggregate);
	for (auto [table, column] : traced) {
		if (!holds_identity(traced, table))
			continue;
		std::vector<int> out;
		for (size_t i = 0; i < traced.size(); i++)
			if (traced[i].first == table && is_identity(table, traced[i].second))
				out.push_back(aggregate.keys[i].plain);
		return out;
	}
	return {};
}

bool identifies_row(const Operator &node, const std::vector<int> &columns)
{
	Traced traced;
	for (int column : columns)
		traced.push_back(trace(node, column));
	return std::any_of(traced.begin(), traced.end(), [&](const auto &one) { return holds_identity(traced, one.first); });
}

std::set<int> columns_of_any_order(const Operator &node)
{
	std::set<int> out;
	if (node.kind == Kind::aggregate) {
		for (size_t i = 0; i < node.aggregates.size(); i++)
			if (node.aggregates[i].any_order)
				out.insert(node.keys.size() + i);
		return out;
	}
	for (size_t i = 0; i < node.inputs.size(); i++) {
		bool beside = node.kind == Kind::join || node.kind == Kind::left_join;
		for (int column : columns_of_any_order(*node.inputs[i]))
			if (node.kind != Kind::project)
				out.insert(column + (beside ? node.offset(i) : 0));
			else
				for (int c = 0; c < node.width(); c++)
					if (node.expressions[c].columns.contains(column))
						out.insert(c);
	}
	return out;
}

Tree share(const Tree &node)
{
	node->readers++;
	return node;
}

Tree own(Tree node)
{
	if (!node->shared())
		return node;
	node->readers--;
	auto copy = std::make_shared<Operator>(*node);
	copy->readers = 1;
	for (const Tree &input : copy->inputs)
		input->readers++;
	return copy;
}

namespace {

template <typename Node, typename Visit>
void walk_once(Node &node, std::set<const Operator *> &seen, const Visit &visit)
{
	if (!seen.insert(&node).second)
		return;
	for (const Tree &input : node.inputs)
		walk_once<Node>(*input, seen, visit);
	visit(node);
}

}  // namespace

void walk(Operator &node, const std::function<void(Operator &)> &visit)
{
	std::set<const Operator *> seen;
	walk_once(node, seen, visit);
}

void walk(const Operator &node, const std::function<void(const Operator &)> &visit)
{
	std::set<const Operator *> seen;
	walk_once(node, seen, visit);
}

void number(Operator &root)
{
	int next = 1;
	walk(root, [&](Operator &node) { node.id = next++; });
}

const char *name(Kind kind)
{
	switch (kind) {
	case Kind::one_row: return "one row";
	case Kind::scan: return "scan";
	case Kind::constant: return "constant";
	case Kind::function: return "function";
	case Kind::filter: return "filter";
	case Kind::project: return "project";
	case Kind::join: return "inner join";
	case Kind::left_join: return "left join";
	case Kind::semi_join: return "semi join";
	case Kind::anti_join: return "anti join";
	case Kind::aggregate: return "aggregate";
	case Kind::distinct: return "distinct";
	case Kind::intersect: return "intersect";
	case Kind::except: return "except";
	case Kind::union_all: return "union all";
	case Kind::window: return "window";
	case Kind::top: return "top";
	case Kind::recursive: return "recursion";
	case Kind::self: return "last iteration";
	}
	return "";
}

}  // namespace query
