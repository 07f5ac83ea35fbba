-- The lake: relations published as DuckLake tables.  These verbs keep the books; the program trickle-lake
-- (lake/) reads batches, writes Parquet and commits the DuckLake rows together with its frontier.

CREATE TABLE pgtrickle.lake (
    id              int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name            text NOT NULL UNIQUE,
    owner           oid NOT NULL,          -- role: who owns it may publish what he owns into the lake
    data_path       text NOT NULL,         -- ends with '/', as in ducklake_metadata
    metadata_schema text NOT NULL,
    created         bool NOT NULL,         -- the catalog is of our making, not found here
    options         jsonb NOT NULL,
    answered        bigint NOT NULL DEFAULT 0  -- the last pgtrickle.lake_request that whoever leads it has seen
) WITH (fillfactor = 50);

-- The scheduler keeps a trickle-lake running while there is a lake.
CREATE TRIGGER _schedule_changed AFTER INSERT OR DELETE ON pgtrickle.lake
    FOR EACH ROW EXECUTE FUNCTION pgtrickle._schedule_changed();

-- Bumped by publish_now and wait_for_lake.  A sequence, because the program must see it before the caller commits.
CREATE SEQUENCE pgtrickle.lake_request;
CREATE SEQUENCE pgtrickle.lake_wait;

-- A published relation; its frontier is in pgtrickle.consumer.
CREATE TABLE pgtrickle.publication (
    id         int PRIMARY KEY REFERENCES pgtrickle.consumer ON DELETE CASCADE,
    lake       int NOT NULL REFERENCES pgtrickle.lake,
    relid      oid NOT NULL UNIQUE,
    table_name text NOT NULL,              -- in the lake's schema main
    mode       text NOT NULL CHECK (mode IN ('mirror', 'append', 'history')),
    schedule   text NOT NULL,              -- as the user typed it
    period     interval,                   -- NULL: 'calculated'
    key        int2[] NOT NULL,            -- attribute numbers a row is found by; none: by the whole row
    rows_key   regtype NOT NULL,           -- type of lake_rows_<id>.key: int8 (one integer key column) or uuid (keyed hash)
    salt       bytea NOT NULL,             -- the hash's secret
    table_id   bigint,                     -- of DuckLake; NULL until the first load is committed
    iceberg    interval,                   -- how far Iceberg may lag behind DuckLake; 0: not at all, NULL: no Iceberg
    types      jsonb NOT NULL,             -- the choices for types without a single equal: see _lake_type
    done_version int NOT NULL DEFAULT 0,   -- of the columns, that the lake has: see publication_change
    tags       jsonb NOT NULL DEFAULT '{}', -- comments, that the lake has: see _lake_tags
    UNIQUE (lake, table_name)
);
CREATE TABLE pgtrickle.publication_column (
    publication int NOT NULL REFERENCES pgtrickle.publication ON DELETE CASCADE,
    column_id   bigint NOT NULL,           -- DuckLake column id, Iceberg and Parquet field id
    attnum      int2 NOT NULL,
    name        text NOT NULL,
    source_type text NOT NULL,             -- what its binary form is that of: int4, numeric, enum, jsonb, array, composite, …
    lake_type   text NOT NULL,             -- int32, decimal(10,2), list, struct, …
    fields      jsonb NOT NULL,            -- what it consists of: see _lake_type; their ids follow column_id, each before what it consists of
    nullable    bool NOT NULL,
    declared    text NOT NULL,             -- format_type() at publish: when it changes, publishing stops
    PRIMARY KEY (publication, column_id)
);

-- What changes with every batch, kept apart so that it stays small.
CREATE TABLE pgtrickle.publication_health (
    id                 int PRIMARY KEY REFERENCES pgtrickle.publication ON DELETE CASCADE,
    status             text NOT NULL DEFAULT 'LOADING' CHECK (status IN ('LOADING', 'ACTIVE', 'ERROR', 'SUSPENDED')),
    lake_snapshot      bigint,             -- the DuckLake snapshot of the last batch that changed the table
    iceberg_error      text,               -- why it lags behind
    consecutive_errors int NOT NULL DEFAULT 0,
    last_error         text,
    last_sqlstate      text,
    last_error_at      timestamptz,
    retry_at           timestamptz,        -- backoff: not before this, unless publish_now asks
    answered           bigint NOT NULL DEFAULT 0  -- the last pgtrickle.lake_request that was served
) WITH (fillfactor = 20);

-- The files of a publication that hold rows it may have to find again.  lake_rows_<id> names a row by the file and position it was
-- written to; merging and rewriting files changes this table only.
CREATE TABLE pgtrickle.publication_file (
    publication    int NOT NULL REFERENCES pgtrickle.publication ON DELETE CASCADE,
    file           int NOT NULL,
    data_file_id   bigint NOT NULL,            -- DuckLake's, of the data file that holds its rows now
    row_id_start   bigint,                     -- row id = this + position, where lake_rows has none
    first_position bigint NOT NULL DEFAULT 0,  -- of its rows in that data file
    rows           bigint NOT NULL,            -- as it was written
    removed        int[],                      -- positions of rows that are in no data file any more, sorted
    valid_from     timestamptz,                -- of its rows, in mode 'history': all began with one publish
    from_snapshot  bigint,
    PRIMARY KEY (publication, file)
);
CREATE INDEX ON pgtrickle.publication_file (publication, data_file_id);

-- Where loaded rows with an integer key are that have not changed since, by the hundred (lake/runs.h).  From the end of the load on, no two runs of a publication overlap.
-- A key that is in lake_rows_<id> with file 0 is not where its run says any more.
CREATE TABLE pgtrickle.publication_run (
    publication    int NOT NULL,
    first_key      bigint NOT NULL,
    last_key       bigint NOT NULL,
    file           int NOT NULL,
    first_position int NOT NULL,
    keys           bigint[] STORAGE plain,           -- ascending; NULL: first_key and all that follow, to last_key
    positions      int[] STORAGE plain               -- NULL: first_position and those that follow
);
CREATE INDEX ON pgtrickle.publication_run (publication, first_key);

-- Noted, and committed, before a file is begun; the commit of the batch takes the note away.
-- What is still noted by a program that is no more was left behind by a crash and is removed from the store.
CREATE TABLE pgtrickle.lake_upload (
    lake     int NOT NULL REFERENCES pgtrickle.lake ON DELETE CASCADE,
    path     text NOT NULL,
    worker   int,                          -- whose it is: a lake_worker; NULL: nobody's, it may go
    loading  bool NOT NULL DEFAULT false,  -- by a load in the background (61_lake_load.sql), beside which the worker publishes
    noted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (lake, path)
);

-- An option that nobody reads would send the files to another store than the one that was meant.
CREATE FUNCTION pgtrickle._check_s3_options(options text[], catalog oid) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    accepted text[] := CASE $2 WHEN 'pg_foreign_server'::regclass THEN '{endpoint,region,scheme,path_style}'::text[]
                               WHEN 'pg_user_mapping'::regclass THEN '{access_key_id,secret_access_key,session_token}' ELSE '{}' END;
    o        record;
BEGIN
    FOR o IN SELECT option_name AS name, option_value AS value FROM pg_options_to_table($1) LOOP
        IF o.name <> ALL (accepted) THEN
            RAISE EXCEPTION 'unknown option "%"', o.name
                USING ERRCODE = 'HV00D', HINT = coalesce('Accepted: ' || nullif(array_to_string(accepted, ', '), '') || '.', 'There are none here.');
        ELSIF o.name = 'scheme' AND o.value NOT IN ('http', 'https') OR o.name = 'path_style' AND o.value NOT IN ('true', 'false')
           OR o.name = 'endpoint' AND o.value LIKE '%/%' THEN
            RAISE EXCEPTION 'option "%" cannot be "%"', o.name, o.value
                USING ERRCODE = 'HV024', HINT = 'scheme is http or https, path_style true or false, endpoint a host, or host:port.';
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION pgtrickle._check_s3_options(text[], oid) IS
'Validator of pg_trickle_s3.  options: as in the catalog; catalog: which.  Errors: HV00D an unknown option; HV024 a value that is not accepted.';

