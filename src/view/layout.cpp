#include "layout.h"

#include "apply/arrangement.h"
#include "apply/immediate.h"
#include "apply/target.h"
#include "apply/tick.h"
#include "define.h"
#include "pg/spi.hpp"
#include "pg/sql.hpp"

extern "C" {
#include "catalog/pg_authid.h"
#include "utils/inval.h"
}

#include <algorithm>

namespace view {

namespace {

using query::Expression;
using query::Operator;

std::string digest(const std::string &text)
{
	return *pg::value("SELECT md5($1)", {text});
}

std::string column_type(const query::Column &column)
{
	return std::to_string(column.type) + "/" + std::to_string(column.typmod) + "/" + std::to_string(column.collation) + " ";
}

// An operator by what it computes: tables and columns by number, so that a new name changes nothing.
void describe(const Operator &node, std::string &out)
{
	out += "\n" + std::to_string(node.id) + " " + query::name(node.kind) + (node.all ? " all " : " ") + std::to_string(node.relation) + ":";
	for (int attribute : node.attributes)
		out += " " + std::to_string(attribute);
	for (const auto &input : node.inputs)
		out += " of " + std::to_string(input->id);
	for (const auto &column : node.columns)
		out += " " + column_type(column);
	auto add = [&](const char *what, const std::vector<Expression> &expressions) {
		for (const Expression &e : expressions)
			out += std::string("\n ") + what + " " + e.text;
	};
	add("where", node.conditions);
	if (!node.relation_of.text.empty())
		add(node.padded ? "left relation" : "relation", {node.relation_of});
	add("column", node.expressions);
	add("key", node.keys);
	auto sort = [&](const std::vector<query::Sort> &order) {
		for (const auto &s : order)
			out += " " + std::to_string(s.column) + s.direction();
	};
	for (int column : node.partition)
		out += "\n partition " + std::to_string(column);
	for (const auto &w : node.windows) {
		out += "\n window";
		sort(w.order);
		out += " " + w.frame;
		for (const auto &f : w.functions)
			out += "\n  " + f.call;
	}
	if (node.kind == query::Kind::top) {
		out += "\n top " + (node.limit ? std::to_string(*node.limit) : "all") + " after " + std::to_string(node.offset_rows) + (node.with_ties ? " with ties" : "") +
		       (node.limit_column ? " limit " + std::to_string(*node.limit_column) : "") + (node.offset_column ? " offset " + std::to_string(*node.offset_column) : "");
		sort(node.order);
	}
	for (const auto &a : node.aggregates) {
		out += "\n aggregate " + a.call + (a.distinct ? " distinct" : "");
		add("argument", a.arguments);
		if (a.filter)
			add("filter", {*a.filter});
	}
}

std::string shape_of_state(const View &view)
{
	std::string out;
	query::walk(static_cast<const Operator &>(*view.tree), [&](const Operator &node) { describe(node, out); });
	for (const auto &state : view.program.states) {
		out += "\n" + pg::join(state.create, ";\n");
		out += "\n" + pg::join(state.index, ";\n");
	}
	return out;
}

// A recomputed stream table has no state; it may have other sources, or get a law.
std::string shape_of_sources(int id)
{
	return pg::query_latest("SELECT string_agg(concat_ws(' ', d.source, d.columns, c.relrowsecurity, c.relforcerowsecurity, EXISTS (SELECT FROM "
	                 "pg_catalog.pg_inherits i WHERE i.inhparent = c.oid AND c.relkind = 'r')), ', ' ORDER BY d.source) FROM pgtrickle._dependency d JOIN pg_catalog.pg_class c ON c.oid = d.source WHERE d.id = $1::int",
	                 {std::to_string(id)})[0][0]
	    .value_or("");
}

// True if it has another one: what he is shown may be others' rows.
bool follow_owner(int id)
{
	std::string text = std::to_string(id);
	pg::Rows moved = pg::query("SELECT quote_ident(r.rolname), v.oid::regclass FROM pgtrickle.stream_table t "
	                           "JOIN pg_catalog.pg_class c ON c.oid = t.relid JOIN pg_catalog.pg_class v ON v.oid = t.definition "
	                           "JOIN pg_catalog.pg_roles r ON r.oid = c.relowner WHERE t.id = $1::int AND v.relowner <> c.relowner",
	                           {text});
	if (moved.empty())
		return false;
	pg::execute("ALTER VIEW " + *moved[0][1] + " OWNER TO " + *moved[0][0]);
	return true;
}

// Why state must be made anew; nothing if it need not be.
std::optional<std::string> outdated(const View &view)
{
	auto row = pg::query_latest("SELECT layout, target, EXISTS (SELECT FROM pgtrickle.state s WHERE s.owner = t.id "
	                     "AND NOT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = s.relid)) "
	                     "FROM pgtrickle.stream_table t WHERE id = $1::int",
	                     {std::to_string(view.id)})[0];
	std::string built = row[0].value_or(""), wanted = layout_of(view);
	auto meaning = [](const std::string &layout) { return layout.substr(0, layout.find(' ')); };
	if (meaning(built) != meaning(wanted))
		return "a view or a function that its query uses was replaced";
	if (built != wanted || (row[1] && *row[1] != apply::target_shape(view)))
		return "keys, NOT NULL or types of what it reads have changed";
	if (row[2] == "t")
		return "a part of its state was dropped";
	return {};
}

// Only AUTO may choose again.
bool may_choose_mode(int id)
{
	return pg::value("SELECT 1 FROM pgtrickle.stream_table WHERE id = $1::int AND refresh_mode = 'AUTO' AND effective_mode = 'DIFFERENTIAL'",
	                 {std::to_string(id)})
	    .has_value();
}

bool uses_others(const View &view)
{
	if (view.lacks_arrangement)
		return true;
	std::vector<int> used;
	for (const auto &row : pg::query("SELECT arrangement FROM pgtrickle.uses WHERE view = $1::int ORDER BY 1", {std::to_string(view.id)}))
		used.push_back(std::stoi(*row[0]));
	return used != view.arrangements;
}

View &set_up_again(int id, const std::string &reason)
{
	set_up_anew(id);
	View &view = load(id);
	view.remade = reason;
	return view;
}

View &settle(int id)
{
	pg::Quiet quiet;
	bool moved = follow_owner(id);
	auto error = pg::attempt([&] { pg::with_spi([&] { load(id); }); });
	if (error && error->data()->sqlerrcode == ERRCODE_FEATURE_NOT_SUPPORTED && make_copies(id))
		error = pg::attempt([&] { pg::with_spi([&] { load(id); }); });
	if (error && (error->data()->sqlerrcode != ERRCODE_FEATURE_NOT_SUPPORTED || !may_choose_mode(id)))
		throw *error;
	if (error)
		return set_up_again(id, error->data()->message);
	View *view = &load(id);
	auto reason = moved ? std::optional<std::string>("it has another owner") : outdated(*view);
	if (view->immediate && (reason || uses_others(*view))) {    // its writers are at work on what is there
		apply::lock(id, apply::IfLocked::wait);
		pg::call(AcceptInvalidationMessages);
		view = &load(id);
		if (!moved)
			reason = outdated(*view);
	}
	if (reason)
		return set_up_again(id, *reason);
	if (!uses_others(*view))
		return *view;
	if (view->immediate)
		apply::unsettle(id, apply::unfollowed_part());
	exchange_arrangements(id);
	return load(id);
}

}  // namespace

View &ready(int id)
{
	pg::Identity superuser(BOOTSTRAP_SUPERUSERID);
	if (View *view = compiled(id); view != nullptr && view->ready)
		return *view;
	View &view = settle(id);
	view.ready = true;
	return view;
}

View *widen(int id)
{
	pg::Identity superuser(BOOTSTRAP_SUPERUSERID);
	pg::Quiet quiet;
	View &before = load(id);
	if (before.wide || before.tree == nullptr)
		return nullptr;
	if (before.immediate)
		apply::lock(id, apply::IfLocked::wait);
	pg::query("UPDATE pgtrickle.stream_table SET wide = true WHERE id = $1::int", {std::to_string(id)});
	forget(id);
	View &view = load(id);
	if (!outdated(view) && !uses_others(view))
		return nullptr;
	View &wide = set_up_again(id, "a value is too long for an index row: state is found by hashes from now on");
	wide.ready = true;
	return &wide;
}

std::string layout_of(const View &view)
{
	std::string shape = view.mode + " " + (view.tree != nullptr ? shape_of_state(view) : shape_of_sources(view.id));
	return dependencies_of(view.id).meaning + " " + digest(shape);
}

// Built-in functions and types are in no dependency, and do not change.
Dependencies dependencies_of(int id)
{
	pg::Rows rows = pg::query_latest(
	    "WITH RECURSIVE reached(class, object) AS (SELECT 'pg_catalog.pg_class'::regclass::oid, t.definition FROM pgtrickle.stream_table t "
	    "WHERE t.id = $1::int UNION SELECT d.refclassid, d.refobjid FROM reached r CROSS JOIN LATERAL (SELECT r.class, r.object UNION ALL "
	    "SELECT 'pg_catalog.pg_rewrite'::regclass, w.oid FROM pg_catalog.pg_rewrite w WHERE r.class = 'pg_catalog.pg_class'::regclass "
	    "AND w.ev_class = r.object UNION ALL SELECT 'pg_catalog.pg_policy'::regclass, p.oid FROM pg_catalog.pg_policy p "
	    "WHERE r.class = 'pg_catalog.pg_class'::regclass AND p.polrelid = r.object) o(class, object) JOIN pg_catalog.pg_depend d ON d.classid = o.class AND d.objid = o.object "
	    "AND d.deptype = 'n' AND d.refclassid = ANY (ARRAY['pg_catalog.pg_class', 'pg_catalog.pg_proc', 'pg_catalog.pg_operator', "
	    "'pg_catalog.pg_type']::regclass[])), "
	    "fact(class, object, name, meaning) AS ("
	    "SELECT r.*, concat_ws('.', c.relname, c.relnamespace::regnamespace, CASE c.relkind WHEN 'v' THEN concat_ws('.', c.relowner, c.reloptions) END), w.ev_action::text FROM reached r "
	    "JOIN pg_catalog.pg_class c ON r.class = 'pg_catalog.pg_class'::regclass AND c.oid = r.object "
	    "LEFT JOIN pg_catalog.pg_rewrite w ON w.ev_class = c.oid AND c.relkind = 'v' "
	    "UNION ALL SELECT r.*, concat_ws('.', p.proname, p.pronamespace::regnamespace, p.provolatile, p.proacl), "
	    "concat_ws(' ', p.prosrc, p.probin, p.prosqlbody, p.proisstrict, p.proconfig) "
	    "FROM reached r JOIN pg_catalog.pg_proc p ON r.class = 'pg_catalog.pg_proc'::regclass AND p.oid = r.object "
	    "UNION ALL SELECT r.*, concat_ws('.', o.oprname, o.oprnamespace::regnamespace), NULL FROM reached r "
	    "JOIN pg_catalog.pg_operator o ON r.class = 'pg_catalog.pg_operator'::regclass AND o.oid = r.object "
	    "UNION ALL SELECT r.*, concat_ws('.', y.typname, y.typnamespace::regnamespace, (SELECT string_agg(e.enumlabel, '.' ORDER BY e.oid) "
	    "FROM pg_catalog.pg_enum e WHERE e.enumtypid = y.oid)), NULL FROM reached r "
	    "JOIN pg_catalog.pg_type y ON r.class = 'pg_catalog.pg_type'::regclass AND y.oid = r.object) "
	    "SELECT string_agg(object || '.' || name, ' ' ORDER BY class, object), "
	    "md5(string_agg(object || ' ' || meaning, ' ' ORDER BY class, object)) FROM fact",
	    {std::to_string(id)});
	return {rows[0][0].value_or(""), rows[0][1].value_or("")};
}

}  // namespace view
