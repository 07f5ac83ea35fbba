-- Exact sums of double precision, as bytes: see src/delta/exact.h.
CREATE FUNCTION pgtrickle._exact_sum_add(internal, float8, int8) RETURNS internal AS 'MODULE_PATHNAME', 'exact_sum_add' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION pgtrickle._exact_sum_combine(internal, internal) RETURNS internal AS 'MODULE_PATHNAME', 'exact_sum_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION pgtrickle._exact_sum_write(internal) RETURNS bytea AS 'MODULE_PATHNAME', 'exact_sum_write' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION pgtrickle._exact_sum_read(bytea, internal) RETURNS internal AS 'MODULE_PATHNAME', 'exact_sum_read' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE AGGREGATE pgtrickle._exact_sum(float8, int8) (
    SFUNC = pgtrickle._exact_sum_add, STYPE = internal, SSPACE = 640, FINALFUNC = pgtrickle._exact_sum_write, COMBINEFUNC = pgtrickle._exact_sum_combine,
    SERIALFUNC = pgtrickle._exact_sum_write, DESERIALFUNC = pgtrickle._exact_sum_read, PARALLEL = SAFE
);
CREATE FUNCTION pgtrickle._exact_product_add(internal, float8, float8, int8) RETURNS internal AS 'MODULE_PATHNAME', 'exact_product_add' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE AGGREGATE pgtrickle._exact_products(float8, float8, int8) (
    SFUNC = pgtrickle._exact_product_add, STYPE = internal, SSPACE = 640, FINALFUNC = pgtrickle._exact_sum_write, COMBINEFUNC = pgtrickle._exact_sum_combine,
    SERIALFUNC = pgtrickle._exact_sum_write, DESERIALFUNC = pgtrickle._exact_sum_read, PARALLEL = SAFE
);
CREATE FUNCTION pgtrickle._exact_merge(bytea, bytea) RETURNS bytea AS 'MODULE_PATHNAME', 'exact_sum_merge' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION pgtrickle._exact_value(bytea) RETURNS float8 AS 'MODULE_PATHNAME', 'exact_sum_value' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION pgtrickle._exact_spread(int8, bytea, bytea, bytea) RETURNS float8 AS 'MODULE_PATHNAME', 'exact_spread' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION pgtrickle._exact_product_add(internal, float8, float8, int8) IS 'Transition of _exact_products.';
COMMENT ON AGGREGATE pgtrickle._exact_products(float8, float8, int8) IS 'The sum of products of two values, each so many times, as bytes; as _exact_sum.';
COMMENT ON FUNCTION pgtrickle._exact_spread(int8, bytea, bytea, bytea) IS
'Σxy - Σx Σy / n, from n, Σx, Σy and Σxy; NULL for n = 0, NaN where an x or y is NaN or infinite, 22003 where it is too large, XX001 if the bytes are none.';
COMMENT ON FUNCTION pgtrickle._exact_sum_add(internal, float8, int8) IS 'Transition of _exact_sum.';
COMMENT ON FUNCTION pgtrickle._exact_sum_combine(internal, internal) IS 'Joins two partial sums of _exact_sum.';
COMMENT ON FUNCTION pgtrickle._exact_sum_write(internal) IS 'The bytes of an exact sum.';
COMMENT ON FUNCTION pgtrickle._exact_sum_read(bytea, internal) IS 'The exact sum of these bytes; XX001 if they are none.';
COMMENT ON AGGREGATE pgtrickle._exact_sum(float8, int8) IS
'The exact sum of values, each so many times, as bytes; NULL without rows.  It does not depend on their order, and a negative number of times takes a value away (R. Neal, 2015).';
COMMENT ON FUNCTION pgtrickle._exact_merge(bytea, bytea) IS 'The sum of two exact sums; XX001 if the bytes are none.';
COMMENT ON FUNCTION pgtrickle._exact_value(bytea) IS 'An exact sum rounded to the nearest double precision; 22003 where that is too large, XX001 if the bytes are none.';
