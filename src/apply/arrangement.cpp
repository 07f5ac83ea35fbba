#include "arrangement.h"

#include "apply/copy.h"
#include "apply/frontier.h"
#include "capture/capture.h"
#include "pg/spi.hpp"
#include "pg/sql.hpp"

extern "C" {
#include "access/genam.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_am.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
}

#include <algorithm>

namespace apply {

namespace {

struct IndexFound {
	Oid index;
	int columns;             // leading columns that are in the key
};

// The index that covers most of the key with its leading columns.
void find_index(Oid relid, const int *key, int count, IndexFound *best)
{
	Relation relation = table_open(relid, AccessShareLock);
	ListCell *cell;
	foreach (cell, RelationGetIndexList(relation)) {
		Relation index = index_open(lfirst_oid(cell), AccessShareLock);
		Form_pg_index form = index->rd_index;
		bool usable = form->indisvalid && index->rd_rel->relam == BTREE_AM_OID && RelationGetIndexPredicate(index) == NIL;
		int columns = 0;
		while (usable && columns < form->indnkeyatts &&
		       std::find(key, key + count, form->indkey.values[columns]) != key + count &&
		       index->rd_indcollation[columns] == TupleDescAttr(RelationGetDescr(relation), form->indkey.values[columns] - 1)->attcollation)
			columns++;
		if (columns > best->columns)
			*best = {RelationGetRelid(index), columns};
		index_close(index, AccessShareLock);
	}
	table_close(relation, AccessShareLock);
}

struct PrimaryKey {
	int count;
	int attributes[INDEX_MAX_KEYS];
};

void find_primary_key(Oid relid, PrimaryKey *out)
{
	Relation relation = table_open(relid, AccessShareLock);
	out->count = 0;
	// The key of a table that others inherit from is unique in each of them alone.
	if (relation->rd_rel->relkind == RELKIND_RELATION && find_inheritance_children(relid, NoLock) != NIL) {
		table_close(relation, AccessShareLock);
		return;
	}
	Bitmapset *key = OidIsValid(RelationGetPrimaryKeyIndex(relation, false))
	                     ? RelationGetIndexAttrBitmap(relation, INDEX_ATTR_BITMAP_PRIMARY_KEY)
	                     : nullptr;
	if (key == nullptr)
		key = RelationGetIndexAttrBitmap(relation, INDEX_ATTR_BITMAP_IDENTITY_KEY);
	for (int member = -1; (member = bms_next_member(key, member)) >= 0;)
		out->attributes[out->count++] = member + FirstLowInvalidHeapAttributeNumber;
	table_close(relation, AccessShareLock);
}

struct AttributeType {
	Oid type, collation;
	int32 typmod;
};

AttributeType type_of(Oid relid, int attribute)
{
	AttributeType out;
	pg::call(get_atttypetypmodcoll, relid, AttrNumber(attribute), &out.type, &out.typmod, &out.collation);
	return out;
}

std::string numbered(int attribute)
{
	return "a" + std::to_string(attribute);
}

std::vector<int> from_array(const std::string &text)
{
	std::vector<int> out;
	for (size_t at = 1; at < text.size() && text[at] != '}';) {
		size_t end = text.find_first_of(",}", at);
		out.push_back(std::stoi(text.substr(at, end - at)));
		at = end + 1;
	}
	return out;
}

std::string names_of(Oid relid, const std::vector<int> &attributes)
{
	std::vector<std::string> out;
	for (int attribute : attributes)
		out.push_back(pg::attribute_name(relid, attribute));
	return pg::join(out, ", ");
}

// An arrangement and the statements that keep it.
struct Arrangement {
	int id;
	std::string table;
	Oid source;
	std::vector<int> key, carries;
	bool by_identity;           // carries the primary key; otherwise everything, with copies counted
	bool wide = false;          // asked for hashes instead of values in its indexes
	bool apart = false;         // of IMMEDIATE stream tables

