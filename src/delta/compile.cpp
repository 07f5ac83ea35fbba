#include "compile.h"

#include "pg/sql.hpp"
#include "query/read.h"

extern "C" {
#include "access/transam.h"
#include "catalog/pg_type.h"
}

#include <algorithm>

namespace delta {

using query::Kind;

Program Compiler::compile(Operator &root)
{
	program_.notes.assign(root.id + 1, {});
	read_ = query::columns_read(root);
	refuse_others(root);
	program_.result = delta(root);
	program_.result_reads = ephemerals_in(program_.result);
	program_.current = current(root, {}, true);
	bool several = false;
	query::walk(static_cast<const Operator &>(root), [&](const Operator &node) {
		several = several || query::defines_results(node) || ((node.kind == Kind::window || node.kind == Kind::top) && query::ties_matter(node));
	});
	defining_ = true;
	if (several)
		program_.defined = current(root, {}, true);
	// What reads no change makes none.
	std::erase_if(program_.steps, [](const Step &step) { return !step.when_time_moves && step.all.empty() && step.any.empty(); });
	return std::move(program_);
}

std::string Compiler::delta(Operator &node)
{
	if (node.shared())
		return "SELECT " + columns_of("x", node.width()) + (node.width() ? ", " : "") + "x.w FROM " + materialized(node) + " x";
	return own_delta(node);
}

std::string Compiler::own_delta(Operator &node)
{
	switch (node.kind) {
	case Kind::one_row: return "SELECT 1::int8 AS w WHERE false";
	case Kind::scan: return scan_delta(node);
	case Kind::constant: return constant_delta(node);
	case Kind::function: return function_delta(node);
	case Kind::filter: return filter_delta(node);
	case Kind::project: return project_delta(node);
	case Kind::union_all: return union_delta(node);
	case Kind::join: return join_delta(node);
	case Kind::left_join: return left_delta(node);
	case Kind::semi_join:
	case Kind::anti_join: return semi_delta(node);
	case Kind::aggregate: return aggregate_delta(node);
	case Kind::distinct:
	case Kind::intersect:
	case Kind::except: return set_delta(node);
	case Kind::window:
	case Kind::top: return partition_delta(node);
	case Kind::recursive: return recursive_delta(node);
	case Kind::self: break;
	}
	return {};
}

std::string Compiler::current(const Operator &node, const std::set<int> &probe, bool bulk)
{
	switch (node.kind) {
	case Kind::one_row: return "SELECT 1::int8 AS w";
	case Kind::scan: return scan_current(node, probe, bulk);
	case Kind::constant: return constant_at(node, false);
	case Kind::function: return function_current(node, probe, bulk);
	case Kind::filter: return filter_current(node, probe, bulk);
	case Kind::project: return project_current(node, probe, bulk);
	case Kind::union_all: return union_current(node, probe, bulk);
	case Kind::join: return join_current(node, probe, bulk);
	case Kind::left_join: return left_current(node, probe, bulk);
	case Kind::semi_join:
	case Kind::anti_join: return semi_current(node, probe, bulk);
	case Kind::aggregate: return aggregate_current(node, probe, bulk);
	case Kind::distinct:
	case Kind::intersect:
	case Kind::except: return set_current(node, probe, bulk);
	case Kind::window:
	case Kind::top: return partition_current(node, probe, bulk);
	case Kind::recursive:
	case Kind::self: return recursive_current(node, probe);
	}
	return {};
}

std::string Compiler::content(const Operator &node)
{
	filling_ = true;
	std::string out = current(node, {}, true);
	filling_ = false;
	return out;
}

std::string Compiler::materialized(Operator &node)
{
	std::string name = "z_d" + std::to_string(node.id);
	if (!materialized_.insert(node.id).second)
		return name;
	if (!changes(node)) {
		define(name, delta_columns(node));
		return name;
	}
	std::string sql = own_delta(node);
	if (program_.ephemerals.contains(name))
		return name;
	define(name, delta_columns(node));
	Statement statement{sql, {}, {}, ephemerals_in(sql), name, false};
	program_.steps.push_back({.node = node.id,
	                          .title = "delta of the " + std::string(query::name(node.kind)),
	                          .all = {},
	                          .any = statement.reads,
	                          .none = {},
	                          .when_time_moves = false,
	                          .statement = statement,
	                          .loop = -1});
	return name;
}

void Compiler::define(const std::string &name, std::vector<Column> columns)
{
	program_.ephemerals[name] = {std::move(columns)};
}

Step &Compiler::step(int node, std::string title, std::vector<std::string> all, Statement statement)
{
	statement.reads = ephemerals_in(statement.sql);
	program_.steps.push_back({.node = node, .title = std::move(title), .all = std::move(all), .any = {}, .none = {},
	                          .when_time_moves = false, .statement = std::move(statement)});
	return program_.steps.back();
}

// Ephemerals are named by words that occur nowhere else: z_ and what they hold.
std::vector<std::string> Compiler::ephemerals_in(const std::string &sql) const
{
	std::vector<std::string> out;
	for (const auto &[name, ephemeral] : program_.ephemerals) {
		for (size_t at = sql.find(name); at != std::string::npos; at = sql.find(name, at + 1)) {
			auto word = [](char c) { return isalnum(static_cast<unsigned char>(c)) || c == '_'; };
			bool starts = at == 0 || !word(sql[at - 1]);
			bool ends = at + name.size() >= sql.size() || !word(sql[at + name.size()]);
			if (starts && ends) {
				out.push_back(name);
				break;
			}
		}
	}
	return out;
}

bool changes(const Operator &node)
{
	return node.depth < 0 || (node.kind != Kind::self && std::any_of(node.inputs.begin(), node.inputs.end(), [](const auto &input) { return changes(*input); }));
}

std::vector<Oid> bases_of(const Operator &node)
{
	std::vector<Oid> out;
	query::walk(node, [&](const Operator &below) {
		if (below.kind == Kind::scan)
			out.push_back(below.relation);
	});
	return out;
}

std::string Compiler::rows_table(const Operator &node, const std::string &prefix) const
{
	return "pgtrickle_state." + prefix + std::to_string(view_) + "_" + std::to_string(node.id);
}

Column int8_column(const std::string &name)
{
	return {name, INT8OID, -1, 0, true};
}

std::vector<Column> numbered_columns(const Operator &node)
{
	std::vector<Column> out = node.columns;
	for (size_t i = 0; i < out.size(); i++)
		out[i].name = "c" + std::to_string(i + 1);
	return out;
}

std::vector<Column> delta_columns(const Operator &node)
{
	std::vector<Column> out = numbered_columns(node);
	out.push_back(int8_column("w"));
	return out;
}

std::string columns_of(const std::string &alias, int count)
{
	std::vector<std::string> out;
	for (int i = 1; i <= count; i++)
		out.push_back(alias + ".c" + std::to_string(i));
	return pg::join(out, ", ");
}

}  // namespace delta
