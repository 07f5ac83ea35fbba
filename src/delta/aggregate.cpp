// Aggregates, with or without GROUP BY.
//
// State: a row a group with its number of input rows n; a group is there while
// n > 0 (the global group always is).  Three laws keep the aggregates:
//   additive   count, sum (avg = sum / count): a stored number plus its change.
//              NaN and the infinities do not subtract, so a sum of numerics
//              counts them beside the sum of the finite values.
//   counted    count(DISTINCT x): the values of a group, each with its number of
//              rows; the count changes when a value's number leaves or reaches 0.
//   extreme    min, max of groups that belong to one row of a table (GROUP BY its primary
//              key): the value alone; when it goes, it is looked up in the group's rows,
//              which that row's key finds.
//   recomputed other min, max from the ordered values of the group; any other aggregate, and min, max
//              of values that do not fit an index row, from all its values.  Touched groups
//              only, never the source.
// The delta is the old row with -1 and the new one with +1 for touched groups
// whose row changed.
#include "compile.h"

#include "pg/sql.hpp"

extern "C" {
#include "catalog/pg_type.h"
}

#include <algorithm>

namespace delta {

using query::Aggregate;
using query::Law;

namespace {

// A number kept per group and how a delta changes it.
struct Accumulator {
	std::string name, type;
	std::string change;       // aggregate over the input rows i
};

// The values of an aggregate's arguments per group, each with its weight.
struct Values {
	std::string table, name;  // state table; ephemeral of its changes
	std::string filter;       // which input rows count
	std::vector<std::string> inputs;   // input columns
	std::vector<Column> types;
	bool ordered = false, hashed = false, counts = false;
	std::string signature;
};

std::string type_of(const Column &column)
{
	return pg::type_name(column.type, column.typmod) + collation(column);
}

std::string number(const std::string &prefix, int i)
{
	return prefix + std::to_string(i + 1);
}

// One aggregate operator on its way to SQL.
class Writer {
public:
	Writer(const Operator &node, const std::string &groups, const std::string &values_prefix, bool wide)
	    : wide_(wide), node_(node), groups_(groups), of_one_row_(!query::keys_of_one_row(node).empty())
	{
		for (size_t i = 0; i < node.aggregates.size(); i++)
			add(node.aggregates[i], i, values_prefix);
	}

	bool global() const { return node_.keys.empty(); }

	// Groups are found by their keys if those are small and never NULL, else by a hash of them.
	bool hashed() const
	{
		return global() || !std::all_of(node_.columns.begin(), node_.columns.begin() + node_.keys.size(), [](const Column &key) {
			return key.not_null && pg::is_fixed(key.type) && pg::has_order(key.type);
		});
	}

	// k1…, h, v1_1…, f1…, w over the input's rows.
	std::string input(const std::string &from) const
	{
		std::vector<std::string> out, keys;
		for (size_t i = 0; i < node_.keys.size(); i++) {
			std::string key = "(" + query::render(node_.keys[i].text, "x") + ")::" + pg::type_name(node_.keys[i].type.type);
			keys.push_back(key);
			out.push_back(key + " AS " + number("k", i));
		}
		if (hashed())
			out.push_back(hash_of(keys) + " AS h");
		for (size_t i = 0; i < node_.aggregates.size(); i++) {
			const Aggregate &a = node_.aggregates[i];
			for (size_t j = 0; j < a.arguments.size(); j++)
				out.push_back("(" + query::render(a.arguments[j].text, "x") + ")::" +
				              pg::type_name(a.arguments[j].type.type) + " AS " + value(i, j));
			if (a.filter)
				out.push_back("(" + query::render(a.filter->text, "x") + ") AS " + number("f", i));
		}
		return "SELECT " + pg::join(out, ", ") + ", x.w FROM (" + from + ") x";
	}

