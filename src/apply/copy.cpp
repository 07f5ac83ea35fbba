#include "copy.h"

#include "apply/frame.h"
#include "apply/refresh.h"
#include "capture/capture.h"
#include "pg/spi.hpp"

extern "C" {
#include "access/sysattr.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_relation.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/lsyscache.h"
}

#include <algorithm>
#include <map>

namespace apply {

namespace {

// A range table entry that a copy may stand for.
struct Reference {
	RangeTblEntry *entry;
	Oid role;
	Bitmapset *read;
};

bool has_foreign_member(Oid relid)
{
	if (!has_subclass(relid))
		return false;
	ListCell *cell;
	foreach (cell, find_all_inheritors(relid, NoLock, nullptr))
		if (get_rel_relkind(lfirst_oid(cell)) == RELKIND_FOREIGN_TABLE)
			return true;
	return false;
}

bool is_copied_kind(const RangeTblEntry *entry)
{
	if (entry->rtekind != RTE_RELATION)
		return false;
	if (entry->relkind == RELKIND_MATVIEW || entry->relkind == RELKIND_FOREIGN_TABLE)
		return entry->inh || !has_subclass(entry->relid);
	return entry->inh && has_foreign_member(entry->relid);
}

bool collect(Node *node, void *context)
{
	if (node == nullptr)
		return false;
	if (!IsA(node, Query))
		return expression_tree_walker(node, collect, context);
	auto *query = reinterpret_cast<::Query *>(node);
	auto **found = static_cast<List **>(context);
	ListCell *cell;
	foreach (cell, query->rtable)
		if (auto *entry = lfirst_node(RangeTblEntry, cell); is_copied_kind(entry)) {
			RTEPermissionInfo *permission = getRTEPermissionInfo(query->rteperminfos, entry);
			auto *reference = static_cast<Reference *>(palloc(sizeof(Reference)));
			*reference = {entry, permission->checkAsUser, permission->selectedCols};
			*found = lappend(*found, reference);
		}
	return query_tree_walker(query, collect, context, 0);
}

List *references_in(::Query *query)
{
	List *found = NIL;
	collect(reinterpret_cast<Node *>(query), &found);
	return found;
}

// The query is compiled from the copy.
void point_to(RangeTblEntry *entry, Oid copy)
{
	entry->enrname = pstrdup("copy");
	if (!OidIsValid(copy))
		return;
	entry->relid = copy;
	entry->relkind = RELKIND_RELATION;
	entry->inh = false;
}

using Numbers = std::vector<int>;

Numbers numbers_of(const pg::Text &text)
{
	Numbers out;
	for (const auto &row : pg::query("SELECT unnest($1::int2[]) ORDER BY 1", {text}))
		out.push_back(std::stoi(*row[0]));
	return out;
}

struct Attribute {
	std::string name;
	Oid type, collation;
	int typmod;
	bool dropped;
};

// By number - 1.
std::vector<Attribute> attributes_of(Oid relid)
{
	std::vector<Attribute> out;
	for (const auto &row : pg::query("SELECT attname, atttypid, attcollation, atttypmod, attisdropped FROM pg_catalog.pg_attribute "
	                                 "WHERE attrelid = $1::oid AND attnum > 0 ORDER BY attnum",
	                                 {std::to_string(relid)}))
		out.push_back({*row[0], Oid(std::stoul(*row[1])), Oid(std::stoul(*row[2])), std::stoi(*row[3]), *row[4] == "t"});
	return out;
}

Numbers read_by(const Reference &reference)
{
	Numbers out;
	bool whole = pg::call(bms_is_member, 0 - FirstLowInvalidHeapAttributeNumber, static_cast<const Bitmapset *>(reference.read));
	std::vector<Attribute> attributes = attributes_of(reference.entry->relid);
	for (int number = 1; number <= int(attributes.size()); number++)
		if (!attributes[number - 1].dropped &&
		    (whole || pg::call(bms_is_member, number - FirstLowInvalidHeapAttributeNumber, static_cast<const Bitmapset *>(reference.read))))
			out.push_back(number);
	return out;
}

// Columns that nobody reads are NULL, which not every domain allows.
std::string definition(const Attribute &attribute, int number, bool is_read)
{
	if (attribute.dropped)
		return "dropped_" + std::to_string(number) + " int4";
	Oid type = is_read ? attribute.type : pg::call(getBaseType, attribute.type);
	std::string out = pg::quote_ident(attribute.name) + " " + pg::type_name(type, type == attribute.type ? attribute.typmod : -1);
	return OidIsValid(attribute.collation) ? out + " COLLATE " + pg::collation_name(attribute.collation) : out;
}

// A copy as the catalog knows it, and the statements that keep it.
struct Kept {
	Oid relid, source, role;
	bool foreign;
	std::string settings;
	Numbers columns;

