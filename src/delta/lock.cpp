// Two transactions at work on one stream table, neither of which sees the other's rows.
//
// What they do must come to the same as one after the other.  So an operator names by a key what its law reads or
// changes and another transaction could change, too; the key is locked to the end of the transaction, and what
// follows is read under a snapshot that is taken after that:
//
//   scan, filter, project, union all   nothing: what becomes of a row depends on itself alone
//   join        ΔX ⋈ Y and X ⋈ ΔY would both miss ΔX ⋈ ΔY.  Writers of X and writers of Y lock the values that equate them:
//               those of one input go side by side, those of two exclude each other.  For n inputs, each two of them:
//               a row of the result with changes of both transactions has them in two inputs.
//               Inputs that nothing equates have one key.
//   left, semi, anti join   likewise; and writers of the right input exclude each other, for they count matches together
//   aggregate   the group        distinct, intersect, except   the row
//   window, top the partition    a stream table without a key   the row that goes
//
// Any other operator has no such key yet: one transaction at a time.
#include "compile.h"

#include "pg/sql.hpp"

extern "C" {
#include "catalog/pg_type.h"
}

#include <algorithm>
#include <numeric>

namespace delta {

using query::Kind;

namespace {

// Values that are equal by the operator have one hash.
bool hash_alike(const Column &a, const Column &b)
{
	auto whole = [](Oid type) { return type == INT2OID || type == INT4OID || type == INT8OID; };
	return pg::has_hash(a.type) && ((a.type == b.type && a.collation == b.collation) || (whole(a.type) && whole(b.type)));
}

// Concatenated column → the least of those it is equated with.
std::vector<int> classes(const Operator &node)
{
	std::vector<int> least(node.offset(node.inputs.size() - 1) + node.inputs.back()->width());
	std::iota(least.begin(), least.end(), 0);
	for (bool changed = true; changed;) {
		changed = false;
		for (const auto &e : node.equalities) {
			int a = node.offset(e.left_input) + e.left_column, b = node.offset(e.right_input) + e.right_column;
			int to = std::min(least[a], least[b]);
			changed = changed || least[a] != to || least[b] != to;
			least[a] = least[b] = to;
		}
	}
	return least;
}

struct Pair {
	std::vector<int> left, right;        // columns of the inputs
};

Pair equated_columns(const Operator &node, const std::vector<int> &least, int i, int j)
{
	Pair out;
	std::set<int> seen;
	for (int a = 0; a < node.inputs[i]->width(); a++)
		for (int b = 0; b < node.inputs[j]->width(); b++) {
			int of_a = least[node.offset(i) + a];
			if (of_a == least[node.offset(j) + b] && !seen.contains(of_a) &&
			    hash_alike(node.inputs[i]->columns[a], node.inputs[j]->columns[b])) {
				seen.insert(of_a);
				out.left.push_back(a);
				out.right.push_back(b);
			}
		}
	return out;
}

std::vector<std::string> numbered(const std::vector<int> &columns)
{
	std::vector<std::string> out;
	for (int column : columns)
		out.push_back("x.c" + std::to_string(column + 1));
	return out;
}

}  // namespace

void Compiler::lock(const Operator &node, const std::vector<Column> &types, const std::vector<std::string> &keys, const std::string &from,
                    Excludes excludes, int slot)
{
	if (!locks_)
		return;
	std::string name = "z_lock" + std::to_string(slot == 0 ? ++slots_ : slot) + (slot == 0 ? "" : "_" + std::to_string(int(excludes)));
	for (const Column &type : types)
		if (!is_hashed(type))
			program_.exclusive = "the type " + pg::type_name(type.type) + " has no hash to lock a key of operator " + std::to_string(node.id) + " by";
	define(name, {int8_column("h")});
	Step &locking = step(node.id, "keys that are locked first", {},
	                     {"SELECT DISTINCT " + (types.empty() ? hash_of(keys) : hash_of(keys, types)) + " AS h FROM " + from + " x", {}, {}, {}, name, false});
	locking.any = locking.statement.reads;
	locking.excludes = excludes;
	locking.slot = slot == 0 ? slots_ : slot;
}

void Compiler::lock_pairs(const Operator &node, const std::vector<std::string> &deltas, Excludes of_right)
{
	if (!locks_)
		return;
	std::vector<int> least = classes(node);
	for (size_t i = 0; i < deltas.size(); i++)
		for (size_t j = i + 1; j < deltas.size(); j++) {
			Pair pair = equated_columns(node, least, i, j);
			std::vector<std::string> names;
			for (int column : pair.left)
				names.push_back(node.inputs[i]->columns[column].name);
			std::string two = std::to_string(node.inputs[i]->id) + " and " + std::to_string(node.inputs[j]->id);
			note(node, names.empty() ? "writers of inputs " + two + " wait for each other: nothing equates these"
			                         : "writers of inputs " + two + " wait for each other at equal (" + pg::join(names, ", ") + ")");
			int slot = ++slots_;
			lock(node, {}, numbered(pair.left), deltas[i], Excludes::rights, slot);
			lock(node, {}, numbered(pair.right), deltas[j], of_right, slot);
		}
}

void Compiler::refuse_others(const Operator &root)
{
	query::walk(root, [&](const Operator &node) {
		switch (node.kind) {
		case Kind::scan:
		case Kind::filter:
		case Kind::project:
		case Kind::union_all:
		case Kind::join:
		case Kind::left_join:
		case Kind::semi_join:
		case Kind::anti_join:
		case Kind::one_row:
		case Kind::aggregate:
		case Kind::distinct:
		case Kind::intersect:
		case Kind::except:
		case Kind::window:
		case Kind::top:
			return;
		default:
			program_.exclusive = "operator " + std::to_string(node.id) + ", " + query::name(node.kind) + ", has no keys to lock";
		}
	});
}

}  // namespace delta
