#include "define.h"

#include "apply/arrangement.h"
#include "apply/target.h"
#include "capture/ahead.h"
#include "capture/capture.h"
#include "layout.h"
#include "pg/spi.hpp"
#include "pg/sql.hpp"
#include "pg/trust.hpp"
#include "place.h"
#include "query/analyze.h"
#include "query/traceless.h"
#include "view.h"

extern "C" {
#include "catalog/pg_class.h"
#include "catalog/pg_authid.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "utils/guc.h"
}

#include <algorithm>

namespace view {

namespace {

std::string q_name(int id)
{
	return "pgtrickle_state.q_" + std::to_string(id);
}

std::string role_name(Oid role)
{
	return *pg::value("SELECT quote_ident(rolname) FROM pg_catalog.pg_roles WHERE oid = $1::oid", {std::to_string(role)});
}

void read(int id, Oid source, const std::vector<int> &columns)
{
	pg::query("INSERT INTO pgtrickle.reads (consumer, source, columns) VALUES ($1::int, $2::oid, $3::int2[])",
	          {std::to_string(id), std::to_string(source), pg::array_of(columns)});
}

// Captures, once a source, all that the stream table and its arrangements read.
void capture_sources(int id)
{
	pg::Rows rows = pg::query("SELECT r.source, array_agg(DISTINCT c.attribute) FILTER (WHERE c.attribute IS NOT NULL) FROM pgtrickle.reads r "
	                          "LEFT JOIN LATERAL unnest(r.columns) c(attribute) ON true "
	                          "WHERE r.consumer = $1::int OR r.consumer IN (SELECT u.arrangement FROM pgtrickle.uses u WHERE u.view = $1::int) "
	                          "GROUP BY r.source ORDER BY r.source", {std::to_string(id)});
	for (const auto &row : rows) {
		std::vector<AttrNumber> columns;
		for (const auto &column : pg::query("SELECT unnest($1::int2[])", {row[1].value_or("{}")}))
			columns.push_back(AttrNumber(std::stoi(*column[0])));
		capture::ensure_ahead(std::stoul(*row[0]), columns);
	}
}

void make_states(const View &view)
{
	for (const auto &state : view.program.states) {
		for (const auto &sql : state.create) {
			pg::execute(sql);
			bool sequence = sql.starts_with("CREATE SEQUENCE ");
			size_t at = sql.find("pgtrickle_state.");
			std::string name = sql.substr(at, sql.find(' ', at) - at);
			if (sequence)    // nextval() asks who calls it
				pg::execute("GRANT USAGE ON SEQUENCE " + name + " TO PUBLIC");
			std::string relid = *pg::value("INSERT INTO pgtrickle.state (relid, owner, node, role) VALUES ($1::regclass, $2::int, $3::int, $4) RETURNING relid",
			                               {name, std::to_string(view.id), std::to_string(state.node), sequence ? "sequence" : state.role});
			capture::join_extension(std::stoul(relid));
		}
	}
}

// Of two that leave at once the second sees that it is the last.
void leave_arrangements(const std::string &id)
{
	pg::query("SELECT FROM pgtrickle.arrangement WHERE id IN (SELECT arrangement FROM pgtrickle.uses WHERE view = $1::int) ORDER BY id FOR NO KEY UPDATE", {id});
	pg::query("DELETE FROM pgtrickle.uses WHERE view = $1::int", {id});
}

void use_arrangements(const View &view)
{
	leave_arrangements(std::to_string(view.id));
	for (int arrangement : view.arrangements) {
		pg::query("INSERT INTO pgtrickle.uses (view, arrangement) VALUES ($1::int, $2::int)",
		          {std::to_string(view.id), std::to_string(arrangement)});
	}
}

void set_up_delta(const View &view)
{
	for (const auto &batch : view.program.batches)
		read(view.id, batch.relation, batch.attributes);
	use_arrangements(view);
	capture_sources(view.id);
	apply::drop_unused_copies();
	make_states(view);
}

// In FULL mode capture only tells whether anything changed.
void set_up_full(int id)
{
	for (const auto &row : pg::query("SELECT d.source, d.columns FROM pgtrickle._dependency d JOIN pg_catalog.pg_class c ON c.oid = d.source "
	                                 "WHERE d.id = $1::int AND c.relkind IN ('r', 'p') AND c.relpersistence <> 't' "
	                                 "AND c.relnamespace <> 'pg_catalog'::regnamespace "
	                                 "AND c.relnamespace NOT IN ('information_schema'::regnamespace, 'pgtrickle'::regnamespace, "
	                                 "'pgtrickle_state'::regnamespace)",
	                                 {std::to_string(id)})) {
		std::vector<int> columns;
		for (const auto &column : pg::query("SELECT unnest($1::int2[])", {row[1]}))
			columns.push_back(std::stoi(*column[0]));
		read(id, std::stoul(*row[0]), columns);
	}
	capture_sources(id);
}

// A primary key that target_index() made leaves its columns NOT NULL; another query may have NULLs there.
void drop_key(const std::string &id)
{
	for (const auto &row : pg::query("SELECT c.conrelid::regclass, quote_ident(c.conname), array_to_string(ARRAY("
	                                 "SELECT 'ALTER COLUMN ' || quote_ident(a.attname) || ' DROP NOT NULL' FROM pg_catalog.pg_attribute a "
	                                 "WHERE a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)), ', ') "
	                                 "FROM pgtrickle.state s JOIN pg_catalog.pg_constraint c ON c.conindid = s.relid AND c.contype = 'p' "
	                                 "WHERE s.owner = $1::int",
	                                 {id})) {
		pg::execute("ALTER TABLE " + *row[0] + " DROP CONSTRAINT " + *row[1]);
		pg::execute("ALTER TABLE " + *row[0] + " " + *row[2]);
	}
}

std::vector<Oid> relations(const std::string &id, const std::string &kinds)
{
	std::vector<Oid> out;
	for (const auto &row : pg::query("SELECT c.oid FROM pgtrickle.state s JOIN pg_catalog.pg_class c ON c.oid = s.relid "
	                                 "WHERE s.owner = $1::int AND c.relkind::text = ANY ($2::text[])",
	                                 {id, kinds}))
		out.push_back(std::stoul(*row[0]));
	return out;
}

void drop_target(const std::string &id)
{
	drop_key(id);
	for (Oid index : relations(id, "{i}"))
		pg::execute("DROP INDEX " + pg::relation_name(index));
	pg::query("DELETE FROM pgtrickle.state WHERE owner = $1::int AND role = 'index'", {id});
	pg::query("UPDATE pgtrickle.stream_table SET target = NULL WHERE id = $1::int", {id});
}

// The key is made again when the content fits it: see make_target_index().
void keep_or_drop_target(const View &view)
{
	std::string id = std::to_string(view.id);
	if (!pg::value("SELECT 1 FROM pgtrickle.stream_table t WHERE id = $1::int AND target = $2 AND NOT EXISTS (SELECT FROM pgtrickle.state s "
	               "WHERE s.owner = t.id AND s.role = 'index' AND NOT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = s.relid))",
	               {id, apply::target_shape(view)}))
		drop_target(id);
}

// State and what it reads; the sources, which are captured until release().
std::vector<Oid> drop_states(const std::string &id)
{
	for (Oid relid : relations(id, "{r,S}"))
		capture::drop_member(relid);
	pg::query("DELETE FROM pgtrickle.state WHERE owner = $1::int AND role <> 'index'", {id});
	leave_arrangements(id);
	std::vector<Oid> sources;
	for (const auto &row : pg::query("DELETE FROM pgtrickle.reads WHERE consumer = $1::int RETURNING source", {id}))
		sources.push_back(std::stoul(*row[0]));
	return sources;
}

// The position is in the CREATE VIEW statement; the user wants it in the query.
void with_position(pg::Error &error, const std::string &query, size_t prefix)
{
	ErrorData *data = error.data();
	int position = data->internalpos > 0 ? data->internalpos : data->cursorpos;
	data->cursorpos = 0;
	if (position > int(prefix)) {
		data->internalpos = position - prefix;
		data->internalquery = pg::call(pstrdup, query.c_str());
	} else {
		data->internalpos = 0;
		data->internalquery = nullptr;
	}
	data->context = nullptr;
}

// The definition that is compiled is kept without the places of its words; the text has them.
int place_of(const pg::Error &error, const std::string &query, Oid owner)
{
	int place = 0;
	auto again = pg::attempt([&] {
		::Query *looked_at;
		{
			pg::Identity as_owner(owner, true);
			place = place_of_relation(*error.data(), query);
			looked_at = query::rewritten_query(query);
		}
		query::refuse_traceless(looked_at);
		apply::suppose_copies(looked_at);
		query::build(looked_at);
	});
	const bool same = again && strcmp(again->data()->message, error.data()->message) == 0;
	return place > 0 || !same ? place : again->data()->cursorpos;
}

void at_its_place(pg::Error &error, const std::string &query, Oid owner)
{
	if (error.data()->sqlerrcode != ERRCODE_FEATURE_NOT_SUPPORTED)
		return;
	const int place = place_of(error, query, owner);
	if (place == 0)
		return;
	error.data()->internalpos = place;
	error.data()->internalquery = pg::call(pstrdup, query.c_str());
}

struct Shape {
	bool one_select, locks;
};

void look_at(const char *query, Shape *out)
{
	List *statements = raw_parser(query, RAW_PARSE_DEFAULT);
	*out = {};
	if (list_length(statements) != 1 || !IsA(linitial_node(RawStmt, statements)->stmt, SelectStmt))
		return;
	auto *select = reinterpret_cast<SelectStmt *>(linitial_node(RawStmt, statements)->stmt);
	out->one_select = select->intoClause == nullptr;
	out->locks = select->lockingClause != NIL;
}

std::string without_semicolon(std::string query)
{
	while (!query.empty() && (isspace(static_cast<unsigned char>(query.back())) || query.back() == ';'))
		query.pop_back();
	return query;
}

}  // namespace

void define_query(int id, const std::string &query, Oid owner, bool replace)
{
	std::string prefix = std::string("CREATE ") + (replace ? "OR REPLACE " : "") + "VIEW " + q_name(id) + " AS ";
	try {
		Shape shape;
		pg::call(look_at, query.c_str(), &shape);
		if (!shape.one_select)
			pg::fail(ERRCODE_SYNTAX_ERROR, "the query of a stream table must be one SELECT", {},
			         "Pass the text of a single SELECT, WITH … SELECT or UNION.");
		if (shape.locks)
			pg::fail(ERRCODE_FEATURE_NOT_SUPPORTED, "the query of a stream table cannot lock rows", {},
			         "Leave out FOR UPDATE or FOR SHARE.");
	} catch (pg::Error &error) {
		with_position(error, query, 0);
		throw;
	}
	try {
		const std::string text = prefix + without_semicolon(query);
		pg::Given words(text, owner);
		pg::execute(text);
	} catch (pg::Error &error) {
		if (error.data()->sqlerrcode == ERRCODE_INVALID_TABLE_DEFINITION &&
		    std::string(error.data()->message).find("temporary relation") != std::string::npos)
			pg::fail(ERRCODE_FEATURE_NOT_SUPPORTED, "a stream table cannot read a temporary table or view", {},
			         "Others cannot see what it holds; make it permanent.");
		with_position(error, query, prefix.size());
		throw;
	}
	if (!pg::value("SELECT 1 FROM pg_catalog.pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 LIMIT 1", {q_name(id)}))
		pg::fail(ERRCODE_SYNTAX_ERROR, "the query of a stream table must have columns", {}, "Name at least one in its SELECT list.");
	pg::execute("ALTER VIEW " + q_name(id) + " OWNER TO " + role_name(owner));
}

void guard(const std::string &table, int id)
{
	pg::execute("CREATE TRIGGER pg_trickle_guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON " + table +
	            " FOR EACH STATEMENT EXECUTE FUNCTION pgtrickle._guard('" + std::to_string(id) + "')");
	pg::execute("ALTER TABLE " + table + " ENABLE ALWAYS TRIGGER pg_trickle_guard");
	pg::execute("CREATE TRIGGER pg_trickle_guard_replica AFTER INSERT OR UPDATE OR DELETE ON " + table + " FOR EACH ROW EXECUTE FUNCTION pgtrickle._guard()");
	pg::execute("ALTER TABLE " + table + " ENABLE REPLICA TRIGGER pg_trickle_guard_replica");
}

void unguard(const std::string &table)
{
	pg::execute("DROP TRIGGER pg_trickle_guard ON " + table);
	pg::execute("DROP TRIGGER pg_trickle_guard_replica ON " + table);
}

void set_up(int id, const std::string &mode)
{
	std::string text = std::to_string(id);
	auto set_mode = [&](const std::string &effective, const std::string &reason) {
		pg::query("UPDATE pgtrickle.stream_table SET refresh_mode = $2, effective_mode = $3, mode_reason = nullif($4, '') WHERE id = $1::int",
		          {text, mode, effective, reason});
	};
	std::unique_ptr<View> view;
	if (mode != "FULL") {
		set_mode("DIFFERENTIAL", "");
		auto error = pg::attempt([&] { query::refuse_traceless(query::rewritten_view_query(Oid(std::stoul(*pg::value("SELECT $1::regclass::oid", {q_name(id)}))))); });
		const bool traceless = error.has_value();
		if (!error)
			error = pg::attempt([&] {
				view = pg::with_spi([&] { return compile(id, true, true); });
			});
		if (error && (traceless || mode != "AUTO" || error->data()->sqlerrcode != ERRCODE_FEATURE_NOT_SUPPORTED)) {
			auto row = pg::query("SELECT t.query, c.relowner FROM pgtrickle.stream_table t JOIN pg_catalog.pg_class c ON c.oid = t.relid WHERE t.id = $1::int", {text})[0];
			at_its_place(*error, *row[0], Oid(std::stoul(*row[1])));
			throw *error;
		}
		if (error)
			set_mode("FULL", error->data()->message);
	} else
		set_mode("FULL", "");
	if (view != nullptr)
		set_up_delta(*view);
	else {
		set_up_full(id);
		view = compile(id, true, true);
	}
	keep_or_drop_target(*view);
	pg::query("UPDATE pgtrickle.stream_table SET layout = $2, exclusive = nullif($3, '') WHERE id = $1::int",
	          {text, layout_of(*view), view->program.exclusive});
	pg::query("UPDATE pgtrickle.consumer SET frontier = NULL, settled = false, settles_at = NULL, lapsed = false, set_up_by = pg_current_xact_id() WHERE id = $1::int", {text});
	forget(id);
}

std::vector<Oid> take_down(int id)
{
	drop_target(std::to_string(id));
	pg::query("UPDATE pgtrickle.stream_table SET wide = false WHERE id = $1::int", {std::to_string(id)});
	std::vector<Oid> sources = drop_states(std::to_string(id));
	forget(id);
	return sources;
}

void let_go(const std::vector<Oid> &sources)
{
	for (Oid source : sources)
		capture::release(source);
	apply::drop_unused();
	apply::drop_unused_copies();
}

void set_up_anew(int id)
{
	std::string text = std::to_string(id);
	std::string mode = *pg::value("UPDATE pgtrickle.stream_table SET generation = generation + 1 WHERE id = $1::int RETURNING refresh_mode", {text});
	std::vector<Oid> sources = drop_states(text);
	set_up(id, mode);
	let_go(sources);
}

void exchange_arrangements(int id)
{
	pg::query("UPDATE pgtrickle.stream_table SET generation = generation + 1 WHERE id = $1::int", {std::to_string(id)});
	std::unique_ptr<View> view = compile(id, true);
	pg::query("UPDATE pgtrickle.stream_table SET exclusive = nullif($2, '') WHERE id = $1::int", {std::to_string(id), view->program.exclusive});
	use_arrangements(*view);
	capture_sources(id);
	apply::drop_unused();
	apply::drop_unused_copies();
	forget(id);
}

bool has_target_index(int id)
{
	return pg::value("SELECT 1 FROM pgtrickle.stream_table WHERE id = $1::int AND target IS NOT NULL", {std::to_string(id)}).has_value();
}

void make_target_index(const View &view)
{
	std::string sql = apply::target_index(view), id = std::to_string(view.id);
	if (!sql.empty()) {
		pg::execute(sql);
		pg::query("INSERT INTO pgtrickle.state (relid, owner, node, role) "
		          "SELECT max(indexrelid), $2::int, 0, 'index' FROM pg_catalog.pg_index WHERE indrelid = $1::oid",
		          {std::to_string(view.relid), id});
	}
	pg::query("UPDATE pgtrickle.stream_table SET target = $2 WHERE id = $1::int", {id, apply::target_shape(view)});
}

std::string checked_mode(const std::string &mode)
{
	std::string upper = mode;
	std::transform(upper.begin(), upper.end(), upper.begin(), [](unsigned char c) { return toupper(c); });
	if (upper != "AUTO" && upper != "DIFFERENTIAL" && upper != "FULL" && upper != "IMMEDIATE")
		pg::fail(ERRCODE_INVALID_PARAMETER_VALUE, "\"" + mode + "\" is not a refresh mode", {},
		         "Use AUTO, DIFFERENTIAL, FULL or IMMEDIATE.");
	return upper;
}

}  // namespace view