	std::string table() const { return pg::relation_name(relid); }

	std::string list(Oid of, const std::string &prefix, bool as) const
	{
		std::vector<std::string> out;
		for (int number : columns)
			out.push_back(prefix + pg::quote_ident(pg::attribute_name(of, number)) + (as ? " AS a" + std::to_string(number) : ""));
		return pg::join(out, ", ");
	}

	std::string numbered(const std::string &prefix) const
	{
		std::vector<std::string> out;
		for (int number : columns)
			out.push_back(prefix + "a" + std::to_string(number));
		return pg::join(out, ", ");
	}

	std::string and_numbered(const std::string &prefix) const { return columns.empty() ? "" : ", " + numbered(prefix); }

	std::map<std::string, delta::Ephemeral> ephemerals() const
	{
		std::vector<query::Column> read{{"one", INT4OID, -1, InvalidOid, true}};
		std::vector<Attribute> attributes = attributes_of(source);
		for (int number : columns) {
			const Attribute &a = attributes[number - 1];
			read.push_back({"a" + std::to_string(number), a.type, a.typmod, a.collation, false});
		}
		std::vector<query::Column> differing{{"tid", TIDOID, -1, InvalidOid, false}};
		differing.insert(differing.end(), read.begin(), read.end());
		return {{"z_now", {read}}, {"z_diff", {differing}}};
	}

	delta::Statement read() const
	{
		delta::Statement out;
		out.sql = "SELECT 1 AS one" + std::string(columns.empty() ? "" : ", ") + list(source, "t.", true) + " FROM " + pg::relation_name(source) + " t";
		out.into = "z_now";
		out.scans = true;
		return out;
	}

	// Columns of a unique index of the source, if it has one on columns that are read.
	Numbers key() const
	{
		return numbers_of(pg::value("SELECT (i.indkey::int2[])[0 : i.indnkeyatts - 1] FROM pg_catalog.pg_index i WHERE i.indrelid = $1::oid AND i.indisunique "
		                            "AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL AND "
		                            "$2::int2[] @> (i.indkey::int2[])[0 : i.indnkeyatts - 1] ORDER BY i.indexrelid LIMIT 1",
		                            {std::to_string(source), pg::array_of(columns)})
		                      .value_or("{}"));
	}

	// Rows of the copy that went, by their place, and rows that came; of equal rows as many as there are more or less.
	delta::Statement differing(const Numbers &by) const
	{
		delta::Statement out;
		out.reads = {"z_now"};
		out.into = "z_diff";
		out.scans = true;
		std::string result = "SELECT c.tid, n.one" + and_numbered("n.") + " FROM ";
		if (by.empty()) {
			std::string image = "ROW(" + numbered("x.") + ")::text COLLATE \"C\" AS image";
			out.sql = result + "(SELECT y.tid, y.image, row_number() OVER (PARTITION BY y.image) AS nth FROM (SELECT x.tid, " + image +
			          " FROM (SELECT t.ctid AS tid" + (columns.empty() ? "" : ", ") + list(relid, "t.", true) + " FROM " + table() + " t) x) y) c "
			          "FULL JOIN (SELECT y.*, row_number() OVER (PARTITION BY y.image) AS nth FROM (SELECT x.*, " + image + " FROM z_now x) y) n "
			          "ON c.image = n.image AND c.nth = n.nth WHERE c.tid IS NULL OR n.one IS NULL";
			return out;
		}
		std::vector<Attribute> attributes = attributes_of(source);
		std::vector<std::string> equal;
		for (int number : by)
			equal.push_back(pg::equal(attributes[number - 1].type, "c.a" + std::to_string(number), "n.a" + std::to_string(number)));
		out.sql = result + "(SELECT t.ctid AS tid, " + list(relid, "t.", true) + " FROM " + table() + " t) c FULL JOIN z_now n ON " +
		          pg::join(equal, " AND ") + " WHERE c.tid IS NULL OR n.one IS NULL OR NOT (ROW(" + numbered("c.") +
		          ")::record OPERATOR(pg_catalog.*=) ROW(" + numbered("n.") + ")::record)";
		return out;
	}

