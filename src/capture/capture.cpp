// Installing, widening and removing capture.
#include "capture.h"

#include "log.h"
#include "rights.h"
#include "route.h"
#include "schedule/wake.h"

extern "C" {
#include "catalog/catalog.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "commands/trigger.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

#include <algorithm>
#include <iterator>
#include <set>

namespace capture {

namespace {

void add_member(Oid relid)
{
	ObjectAddress member{RelationRelationId, relid, 0};
	ObjectAddress extension{ExtensionRelationId, get_extension_oid("pg_trickle", false), 0};
	recordDependencyOn(&member, &extension, DEPENDENCY_EXTENSION);
	// Grants that pg_dump takes for the extension's own are not dumped either.
	recordExtObjInitPriv(relid, RelationRelationId);
}

// ALTER EXTENSION ADD, by which pg_upgrade makes it a member again, takes its row type along.
void remove_member(Oid relid)
{
	deleteDependencyRecordsForClass(RelationRelationId, relid, ExtensionRelationId, DEPENDENCY_EXTENSION);
	for (Oid type = get_rel_type_id(relid); OidIsValid(type); type = get_array_type(type))
		deleteDependencyRecordsForClass(TypeRelationId, type, ExtensionRelationId, DEPENDENCY_EXTENSION);
	CommandCounterIncrement();
}

}  // namespace

void join_extension(Oid relid)
{
	pg::call(add_member, relid);
}

void drop_member(Oid relid)
{
	bool sequence = pg::call(get_rel_relkind, relid) == RELKIND_SEQUENCE;
	pg::call(remove_member, relid);
	pg::execute((sequence ? "DROP SEQUENCE " : "DROP TABLE ") + pg::relation_name(relid));
}

namespace {

using Columns = std::set<AttrNumber>;

std::string log_name(Oid relid, int segment)
{
	return "pgtrickle_state.log_" + std::to_string(relid) + "_" + std::to_string(segment);
}

Columns parse_array(const std::string &text)
{
	Columns columns;
	for (size_t at = 1; at < text.size() && text[at] != '}';) {
		columns.insert(AttrNumber(std::stoi(text.substr(at))));
		at = text.find_first_of(",}", at);
		at += text[at] == ',';
	}
	return columns;
}

struct Captured {
	bool found = false;
	Columns columns;
};

Captured read_source(Oid relid)
{
	pg::Text columns = pg::value("SELECT columns FROM pgtrickle.source WHERE relid = $1::oid", {std::to_string(relid)});
	return columns ? Captured{true, parse_array(*columns)} : Captured{};
}

struct Facts {
	char kind, persistence;
	bool system;
};

Facts read_facts(Oid relid)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	if (!HeapTupleIsValid(tuple))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("relation with OID %u does not exist", relid)));
	auto *form = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple));
	Facts facts{form->relkind, form->relpersistence, IsCatalogRelationOid(relid)};
	ReleaseSysCache(tuple);
	return facts;
}

void check_kind(Oid relid)
{
	Facts facts = pg::call(read_facts, relid);
	std::string name = pg::call(get_rel_name, relid);
	if (facts.kind != RELKIND_RELATION && facts.kind != RELKIND_PARTITIONED_TABLE)
		pg::fail(ERRCODE_WRONG_OBJECT_TYPE, "changes of \"" + name + "\" cannot be captured",
		         "Only tables and partitioned tables have triggers that see every change.",
		         "Read the tables behind it, or use refresh_mode => 'FULL'.");
	if (facts.system)
		pg::fail(ERRCODE_FEATURE_NOT_SUPPORTED, "changes of system catalog \"" + name + "\" cannot be captured", {},
		         "Use refresh_mode => 'FULL'.");
	if (facts.persistence == RELPERSISTENCE_TEMP)
		pg::fail(ERRCODE_FEATURE_NOT_SUPPORTED, "changes of temporary table \"" + name + "\" cannot be captured",
		         "A temporary table is seen by its own session only.", "Use a permanent table.");
	if (facts.persistence == RELPERSISTENCE_UNLOGGED)
		pg::fail(ERRCODE_FEATURE_NOT_SUPPORTED, "changes of unlogged table \"" + name + "\" cannot be captured",
		         "A crash of the server empties it without a change that could be seen.",
		         "Use ALTER TABLE " + pg::relation_name(relid) + " SET LOGGED.");
}