	std::vector<Column> input_columns() const
	{
		std::vector<Column> out;
		for (size_t i = 0; i < node_.keys.size(); i++)
			out.push_back(named(node_.columns[i], number("k", i)));
		if (hashed())
			out.push_back(int8_column("h"));
		for (size_t i = 0; i < node_.aggregates.size(); i++) {
			const Aggregate &a = node_.aggregates[i];
			for (size_t j = 0; j < a.arguments.size(); j++)
				out.push_back(named(a.arguments[j].type, value(i, j)));
			if (a.filter)
				out.push_back({number("f", i), BOOLOID, -1, 0, false});
		}
		out.push_back(int8_column("w"));
		return out;
	}

	// h, k1…, n, accumulators: one row a touched group.
	std::string grouped(const std::string &from) const
	{
		std::vector<std::string> out, by;
		if (hashed())
			out.push_back(global() ? "0::int8 AS h" : "i.h");
		if (hashed() && !global())
			by.push_back("i.h");
		for (size_t i = 0; i < node_.keys.size(); i++) {
			out.push_back("i." + number("k", i));
			by.push_back("i." + number("k", i));
		}
		out.push_back("COALESCE(sum(i.w), 0)::int8 AS n");
		for (const Accumulator &a : accumulators_)
			out.push_back(a.change + " AS " + a.name);
		for (size_t i = 0; i < node_.aggregates.size(); i++)
			if (extreme(i)) {
				std::string best = query::render(node_.aggregates[i].call, [&](int) { return "i." + value(i, 0); });
				out.push_back(best + " FILTER (WHERE " + counted_rows(node_.aggregates[i], i, "i.w > 0") + ") AS " + number("e", i));
				out.push_back(best + " FILTER (WHERE " + counted_rows(node_.aggregates[i], i, "i.w < 0") + ") AS " + number("r", i));
			}
		return "SELECT " + pg::join(out, ", ") + " FROM (" + from + ") i" +
		       (global() ? "" : " GROUP BY " + pg::join(by, ", "));
	}

	std::vector<std::string> key_names() const
	{
		std::vector<std::string> out;
		for (size_t i = 0; i < node_.keys.size(); i++)
			out.push_back(number("k", i));
		return out;
	}

	std::string same_group(const std::string &a, const std::string &b) const
	{
		std::vector<std::string> out;
		for (size_t i = 0; i < node_.keys.size(); i++) {
			auto same = hashed() ? pg::not_distinct : pg::equal;
			out.push_back(same(node_.columns[i].type, a + "." + number("k", i), b + "." + number("k", i)));
		}
		return hashed() ? a + ".h = " + b + ".h" + (global() ? "" : " AND " + recheck(out)) : and_all(out);
	}

	// What the aggregate's column shows, from the row of the group called alias.
	std::string shown(int i, const std::string &alias) const
	{
		const Aggregate &a = node_.aggregates[i];
		std::string at = alias + ".", name = number("a", i);
		switch (a.law) {
		case Law::count_rows: return at + "n";
		case Law::count:
		case Law::count_distinct: return at + name;
		case Law::recompute: return at + number("m", i);
		default: break;
		}
		std::string type = "::" + pg::type_name(a.type.type);
		std::string sum = "CASE WHEN " + at + name + "_n = 0 THEN NULL";
		if (a.arguments[0].type.type == NUMERICOID)
			sum += " WHEN " + at + name + "_x > 0 OR (" + at + name + "_y > 0 AND " + at + name + "_z > 0) THEN 'NaN'::numeric" +
			       " WHEN " + at + name + "_y > 0 THEN 'Infinity'::numeric WHEN " + at + name +
			       "_z > 0 THEN '-Infinity'::numeric";
		return "(" + sum + " ELSE " + at + name + " END)" + type;
	}

	// The recomputed value of group g from its values.
	std::string recomputed(int i, const std::string &group) const
	{
		const Aggregate &a = node_.aggregates[i];
		const Values &v = values_[values_of_.at(i)];
		std::string call = query::render(a.call, [](int column) { return "t." + number("v", column); });
		return "(SELECT " + call + " FROM " + v.table + " t" +
		       (a.ignores_copies ? "" : ", generate_series(1, t.n)") + " WHERE t.g = " + group + ")";
	}

