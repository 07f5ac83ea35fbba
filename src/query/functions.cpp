#include "functions.h"

extern "C" {
#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/fmgroids.h"
#include "utils/syscache.h"
}

#include <algorithm>
#include <string_view>

namespace query {

namespace {

// How the names of the server's STABLE functions begin that tell of catalogs, sessions or transactions.
constexpr std::string_view of_the_server[] = {
    "pg_", "has_", "txid_", "inet_", "reg", "to_reg", "current_setting", "current_schemas", "current_query", "database_to_", "schema_to_",
    "table_to_", "obj_description", "col_description", "shobj_description", "row_security_active", "format_type", "oidvectortypes", "mxid_age",
};

// Of these, those that depend on their arguments and on settings.
constexpr std::string_view of_arguments[] = {
    "pg_typeof", "pg_basetype", "pg_collation_for", "pg_client_encoding", "pg_encoding_to_char", "pg_char_to_encoding", "pg_input_is_valid", "pg_input_error_info",
    "pg_split_walfile_name", "pg_node_tree_send", "pg_node_tree_recv",
};

bool tells_of_the_server(std::string_view name)
{
	return std::any_of(std::begin(of_the_server), std::end(of_the_server), [&](auto prefix) { return name.starts_with(prefix); }) &&
	       std::find(std::begin(of_arguments), std::end(of_arguments), name) == std::end(of_arguments);
}

bool unsteady(Oid function, void *found)
{
	if (!is_unsteady(function))
		return false;
	*static_cast<Oid *>(found) = function;
	return true;
}

bool find_unsteady(Node *node, void *context)
{
	auto *out = static_cast<Unsteady *>(context);
	if (node == nullptr)
		return false;
	if (check_functions_in_node(node, unsteady, &out->function)) {
		out->location = exprLocation(node);
		return true;
	}
	if (IsA(node, Query))
		return query_tree_walker(reinterpret_cast<::Query *>(node), find_unsteady, context, 0);
	return expression_tree_walker(node, find_unsteady, context);
}

Node *put_bodies(Node *node, void *context)
{
	if (node == nullptr)
		return nullptr;
	if (IsA(node, Query))
		return reinterpret_cast<Node *>(query_tree_mutator(reinterpret_cast<::Query *>(node), put_bodies, context, 0));
	Node *out = expression_tree_mutator(node, put_bodies, context);
	if (!IsA(out, FuncExpr) || reinterpret_cast<FuncExpr *>(out)->funcretset || !is_unsteady(reinterpret_cast<FuncExpr *>(out)->funcid))
		return out;
	Node *body = eval_const_expressions(nullptr, out);
	bool same = IsA(body, FuncExpr) && reinterpret_cast<FuncExpr *>(body)->funcid == reinterpret_cast<FuncExpr *>(out)->funcid;
	return same || unsteady_call(body).function != InvalidOid || contain_volatile_functions(body) ? out : body;
}

}  // namespace

bool is_unsteady(Oid function)
{
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	auto *form = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple));
	bool out = form->provolatile == PROVOLATILE_STABLE &&
	           (function >= FirstNormalObjectId ? form->prolang != ClanguageId && form->prolang != INTERNALlanguageId : function == F_AGE_XID || tells_of_the_server(NameStr(form->proname)));
	ReleaseSysCache(tuple);
	return out;
}

Unsteady unsteady_call(Node *expression)
{
	Unsteady out{InvalidOid, false, -1};
	find_unsteady(expression, &out);
	out.own = out.function >= FirstNormalObjectId;
	return out;
}

::Query *with_bodies(const ::Query *query)
{
	return reinterpret_cast<::Query *>(put_bodies(static_cast<Node *>(copyObjectImpl(query)), nullptr));
}

}  // namespace query
