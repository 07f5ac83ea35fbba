#include "reshape.h"

#include "apply/refresh.h"
#include "pg/spi.hpp"
#include "pg/sql.hpp"

extern "C" {
#include "access/table.h"
#include "rewrite/rewriteHandler.h"
#include "utils/rel.h"
}

#include <algorithm>

namespace view {

namespace {

struct Column {
	std::string name, identity, type;    // identity: type, modifier and collation
	std::string number;

	std::string quoted() const { return pg::quote_ident(name); }
	std::string defined() const { return quoted() + " " + type; }
};

using Columns = std::vector<Column>;

Columns columns_of(Oid relid)
{
	Columns out;
	for (const auto &row : pg::query("SELECT a.attname, concat_ws(' ', a.atttypid, a.atttypmod, a.attcollation), format_type(a.atttypid, a.atttypmod) || "
	                                 "CASE WHEN a.attcollation <> y.typcollation THEN format(' COLLATE %I.%I', n.nspname, c.collname) ELSE '' END, a.attnum "
	                                 "FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type y ON y.oid = a.atttypid "
	                                 "LEFT JOIN pg_catalog.pg_collation c ON c.oid = a.attcollation LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.collnamespace "
	                                 "WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
	                                 {std::to_string(relid)}))
		out.push_back({*row[0], *row[1], *row[2], *row[3]});
	return out;
}

size_t find(const Columns &columns, const std::string &name, size_t from = 0)
{
	return std::find_if(columns.begin() + std::min(from, columns.size()), columns.end(), [&](const Column &c) { return c.name == name; }) - columns.begin();
}

bool has(const Columns &columns, const std::string &name)
{
	return find(columns, name) < columns.size();
}

// Names of GROUP BY's columns are those of the select list.
void without_names(::Query *query)
{
	ListCell *cell;
	foreach (cell, query->rtable)
		if (auto *entry = lfirst_node(RangeTblEntry, cell); entry->rtekind == RTE_GROUP)
			entry->eref = nullptr;
}

// Pairs of places, from 0, of columns that both queries compute alike.
List *computed_alike(const ::Query *before, const ::Query *after)
{
	auto *a = static_cast<::Query *>(copyObjectImpl(before)), *b = static_cast<::Query *>(copyObjectImpl(after));
	without_names(a);
	without_names(b);
	List *pairs = NIL;
	if (!equal(a->rtable, b->rtable))
		return pairs;
	for (int i = 0; i < list_length(a->targetList); i++)
		for (int j = 0; j < list_length(b->targetList); j++) {
			auto *x = list_nth_node(TargetEntry, a->targetList, i), *y = list_nth_node(TargetEntry, b->targetList, j);
			if (!x->resjunk && !y->resjunk && equal(x->expr, y->expr))
				pairs = lappend_int(lappend_int(pairs, i), j);
		}
	return pairs;
}

struct Change {
	Column from, to;
};

struct Plan {
	std::vector<Change> renamed, retyped, moved;
	Columns dropped, added;    // what is moved is added too
};

// A column of the former query that the new one has under another name only.
std::vector<Change> renamings(const Columns &old, const Columns &wanted, const ::Query *before, const ::Query *after)
{
	std::vector<Change> out;
	List *pairs = pg::call(computed_alike, before, after);
	for (int i = 0; i + 1 < list_length(pairs); i += 2) {
		const Column &from = old[list_nth_int(pairs, i)], &to = wanted[list_nth_int(pairs, i + 1)];
		bool used = std::any_of(out.begin(), out.end(), [&](const Change &c) { return c.from.name == from.name || c.to.name == to.name; });
		if (!used && from.identity == to.identity && !has(wanted, from.name) && !has(old, to.name))
			out.push_back({from, to});
	}
	return out;
}

Plan plan(Columns old, const Columns &wanted, const ::Query *before, const ::Query *after)
{
	Plan plan;
	plan.renamed = renamings(old, wanted, before, after);
	for (const Change &change : plan.renamed)
		old[find(old, change.from.name)].name = change.to.name;
	std::vector<bool> stays(old.size());
	size_t kept = 0;
	for (size_t at = 0; kept < wanted.size(); kept++) {
		at = find(old, wanted[kept].name, at);
		if (at == old.size())
			break;
		if (old[at].identity != wanted[kept].identity)
			plan.retyped.push_back({old[at], wanted[kept]});
		stays[at++] = true;
	}
	plan.added.assign(wanted.begin() + kept, wanted.end());
	for (size_t i = 0; i < old.size(); i++) {
		size_t again = find(plan.added, old[i].name);
		if (!stays[i] && again < plan.added.size() && plan.added[again].identity == old[i].identity)
			plan.moved.push_back({old[i], plan.added[again]});
		else if (!stays[i])
			plan.dropped.push_back(old[i]);
	}
	return plan;
}

// What hangs on a column and would not go or follow by itself; moves: what could not be made again either.
pg::Text reader_of(Oid table, const Column &column, bool moves)
{
	return pg::value(
	    "SELECT string_agg(DISTINCT coalesce('stream table ' || t.relid::regclass, CASE WHEN w.oid IS NOT NULL THEN 'view ' || w.ev_class::regclass END, "
	    "pg_describe_object(d.classid, d.objid, d.objsubid)), ', ') FROM pg_catalog.pg_depend d "
	    "LEFT JOIN pg_catalog.pg_rewrite w ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND w.oid = d.objid "
	    "LEFT JOIN pgtrickle.stream_table t ON t.definition = w.ev_class "
	    "WHERE d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = $1::oid AND d.refobjsubid = $2::int "
	    "AND (d.deptype = 'n' OR ($3::bool AND NOT EXISTS (SELECT FROM pg_catalog.pg_class i WHERE d.classid = 'pg_catalog.pg_class'::regclass "
	    "AND i.oid = d.objid AND i.relkind = 'i')))",
	    {std::to_string(table), column.number, std::string(moves ? "t" : "f")});
}

void refuse_if_read(Oid table, const Column &column, bool moves, const std::string &what, const std::string &instead)
{
	pg::Text reader = reader_of(table, column, moves);
	if (reader)
		pg::fail(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST, "column \"" + column.name + "\" of stream table " + pg::relation_name(table) + " " + what,
		         "It is needed by " + *reader + ".", instead + ", or drop what needs it first.");
}

void refuse_if_read(Oid table, const Plan &plan)
{
	for (const Column &column : plan.dropped)
		if (has(plan.added, column.name))
			refuse_if_read(table, column, false, "cannot be replaced by one of another type", "Keep its type in the new query");
		else
			refuse_if_read(table, column, false, "cannot be dropped", "Keep it in the new query");
	for (const auto &[from, to] : plan.retyped)
		refuse_if_read(table, from, false, "cannot change its type from " + from.type + " to " + to.type, "Cast it to " + from.type + " in the new query");
	for (const auto &[from, to] : plan.moved)
		refuse_if_read(table, from, true, "cannot move to the end", "Put new columns after those that are there");
}

// What makes again what hangs on a column that moves.
std::vector<std::string> belongings(Oid table, const Column &column)
{
	std::vector<std::string> out;
	std::vector<pg::Text> place{std::to_string(table), column.number};
	auto add = [&](const char *sql) {
		for (const auto &row : pg::query(sql, place))
			out.push_back(*row[0]);
	};
	add("SELECT pg_get_indexdef(i.indexrelid) FROM pg_catalog.pg_index i WHERE i.indrelid = $1::oid AND EXISTS (SELECT FROM pg_catalog.pg_depend d "
	    "WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = i.indexrelid AND d.refobjid = i.indrelid AND d.refobjsubid = $2::int) ORDER BY i.indexrelid");
	add("SELECT format('COMMENT ON COLUMN %s.%I IS %L', a.attrelid::regclass, a.attname, col_description(a.attrelid, a.attnum)) FROM pg_catalog.pg_attribute a "
	    "WHERE a.attrelid = $1::oid AND a.attnum = $2::int AND col_description(a.attrelid, a.attnum) IS NOT NULL");
	add("SELECT format('GRANT %s (%I) ON %s TO %s%s', x.privilege_type, a.attname, a.attrelid::regclass, "
	    "CASE WHEN x.grantee = 0 THEN 'PUBLIC' ELSE x.grantee::regrole::text END, CASE WHEN x.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) "
	    "FROM pg_catalog.pg_attribute a, aclexplode(a.attacl) x WHERE a.attrelid = $1::oid AND a.attnum = $2::int");
	return out;
}

// A value that the new type can hold stays; where one cannot all are NULL until the refresh.
void retype(const std::string &alter, const Change &change)
{
	std::string column = change.from.quoted(), type = alter + "ALTER COLUMN " + column + " TYPE " + change.to.type + " USING ";
	auto error = pg::attempt([&] { pg::with_spi([&] { pg::execute(type + column + "::" + change.to.type); }); });
	int state = error ? error->data()->sqlerrcode : 0;
	if (error && state != ERRCODE_CANNOT_COERCE && ERRCODE_TO_CATEGORY(state) != ERRCODE_DATA_EXCEPTION)
		throw *error;
	if (error)
		pg::execute(type + "NULL::" + change.to.type);
}

void add_at_the_end(const std::string &name, const std::string &alter, const Plan &plan)
{
	auto away = [](const Change &change) { return pg::quote_ident("pg_trickle_moved_" + change.from.number); };
	std::vector<std::string> added, values, gone;
	for (const Change &change : plan.moved)
		pg::execute(alter + "RENAME COLUMN " + change.from.quoted() + " TO " + away(change));
	for (const Column &column : plan.added)
		added.push_back("ADD COLUMN " + column.defined());
	if (!added.empty())
		pg::execute(alter + pg::join(added, ", "));
	for (const Change &change : plan.moved) {
		values.push_back(change.to.quoted() + " = " + away(change));
		gone.push_back("DROP COLUMN " + away(change));
	}
	if (!values.empty()) {
		pg::execute("UPDATE " + name + " SET " + pg::join(values, ", "));
		pg::execute(alter + pg::join(gone, ", "));
	}
}

void read_query(Oid view, ::Query **out)
{
	Relation relation = table_open(view, AccessShareLock);
	*out = static_cast<::Query *>(copyObjectImpl(get_view_query(relation)));
	table_close(relation, NoLock);
}

}  // namespace

::Query *stored_query(Oid view)
{
	::Query *query;
	pg::call(read_query, view, &query);
	return query;
}

bool has_columns_of(Oid table, Oid definition)
{
	Columns is = columns_of(table), wanted = columns_of(definition);
	return std::equal(is.begin(), is.end(), wanted.begin(), wanted.end(),
	                  [](const Column &a, const Column &b) { return a.name == b.name && a.identity == b.identity; });
}

void reshape(Oid table, Oid definition, const ::Query *before, const ::Query *after, Oid owner)
{
	Plan changes = plan(columns_of(table), columns_of(definition), before, after);
	refuse_if_read(table, changes);
	std::vector<std::string> again;
	for (const Change &change : changes.moved)
		for (const std::string &sql : belongings(table, change.from))
			again.push_back(sql);
	std::string name = pg::relation_name(table), alter = "ALTER TABLE " + name + " ";
	apply::Applying guard;
	pg::Identity as_owner(owner, true);    // what casts and indexes call is the owner's
	for (const auto &[from, to] : changes.renamed)
		pg::execute(alter + "RENAME COLUMN " + from.quoted() + " TO " + to.quoted());
	for (const Column &column : changes.dropped)
		pg::execute(alter + "DROP COLUMN " + column.quoted());
	for (const Change &change : changes.retyped)
		retype(alter, change);
	add_at_the_end(name, alter, changes);
	for (const std::string &sql : again)
		pg::execute(sql);
}

}  // namespace view