	delta::Statement without_those_that_went() const
	{
		return {"DELETE FROM " + table() + " t USING z_diff d WHERE t.ctid = d.tid", {}, {}, {"z_diff"}, {}, true};
	}

	delta::Statement with_those_that_came(const std::string &from) const
	{
		std::string into = "INSERT INTO " + table() + (columns.empty() ? "" : " (" + list(relid, "", false) + ")");
		return {into + " SELECT " + numbered("d.") + " FROM " + from + " d WHERE d.one IS NOT NULL", {}, {}, {from}, {}, true};
	}
};

Kept kept(const std::vector<pg::Text> &row)
{
	return {Oid(std::stoul(*row[0])), Oid(std::stoul(*row[1])), Oid(std::stoul(*row[2])), *row[3] == "t", *row[4], numbers_of(row[5])};
}

const char *const kept_columns = "relid, source, role, is_foreign, settings, columns";

// Another one after each refresh: that updates the row also where rows are exchanged one by one.  One of a snapshot that is older
// than others' refreshes belongs to the rows which that snapshot sees.
pg::Text state_of(const Kept &copy, Snapshot snapshot)
{
	if (copy.foreign)
		return std::string("read");
	pg::Rows rows = pg::query_under(snapshot, "SELECT concat_ws(' ', c.xmin, c.ctid, c.relfilenode) FROM pg_catalog.pg_class c WHERE c.oid = " +
	                                              std::to_string(copy.source));
	return rows.empty() ? pg::Text() : rows[0][0];
}

// Not before the comparison has been written down, which fails if another one has been since an old snapshot.
void note_comparison(const Kept &copy, const pg::Text &state)
{
	pg::query("UPDATE pgtrickle.copy SET state = $2, compared_at = pg_catalog.now(), compared_by = pg_catalog.pg_current_xact_id(), "
	          "compared_part = $3::int WHERE relid = $1::oid",
	          {std::to_string(copy.relid), state, std::to_string(capture::part())});
}

const std::vector<view::Setting> &injective()
{
	static const auto &all = *new std::vector<view::Setting>{
	    {"extra_float_digits", "1"}, {"DateStyle", "ISO"}, {"TimeZone", "UTC"}, {"IntervalStyle", "postgres"}, {"bytea_output", "hex"}};
	return all;
}

std::vector<view::Setting> settings_of(const Kept &copy)
{
	std::vector<view::Setting> out;
	for (const auto &row : pg::query("SELECT x.s[i], x.s[i + 1] FROM (SELECT $1::text[] AS s) x, generate_series(1, cardinality(x.s), 2) i", {copy.settings}))
		out.push_back({row[0].value_or(""), row[1].value_or("")});
	return out;
}

void read_source(const Kept &copy, Frame &frame)
{
	int level = begin_settings(settings_of(copy));
	{
		pg::Identity role(copy.role, true);
		Prepared read(copy.read(), {});
		frame.run(read, {});
	}
	end_settings(level);
}

bool has_nulls(const Numbers &key, Frame &frame)
{
	std::vector<std::string> nulls;
	for (int number : key)
		nulls.push_back("n.a" + std::to_string(number) + " IS NULL");
	Prepared look({"SELECT 1::int8 AS n FROM z_now n WHERE " + pg::join(nulls, " OR ") + " LIMIT 1", {}, {}, {"z_now"}, "z_null", false, true}, {});
	frame.run(look, {});
	return frame.rows("z_null") > 0;
}

void write_difference(const Kept &copy, Frame &frame)
{
	int level = begin_settings(injective());
	Numbers key = copy.key();
	if (!key.empty() && has_nulls(key, frame))
		key.clear();
	for (auto &statement : {copy.differing(key), copy.without_those_that_went(), copy.with_those_that_came("z_diff")}) {
		Prepared prepared(statement, {});
		frame.run(prepared, {});
	}
	end_settings(level);
}

std::map<std::string, delta::Ephemeral> ephemerals(const Kept &copy)
{
	auto out = copy.ephemerals();
	out["z_null"] = {{delta::int8_column("n")}};
	return out;
}

// Filled before it is captured: those who begin to read it start from its rows.
void fill(const Kept &copy)
{
	Snapshot snapshot = pg::call(RegisterSnapshot, pg::call(GetLatestSnapshot));
	auto all = ephemerals(copy);
	pg::with_spi([&] {
		Frame frame(all, snapshot);
		read_source(copy, frame);
		Prepared insert(copy.with_those_that_came("z_now"), {});
		frame.run(insert, {});
		frame.close();
	});
	note_comparison(copy, state_of(copy, snapshot));
	pg::call(UnregisterSnapshot, snapshot);
	pg::execute("ANALYZE " + copy.table());
}

// Its columns have the numbers of the source's.
void create_table(const std::string &table, Oid source, const Numbers &columns)
{
	std::vector<std::string> definitions, dropped;
	std::vector<Attribute> attributes = attributes_of(source);
	for (int number = 1; number <= int(attributes.size()); number++) {
		bool is_read = std::find(columns.begin(), columns.end(), number) != columns.end();
		definitions.push_back(definition(attributes[number - 1], number, is_read));
		if (attributes[number - 1].dropped)
			dropped.push_back("DROP COLUMN dropped_" + std::to_string(number));
	}
	pg::execute("CREATE TABLE " + table + " (" + pg::join(definitions, ", ") + ")");
	if (!dropped.empty())
		pg::execute("ALTER TABLE " + table + " " + pg::join(dropped, ", "));
}

Oid create(Oid source, Oid role, bool foreign, const std::string &settings, const Numbers &columns)
{
	std::string id = *pg::value("SELECT nextval('pgtrickle.copy_number')"), table = "pgtrickle_state.c_" + id;
	create_table(table, source, columns);
	Oid relid = Oid(std::stoul(*pg::value("SELECT $1::regclass::oid", {table})));
	capture::join_extension(relid);
	pg::query("INSERT INTO pgtrickle.copy (relid, source, role, is_foreign, settings, columns) VALUES ($1::oid, $2::oid, $3::oid, $4::bool, $5::text[], $6::int2[])",
	          {std::to_string(relid), std::to_string(source), std::to_string(role), std::string(foreign ? "t" : "f"), settings, pg::array_of(columns)});
	fill({relid, source, role, foreign, settings, columns});
	return relid;
}

// Columns that the source got since, and those that are read for the first time; their values come with the next comparison.
void widen(const Kept &copy, const Numbers &columns)
{
	std::vector<Attribute> now = attributes_of(copy.source), then = attributes_of(copy.relid);
	std::vector<std::string> renamed;
	for (size_t i = 0; i < then.size(); i++)
		if (!then[i].dropped && !now[i].dropped && then[i].name != now[i].name)
			renamed.push_back(std::to_string(i + 1));
	for (const std::string &number : renamed)
		pg::execute("ALTER TABLE " + copy.table() + " RENAME " + pg::quote_ident(then[std::stoi(number) - 1].name) + " TO renamed_" + number);
	for (const std::string &number : renamed)
		pg::execute("ALTER TABLE " + copy.table() + " RENAME renamed_" + number + " TO " + pg::quote_ident(now[std::stoi(number) - 1].name));
	for (int number : columns)
		if (number <= int(then.size()) && then[number - 1].type != now[number - 1].type) {
			pg::execute("TRUNCATE " + copy.table());
			pg::execute("ALTER TABLE " + copy.table() + " ALTER COLUMN " + pg::quote_ident(now[number - 1].name) + " TYPE " +
			            pg::type_name(now[number - 1].type, now[number - 1].typmod));
		}
	for (int number = then.size() + 1; number <= int(now.size()); number++) {
		bool is_read = std::find(columns.begin(), columns.end(), number) != columns.end();
		pg::execute("ALTER TABLE " + copy.table() + " ADD COLUMN " + definition(now[number - 1], number, is_read));
		if (now[number - 1].dropped)
			pg::execute("ALTER TABLE " + copy.table() + " DROP COLUMN dropped_" + std::to_string(number));
	}
	pg::query("UPDATE pgtrickle.copy SET columns = $2::int2[], state = NULL WHERE relid = $1::oid", {std::to_string(copy.relid), pg::array_of(columns)});
}

// Two that want the same copy make one.
void lock_creation(Oid source)
{
	Oid catalog = get_relname_relid("copy", get_namespace_oid("pgtrickle", false));
	LOCKTAG tag;
	SET_LOCKTAG_OBJECT(tag, MyDatabaseId, catalog, source, 0);
	(void)LockAcquire(&tag, ExclusiveLock, false, false);
}

// The copy with these columns; InvalidOid: there is none, and none may be made.
Oid copy_of(Oid source, Oid role, bool foreign, const std::string &settings, const Numbers &columns, bool may_create)
{
	std::vector<pg::Text> which{std::to_string(source), std::to_string(role), settings};
	std::string sql = std::string("SELECT ") + kept_columns + " FROM pgtrickle.copy WHERE source = $1::oid AND role = $2::oid AND settings = $3::text[]";
	pg::Rows rows = may_create ? pg::query(sql + " FOR UPDATE", which) : pg::query_latest(sql, which);
	if (rows.empty() && may_create) {
		pg::call(lock_creation, source);
		rows = pg::query_latest(sql, which);
	}
	if (rows.empty())
		return may_create ? create(source, role, foreign, settings, columns) : InvalidOid;
	Kept found = kept(rows[0]);
	if (std::includes(found.columns.begin(), found.columns.end(), columns.begin(), columns.end()))
		return found.relid;
	if (!may_create)
		return InvalidOid;
	Numbers all;
	std::set_union(found.columns.begin(), found.columns.end(), columns.begin(), columns.end(), std::back_inserter(all));
	widen(found, all);
	return found.relid;
}

bool lock_relation(Oid relid, bool wait)
{
	if (!wait)
		return ConditionalLockRelationOid(relid, ShareUpdateExclusiveLock);
	LockRelationOid(relid, ShareUpdateExclusiveLock);
	return true;
}

}  // namespace

std::vector<Copy> read_copies(::Query *query, const std::string &settings, bool may_create)
{
	std::map<std::pair<Oid, Oid>, Numbers> wanted;
	List *references = pg::call(references_in, query);
	auto role_of = [](const Reference &r) { return r.entry->relkind == RELKIND_MATVIEW ? Oid{BOOTSTRAP_SUPERUSERID} : r.role; };
	ListCell *cell;
	foreach (cell, references) {
		const auto &reference = *static_cast<Reference *>(lfirst(cell));
		Numbers &columns = wanted[{reference.entry->relid, role_of(reference)}];
		Numbers read = read_by(reference), both;
		std::set_union(columns.begin(), columns.end(), read.begin(), read.end(), std::back_inserter(both));
		columns = both;
	}
	std::vector<Copy> out;
	for (const auto &[which, columns] : wanted) {
		bool foreign = pg::call(get_rel_relkind, which.first) != RELKIND_MATVIEW;
		Oid relid = copy_of(which.first, which.second, foreign, foreign ? settings : "{}", columns, may_create);
		if (OidIsValid(relid))
			out.push_back({relid, which.first, which.second, foreign});
	}
	foreach (cell, references) {
		const auto &reference = *static_cast<Reference *>(lfirst(cell));
		std::pair which(reference.entry->relid, role_of(reference));
		auto found = std::find_if(out.begin(), out.end(), [&](const Copy &copy) { return std::pair(copy.source, copy.role) == which; });
		if (found != out.end())
			pg::call(point_to, reference.entry, found->relid);
	}
	return out;
}

void suppose_copies(::Query *query)
{
	ListCell *cell;
	foreach (cell, pg::call(references_in, query))
		pg::call(point_to, static_cast<Reference *>(lfirst(cell))->entry, Oid{InvalidOid});
}

bool has_foreign_part(Oid relid)
{
	return pg::call(has_foreign_member, relid);
}

Oid source_of_copy(Oid relid)
{
	pg::Rows rows = pg::query_latest("SELECT source FROM pgtrickle.copy WHERE relid = $1::oid", {std::to_string(relid)});
	return rows.empty() ? InvalidOid : Oid(std::stoul(*rows[0][0]));
}

bool may_be_due(const Copy &copy, int reader, bool by_hand)
{
	if (!copy.foreign)
		return true;
	return pg::query_latest("SELECT k.state IS NULL OR t.period IS NOT NULL OR k.compared_at <= pg_catalog.now() - pgtrickle._foreign_period() OR ($3::bool AND "
	                        "(k.compared_by, k.compared_part) IS DISTINCT FROM (pg_catalog.pg_current_xact_id(), $4::int)) "
	                        "FROM pgtrickle.copy k, pgtrickle.stream_table t WHERE k.relid = $1::oid AND t.id = $2::int",
	                        {std::to_string(copy.relid), std::to_string(reader), std::string(by_hand ? "t" : "f"), std::to_string(capture::part())})[0][0] == "t";
}

bool lock(const Copy &copy, bool wait)
{
	return pg::call(lock_relation, copy.relid, wait);
}

void compare(const Copy &which, Snapshot snapshot)
{
	pg::Identity superuser(BOOTSTRAP_SUPERUSERID);
	pg::with_spi([&] {
		pg::Rows rows = pg::query_latest(std::string("SELECT ") + kept_columns + ", state FROM pgtrickle.copy WHERE relid = $1::oid", {std::to_string(which.relid)});
		if (rows.empty())
			pg::fail(ERRCODE_UNDEFINED_TABLE, "the copy of " + pg::relation_name(which.source) + " does not exist any more");
		const auto &row = rows[0];
		Kept copy = kept(row);
		pg::Text state = state_of(copy, snapshot);
		if (!copy.foreign && state && row[6] == state)
			return;
		note_comparison(copy, state);
		auto all = ephemerals(copy);
		Frame frame(all, snapshot);
		read_source(copy, frame);
		write_difference(copy, frame);
		frame.close();
	});
}

bool index_copy(Oid relid, const std::vector<int> &attributes, bool may_create)
{
	std::vector<Attribute> all = attributes_of(relid);
	std::vector<std::string> names;
	for (int number : attributes) {
		const Attribute &a = all[number - 1];
		if (!pg::has_order(a.type) || !(pg::is_fixed(a.type) || a.type == NUMERICOID))
			return false;
		names.push_back(pg::quote_ident(a.name));
	}
	if (may_create)
		pg::execute("CREATE INDEX ON " + pg::relation_name(relid) + " (" + pg::join(names, ", ") + ")");
	return may_create;
}

void drop_unused_copies()
{
	const std::string unused = " NOT EXISTS (SELECT FROM pgtrickle.reads r WHERE r.source = k.relid)";
	// Who begins to read one has its row locked, and is seen by a statement that begins after that.
	for (const auto &row : pg::query("SELECT k.relid FROM pgtrickle.copy k WHERE" + unused + " FOR UPDATE"))
		if (pg::value("DELETE FROM pgtrickle.copy k WHERE k.relid = $1::oid AND" + unused + " RETURNING 1", {*row[0]})) {
			Oid relid = Oid(std::stoul(*row[0]));
			capture::release(relid);
			capture::drop_member(relid);
		}
}

std::string describe(const Copy &copy, int reader)
{
	std::string name = pg::relation_name(copy.source);
	if (!copy.foreign)
		return "materialized view " + name + " is compared with a copy of it whenever it has been refreshed";
	pg::Text period = pg::value("SELECT schedule FROM pgtrickle.stream_table WHERE id = $1::int AND period IS NOT NULL", {std::to_string(reader)});
	bool tree = pg::call(get_rel_relkind, copy.source) != RELKIND_FOREIGN_TABLE;
	return (tree ? "table " + name + ", of which a foreign table is part," : "foreign table " + name) + " is read as a whole and compared with a copy of it " +
	       (period ? "at each refresh: every " + *period : "once a minute");
}

}  // namespace apply
