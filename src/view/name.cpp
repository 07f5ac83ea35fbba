#include "name.h"

extern "C" {
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "funcapi.h"
#include "utils/acl.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/tuplestore.h"
}

namespace view {

namespace {

void check_owner(Oid relid)
{
	if (!object_ownercheck(RelationRelationId, relid, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE, get_rel_name(relid));
}

void begin_set(FunctionCallInfo fcinfo)
{
	InitMaterializedSRF(fcinfo, 0);
}

void put(FunctionCallInfo fcinfo, char **values)
{
	auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
	HeapTuple tuple = BuildTupleFromCStrings(TupleDescGetAttInMetadata(result->setDesc), values);
	tuplestore_puttuple(result->setResult, tuple);
}

Datum composite(FunctionCallInfo fcinfo, char **values)
{
	TupleDesc description;
	if (get_call_result_type(fcinfo, nullptr, &description) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	description = BlessTupleDesc(description);
	return HeapTupleGetDatum(BuildTupleFromCStrings(TupleDescGetAttInMetadata(description), values));
}

std::vector<char *> pointers(const std::vector<pg::Text> &row)
{
	std::vector<char *> out;
	for (const auto &cell : row)
		out.push_back(cell ? const_cast<char *>(cell->c_str()) : nullptr);
	return out;
}

}  // namespace

int stream_table_id(FunctionCallInfo fcinfo, int argument)
{
	pg::Text name;
	if (!PG_ARGISNULL(argument))
		name = pg::call(text_to_cstring, static_cast<const text *>(PG_GETARG_TEXT_PP(argument)));
	pg::call(AcceptInvalidationMessages);    // another session may just have made it anew
	return std::stoi(*pg::value("SELECT pgtrickle._stream_table_id($1)", {name}));
}

void require_owner(int id)
{
	Oid relid = std::stoul(*pg::value("SELECT relid FROM pgtrickle.stream_table WHERE id = $1::int", {std::to_string(id)}));
	pg::call(check_owner, relid);
}

void return_rows(FunctionCallInfo fcinfo, const pg::Rows &rows)
{
	pg::call(begin_set, fcinfo);
	for (const auto &row : rows) {
		auto values = pointers(row);
		pg::call(put, fcinfo, values.data());
	}
}

Datum return_row(FunctionCallInfo fcinfo, const std::vector<pg::Text> &row)
{
	auto values = pointers(row);
	return pg::call(composite, fcinfo, values.data());
}

}  // namespace view
