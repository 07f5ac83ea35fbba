#include "sql.hpp"

#include "trust.hpp"

extern "C" {
#include "access/nbtree.h"
#include "access/xact.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/typcache.h"
}

#include <unordered_map>

namespace pg {

namespace {

// Plans kept by text, for the life of the backend: never destroyed.
std::unordered_map<std::string, SPIPlanPtr> &kept_plans()
{
	static auto &plans = *new std::unordered_map<std::string, SPIPlanPtr>;
	return plans;
}

SPIPlanPtr prepare_kept(const char *sql, int count, bool trusted)
{
	Oid types[16];
	for (int i = 0; i < count; i++)
		types[i] = TEXTOID;
	SPIPlanPtr plan = trusted ? prepare_trusted(sql, types, count, 0, Opened::as_extension) : SPI_prepare(sql, count, types);
	if (plan == nullptr)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	SPI_keepplan(plan);
	return plan;
}

struct Input {
	const char *texts[16];
	int count;
};

enum class Under { own, latest, active };

void run_kept(SPIPlanPtr plan, const Input *input, Under snapshot)
{
	const bool latest = snapshot == Under::latest;
	Datum values[16] = {};
	char nulls[16] = {};
	for (int i = 0; i < input->count; i++) {
		nulls[i] = input->texts[i] == nullptr ? 'n' : ' ';
		values[i] = input->texts[i] == nullptr ? Datum(0) : CStringGetTextDatum(input->texts[i]);
	}
	if (latest) {
		CommandCounterIncrement();
		PushCopiedSnapshot(GetLatestSnapshot());
		UpdateActiveSnapshotCommandId();
	}
	int result = SPI_execute_plan(plan, values, nulls, snapshot != Under::own, 0);
	if (latest)
		PopActiveSnapshot();
	if (result < 0)
		elog(ERROR, "SPI_execute_plan failed: %s", SPI_result_code_string(result));
}

int run_once(const char *sql)
{
	int result = SPI_execute(sql, false, 0);
	if (result < 0)
		elog(ERROR, "SPI_execute failed: %s", SPI_result_code_string(result));
	return result;
}

char *cell(SPITupleTable *table, uint64 row, int column)
{
	return SPI_getvalue(table->vals[row], table->tupdesc, column);
}

const TypeCacheEntry *type_entry(Oid type)
{
	return call(lookup_type_cache, type,
	            TYPECACHE_EQ_OPR | TYPECACHE_HASH_EXTENDED_PROC | TYPECACHE_CMP_PROC | TYPECACHE_LT_OPR | TYPECACHE_GT_OPR);
}

char *operator_name(Oid oproid)
{
	char *schema = get_namespace_name(get_func_namespace(get_opcode(oproid)));
	char *name = get_opname(oproid);
	return psprintf("OPERATOR(%s.%s)", quote_identifier(schema), name);
}

char *type_text(Oid type, int32 typmod)
{
	return format_type_extended(type, typmod, FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY);
}

char *collation_text(Oid collation)
{
	HeapTuple tuple = SearchSysCache1(COLLOID, ObjectIdGetDatum(collation));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for collation %u", collation);
	auto *form = reinterpret_cast<Form_pg_collation>(GETSTRUCT(tuple));
	char *name = quote_qualified_identifier(get_namespace_name(form->collnamespace), NameStr(form->collname));
	ReleaseSysCache(tuple);
	return name;
}

char *relation_text(Oid relid)
{
	char *name = get_rel_name(relid);
	if (name == nullptr)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("relation with OID %u does not exist", relid)));
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)), name);
}

void run_under(const char *sql, Snapshot snapshot)
{
	SPIPlanPtr plan = prepare_trusted(sql, nullptr, 0, CURSOR_OPT_CUSTOM_PLAN | CURSOR_OPT_PARALLEL_OK, Opened::as_extension);
	CommandCounterIncrement();
	PushCopiedSnapshot(snapshot);
	UpdateActiveSnapshotCommandId();
	int result = SPI_execute_plan(plan, nullptr, nullptr, true, 0);
	PopActiveSnapshot();
	if (result < 0)
		elog(ERROR, "SPI_execute_plan failed: %s", SPI_result_code_string(result));
	SPI_freeplan(plan);
}

Rows take_rows()
{
	Rows rows;
	if (SPITupleTable *table = SPI_tuptable; table != nullptr) {
		rows.resize(table->numvals);
		for (uint64 row = 0; row < table->numvals; row++)
			for (int column = 1; column <= table->tupdesc->natts; column++) {
				char *text = call(cell, table, row, column);
				rows[row].push_back(text == nullptr ? Text() : Text(text));
			}
		call(SPI_freetuptable, table);
	}
	return rows;
}

Rows run(const std::string &sql, const std::vector<Text> &params, Under snapshot, bool trusted = false)
{
	auto &plans = kept_plans();
	auto found = plans.find(sql);
	if (found == plans.end())
		found = plans.emplace(sql, call(prepare_kept, sql.c_str(), int(params.size()), trusted)).first;
	Input input{};
	for (const Text &param : params)
		input.texts[input.count++] = param ? param->c_str() : nullptr;
	call(run_kept, found->second, static_cast<const Input *>(&input), snapshot);

	return take_rows();
}

}  // namespace

Rows query(const std::string &sql, const std::vector<Text> &params)
{
	return run(sql, params, Under::own);
}