std::string column_definition(Oid relid, AttrNumber number)
{
	Oid type, collation;
	int32 typmod;
	pg::call(get_atttypetypmodcoll, relid, number, &type, &typmod, &collation);
	std::string definition = "a" + std::to_string(number) + " " + pg::type_name(type, typmod);
	if (OidIsValid(collation))
		definition += " COLLATE " + *pg::value("SELECT format('%I.%I', n.nspname, c.collname) FROM pg_collation c"
		                                       " JOIN pg_namespace n ON n.oid = c.collnamespace WHERE c.oid = $1::oid",
		                                       {std::to_string(collation)});
	return definition;
}

// A log is written at its end, read by index and emptied by truncation: there is nothing for autovacuum to do.
void create_segment(Oid relid, int number, const Columns &columns)
{
	std::string sql = "CREATE TABLE " + log_name(relid, number) + " (xid xid8 NOT NULL, part int4 NOT NULL, w int2 NOT NULL";
	for (AttrNumber column : columns)
		sql += ", " + column_definition(relid, column);
	pg::execute(sql + ") WITH (autovacuum_enabled = false, toast.autovacuum_enabled = false)");
	pg::execute("CREATE INDEX ON " + log_name(relid, number) + " (xid)");
	join_extension(pg::call(segment_of, relid, number));
}

void widen_segment(Oid relid, int number, const Columns &columns)
{
	std::vector<std::string> clauses;
	for (AttrNumber column : columns)
		clauses.push_back("ADD COLUMN " + column_definition(relid, column));
	pg::execute("ALTER TABLE " + log_name(relid, number) + " " + pg::join(clauses, ", "));
}

std::string trigger_name(Oid root)
{
	return "pg_trickle_" + std::to_string(root);
}

bool has_trigger(Oid relid, const std::string &name)
{
	return OidIsValid(pg::call(get_trigger_oid, relid, name.c_str(), true));
}

// DROP EXTENSION takes the trigger along without CASCADE.  ALTER TRIGGER … DEPENDS ON would keep readers out.
void go_with_extension(Oid trigger)
{
	ObjectAddress from{TriggerRelationId, trigger, 0};
	ObjectAddress extension{ExtensionRelationId, get_extension_oid("pg_trickle", false), 0};
	recordDependencyOn(&from, &extension, DEPENDENCY_AUTO_EXTENSION);
}

void create_trigger(Oid relid, const std::string &name, const std::string &event, Oid root)
{
	std::string table = pg::relation_name(relid);
	pg::execute("CREATE TRIGGER " + name + " AFTER " + event + " EXECUTE FUNCTION pgtrickle._log_change(" +
	            pg::quote_literal(std::to_string(root)) + ")");
	pg::execute("ALTER TABLE " + table + " ENABLE ALWAYS TRIGGER " + name);
	pg::call(go_with_extension, pg::call(get_trigger_oid, relid, name.c_str(), false));
}

// One relation of the tree.  The row trigger of a partitioned table is cloned to its partitions by the
// server; TRUNCATE triggers are not, and neither is anything to children by inheritance.
bool lacks_triggers(Oid relid, Oid root)
{
	return !has_trigger(relid, trigger_name(root)) || !has_trigger(relid, trigger_name(root) + "_truncate");
}

void install_triggers(Oid relid, Oid root)
{
	std::string name = trigger_name(root), table = pg::relation_name(relid);
	if (!has_trigger(relid, name))
		create_trigger(relid, name, "INSERT OR UPDATE OR DELETE ON " + table + " FOR EACH ROW", root);
	if (!has_trigger(relid, name + "_truncate"))
		create_trigger(relid, name + "_truncate", "TRUNCATE ON " + table + " FOR EACH STATEMENT", root);
}

