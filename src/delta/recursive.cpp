// Recursion: R = B ∪ T(R), T linear in R.
//
// With R[0] = B and R[d + 1] = T(R[d]), d the depth of a row, and T' the change of T by its other tables,
// over their new state and the old rows of R:
//
//   ΔR[0] = ΔB          ΔR[d + 1] = T(ΔR[d]) + T'(R[d])
//
// T'(R), the second part for all depths, is computed once and waits for its depth.  Depths are taken in ascending order,
// and what cancels at one goes no further.  So this ends where the recursion itself does, before and after the
// change, also when an edge goes and another comes at once: a cycle that nothing leads to any more feeds itself
// only as long as old rows last.
//
// UNION ALL   R is all R[d].  State: every row with its depth and number n.
//
// UNION       A row is in R once; the depth it is at must be that of one of its derivations, and need not be the
//             least.  State: every row with the depth and number n of its derivations, which come from rows of R at a
//             depth less by one; own marks the depth the row itself is at.  At depth d, when all below it is settled, a row
//               stays at its depth   while it has a derivation at that one or below
//               is lost              otherwise; if it has derivations at greater depths it is looked at again there
//               comes                when it is nowhere and has a derivation here
//             A row supported only by itself, through a cycle, has no derivation left when its turn comes.  A new
//             way to a row that is there already changes a number and goes no further.
#include "compile.h"

#include "pg/sql.hpp"

#include <algorithm>