	bool extreme(int i) const
	{
		const Aggregate &a = node_.aggregates[i];
		return a.law == Law::recompute && a.wants_order && of_one_row_;
	}

	bool any_extreme() const
	{
		for (size_t i = 0; i < node_.aggregates.size(); i++)
			if (extreme(i))
				return true;
		return false;
	}

	// The extreme of group u: kept, beaten by one that came, or, when it went itself, looked up.
	std::string new_extreme(int i, const std::string &content) const
	{
		const Aggregate &a = node_.aggregates[i];
		const char *better = a.greatest ? "GREATEST(" : "LEAST(";
		std::string kept = "s." + number("m", i), came = "u." + number("e", i), went = "u." + number("r", i);
		std::vector<std::string> where;
		for (size_t k = 0; k < node_.keys.size(); k++) {
			const Expression &key = node_.keys[k];
			auto same = node_.columns[k].not_null ? pg::equal : pg::not_distinct;
			where.push_back(same(key.type.type, query::render(key.text, "x"), "u." + number("k", k)));
		}
		if (a.filter)
			where.push_back(query::render(a.filter->text, "x"));
		std::string looked_up = "(SELECT " + query::render(a.call, [&](int) { return query::render(a.arguments[0].text, "x"); }) +
		                        " FROM (" + content + ") x WHERE " + and_all(where) + ")";
		return "CASE WHEN " + went + " IS NOT NULL AND " + pg::equal(a.type.type, better + went + ", " + kept + ")", went) +
		       " THEN " + looked_up + " ELSE " + better + kept + ", " + came + ") END AS " + number("m", i);
	}

	const bool wide_;
	const Operator &node_;
	std::string groups_;
	bool of_one_row_;
	std::vector<Accumulator> accumulators_;
	std::vector<Values> values_;
	std::map<int, int> values_of_;      // aggregate → values_

private:
	static Column named(Column column, const std::string &name)
	{
		column.name = name;
		return column;
	}

	static std::string value(int aggregate, int argument)
	{
		return "v" + std::to_string(aggregate + 1) + "_" + std::to_string(argument + 1);
	}

	std::string counted_rows(const Aggregate &a, int i, const std::string &more = {}) const
	{
		std::vector<std::string> out;
		for (size_t j = 0; j < a.arguments.size(); j++)
			out.push_back("i." + value(i, j) + " IS NOT NULL");
		if (a.filter)
			out.push_back("i." + number("f", i));
		if (!more.empty())
			out.push_back(more);
		return out.empty() ? "true" : pg::join(out, " AND ");
	}

	void count(const std::string &name, const std::string &where)
	{
		accumulators_.push_back({name, "int8", "COALESCE(sum(i.w) FILTER (WHERE " + where + "), 0)::int8"});
	}

	void add(const Aggregate &a, int i, const std::string &values_prefix)
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
		case Law::count_distinct:
			accumulators_.push_back({name, "int8", "0::int8"});
			add_values(a, i, values_prefix);
			return;
		case Law::recompute:
			if (!extreme(i))
				add_values(a, i, values_prefix);
			return;
		}
	}

	void add_sum(const Aggregate &a, int i)
	{
		std::string name = number("a", i), v = "i." + value(i, 0), finite;
		bool numeric = a.arguments[0].type.type == NUMERICOID;
		if (numeric)
			finite = v + " NOT IN ('NaN'::numeric, 'Infinity'::numeric, '-Infinity'::numeric)";
		accumulators_.push_back({name, "numeric",
		                         "COALESCE(sum(" + v + (numeric ? "" : "::int8") + " * i.w) FILTER (WHERE " +
		                             counted_rows(a, i, finite) + "), 0)"});
		count(name + "_n", counted_rows(a, i));
		if (!numeric)
			return;
		count(name + "_x", counted_rows(a, i, v + " = 'NaN'::numeric"));
		count(name + "_y", counted_rows(a, i, v + " = 'Infinity'::numeric"));
		count(name + "_z", counted_rows(a, i, v + " = '-Infinity'::numeric"));
	}