// Triggers that came with a dump name relations of another database.
pg::Rows strangers(Oid relid)
{
	return pg::query(
	    "SELECT t.tgname FROM pg_trigger t WHERE t.tgrelid = $1::oid AND t.tgfoid = 'pgtrickle._log_change'::regproc"
	    " AND t.tgparentid = 0 AND NOT EXISTS (SELECT FROM pgtrickle.source s"
	    " WHERE t.tgname IN ('pg_trickle_' || s.relid, 'pg_trickle_' || s.relid || '_truncate'))",
	    {std::to_string(relid)});
}

void drop_strangers(Oid relid)
{
	for (const auto &row : strangers(relid))
		pg::execute("DROP TRIGGER " + pg::quote_ident(*row[0]) + " ON " + pg::relation_name(relid));
}

std::vector<Oid> oids(const List *list)
{
	std::vector<Oid> out;
	for (int i = 0; i < list_length(list); i++)
		out.push_back(list_nth_oid(list, i));
	return out;
}

// The relation and all below it, itself first.
std::vector<Oid> tree(Oid relid, LOCKMODE lock)
{
	return oids(pg::call(find_all_inheritors, relid, lock, static_cast<List **>(nullptr)));
}

bool is_whole(Oid relid, const Captured &captured, const Columns &wanted)
{
	if (!captured.found || !std::includes(captured.columns.begin(), captured.columns.end(), wanted.begin(), wanted.end()))
		return false;
	std::vector<Oid> relids = tree(relid, AccessShareLock);
	return std::none_of(relids.begin(), relids.end(), [relid](Oid member) { return lacks_triggers(member, relid); });
}

// From here to the end of the transaction nobody truncates what the new consumer will have to read.
void hold_segments(Oid relid)
{
	for (int number : {0, 1})
		pg::call(LockRelationOid, pg::call(segment_of, relid, number), LOCKMODE{AccessShareLock});
}

void install(Oid relid, const Columns &wanted)
{
	std::vector<Oid> relids = tree(relid, ShareRowExclusiveLock);
	Captured captured = read_source(relid);
	Columns columns = captured.columns;
	columns.insert(wanted.begin(), wanted.end());

	Columns added;
	std::set_difference(columns.begin(), columns.end(), captured.columns.begin(), captured.columns.end(),
	                    std::inserter(added, added.end()));

	flush();
	pg::call(close_logs);
	for (int number : {0, 1}) {
		if (!captured.found)
			create_segment(relid, number, columns);
		else if (!added.empty())
			widen_segment(relid, number, added);
	}
	pg::query("INSERT INTO pgtrickle.source (relid, columns) VALUES ($1::oid, $2::int2[]) "
	          "ON CONFLICT (relid) DO UPDATE SET columns = excluded.columns",
	          {std::to_string(relid), pg::array_of(columns)});
	for (Oid member : relids) {
		drop_strangers(member);
		install_triggers(member, relid);
	}
	pg::call(CacheInvalidateRelcacheByRelid, relid);
	pg::call(CommandCounterIncrement);
}

void drop_triggers(Oid relid, Oid root)
{
	std::string name = trigger_name(root), table = pg::relation_name(relid);
	// The row trigger of a partition is its parent's, and goes with that.
	if (has_trigger(relid, name) && (relid == root || !pg::call(get_rel_relispartition, relid)))
		pg::execute("DROP TRIGGER " + name + " ON " + table);
	if (has_trigger(relid, name + "_truncate"))
		pg::execute("DROP TRIGGER " + name + "_truncate ON " + table);
}

void uninstall(Oid relid)
{
	flush();
	pg::call(close_logs);
	pg::query("DELETE FROM pgtrickle.source WHERE relid = $1::oid", {std::to_string(relid)});
	if (pg::call(get_rel_relkind, relid) != '\0') {
		for (Oid member : tree(relid, AccessExclusiveLock))
			drop_triggers(member, relid);
		pg::call(CacheInvalidateRelcacheByRelid, relid);
	}
	for (int number : {0, 1})
		if (Oid log = pg::call(segment_of, relid, number); OidIsValid(log))
			drop_member(log);
}

}  // namespace

