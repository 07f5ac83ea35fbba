// Inner join, n-ary, any condition.
//
// With S the inputs that changed, over their new states alone:
//
//   Δ(X1 ⋈ … ⋈ Xn) = Σ over non-empty T ⊆ S of (-1)^(|T|-1) · ⋈[i ∈ T] ΔXi ⋈ ⋈[i ∉ T] Xi
//
// by inclusion and exclusion from old(X) = X - ΔX; so no old state is kept or
// rebuilt.  Of more than three inputs, whose terms would be too many, one term for each changed input i instead:
//
//   Δ(X1 ⋈ … ⋈ Xn) = Σ over i ∈ S of ⋈[j < i] Xj ⋈ ΔXi ⋈ ⋈[j > i] (Xj - ΔXj)
//
// Each term starts at its smallest inputs, the deltas, and finds the
// other inputs by the columns equated with what is bound already.  A term runs
// only when all its deltas have rows, so one changed input costs one statement.
//
// An updated row is in its delta twice, as it was and as it is, mostly with one key.  Where many
// rows may be found by it, they are looked up once for each key:
//   ΔX ⋈ Y = ΔX ⋈ (π[key] ΔX ⋈ Y)
#include "compile.h"

#include "pg/sql.hpp"

#include <algorithm>
#include <bit>

