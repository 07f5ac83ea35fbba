// Rows and deletions of single files of a lake table, for pgtrickle._follow_lake_source (sql/68_lake_source.sql), which knows
// what to ask for.  Sets are handed over in tuple stores, which go to disk when they are large.
#include "columns.h"
#include "scan.h"

extern "C" {
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/array.h"
}

namespace reader {

namespace {

int64_t bytes_read = 0;  // by this backend

std::string text_argument(FunctionCallInfo fcinfo, int i)
{
	return pg::call(text_to_cstring, static_cast<const text *>(pg::call(pg_detoast_datum_packed, reinterpret_cast<varlena *>(PG_GETARG_DATUM(i)))));
}

struct Numbers {
	int64_t *values;
	int count;
};

Numbers numbers_of(Datum array)
{
	Datum *datums;
	bool *nulls;
	Numbers numbers{};
	deconstruct_array(DatumGetArrayTypeP(array), INT8OID, sizeof(int64), true, TYPALIGN_DOUBLE, &datums, &nulls, &numbers.count);
	numbers.values = static_cast<int64_t *>(palloc(sizeof(int64_t) * (numbers.count + 1)));
	for (int i = 0; i < numbers.count; i++)
		numbers.values[i] = DatumGetInt64(datums[i]);
	return numbers;
}

std::vector<int64_t> array_argument(FunctionCallInfo fcinfo, int i)
{
	const Numbers numbers = pg::call(numbers_of, PG_GETARG_DATUM(i));
	return {numbers.values, numbers.values + numbers.count};
}

void begin_set(FunctionCallInfo fcinfo)
{
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
}

void put(FunctionCallInfo fcinfo, const Datum *values, const bool *nulls)
{
	const auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

// The rows that are left of the scan's batch; C, since values may be errors.
void put_batch(FunctionCallInfo fcinfo, Scan *scan, MemoryContext row_context, int columns)
{
	auto *values = static_cast<Datum *>(palloc0(sizeof(Datum) * columns));
	auto *nulls = static_cast<bool *>(palloc0(sizeof(bool) * columns));
	const MemoryContext before = MemoryContextSwitchTo(row_context);
	while (scan->fill(values, nulls)) {
		put(fcinfo, values, nulls);
		MemoryContextReset(row_context);
	}
	MemoryContextSwitchTo(before);
	pfree(values);
	pfree(nulls);
}

const Column *column_by_id(const Table &table, int64_t id)
{
	for (const Column &column : table.columns)
		if (column.id == id)
			return &column;
	pg::fail(ERRCODE_FDW_COLUMN_NAME_NOT_FOUND, "the lake's table has no column " + std::to_string(id) + " in snapshot " + std::to_string(table.version));
}

}  // namespace

// (lake, table_id, version, files, inlined, column ids): rows of these files, and of the catalog, that are there at version.
PGT_FUNCTION(lake_feed_rows)
{
	pg::call(begin_set, fcinfo);
	Lake lake = read_lake(text_argument(fcinfo, 0));
	Table table = read_table_by_id(lake, PG_GETARG_INT64(1), PG_GETARG_INT64(2));
	std::vector<Wanted> wanted;
	for (int64_t id : array_argument(fcinfo, 5)) {
		const int place = static_cast<int>(wanted.size());
		wanted.push_back(id < 0 ? want_place(id, place) : want_column(*column_by_id(table, id), place));
	}
	const int columns = static_cast<int>(wanted.size());
	const TupleDesc row = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo)->setDesc;
	if (row->natts != columns)
		pg::fail(ERRCODE_DATATYPE_MISMATCH, std::to_string(columns) + " columns are asked for, and " + std::to_string(row->natts) + " declared");
	for (Wanted &column : wanted)
		want_as(column, column.column_id < 0 ? nullptr : column_by_id(table, column.column_id), TupleDescAttr(row, column.target)->atttypid, TupleDescAttr(row, column.target)->atttypmod);
	Scan scan(std::move(lake), std::move(table), std::move(wanted));
	const std::vector<int64_t> files = array_argument(fcinfo, 3);
	scan.only_files = std::set<int64_t>(files.begin(), files.end());
	scan.with_inlined = PG_GETARG_BOOL(4);
	pg::Arena arena("a row of a lake");
	while (scan.advance())
		pg::call(put_batch, fcinfo, &scan, arena.context(), columns);
	bytes_read += scan.counts().bytes + scan.counts().bytes_deletes;
	PG_RETURN_NULL();
}

// (lake, table_id, version, files) → file, position of each row of these files that is deleted at version.
PGT_FUNCTION(lake_feed_positions)
{
	pg::call(begin_set, fcinfo);
	Lake lake = read_lake(text_argument(fcinfo, 0));
	Table table = read_table_by_id(lake, PG_GETARG_INT64(1), PG_GETARG_INT64(2));
	const std::vector<int64_t> files = array_argument(fcinfo, 3);
	Scan scan(std::move(lake), std::move(table), {});
	scan.only_files = std::set<int64_t>(files.begin(), files.end());
	scan.list();
	for (const DataFile &file : scan.files())
		for (const auto &[position, snapshot] : scan.deletions_of(file)) {
			Datum values[] = {Int64GetDatum(file.id), Int64GetDatum(position)};
			bool nulls[2] = {};
			pg::call(put, fcinfo, static_cast<const Datum *>(values), static_cast<const bool *>(nulls));
		}
	bytes_read += scan.counts().bytes_deletes;
	PG_RETURN_NULL();
}

// (lake, table_id, version) → column id, name, SQL type, not null, initial default of the table's columns.
PGT_FUNCTION(lake_feed_columns)
{
	pg::call(begin_set, fcinfo);
	const Lake lake = read_lake(text_argument(fcinfo, 0));
	for (const Column &column : read_table_by_id(lake, PG_GETARG_INT64(1), PG_GETARG_INT64(2)).columns) {
		int32 typmod;
		const Oid type = natural_type(column, typmod);
		const std::string spelt = pg::type_name(type, typmod);
		const bool has_default = want_column(column, 0).has_default;
		Datum values[] = {Int64GetDatum(column.id), PointerGetDatum(pg::call(cstring_to_text, column.name.c_str())), PointerGetDatum(pg::call(cstring_to_text, spelt.c_str())),
		                  has_default ? PointerGetDatum(pg::call(cstring_to_text, from_duckdb_text(*column.initial_default, type).c_str())) : Datum(0)};
		bool nulls[] = {false, false, false, !has_default};
		pg::call(put, fcinfo, static_cast<const Datum *>(values), static_cast<const bool *>(nulls));
	}
	PG_RETURN_NULL();
}

PGT_FUNCTION(lake_feed_bytes)
{
	PG_RETURN_INT64(bytes_read);
}

}  // namespace reader
