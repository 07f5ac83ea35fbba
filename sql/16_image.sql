-- Values of types without an equality (json, xml, point) are the same if their images are: see src/delta/alike.h.  Images are kept
-- in indexes, so they do not depend on the settings of who makes them.  The server's concat writes a value as its type does.
CREATE FUNCTION pgtrickle._image(anyelement) RETURNS text AS 'text_concat' LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE
    SET "DateStyle" = 'ISO' SET "IntervalStyle" = 'postgres' SET "TimeZone" = 'UTC' SET extra_float_digits = 1 SET bytea_output = 'hex' SET lc_monetary = 'C';
COMMENT ON FUNCTION pgtrickle._image(anyelement) IS
'A value as text, the same under all settings; NULL for NULL.';

-- One that depends on no order, of types without min(): see keep_recomputed() in src/query/aggregates.cpp.
CREATE FUNCTION pgtrickle._least_image(anyelement, anyelement) RETURNS anyelement LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS 'SELECT CASE WHEN pgtrickle._image($2) COLLATE "C" OPERATOR(pg_catalog.<) pgtrickle._image($1) THEN $2 ELSE $1 END';
CREATE AGGREGATE pgtrickle._any_value(anyelement) (SFUNC = pgtrickle._least_image, STYPE = anyelement, COMBINEFUNC = pgtrickle._least_image, PARALLEL = SAFE);
COMMENT ON FUNCTION pgtrickle._least_image(anyelement, anyelement) IS 'Transition of _any_value.';
COMMENT ON AGGREGATE pgtrickle._any_value(anyelement) IS 'The value whose image comes first; NULL without any.';