	void add_values(const Aggregate &a, int i, const std::string &prefix)
	{
		Values v;
		for (const Expression &argument : a.arguments)
			v.signature += argument.text + ", ";
		v.signature += a.filter ? "FILTER " + a.filter->text : "";
		auto found = std::find_if(values_.begin(), values_.end(),
		                          [&](const Values &other) { return other.signature == v.signature; });
		if (found == values_.end()) {
			std::string suffix = "_" + std::to_string(values_.size() + 1);
			v.table = prefix + suffix;
			v.name = "z_v" + std::to_string(node_.id) + suffix;
			v.filter = counted_rows(a, i);
			v.hashed = false;
			for (size_t j = 0; j < a.arguments.size(); j++) {
				v.inputs.push_back("i." + value(i, j));
				v.types.push_back(a.arguments[j].type);
				v.hashed = v.hashed || !(pg::is_fixed(a.arguments[j].type.type) || (!wide_ && a.arguments[j].type.type == NUMERICOID));
			}
			found = values_.insert(values_.end(), std::move(v));
		}
		found->ordered = found->ordered || a.wants_order;
		found->counts = found->counts || a.law == Law::count_distinct;
		values_of_[i] = found - values_.begin();
	}
};

std::vector<std::string> prefixed(const std::string &prefix, const std::vector<std::string> &names)
{
	std::vector<std::string> out;
	for (const auto &name : names)
		out.push_back(prefix + name);
	return out;
}

std::vector<std::string> value_names(const Values &v)
{
	std::vector<std::string> out;
	for (size_t j = 0; j < v.types.size(); j++)
		out.push_back(number("v", j));
	return out;
}

// g, v1…, [h,] w of the touched values; groups gives g for the rows of from.
std::string value_changes(const Writer &w, const Values &v, const std::string &from, const std::string &groups)
{
	std::vector<std::string> out{"d.g"};
	for (size_t j = 0; j < v.inputs.size(); j++)
		out.push_back(v.inputs[j] + " AS " + number("v", j));
	if (v.hashed)
		out.push_back(hash_of(v.inputs) + " AS h");
	std::vector<std::string> by{"d.g"};
	by.insert(by.end(), v.inputs.begin(), v.inputs.end());
	return "SELECT " + pg::join(out, ", ") + ", sum(i.w)::int8 AS w FROM (" + from + ") i JOIN " + groups + " d ON " +
	       w.same_group("d", "i") + " WHERE " + v.filter + " GROUP BY " + pg::join(by, ", ") + " HAVING sum(i.w) <> 0";
}

State values_state(const Writer &w, const Values &v, const std::string &filled_from)
{
	std::vector<std::string> definitions{"g int8 NOT NULL"}, names{"g"};
	for (size_t j = 0; j < v.types.size(); j++) {
		definitions.push_back(number("v", j) + " " + type_of(v.types[j]));
		names.push_back(number("v", j));
	}
	if (v.hashed) {
		definitions.push_back("h int8 NOT NULL");
		names.push_back("h");
	}
	definitions.push_back("n int8 NOT NULL");
	names.push_back("n");
	State state{w.node_.id, "values", v.table, {}, {}, {}, {}};
	state.create = {"CREATE TABLE " + v.table + " (" + pg::join(definitions, ", ") + ") WITH (fillfactor = 90)"};
	state.fill = "INSERT INTO " + v.table + " (" + pg::join(names, ", ") + ") " +
	             value_changes(w, v, w.input(filled_from), w.groups_) + " ORDER BY 1, 2";
	if (v.hashed)
		state.index.push_back("CREATE INDEX ON " + v.table + " (g, h)");
	if (!v.hashed || (v.ordered && !w.wide_))
		state.index.push_back("CREATE INDEX ON " + v.table + " (g, " + pg::join(value_names(v), ", ") + ")");
	return state;
}

