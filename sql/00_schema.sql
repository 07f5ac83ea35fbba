\echo Use "CREATE EXTENSION pg_trickle" to load this file. \quit

-- Everything a user calls is in schema pgtrickle; everything the engine keeps for itself
-- is in pgtrickle_state.  Both are the extension's own and go with it.
CREATE SCHEMA pgtrickle;
COMMENT ON SCHEMA pgtrickle IS 'Stream tables and lakes: what users of pg_trickle call and look at.';
CREATE SCHEMA pgtrickle_state;
COMMENT ON SCHEMA pgtrickle_state IS 'State of pg_trickle: change logs, arrangements, definitions of stream tables. Not for direct use.';
GRANT USAGE ON SCHEMA pgtrickle TO PUBLIC;
GRANT USAGE ON SCHEMA pgtrickle_state TO PUBLIC;

-- The workers need the library at server start.
CREATE FUNCTION pgtrickle._require_preload() RETURNS void
    AS 'MODULE_PATHNAME', 'require_preload' LANGUAGE C STRICT;
SELECT pgtrickle._require_preload();