bool has_strangers(Oid relid)
{
	bool found = false;
	as_owner([&] {
		for (Oid member : tree(relid, AccessShareLock))
			found = found || !strangers(member).empty();
	});
	return found;
}

bool is_captured(Oid relid, const std::vector<AttrNumber> &columns)
{
	bool captured = false;
	as_owner([&] { captured = is_whole(relid, read_source(relid), Columns(columns.begin(), columns.end())); });
	return captured;
}

void ensure(Oid relid, const std::vector<AttrNumber> &columns)
{
	check_kind(relid);
	as_owner([&] {
		Columns wanted(columns.begin(), columns.end());
		if (!is_whole(relid, read_source(relid), wanted))
			install(relid, wanted);
		hold_segments(relid);
	});
}

void release(Oid relid)
{
	as_owner([&] {
		if (!pg::value("SELECT 1 FROM pgtrickle.reads WHERE source = $1::oid LIMIT 1", {std::to_string(relid)}))
			uninstall(relid);
	});
}

std::string batch_sql(Oid relid, const std::vector<AttrNumber> &columns)
{
	std::string list;
	for (AttrNumber column : columns)
		list += "a" + std::to_string(column) + ", ";
	std::vector<std::string> branches;
	for (int number : {0, 1})
		for (const char *condition : {"xid >= $1", "xid = ANY ($2)", "xid = $3 AND part > $4"})
			branches.push_back("SELECT " + list + "w::int8 FROM " + log_name(relid, number) + " WHERE " + condition);
	return pg::join(branches, "\nUNION ALL ");
}

int part()
{
	return log_part();
}

bool marked()
{
	return log_marked();
}

void next_part()
{
	flush();
	next_log_part();
}

bool any_touched()
{
	return log_touched();
}

int64 rows_touched()
{
	return log_rows_touched();
}

std::vector<Oid> touched()
{
	return oids(take_touched());
}

bool any_written()
{
	return log_written() != NIL;
}

std::vector<Oid> written()
{
	return oids(log_written());
}

void flush()
{
	pg::call(flush_logs);
}

void mark_rebuild(Oid relid)
{
	pg::call(log_rebuild, relid);
}

void repair(Oid relid, AttrNumber column)
{
	as_owner([&] {
		if (!read_source(relid).columns.contains(column))
			return;
		for (int number : {0, 1}) {
			pg::Rows misfits = pg::query(
			    "SELECT l.attname FROM pg_catalog.pg_attribute l LEFT JOIN pg_catalog.pg_attribute s"
			    " ON s.attrelid = $1::oid AND 'a' || s.attnum = l.attname AND NOT s.attisdropped"
			    " WHERE l.attrelid = $2::oid AND l.attname ~ '^a[0-9]+$' AND NOT l.attisdropped"
			    " AND (s.atttypid, s.atttypmod, s.attcollation) IS DISTINCT FROM (l.atttypid, l.atttypmod, l.attcollation)",
			    {std::to_string(relid), std::to_string(pg::call(segment_of, relid, number))});
			for (const auto &row : misfits) {
				AttrNumber misfit = AttrNumber(std::stoi(row[0]->substr(1)));
				pg::execute("ALTER TABLE " + log_name(relid, number) + " DROP COLUMN " + *row[0]);
				if (pg::call(get_atttype, relid, misfit) != InvalidOid)
					widen_segment(relid, number, {misfit});
			}
		}
		mark_rebuild(relid);
	});
}

void follow_columns(Oid relid)
{
	as_owner([&] {
		pg::query("SELECT pgtrickle._follow_columns(relid::regclass) FROM pgtrickle.publication WHERE relid = $1::oid", {std::to_string(relid)});
	});
}

void note_refreshed(Oid matview)
{
	as_owner([&] {
		for (const auto &row : pg::query("SELECT relid FROM pgtrickle.copy WHERE source = $1::oid", {std::to_string(matview)}))
			schedule::note_change(Oid(std::stoul(*row[0])));
	});
}

