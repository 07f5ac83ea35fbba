#include "scan.h"

#include "expression.h"
#include "pg/sql.hpp"

extern "C" {
#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "nodes/nodeFuncs.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
}

#include <algorithm>

namespace query {

namespace {

struct Attributes {
	char relkind;
	bool has_children, foreign_parts, temporary;
	int count;
	Form_pg_attribute attributes[MaxHeapAttributeNumber];
	int key_count;
	AttrNumber key[INDEX_MAX_KEYS];
};

void describe(Oid relid, Attributes *out)
{
	Relation relation = table_open(relid, AccessShareLock);
	out->relkind = relation->rd_rel->relkind;
	out->has_children = relation->rd_rel->relkind == RELKIND_RELATION && has_subclass(relid) && find_inheritance_children(relid, NoLock) != NIL;
	out->foreign_parts = false;
	if (has_subclass(relid)) {
		ListCell *cell;
		foreach (cell, find_all_inheritors(relid, NoLock, nullptr))
			out->foreign_parts = out->foreign_parts || get_rel_relkind(lfirst_oid(cell)) == RELKIND_FOREIGN_TABLE;
	}
	out->temporary = relation->rd_rel->relpersistence == RELPERSISTENCE_TEMP;
	TupleDesc desc = RelationGetDescr(relation);
	out->count = desc->natts;
	for (int i = 0; i < desc->natts; i++) {
		out->attributes[i] = static_cast<Form_pg_attribute>(palloc(sizeof(FormData_pg_attribute)));
		*out->attributes[i] = *TupleDescAttr(desc, i);
		// NOT NULL … NOT VALID says nothing of the rows that are there.
		out->attributes[i]->attnotnull = TupleDescCompactAttr(desc, i)->attnullability == ATTNULLABLE_VALID;
	}
	out->key_count = 0;
	// A key that may be violated until the commit identifies nothing before it.
	Bitmapset *key = OidIsValid(RelationGetPrimaryKeyIndex(relation, false))
	                     ? RelationGetIndexAttrBitmap(relation, INDEX_ATTR_BITMAP_PRIMARY_KEY)
	                     : nullptr;
	if (key == nullptr)
		key = RelationGetIndexAttrBitmap(relation, INDEX_ATTR_BITMAP_IDENTITY_KEY);
	for (int member = -1; (member = bms_next_member(key, member)) >= 0;)
		out->key[out->key_count++] = member + FirstLowInvalidHeapAttributeNumber;
	table_close(relation, NoLock);
}

}  // namespace

Tree scan(RangeTblEntry *entry, int index, const std::vector<std::pair<int, int>> &read)
{
	auto attributes = std::make_unique<Attributes>();
	pg::call(describe, entry->relid, attributes.get());
	auto refuse = [&](bool present, const char *what, const char *detail = "") {
		if (present)
			no_law_for(entry->relid, std::string(what) + " (" + pg::relation_name(entry->relid) + ") as a source", detail);
	};
	bool copied = entry->enrname != nullptr;     // see apply/copy.h
	refuse(attributes->temporary, "a temporary table");
	refuse(attributes->relkind == RELKIND_MATVIEW && !copied, "a materialized view");
	refuse(attributes->relkind == RELKIND_FOREIGN_TABLE && !copied, "a foreign table");
	refuse(attributes->foreign_parts && !copied, "a table with a foreign table among its parts");
	refuse(!copied && attributes->relkind != RELKIND_RELATION && attributes->relkind != RELKIND_PARTITIONED_TABLE,
	       "this kind of relation");
	refuse(!entry->inh && !copied && (attributes->has_children || attributes->relkind == RELKIND_PARTITIONED_TABLE), "ONLY of a table with children",
	       "Its change log is that of the whole tree.");
	if (attributes->has_children)
		attributes->key_count = 0;     // unique in each child alone

	auto node = std::make_shared<Operator>();
	node->kind = Kind::scan;
	node->relation = entry->relid;
	std::vector<int> wanted;
	for (auto [varno, attribute] : read)
		if (varno == index && attribute > 0)
			wanted.push_back(attribute);
	std::sort(wanted.begin(), wanted.end());
	wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
	for (int number : wanted) {
		Form_pg_attribute attribute = attributes->attributes[number - 1];
		node->attributes.push_back(number);
		node->columns.push_back({NameStr(attribute->attname), attribute->atttypid, attribute->atttypmod,
		                         attribute->attcollation, attribute->attnotnull});
	}
	for (int i = 0; i < attributes->key_count; i++) {
		auto found = std::find(wanted.begin(), wanted.end(), attributes->key[i]);
		if (found == wanted.end()) {
			node->identity.clear();
			break;
		}
		node->identity.push_back(found - wanted.begin());
	}
	return node;
}

}  // namespace query