-- Keys for S3 are kept where PostgreSQL keeps such secrets, readable by their owner only.
CREATE FOREIGN DATA WRAPPER pg_trickle_s3 NO HANDLER VALIDATOR pgtrickle._check_s3_options;
COMMENT ON FOREIGN DATA WRAPPER pg_trickle_s3 IS
'Names an object store for pgtrickle.create_lake: CREATE SERVER s FOREIGN DATA WRAPPER pg_trickle_s3
OPTIONS (endpoint ''host:port'', region, scheme ''http'' or ''https'', path_style ''true''), all optional, and
CREATE USER MAPPING FOR role SERVER s OPTIONS (access_key_id, secret_access_key, session_token).';
GRANT USAGE ON FOREIGN DATA WRAPPER pg_trickle_s3 TO PUBLIC;

-- The role that called, as SET ROLE left it, seen from inside SECURITY DEFINER.
CREATE FUNCTION pgtrickle._caller() RETURNS oid
LANGUAGE sql STABLE
RETURN (SELECT r.oid FROM pg_catalog.pg_roles r
        WHERE r.rolname = CASE current_setting('role') WHEN 'none' THEN session_user ELSE current_setting('role')::name END);
COMMENT ON FUNCTION pgtrickle._caller() IS 'No arguments.  Result: the role in force outside SECURITY DEFINER functions.';

CREATE FUNCTION pgtrickle._check_data_path(path text) RETURNS void
    AS 'MODULE_PATHNAME', 'check_data_path' LANGUAGE C STRICT;
COMMENT ON FUNCTION pgtrickle._check_data_path(text) IS
'path: an absolute directory on the server; made if missing, and proved writable by making and removing a file.
Errors: the SQLSTATE of the errno (42501 permission denied, 53100 disk full, 58P01 no such directory, 58030 other).';
REVOKE ALL ON FUNCTION pgtrickle._check_data_path(text) FROM PUBLIC;

-- A lake by its name, or the only one there is.
CREATE FUNCTION pgtrickle._lake(lake text) RETURNS pgtrickle.lake
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found  pgtrickle.lake;
    others text := (SELECT string_agg(quote_literal(l.name), ', ' ORDER BY l.name) FROM pgtrickle.lake l);
BEGIN
    IF others IS NULL THEN
        RAISE EXCEPTION 'there is no lake in this database'
            USING ERRCODE = '42704', HINT = 'SELECT pgtrickle.create_lake(name, data_path) makes one.';
    END IF;
    SELECT * INTO found FROM pgtrickle.lake l WHERE l.name = $1 OR $1 IS NULL LIMIT 1;
    IF found IS NULL THEN
        RAISE EXCEPTION 'lake "%" does not exist', $1
            USING ERRCODE = '42704', HINT = format('There are: %s.', others);
    ELSIF $1 IS NULL AND (SELECT count(*) FROM pgtrickle.lake) > 1 THEN
        RAISE EXCEPTION 'there is more than one lake, name the one that is meant'
            USING ERRCODE = '22023', HINT = format('There are: %s.', others);
    END IF;
    RETURN found;
END $$;
COMMENT ON FUNCTION pgtrickle._lake(text) IS
'lake: its name; NULL means the only one.  Result: its row.  Errors: 42704 there is none; 22023 NULL and there are several.';

CREATE FUNCTION pgtrickle._check_lake_owner(lake pgtrickle.lake) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT pg_has_role(pgtrickle._caller(), $1.owner, 'USAGE') THEN
        RAISE EXCEPTION 'must be owner of lake "%"', $1.name
            USING ERRCODE = '42501', HINT = format('Become a member of role %I, or ask it.', $1.owner::regrole);
    END IF;
END $$;
COMMENT ON FUNCTION pgtrickle._check_lake_owner(pgtrickle.lake) IS 'lake: its row.  Errors: 42501 the caller has not the rights of its owner.';

-- '10s', '1m', '2h 30m' → interval; 'calculated' → NULL.
CREATE FUNCTION pgtrickle._lake_period(schedule text) RETURNS interval
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    period interval;
BEGIN
    IF lower(schedule) = 'calculated' THEN
        RETURN NULL;
    ELSIF schedule ~ '^\s*(\d+(\.\d+)?\s*(ms|s|m|h|d)\s*)+$' THEN
        period := schedule::interval;
    ELSIF lower(schedule) IN ('@hourly', '@daily', '@midnight', '@weekly') THEN
        period := CASE lower(schedule) WHEN '@hourly' THEN '1h' WHEN '@weekly' THEN '7d' ELSE '1d' END;
    END IF;
    IF period IS NULL OR period < '100ms' THEN
        RAISE EXCEPTION 'unknown schedule "%" for a publication', schedule
            USING ERRCODE = '22023',
                  HINT = 'Accepted: a duration of at least 100ms such as ''10s'', ''1m'' or ''2h 30m'', ''@hourly'', ''@daily'', ''@weekly'', or ''calculated'' (as soon as it has changed).';
    END IF;
    RETURN period;
END $$;
COMMENT ON FUNCTION pgtrickle._lake_period(text) IS
'schedule: a duration, ''@hourly'', ''@daily'', ''@weekly'' or ''calculated''.  Result: the time between batches, NULL for ''calculated''.
Errors: 22023 anything else.';

-- The columns that identify a row: primary key, replica identity or another unique index of plain columns
-- in which no two rows can agree, NULLs included.  Stream tables have such an index on their group columns.
CREATE FUNCTION pgtrickle._lake_key(relation regclass) RETURNS int2[]
LANGUAGE sql STABLE AS $$
    SELECT k.columns
    FROM pg_catalog.pg_index i
    CROSS JOIN LATERAL (SELECT array_agg(c.attnum::int2 ORDER BY c.n) AS columns, bool_and(a.attnotnull) AS not_null
                        FROM unnest(i.indkey::int2[]) WITH ORDINALITY c(attnum, n)
                        JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = c.attnum
                        WHERE c.n <= i.indnkeyatts) k
    WHERE i.indrelid = $1 AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
      AND (k.not_null OR i.indnullsnotdistinct)
    ORDER BY i.indisprimary DESC, i.indisreplident DESC, cardinality(k.columns), i.indexrelid
    LIMIT 1
$$;
COMMENT ON FUNCTION pgtrickle._lake_key(regclass) IS
'relation: a table.  Result: attribute numbers of a key, NULL when there is none.';

CREATE FUNCTION pgtrickle._lake_rows_key(relation regclass, key int2[]) RETURNS regtype
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
RETURN CASE WHEN cardinality($2) = 1
             AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = $1 AND a.attnum = $2[1] AND a.attnotnull AND a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype))
            THEN 'int8'::regtype ELSE 'uuid'::regtype END;
COMMENT ON FUNCTION pgtrickle._lake_rows_key(regclass, int2[]) IS
'relation: a table; key: attribute numbers its rows are found by, none for the whole row.  Result: the type of that key in lake_rows: int8, or uuid for a hash.';

CREATE FUNCTION pgtrickle._is_history_column(name text) RETURNS bool
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
RETURN lower($1) IN ('valid_from', 'valid_to', 'from_snapshot', 'to_snapshot');
COMMENT ON FUNCTION pgtrickle._is_history_column(text) IS
'name: of a column.  Result: whether mode ''history'' adds a column of that name.';

