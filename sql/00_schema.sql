\echo Use "CREATE EXTENSION pg_trickle" to load this file. \quit

-- Everything a user calls is in schema pgtrickle (made by CREATE EXTENSION);
-- everything the engine keeps for itself is in pgtrickle_state.
CREATE SCHEMA pgtrickle_state;
COMMENT ON SCHEMA pgtrickle_state IS 'State of pg_trickle: change logs, arrangements, definitions of stream tables. Not for direct use.';
GRANT USAGE ON SCHEMA pgtrickle TO PUBLIC;
GRANT USAGE ON SCHEMA pgtrickle_state TO PUBLIC;

-- The workers need the library at server start.
CREATE FUNCTION pgtrickle._require_preload() RETURNS void
    AS 'MODULE_PATHNAME', 'require_preload' LANGUAGE C STRICT;
SELECT pgtrickle._require_preload();
