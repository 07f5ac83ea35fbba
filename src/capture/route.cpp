#include "route.h"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

#include <new>

namespace capture {

namespace {

// Attributes of pgtrickle.source.
enum { source_relid = 1, source_columns, source_active, source_natts = source_active };

// A log begins with xid, part and w.
constexpr int log_header = 3;

struct Key {
	Oid trigger;
	Oid relid;
};

struct Entry {
	Key key;
	Route route;
};

HTAB *routes;

Oid root_of(TriggerData *data)
{
	Trigger *trigger = data->tg_trigger;
	if (trigger->tgnargs != 1)
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
		                errmsg("trigger \"%s\" must name the OID of a captured relation", trigger->tgname),
		                errhint("Capture triggers are made by pgtrickle.create_stream_table and pgtrickle.publish.")));
	return Oid(strtoul(trigger->tgargs[0], nullptr, 10));
}

// A restored dump, or a hand-made trigger, may name a stranger.
bool belongs(Oid relid, Oid root)
{
	if (relid == root)
		return true;
	Oid type = get_rel_type_id(relid), root_type = get_rel_type_id(root);
	return OidIsValid(type) && OidIsValid(root_type) && typeInheritsFrom(type, root_type);
}

// Which segment of root is active; -1: root is not captured.
int read_active(Oid root)
{
	Oid schema = get_namespace_oid("pgtrickle", true);
	Oid table = OidIsValid(schema) ? get_relname_relid("source", schema) : InvalidOid;
	Oid index = OidIsValid(schema) ? get_relname_relid("source_pkey", schema) : InvalidOid;
	if (!OidIsValid(table) || !OidIsValid(index))
		return -1;

	int active = -1;
	Relation source = table_open(table, AccessShareLock);
	ScanKeyData key;
	ScanKeyInit(&key, source_relid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(root));
	SysScanDesc scan = systable_beginscan(source, index, true, nullptr, 1, &key);
	if (HeapTuple tuple = systable_getnext(scan); HeapTupleIsValid(tuple)) {
		bool isnull;
		active = DatumGetInt16(heap_getattr(tuple, source_active, RelationGetDescr(source), &isnull));
	}
	systable_endscan(scan);
	table_close(source, AccessShareLock);
	return active;
}

// The attribute of relid that log column a<n> of root is filled from.  False: it is of another type.
bool map_column(Column *column, Oid relid, Oid root, const char *name, Oid type)
{
	AttrNumber number = AttrNumber(atoi(name + 1));
	if (relid != root) {
		char *source = get_attname(root, number, true);
		number = source != nullptr ? get_attnum(relid, source) : InvalidAttrNumber;
	}
	HeapTuple tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relid), Int16GetDatum(number));
	if (!HeapTupleIsValid(tuple))
		return true;
	auto *attribute = reinterpret_cast<Form_pg_attribute>(GETSTRUCT(tuple));
	bool fits = attribute->attisdropped || attribute->atttypid == type;
	if (!attribute->attisdropped && fits) {
		column->source = number;
		column->by_value = attribute->attbyval;
		column->length = attribute->attlen;
		column->computed = attribute->attgenerated == ATTRIBUTE_GENERATED_VIRTUAL;
	}
	ReleaseSysCache(tuple);
	return fits;
}

// No lock on the log: it may be held for truncation, which does not change the columns; what does, holds the source.
bool map_columns(Route *route)
{
	Relation log = RelationIdGetRelation(route->segments[0]);
	if (!RelationIsValid(log))
		return false;
	TupleDesc desc = RelationGetDescr(log);
	route->width = desc->natts;
	route->columns = static_cast<Column *>(MemoryContextAllocZero(route->memory, sizeof(Column) * desc->natts));
	for (int i = log_header; i < desc->natts; i++) {
		Form_pg_attribute attribute = TupleDescAttr(desc, i);
		if (attribute->attisdropped)
			continue;
		Column *column = &route->columns[i];
		if (!map_column(column, route->relid, route->root, NameStr(attribute->attname), attribute->atttypid))
			route->misfit = true;
		if (column->source > route->last)
			route->last = column->source;
	}
	RelationClose(log);
	return true;
}

// Made again if an invalidation arrives meanwhile; what an ERROR leaves half made stays invalid.
void make(Route *route)
{
	route->valid = false;
	do {
		route->current = true;
		MemoryContextReset(route->memory);
		route->log = nullptr;
		route->last = 0;
		route->misfit = false;
		route->active = belongs(route->relid, route->root) ? int16(read_active(route->root)) : int16(-1);
		route->segments[0] = segment_of(route->root, 0);
		route->segments[1] = segment_of(route->root, 1);
		route->captured = route->active >= 0 && OidIsValid(route->segments[0]) && OidIsValid(route->segments[1]);
		if (route->captured)
			route->captured = map_columns(route);
	} while (!route->current);
	route->valid = true;
}

void invalidate(Datum, Oid relid)
{
	if (routes == nullptr)
		return;
	HASH_SEQ_STATUS all;
	hash_seq_init(&all, routes);
	while (auto *entry = static_cast<Entry *>(hash_seq_search(&all))) {
		Route *route = &entry->route;
		if (relid == InvalidOid || relid == route->relid || relid == route->root || relid == route->segments[0] ||
		    relid == route->segments[1])
			route->valid = route->current = false;
	}
}

Route *find(Oid trigger, Oid relid, TriggerData *data)
{
	if (routes == nullptr) {
		HASHCTL control{};
		control.keysize = sizeof(Key);
		control.entrysize = sizeof(Entry);
		routes = hash_create("pg_trickle routes", 64, &control, HASH_ELEM | HASH_BLOBS);
	}
	Key key{trigger, relid};
	bool found;
	auto *entry = static_cast<Entry *>(hash_search(routes, &key, HASH_ENTER, &found));
	Route *route = &entry->route;
	if (!found) {
		*route = Route{};
		route->trigger = trigger;
		route->relid = relid;
	}
	if (route->memory == nullptr)
		route->memory = AllocSetContextCreate(CacheMemoryContext, "pg_trickle route", ALLOCSET_SMALL_SIZES);
	if (!route->valid) {
		route->root = data != nullptr ? root_of(data) : relid;
		make(route);
	}
	return route;
}

}  // namespace

Oid segment_of(Oid root, int number)
{
	char name[NAMEDATALEN];
	snprintf(name, sizeof name, "log_%u_%d", root, number);
	Oid schema = get_namespace_oid("pgtrickle_state", true);
	return OidIsValid(schema) ? get_relname_relid(name, schema) : InvalidOid;
}

Route *find_route(TriggerData *data)
{
	static Route *last;
	Oid trigger = data->tg_trigger->tgoid, relid = RelationGetRelid(data->tg_relation);
	if (last != nullptr && last->valid && last->trigger == trigger && last->relid == relid)
		return last;
	return last = find(trigger, relid, data);
}

Route *find_route(Oid root)
{
	return find(InvalidOid, root, nullptr);
}

bool is_captured(Oid relid)
{
	return read_active(relid) >= 0;
}

void remake(Route *route)
{
	if (!route->valid)
		make(route);
}

void watch_invalidations()
{
	CacheRegisterRelcacheCallback(invalidate, Datum(0));
}

}  // namespace capture