void rebuild_with_type(Oid type)
{
	as_owner([&] {
		for (const auto &row : pg::query("SELECT s.relid FROM pgtrickle.source s WHERE EXISTS (SELECT FROM pg_catalog.pg_attribute a"
		                                 " JOIN pg_catalog.pg_type y ON y.oid = a.atttypid WHERE a.attrelid = s.relid"
		                                 " AND a.attnum = ANY (s.columns) AND $1::oid IN (y.oid, y.typelem, y.typbasetype))",
		                                 {std::to_string(type)}))
			mark_rebuild(Oid(std::stoul(*row[0])));
	});
}

void stay_enabled(Oid relid, Oid root)
{
	as_owner([&] {
		for (const std::string &name : {trigger_name(root), trigger_name(root) + "_truncate"})
			if (has_trigger(relid, name))
				pg::execute("ALTER TABLE " + pg::relation_name(relid) + " ENABLE ALWAYS TRIGGER " + name);
	});
}

void refuse_unlogged(Oid relid, Oid root)
{
	pg::fail(ERRCODE_FEATURE_NOT_SUPPORTED, "table " + pg::relation_name(relid) + " cannot become unlogged while its changes are captured",
	         "A crash of the server empties an unlogged table without a change that could be seen.",
	         "Drop or unpublish what follows it first: SELECT consumer FROM pgtrickle.change_log_sizes() "
	         "WHERE source_table = " + pg::quote_literal(pg::relation_name(root)) + "::regclass.");
}

void disown(Oid relid, Oid root)
{
	as_owner([&] {
		std::vector<Oid> members = tree(root, AccessShareLock);
		if (std::find(members.begin(), members.end(), relid) == members.end())
			for (Oid member : tree(relid, AccessExclusiveLock))
				drop_triggers(member, root);
		mark_rebuild(root);
	});
}

void adopt(Oid relid, bool brings_rows)
{
	as_owner([&] {
		pg::Rows roots = pg::query("WITH RECURSIVE above(relid) AS (SELECT inhparent FROM pg_catalog.pg_inherits WHERE inhrelid = $1::oid"
		                           " UNION SELECT i.inhparent FROM pg_catalog.pg_inherits i JOIN above a ON i.inhrelid = a.relid)"
		                           " SELECT s.relid FROM pgtrickle.source s JOIN above USING (relid)",
		                           {std::to_string(relid)});
		for (const auto &row : roots) {
			Oid root = Oid(std::stoul(*row[0]));
			for (Oid member : tree(relid, ShareRowExclusiveLock))
				install_triggers(member, root);
			if (brings_rows)
				mark_rebuild(root);
		}
	});
}

}  // namespace capture

static std::vector<AttrNumber> column_numbers(Datum datum)
{
	Datum *values;
	int count;
	pg::call(deconstruct_array_builtin, static_cast<ArrayType *>(static_cast<void *>(pg::call(pg_detoast_datum, reinterpret_cast<struct varlena *>(DatumGetPointer(datum))))),
	         Oid{INT2OID}, &values, static_cast<bool **>(nullptr), &count);
	std::vector<AttrNumber> numbers;
	for (int i = 0; i < count; i++)
		numbers.push_back(DatumGetInt16(values[i]));
	return numbers;
}

PGT_FUNCTION(capture_ensure)
{
	capture::ensure(PG_GETARG_OID(0), column_numbers(PG_GETARG_DATUM(1)));
	PG_RETURN_VOID();
}

PGT_FUNCTION(capture_release)
{
	capture::release(PG_GETARG_OID(0));
	PG_RETURN_VOID();
}

PGT_FUNCTION(capture_drain)
{
	capture::drain();
	PG_RETURN_VOID();
}

PGT_FUNCTION(capture_batch_query)
{
	std::string sql = capture::batch_sql(PG_GETARG_OID(0), column_numbers(PG_GETARG_DATUM(1)));
	return PointerGetDatum(pg::call(cstring_to_text, sql.c_str()));
}
