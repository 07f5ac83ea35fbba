-- The lake as tables of this database: foreign tables, read by the module pg_trickle_lake (reader/).

CREATE FUNCTION pgtrickle._lake_table_handler() RETURNS fdw_handler
    AS 'MODULE_PATHNAME', 'lake_table_handler' LANGUAGE C STRICT;
COMMENT ON FUNCTION pgtrickle._lake_table_handler() IS 'Handler of pg_trickle_lake.';

-- Whoever may name a lake in a server may read all of it, so only its owner does; he grants USAGE on the server.
CREATE FUNCTION pgtrickle._check_lake_table_options(options text[], catalog oid) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    accepted text[] := CASE $2 WHEN 'pg_foreign_server'::regclass THEN '{lake}'::text[]
                               WHEN 'pg_foreign_table'::regclass THEN '{schema_name,table_name,version,at}'
                               WHEN 'pg_attribute'::regclass THEN '{column_id,column_name,row_id}' ELSE '{}' END;
    o        record;
    the_lake pgtrickle.lake;
    at_time  bool := false;
BEGIN
    FOR o IN SELECT option_name AS name, option_value AS value FROM pg_options_to_table($1) LOOP
        IF o.name <> ALL (accepted) THEN
            RAISE EXCEPTION 'unknown option "%"', o.name
                USING ERRCODE = 'HV00D', HINT = coalesce('Accepted: ' || nullif(array_to_string(accepted, ', '), '') || '.', 'There are none here.');
        ELSIF o.name IN ('version', 'column_id') AND NOT pg_input_is_valid(o.value, 'bigint')
           OR o.name = 'at' AND NOT pg_input_is_valid(o.value, 'timestamptz') OR o.name = 'row_id' AND o.value NOT IN ('true', 'false') THEN
            RAISE EXCEPTION 'option "%" cannot be "%"', o.name, o.value
                USING ERRCODE = 'HV024', HINT = 'version and column_id are numbers, at is a time, row_id true or false.';
        ELSIF o.name = 'lake' THEN
            SELECT * INTO the_lake FROM pgtrickle.lake l WHERE l.name = o.value;
            -- A dump is restored by a superuser, and makes servers before it fills tables.
            IF the_lake.id IS NULL AND NOT (SELECT r.rolsuper FROM pg_roles r WHERE r.oid = pgtrickle._caller()) THEN
                RAISE EXCEPTION 'lake "%" does not exist', o.value USING ERRCODE = '42704';
            ELSIF the_lake.id IS NOT NULL THEN
                PERFORM pgtrickle._check_lake_owner(the_lake);
            END IF;
        ELSIF o.name IN ('version', 'at') THEN
            IF at_time THEN
                RAISE EXCEPTION 'version and at cannot both be given' USING ERRCODE = 'HV00D';
            END IF;
            at_time := true;
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION pgtrickle._check_lake_table_options(text[], oid) IS
'Validator of pg_trickle_lake.  options: as in the catalog; catalog: which.  Errors: HV00D an unknown option; HV024 a value that is not accepted;
42501 the lake belongs to somebody else; 42704 there is no such lake.';

CREATE FOREIGN DATA WRAPPER pg_trickle_lake HANDLER pgtrickle._lake_table_handler VALIDATOR pgtrickle._check_lake_table_options;
COMMENT ON FOREIGN DATA WRAPPER pg_trickle_lake IS
'Reads the tables of a lake, as they are in the lake''s newest snapshot that the query''s snapshot sees:
CREATE SERVER s FOREIGN DATA WRAPPER pg_trickle_lake OPTIONS (lake ''name''), by the lake''s owner;
IMPORT FOREIGN SCHEMA main FROM SERVER s INTO schema, with OPTIONS (version ''12'') or OPTIONS (at ''2026-01-31 00:00'') for an earlier state.
Tables: schema_name, table_name, version or at.  Columns: column_id or column_name of the lake''s, or row_id ''true'' for the row''s id.
To read needs SELECT on the foreign table; to make one USAGE on the server.';
GRANT USAGE ON FOREIGN DATA WRAPPER pg_trickle_lake TO PUBLIC;

