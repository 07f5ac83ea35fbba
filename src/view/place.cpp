#include "place.h"

extern "C" {
#include "catalog/namespace.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "utils/lsyscache.h"
}

namespace view {

namespace {

struct Sought {
	Oid relation;
	int location;
};

bool seek(Node *node, void *context)
{
	auto *sought = static_cast<Sought *>(context);
	if (node == nullptr)
		return false;
	if (!IsA(node, RangeVar))
		return raw_expression_tree_walker(node, seek, context);
	auto *name = reinterpret_cast<RangeVar *>(node);
	if (RangeVarGetRelid(name, NoLock, true) != sought->relation)
		return false;
	sought->location = name->location;
	return true;
}

void look(const ErrorData *error, const char *query, Sought *sought)
{
	sought->relation = get_relname_relid(error->table_name, get_namespace_oid(error->schema_name, false));
	seek(linitial_node(RawStmt, raw_parser(query, RAW_PARSE_DEFAULT))->stmt, sought);
}

}  // namespace

int place_of_relation(const ErrorData &error, const std::string &query)
{
	if (error.schema_name == nullptr || error.table_name == nullptr)
		return 0;
	Sought sought{InvalidOid, -1};
	pg::call(look, &error, query.c_str(), &sought);
	return sought.location + 1;
}

}  // namespace view
