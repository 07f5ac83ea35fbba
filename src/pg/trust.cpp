#include "trust.hpp"

extern "C" {
#include "access/transam.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_proc.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/analyze.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
}

namespace pg {

namespace {

struct Statement {
	Opened opened;
	Oid user;          // who runs it
	int context;
	int count;
	Oid types[FLEXIBLE_ARRAY_MEMBER];
};

constexpr int looking_up = SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION | SECURITY_NOFORCE_RLS;

const Statement *analysed;    // whose words are looked up for another role
const Given *given;
post_parse_analyze_hook_type next_analyze;
object_access_hook_type next_access;

// Those that the text names: views are not opened yet, and keep whom they read as.
bool open_as_extension(Node *node, void *context)
{
	if (node == nullptr)
		return false;
	if (!IsA(node, Query))
		return expression_tree_walker(node, open_as_extension, context);
	auto *query = reinterpret_cast<Query *>(node);
	ListCell *cell;
	foreach (cell, query->rteperminfos)
		lfirst_node(RTEPermissionInfo, cell)->checkAsUser = BOOTSTRAP_SUPERUSERID;
	return query_tree_walker(query, open_as_extension, context, 0);
}

Node *parameter(ParseState *state, ParamRef *reference)
{
	auto *statement = static_cast<const Statement *>(state->p_ref_hook_state);
	if (reference->number <= 0 || reference->number > statement->count)
		elog(ERROR, "there is no parameter $%d", reference->number);
	Param *out = makeNode(Param);
	out->paramkind = PARAM_EXTERN;
	out->paramid = reference->number;
	out->paramtype = statement->types[reference->number - 1];
	out->paramtypmod = -1;
	out->paramcollid = get_typcollation(out->paramtype);
	out->location = reference->location;
	return reinterpret_cast<Node *>(out);
}

void begin(ParseState *state, void *argument)
{
	auto *statement = static_cast<Statement *>(argument);
	state->p_ref_hook_state = statement;
	state->p_paramref_hook = parameter;
	GetUserIdAndSecContext(&statement->user, &statement->context);
	if (superuser_arg(statement->user))
		return;
	analysed = statement;
	SetUserIdAndSecContext(ROLE_PG_READ_ALL_DATA, statement->context | looking_up);
}

void end(const Statement *statement)
{
	SetUserIdAndSecContext(statement->user, statement->context);
	analysed = nullptr;
}

void analyzed(ParseState *state, Query *query, JumbleState *jumble)
{
	if (state->p_paramref_hook == parameter) {
		auto *statement = static_cast<const Statement *>(state->p_ref_hook_state);
		end(statement);
		if (statement->opened == Opened::as_extension)
			(void)open_as_extension(reinterpret_cast<Node *>(query), nullptr);
	} else if (given != nullptr && query->commandType != CMD_UTILITY && state->p_sourcetext != nullptr && strcmp(state->p_sourcetext, given->text) == 0)
		SetUserIdAndSecContext(given->user, given->context);
	if (next_analyze != nullptr)
		next_analyze(state, query, jumble);
}

bool is_harmless(Oid function)
{
	return function < FirstNormalObjectId && func_volatile(function) == PROVOLATILE_IMMUTABLE;
}

void access(ObjectAccessType what, Oid catalog, Oid object, int part, void *argument)
{
	Oid user;
	int context;
	GetUserIdAndSecContext(&user, &context);
	if (what == OAT_FUNCTION_EXECUTE && analysed != nullptr && user == ROLE_PG_READ_ALL_DATA && (context & looking_up) == looking_up && !is_harmless(object))
		end(analysed);
	if (next_access != nullptr)
		next_access(what, catalog, object, part, argument);
}

}  // namespace

Given::Given(const std::string &text, Oid role) : text(text.c_str()), before_(given)
{
	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(role, context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
	given = this;
}

Given::~Given()
{
	given = before_;
	SetUserIdAndSecContext(user, context);
}

SPIPlanPtr prepare_trusted(const char *sql, const Oid *types, int count, int cursor_options, Opened opened)
{
	MemoryContext own = AllocSetContextCreate(CurrentMemoryContext, "whom a statement is analysed for", ALLOCSET_SMALL_SIZES);
	auto *statement = static_cast<Statement *>(MemoryContextAllocZero(own, offsetof(Statement, types) + sizeof(Oid) * count));
	statement->opened = opened;
	statement->count = count;
	for (int i = 0; i < count; i++)
		statement->types[i] = types[i];
	SPIPrepareOptions options = {};
	options.parserSetup = begin;
	options.parserSetupArg = statement;
	options.parseMode = RAW_PARSE_DEFAULT;
	options.cursorOptions = cursor_options;
	SPIPlanPtr plan = SPI_prepare_extended(sql, &options);
	if (plan == nullptr)
		elog(ERROR, "SPI_prepare_extended failed: %s", SPI_result_code_string(SPI_result));
	MemoryContextSetParent(own, static_cast<CachedPlanSource *>(linitial(SPI_plan_get_plan_sources(plan)))->context);
	return plan;
}

void watch_analysis()
{
	next_analyze = post_parse_analyze_hook;
	post_parse_analyze_hook = analyzed;
	next_access = object_access_hook;
	object_access_hook = access;
}

}  // namespace pg
