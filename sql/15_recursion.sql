-- How deep a row is in a recursion, for the first fill of its state: to UNION any two depths are equal, so that it takes a
-- row by its other columns and keeps the least depth.
CREATE TYPE pgtrickle._depth;
CREATE FUNCTION pgtrickle._depth_in(cstring) RETURNS pgtrickle._depth AS 'int8in' LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION pgtrickle._depth_out(pgtrickle._depth) RETURNS cstring AS 'int8out' LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE;
CREATE TYPE pgtrickle._depth (INPUT = pgtrickle._depth_in, OUTPUT = pgtrickle._depth_out, LIKE = pg_catalog.int8);
CREATE CAST (pg_catalog.int8 AS pgtrickle._depth) WITHOUT FUNCTION;
CREATE CAST (pgtrickle._depth AS pg_catalog.int8) WITHOUT FUNCTION;
CREATE FUNCTION pgtrickle._depth_equal(pgtrickle._depth, pgtrickle._depth) RETURNS bool
    AS 'MODULE_PATHNAME', 'depth_equal' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION pgtrickle._depth_hash(pgtrickle._depth) RETURNS int4
    AS 'MODULE_PATHNAME', 'depth_hash' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE OPERATOR pgtrickle.= (LEFTARG = pgtrickle._depth, RIGHTARG = pgtrickle._depth, FUNCTION = pgtrickle._depth_equal, COMMUTATOR = OPERATOR(pgtrickle.=), HASHES);
CREATE OPERATOR CLASS pgtrickle._depth_ops DEFAULT FOR TYPE pgtrickle._depth USING hash AS
    OPERATOR 1 pgtrickle.=, FUNCTION 1 pgtrickle._depth_hash(pgtrickle._depth);