Rows query_latest(const std::string &sql, const std::vector<Text> &params)
{
	return run(sql, params, IsolationUsesXactSnapshot() ? Under::latest : Under::own);
}

Rows query_active(const std::string &sql, const std::vector<Text> &params)
{
	return run(sql, params, Under::active);
}

Rows query_under(Snapshot snapshot, const std::string &sql)
{
	call(run_under, sql.c_str(), snapshot);
	return take_rows();
}

uint64 execute(const std::string &sql)
{
	call(run_once, sql.c_str());
	uint64 processed = SPI_processed;
	if (SPI_tuptable != nullptr)
		call(SPI_freetuptable, SPI_tuptable);
	return processed;
}

Text value(const std::string &sql, const std::vector<Text> &params)
{
	Rows rows = query(sql, params);
	return rows.empty() ? Text() : rows[0][0];
}

Text value_trusted(const std::string &sql)
{
	Rows rows = run(sql, {}, Under::own, true);
	return rows.empty() ? Text() : rows[0][0];
}

std::string quote_ident(std::string_view name)
{
	return call(quote_identifier, std::string(name).c_str());
}

std::string quote_literal(std::string_view text)
{
	return call(quote_literal_cstr, std::string(text).c_str());
}

std::string relation_name(Oid relid)
{
	return call(relation_text, relid);
}

void fail_at(Oid relid, int sqlstate, std::string message, std::string detail, std::string hint)
{
	Failure failure(sqlstate, std::move(message), std::move(detail), std::move(hint));
	if (const char *table = call(get_rel_name, relid)) {
		failure.table = table;
		failure.schema = call(get_namespace_name, call(get_rel_namespace, relid));
	}
	throw failure;
}

std::string type_name(Oid type, int32 typmod)
{
	return call(type_text, type, typmod);
}

std::string collation_name(Oid collation)
{
	return call(collation_text, collation);
}

std::string attribute_name(Oid relid, AttrNumber number)
{
	return call(get_attname, relid, number, false);
}

std::string equal(Oid type, const std::string &a, const std::string &b)
{
	const TypeCacheEntry *entry = type_entry(type);
	if (!OidIsValid(entry->eq_opr))
		fail(ERRCODE_UNDEFINED_FUNCTION, "type " + type_name(type) + " has no equality operator", {},
		     "Cast the column to a type that has one, for example json to jsonb.");
	return "(" + a + " " + call(operator_name, entry->eq_opr) + " " + b + ")";
}

namespace {

bool type_is_row(Oid type)
{
	return call(type_is_rowtype, type);
}

}  // namespace

std::string not_distinct(Oid type, const std::string &a, const std::string &b)
{
	const char *null = type_is_row(type) ? " IS NOT DISTINCT FROM NULL" : " IS NULL";     // ROW(NULL) IS NULL, too
	return "(" + equal(type, a, b) + " IS TRUE OR (" + a + null + " AND " + b + null + "))";
}

std::string less(Oid type, const std::string &a, const std::string &b)
{
	return "(" + a + " " + call(operator_name, type_entry(type)->lt_opr) + " " + b + ")";
}

std::string greater(Oid type, const std::string &a, const std::string &b)
{
	return "(" + a + " " + call(operator_name, type_entry(type)->gt_opr) + " " + b + ")";
}

namespace {

std::string compared(Oid type, const std::string &a, StrategyNumber strategy, const std::string &b)
{
	const TypeCacheEntry *entry = type_entry(type);
	Oid number = call(get_opfamily_member, entry->btree_opf, entry->btree_opintype, entry->btree_opintype, int16(strategy));
	return "(" + a + " " + call(operator_name, number) + " " + b + ")";
}

}  // namespace

std::string at_most(Oid type, const std::string &a, const std::string &b)
{
	return compared(type, a, BTLessEqualStrategyNumber, b);
}

std::string at_least(Oid type, const std::string &a, const std::string &b)
{
	return compared(type, a, BTGreaterEqualStrategyNumber, b);
}

bool has_equality(Oid type)
{
	return OidIsValid(type_entry(type)->eq_opr);
}

namespace {

bool lacks_equal_image(Oid type)
{
	if (Oid element = get_element_type(type); OidIsValid(element))    // arrays are equal with all their bounds
		return lacks_equal_image(element);
	TypeCacheEntry *entry = lookup_type_cache(type, TYPECACHE_BTREE_OPFAMILY);
	return !OidIsValid(entry->btree_opf) ||
	       !OidIsValid(get_opfamily_proc(entry->btree_opf, entry->btree_opintype, entry->btree_opintype, BTEQUALIMAGE_PROC));
}

}  // namespace

bool varies_when_equal(Oid type)
{
	return call(lacks_equal_image, type);
}

bool has_hash(Oid type)
{
	return OidIsValid(type_entry(type)->hash_extended_proc);
}

bool has_order(Oid type)
{
	return OidIsValid(type_entry(type)->cmp_proc);
}

bool is_pseudo(Oid type)
{
	return call(get_typtype, type) == TYPTYPE_PSEUDO;
}

bool is_fixed(Oid type)
{
	return bytes_of(type) > 0;
}

int bytes_of(Oid type)
{
	return call(get_typlen, type);
}

std::string join(const std::vector<std::string> &parts, std::string_view with)
{
	std::string all;
	for (size_t i = 0; i < parts.size(); i++) {
		if (i > 0)
			all += with;
		all += parts[i];
	}
	return all;
}

}  // namespace pg