	std::vector<int> columns() const
	{
		std::vector<int> out = key;
		for (int attribute : carries)
			if (std::find(key.begin(), key.end(), attribute) == key.end())
				out.push_back(attribute);
		return out;
	}

	std::string list(const std::string &prefix) const
	{
		std::vector<std::string> out;
		for (int attribute : columns())
			out.push_back(prefix + numbered(attribute));
		return pg::join(out, ", ");
	}

	std::vector<query::Column> types() const
	{
		std::vector<query::Column> out;
		for (int attribute : columns()) {
			AttributeType t = type_of(source, attribute);
			out.push_back({numbered(attribute), t.type, t.typmod, t.collation, false});
		}
		return out;
	}

	std::string hash(const std::string &prefix) const
	{
		std::vector<std::string> out;
		for (int attribute : columns())
			out.push_back(prefix + numbered(attribute));
		return delta::hash_of(out, types());
	}

	// Rows that are near each other in the index come together.
	std::string order(const std::string &prefix) const
	{
		std::vector<std::string> out;
		for (int attribute : columns())
			if (pg::has_order(type_of(source, attribute).type))
				out.push_back(prefix + numbered(attribute));
		return out.empty() ? "" : " ORDER BY " + pg::join(out, ", ");
	}

	std::string key_present(const std::string &prefix) const
	{
		std::vector<std::string> out;
		for (int attribute : key)
			out.push_back(prefix + numbered(attribute) + " IS DISTINCT FROM NULL");
		return delta::and_all(out);
	}

	std::string same_row(const std::string &a, const std::string &b) const
	{
		std::vector<std::string> out;
		for (int attribute : columns()) {
			Oid type = type_of(source, attribute).type;
			std::string left = a + numbered(attribute), right = b + numbered(attribute);
			out.push_back(by_identity ? pg::equal(type, left, right) : delta::exactly_same({"", type, -1, 0, false}, left, right));
		}
		return by_identity ? delta::and_all(out) : a + "h = " + b + "h AND " + delta::recheck(out);
	}

	// The column that a hash index is on: the first that may be long, where wide is asked for; 0: none.
	int hashed() const
	{
		auto found = std::find_if(key.begin(), key.end(), [&](int attribute) {
			Oid type = type_of(source, attribute).type;
			return wide && !pg::is_fixed(type) && pg::has_hash(type);
		});
		return found == key.end() ? 0 : *found;
	}

	// What it is made for, by numbers, which no new name changes.
	std::string layout() const
	{
		std::string out = by_identity ? "identity" : "copies";
		if (apart)
			out += " apart";
		if (int attribute = hashed())
			out += " hashed " + std::to_string(attribute);
		for (int attribute : columns()) {
			AttributeType t = type_of(source, attribute);
			out += " " + std::to_string(attribute) + ":" + std::to_string(t.type) + ":" + std::to_string(t.typmod) + ":" +
			       std::to_string(t.collation);
		}
		return out;
	}

	std::string create() const
	{
		std::vector<std::string> definitions;
		for (int attribute : columns()) {
			AttributeType t = type_of(source, attribute);
			definitions.push_back(numbered(attribute) + " " + pg::type_name(t.type, t.typmod) +
			                      delta::collation({"", t.type, t.typmod, t.collation, false}));
		}
		if (!by_identity) {
			definitions.push_back("h int8 NOT NULL");
			definitions.push_back("n int8 NOT NULL");
		}
		return "CREATE TABLE " + table + " (" + pg::join(definitions, ", ") + ")";
	}

