#include "view.h"

#include "apply/arrangement.h"
#include "apply/choice.h"
#include "apply/refresh.h"
#include "apply/target.h"
#include "capture/capture.h"
#include "kept.h"
#include "layout.h"
#include "pg/spi.hpp"
#include "pg/sql.hpp"
#include "query/analyze.h"
#include "query/narrow.h"

extern "C" {
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "optimizer/optimizer.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

#include <algorithm>
#include <map>

namespace view {

namespace {

struct Cached {
	std::unique_ptr<View> view;
	std::string fingerprint;
	bool checked = false;
};

std::map<int, Cached> &cache()
{
	static auto &all = *new std::map<int, Cached>;
	return all;
}

// Catalog caches were invalidated: fingerprints are compared at the next use.
bool something_changed = false;

void relation_changed(Datum, Oid)
{
	something_changed = true;
}

void object_changed(Datum, int, uint32)
{
	something_changed = true;
}

void watch()
{
	CacheRegisterRelcacheCallback(relation_changed, Datum(0));
	for (SysCacheIdentifier kind : {PROCOID, OPEROID, TYPEOID, ENUMOID, NAMESPACEOID, AUTHOID, AUTHMEMMEMROLE})
		CacheRegisterSyscacheCallback(kind, object_changed, Datum(0));
}

// What a compiled stream table depends on: its definition, the shapes it names, how their rows are found, and the very
// state it was set up with: after a rollback the same generation may come again with other tables.
std::string fingerprint_of(int id)
{
	Dependencies needed = dependencies_of(id);
	pg::Rows rows = pg::query_latest(
	    "WITH seen AS (SELECT array(SELECT relid::oid FROM pgtrickle.stream_table WHERE id = $1::int UNION ALL "
	    "SELECT source FROM pgtrickle.reads WHERE consumer = $1::int) AS oids) "
	    "SELECT concat_ws(' ', t.generation, t.refresh_mode, t.effective_mode, t.relid, t.settings, "
	    "(SELECT concat_ws('.', relowner, relnamespace, relname) FROM pg_catalog.pg_class WHERE oid = t.relid), "
	    "(SELECT string_agg(concat_ws('.', c.relnamespace::regnamespace, c.relname, a.attnum, a.attname, a.atttypid, a.atttypmod, "
	    "a.attnotnull, a.attacl, c.relacl, c.relreplident, c.relrowsecurity, c.relforcerowsecurity, "
	    "EXISTS (SELECT FROM pg_catalog.pg_inherits h WHERE h.inhparent = c.oid)), ' ' ORDER BY c.oid, a.attnum) FROM pg_catalog.pg_class c "
	    "JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped WHERE c.oid = ANY (seen.oids)), "
	    "(SELECT string_agg(concat_ws('.', i.indexrelid, i.indrelid, i.indisprimary, i.indisreplident, i.indimmediate, i.indisvalid, "
	    "i.indkey, i.indcollation, i.indpred IS NULL), ' ' ORDER BY i.indexrelid) FROM pg_catalog.pg_index i "
	    "WHERE i.indrelid = ANY (seen.oids)), "
	    "(SELECT string_agg(concat_ws('.', p.oid, p.polcmd, p.polpermissive, p.polroles, p.polqual::text), ' ' ORDER BY p.oid) FROM pg_catalog.pg_policy p "
	    "WHERE p.polrelid = ANY (seen.oids)), "
	    "(SELECT string_agg(u.oid::text, '.' ORDER BY u.oid) FROM pg_catalog.pg_roles u WHERE u.rolsuper OR u.rolbypassrls), "
	    "(SELECT md5(string_agg(concat_ws('.', m.roleid, m.member, m.inherit_option), ' ' ORDER BY m.roleid, m.member, m.grantor)) FROM pg_catalog.pg_auth_members m), "
	    "(SELECT count(*) FROM pg_catalog.pg_foreign_table f JOIN pg_catalog.pg_inherits h ON h.inhrelid = f.ftrelid), "
	    "(SELECT string_agg(s.relid::text, '.' ORDER BY s.relid) FROM pgtrickle.state s WHERE s.owner = t.id), "
	    "(SELECT string_agg(u.arrangement::text, '.' ORDER BY u.arrangement) FROM pgtrickle.uses u WHERE u.view = t.id)) "
	    "FROM pgtrickle.stream_table t, seen WHERE t.id = $1::int",
	    {std::to_string(id)});
	return (rows.empty() ? "" : rows[0][0].value_or("")) + " " + needed.names + " " + needed.meaning;
}

std::vector<Setting> from_settings(const std::string &id)
{
	std::vector<Setting> out;
	for (const auto &row : pg::query_latest("SELECT t.settings[i], t.settings[i + 1] FROM pgtrickle.stream_table t, "
	                                 "generate_series(1, cardinality(t.settings), 2) i WHERE t.id = $1::int",
	                                 {id}))
		out.push_back({row[0].value_or(""), row[1].value_or("")});
	return out;
}

std::vector<query::Column> columns_of_table(Oid relid)
{
	std::vector<query::Column> out;
	for (const auto &row : pg::query_latest("SELECT attname, atttypid, atttypmod, attcollation, attnotnull FROM pg_catalog.pg_attribute "
	                                 "WHERE attrelid = $1::oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
	                                 {std::to_string(relid)}))
		out.push_back({*row[0], Oid(std::stoul(*row[1])), std::stoi(*row[2]), Oid(std::stoul(*row[3])), *row[4] == "t"});
	return out;
}

// Its columns are the query's; somebody may have added, dropped or changed one all the same.
void refuse_other_columns(const View &view)
{
	std::vector<query::Column> wanted = columns_of_table(view.definition);
	auto same = [](const query::Column &a, const query::Column &b) { return a.type == b.type && a.typmod == b.typmod && a.collation == b.collation; };
	if (!std::equal(wanted.begin(), wanted.end(), view.columns.begin(), view.columns.end(), same))
		pg::fail(ERRCODE_INVALID_TABLE_DEFINITION, "stream table " + view.name + " has other columns than its query", {},
		         "Give it back the columns of its query, or drop it and create it again.");
}

const std::vector<Oid> last_tick{TIMESTAMPTZOID};

bool uses_time(const delta::Program &program)
{
	return !program.next_times.empty() || std::any_of(program.steps.begin(), program.steps.end(), [](const delta::Step &step) {
		return step.when_time_moves;
	});
}

void compile_delta(View &view, bool may_create, bool anew)
{
	::Query *query;
	{
		pg::Identity owner(view.owner, true);    // row security is the owner's
		pg::execute("SELECT FROM " + pg::relation_name(view.definition) + " WHERE false");   // fails if it may not read any more
		query = query::rewritten_view_query(view.definition);
	}
	view.copies = apply::read_copies(query, to_array(view.settings), may_create);
	view.tree = query::build(query);
	if (view.immediate && !view.copies.empty())
		pg::fail_at(view.copies[0].source, ERRCODE_FEATURE_NOT_SUPPORTED, "refresh_mode IMMEDIATE cannot follow " + pg::relation_name(view.copies[0].source),
		            "What a materialized view or a foreign table shows changes without a statement that could be followed.",
		            "Use refresh_mode DIFFERENTIAL: it is compared with a copy on a schedule.");
	if (!view.immediate) {
		choose_kept(view, anew);
		query::narrow_groups(view.tree);
	}
	view.key = query::unique_key(*view.tree);
	apply::Arrangements arrangements(view.id, may_create, view.wide, view.immediate);
	view.program = delta::Compiler(view.id, arrangements, view.wide, view.immediate).compile(*view.tree);
	if (view.immediate && uses_time(view.program))
		pg::fail(ERRCODE_FEATURE_NOT_SUPPORTED, "now() and its relatives are not supported in refresh_mode IMMEDIATE",
		         "Time moves rows when nobody writes, and there is no transaction that could follow.",
		         "Use refresh_mode DIFFERENTIAL: the scheduler moves rows when their time has come.");
	view.arrangements.assign(arrangements.used().begin(), arrangements.used().end());
	view.lacks_arrangement = arrangements.lacking();
	if (arrangements.counting())
		view.program.exclusive = "rows of a table without a primary key or an index for the look-up are counted in an arrangement";
	for (auto &batch : view.program.batches) {
		std::vector<AttrNumber> attributes(batch.attributes.begin(), batch.attributes.end());
		view.sources.push_back(batch.relation);
		auto columns = view.program.ephemerals[batch.name].columns;
		std::string raw = batch.name + "_raw";
		view.program.ephemerals[raw] = {columns};
		view.batches.push_back({batch.relation, batch.name, apply::batch_statement(batch.relation, attributes, raw),
		                        apply::consolidation(raw, batch.name, columns)});
	}
	// A WITH query that nothing reads has a copy for nothing.
	std::erase_if(view.copies, [&](const apply::Copy &copy) { return std::find(view.sources.begin(), view.sources.end(), copy.relid) == view.sources.end(); });
	for (auto &step : view.program.steps) {
		apply::Prepared prepared(step.statement, last_tick);
		view.steps.push_back({step, std::move(prepared)});
	}
	view.may_lapse = view.chooses && !uses_time(view.program) && view.copies.empty() && view.program.defined.empty() && query::columns_of_any_order(*view.tree).empty();
	if (view.may_lapse)
		view.waiting = apply::waiting_statement(view.sources, view.program.ephemerals);
}

bool is_mutable(::Query *query)
{
	return contain_mutable_functions(reinterpret_cast<Node *>(query));
}

// Recomputed when a captured source has changed; always, if it reads what is not captured or depends on more than rows.
void compile_full(View &view)
{
	::Query *query;
	{
		pg::Identity owner(view.owner);
		query = query::rewritten_view_query(view.definition);
	}
	for (const auto &row : pg::query_latest("SELECT source FROM pgtrickle.reads WHERE consumer = $1::int", {std::to_string(view.id)}))
		view.sources.push_back(std::stoul(*row[0]));
	view.always = pg::call(is_mutable, query);
	for (Oid relation : query::relations_read(query))
		view.always = view.always || apply::has_foreign_part(relation) ||
		              std::find(view.sources.begin(), view.sources.end(), relation) == view.sources.end();
	for (Oid source : view.sources) {
		std::string name = "z_b" + std::to_string(source), raw = name + "_raw";
		view.program.ephemerals[name] = view.program.ephemerals[raw] = {{delta::int8_column("w")}};
		view.batches.push_back({source, name, apply::batch_statement(source, {}, raw),
		                        apply::Prepared({{}, {}, {}, {raw}, name, false}, {})});
	}
}

}  // namespace

std::unique_ptr<View> compile(int id, bool may_create, bool anew)
{
	std::string text = std::to_string(id);
	pg::Rows rows = pg::query_latest("SELECT t.relid, t.definition, c.relowner, t.effective_mode, t.generation, t.wide, t.refresh_mode FROM pgtrickle.stream_table t "
	                          "JOIN pg_catalog.pg_class c ON c.oid = t.relid WHERE t.id = $1::int",
	                          {text});
	if (rows.empty())
		pg::fail(ERRCODE_UNDEFINED_TABLE, "stream table with id " + text + " does not exist");
	auto view = std::make_unique<View>();
	view->id = id;
	view->relid = std::stoul(*rows[0][0]);
	view->definition = std::stoul(*rows[0][1]);
	view->owner = std::stoul(*rows[0][2]);
	view->mode = *rows[0][3];
	view->generation = std::stoi(*rows[0][4]);
	view->wide = *rows[0][5] == "t";
	view->immediate = *rows[0][6] == "IMMEDIATE";
	view->chooses = *rows[0][6] == "AUTO";
	view->name = pg::relation_name(view->relid);
	view->settings = from_settings(text);
	view->columns = columns_of_table(view->relid);
	refuse_other_columns(*view);
	int settings = apply::begin_settings(*view);    // constants and names are printed as ticks read them
	if (view->mode == "DIFFERENTIAL")
		compile_delta(*view, may_create, anew);
	else
		compile_full(*view);
	apply::plan_target(*view);
	apply::end_settings(settings);
	view->fixed = std::all_of(view->program.ephemerals.begin(), view->program.ephemerals.end(), [](const auto &ephemeral) {
		const auto &columns = ephemeral.second.columns;
		return std::all_of(columns.begin(), columns.end(), [](const query::Column &c) { return pg::is_fixed(c.type) || c.type == NUMERICOID; });
	});
	return view;
}

View *compiled(int id)
{
	static const bool watching = (pg::call(watch), true);
	if (watching && something_changed) {
		something_changed = false;
		for (auto &[other, cached] : cache())
			cached.checked = false;
	}
	auto found = cache().find(id);
	if (found == cache().end() || found->second.view == nullptr)
		return nullptr;
	Cached &cached = found->second;
	if (!cached.checked)
		cached.checked = fingerprint_of(id) == cached.fingerprint;
	return cached.checked ? cached.view.get() : nullptr;
}

View &load(int id)
{
	pg::Identity superuser(BOOTSTRAP_SUPERUSERID);
	if (View *view = compiled(id))
		return *view;
	Cached &cached = cache()[id];
	cached.view.reset();
	cached.fingerprint = fingerprint_of(id);
	cached.view = compile(id, false);
	cached.checked = true;
	return *cached.view;
}

bool make_copies(int id)
{
	std::string text = std::to_string(id);
	auto row = pg::query_latest("SELECT t.definition, c.relowner, t.settings FROM pgtrickle.stream_table t JOIN pg_catalog.pg_class c ON c.oid = t.relid "
	                            "WHERE t.id = $1::int", {text})[0];
	::Query *query;
	{
		pg::Identity owner(Oid(std::stoul(*row[1])), true);
		query = query::rewritten_view_query(Oid(std::stoul(*row[0])));
	}
	return !apply::read_copies(query, *row[2], true).empty();
}

void forget(int id)
{
	cache().erase(id);
}

std::vector<Setting> current_settings()
{
	std::vector<Setting> out;
	for (const char *name : {"TimeZone", "DateStyle", "IntervalStyle", "extra_float_digits", "bytea_output", "lc_monetary",
	                         "lc_numeric", "lc_time", "default_text_search_config"})
		out.push_back({name, pg::call(GetConfigOption, name, false, false)});
	return out;
}

std::string to_array(const std::vector<Setting> &settings)
{
	std::string out;
	for (const auto &[name, value] : settings)
		for (const std::string &text : {name, value}) {
			out += out.empty() ? "{\"" : ",\"";
			for (char c : text)
				out += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
			out += "\"";
		}
	return out + "}";
}

}  // namespace view
