#include "trust.hpp"

extern "C" {
#include "catalog/pg_authid.h"
#include "nodes/nodeFuncs.h"
#include "parser/analyze.h"
}

namespace pg {

namespace {

const char *trusted;
post_parse_analyze_hook_type next_analyze;

// Those that the text names: views are not opened yet, and keep whom they read as.
bool open_as_owner(Node *node, void *context)
{
	if (node == nullptr)
		return false;
	if (!IsA(node, Query))
		return expression_tree_walker(node, open_as_owner, context);
	auto *query = reinterpret_cast<Query *>(node);
	ListCell *cell;
	foreach (cell, query->rteperminfos)
		lfirst_node(RTEPermissionInfo, cell)->checkAsUser = BOOTSTRAP_SUPERUSERID;
	return query_tree_walker(query, open_as_owner, context, 0);
}

void analyzed(ParseState *state, Query *query, JumbleState *jumble)
{
	if (trusted != nullptr && state->p_sourcetext != nullptr && strcmp(state->p_sourcetext, trusted) == 0)
		open_as_owner(reinterpret_cast<Node *>(query), nullptr);
	if (next_analyze != nullptr)
		next_analyze(state, query, jumble);
}

}  // namespace

Trust::Trust(const std::string &statement) : before_(trusted)
{
	trusted = statement.c_str();
}

Trust::~Trust()
{
	trusted = before_;
}

void watch_analysis()
{
	next_analyze = post_parse_analyze_hook;
	post_parse_analyze_hook = analyzed;
}

}  // namespace pg