Statement merge_values(const Writer &w, const Values &v, const std::string &input, const std::string &groups)
{
	std::vector<std::string> names{"g"}, same;
	for (size_t j = 0; j < v.types.size(); j++) {
		names.push_back(number("v", j));
		same.push_back(pg::equal(v.types[j].type, "s." + number("v", j), "u." + number("v", j)));
	}
	std::string match = "s.g = u.g AND " + (v.hashed ? "s.h = u.h AND " + recheck(same) : and_all(same));
	if (v.hashed)
		names.push_back("h");
	Statement merge;
	merge.sql = "MERGE INTO " + v.table + " s USING (" + value_changes(w, v, "SELECT * FROM " + input, groups) +
	            " ORDER BY 1, 2) u ON " + match +
	            " WHEN MATCHED AND s.n + u.w = 0 THEN DELETE"
	            " WHEN MATCHED THEN UPDATE SET n = s.n + u.w"
	            " WHEN NOT MATCHED THEN INSERT (" + pg::join(names, ", ") + ", n) VALUES (" +
	            pg::join(prefixed("u.", names), ", ") +
	            ", u.w) RETURNING COALESCE(new.g, old.g) AS g, ((COALESCE(new.n, 0) > 0)::int4 - (COALESCE(old.n, 0) > 0)::int4)::int8 AS crossed";
	merge.into = v.name;
	merge.modifies = true;
	return merge;
}

}  // namespace

