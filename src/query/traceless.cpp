#include "traceless.h"

#include "pg/error.hpp"
#include "pg/sql.hpp"

extern "C" {
#include "access/transam.h"
#include "access/sysattr.h"
#include "catalog/namespace.h"
#include "catalog/pg_attribute.h"
#include "catalog/heap.h"
#include "nodes/nodeFuncs.h"
#include "utils/lsyscache.h"
}

namespace query {

namespace {

struct Found {
	const char *kind;
	Oid relation;
	AttrNumber attribute;
	int location;
};

bool is_system_or_ours(Oid relid)
{
	Oid schema = get_rel_namespace(relid);
	return relid < FirstNormalObjectId || schema == get_namespace_oid("pgtrickle", true) || schema == get_namespace_oid("pgtrickle_state", true);
}

bool look(Node *node, void *context)
{
	auto *found = static_cast<Found *>(context);
	if (node == nullptr)
		return false;
	if (IsA(node, Query)) {
		auto *query = reinterpret_cast<::Query *>(node);
		ListCell *cell;
		foreach (cell, query->rtable) {
			auto *entry = lfirst_node(RangeTblEntry, cell);
			if (entry->rtekind != RTE_RELATION)
				continue;
			if (is_system_or_ours(entry->relid))
				*found = {"catalog", entry->relid, 0, -1};
			else if (entry->tablesample != nullptr)
				*found = {"sample", entry->relid, 0, exprLocation(static_cast<Node *>(linitial(entry->tablesample->args)))};
			if (found->kind != nullptr)
				return true;
		}
		return query_tree_walker(query, look, context, 0);
	}
	if (IsA(node, Var)) {
		auto *var = reinterpret_cast<Var *>(node);
		if (var->varattno < 0) {
			*found = {"column", InvalidOid, var->varattno, var->location};
			return true;
		}
		return false;
	}
	return expression_tree_walker(node, look, context);
}

const char *name_of(AttrNumber attribute)
{
	return NameStr(SystemAttributeDefinition(attribute)->attname);
}

}  // namespace

void refuse_traceless(::Query *query)
{
	Found found{};
	pg::call(look, reinterpret_cast<Node *>(query), static_cast<void *>(&found));
	if (found.kind == nullptr)
		return;
	const std::string cannot = "a stream table cannot follow ",
	                  hint = "Leave it out; or use refresh_mode FULL and a schedule such as '1m', which run the query each time.";
	const int position = found.location < 0 ? 0 : found.location + 1;
	if (found.attribute != 0)
		pg::fail(ERRCODE_FEATURE_NOT_SUPPORTED, cannot + "system column " + pg::call(name_of, found.attribute),
		         "It tells of where a row is stored or who wrote it, which changes while its values do not.", hint, position);
	if (found.kind == std::string_view("sample"))
		pg::fail(ERRCODE_FEATURE_NOT_SUPPORTED, cannot + "TABLESAMPLE", "Which rows it takes depends on where they are stored.", hint, position);
	pg::fail_at(found.relation, ERRCODE_FEATURE_NOT_SUPPORTED, cannot + pg::relation_name(found.relation),
	            "Changes of system catalogs and of the extension's own tables are not captured.", hint);
}

}  // namespace query