namespace delta {

using query::Kind;

namespace {

std::string c(int column)
{
	return "c" + std::to_string(column + 1);
}

// Rows x, each once.  exactly: from equal rows that look different different ones may follow.
Alike once(const Operator &whole, bool exactly)
{
	return alike("x", numbered_columns(whole), exactly);
}

std::string hash(const Operator &whole, const std::string &alias)
{
	std::vector<std::string> values;
	for (int i = 0; i < whole.width(); i++)
		values.push_back(alias + "." + c(i));
	return hash_of(values, whole.columns);
}

std::string same_row(const Operator &whole, const std::string &a, const std::string &b)
{
	std::vector<std::string> out;
	for (int i = 0; i < whole.width(); i++) {
		std::string left = a + "." + c(i), right = b + "." + c(i);
		out.push_back((whole.recursion->all ? exactly_same : same)(whole.columns[i], left, right));
	}
	return a + ".h = " + b + ".h AND " + recheck(out);
}

// c1…, depth l, w of one side of the UNION.
std::string side(const Operator &whole, const std::string &sql, const std::string &depth)
{
	std::vector<std::string> out;
	for (int i = 0; i < whole.width(); i++)
		out.push_back("(x." + c(i) + ")::" + pg::type_name(whole.columns[i].type, whole.columns[i].typmod) + collation(whole.columns[i]) + " AS " + c(i));
	return "SELECT " + pg::join(out, ", ") + ", " + depth + " AS l, x.w FROM (" + sql + ") x";
}

std::string deeper(const Operator &whole)
{
	return "x." + c(whole.inputs[1]->depth) + " + 1";
}

std::string self_from(const Operator &whole, const std::string &relation, const std::string &weight)
{
	return "SELECT " + columns_of("b", whole.width()) + ", b.l::int8 AS " + c(whole.width()) + ", " + weight + " AS w FROM " + relation + " b";
}

std::vector<Column> with_depth(const Operator &whole, std::vector<Column> more)
{
	std::vector<Column> out = delta_columns(whole);
	out.back() = int8_column("l");
	out.insert(out.end(), more.begin(), more.end());
	return out;
}

std::string name_of(const char *prefix, const Operator &whole)
{
	return prefix + std::to_string(whole.id);
}

std::string returned(const Operator &whole)
{
	std::vector<std::string> out;
	for (int i = 0; i < whole.width(); i++)
		out.push_back("COALESCE(new." + c(i) + ", old." + c(i) + ") AS " + c(i));
	return pg::join(out, ", ");
}

std::string c_list(const Operator &whole)
{
	std::vector<std::string> out;
	for (int i = 0; i < whole.width(); i++)
		out.push_back(c(i));
	return pg::join(out, ", ");
}

}  // namespace

std::string Compiler::through(const Operator &node, const std::string &self, bool bulk)
{
	if (node.kind == Kind::self)
		return self;
	int on = 0;
	while (node.inputs[on]->depth < 0)
		on++;
	std::string input = through(*node.inputs[on], self, bulk);
	switch (node.kind) {
	case Kind::filter: return filter_over(node, input);
	case Kind::project: return project_over(node, input);
	case Kind::function: return function_over(node, input);
	case Kind::left_join: return left_over(node, input, bulk);
	case Kind::semi_join:
	case Kind::anti_join: return semi_over(node, input, bulk);
	default: return join_over(node, on, input, bulk);
	}
}

State Compiler::recursive_state(const Operator &whole)
{
	bool all = whole.recursion->all;
	std::string table = rows_table(whole, "r");
	std::vector<std::string> definitions{"h int8 NOT NULL"};
	for (int i = 0; i < whole.width(); i++)
		definitions.push_back(c(i) + " " + pg::type_name(whole.columns[i].type, whole.columns[i].typmod) + collation(whole.columns[i]));
	definitions.push_back("l int8 NOT NULL");
	definitions.push_back("n int8 NOT NULL");
	if (!all)
		definitions.push_back("own bool NOT NULL");
	State state{whole.id, "rows", table, {}, {}, {}, {}, true, {}};
	state.create = {"CREATE TABLE " + table + " (" + pg::join(definitions, ", ") + ") WITH (fillfactor = 90)"};
	state.index = {"CREATE INDEX ON " + table + " (h)"};

	std::string base = current(*whole.inputs[0], {}, true);
	auto term = [&](const std::string &weight) { return side(whole, through(*whole.inputs[1], self_from(whole, "z", weight), true), deeper(whole)); };
	auto counted = [&](const std::string &rows) {
		Alike row = once(whole, all);
		return "SELECT " + pg::join(row.shown, ", ") + ", x.l, sum(x.w)::int8 AS n FROM (" + rows + ") x GROUP BY " + pg::join(row.by, ", ") + ", x.l";
	};
	std::string begin = side(whole, base, "0::int8"), columns = columns_of("q", whole.width()), h = hash(whole, "q");
	// A row's depth does not count when UNION looks whether it is there: the least is kept.
	std::string cte = all ? "WITH RECURSIVE z AS (" + begin + " UNION ALL " + term("b.w") + ") "
	                      : "WITH RECURSIVE z AS (SELECT " + columns_of("y", whole.width()) + ", y.l::pgtrickle._depth AS l FROM (" + begin +
	                            ") y UNION SELECT " + columns_of("y", whole.width()) + ", y.l::pgtrickle._depth FROM (" + term("1::int8") + ") y) ";
	state.filled = {"h"};
	for (int i = 1; i <= whole.width(); i++)
		state.filled.push_back("c" + std::to_string(i));
	for (const char *name : {"l", "n"})
		state.filled.push_back(name);
	if (!all)
		state.filled.push_back("own");
	state.fill = "SELECT " + h + ", " + columns + ", q.l, q.n" +
	             (all ? "" : ", q.l = min(q.l) OVER (PARTITION BY " + columns + ")") + " FROM (" + cte +
	             counted(all ? "SELECT * FROM z" : begin + " UNION ALL " + term("1::int8")) + ") q";
	return state;
}

std::string Compiler::recursive_delta(Operator &whole)
{
	std::string result = name_of("z_d", whole), out = "SELECT " + columns_of("x", whole.width()) + ", x.w FROM " + result + " x";
	if (program_.ephemerals.contains(result))
		return out;
	define(result, delta_columns(whole));
	Operator &base = *whole.inputs[0], &term = *whole.inputs[1];
	Loop loop{name_of("z_p", whole), name_of("z_t", whole), name_of("z_e", whole), name_of("z_w", whole), name_of("z_a", whole), {}};
	for (const std::string &name : {loop.pending, loop.taken, loop.before, loop.now, loop.total})
		define(name, with_depth(whole, {int8_column("w")}));

	std::string begin = delta(base);
	step(whole.id, "change of what it begins with", {}, {side(whole, begin, "0::int8"), {}, {}, {}, loop.pending, false}).any = ephemerals_in(begin);
	if (changes(term)) {
		std::string moved = delta(term);
		step(whole.id, "what the rows come to by changes of other tables", {}, {side(whole, moved, deeper(whole)), {}, {}, {}, loop.pending, false}).any =
		    ephemerals_in(moved);
	}
	program_.states.push_back(recursive_state(whole));
	for (const std::set<int> &probe : probes_[whole.id])
		index_for_probe(whole, probe, "c");

	size_t first = program_.steps.size();
	int number = program_.loops.size();
	program_.loops.push_back(loop);
	auto arrived = [&](bool bulk) {
		return "(SELECT * FROM " + loop.taken + " UNION ALL " + side(whole, through(term, self_from(whole, loop.before, "b.w"), bulk), deeper(whole)) + ") x";
	};
	if (whole.recursion->all)
		pursue_all(whole, arrived(false), arrived(true));
	else
		pursue_once(whole, arrived(false), arrived(true));
	for (size_t i = first; i < program_.steps.size(); i++)
		program_.steps[i].loop = number;

	if (whole.recursion->all) {
		std::string table = rows_table(whole, "r");
		Statement merge;
		merge.sql = "MERGE INTO " + table + " s USING (SELECT " + hash(whole, "x") + " AS h, x.* FROM " + loop.total + " x ORDER BY 1) u ON s.l = u.l AND " +
		            same_row(whole, "s", "u") +
		            " WHEN MATCHED AND s.n + u.w = 0 THEN DELETE WHEN MATCHED THEN UPDATE SET n = s.n + u.w WHEN NOT MATCHED THEN INSERT (h, " +
		            c_list(whole) + ", l, n) VALUES (u.h, " + columns_of("u", whole.width()) + ", u.l, u.w)";
		merge.modifies = true;
		step(whole.id, "rows by depth", {loop.total}, merge);
	}
	Alike row = once(whole, whole.recursion->all);
	step(whole.id, "change of the recursion", {loop.total},
	     {"SELECT " + pg::join(row.shown, ", ") + ", sum(x.w)::int8 AS w FROM " + loop.total + " x GROUP BY " + pg::join(row.by, ", ") +
	          " HAVING sum(x.w) <> 0",
	      {}, {}, {}, result, false});
	return out;
}

// A round of UNION ALL: what arrives at this depth goes on as it is.
void Compiler::pursue_all(const Operator &whole, const std::string &few, const std::string &many)
{
	Loop &loop = program_.loops.back();
	Alike row = once(whole, true);
	auto consolidated = [&](const std::string &arrived) {
		return "SELECT " + pg::join(row.shown, ", ") + ", x.l, sum(x.w)::int8 AS w FROM " + arrived + " GROUP BY " + pg::join(row.by, ", ") +
		       ", x.l HAVING sum(x.w) <> 0";
	};
	step(whole.id, "change at this depth", {}, {consolidated(few), consolidated(many), bases_of(*whole.inputs[1]), {}, loop.now, false}).any = {loop.taken, loop.before};
}

// A round of UNION: derivations of this depth, what they mean for their rows, and the rows that come and go.
void Compiler::pursue_once(const Operator &whole, const std::string &few, const std::string &many)
{
	Loop &loop = program_.loops.back();
	const std::string table = rows_table(whole, "r"), counted = name_of("z_k", whole), settled = name_of("z_f", whole);
	const std::string list = c_list(whole), h = hash(whole, "x"), x = columns_of("x", whole.width()), u = columns_of("u", whole.width());
	loop.emptied = {counted, settled};
	define(counted, with_depth(whole, {int8_column("h"), int8_column("old_n"), int8_column("new_n")}));
	define(settled, with_depth(whole, {int8_column("w"), int8_column("again")}));

	auto count = [&](const std::string &arrived) {
		return "MERGE INTO " + table + " s USING (SELECT " + h + " AS h, " + x + ", x.l, sum(x.w)::int8 AS w FROM " + arrived + " GROUP BY " + x +
		       ", x.l HAVING sum(x.w) <> 0 ORDER BY 1) u ON s.l = u.l AND " + same_row(whole, "s", "u") +
		       " WHEN MATCHED AND s.n + u.w = 0 AND NOT s.own THEN DELETE WHEN MATCHED THEN UPDATE SET n = s.n + u.w"
		       " WHEN NOT MATCHED THEN INSERT (h, " + list + ", l, n, own) VALUES (u.h, " + u + ", u.l, u.w, false) RETURNING " + returned(whole) +
		       ", u.l, u.h, COALESCE(old.n, 0)::int8 AS old_n, COALESCE(new.n, 0)::int8 AS new_n";
	};
	Statement derivations{count(few), count(many), bases_of(*whole.inputs[1]), {}, counted, true};
	step(whole.id, "derivations at this depth", {}, derivations).any = {loop.taken, loop.before};

	std::string looked_at = "SELECT DISTINCT z.* FROM (SELECT x.h, " + x + ", x.l FROM " + counted + " x WHERE (x.old_n > 0) <> (x.new_n > 0) UNION ALL SELECT " + h +
	                        ", " + x + ", x.l FROM " + loop.taken + " x WHERE x.w = 0) z";
	std::string known = "SELECT max(s.l) FILTER (WHERE s.own) AS own, COALESCE(bool_or(s.n > 0) FILTER (WHERE s.l <= k.l), false) AS supported, "
	                    "COALESCE(bool_or(s.n > 0) FILTER (WHERE s.l = k.l), false) AS derived, min(s.l) FILTER (WHERE s.l > k.l AND s.n > 0) AS next FROM " +
	                    table + " s WHERE " + same_row(whole, "s", "k");
	step(whole.id, "what becomes of their rows", {},
	     {"SELECT " + x + ", x.l, x.w, x.again FROM (SELECT k.*, CASE WHEN a.own = k.l AND NOT a.supported THEN -1 WHEN a.own IS NULL AND a.derived THEN 1 ELSE 0 END::int8 AS w, "
	      "CASE WHEN a.own = k.l AND NOT a.supported OR a.own IS NULL AND NOT a.derived THEN a.next WHEN a.own > k.l AND NOT a.derived THEN a.own END AS again FROM (" +
	          looked_at + ") k CROSS JOIN LATERAL (" + known + ") a) x WHERE x.w <> 0 OR x.again IS NOT NULL",
	      {}, {}, {}, settled, false})
	    .any = {counted, loop.taken};

	Statement own;
	own.sql = "MERGE INTO " + table + " s USING (SELECT " + h + " AS h, x.* FROM " + settled + " x WHERE x.w <> 0 ORDER BY 1) u ON s.l = u.l AND " + same_row(whole, "s", "u") +
	          " WHEN MATCHED AND u.w < 0 AND s.n = 0 THEN DELETE WHEN MATCHED THEN UPDATE SET own = u.w > 0 RETURNING " + returned(whole) + ", u.l, u.w";
	own.into = loop.now;
	own.modifies = true;
	step(whole.id, "rows that come and go at this depth", {settled}, own);
	step(whole.id, "rows to look at again at a greater depth", {settled},
	     {"SELECT " + x + ", x.again AS l, 0::int8 AS w FROM " + settled + " x WHERE x.again IS NOT NULL", {}, {}, {}, loop.pending, false});
}

std::string Compiler::recursive_current(const Operator &node, const std::set<int> &probe)
{
	const Operator &whole = *node.recursion->whole;
	index_for_probe(whole, probe, "c");
	bool all = whole.recursion->all;
	return "SELECT " + columns_of("s", whole.width()) + (node.kind == Kind::self ? ", s.l AS " + c(whole.width()) : "") + (all ? ", s.n AS w FROM " : ", 1::int8 AS w FROM ") +
	       rows_table(whole, "r") + " s" + (all ? "" : " WHERE s.own");
}

}  // namespace delta
