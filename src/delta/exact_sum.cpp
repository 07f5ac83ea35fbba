// The aggregate of exact sums for SQL, and what is done with its bytes.  See exact.h.
#include "exact.h"

#include "pg/error.hpp"

extern "C" {
#include "fmgr.h"
#include "utils/float.h"
#include "varatt.h"
}

#include <new>

namespace delta {

namespace {

ExactSum *state_of(FunctionCallInfo fcinfo, int argument)
{
	return PG_ARGISNULL(argument) ? nullptr : reinterpret_cast<ExactSum *>(PG_GETARG_POINTER(argument));
}

// In the memory of the aggregate; it has nothing to destroy.
ExactSum *new_state(FunctionCallInfo fcinfo)
{
	MemoryContext context;
	if (AggCheckCallContext(fcinfo, &context) == 0)
		pg::fail(ERRCODE_INVALID_PARAMETER_VALUE, "a function of the aggregate for exact sums was called by itself", {}, "Call pgtrickle._exact_sum.");
	return new (pg::call(MemoryContextAllocZero, context, sizeof(ExactSum))) ExactSum();
}

ExactSum read(Datum datum)
{
	const auto *bytes = reinterpret_cast<const varlena *>(pg::call(pg_detoast_datum_packed, reinterpret_cast<varlena *>(DatumGetPointer(datum))));
	ExactSum sum;
	if (!sum.read({VARDATA_ANY(bytes), static_cast<size_t>(VARSIZE_ANY_EXHDR(bytes))}))
		pg::fail(ERRCODE_DATA_CORRUPTED, "these are not the bytes of an exact sum", {}, "Refresh the stream table with force.");
	return sum;
}

Datum written(const ExactSum &sum)
{
	const std::string bytes = sum.bytes();
	auto *out = static_cast<varlena *>(pg::call(palloc, VARHDRSZ + bytes.size()));
	SET_VARSIZE(out, VARHDRSZ + bytes.size());
	std::copy(bytes.begin(), bytes.end(), VARDATA(out));
	return PointerGetDatum(out);
}

double in_range(double value, bool may_be_infinite)
{
	if (!may_be_infinite && isinf(value))
		pg::fail(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE, "value out of range: overflow", "A sum of double precision is beyond 1.8e308.", "Cast to numeric what is summed.");
	return value;
}

}  // namespace

}  // namespace delta

using delta::ExactSum;

PGT_FUNCTION(exact_sum_add)
{
	ExactSum *state = delta::state_of(fcinfo, 0);
	if (state == nullptr)
		state = delta::new_state(fcinfo);
	if (!PG_ARGISNULL(1) && !PG_ARGISNULL(2))
		state->add(PG_GETARG_FLOAT8(1), PG_GETARG_INT64(2));
	PG_RETURN_POINTER(state);
}

PGT_FUNCTION(exact_product_add)
{
	ExactSum *state = delta::state_of(fcinfo, 0);
	if (state == nullptr)
		state = delta::new_state(fcinfo);
	if (!PG_ARGISNULL(1) && !PG_ARGISNULL(2) && !PG_ARGISNULL(3))
		state->add_product(PG_GETARG_FLOAT8(1), PG_GETARG_FLOAT8(2), PG_GETARG_INT64(3));
	PG_RETURN_POINTER(state);
}

PGT_FUNCTION(exact_sum_combine)
{
	ExactSum *state = delta::state_of(fcinfo, 0), *other = delta::state_of(fcinfo, 1);
	if (state == nullptr)
		state = delta::new_state(fcinfo);
	if (other != nullptr)
		state->add(*other);
	PG_RETURN_POINTER(state);
}

PGT_FUNCTION(exact_sum_write)
{
	return delta::written(*delta::state_of(fcinfo, 0));
}

PGT_FUNCTION(exact_sum_read)
{
	PG_RETURN_POINTER(new (pg::call(palloc, sizeof(ExactSum))) ExactSum(delta::read(PG_GETARG_DATUM(0))));
}

PGT_FUNCTION(exact_sum_merge)
{
	ExactSum sum = delta::read(PG_GETARG_DATUM(0));
	sum.add(delta::read(PG_GETARG_DATUM(1)));
	return delta::written(sum);
}

PGT_FUNCTION(exact_sum_value)
{
	const ExactSum sum = delta::read(PG_GETARG_DATUM(0));
	PG_RETURN_FLOAT8(delta::in_range(sum.value(), sum.is_special()));
}

PGT_FUNCTION(exact_spread)
{
	const ExactSum x = delta::read(PG_GETARG_DATUM(1)), y = delta::read(PG_GETARG_DATUM(2)), products = delta::read(PG_GETARG_DATUM(3));
	if (PG_GETARG_INT64(0) <= 0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(delta::in_range(products.spread(PG_GETARG_INT64(0), x, y), false));
}
