-- Values of types without an equality (json, xml, point) are the same if their images are: see src/delta/alike.h.  Images are kept
-- in indexes, so they do not depend on the settings of who makes them.  The server's concat writes a value as its type does.
CREATE FUNCTION pgtrickle._image(anyelement) RETURNS text AS 'text_concat' LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE
    SET "DateStyle" = 'ISO' SET "IntervalStyle" = 'postgres' SET "TimeZone" = 'UTC' SET extra_float_digits = 1 SET bytea_output = 'hex' SET lc_monetary = 'C';
COMMENT ON FUNCTION pgtrickle._image(anyelement) IS
'A value as text, the same under all settings; NULL for NULL.';
