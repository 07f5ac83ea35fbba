#include "grouping.h"

#include "pg/sql.hpp"

extern "C" {
#include "catalog/pg_type.h"
}

#include <algorithm>

namespace delta {

using query::Aggregate;
using query::Law;

namespace {

Column named(Column column, const std::string &name)
{
	column.name = name;
	return column;
}

// The most frequent value first.
std::string by_number(const Aggregate &a)
{
	return a.greatest ? "n DESC, v1 DESC" : "n DESC, v1";
}

std::string value(int aggregate, int argument)
{
	return "v" + std::to_string(aggregate + 1) + "_" + std::to_string(argument + 1);
}

}  // namespace

std::string number(const std::string &prefix, int i)
{
	return prefix + std::to_string(i + 1);
}

std::vector<std::string> prefixed(const std::string &prefix, const std::vector<std::string> &names)
{
	std::vector<std::string> out;
	for (const auto &name : names)
		out.push_back(prefix + name);
	return out;
}

std::string Accumulator::merged() const
{
	return type == "bytea" ? "pgtrickle._exact_merge(s." + name + ", u." + name + ")" : "s." + name + " + u." + name;
}

Grouping::Grouping(const Operator &node, const std::string &groups, const std::string &values_prefix, bool wide)
    : node(node), groups(groups), wide(wide), of_one_row_(!query::keys_of_one_row(node).empty())
{
	for (size_t i = 0; i < node.aggregates.size(); i++)
		add(node.aggregates[i], i, values_prefix);
}

bool Grouping::hashed() const
{
	return global() || !std::all_of(node.columns.begin(), node.columns.begin() + node.keys.size(), [](const Column &key) {
		return key.not_null && pg::is_fixed(key.type) && pg::has_order(key.type);
	});
}

// Aggregates of the same share it, so that the server adds it up once.
std::string Grouping::argument(int aggregate, int argument) const
{
	const Expression &wanted = node.aggregates[aggregate].arguments[argument];
	for (int i = 0; i < aggregate; i++)
		for (size_t j = 0; j < node.aggregates[i].arguments.size(); j++) {
			const Expression &other = node.aggregates[i].arguments[j];
			if (other.text == wanted.text && other.type.type == wanted.type.type && other.type.typmod == wanted.type.typmod &&
			    other.type.collation == wanted.type.collation)
				return value(i, j);
		}
	return value(aggregate, argument);
}

std::string Grouping::input(const std::string &from) const
{
	std::vector<std::string> out, keys;
	for (size_t i = 0; i < node.keys.size(); i++) {
		std::string key = "(" + query::render(node.keys[i].text, "x") + ")::" + pg::type_name(node.keys[i].type.type);
		keys.push_back(key);
		out.push_back(key + " AS " + number("k", i));
	}
	if (hashed())
		out.push_back(hash_of(keys, key_types()) + " AS h");
	bool computes = false;
	for (size_t i = 0; i < node.aggregates.size(); i++) {
		const Aggregate &a = node.aggregates[i];
		for (size_t j = 0; j < a.arguments.size(); j++)
			if (argument(i, j) == value(i, j)) {
				out.push_back("(" + query::render(a.arguments[j].text, "x") + ")::" + pg::type_name(a.arguments[j].type.type) + " AS " + value(i, j));
				computes = computes || a.arguments[j].plain < 0;
			}
		if (a.filter)
			out.push_back("(" + query::render(a.filter->text, "x") + ") AS " + number("f", i));
	}
	out.push_back("x.w");
	// What is computed is computed once, not in each of the sums and conditions that read it.  '0' and not 0, which is an int4
	// that is yet to be cast: to the planner that may be any OFFSET, and not to be done in parallel.
	return "SELECT " + pg::join(out, ", ") + " FROM (" + from + ") x" + (computes ? " OFFSET '0'" : "");
}

std::vector<Column> Grouping::input_columns() const
{
	std::vector<Column> out;
	for (size_t i = 0; i < node.keys.size(); i++)
		out.push_back(named(node.columns[i], number("k", i)));
	if (hashed())
		out.push_back(int8_column("h"));
	for (size_t i = 0; i < node.aggregates.size(); i++) {
		const Aggregate &a = node.aggregates[i];
		for (size_t j = 0; j < a.arguments.size(); j++)
			if (argument(i, j) == value(i, j))
				out.push_back(named(a.arguments[j].type, value(i, j)));
		if (a.filter)
			out.push_back({number("f", i), BOOLOID, -1, 0, false});
	}
	out.push_back(int8_column("w"));
	return out;
}

std::string Grouping::grouped(const std::string &from, const std::vector<std::string> &more) const
{
	std::vector<std::string> out, by;
	if (hashed())
		out.push_back(global() ? "0::int8 AS h" : "i.h");
	if (hashed() && !global())
		by.push_back("i.h");
	for (size_t i = 0; i < node.keys.size(); i++) {
		out.push_back("i." + number("k", i));
		by.push_back("i." + number("k", i));
	}
	out.push_back("COALESCE(sum(i.w), 0)::int8 AS n");
	for (const Accumulator &a : accumulators)
		out.push_back(a.change + " AS " + a.name);
	for (size_t i = 0; i < node.aggregates.size(); i++)
		if (extreme(i)) {
			std::string best = query::render(node.aggregates[i].call, [&](int) { return "i." + argument(i, 0); });
			out.push_back(best + " FILTER (WHERE " + counted_rows(node.aggregates[i], i, "i.w > 0") + ") AS " + number("e", i));
			out.push_back(best + " FILTER (WHERE " + counted_rows(node.aggregates[i], i, "i.w < 0") + ") AS " + number("r", i));
		}
	out.insert(out.end(), more.begin(), more.end());
	return "SELECT " + pg::join(out, ", ") + " FROM (" + from + ") i" +
	       (global() ? "" : " GROUP BY " + pg::join(by, ", "));
}

std::vector<Column> Grouping::key_types() const
{
	return {node.columns.begin(), node.columns.begin() + node.keys.size()};
}

std::vector<std::string> Grouping::key_names() const
{
	std::vector<std::string> out;
	for (size_t i = 0; i < node.keys.size(); i++)
		out.push_back(number("k", i));
	return out;
}

std::string Grouping::same_group(const std::string &a, const std::string &b) const
{
	std::vector<std::string> out;
	for (size_t i = 0; i < node.keys.size(); i++) {
		auto same = hashed() ? pg::not_distinct : pg::equal;
		out.push_back(same(node.columns[i].type, a + "." + number("k", i), b + "." + number("k", i)));
	}
	return hashed() ? a + ".h = " + b + ".h" + (global() ? "" : " AND " + recheck(out)) : and_all(out);
}

std::string Grouping::shown(int i, const std::string &alias) const
{
	const Aggregate &a = node.aggregates[i];
	std::string at = alias.empty() ? "" : alias + ".", name = number("a", i);
	switch (a.law) {
	case Law::count_rows: return at + "n";
	case Law::count:
	case Law::count_distinct: return at + name;
	case Law::recompute: return at + number("m", i);
	case Law::exact_sum:
		if (a.exact != Aggregate::Exact::value)
			return at + name;
		return "CASE WHEN " + at + name + "_n > 0 THEN pgtrickle._exact_value(" + at + name + ") END";
	default: break;
	}
	std::string type = "::" + pg::type_name(a.type.type);
	std::string sum = "CASE WHEN " + at + name + "_n = 0 THEN NULL";
	if (a.arguments[0].type.type == NUMERICOID && !a.finite)
		sum += " WHEN " + at + name + "_x > 0 OR (" + at + name + "_y > 0 AND " + at + name + "_z > 0) THEN 'NaN'::numeric" +
		       " WHEN " + at + name + "_y > 0 THEN 'Infinity'::numeric WHEN " + at + name +
		       "_z > 0 THEN '-Infinity'::numeric";
	return "(" + sum + " ELSE " + at + name + " END)" + type;
}

std::string Grouping::defined(const std::string &from) const
{
	std::vector<std::string> out, found;
	for (size_t k = 0; k < node.keys.size(); k++)
		out.push_back("f." + number("k", k) + " AS " + number("c", k));
	for (size_t i = 0; i < node.aggregates.size(); i++) {
		const Aggregate &a = node.aggregates[i];
		std::string value = shown(i, "f");
		if (a.law == Law::recompute || a.law == Law::count_distinct) {
			value = "f." + number("m", i);
			found.push_back(query::render(a.call, [&](int column) {
				                return column < Aggregate::first_key ? "i." + argument(i, column) : "i." + number("k", column - Aggregate::first_key);
			                }) + " FILTER (WHERE " + counted_rows(a, i) + ") AS " + number("m", i));
		}
		out.push_back(value + " AS " + number("c", node.keys.size() + i));
	}
	std::string copies = "SELECT x.*, 1::int8 AS w FROM (SELECT " + columns_of("y", node.inputs[0]->width()) + (node.inputs[0]->width() ? ", " : "") + "y.w AS copies FROM (" + from +
	                     ") y) x, generate_series(1, x.copies)";
	return "SELECT " + pg::join(out, ", ") + (out.empty() ? "" : ", ") + "1::int8 AS w FROM (" + grouped(input(copies), found) + ") f" + (global() ? "" : " WHERE f.n > 0");
}

std::string Grouping::recomputed(int i, const std::string &group) const
{
	const Aggregate &a = node.aggregates[i];
	const Values &v = values[values_of.at(i)];
	std::string call = query::render(a.call, [&](int column) {
		return column < Aggregate::first_key ? "t." + number("v", column) : group + "." + number("k", column - Aggregate::first_key);
	});
	std::string copies = v.table + " t" + (a.ignores_copies ? "" : ", generate_series(1, t.n)") + " WHERE t.g = " + group + ".g";
	if (a.most_frequent && in_order(i))
		return "(SELECT t.v1 FROM " + v.table + " t WHERE t.g = " + group + ".g ORDER BY " + by_number(a) + " LIMIT 1)";
	if (!a.by_order)
		return "(SELECT " + call + " FROM " + copies + ")";
	std::vector<std::string> order;
	for (size_t j = 0; j < v.types.size(); j++) {
		std::string value = "t." + number("v", j);
		if (pg::has_order(v.types[j].type))
			order.push_back(value);
		if (v.image[j])
			order.push_back(value + "::text");
	}
	return "(SELECT " + call + " FROM (SELECT t.* FROM " + copies + (order.empty() ? "" : " ORDER BY " + pg::join(order, ", ")) + ") t)";
}

bool Grouping::extreme(int i) const
{
	const Aggregate &a = node.aggregates[i];
	return a.law == Law::recompute && a.wants_order && of_one_row_;
}

bool Grouping::any_extreme() const
{
	for (size_t i = 0; i < node.aggregates.size(); i++)
		if (extreme(i))
			return true;
	return false;
}

bool Grouping::in_order(int i) const
{
	const Values &v = values[values_of.at(i)];
	return !v.hashed || (v.ordered && !wide);
}

bool Grouping::is_placed(int i) const
{
	return node.aggregates[i].quantile && in_order(i);
}

std::string Grouping::new_extreme(int i, const std::string &content) const
{
	const Aggregate &a = node.aggregates[i];
	const char *better = a.greatest ? "GREATEST(" : "LEAST(";
	std::string kept = "s." + number("m", i), came = "u." + number("e", i), went = "u." + number("r", i);
	std::vector<std::string> where;
	for (size_t k = 0; k < node.keys.size(); k++) {
		const Expression &key = node.keys[k];
		auto same = node.columns[k].not_null ? pg::equal : pg::not_distinct;
		where.push_back(same(key.type.type, query::render(key.text, "x"), "u." + number("k", k)));
	}
	if (a.filter)
		where.push_back(query::render(a.filter->text, "x"));
	std::string looked_up = "(SELECT " + query::render(a.call, [&](int) { return query::render(a.arguments[0].text, "x"); }) +
	                        " FROM (" + content + ") x WHERE " + and_all(where) + ")";
	return "CASE WHEN " + went + " IS NOT NULL AND " + pg::equal(a.type.type, better + went + ", " + kept + ")", went) +
	       " THEN " + looked_up + " ELSE " + better + kept + ", " + came + ") END AS " + number("m", i);
}

std::string Grouping::counted_rows(const Aggregate &a, int i, const std::string &more) const
{
	std::vector<std::string> out;
	for (int j = 0; j < a.checked; j++)
		out.push_back("i." + argument(i, j) + " IS DISTINCT FROM NULL");
	if (a.filter)
		out.push_back("i." + number("f", i));
	if (!more.empty())
		out.push_back(more);
	return out.empty() ? "true" : pg::join(out, " AND ");
}

void Grouping::count(const std::string &name, const std::string &where)
{
	accumulators.push_back({name, "int8", "COALESCE(sum(i.w) FILTER (WHERE " + where + "), 0)::int8"});
}

void Grouping::add(const Aggregate &a, int i, const std::string &values_prefix)
{
	std::string name = number("a", i);
	switch (a.law) {
	case Law::count_rows:
		return;
	case Law::count:
		return count(name, counted_rows(a, i));
	case Law::sum:
	case Law::average:
		return add_sum(a, i);
	case Law::exact_sum:
		return add_exact_sum(a, i);
	case Law::count_distinct:
		accumulators.push_back({name, "int8", "0::int8"});
		add_values(a, i, values_prefix);
		return;
	case Law::recompute:
		if (extreme(i))
			return;
		add_values(a, i, values_prefix);
		return add_order(a, i);
	}
}

void Grouping::add_sum(const Aggregate &a, int i)
{
	std::string name = number("a", i), v = "i." + argument(i, 0), finite;
	bool numeric = a.arguments[0].type.type == NUMERICOID, special = numeric && !a.finite;
	if (special)
		finite = v + " > '-Infinity'::numeric AND " + v + " < 'Infinity'::numeric";    // NaN is greater
	// Most weights are 1 or -1, and a product of numerics costs more than adding it up.
	std::string weighted = numeric ? "CASE i.w WHEN 1 THEN " + v + " WHEN -1 THEN - " + v + " ELSE " + v + " * i.w END" : v + "::int8 * i.w";
	accumulators.push_back({name, "numeric",
	                         "COALESCE(sum(" + weighted + ") FILTER (WHERE " +
	                             counted_rows(a, i, finite) + "), 0)"});
	count(name + "_n", counted_rows(a, i));
	if (!special)
		return;
	count(name + "_x", counted_rows(a, i, v + " = 'NaN'::numeric"));
	count(name + "_y", counted_rows(a, i, v + " = 'Infinity'::numeric"));
	count(name + "_z", counted_rows(a, i, v + " = '-Infinity'::numeric"));
}

void Grouping::add_exact_sum(const Aggregate &a, int i)
{
	std::string name = number("a", i);
	std::string sum = a.exact == Aggregate::Exact::products ? "_exact_products(i." + argument(i, 0) + ", i." + argument(i, 1) : "_exact_sum(i." + argument(i, 0);
	accumulators.push_back({name, "bytea", "COALESCE(pgtrickle." + sum + ", i.w) FILTER (WHERE " + counted_rows(a, i) + "), ''::bytea)"});
	if (a.exact == Aggregate::Exact::value)
		count(name + "_n", counted_rows(a, i));
}

void Grouping::add_values(const Aggregate &a, int i, const std::string &prefix)
{
	Values v;
	for (const Expression &argument : a.arguments)
		v.signature += argument.text + ", ";
	v.signature += a.filter ? "FILTER " + a.filter->text : "";
	v.signature += " " + std::to_string(a.checked);
	bool varies = false;
	for (const Expression &argument : a.arguments) {
		v.image.push_back(!pg::has_equality(argument.type.type) || (a.by_image && pg::varies_when_equal(argument.type.type)));
		varies = varies || v.image.back();
	}
	v.signature += varies ? " by image" : "";
	auto found = std::find_if(values.begin(), values.end(),
	                          [&](const Values &other) { return other.signature == v.signature; });
	if (found == values.end()) {
		std::string suffix = "_" + std::to_string(values.size() + 1);
		v.table = prefix + suffix;
		v.name = "z_v" + std::to_string(node.id) + suffix;
		v.filter = counted_rows(a, i);
		v.hashed = false;
		for (size_t j = 0; j < a.arguments.size(); j++) {
			v.inputs.push_back("i." + argument(i, j));
			v.types.push_back(a.arguments[j].type);
			const Column &type = a.arguments[j].type;
			bool small = pg::is_fixed(type.type) || (!wide && type.type == NUMERICOID);
			bool present = int(j) < a.checked || type.not_null;
			v.hashed = v.hashed || !(small && present && pg::has_order(type.type));
		}
		found = values.insert(values.end(), std::move(v));
	}
	found->ordered = found->ordered || a.wants_order;
	values_of[i] = found - values.begin();
}

void Grouping::add_order(const Aggregate &a, int i)
{
	Values &v = values[values_of.at(i)];
	v.ordered = v.ordered || a.quantile || a.most_frequent;
	if (is_placed(i)) {
		v.placed = true;
		count(number("a", i), counted_rows(a, i));
	}
	if (a.most_frequent && in_order(i) && std::find(v.orders.begin(), v.orders.end(), by_number(a)) == v.orders.end())
		v.orders.push_back(by_number(a));
}

}  // namespace delta