	// Made after a fill: sorting costs less than descending row by row.
	std::vector<std::string> index() const
	{
		std::vector<std::string> index;
		for (int attribute : key)
			index.push_back(numbered(attribute));
		for (int attribute : columns())
			if (by_identity && std::find(key.begin(), key.end(), attribute) == key.end())
				index.push_back(numbered(attribute));
		if (!by_identity)
			index.push_back("h");
		std::string on = "CREATE INDEX ON " + table;
		if (int attribute = hashed()) {
			std::vector<std::string> rest;
			for (int carried : carries)
				rest.push_back(numbered(carried));
			return {on + " USING hash (" + numbered(attribute) + ")", on + " (" + (by_identity ? pg::join(rest, ", ") : "h") + ")"};
		}
		return {on + " (" + pg::join(index, ", ") + ")"};
	}

	std::vector<std::string> filled() const
	{
		std::vector<std::string> out;
		for (int attribute : columns())
			out.push_back(numbered(attribute));
		if (!by_identity)
			out.insert(out.end(), {"h", "n"});
		return out;
	}

	std::string fill() const
	{
		std::vector<std::string> as;
		for (int attribute : columns())
			as.push_back("t." + pg::quote_ident(pg::attribute_name(source, attribute)) + " AS " + numbered(attribute));
		std::string rows = " FROM (SELECT " + pg::join(as, ", ") + " FROM " + pg::relation_name(source) + " t) x WHERE " + key_present("x.");
		if (by_identity)
			return "SELECT " + list("x.") + rows + order("x.");
		delta::Alike once = delta::alike("x", types(), true);
		return "SELECT " + list("y.") + ", " + hash("y.") + " AS h, y.n FROM (SELECT " + pg::join(once.shown, ", ") + ", count(*) AS n" + rows +
		       " GROUP BY " + pg::join(once.by, ", ") + ") y" + order("y.");
	}