namespace delta {

namespace {

constexpr size_t most_for_sets = 3;    // 2^n - 1 terms are written down

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

std::string all_columns(const Operator &node)
{
	std::vector<std::string> out;
	for (int i = 0; i < node.width(); i++)
		out.push_back(column_of(node, i) + " AS c" + std::to_string(i + 1));
	return pg::join(out, ", ");
}

std::string all_conditions(const Operator &node)
{
	std::vector<std::string> out;
	for (const Expression &condition : node.conditions)
		out.push_back(query::render(condition.text, [&](int column) { return column_of(node, column); }));
	return and_all(out);
}

// Concatenated columns of one input that the join equates with others.
std::set<int> key_of(const Operator &node, int input)
{
	std::set<int> out;
	for (const auto &e : node.equalities)
		if (e.left_input == input)
			out.insert(node.offset(input) + e.left_column);
		else if (e.right_input == input)
			out.insert(node.offset(input) + e.right_column);
	return out;
}

// May a row of this input match several rows of another, that are found by its key?
bool fans_out(const Operator &node, int input)
{
	for (size_t other = 0; other < node.inputs.size(); other++) {
		std::set<int> key;
		for (const auto &e : node.equalities)
			if (e.left_input == input && e.right_input == int(other))
				key.insert(e.right_column);
			else if (e.right_input == input && e.left_input == int(other))
				key.insert(e.left_column);
		auto unique = query::unique_key(*node.inputs[other]);
		if (!key.empty() && !(unique && std::includes(key.begin(), key.end(), unique->begin(), unique->end())))
			return true;
	}
	return false;
}

// What cancels taken together, where the types of all columns can be compared.
std::string consolidated(const Operator &node, const std::string &rows)
{
	auto comparable = [](const Column &column) { return pg::has_hash(column.type) && pg::has_equality(column.type); };
	if (!std::all_of(node.columns.begin(), node.columns.end(), comparable))
		return rows;
	std::string columns = columns_of("o", node.width()), by = columns;
	for (int i = 0; i < node.width(); i++)
		if (pg::varies_when_equal(node.columns[i].type))
			by += ", o.c" + std::to_string(i + 1) + "::text";
	return "SELECT " + columns + (columns.empty() ? "" : ", ") + "sum(o.w)::int8 AS w FROM (" + rows + ") o" + (by.empty() ? "" : " GROUP BY " + by) +
	       " HAVING sum(o.w) <> 0";
}

// What an input held before its change.  whole: none of it is left out by a key; a product of inputs with one row
// each would have three for each.
std::string before(const Operator &input, const std::string &now, const std::string &delta, bool whole)
{
	auto columns = [&](const std::string &alias) { return columns_of(alias, input.width()) + (input.width() ? ", " : ""); };
	std::string both = "SELECT " + columns("n") + "n.w FROM (" + now + ") n UNION ALL SELECT " + columns("z") + "- z.w FROM " + delta + " z";
	return whole ? consolidated(input, both) : both;
}

std::string weight(const Operator &node)
{
	std::vector<std::string> out;
	for (size_t i = 0; i < node.inputs.size(); i++)
		out.push_back(input_alias(i) + ".w");
	return pg::join(out, " * ");
}

}  // namespace

std::string Compiler::join_from(const Operator &node, const std::vector<std::string> &deltas, bool bulk, int first,
                                const std::set<int> &probe, const std::vector<std::string> &taken_off)
{
	std::vector<std::string> items;
	std::set<int> bound;
	for (size_t i = 0; i < deltas.size(); i++)
		if (!deltas[i].empty()) {
			items.push_back(deltas[i] + " " + input_alias(i));
			bound.insert(i);
		}
	auto key_from_bound = [&](int input) {
		std::set<int> key;
		for (const auto &e : node.equalities) {
			if (e.left_input == input && bound.contains(e.right_input))
				key.insert(e.left_column);
			if (e.right_input == input && bound.contains(e.left_input))
				key.insert(e.right_column);
		}
		return key;
	};
	auto bind = [&](int input, const std::set<int> &key) {
		if (key.empty() && !bound.empty() && !bulk)
			note(node, "input " + std::to_string(node.inputs[input]->id) +
			               " has no equality with the others: it is scanned for each change of theirs");
		std::string rows = current(*node.inputs[input], key, bulk);
		if (!taken_off.empty() && !taken_off[input].empty())
			rows = before(*node.inputs[input], rows, taken_off[input], key.empty());
		items.push_back("(" + rows + ") " + input_alias(input));
		bound.insert(input);
	};
	if (first >= 0)
		bind(first, probe);
	while (bound.size() < node.inputs.size()) {
		int next = -1;
		for (size_t i = 0; i < node.inputs.size(); i++)
			if (!bound.contains(i) && (next < 0 || (key_from_bound(next).empty() && !key_from_bound(i).empty())))
				next = i;
		bind(next, key_from_bound(next));
	}
	return pg::join(items, ", ");
}

std::string Compiler::join_by_key(const Operator &node, int changed, const std::string &delta)
{
	std::set<int> key = key_of(node, changed);
	int low = node.offset(changed), high = low + node.inputs[changed]->width();
	auto found = [](int column) { return "r.c" + std::to_string(column + 1); };
	auto whole = [&](int column) { return column >= low && column < high ? column_of(node, column) : found(column); };
	std::vector<std::string> keys, weights, inner, outer, columns;
	for (int column : key) {
		keys.push_back("z.c" + std::to_string(column - low + 1));
		inner.push_back(column_of(node, column) + " AS c" + std::to_string(column + 1));
		outer.push_back(pg::equal(node.columns[column].type, found(column), column_of(node, column)));
	}
	for (int i = 0; i < node.width(); i++) {
		if (i < low || i >= high)
			inner.push_back(column_of(node, i) + " AS c" + std::to_string(i + 1));
		columns.push_back(whole(i) + " AS c" + std::to_string(i + 1));
	}
	for (size_t i = 0; i < node.inputs.size(); i++)
		if (int(i) != changed)
			weights.push_back(input_alias(i) + ".w");
	std::vector<std::string> early;
	for (size_t i = 0; i < node.conditions.size(); i++) {
		const Expression &condition = node.conditions[i];
		bool equates = std::any_of(node.equalities.begin(), node.equalities.end(), [&](const auto &e) { return e.condition == int(i); });
		bool of_others = std::none_of(condition.columns.begin(), condition.columns.end(), [&](int c) { return c >= low && c < high; });
		if (equates || of_others)
			early.push_back(query::render(condition.text, [&](int column) { return column_of(node, column); }));
		else
			outer.push_back(query::render(condition.text, whole));
	}
	std::vector<std::string> deltas(node.inputs.size());
	deltas[changed] = "(SELECT DISTINCT " + pg::join(keys, ", ") + " FROM " + delta + " z)";
	return "WITH r AS MATERIALIZED (SELECT " + pg::join(inner, ", ") + ", " + pg::join(weights, " * ") + " AS w FROM " +
	       join_from(node, deltas, false) + " WHERE " + and_all(early) + ") SELECT " + pg::join(columns, ", ") + ", " +
	       input_alias(changed) + ".w * r.w AS w FROM r, " + delta + " " + input_alias(changed) + " WHERE " + and_all(outer);
}

void Compiler::join_terms(Operator &node, const std::vector<std::string> &deltas, const std::string &into)
{
	if (node.inputs.size() <= most_for_sets)
		terms_by_set(node, deltas, into);
	else
		terms_by_input(node, deltas, into);
}

void Compiler::terms_by_set(Operator &node, const std::vector<std::string> &deltas, const std::string &into)
{
	size_t count = node.inputs.size();
	for (unsigned mask = 1; mask < 1u << count; mask++) {
		std::vector<std::string> changed(count), all;
		bool never = false;
		std::string title = "change of input";
		for (size_t i = 0; i < count; i++)
			if (mask >> i & 1) {
				never = never || !changes(*node.inputs[i]);
				changed[i] = deltas[i];
				all.push_back(deltas[i]);
				title += " " + std::to_string(node.inputs[i]->id);
			}
		if (never)
			continue;
		if (all.size() == 1)
			term_of_one(node, std::countr_zero(mask), deltas, into);
		else
			term(node, title, all, changed, {}, into);
	}
}

void Compiler::terms_by_input(Operator &node, const std::vector<std::string> &deltas, const std::string &into)
{
	for (size_t i = 0; i < node.inputs.size(); i++) {
		if (!changes(*node.inputs[i]))
			continue;
		std::vector<std::string> changed(node.inputs.size()), taken_off(node.inputs.size()), later;
		changed[i] = deltas[i];
		for (size_t j = i + 1; j < node.inputs.size(); j++)
			if (changes(*node.inputs[j]))
				later.push_back(taken_off[j] = deltas[j]);
		term_of_one(node, i, deltas, into).none = later;
		if (!later.empty())
			term(node, "change of input " + std::to_string(node.inputs[i]->id) + ", those after it as they were", {deltas[i]}, changed, taken_off, into).any = later;
	}
}

// One input has changed, and no other that a term would have to take off again.
Step &Compiler::term_of_one(Operator &node, int input, const std::vector<std::string> &deltas, const std::string &into)
{
	std::vector<std::string> changed(node.inputs.size());
	changed[input] = deltas[input];
	Step &made = term(node, "change of input " + std::to_string(node.inputs[input]->id), {deltas[input]}, changed, {}, into);
	if (fans_out(node, input)) {
		made.statement.sql = join_by_key(node, input, deltas[input]);
		made.statement.reads = ephemerals_in(made.statement.sql);
	}
	return made;
}

Step &Compiler::term(Operator &node, const std::string &title, const std::vector<std::string> &all, const std::vector<std::string> &changed,
                     const std::vector<std::string> &taken_off, const std::string &into)
{
	auto sql = [&](bool bulk) {
		return "SELECT " + all_columns(node) + (node.width() ? ", " : "") + (all.size() % 2 == 1 ? "" : "- ") + weight(node) + " AS w FROM " +
		       join_from(node, changed, bulk, -1, {}, taken_off) + " WHERE " + all_conditions(node);
	};
	return step(node.id, title, all, {sql(false), sql(true), bases_of(node), {}, into, false});
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
	return product ? consolidated(node, rows) : rows;
}

std::string Compiler::join_current(const Operator &node, const std::set<int> &probe, bool bulk)
{
	int first = probe.empty() ? -1 : node.input_of(*probe.begin());
	std::set<int> inner;
	for (int column : probe)
		if (node.input_of(column) == first)
			inner.insert(column - node.offset(first));
	return "SELECT " + all_columns(node) + (node.width() ? ", " : "") + weight(node) + " AS w FROM " +
	       join_from(node, std::vector<std::string>(node.inputs.size()), bulk, first, inner) + " WHERE " +
	       all_conditions(node);
}

std::string Compiler::join_over(const Operator &node, int on, const std::string &input, bool bulk)
{
	std::vector<std::string> given(node.inputs.size());
	given[on] = "(" + input + ")";
	return "SELECT " + all_columns(node) + ", " + weight(node) + " AS w FROM " + join_from(node, given, bulk) + " WHERE " + all_conditions(node);
}

void Compiler::note(const Operator &node, const std::string &text)
{
	std::string &notes = program_.notes[node.id];
	if (notes.find(text) == std::string::npos)
		notes += (notes.empty() ? "" : "; ") + text;
}

}  // namespace delta