-- The 28 tables of DuckLake 1.0, as DuckDB 1.5.5 makes them, and those of 1.1.  Its writers insert by position: no column may be added.
CREATE FUNCTION pgtrickle._ducklake_tables(version text DEFAULT '1.0') RETURNS TABLE (name text, columns text)
LANGUAGE sql IMMUTABLE AS $$
SELECT t.name, t.columns || CASE WHEN $1 <> '1.0' AND t.name IN ('ducklake_data_file', 'ducklake_delete_file') THEN ', row_group_count BIGINT' ELSE '' END FROM (VALUES
    ('ducklake_data_file', 'data_file_id BIGINT PRIMARY KEY, table_id BIGINT, begin_snapshot BIGINT, end_snapshot BIGINT, file_order BIGINT, path VARCHAR, path_is_relative BOOLEAN, file_format VARCHAR, record_count BIGINT, file_size_bytes BIGINT, footer_size BIGINT, row_id_start BIGINT, partition_id BIGINT, encryption_key VARCHAR, mapping_id BIGINT, partial_max BIGINT'),
    ('ducklake_delete_file', 'delete_file_id BIGINT PRIMARY KEY, table_id BIGINT, begin_snapshot BIGINT, end_snapshot BIGINT, data_file_id BIGINT, path VARCHAR, path_is_relative BOOLEAN, format VARCHAR, delete_count BIGINT, file_size_bytes BIGINT, footer_size BIGINT, encryption_key VARCHAR, partial_max BIGINT'),
    ('ducklake_metadata', 'key VARCHAR NOT NULL, value VARCHAR NOT NULL, scope VARCHAR, scope_id BIGINT'),
    ('ducklake_snapshot', 'snapshot_id BIGINT PRIMARY KEY, snapshot_time TIMESTAMPTZ, schema_version BIGINT, next_catalog_id BIGINT, next_file_id BIGINT'),
    ('ducklake_snapshot_changes', 'snapshot_id BIGINT PRIMARY KEY, changes_made VARCHAR, author VARCHAR, commit_message VARCHAR, commit_extra_info VARCHAR'),
    ('ducklake_schema', 'schema_id BIGINT PRIMARY KEY, schema_uuid UUID, begin_snapshot BIGINT, end_snapshot BIGINT, schema_name VARCHAR, path VARCHAR, path_is_relative BOOLEAN'),
    ('ducklake_table', 'table_id BIGINT, table_uuid UUID, begin_snapshot BIGINT, end_snapshot BIGINT, schema_id BIGINT, table_name VARCHAR, path VARCHAR, path_is_relative BOOLEAN'),
    ('ducklake_view', 'view_id BIGINT, view_uuid UUID, begin_snapshot BIGINT, end_snapshot BIGINT, schema_id BIGINT, view_name VARCHAR, dialect VARCHAR, sql VARCHAR, column_aliases VARCHAR'),
    ('ducklake_tag', 'object_id BIGINT, begin_snapshot BIGINT, end_snapshot BIGINT, key VARCHAR, value VARCHAR'),
    ('ducklake_column_tag', 'table_id BIGINT, column_id BIGINT, begin_snapshot BIGINT, end_snapshot BIGINT, key VARCHAR, value VARCHAR'),
    ('ducklake_file_column_stats', 'data_file_id BIGINT, table_id BIGINT, column_id BIGINT, column_size_bytes BIGINT, value_count BIGINT, null_count BIGINT, min_value VARCHAR, max_value VARCHAR, contains_nan BOOLEAN, extra_stats VARCHAR'),
    ('ducklake_file_variant_stats', 'data_file_id BIGINT, table_id BIGINT, column_id BIGINT, variant_path VARCHAR, shredded_type VARCHAR, column_size_bytes BIGINT, value_count BIGINT, null_count BIGINT, min_value VARCHAR, max_value VARCHAR, contains_nan BOOLEAN, extra_stats VARCHAR'),
    ('ducklake_column', 'column_id BIGINT, begin_snapshot BIGINT, end_snapshot BIGINT, table_id BIGINT, column_order BIGINT, column_name VARCHAR, column_type VARCHAR, initial_default VARCHAR, default_value VARCHAR, nulls_allowed BOOLEAN, parent_column BIGINT, default_value_type VARCHAR, default_value_dialect VARCHAR'),
    ('ducklake_table_stats', 'table_id BIGINT, record_count BIGINT, next_row_id BIGINT, file_size_bytes BIGINT'),
    ('ducklake_table_column_stats', 'table_id BIGINT, column_id BIGINT, contains_null BOOLEAN, contains_nan BOOLEAN, min_value VARCHAR, max_value VARCHAR, extra_stats VARCHAR'),
    ('ducklake_partition_info', 'partition_id BIGINT, table_id BIGINT, begin_snapshot BIGINT, end_snapshot BIGINT'),
    ('ducklake_partition_column', 'partition_id BIGINT, table_id BIGINT, partition_key_index BIGINT, column_id BIGINT, transform VARCHAR'),
    ('ducklake_file_partition_value', 'data_file_id BIGINT, table_id BIGINT, partition_key_index BIGINT, partition_value VARCHAR'),
    ('ducklake_files_scheduled_for_deletion', 'data_file_id BIGINT, path VARCHAR, path_is_relative BOOLEAN, schedule_start TIMESTAMPTZ'),
    ('ducklake_inlined_data_tables', 'table_id BIGINT, table_name VARCHAR, schema_version BIGINT'),
    ('ducklake_column_mapping', 'mapping_id BIGINT, table_id BIGINT, type VARCHAR'),
    ('ducklake_name_mapping', 'mapping_id BIGINT, column_id BIGINT, source_name VARCHAR, target_field_id BIGINT, parent_column BIGINT, is_partition BOOLEAN'),
    ('ducklake_schema_versions', 'begin_snapshot BIGINT, schema_version BIGINT, table_id BIGINT'),
    ('ducklake_macro', 'schema_id BIGINT, macro_id BIGINT, macro_name VARCHAR, begin_snapshot BIGINT, end_snapshot BIGINT'),
    ('ducklake_macro_impl', 'macro_id BIGINT, impl_id BIGINT, dialect VARCHAR, sql VARCHAR, type VARCHAR'),
    ('ducklake_macro_parameters', 'macro_id BIGINT, impl_id BIGINT, column_id BIGINT, parameter_name VARCHAR, parameter_type VARCHAR, default_value VARCHAR, default_value_type VARCHAR'),
    ('ducklake_sort_info', 'sort_id BIGINT, table_id BIGINT, begin_snapshot BIGINT, end_snapshot BIGINT'),
    ('ducklake_sort_expression', 'sort_id BIGINT, table_id BIGINT, sort_key_index BIGINT, expression VARCHAR, dialect VARCHAR, sort_direction VARCHAR, null_order VARCHAR'),
    ('ducklake_view_column_tag', 'view_id BIGINT, column_name VARCHAR, begin_snapshot BIGINT, end_snapshot BIGINT, key VARCHAR, value VARCHAR')) t(name, columns)
WHERE $1 <> '1.0' OR t.name <> 'ducklake_view_column_tag'
$$;
COMMENT ON FUNCTION pgtrickle._ducklake_tables(text) IS 'version: 1.0 or 1.1.  Result: the tables of a DuckLake catalog of that version and their columns.';