	std::vector<delta::Statement> changes() const
	{
		auto modify = [](std::string sql) { return delta::Statement{std::move(sql), {}, {}, {"z_b"}, {}, true}; };
		if (by_identity)
			return {modify("DELETE FROM " + table + " s USING z_b b WHERE b.w < 0 AND " + same_row("s.", "b.")),
			        modify("INSERT INTO " + table + " (" + list("") + ") SELECT " + list("b.") +
			               " FROM z_b b WHERE b.w > 0 AND " + key_present("b.") + order("b."))};
		std::string change = delta::consolidated("(SELECT * FROM z_b b WHERE " + key_present("b.") + ")", types(), true);
		return {modify("MERGE INTO " + table + " s USING (SELECT " + hash("y.") + " AS h, y.* FROM (" + change + ") y" + order("y.") + ") u ON " +
		               same_row("s.", "u.") +
		               " WHEN MATCHED AND s.n + u.w = 0 THEN DELETE WHEN MATCHED THEN UPDATE SET n = s.n + u.w"
		               " WHEN NOT MATCHED THEN INSERT (" + list("") + ", h, n) VALUES (" + list("u.") + ", u.h, u.w)")};
	}
};

// What a backend keeps of an arrangement, for as long as that is the same table: an extension that is dropped and
// created again counts its arrangements from the beginning.
struct Kept {
	Oid table;
	Arrangement arrangement;
	std::map<std::string, delta::Ephemeral> ephemerals;
	Prepared batch, consolidate;
	std::vector<Prepared> changes;
};

std::map<int, Kept> &kept()
{
	static auto &all = *new std::map<int, Kept>;
	return all;
}

Arrangement read_arrangement(int id)
{
	pg::Rows rows = pg::query("SELECT relid, source, key, carries, layout LIKE 'identity %', layout LIKE '% hashed %' FROM pgtrickle.arrangement WHERE id = $1::int",
	                          {std::to_string(id)});
	if (rows.empty())
		pg::fail(ERRCODE_UNDEFINED_OBJECT, "arrangement " + std::to_string(id) + " does not exist");
	return {id, "pgtrickle_state.a_" + std::to_string(id), Oid(std::stoul(*rows[0][1])), from_array(*rows[0][2]),
	        from_array(*rows[0][3]), *rows[0][4] == "t", *rows[0][5] == "t"};
}

Oid table_of(int id)
{
	std::string name = "a_" + std::to_string(id);
	return pg::call(get_relname_relid, name.c_str(), pg::call(get_namespace_oid, "pgtrickle_state", false));
}

Kept &load(int id)
{
	Oid table = table_of(id);
	auto found = kept().find(id);
	if (found != kept().end() && found->second.table == table)
		return found->second;
	kept().erase(id);
	Kept one{table, read_arrangement(id), {}, {}, {}, {}};
	std::vector<int> numbers = one.arrangement.columns();
	std::vector<AttrNumber> attributes(numbers.begin(), numbers.end());
	std::vector<query::Column> columns = one.arrangement.types();
	columns.push_back(delta::int8_column("w"));
	one.ephemerals["z_b"] = one.ephemerals["z_raw"] = {columns};
	one.batch = batch_statement(one.arrangement.source, attributes, "z_raw");
	one.consolidate = consolidation("z_raw", "z_b", columns);
	for (auto &statement : one.arrangement.changes())
		one.changes.emplace_back(std::move(statement), std::vector<Oid>{});
	return kept().emplace(id, std::move(one)).first->second;
}

int create(Oid source, const std::vector<int> &key, const std::vector<int> &carries, bool by_identity, bool wide, bool apart)
{
	pg::Identity superuser(BOOTSTRAP_SUPERUSERID);
	int id = std::stoi(*pg::value("INSERT INTO pgtrickle.consumer (kind) VALUES ('arrangement') RETURNING id"));
	Arrangement a{id, "pgtrickle_state.a_" + std::to_string(id), source, key, carries, by_identity, wide, apart};
	pg::query("INSERT INTO pgtrickle.reads (consumer, source, columns) VALUES ($1::int, $2::oid, $3::int2[])",
	          {std::to_string(id), std::to_string(source), pg::array_of(a.columns())});
	pg::execute(a.create());
	Oid relid = std::stoul(*pg::value("SELECT $1::regclass::oid", {a.table}));
	capture::join_extension(relid);
	pg::query("INSERT INTO pgtrickle.arrangement (id, relid, source, key, carries, layout) "
	          "VALUES ($1::int, $2::oid, $3::oid, $4::int2[], $5::int2[], $6)",
	          {std::to_string(id), std::to_string(relid), std::to_string(source), pg::array_of(key), pg::array_of(carries), a.layout()});
	return id;
}

// One that is there and still has the shape it would be made with; 0: none.
int find(Oid source, const std::vector<int> &key, const std::vector<int> &carries, bool by_identity, bool wide, bool apart)
{
	pg::Rows rows = pg::query_latest("SELECT id, carries, layout FROM pgtrickle.arrangement WHERE source = $1::oid AND key = $2::int2[] "
	                          "AND carries @> $3::int2[] ORDER BY id",
	                          {std::to_string(source), pg::array_of(key), pg::array_of(carries)});
	for (const auto &row : rows) {
		Arrangement a{std::stoi(*row[0]), {}, source, key, from_array(*row[1]), by_identity, wide, apart};
		if ((!by_identity || a.carries == carries) && a.layout() == *row[2])
			return a.id;
	}
	return 0;
}

}  // namespace

Prepared batch_statement(Oid source, const std::vector<AttrNumber> &attributes, const std::string &into)
{
	delta::Statement statement;
	statement.sql = capture::batch_sql(source, attributes);
	statement.into = into;
	return {std::move(statement), {XID8OID, XID8ARRAYOID, XID8OID, INT4OID}};
}

Prepared consolidation(const std::string &from, const std::string &into, const std::vector<query::Column> &columns)
{
	delta::Statement statement;
	statement.reads = {from};
	statement.into = into;
	statement.sql = delta::consolidated(from, {columns.begin(), columns.end() - 1}, true);
	return {std::move(statement), {}};
}

delta::Access Arrangements::access(Oid relation, const std::set<int> &key, const std::vector<int> &needed)
{
	delta::Access out;
	std::vector<int> attributes(key.begin(), key.end());
	IndexFound index{InvalidOid, 0};
	pg::call(find_index, relation, static_cast<const int *>(attributes.data()), int(attributes.size()), &index);
	std::string names = names_of(relation, attributes);
	if (OidIsValid(index.index)) {
		out.how = delta::Access::How::index;
		out.note = "rows by (" + names + ") through index " + pg::relation_name(index.index);
		return out;
	}
	if (OidIsValid(source_of_copy(relation)) && index_copy(relation, attributes, may_create_))
		return access(relation, key, needed);
	PrimaryKey primary;
	pg::call(find_primary_key, relation, &primary);
	std::vector<int> identity(primary.attributes, primary.attributes + primary.count);
	std::vector<int> carries = identity.empty() ? needed : identity;
	std::sort(carries.begin(), carries.end());
	int id = find(relation, attributes, carries, !identity.empty(), wide_, apart_);
	if (id == 0 && may_create_)
		id = create(relation, attributes, carries, !identity.empty(), wide_, apart_);
	if (id == 0) {
		lacking_ = true;
		out.note = "rows by (" + names + ") through an arrangement that the next tick makes";
		return out;
	}
	used_.insert(id);
	counting_ = counting_ || identity.empty();
	out.how = delta::Access::How::arrangement;
	out.table = "pgtrickle_state.a_" + std::to_string(id);
	out.key = key;
	out.identity = identity;
	out.note = "rows by (" + names + ") through arrangement " + out.table + (wide_ ? " with hashed keys" : "");
	return out;
}

bool Arrangements::has_index(Oid relation, int attribute)
{
	IndexFound index{InvalidOid, 0};
	pg::call(find_index, relation, static_cast<const int *>(&attribute), 1, &index);
	return OidIsValid(index.index) || OidIsValid(source_of_copy(relation));
}

void advance(int id, const Frontier &from, Snapshot snapshot)
{
	pg::Identity superuser(BOOTSTRAP_SUPERUSERID);
	pg::with_spi([&] {
		Kept &one = load(id);
		Frame frame(one.ephemerals, snapshot);
		bool rebuild = !from.populated;
		Changes changes = Changes::none;
		if (!rebuild) {
			BatchParameters parameters = batch_parameters(from);
			changes = frame.read_batch(one.batch, one.consolidate, parameters.values, parameters.nulls);
			rebuild = changes == Changes::everything;
		}
		if (rebuild) {
			for (const auto &row : pg::query("SELECT indexrelid::regclass FROM pg_catalog.pg_index WHERE indrelid = $1::oid", {std::to_string(one.table)}))
				pg::execute("DROP INDEX " + *row[0]);
			pg::execute("TRUNCATE " + one.arrangement.table);
			frame.fill(one.arrangement.table, one.arrangement.filled(), one.arrangement.fill(), Rows::all);
			for (const auto &sql : one.arrangement.index())
				pg::execute(sql);
			analyze(one.arrangement.table, Columns::indexed);
		} else if (frame.rows("z_b") > 0)
			for (Prepared &change : one.changes)
				if (changes != Changes::inserts || !change.statement.sql.starts_with("DELETE"))
					frame.run(change, {});
		frame.close();
	});
}

void drop_unused()
{
	pg::Rows rows = pg::query("DELETE FROM pgtrickle.consumer c USING pgtrickle.arrangement a WHERE c.id = a.id "
	                          "AND NOT EXISTS (SELECT FROM pgtrickle.uses u WHERE u.arrangement = a.id) "
	                          "RETURNING a.id, a.source, a.relid");
	for (const auto &row : rows) {
		kept().erase(std::stoi(*row[0]));
		capture::drop_member(std::stoul(*row[2]));
		capture::release(std::stoul(*row[1]));
	}
}

}  // namespace apply
