// Scan, filter, project, union all: the delta of f is f of the delta.
//
// A filter over time is linear in its input but not in time.  With θ(t) its
// truth at time t, the last tick at t0 and this one at t1:
//
//   Δσ = σ[θ(t0)](ΔX) + Σ over rows of X (new) of θ(t1) - θ(t0)
//
// and the rows of the second term have their column between the thresholds of
// t0 and t1, so they are found in an order by that column.  Thresholds may also
// move back (month lengths, a transaction older than the last tick).
#include "compile.h"

#include "pg/sql.hpp"

extern "C" {
#include "catalog/pg_type.h"
}

#include <algorithm>

namespace delta {

namespace {

std::string named(const std::string &value, int column)
{
	return value + " AS c" + std::to_string(column + 1);
}

std::string select(std::vector<std::string> columns, const std::string &weight, const std::string &from)
{
	columns.push_back(weight + " AS w");
	return "SELECT " + pg::join(columns, ", ") + " FROM " + from;
}

std::vector<std::string> conditions_over(const std::vector<Expression> &conditions, const std::string &alias)
{
	std::vector<std::string> out;
	for (const Expression &condition : conditions)
		out.push_back(query::render(condition.text, alias));
	return out;
}

std::string all_true(const std::vector<query::Temporal> &temporal, bool at_last)
{
	std::vector<std::string> out;
	for (const auto &t : temporal)
		out.push_back(query::render(at_last ? t.whole.at_last : t.whole.text, "x"));
	return "((" + and_all(out) + ") IS TRUE)";
}

std::string between_thresholds(const query::Temporal &t)
{
	std::string column = "x.c" + std::to_string(t.column + 1);
	std::string both = "(" + t.threshold.text + ", " + t.threshold.at_last + ")";
	return "(" + column + " >= LEAST" + both + " AND " + column + " <= GREATEST" + both + ")";
}

// When the filter next moves a row.  A threshold that goes as now() does reaches the nearest
// column value as far from now as the value is from the threshold; a day's threshold
// moves at midnight; of any other (months, truncated times) it is only known
// that it moves, so it is looked at every second.
std::string next_time(const query::Temporal &t, const Column &compared, const std::string &column,
                      const std::string &table)
{
	auto is_moment = [](Oid type) { return type == TIMESTAMPTZOID || type == TIMESTAMPOID || type == DATEOID; };
	const std::string &threshold = t.threshold.text;
	if (t.threshold.type.type == DATEOID && threshold.find('(') == std::string::npos)
		return "SELECT date_trunc('day', now()) + interval '1 day'";
	bool steady = threshold == "now()" || threshold == "CURRENT_TIMESTAMP" ||
	              ((threshold.starts_with("(now() ") || threshold.starts_with("(CURRENT_TIMESTAMP ")) &&
	               threshold.find("mon") == std::string::npos && threshold.find("year") == std::string::npos &&
	               threshold.ends_with("'::interval)") && std::count(threshold.begin(), threshold.end(), '\'') == 2);
	if (!steady || !is_moment(compared.type))
		return "SELECT now() + interval '1 second'";
	return "SELECT now() + (min(" + column + ")::timestamptz - " + threshold + ") + interval '1 millisecond' FROM " +
	       table + " k WHERE " + column + " >= " + threshold;
}

std::set<int> mapped(const std::set<int> &probe, const std::function<int(int)> &map)
{
	std::set<int> out;
	for (int column : probe)
		if (int to = map(column); to >= 0)
			out.insert(to);
	return out;
}

}  // namespace

// ---- scan ----

std::string Compiler::scan_delta(Operator &node)
{
	auto batch = std::find_if(program_.batches.begin(), program_.batches.end(),
	                          [&](const Batch &b) { return b.relation == node.relation; });
	std::string name = "z_b" + std::to_string(node.relation);
	if (batch == program_.batches.end())
		batch = program_.batches.insert(batch, {node.relation, {}, name});
	auto &columns = program_.ephemerals[name].columns;
	if (columns.empty())
		columns.push_back(int8_column("w"));
	std::vector<std::string> out;
	for (int i = 0; i < node.width(); i++) {
		int attribute = node.attributes[i];
		if (std::find(batch->attributes.begin(), batch->attributes.end(), attribute) == batch->attributes.end()) {
			batch->attributes.push_back(attribute);
			Column column = node.columns[i];
			column.name = "a" + std::to_string(attribute);
			columns.insert(columns.end() - 1, column);
		}
		out.push_back(named("b.a" + std::to_string(attribute), i));
	}
	return select(out, "b.w", name + " b");
}

std::string Compiler::scan_current(const Operator &node, const std::set<int> &probe, bool bulk)
{
	std::set<int> key;
	for (int column : probe)
		key.insert(node.attributes[column]);
	Access access;
	if (!key.empty())
		access = catalog_.access(node.relation, key, node.attributes);
	if (!access.note.empty())
		note(node, access.note);
	bool arranged = access.how == Access::How::arrangement && !bulk;
	bool carries_all = arranged && access.identity.empty();
	std::vector<std::string> out, on;
	for (int i = 0; i < node.width(); i++) {
		int attribute = node.attributes[i];
		bool from_arrangement = carries_all || (arranged && access.key.contains(attribute));
		out.push_back(named(from_arrangement ? "k.a" + std::to_string(attribute)
		                                     : "t." + pg::quote_ident(pg::attribute_name(node.relation, attribute)),
		                    i));
	}
	std::string base = pg::relation_name(node.relation) + " t";
	if (!arranged)
		return select(out, "1::int8", base);
	if (carries_all)
		return select(out, "k.n", access.table + " k");
	for (int attribute : access.identity) {
		std::string name = "t." + pg::quote_ident(pg::attribute_name(node.relation, attribute));
		on.push_back(name + " = k.a" + std::to_string(attribute));
	}
	return select(out, "1::int8", access.table + " k JOIN " + base + " ON " + and_all(on));
}

// ---- filter ----

std::string Compiler::filter_delta(Operator &node)
{
	std::string input = delta(*node.inputs[0]);
	auto conditions = conditions_over(node.conditions, "x");
	auto over_delta = [&] {
		return "SELECT " + columns_of("x", node.width()) + (node.width() ? ", " : "") + "x.w FROM (" + input +
		       ") x WHERE " + and_all(conditions);
	};
	if (node.temporal.empty())
		return over_delta();

	std::string name = "z_d" + std::to_string(node.id);
	define(name, delta_columns(node));
	conditions.push_back(all_true(node.temporal, true));
	step(node.id, "changed rows, by the filter of the last tick", {}, {over_delta(), {}, {}, {}, name, false}).any =
	    ephemerals_in(input);
	conditions.pop_back();

	std::vector<std::string> earlier;
	std::set<int> done;
	for (const auto &first : node.temporal) {
		if (!done.insert(first.column).second)
			continue;
		std::vector<std::string> ranges;
		for (const auto &t : node.temporal)
			if (t.column == first.column)
				ranges.push_back(between_thresholds(t));
		std::string range = "(" + pg::join(ranges, " OR ") + ")";
		std::vector<std::string> where = conditions;
		where.push_back(range);
		where.push_back(all_true(node.temporal, false) + " <> " + all_true(node.temporal, true));
		for (const auto &other : earlier)
			where.push_back(other + " IS NOT TRUE");
		earlier.push_back(range);
		std::string sql = "SELECT " + columns_of("x", node.width()) + ", CASE WHEN " +
		                  all_true(node.temporal, false) + " THEN x.w ELSE -x.w END AS w FROM (" +
		                  current(*node.inputs[0], {first.column}, false) + ") x WHERE " + and_all(where);
		step(node.id, "rows that time moves across the filter", {}, {sql, {}, {}, {}, name, false}).when_time_moves = true;
		const Operator &scan = *node.inputs[0];
		Access access = catalog_.access(scan.relation, {scan.attributes[first.column]}, scan.attributes);
		std::string column = access.how == Access::How::arrangement
		                         ? "k.a" + std::to_string(scan.attributes[first.column])
		                         : "k." + pg::quote_ident(scan.columns[first.column].name);
		std::string table = access.how == Access::How::arrangement ? access.table : pg::relation_name(scan.relation);
		for (const auto &t : node.temporal)
			if (t.column == first.column)
				program_.next_times.push_back(next_time(t, scan.columns[first.column], column, table));
	}
	return "SELECT " + columns_of("x", node.width()) + ", x.w FROM " + name + " x";
}

std::string Compiler::filter_current(const Operator &node, const std::set<int> &probe, bool bulk)
{
	return filter_over(node, current(*node.inputs[0], probe, bulk));
}

std::string Compiler::filter_over(const Operator &node, const std::string &input) const
{
	auto conditions = conditions_over(node.conditions, "x");
	for (const auto &t : node.temporal)
		conditions.push_back(query::render(t.whole.text, "x"));
	return "SELECT " + columns_of("x", node.width()) + (node.width() ? ", " : "") + "x.w FROM (" + input +
	       ") x WHERE " + and_all(conditions);
}

// ---- project ----

std::string Compiler::project_over(const Operator &node, const std::string &input) const
{
	std::vector<std::string> out;
	const auto &below = node.inputs[0]->columns;
	for (int i = 0; i < node.width(); i++) {
		const Expression &e = node.expressions[i];
		std::string value = query::render(e.text, "x");
		if (e.plain < 0 || below[e.plain].type != node.columns[i].type)
			value = "(" + value + ")::" + pg::type_name(node.columns[i].type);
		out.push_back(named(value, i));
	}
	return select(out, "x.w", "(" + input + ") x");
}

std::string Compiler::project_delta(Operator &node)
{
	return project_over(node, delta(*node.inputs[0]));
}

std::string Compiler::project_current(const Operator &node, const std::set<int> &probe, bool bulk)
{
	auto below = mapped(probe, [&](int column) { return node.expressions[column].plain; });
	return project_over(node, current(*node.inputs[0], below, bulk));
}

// ---- union all ----

namespace {

std::string united(const Operator &node, const std::vector<std::string> &parts)
{
	std::vector<std::string> out;
	for (size_t part = 0; part < parts.size(); part++)
		out.push_back(as_columns_of(node, part, parts[part]));
	return pg::join(out, " UNION ALL ");
}

}  // namespace

std::string as_columns_of(const Operator &node, int input, const std::string &rows)
{
	std::vector<std::string> columns;
	for (int i = 0; i < node.width(); i++) {
		const Column &column = node.columns[i];
		bool same = column.collation == node.inputs[input]->columns[i].collation;
		columns.push_back(named("(x.c" + std::to_string(i + 1) + ")::" + pg::type_name(column.type) + (same ? "" : collation(column)), i));
	}
	return select(columns, "x.w", "(" + rows + ") x");
}

std::string Compiler::union_delta(Operator &node)
{
	std::vector<std::string> parts;
	for (auto &input : node.inputs)
		parts.push_back(delta(*input));
	return united(node, parts);
}

std::string Compiler::union_current(const Operator &node, const std::set<int> &probe, bool bulk)
{
	std::vector<std::string> parts;
	for (const auto &input : node.inputs)
		parts.push_back(current(*input, probe, bulk));
	return united(node, parts);
}

}  // namespace delta
