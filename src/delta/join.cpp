// Inner join, n-ary, any condition.
//
// One changed input X is one statement: ΔX, and the other inputs as they are now, each found by the columns equated
// with what is bound already.  Where several have changed, the join goes from input to input, in an order in which
// each is equated with one before it.  With J what those before X come to:
//
//   Δ(J ⋈ X) = (ΔJ ⋈ X - ΔJ ⋈ ΔX) + J ⋈ ΔX
//
// over the new states alone, so no old state is kept or rebuilt; and each term starts at a delta.  What cancels in
// the first two, as all lines of new orders do, is taken together before it is joined on.
//
// An updated row is in its delta twice, as it was and as it is, mostly with one key.  Where many
// rows may be found by it, they are looked up once for each key:
//   ΔX ⋈ Y = ΔX ⋈ (π[key] ΔX ⋈ Y)
#include "compile.h"

#include "pg/sql.hpp"

#include <algorithm>

namespace delta {

namespace {

std::string input_alias(int input)
{
	return "x" + std::to_string(input);
}

// Concatenated column → alias of its input and column there.
std::string column_of(const Operator &node, int column)
{
	int input = node.input_of(column);
	return input_alias(input) + ".c" + std::to_string(column - node.offset(input) + 1);
}

using Name = std::function<std::string(int)>;

Name in_inputs(const Operator &node)
{
	return [&node](int column) { return column_of(node, column); };
}

std::set<int> all_inputs(const Operator &node)
{
	std::set<int> out;
	for (size_t i = 0; i < node.inputs.size(); i++)
		out.insert(i);
	return out;
}

// Concatenated columns of these inputs.
std::vector<int> columns_of_inputs(const Operator &node, const std::set<int> &inputs)
{
	std::vector<int> out;
	for (int input : inputs)
		for (int i = 0; i < node.inputs[input]->width(); i++)
			out.push_back(node.offset(input) + i);
	return out;
}

std::vector<Column> rows_of_inputs(const Operator &node, const std::set<int> &inputs)
{
	std::vector<Column> all = numbered_columns(node), out;
	for (int column : columns_of_inputs(node, inputs))
		out.push_back(all[column]);
	return out;
}

// "a AS c3, b AS c4, "
std::string columns_before_more(const Operator &node, const std::set<int> &inputs, const Name &name)
{
	std::string out;
	for (int column : columns_of_inputs(node, inputs))
		out += name(column) + " AS c" + std::to_string(column + 1) + ", ";
	return out;
}

std::string all_columns(const Operator &node)
{
	return columns_before_more(node, all_inputs(node), in_inputs(node));
}

// Conditions over these inputs, but not those over some of them that have been applied.
std::string conditions_within(const Operator &node, const std::set<int> &inputs, const Name &name, const std::set<int> &applied = {})
{
	std::vector<std::string> out;
	for (const Expression &condition : node.conditions) {
		auto all_in = [&](const std::set<int> &some) {
			return std::all_of(condition.columns.begin(), condition.columns.end(), [&](int column) { return some.contains(node.input_of(column)); });
		};
		if (all_in(inputs) && (applied.empty() || !all_in(applied)))
			out.push_back(query::render(condition.text, name));
	}
	return and_all(out);
}

std::string all_conditions(const Operator &node)
{
	return conditions_within(node, all_inputs(node), in_inputs(node));
}

// Columns of an input that are equated with columns of others, among these.
std::set<int> equated_with(const Operator &node, int input, const std::set<int> &others)
{
	std::set<int> key;
	for (const auto &e : node.equalities) {
		if (e.left_input == input && others.contains(e.right_input))
			key.insert(e.left_column);
		if (e.right_input == input && others.contains(e.left_input))
			key.insert(e.right_column);
	}
	return key;
}

// The next input to join with what is bound: one that is found by a key, if there is any.
int next_input(const Operator &node, const std::set<int> &bound, const std::set<int> &inputs)
{
	int next = -1;
	for (int i : inputs)
		if (!bound.contains(i) && (next < 0 || (equated_with(node, next, bound).empty() && !equated_with(node, i, bound).empty())))
			next = i;
	return next;
}

std::vector<int> order_of_levels(const Operator &node)
{
	std::vector<int> order{0};
	std::set<int> bound{0}, all = all_inputs(node);
	while (order.size() < all.size()) {
		order.push_back(next_input(node, bound, all));
		bound.insert(order.back());
	}
	return order;
}

// May a row of this input match several rows of another, that are found by its key?
bool fans_out(const Operator &node, int input, const std::set<int> &inputs)
{
	for (int other : inputs) {
		std::set<int> key = other == input ? std::set<int>() : equated_with(node, other, {input});
		auto unique = query::unique_key(*node.inputs[other]);
		if (!key.empty() && !(unique && std::includes(key.begin(), key.end(), unique->begin(), unique->end())))
			return true;
	}
	return false;
}

std::string weight(const std::set<int> &inputs)
{
	std::vector<std::string> out;
	for (int i : inputs)
		out.push_back(input_alias(i) + ".w");
	return pg::join(out, " * ");
}

std::string among(const Operator &node, const std::set<int> &inputs)
{
	if (inputs.size() == node.inputs.size())
		return {};
	std::vector<std::string> ids;
	for (int i : inputs)
		ids.push_back(std::to_string(node.inputs[i]->id));
	return " among " + pg::join(ids, ", ");
}

std::vector<Oid> bases(const Operator &node, const std::set<int> &inputs)
{
	std::vector<Oid> out;
	for (int i : inputs)
		for (Oid base : bases_of(*node.inputs[i]))
			out.push_back(base);
	return out;
}

}  // namespace

std::string Compiler::join_from(const Operator &node, const std::vector<std::string> &deltas, bool bulk, const std::set<int> &inputs, int first,
                                const std::set<int> &probe)
{
	std::vector<std::string> items;
	std::set<int> bound;
	for (size_t i = 0; i < deltas.size(); i++)
		if (!deltas[i].empty()) {
			items.push_back(deltas[i] + " " + input_alias(i));
			bound.insert(i);
		}
	auto bind = [&](int input, const std::set<int> &key) {
		if (key.empty() && !bound.empty() && !bulk)
			note(node, "input " + std::to_string(node.inputs[input]->id) +
			               " has no equality with the others: it is scanned for each change of theirs");
		items.push_back("(" + current(*node.inputs[input], key, bulk) + ") " + input_alias(input));
		bound.insert(input);
	};
	if (first >= 0)
		bind(first, probe);
	while (bound.size() < inputs.size()) {
		int next = next_input(node, bound, inputs);
		bind(next, equated_with(node, next, bound));
	}
	return pg::join(items, ", ");
}

std::string Compiler::join_by_key(const Operator &node, int changed, const std::string &delta, const std::set<int> &inputs)
{
	std::set<int> key = equated_with(node, changed, inputs), others = inputs;
	others.erase(changed);
	int low = node.offset(changed), high = low + node.inputs[changed]->width();
	auto found = [](int column) { return "r.c" + std::to_string(column + 1); };
	auto whole = [&](int column) { return column >= low && column < high ? column_of(node, column) : found(column); };
	std::vector<std::string> keys, outer, early;
	std::string inner;
	for (int column : key) {
		keys.push_back("z.c" + std::to_string(column + 1));
		inner += column_of(node, low + column) + " AS c" + std::to_string(low + column + 1) + ", ";
		outer.push_back(pg::equal(node.columns[low + column].type, found(low + column), column_of(node, low + column)));
	}
	inner += columns_before_more(node, others, in_inputs(node));
	for (size_t i = 0; i < node.conditions.size(); i++) {
		const Expression &condition = node.conditions[i];
		if (!std::all_of(condition.columns.begin(), condition.columns.end(), [&](int c) { return inputs.contains(node.input_of(c)); }))
			continue;
		bool equates = std::any_of(node.equalities.begin(), node.equalities.end(), [&](const auto &e) { return e.condition == int(i); });
		bool of_others = std::none_of(condition.columns.begin(), condition.columns.end(), [&](int c) { return c >= low && c < high; });
		if (equates || of_others)
			early.push_back(query::render(condition.text, in_inputs(node)));
		else
			outer.push_back(query::render(condition.text, whole));
	}
	std::vector<std::string> deltas(node.inputs.size());
	deltas[changed] = "(SELECT DISTINCT " + pg::join(keys, ", ") + " FROM " + delta + " z)";
	return "WITH r AS MATERIALIZED (SELECT " + inner + weight(others) + " AS w FROM " + join_from(node, deltas, false, inputs) + " WHERE " +
	       and_all(early) + ") SELECT " + columns_before_more(node, inputs, whole) + input_alias(changed) + ".w * r.w AS w FROM r, " + delta + " " +
	       input_alias(changed) + " WHERE " + and_all(outer);
}

void Compiler::join_terms(Operator &node, const std::vector<std::string> &deltas, const std::string &into)
{
	std::set<int> all = all_inputs(node);
	auto others = [&](const std::set<int> &but) {
		std::vector<std::string> out;
		for (int i : all)
			if (!but.contains(i) && changes(*node.inputs[i]))
				out.push_back(deltas[i]);
		return out;
	};
	for (int i : all)
		if (changes(*node.inputs[i]))
			term(node, i, deltas[i], all, into).none = others({i});
	std::vector<int> order = order_of_levels(node);
	std::set<int> before{order[0]};
	std::string joined = deltas[order[0]];
	for (size_t level = 1; level < order.size(); level++) {
		int input = order[level];
		std::set<int> whole = before;
		whole.insert(input);
		std::string to = whole == all ? into : level_of(node, whole);
		if (std::any_of(before.begin(), before.end(), [&](int i) { return changes(*node.inputs[i]); })) {
			if (level > 1 || !others(whole).empty())
				join_on(node, before, joined, input, {}, to, {joined}, level > 1 ? std::vector<std::string>() : others(whole)).none = {deltas[input]};
			if (changes(*node.inputs[input]))
				join_on(node, before, joined, input, deltas[input], to, {joined, deltas[input]}, {});
		}
		if (changes(*node.inputs[input]) && !others({input}).empty())
			term(node, input, deltas[input], whole, to).any = others({input});
		before = whole;
		joined = to;
	}
}

// An ephemeral relation for the change of what these inputs come to.
std::string Compiler::level_of(const Operator &node, const std::set<int> &inputs)
{
	std::string name = "z_l" + std::to_string(node.id) + "_" + std::to_string(inputs.size());
	std::vector<Column> columns = rows_of_inputs(node, inputs);
	columns.push_back(int8_column("w"));
	define(name, columns);
	return name;
}

Step &Compiler::term(Operator &node, int changed, const std::string &delta, const std::set<int> &inputs, const std::string &into)
{
	std::vector<std::string> deltas(node.inputs.size());
	deltas[changed] = delta;
	auto sql = [&](bool bulk) {
		return "SELECT " + columns_before_more(node, inputs, in_inputs(node)) + weight(inputs) + " AS w FROM " + join_from(node, deltas, bulk, inputs) +
		       " WHERE " + conditions_within(node, inputs, in_inputs(node));
	};
	std::string small = fans_out(node, changed, inputs) ? join_by_key(node, changed, delta, inputs) : sql(false);
	return step(node.id, "change of input " + std::to_string(node.inputs[changed]->id) + among(node, inputs), {delta}, {small, sql(true), bases(node, inputs), {}, into, false});
}

Step &Compiler::join_on(Operator &node, const std::set<int> &before, const std::string &joined, int input, const std::string &delta,
                        const std::string &into, std::vector<std::string> all, std::vector<std::string> any)
{
	bool one = before.size() == 1;
	std::string alias = one ? input_alias(*before.begin()) : "j", other = input_alias(input);
	Name name = [&](int column) { return one || node.input_of(column) == input ? column_of(node, column) : "j.c" + std::to_string(column + 1); };
	std::set<int> whole = before, key = equated_with(node, input, before);
	whole.insert(input);
	auto rows = [&](const std::string &from, const char *sign) {
		return "SELECT " + columns_before_more(node, whole, name) + sign + alias + ".w * " + other + ".w AS w FROM " + joined + " " + alias + ", " + from + " " +
		       other + " WHERE " + conditions_within(node, whole, name, one ? std::set<int>() : before);
	};
	auto sql = [&](bool bulk) {
		std::string now = rows("(" + current(*node.inputs[input], key, bulk) + ")", "");
		return delta.empty() ? now : consolidated("(" + now + " UNION ALL " + rows(delta, "- ") + ")", rows_of_inputs(node, whole), true);
	};
	std::string id = std::to_string(node.inputs[input]->id);
	Step &made = step(node.id, "change of those before input " + id + (delta.empty() ? "" : ", which is as it was"), std::move(all),
	                  {sql(false), sql(true), bases_of(*node.inputs[input]), {}, into, false});
	made.any = std::move(any);
	return made;
}

std::string Compiler::join_delta(Operator &node)
{
	std::vector<std::string> deltas;
	for (auto &input : node.inputs)
		deltas.push_back(materialized(*input));
	// Without a key each change meets each other one, and a product of products would grow with each of them.
	bool product = node.equalities.empty();
	std::string name = (product ? "z_j" : "z_d") + std::to_string(node.id);
	define(name, delta_columns(node));
	lock_pairs(node, deltas, Excludes::lefts);
	join_terms(node, deltas, name);
	std::string rows = "SELECT " + columns_of("x", node.width()) + (node.width() ? ", " : "") + "x.w FROM " + name + " x";
	return product ? consolidated("(" + rows + ")", numbered_columns(node), true) : rows;
}

std::string Compiler::join_current(const Operator &node, const std::set<int> &probe, bool bulk)
{
	int first = probe.empty() ? -1 : node.input_of(*probe.begin());
	std::set<int> inner;
	for (int column : probe)
		if (node.input_of(column) == first)
			inner.insert(column - node.offset(first));
	std::set<int> all = all_inputs(node);
	return "SELECT " + all_columns(node) + weight(all) + " AS w FROM " +
	       join_from(node, std::vector<std::string>(node.inputs.size()), bulk, all, first, inner) + " WHERE " + all_conditions(node);
}

std::string Compiler::join_over(const Operator &node, int on, const std::string &input, bool bulk)
{
	std::vector<std::string> given(node.inputs.size());
	given[on] = "(" + input + ")";
	std::set<int> all = all_inputs(node);
	return "SELECT " + all_columns(node) + weight(all) + " AS w FROM " + join_from(node, given, bulk, all) + " WHERE " + all_conditions(node);
}

void Compiler::note(const Operator &node, const std::string &text)
{
	std::string &notes = program_.notes[node.id];
	if (notes.find(text) == std::string::npos)
		notes += (notes.empty() ? "" : "; ") + text;
}

}  // namespace delta