std::string Compiler::aggregate_delta(Operator &node)
{
	std::string from = delta(*node.inputs[0]);
	std::vector<std::string> changed = ephemerals_in(from);
	std::string groups = rows_table(node, "s");
	Writer w(node, groups, rows_table(node, "v"), wide_);
	bool with_values = !w.values_.empty();
	std::string id = std::to_string(node.id), inputs = "z_i" + id, touched = "z_g" + id, result = "z_r" + id;

	// ---- state ----
	std::vector<std::string> definitions, names, sums;
	std::string sequence = "pg_catalog.nextval('" + groups + "_g'::regclass)";
	if (with_values) {
		definitions.push_back("g int8 NOT NULL");
		names.push_back("g");
	}
	if (w.hashed()) {
		definitions.push_back("h int8 NOT NULL");
		names.push_back("h");
	}
	for (size_t i = 0; i < node.keys.size(); i++) {
		definitions.push_back(number("k", i) + " " + type_of(node.columns[i]));
		names.push_back(number("k", i));
	}
	definitions.push_back("n int8 NOT NULL");
	names.push_back("n");
	for (const Accumulator &a : w.accumulators_) {
		definitions.push_back(a.name + " " + a.type + " NOT NULL");
		names.push_back(a.name);
		sums.push_back(a.name + " = s." + a.name + " + u." + a.name);
	}
	std::vector<std::string> stored = names;       // without recomputed values
	std::vector<std::string> filled = prefixed("f.", stored), fill_names = stored;
	if (with_values)
		filled[0] = sequence;
	for (size_t i = 0; i < node.aggregates.size(); i++)
		if (w.extreme(i)) {
			fill_names.push_back(number("m", i));
			filled.push_back("f." + number("e", i));
		}
	for (size_t i = 0; i < node.aggregates.size(); i++)
		if (node.aggregates[i].law == Law::recompute) {
			definitions.push_back(number("m", i) + " " + type_of(node.aggregates[i].type));
			names.push_back(number("m", i));
			sums.push_back(number("m", i) + " = u." + number("m", i));
		}
	std::string content = current(*node.inputs[0], {}, true);
	State state{node.id, "groups", groups, {}, {}, {}, {}};
	if (with_values)
		state.create.push_back("CREATE SEQUENCE " + groups + "_g CACHE 32");
	state.create.push_back("CREATE TABLE " + groups + " (" + pg::join(definitions, ", ") + ") WITH (fillfactor = 50)");
	state.fill = "INSERT INTO " + groups + " (" + pg::join(fill_names, ", ") + ") SELECT " + pg::join(filled, ", ") +
	             " FROM (" + w.grouped(w.input(content)) + ") f" +
	             (w.global() ? "" : " WHERE f.n > 0");
	state.index = {"CREATE INDEX ON " + groups + " (" + (w.hashed() ? "h" : pg::join(w.key_names(), ", ")) + ")"};
	if (with_values)
		state.index.push_back("CREATE UNIQUE INDEX ON " + groups + " (g)");
	program_.states.push_back(state);
	std::vector<std::string> completed;
	for (const Values &v : w.values_) {
		program_.states.push_back(values_state(w, v, content));
	}
	for (auto [i, v] : w.values_of_)
		completed.push_back(node.aggregates[i].law == Law::recompute
		                        ? number("m", i) + " = " + w.recomputed(i, "s.g")
		                        : number("a", i) + " = (SELECT count(*) FROM " + w.values_[v].table + " t WHERE t.g = s.g)");
	if (!completed.empty())
		program_.states.back().finish.push_back("UPDATE " + groups + " s SET " + pg::join(completed, ", "));

	// ---- tick ----
	std::string changes = "SELECT * FROM (" + w.grouped(w.input(from)) + ") u";
	std::string match = w.same_group("s", "u");
	bool two_steps = with_values || w.any_extreme();
	if (two_steps) {
		define(inputs, w.input_columns());
		step(node.id, "input rows of the groups", {}, {w.input(from), {}, {}, {}, inputs, false}).any = changed;

		std::vector<Column> columns;
		if (with_values)
			columns.push_back(int8_column("g"));
		if (w.hashed())
			columns.push_back(int8_column("h"));
		for (size_t i = 0; i < node.keys.size(); i++) {
			columns.push_back(node.columns[i]);
			columns.back().name = number("k", i);
		}
		columns.push_back(int8_column("n"));
		for (const Accumulator &a : w.accumulators_)
			columns.push_back({a.name, Oid(a.type == "int8" ? INT8OID : NUMERICOID), -1, 0, true});
		std::vector<std::string> chosen = prefixed("u.", stored);
		if (with_values)
			chosen[0] = "COALESCE(s.g, " + sequence + ") AS g";
		if (w.any_extreme()) {
			std::set<int> probe;
			for (int column : query::keys_of_one_row(node))
				probe.insert(column);
			std::string rows = current(*node.inputs[0], probe, false);
			for (size_t i = 0; i < node.aggregates.size(); i++)
				if (w.extreme(i)) {
					chosen.push_back(w.new_extreme(i, rows));
					columns.push_back(node.aggregates[i].type);
					columns.back().name = number("m", i);
				}
		}
		define(touched, columns);
		step(node.id, "touched groups", {inputs},
		     {"SELECT " + pg::join(chosen, ", ") + " FROM (" + w.grouped("SELECT * FROM " + inputs) + ") u LEFT JOIN " + groups +
		          " s ON " + match,
		      {}, {}, {}, touched, false});

		std::vector<std::string> out = prefixed("d.", stored), joins;
		for (const Values &v : w.values_) {
			define(v.name, {int8_column("g"), int8_column("crossed")});
			step(node.id, "values of the touched groups", {inputs}, merge_values(w, v, inputs, touched));
		}
		for (size_t i = 0; i < node.aggregates.size(); i++)
			if (w.extreme(i))
				out.push_back("d." + number("m", i));
			else if (node.aggregates[i].law == Law::recompute)
				out.push_back(w.recomputed(i, "d.g") + " AS " + number("m", i));
		for (auto [i, v] : w.values_of_) {
			if (node.aggregates[i].law == Law::recompute)
				continue;
			auto column = std::find(out.begin(), out.end(), "d." + number("a", i));
			std::string alias = number("e", i);
			*column = "COALESCE(" + alias + ".crossed, 0)::int8 AS " + number("a", i);
			joins.push_back(" LEFT JOIN (SELECT e.g, sum(e.crossed)::int8 AS crossed FROM " + w.values_[v].name +
			                " e GROUP BY e.g) " + alias + " ON " + alias + ".g = d.g");
		}
		changes = "SELECT " + pg::join(out, ", ") + " FROM " + touched + " d" + pg::join(joins, "");
		if (with_values)
			match = "s.g = u.g";
	}

	std::vector<Column> before, after;
	std::vector<std::string> returning{"old.n AS old_n"}, shown_new{"new.n AS new_n"};
	before.push_back(int8_column("old_n"));
	after.push_back(int8_column("new_n"));
	for (int i = 0; i < node.width(); i++) {
		int keys = node.keys.size();
		auto shown = [&](const std::string &row) { return i < keys ? row + "." + number("k", i) : w.shown(i - keys, row); };
		Column column = node.columns[i];
		column.name = number("o", i);
		before.push_back(column);
		returning.push_back(shown("old") + " AS " + column.name);
		column.name = number("c", i);
		after.push_back(column);
		shown_new.push_back(shown("new") + " AS " + column.name);
	}
	before.insert(before.end(), after.begin(), after.end());
	returning.insert(returning.end(), shown_new.begin(), shown_new.end());
	define(result, before);
	Statement merge;
	merge.sql = "MERGE INTO " + groups + " s USING (" + changes + ") u ON " + match +
	            (w.global() ? "" : " WHEN MATCHED AND s.n + u.n = 0 THEN DELETE") +
	            " WHEN MATCHED THEN UPDATE SET n = s.n + u.n" + (sums.empty() ? "" : ", " + pg::join(sums, ", ")) +
	            " WHEN NOT MATCHED AND u.n > 0 THEN INSERT (" + pg::join(names, ", ") + ") VALUES (" +
	            pg::join(prefixed("u.", names), ", ") + ") RETURNING " + pg::join(returning, ", ");
	merge.into = result;
	merge.modifies = true;
	Step &last = step(node.id, "groups", two_steps ? std::vector{inputs} : std::vector<std::string>{}, merge);
	if (!two_steps)
		last.any = changed;

	std::vector<std::string> olds, news, old_as;
	for (int i = 0; i < node.width(); i++) {
		olds.push_back("x." + number("o", i));
		old_as.push_back(olds.back() + " AS " + number("c", i));
		news.push_back("x." + number("c", i));
	}
	std::string differs = "ROW(" + pg::join(olds, ", ") + ")::record OPERATOR(pg_catalog.*<>) ROW(" + pg::join(news, ", ") +
	                      ")::record";
	auto present = [&](const std::string &n) { return w.global() ? "x." + n + " IS NOT NULL" : "COALESCE(x." + n + ", 0) > 0"; };
	return "SELECT " + pg::join(old_as, ", ") + ", -1::int8 AS w FROM " + result + " x WHERE " + present("old_n") +
	       " AND (NOT (" + present("new_n") + ") OR " + differs + ") UNION ALL SELECT " + pg::join(news, ", ") +
	       ", 1::int8 AS w FROM " + result + " x WHERE " + present("new_n") + " AND (NOT (" + present("old_n") + ") OR " +
	       differs + ")";
}

std::string Compiler::aggregate_current(const Operator &node, const std::set<int> &probe, bool)
{
	std::set<int> keys;
	for (int column : probe)
		if (column < int(node.keys.size()))
			keys.insert(column);
	index_for_probe(node, keys, "k");
	Writer w(node, rows_table(node, "s"), rows_table(node, "v"), wide_);
	std::vector<std::string> out;
	for (int i = 0; i < node.width(); i++)
		out.push_back((i < int(node.keys.size()) ? "s." + number("k", i) : w.shown(i - node.keys.size(), "s")) + " AS " +
		              number("c", i));
	return "SELECT " + pg::join(out, ", ") + (out.empty() ? "" : ", ") + "1::int8 AS w FROM " + rows_table(node, "s") + " s" +
	       (node.keys.empty() ? "" : " WHERE s.n > 0");
}

}  // namespace delta