CREATE FUNCTION pgtrickle._make_ducklake(metadata_schema text, data_path text, owner regrole, version text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    t record;
BEGIN
    FOR t IN SELECT * FROM pgtrickle._ducklake_tables($4) LOOP
        EXECUTE format('CREATE TABLE %I.%I(%s)', $1, t.name, t.columns);
        EXECUTE format('ALTER TABLE %I.%I OWNER TO %s', $1, t.name, $3);
    END LOOP;
    EXECUTE format('CREATE INDEX ON %I.ducklake_data_file(table_id)', $1);
    EXECUTE format('CREATE INDEX ON %I.ducklake_delete_file(data_file_id)', $1);
    EXECUTE format('CREATE INDEX ON %I.ducklake_file_column_stats(data_file_id)', $1);
    EXECUTE format('INSERT INTO %I.ducklake_snapshot VALUES (0, now(), 0, 1, 0)', $1);
    EXECUTE format('INSERT INTO %I.ducklake_snapshot_changes VALUES (0, ''created_schema:"main"'', NULL, NULL, NULL)', $1);
    EXECUTE format('INSERT INTO %I.ducklake_schema VALUES (0, gen_random_uuid(), 0, NULL, ''main'', ''main/'', true)', $1);
    -- Rows inlined into the catalog would be unknown to readers other than DuckDB.
    EXECUTE format('INSERT INTO %I.ducklake_metadata(key, value) VALUES (''version'', %L), (''created_by'', ''pg_trickle '' || pgtrickle.version()),
                    (''data_path'', %L), (''encrypted'', ''false''), (''data_inlining_row_limit'', ''0'')', $1, $4, $2);
END $$;
REVOKE ALL ON FUNCTION pgtrickle._make_ducklake(text, text, regrole, text) FROM PUBLIC;
COMMENT ON FUNCTION pgtrickle._make_ducklake(text, text, regrole, text) IS
'metadata_schema: an existing schema; data_path: ends with a slash; owner: of the tables; version: 1.0 or 1.1.  Makes an empty DuckLake catalog.';

-- A catalog that is already there must be one that we can write.
CREATE FUNCTION pgtrickle._check_ducklake(metadata_schema text, data_path text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    setting jsonb;
BEGIN
    EXECUTE format('SELECT jsonb_object_agg(key, value) FROM %I.ducklake_metadata WHERE scope IS NULL', $1) INTO setting;
    IF coalesce(setting->>'version', '') NOT IN ('1.0', '1.1') THEN
        RAISE EXCEPTION 'the DuckLake catalog in schema "%" has version %', $1, coalesce(setting->>'version', 'unknown')
            USING ERRCODE = '0A000', DETAIL = 'Versions 1.0 and 1.1 can be written.',
                  HINT = 'Migrate it with DuckDB (ATTACH … (AUTOMATIC_MIGRATION TRUE)), or name another metadata_schema for a new one.';
    ELSIF setting->>'encrypted' = 'true' THEN
        RAISE EXCEPTION 'the DuckLake catalog in schema "%" is encrypted', $1
            USING ERRCODE = '0A000', HINT = 'Name another metadata_schema for a new one.';
    ELSIF setting->>'data_path' IS DISTINCT FROM $2 THEN
        RAISE EXCEPTION 'the DuckLake catalog in schema "%" has data path "%", not "%"', $1, setting->>'data_path', $2
            USING ERRCODE = '22023', HINT = 'Give its own data path, or name another metadata_schema for a new catalog.';
    END IF;
END $$;
REVOKE ALL ON FUNCTION pgtrickle._check_ducklake(text, text) FROM PUBLIC;
COMMENT ON FUNCTION pgtrickle._check_ducklake(text, text) IS
'metadata_schema: holds ducklake_metadata; data_path: what the caller expects.
Errors: 0A000 a version other than 1.0 and 1.1, or encrypted; 22023 another data path.';

CREATE FUNCTION pgtrickle._check_lake_options(options jsonb, is_s3 bool) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    unknown text;
    accepted CONSTANT text := 'Accepted: "server" (name of a foreign server of pg_trickle_s3), "check_path" (false: the path is not on this machine), "numeric_scale" (0 to 38, for numeric without a precision; 9 if not given), "types" (see pgtrickle.publish), "iceberg" (''each commit'', a duration or ''off''; ''1m'' if not given), "iceberg_snapshots" (1 to 10000, how many Iceberg lists; 100 if not given), "ducklake_version" (of a new catalog: "1.0", for DuckDB 1.5.2 and later, if not given; "1.1", for DuckDB 2.0 and later).';
BEGIN
    IF jsonb_typeof($1) <> 'object' THEN
        RAISE EXCEPTION 'lake options must be a JSON object, not %', $1 USING ERRCODE = '22023', HINT = accepted;
    END IF;
    unknown := (SELECT string_agg(quote_literal(key), ', ') FROM jsonb_object_keys($1) key WHERE key NOT IN ('server', 'check_path', 'numeric_scale', 'types', 'iceberg', 'iceberg_snapshots', 'ducklake_version'));
    IF unknown IS NOT NULL THEN
        RAISE EXCEPTION 'unknown lake option %', unknown USING ERRCODE = '22023', HINT = accepted;
    ELSIF $1 ? 'check_path' AND jsonb_typeof($1->'check_path') <> 'boolean'
       OR $1 ? 'numeric_scale' AND ($1->>'numeric_scale') !~ '^([0-9]|[12][0-9]|3[0-8])$'
       OR $1 ? 'iceberg' AND jsonb_typeof($1->'iceberg') <> 'string'
       OR $1 ? 'ducklake_version' AND $1->'ducklake_version' NOT IN ('"1.0"', '"1.1"')
       OR $1 ? 'iceberg_snapshots' AND ($1->>'iceberg_snapshots') !~ '^([1-9][0-9]{0,3}|10000)$' THEN
        RAISE EXCEPTION 'lake options % have a value that is not accepted', $1 USING ERRCODE = '22023', HINT = accepted;
    ELSIF $1 ? 'server' AND NOT $2 THEN
        RAISE EXCEPTION 'a foreign server is for a data path s3://…' USING ERRCODE = '22023', HINT = accepted;
    ELSIF $1 ? 'server' AND NOT EXISTS (SELECT FROM pg_foreign_server s JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw
                                        WHERE s.srvname = $1->>'server' AND w.fdwname = 'pg_trickle_s3') THEN
        RAISE EXCEPTION 'there is no foreign server "%" of pg_trickle_s3', $1->>'server'
            USING ERRCODE = '42704', HINT = 'CREATE SERVER … FOREIGN DATA WRAPPER pg_trickle_s3, and CREATE USER MAPPING with access_key_id and secret_access_key.';
    END IF;
    PERFORM pgtrickle._iceberg_period($1->>'iceberg');
    PERFORM pgtrickle._check_lake_types($1->'types');
END $$;
COMMENT ON FUNCTION pgtrickle._check_lake_options(jsonb, bool) IS
'options: as given to create_lake; is_s3: the data path is s3://….  Errors: 22023 unknown option or value; 42704 no such server.';

CREATE FUNCTION pgtrickle.create_lake(name text, data_path text, metadata_schema text DEFAULT 'public', options jsonb DEFAULT '{}') RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    caller oid := pgtrickle._caller();
    path   text := rtrim($2, '/') || '/';
    is_s3  bool := $2 ~ '^s3://[^/]+';
    found  bool;
BEGIN
    -- trickle-lake is a superuser: whoever owns the catalog's tables could hang triggers on them and be one too.
    IF NOT (SELECT r.rolsuper FROM pg_roles r WHERE r.oid = caller) THEN
        RAISE EXCEPTION 'must be superuser to create a lake'
            USING ERRCODE = '42501', HINT = 'Ask one to; GRANT SELECT on the catalog''s tables is enough to read the lake.';
    ELSIF coalesce($1, '') = '' OR coalesce($2, '') = '' OR coalesce($3, '') = '' OR $4 IS NULL THEN
        RAISE EXCEPTION 'name, data_path, metadata_schema and options of a lake must not be null or empty' USING ERRCODE = '22004';
    ELSIF $3 IN ('pgtrickle', 'pgtrickle_state') THEN
        RAISE EXCEPTION 'schema "%" is for what pg_trickle keeps for itself', $3
            USING ERRCODE = '42939', HINT = 'Name another metadata_schema; it is made if missing.';
    ELSIF EXISTS (SELECT FROM pgtrickle.lake l WHERE l.name = $1) THEN
        RAISE EXCEPTION 'lake "%" already exists', $1
            USING ERRCODE = '42710', HINT = 'SELECT * FROM pgtrickle.lake_status() shows it; pgtrickle.drop_lake removes it.';
    ELSIF EXISTS (SELECT FROM pgtrickle.lake l WHERE l.metadata_schema = $3) THEN
        RAISE EXCEPTION 'schema "%" already holds the catalog of another lake', $3
            USING ERRCODE = '42710', HINT = 'Name another metadata_schema.';
    ELSIF NOT is_s3 AND ($2 !~ '^/' OR $2 ~ '(^|/)\.\.(/|$)' OR $2 ~ '[[:cntrl:]]') THEN
        RAISE EXCEPTION 'data path "%" is not accepted', $2
            USING ERRCODE = '22023', HINT = 'Give an absolute directory such as /var/lib/lake, or s3://bucket/prefix.';
    END IF;
    PERFORM pgtrickle._check_lake_options($4, is_s3);
    IF $2 ~ '[?#%]' AND lower(coalesce($4->>'iceberg', '')) <> 'off' THEN
        RAISE EXCEPTION 'data path "%" has a character that readers of Iceberg take for something else: ?, # or %%', $2
            USING ERRCODE = '22023', HINT = 'Give another path, or the option "iceberg": "off".';
    END IF;
    IF NOT is_s3 AND coalesce(($4->>'check_path')::bool, true) THEN
        PERFORM pgtrickle._check_data_path(path);
    END IF;
    found := to_regclass(format('%I.ducklake_metadata', $3)) IS NOT NULL;
    IF found THEN
        PERFORM pgtrickle._check_ducklake($3, path);
    ELSE
        IF to_regnamespace(quote_ident($3)) IS NULL THEN
            EXECUTE format('CREATE SCHEMA %I AUTHORIZATION %s', $3, caller::regrole);
        END IF;
        PERFORM pgtrickle._make_ducklake($3, path, caller::regrole, coalesce($4->>'ducklake_version', '1.0'));
    END IF;
    IF lower(coalesce($4->>'iceberg', '')) <> 'off' THEN
        PERFORM pgtrickle._make_iceberg($3, $1, caller::regrole);
    END IF;
    INSERT INTO pgtrickle.lake(name, owner, data_path, metadata_schema, created, options) VALUES ($1, caller, path, $3, NOT found, $4);
    INSERT INTO pgtrickle.lake_upkeep_state(lake) SELECT l.id FROM pgtrickle.lake l WHERE l.name = $1;
END $$;
COMMENT ON FUNCTION pgtrickle.create_lake(text, text, text, jsonb) IS
'Makes a DuckLake catalog in this database, or takes over one that is there (1.0 or 1.1).
name: what the lake is called here; data_path: an absolute directory of the server (made if missing) or s3://bucket/prefix;
metadata_schema: where the catalog tables are; options: {"server": foreign server with the keys for s3, "check_path": false when
trickle-lake runs on another machine, "numeric_scale": digits after the point for numeric without a precision (9), "types": what becomes of
types without a single equal in the lake (see publish), "iceberg": how Iceberg follows (see publish; ''1m''), "iceberg_snapshots": how many snapshots it lists (100),
"ducklake_version": of a new catalog, "1.0" (DuckDB 1.5.2 and later) or "1.1" (DuckDB 2.0 and later); "1.0"}.
A directory that is there already is better made by you: files get its permissions, so it says who may read the lake.
DuckDB reads it with ATTACH ''ducklake:postgres:dbname=…'' AS name (METADATA_SCHEMA ''…''); Spark, Trino and pyiceberg as the Iceberg
JDBC catalog called as the lake, whose tables are in metadata_schema and whose namespace is main: see docs/readers.
Errors: 42501 the caller is no superuser; 42710 the name or the schema is taken; 42939 the schema is the extension''s own; 22023 path or option
not accepted; 22004 an argument is NULL or empty; 0A000 a catalog of another version;
42501, 58P01, 53100 or 58030 the directory cannot be written, with the reason; 42704 no such server.';

CREATE FUNCTION pgtrickle._lake_relation(relation regclass) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    c       pg_class;
    problem text;
    instead text := 'Publish a stream table of it: SELECT pgtrickle.create_stream_table(name, query).';
    virtual text;
BEGIN
    SELECT * INTO c FROM pg_class WHERE oid = $1;
    IF c IS NULL THEN
        RAISE EXCEPTION 'relation with OID % does not exist', $1::oid USING ERRCODE = '42P01';
    ELSIF c.relkind NOT IN ('r', 'p') THEN
        RAISE EXCEPTION '"%" is not a table', $1
            USING ERRCODE = '42809', HINT = 'Publish a table, a partitioned table or a stream table; pgtrickle.create_stream_table turns a query into one.';
    ELSIF NOT pg_has_role(pgtrickle._caller(), c.relowner, 'USAGE') THEN
        RAISE EXCEPTION 'must be owner of table %', $1 USING ERRCODE = '42501';
    END IF;
    SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) INTO virtual FROM pg_attribute WHERE attrelid = $1 AND attgenerated = 'v' AND NOT attisdropped;
    IF c.relpersistence = 't' THEN
        problem := 'it is temporary, so nobody else sees it';
        instead := 'Make it a permanent table.';
    ELSIF c.relpersistence = 'u' THEN
        problem := 'it is unlogged, so a crash would empty it without a trace';
        instead := format('ALTER TABLE %s SET LOGGED.', $1);
    ELSIF c.relispartition THEN
        problem := 'it is a partition';
        instead := format('Publish %s, which it is a partition of.', (SELECT p.relid FROM pg_partition_ancestors($1) WITH ORDINALITY p(relid, n) ORDER BY n DESC LIMIT 1));
    ELSIF c.relnamespace IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace, 'pgtrickle'::regnamespace, 'pgtrickle_state'::regnamespace) THEN
        problem := 'it belongs to the system';
        instead := 'Publish a stream table with refresh_mode FULL that reads it, or a table of your own.';
    ELSIF c.relkind = 'r' AND EXISTS (SELECT FROM pg_inherits WHERE inhparent = $1) THEN
        problem := 'it has children by inheritance';
    ELSIF virtual IS NOT NULL THEN
        problem := format('its virtual generated columns (%s) are in no change', virtual);
    END IF;
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION 'cannot publish %: %', $1, problem USING ERRCODE = '0A000', HINT = instead;
    END IF;
END $$;
COMMENT ON FUNCTION pgtrickle._lake_relation(regclass) IS
'relation: to be published.  Errors: 42P01, 42809 not a table, 42501 not its owner, 0A000 a kind of table that cannot be followed.';

CREATE FUNCTION pgtrickle.publish(relation regclass, lake text DEFAULT NULL, table_name text DEFAULT NULL, mode text DEFAULT 'mirror',
    schedule text DEFAULT '1s', partition_by text[] DEFAULT NULL, sort_by text[] DEFAULT NULL, iceberg text DEFAULT NULL, types jsonb DEFAULT NULL) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $publish$
DECLARE
    the_lake pgtrickle.lake;
    lag      interval;
    target   text := coalesce($3, (SELECT c.relname FROM pg_class c WHERE c.oid = $1));
    period   interval;
    choices  jsonb;
    lacking  record;
    columns  int2[];
    key      int2[];
    rows_key regtype;
    taken    bool;
    new_id   int;
BEGIN
    IF $1 IS NULL OR $4 IS NULL OR $5 IS NULL THEN
        RAISE EXCEPTION 'relation, mode and schedule must not be null' USING ERRCODE = '22004';
    ELSIF target = '' THEN
        RAISE EXCEPTION 'the name of a lake table must not be empty' USING ERRCODE = '22023', HINT = 'Leave table_name out for the relation''s own.';
    ELSIF $4 NOT IN ('mirror', 'append', 'history') THEN
        RAISE EXCEPTION 'unknown mode "%"', $4
            USING ERRCODE = '22023', HINT = 'Accepted: ''mirror'' (updates and deletes follow), ''append'' (every new version of a row is added, nothing is deleted) and ''history'' (every version, and from when to when it was valid).';
    END IF;
    period := pgtrickle._lake_period($5);
    the_lake := pgtrickle._lake($2);
    PERFORM pgtrickle._check_lake_owner(the_lake);
    lag := pgtrickle._iceberg_period(coalesce($8, the_lake.options->>'iceberg', '1m'));
    IF lag IS NOT NULL AND to_regclass(format('%I.iceberg_tables', the_lake.metadata_schema)) IS NULL THEN
        PERFORM pgtrickle._make_iceberg(the_lake.metadata_schema, the_lake.name, the_lake.owner::regrole);
    END IF;
    PERFORM pgtrickle._lake_relation($1);
    IF EXISTS (SELECT FROM pgtrickle.publication p WHERE p.relid = $1) THEN
        RAISE EXCEPTION '% is already published', $1
            USING ERRCODE = '42710', HINT = format('SELECT pgtrickle.unpublish(%L) first.', $1);
    END IF;
    EXECUTE format('SELECT EXISTS (SELECT FROM %1$I.ducklake_table WHERE end_snapshot IS NULL AND lower(table_name) = lower($1)
                                   UNION ALL SELECT FROM %1$I.ducklake_view WHERE end_snapshot IS NULL AND lower(view_name) = lower($1))', the_lake.metadata_schema)
        INTO taken USING target;
    IF taken OR EXISTS (SELECT FROM pgtrickle.publication p WHERE p.lake = the_lake.id AND lower(p.table_name) = lower(target)) THEN
        RAISE EXCEPTION 'lake "%" already has a table "%"', the_lake.name, target
            USING ERRCODE = '42P07', HINT = 'Give another table_name, or drop that one: DROP TABLE in DuckDB, or unpublish(…, drop_lake_table => true).';
    END IF;
    PERFORM pgtrickle._check_lake_types($9);
    choices := jsonb_build_object('numeric_scale', coalesce(the_lake.options->'numeric_scale', '9')) || coalesce(the_lake.options->'types', '{}') || coalesce($9, '{}');
    PERFORM pgtrickle._check_lake_columns($1, choices, lag IS NOT NULL);
    columns := (SELECT array_agg(c.attnum ORDER BY c.attnum) FROM pgtrickle._lake_columns($1, choices) c);
    IF columns IS NULL THEN
        RAISE EXCEPTION '% has no columns', $1 USING ERRCODE = '0A000', HINT = 'A lake table needs at least one.';
    END IF;
    IF $4 = 'history' THEN
        SELECT c.name INTO lacking FROM pgtrickle._lake_columns($1, choices) c WHERE pgtrickle._is_history_column(c.name) LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'column "%" of % has the name of a column that mode "history" adds', lacking.name, $1
                USING ERRCODE = '42701', HINT = 'Publish a stream table that gives it another name.';
        END IF;
    END IF;
    key := coalesce(pgtrickle._lake_key($1), '{}');
    rows_key := pgtrickle._lake_rows_key($1, key);
    INSERT INTO pgtrickle.consumer(kind) VALUES ('publication') RETURNING id INTO new_id;
    INSERT INTO pgtrickle.reads(consumer, source, columns) VALUES (new_id, $1, columns);
    INSERT INTO pgtrickle.publication(id, lake, relid, table_name, mode, schedule, period, key, rows_key, salt, iceberg, types)
        VALUES (new_id, the_lake.id, $1, target, $4, $5, period, key, rows_key, decode(replace(gen_random_uuid()::text, '-', ''), 'hex'), lag, choices);
    INSERT INTO pgtrickle.publication_health(id) VALUES (new_id);
    INSERT INTO pgtrickle.publication_column(publication, column_id, attnum, name, source_type, lake_type, fields, nullable, declared)
        SELECT new_id, c.column_id + CASE WHEN $4 = 'history' THEN 4 ELSE 0 END, c.attnum, c.name, c.source_type, c.lake_type, c.fields, c.nullable, c.declared
        FROM pgtrickle._lake_columns($1, choices) c;
    PERFORM pgtrickle._set_layout(new_id, $1, 'partition', $6), pgtrickle._set_layout(new_id, $1, 'sort', $7);
    -- Where a row of the source is in the lake: file and position, and the row id where it is not the file's own.
    EXECUTE format('CREATE TABLE pgtrickle_state.lake_rows_%s (key %s NOT NULL, file int NOT NULL, pos int NOT NULL, row_id bigint)', new_id, rows_key);
    EXECUTE format('ALTER EXTENSION pg_trickle ADD TABLE pgtrickle_state.lake_rows_%s', new_id);  -- no dump has it
    EXECUTE format('CREATE INDEX lake_rows_%1$s_key ON pgtrickle_state.lake_rows_%1$s (key)', new_id);
    PERFORM pgtrickle._capture($1, columns);
    RETURN format('%I.main.%I', the_lake.name, target);
END $publish$;
COMMENT ON FUNCTION pgtrickle.publish(regclass, text, text, text, text, text[], text[], text, jsonb) IS
'Publishes a table, partitioned table or stream table as a table of a lake: loaded once, then kept up to date by trickle-lake.
relation: what to publish; lake: its name, NULL = the only one; table_name: NULL = the relation''s; mode: ''mirror'' (the lake table equals
the relation), ''append'' (every new version of a row is added, deletes are ignored) or ''history'' (every version that a publish saw, after four
columns: valid_from and valid_to, when the database snapshots were taken that first and no longer showed it, from_snapshot and to_snapshot, the
lake snapshots of those publishes; the ends are NULL while it lasts); schedule: the time between batches, such as ''10s'', or ''calculated''
(as soon as it changes); partition_by: what decides which file a row goes to, of columns, year(column), month(…), day(…), hour(…) and
bucket(n, column), such as ''{year(at),region}'' (timestamptz in UTC; text, whole numbers, decimals, dates, uuids and booleans by themselves); sort_by: columns
by which the rows of a batch are sorted in its files, each with ASC or DESC, NULLS FIRST or LAST; iceberg: how Spark, Trino and pyiceberg follow, ''each commit'' (in the
transaction that commits the lake snapshot), a duration (at most so far behind DuckDB) or ''off'', NULL = as the lake;
types: what becomes of types that the lake holds in more than one way, or not exactly, over the lake''s option "types": {"interval": "struct"
(months, days and microseconds, exact), "text" (ISO 8601) or "interval" (DuckLake''s, of whole milliseconds and without signs; not for Iceberg),
"timetz": "text" or "utc" (DuckLake''s timetz, at offset 0; not for Iceberg), "numeric": "text" (of what decimal(38) does not hold, and without a precision),
"other": "text" (every type without an equal: ranges, network addresses, …, as its cast to text)}; what is not chosen is refused.  All tables of a lake that are due are published in one lake snapshot,
which is one snapshot of the database.  COMMENT ON the relation and its columns follows, and a stream table''s query (as tag "stream_table_query").  Result: the table''s name in the lake.
Errors: 42704 no such lake; 42710 already published; 42P07 the lake has such a table; 42501 not the owner; 22023 unknown mode, schedule, iceberg or types, or no name;
42701 a column called as one that mode history adds; 42703 a column in partition_by or sort_by that is not there, 42804 of a type that is not accepted there;
0A000 a column type DuckLake, or Iceberg, cannot hold as chosen, or a relation that cannot be followed.';

CREATE FUNCTION pgtrickle._drop_lake_table(lake pgtrickle.lake, table_id bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    t        text;
    snapshot bigint;
BEGIN
    -- As every writer of ours does: other writers' inserts wait, readers do not.
    EXECUTE format('LOCK TABLE %I.ducklake_snapshot IN SHARE ROW EXCLUSIVE MODE', lake.metadata_schema);
    EXECUTE format('INSERT INTO %1$I.ducklake_snapshot SELECT snapshot_id + 1, now(), schema_version + 1, next_catalog_id, next_file_id
                    FROM %1$I.ducklake_snapshot ORDER BY snapshot_id DESC LIMIT 1 RETURNING snapshot_id', lake.metadata_schema) INTO snapshot;
    FOREACH t IN ARRAY '{table,partition_info,column,column_tag,data_file,delete_file,sort_info}'::text[] LOOP
        EXECUTE format('UPDATE %I.%I SET end_snapshot = $1 WHERE table_id = $2 AND end_snapshot IS NULL', lake.metadata_schema, 'ducklake_' || t)
            USING snapshot, table_id;
    END LOOP;
    EXECUTE format('UPDATE %I.ducklake_tag SET end_snapshot = $1 WHERE object_id = $2 AND end_snapshot IS NULL', lake.metadata_schema) USING snapshot, table_id;
    EXECUTE format('INSERT INTO %I.ducklake_snapshot_changes(snapshot_id, changes_made, author) VALUES ($1, ''dropped_table:'' || $2, ''pg_trickle'')', lake.metadata_schema)
        USING snapshot, table_id;
    PERFORM pgtrickle._drop_iceberg_table(lake, table_id);
END $$;
REVOKE ALL ON FUNCTION pgtrickle._drop_lake_table(pgtrickle.lake, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pgtrickle._drop_lake_table(pgtrickle.lake, bigint) IS
'lake: its row; table_id: of DuckLake.  Makes a snapshot in which the table is gone; earlier snapshots keep it.';

CREATE FUNCTION pgtrickle.unpublish(relation regclass, drop_lake_table bool DEFAULT false) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    p        pgtrickle.publication;
    the_lake pgtrickle.lake;
BEGIN
    IF $1 IS NULL THEN
        RAISE EXCEPTION 'relation must not be null' USING ERRCODE = '22004', HINT = 'SELECT relation, lake FROM pgtrickle.lake_status() lists what is published.';
    END IF;
    SELECT * INTO p FROM pgtrickle.publication WHERE relid = $1;
    IF p IS NULL THEN
        RAISE EXCEPTION '% is not published', $1
            USING ERRCODE = '42704', HINT = 'SELECT relation, lake FROM pgtrickle.lake_status() lists what is.';
    END IF;
    SELECT * INTO the_lake FROM pgtrickle.lake WHERE id = p.lake;
    PERFORM pgtrickle._check_lake_owner(the_lake);
    -- First what a running batch holds longest, so that the two cannot wait for each other.
    EXECUTE format('LOCK TABLE pgtrickle_state.lake_rows_%s IN ACCESS EXCLUSIVE MODE', p.id);
    SELECT * INTO p FROM pgtrickle.publication WHERE id = p.id;
    IF $2 AND p.table_id IS NOT NULL THEN
        PERFORM pgtrickle._drop_lake_table(the_lake, p.table_id);
    END IF;
    PERFORM pgtrickle._abandon_load(p.id);
    DELETE FROM pgtrickle.publication_run WHERE publication = p.id;
    DELETE FROM pgtrickle.consumer WHERE id = p.id;
    EXECUTE format('ALTER EXTENSION pg_trickle DROP TABLE pgtrickle_state.lake_rows_%s', p.id);
    EXECUTE format('DROP TABLE pgtrickle_state.lake_rows_%s', p.id);
    PERFORM pgtrickle._release(p.relid);
END $$;
COMMENT ON FUNCTION pgtrickle.unpublish(regclass, bool) IS
'relation: a published relation (a dropped one by its number: 12345::regclass); drop_lake_table: drop its lake table too, else it stays as it is.
Waits for a batch that is being written.  Errors: 42704 not published; 42501 not the lake''s owner.';

CREATE FUNCTION pgtrickle.drop_lake(name text, cascade bool DEFAULT false) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    the_lake  pgtrickle.lake;
    published regclass[];
    t         text;
BEGIN
    IF $1 IS NULL THEN
        RAISE EXCEPTION 'name of a lake must not be null' USING ERRCODE = '22004';
    END IF;
    the_lake := pgtrickle._lake($1);
    PERFORM pgtrickle._check_lake_owner(the_lake);
    published := (SELECT array_agg(p.relid::regclass ORDER BY p.id) FROM pgtrickle.publication p WHERE p.lake = the_lake.id);
    IF published IS NOT NULL AND NOT $2 THEN
        RAISE EXCEPTION 'cannot drop lake "%", into which is published: %', $1, array_to_string(published, ', ')
            USING ERRCODE = '2BP01', HINT = 'Unpublish first, or drop_lake(…, cascade => true), which also drops the catalog if create_lake made it.';
    END IF;
    FOR i IN 1 .. coalesce(cardinality(published), 0) LOOP
        PERFORM pgtrickle.unpublish(published[i]);
    END LOOP;
    IF $2 AND the_lake.created THEN
        FOR t IN SELECT d.name FROM pgtrickle._ducklake_tables('1.1') d WHERE to_regclass(format('%I.%I', the_lake.metadata_schema, d.name)) IS NOT NULL LOOP
            EXECUTE format('DROP TABLE %I.%I', the_lake.metadata_schema, t);
        END LOOP;
        PERFORM pgtrickle._unmake_iceberg(the_lake.metadata_schema, the_lake.name);
        RAISE NOTICE 'files below % are left for you to remove', the_lake.data_path;
    END IF;
    DELETE FROM pgtrickle.lake WHERE id = the_lake.id;
END $$;
COMMENT ON FUNCTION pgtrickle.drop_lake(text, bool) IS
'name: a lake; cascade: unpublish what is published into it, and drop the catalog tables if create_lake made them.
Without cascade the catalog stays readable and create_lake can take it over again.  Files are never removed.
Errors: 42704 no such lake; 2BP01 something is published into it; 42501 not its owner.';

-- The advisory locks by which trickle-lake programs say what is theirs.
CREATE FUNCTION pgtrickle._lake_lock(kind text) RETURNS int
LANGUAGE sql IMMUTABLE RETURN 1953655660 + array_position('{lake,worker,table,upkeep}'::text[], $1) - 1;
COMMENT ON FUNCTION pgtrickle._lake_lock(text) IS
'kind: lake, of whoever leads it; worker, of whoever is there; table, of whoever publishes it; upkeep, of whoever changes its files just now.
Result: the first key of its advisory lock; the second is the id.';

CREATE FUNCTION pgtrickle._wait_served(lake pgtrickle.lake, since timestamptz, patience interval) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'cannot wait for a lake in isolation level %', current_setting('transaction_isolation')
            USING ERRCODE = '25001', HINT = 'It would never see the other transaction: use READ COMMITTED.';
    ELSIF clock_timestamp() >= since + patience AND NOT pgtrickle._lake_lock_is_held('lake', lake.id) THEN
        RAISE EXCEPTION 'no trickle-lake is running for lake "%"', lake.name
            USING ERRCODE = '55000', HINT = 'The extension''s scheduler starts it: see the server log and pg_trickle.lake_command; or run trickle-lake --conninfo ….';
    END IF;
    PERFORM pg_sleep(0.01);
END $$;
COMMENT ON FUNCTION pgtrickle._wait_served(pgtrickle.lake, timestamptz, interval) IS
'lake: its row; since: when the waiting began; patience: how long nobody may serve the lake.  Sleeps 10 ms.
Errors: 55000 nobody does; 25001 isolation level.';

CREATE FUNCTION pgtrickle.publish_now(lake text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    the_lake pgtrickle.lake := pgtrickle._lake($1);
    request  bigint;
    began    timestamptz := clock_timestamp();
    failed   record;
    snapshot bigint;
BEGIN
    PERFORM pgtrickle._check_lake_owner(the_lake);
    request := nextval('pgtrickle.lake_request');
    WHILE (SELECT l.answered < request FROM pgtrickle.lake l WHERE l.id = the_lake.id)
       OR EXISTS (SELECT FROM pgtrickle.publication_health h JOIN pgtrickle.publication p USING (id) WHERE p.lake = the_lake.id AND h.answered < request) LOOP
        PERFORM pgtrickle._wait_served(the_lake, began, '30s');
    END LOOP;
    SELECT coalesce((SELECT c.oid::regclass::text FROM pg_class c WHERE c.oid = p.relid), p.table_name) AS relation, h.* INTO failed
    FROM pgtrickle.publication p JOIN pgtrickle.publication_health h USING (id)
    WHERE p.lake = the_lake.id AND h.status IN ('ERROR', 'SUSPENDED') ORDER BY h.last_error_at DESC LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'publishing % failed: %', failed.relation, failed.last_error
            USING ERRCODE = failed.last_sqlstate, HINT = 'SELECT * FROM pgtrickle.lake_status() shows every table; those that are ACTIVE are published.';
    END IF;
    EXECUTE format('SELECT max(snapshot_id) FROM %I.ducklake_snapshot', the_lake.metadata_schema) INTO snapshot;
    RETURN snapshot;
END $$;
COMMENT ON FUNCTION pgtrickle.publish_now(text) IS
'lake: its name, NULL = the only one.  Publishes all its tables at once, in one lake snapshot (one for each program with share_tables), and waits for it; what this very transaction
has written is not committed yet and so not in it.  Result: the id of the lake''s newest snapshot.
Errors: 42704 no such lake; 55000 no trickle-lake is running; 25001 not READ COMMITTED; the error of a table that could not be published.';

-- Everything visible in the second snapshot is visible in the first.  Our own transaction is not waited for.
CREATE FUNCTION pgtrickle._covers(frontier pg_snapshot, snapshot pg_snapshot) RETURNS bool
LANGUAGE sql STABLE
RETURN coalesce(pg_snapshot_xmax(frontier) >= pg_snapshot_xmax(snapshot), false)
   AND NOT EXISTS (SELECT FROM pg_snapshot_xip(frontier) x
                   WHERE x < pg_snapshot_xmax(snapshot) AND pg_visible_in_snapshot(x, snapshot)
                     AND x IS DISTINCT FROM pg_current_xact_id_if_assigned());
COMMENT ON FUNCTION pgtrickle._covers(pg_snapshot, pg_snapshot) IS
'frontier, snapshot: two snapshots.  Result: whether all that the second sees the first sees too; the running transaction aside.';

CREATE FUNCTION pgtrickle.wait_for_lake(lake text DEFAULT NULL, snapshot pg_snapshot DEFAULT pg_current_snapshot(), timeout interval DEFAULT '30s') RETURNS bool
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    the_lake pgtrickle.lake := pgtrickle._lake($1);
    began    timestamptz := clock_timestamp();
BEGIN
    WHILE EXISTS (SELECT FROM pgtrickle.publication p JOIN pgtrickle.consumer c USING (id)
                  WHERE p.lake = the_lake.id AND (NOT pgtrickle._covers(c.frontier, $2)
                         OR EXISTS (SELECT FROM pgtrickle.publication_load l WHERE l.publication = p.id AND l.base IS NOT NULL AND l.ended_at IS NULL))) LOOP
        -- Tables on 'calculated' are looked at now, changed or not; the others when they are due.
        PERFORM nextval('pgtrickle.lake_wait');
        PERFORM pgtrickle._wait_served(the_lake, began, $3);
        IF clock_timestamp() >= began + $3 THEN
            RETURN false;
        END IF;
    END LOOP;
    RETURN true;
END $$;
COMMENT ON FUNCTION pgtrickle.wait_for_lake(text, pg_snapshot, interval) IS
'lake: its name, NULL = the only one; snapshot: what the lake must contain, by default all that is committed now; timeout: how long to wait.
Waits until every table of the lake has been published, on its schedule, from a snapshot that contains the given one.
Result: true, or false when the time is over.  Errors: 42704 no such lake; 55000 no trickle-lake is running; 25001 not READ COMMITTED.';

CREATE FUNCTION pgtrickle.lake_status() RETURNS TABLE (lake text, relation regclass, table_name text, mode text, schedule text, status text,
    rows bigint, files bigint, bytes bigint, delete_files bigint, snapshot_id bigint, lag interval, frontier pg_snapshot,
    consecutive_errors int, last_error text, last_sqlstate text, last_error_at timestamptz, retry_at timestamptz,
    iceberg_snapshot bigint, iceberg_error text, rows_loaded bigint, loaded_percent float8, load_remaining interval)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    l pgtrickle.lake;
BEGIN
    FOR l IN SELECT * FROM pgtrickle.lake ORDER BY name LOOP
        RETURN QUERY EXECUTE format(
            'SELECT $1.name, p.relid::regclass, p.table_name, p.mode, p.schedule,
                    CASE WHEN h.status = ''LOADING'' AND p.table_id IS NOT NULL THEN ''ACTIVE'' ELSE h.status END,  -- health follows the commit
                    d.rows - coalesce(x.rows, 0), d.files, d.bytes + coalesce(x.bytes, 0), x.files, h.lake_snapshot,
                    clock_timestamp() - c.ticked_at, CASE WHEN o.rows IS NULL THEN c.frontier END,
                    h.consecutive_errors, h.last_error, h.last_sqlstate, h.last_error_at, h.retry_at,
                    i.snapshot, h.iceberg_error, o.rows, o.percent, o.remaining
             FROM pgtrickle.publication p
             JOIN pgtrickle.publication_health h USING (id)
             JOIN pgtrickle.consumer c USING (id)
             LEFT JOIN pgtrickle.iceberg_table i ON i.lake = p.lake AND i.table_id = p.table_id
             LEFT JOIN LATERAL pgtrickle._load_progress(p.id) o ON true
             CROSS JOIN LATERAL (SELECT coalesce(sum(f.record_count), 0)::bigint AS rows, count(*) AS files, coalesce(sum(f.file_size_bytes), 0)::bigint AS bytes
                                 FROM %1$I.ducklake_data_file f WHERE f.table_id = p.table_id AND f.end_snapshot IS NULL) d
             CROSS JOIN LATERAL (SELECT sum(f.delete_count)::bigint AS rows, count(*) AS files, sum(f.file_size_bytes)::bigint AS bytes
                                 FROM %1$I.ducklake_delete_file f JOIN %1$I.ducklake_data_file d USING (data_file_id)
                                 WHERE f.table_id = p.table_id AND f.end_snapshot IS NULL AND d.end_snapshot IS NULL) x
             WHERE p.lake = $1.id ORDER BY p.table_name', l.metadata_schema) USING l;
    END LOOP;
END $$;
COMMENT ON FUNCTION pgtrickle.lake_status() IS
'No arguments.  Result: one row a published table: its status (LOADING, ACTIVE, ERROR: retried at retry_at, SUSPENDED: needs you, see last_error),
rows, data files, their bytes and delete files in the lake now; snapshot_id: the lake snapshot of the last batch that changed it;
lag: how old the state is that it shows; frontier: the database snapshot it equals; iceberg_snapshot: the newest that Spark, Trino and
pyiceberg see, which may be another table''s when this one has not changed since its own; iceberg_error: why they see no newer one;
while a table is loaded, and NULL else: rows_loaded, loaded_percent of what its statistics and the parts that are done promise, load_remaining: how
long the rest takes at the pace so far.';

CREATE FUNCTION pgtrickle.lake_snapshots(lake text DEFAULT NULL) RETURNS TABLE (snapshot_id bigint, snapshot_time timestamptz, changes text,
    snapshot pg_snapshot, author text, message text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY EXECUTE format(
        'SELECT s.snapshot_id, s.snapshot_time, c.changes_made::text,
                CASE WHEN c.author = ''pg_trickle'' AND c.commit_extra_info IS JSON THEN (c.commit_extra_info::jsonb->>''snapshot'')::pg_snapshot END,
                c.author::text, c.commit_message::text
         FROM %1$I.ducklake_snapshot s LEFT JOIN %1$I.ducklake_snapshot_changes c USING (snapshot_id) ORDER BY 1', (pgtrickle._lake($1)).metadata_schema);
END $$;
COMMENT ON FUNCTION pgtrickle.lake_snapshots(text) IS
'lake: its name, NULL = the only one.  Result: its snapshots in order; changes: what each changed, in DuckLake''s words; snapshot: the database
snapshot it is equal to, for those made by publishing.  DuckDB reads one by AT (VERSION => snapshot_id).  Errors: 42704 no such lake.';