CREATE FUNCTION pgtrickle._lake_table_ddl(server text, local_name text, schema_name text, table_name text, version bigint, at text) RETURNS text
    AS 'MODULE_PATHNAME', 'lake_table_ddl' LANGUAGE C;
COMMENT ON FUNCTION pgtrickle._lake_table_ddl(text, text, text, text, bigint, text) IS
'server: of pg_trickle_lake; local_name: quoted; schema_name, table_name: in the lake; version, at: of the state, both may be NULL.
Result: the CREATE FOREIGN TABLE for it.  Errors: 42501 no USAGE on the server; HV00R no such table; 0A000 a column type without an equal here.';

-- A server for the lake that the caller may use; the lake's owner makes it, and it is kept.
CREATE FUNCTION pgtrickle._lake_server(lake pgtrickle.lake) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found text := (SELECT s.srvname FROM pg_foreign_server s JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw
                   CROSS JOIN LATERAL pg_options_to_table(s.srvoptions) o
                   WHERE w.fdwname = 'pg_trickle_lake' AND o.option_name = 'lake' AND o.option_value = lake.name AND has_server_privilege(s.oid, 'USAGE')
                   ORDER BY s.oid LIMIT 1);
    name  text := lake.name;
BEGIN
    IF found IS NULL THEN
        PERFORM pgtrickle._check_lake_owner(lake);
        IF EXISTS (SELECT FROM pg_foreign_server s WHERE s.srvname = name::name) THEN
            name := 'lake_' || name;
        END IF;
        EXECUTE format('CREATE SERVER %I FOREIGN DATA WRAPPER pg_trickle_lake OPTIONS (lake %L)', name, lake.name);
        found := name::name;
    END IF;
    RETURN found;
END $$;
COMMENT ON FUNCTION pgtrickle._lake_server(pgtrickle.lake) IS
'lake: its row.  Result: a foreign server for it, made if there is none that the caller may use.  Errors: 42501 there is none, and the caller is not the lake''s owner.';

CREATE FUNCTION pgtrickle.create_lake_table(name text, lake text DEFAULT NULL, table_name text DEFAULT NULL, schema_name text DEFAULT 'main',
    version bigint DEFAULT NULL, at timestamptz DEFAULT NULL) RETURNS regclass
LANGUAGE plpgsql AS $$
DECLARE
    parts    text[];
    local    text;
    the_lake pgtrickle.lake;
BEGIN
    IF coalesce($1, '') = '' OR $4 IS NULL THEN
        RAISE EXCEPTION 'name and schema_name must not be null or empty' USING ERRCODE = '22004';
    ELSIF $5 IS NOT NULL AND $6 IS NOT NULL THEN
        RAISE EXCEPTION 'version and at cannot both be given' USING ERRCODE = '22023';
    END IF;
    parts := parse_ident($1);
    local := (SELECT string_agg(format('%I', p), '.' ORDER BY n) FROM unnest(parts) WITH ORDINALITY u(p, n));
    the_lake := pgtrickle._lake($2);
    EXECUTE pgtrickle._lake_table_ddl(pgtrickle._lake_server(the_lake), local, $4, coalesce($3, parts[cardinality(parts)]), $5, $6::text);
    RETURN local::regclass;
END $$;
COMMENT ON FUNCTION pgtrickle.create_lake_table(text, text, text, text, bigint, timestamptz) IS
'Makes a foreign table through which a table of the lake is read, in the lake''s newest snapshot that the query''s snapshot sees, or a fixed one.
name: of the foreign table; lake: NULL = the only one; table_name: in the lake, the same name if not given; schema_name: of the lake;
version: a lake snapshot; at: the last snapshot at that time.  Result: the foreign table, to be dropped by DROP FOREIGN TABLE.
The lake''s server is made the first time, by the lake''s owner; others need USAGE on it.  Columns are bound by their ids: renames are followed,
added ones are not there until the table is made again.
Errors: 42704 no such lake; HV00R no such table in it; 22023 no such snapshot, or version and at; 42501 no USAGE on the lake''s server; 42P07 name is taken;
0A000 a column type without an equal here; 22004 an argument is NULL.';
