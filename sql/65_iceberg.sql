-- Iceberg's view of the lake: which metadata files trickle-lake has written over which of DuckLake's files.
--
-- An Iceberg snapshot is what DuckLake's catalog says of a table at one of its snapshots, and has that snapshot's id.
-- What was said before is kept here, so that the next one costs a comparison and only changed manifests are written.
-- [begin_snapshot, end_snapshot) are the Iceberg snapshots that name a file; it goes when none of them is listed.

CREATE TABLE pgtrickle.iceberg_table (
    id        int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    lake      int NOT NULL REFERENCES pgtrickle.lake ON DELETE CASCADE,
    table_id  bigint NOT NULL,             -- of DuckLake
    name      text NOT NULL,               -- in the Iceberg catalog
    directory text NOT NULL,               -- of its metadata, relative to the data path, with a slash at its end
    snapshot  bigint,                      -- the newest
    spec      bigint NOT NULL DEFAULT 0,   -- that new files are written by
    version   int NOT NULL DEFAULT 0,      -- of its metadata.json
    tags      jsonb NOT NULL DEFAULT '{}', -- that are told in it
    UNIQUE (lake, table_id)
);
CREATE TABLE pgtrickle.iceberg_snapshot (  -- those that are listed
    iceberg_table int NOT NULL REFERENCES pgtrickle.iceberg_table ON DELETE CASCADE,
    snapshot      bigint NOT NULL,
    parent        bigint,
    made_at       timestamptz NOT NULL,    -- of DuckLake's snapshot; later than its parent's in any case
    schema_id     bigint NOT NULL,         -- DuckLake's schema_version
    manifest_list text NOT NULL,           -- this and other paths: relative to the data path
    summary       jsonb NOT NULL,
    PRIMARY KEY (iceberg_table, snapshot)
);
CREATE TABLE pgtrickle.iceberg_spec (      -- the fields of partition specs, other than the empty one, which is 0
    iceberg_table int NOT NULL REFERENCES pgtrickle.iceberg_table ON DELETE CASCADE,
    spec          bigint NOT NULL,         -- DuckLake's partition_id
    n             bigint NOT NULL,         -- DuckLake's partition_key_index, which may be missing some
    field         int NOT NULL,            -- Iceberg's field-id, the same in all specs for the same column, transform and type
    column_id     bigint NOT NULL,
    transform     text NOT NULL,           -- as Iceberg has it
    lake_type     text NOT NULL,           -- of the column when the field came
    PRIMARY KEY (iceberg_table, spec, n)
);
CREATE TABLE pgtrickle.iceberg_manifest (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    iceberg_table  int NOT NULL REFERENCES pgtrickle.iceberg_table ON DELETE CASCADE,
    spec           bigint NOT NULL,
    deletes        bool NOT NULL,
    begin_snapshot bigint NOT NULL,
    end_snapshot   bigint,
    min_sequence   bigint NOT NULL,
    path           text NOT NULL,
    bytes          bigint NOT NULL,
    added_files int NOT NULL, existing_files int NOT NULL, deleted_files int NOT NULL,
    added_rows bigint NOT NULL, existing_rows bigint NOT NULL, deleted_rows bigint NOT NULL
);
CREATE INDEX ON pgtrickle.iceberg_manifest(iceberg_table);
CREATE TABLE pgtrickle.iceberg_file (
    iceberg_table  int NOT NULL REFERENCES pgtrickle.iceberg_table ON DELETE CASCADE,
    file_id        bigint NOT NULL,        -- DuckLake's data_file_id or delete_file_id, which are counted together
    deletes        bool NOT NULL,
    begin_snapshot bigint NOT NULL,        -- also its sequence number
    end_snapshot   bigint,
    path           text NOT NULL,
    data_path      text,                   -- of a delete file: what it deletes from
    rows           bigint NOT NULL,
    bytes          bigint NOT NULL,
    manifest       bigint NOT NULL,        -- that it is in now; not a reference: it is changed with every batch
    ours           bool NOT NULL,          -- written for Iceberg alone, in the place of DuckLake's
    spec           bigint NOT NULL,        -- of partitions
    partition      text[],                 -- the values of its fields, as they go into manifests
    PRIMARY KEY (iceberg_table, file_id)
);
CREATE INDEX ON pgtrickle.iceberg_file(manifest);
CREATE INDEX ON pgtrickle.iceberg_file(file_id);
CREATE TABLE pgtrickle.iceberg_metadata (  -- metadata.json and those before it
    iceberg_table int NOT NULL REFERENCES pgtrickle.iceberg_table ON DELETE CASCADE,
    version       int NOT NULL,
    path          text NOT NULL,
    written_at    timestamptz NOT NULL,
    PRIMARY KEY (iceberg_table, version)
);

CREATE FUNCTION pgtrickle._iceberg_names(lake int, file_id bigint) RETURNS bool
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
RETURN EXISTS (SELECT FROM pgtrickle.iceberg_file f JOIN pgtrickle.iceberg_table t ON t.id = f.iceberg_table WHERE t.lake = $1 AND f.file_id = $2);
COMMENT ON FUNCTION pgtrickle._iceberg_names(int, bigint) IS
'lake: its id; file_id: of a data or delete file.  Result: whether a listed Iceberg snapshot names it, so that it must stay.';

-- The catalog that Iceberg's JDBC catalogs (Spark, Trino, pyiceberg) share, as they make it.
CREATE FUNCTION pgtrickle._make_iceberg(metadata_schema text, catalog text, owner regrole) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF to_regclass(format('%I.iceberg_tables', $1)) IS NULL THEN
        EXECUTE format('CREATE TABLE %I.iceberg_tables(catalog_name VARCHAR(255) NOT NULL, table_namespace VARCHAR(255) NOT NULL, table_name VARCHAR(255) NOT NULL,
            metadata_location VARCHAR(1000), previous_metadata_location VARCHAR(1000), iceberg_type VARCHAR(5), PRIMARY KEY (catalog_name, table_namespace, table_name))', $1);
        EXECUTE format('ALTER TABLE %I.iceberg_tables OWNER TO %s', $1, $3);
    END IF;
    IF to_regclass(format('%I.iceberg_namespace_properties', $1)) IS NULL THEN
        EXECUTE format('CREATE TABLE %I.iceberg_namespace_properties(catalog_name VARCHAR(255) NOT NULL, namespace VARCHAR(255) NOT NULL, property_key VARCHAR(255),
            property_value VARCHAR(1000), PRIMARY KEY (catalog_name, namespace, property_key))', $1);
        EXECUTE format('ALTER TABLE %I.iceberg_namespace_properties OWNER TO %s', $1, $3);
    END IF;
    EXECUTE format('INSERT INTO %I.iceberg_namespace_properties(catalog_name, namespace, property_key, property_value) VALUES ($1, ''main'', ''exists'', ''true'')
                    ON CONFLICT DO NOTHING', $1) USING catalog;
END $$;
REVOKE ALL ON FUNCTION pgtrickle._make_iceberg(text, text, regrole) FROM PUBLIC;
COMMENT ON FUNCTION pgtrickle._make_iceberg(text, text, regrole) IS
'metadata_schema: of the lake; catalog: its name, which readers must use; owner: of the tables.  Makes the two tables of a JDBC catalog, where missing.';

-- The two tables go with the last catalog that is in them.
CREATE FUNCTION pgtrickle._unmake_iceberg(metadata_schema text, catalog text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    other bool;
BEGIN
    IF to_regclass(format('%I.iceberg_tables', $1)) IS NULL OR to_regclass(format('%I.iceberg_namespace_properties', $1)) IS NULL THEN
        RETURN;
    END IF;
    EXECUTE format('DELETE FROM %I.iceberg_tables WHERE catalog_name = $1', $1) USING catalog;
    EXECUTE format('DELETE FROM %I.iceberg_namespace_properties WHERE catalog_name = $1', $1) USING catalog;
    EXECUTE format('SELECT EXISTS (SELECT FROM %1$I.iceberg_tables) OR EXISTS (SELECT FROM %1$I.iceberg_namespace_properties)', $1) INTO other;
    IF NOT other THEN
        EXECUTE format('DROP TABLE %1$I.iceberg_tables, %1$I.iceberg_namespace_properties', $1);
    END IF;
END $$;
REVOKE ALL ON FUNCTION pgtrickle._unmake_iceberg(text, text) FROM PUBLIC;
COMMENT ON FUNCTION pgtrickle._unmake_iceberg(text, text) IS 'metadata_schema, catalog: as for _make_iceberg.  Takes the catalog away.';

-- 'each commit' → 0; '1m' → interval; 'off' → NULL.
CREATE FUNCTION pgtrickle._iceberg_period(policy text) RETURNS interval
LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
    IF lower(policy) IN ('each commit', 'off') THEN
        RETURN CASE lower(policy) WHEN 'each commit' THEN interval '0' END;
    ELSIF policy ~ '^\s*(\d+(\.\d+)?\s*(ms|s|m|h|d)\s*)+$' AND policy::interval >= '100ms' THEN
        RETURN policy::interval;
    END IF;
    RAISE EXCEPTION 'unknown Iceberg policy "%"', policy
        USING ERRCODE = '22023', HINT = 'Accepted: ''each commit'' (in the transaction that commits the lake snapshot), a duration of at least 100ms such as ''1m'' (at most so far behind it), or ''off''.';
END $$;
COMMENT ON FUNCTION pgtrickle._iceberg_period(text) IS
'policy: ''each commit'', a duration, or ''off''.  Result: how far Iceberg may lag behind DuckLake, NULL for ''off''.  Errors: 22023 anything else.';

-- A column's Iceberg type as JSON, its nested fields included; NULL where Iceberg v2 has none.
CREATE FUNCTION pgtrickle._iceberg_type(metadata_schema text, table_id bigint, column_id bigint, column_type text, snapshot bigint) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    fields   jsonb;
    types    jsonb[];
    ids      bigint[];
BEGIN
    IF $4 NOT IN ('list', 'struct', 'map') THEN
        RETURN to_jsonb(CASE $4 WHEN 'boolean' THEN 'boolean' WHEN 'int8' THEN 'int' WHEN 'int16' THEN 'int' WHEN 'int32' THEN 'int' WHEN 'int64' THEN 'long'
            WHEN 'float32' THEN 'float' WHEN 'float64' THEN 'double' WHEN 'date' THEN 'date' WHEN 'time' THEN 'time'
            WHEN 'timestamp' THEN 'timestamp' WHEN 'timestamptz' THEN 'timestamptz' WHEN 'varchar' THEN 'string' WHEN 'json' THEN 'string'
            WHEN 'blob' THEN 'binary' WHEN 'uuid' THEN 'uuid'
            ELSE regexp_replace(substring($4 FROM '^decimal\(\d+, ?\d+\)$'), ', ?', ', ') END);
    END IF;
    EXECUTE format('SELECT array_agg(c.column_id ORDER BY c.column_order), array_agg(pgtrickle._iceberg_type($1, $2, c.column_id, c.column_type, $4) ORDER BY c.column_order),
            jsonb_agg(jsonb_build_object(''id'', c.column_id, ''name'', c.column_name, ''required'', false,
                                         ''type'', pgtrickle._iceberg_type($1, $2, c.column_id, c.column_type, $4)) ORDER BY c.column_order)
        FROM %I.ducklake_column c WHERE c.table_id = $2 AND c.parent_column = $3 AND c.begin_snapshot <= $4 AND coalesce(c.end_snapshot > $4, true)', $1)
        INTO ids, types, fields USING $1, $2, $3, $5;
    IF array_position(types, NULL) IS NOT NULL THEN
        RETURN NULL;
    END IF;
    RETURN CASE $4 WHEN 'list' THEN jsonb_build_object('type', 'list', 'element-id', ids[1], 'element-required', false, 'element', types[1])
                   WHEN 'map' THEN jsonb_build_object('type', 'map', 'key-id', ids[1], 'key', types[1], 'value-id', ids[2], 'value-required', false, 'value', types[2])
                   ELSE jsonb_build_object('type', 'struct', 'fields', fields) END;
END $$;
COMMENT ON FUNCTION pgtrickle._iceberg_type(text, bigint, bigint, text, bigint) IS
'metadata_schema, table_id, column_id, column_type: of DuckLake; snapshot: as of which.  Result: the type as Iceberg''s JSON, NULL where it has none.';

-- Comments and a stream table's query belong to the table, not to its snapshots, and are those of now.
CREATE FUNCTION pgtrickle._iceberg_tags(metadata_schema text, table_id bigint) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    tags    jsonb;
    columns jsonb;
BEGIN
    EXECUTE format('SELECT coalesce(jsonb_object_agg(key, value), ''{}'') FROM %I.ducklake_tag WHERE object_id = $1 AND end_snapshot IS NULL
                    AND key IN (''comment'', ''stream_table_query'')', $1) INTO tags USING $2;
    EXECUTE format('SELECT coalesce(jsonb_object_agg(column_id, value), ''{}'') FROM %I.ducklake_column_tag WHERE table_id = $1 AND end_snapshot IS NULL AND key = ''comment''', $1)
        INTO columns USING $2;
    RETURN jsonb_build_object('table', tags, 'columns', columns);
END $$;
COMMENT ON FUNCTION pgtrickle._iceberg_tags(text, bigint) IS
'metadata_schema, table_id: of DuckLake.  Result: {"table": {"comment": …, "stream_table_query": …}, "columns": {column id: its comment, …}}, each where there is one.';

-- The columns of a lake table as of a snapshot.  All are optional: a file may be older than a column's NOT NULL.
CREATE FUNCTION pgtrickle._iceberg_schema(metadata_schema text, table_id bigint, snapshot bigint, schema_id bigint, tags jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    fields jsonb;
BEGIN
    EXECUTE format('SELECT jsonb_agg(jsonb_build_object(''id'', c.column_id, ''name'', c.column_name, ''required'', false,
                                     ''type'', pgtrickle._iceberg_type($1, $2, c.column_id, c.column_type, $3))
                                     || CASE WHEN $4 ? c.column_id::text THEN jsonb_build_object(''doc'', $4->c.column_id::text) ELSE ''{}'' END ORDER BY c.column_order)
        FROM %I.ducklake_column c WHERE c.table_id = $2 AND c.parent_column IS NULL AND c.begin_snapshot <= $3 AND coalesce(c.end_snapshot > $3, true)', $1)
        INTO fields USING $1, $2, $3, $5->'columns';
    RETURN jsonb_build_object('type', 'struct', 'schema-id', $4, 'fields', fields);
END $$;
COMMENT ON FUNCTION pgtrickle._iceberg_schema(text, bigint, bigint, bigint, jsonb) IS
'metadata_schema, table_id: of DuckLake; snapshot: as of which; schema_id: to call it; tags: by _iceberg_tags.
Result: an Iceberg schema; a type Iceberg lacks is null in it.';

-- DuckLake's schema_version that a table has at a snapshot.
CREATE FUNCTION pgtrickle._iceberg_schema_id(metadata_schema text, table_id bigint, snapshot bigint) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    id bigint;
BEGIN
    EXECUTE format('SELECT coalesce(max(v.schema_version), 0) FROM %I.ducklake_schema_versions v WHERE v.table_id = $1 AND v.begin_snapshot <= $2', $1) INTO id USING $2, $3;
    RETURN id;
END $$;
COMMENT ON FUNCTION pgtrickle._iceberg_schema_id(text, bigint, bigint) IS
'metadata_schema, table_id, snapshot: of DuckLake.  Result: the version of the schema, which is Iceberg''s schema-id.';

CREATE FUNCTION pgtrickle._iceberg_millis(at timestamptz) RETURNS bigint
LANGUAGE sql STABLE
RETURN floor(extract(epoch FROM $1) * 1000)::bigint;
COMMENT ON FUNCTION pgtrickle._iceberg_millis(timestamptz) IS 'at: a time.  Result: whole milliseconds since 1970.';

-- DuckLake's partitions as Iceberg's partition specs.
--
-- Keys that Iceberg's readers would not take the same way are left out (decimal, uuid; what DuckDB hashes otherwise), and so is year(at)
-- beside month(at), since Iceberg's month counts from 1970 and has the year in it.
CREATE FUNCTION pgtrickle._note_iceberg_specs(id int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    schema text;
    of     bigint;
    k      record;
BEGIN
    SELECT l.metadata_schema, t.table_id INTO STRICT schema, of FROM pgtrickle.iceberg_table t JOIN pgtrickle.lake l ON l.id = t.lake WHERE t.id = $1;
    FOR k IN EXECUTE format($sql$
        WITH key AS (SELECT DISTINCT ON (k.partition_id, k.column_id, t.transform) k.partition_id, k.partition_key_index, k.column_id, t.transform, c.column_type,
                            array_position('{year,month,day,hour}'::text[], t.transform) AS fineness
            FROM %1$I.ducklake_partition_column k
            JOIN %1$I.ducklake_column c ON c.table_id = k.table_id AND c.column_id = k.column_id AND c.parent_column IS NULL AND c.end_snapshot IS NULL,
            LATERAL (SELECT regexp_replace(k.transform, '^bucket\((\d+)\)$', 'bucket[\1]') AS transform) t
            WHERE k.table_id = $2 AND NOT EXISTS (SELECT FROM pgtrickle.iceberg_spec s WHERE s.iceberg_table = $1 AND s.spec = k.partition_id)
            ORDER BY 1, 3, 4, 2)
        SELECT k.partition_id, k.partition_key_index, k.column_id, k.transform, k.column_type FROM key k
        WHERE k.column_type = ANY (CASE WHEN k.transform = 'identity' THEN '{boolean,int8,int16,int32,int64,varchar,date}'
                                        WHEN k.transform = 'hour' THEN '{timestamp,timestamptz}'
                                        WHEN k.fineness IS NOT NULL THEN '{date,timestamp,timestamptz}'
                                        WHEN k.transform LIKE 'bucket[%%' THEN '{int8,int16,int32,int64,varchar,blob,date,timestamp,timestamptz}'
                                        ELSE '{}' END::text[])
          AND NOT EXISTS (SELECT FROM key o WHERE o.partition_id = k.partition_id AND o.column_id = k.column_id AND o.fineness > k.fineness)
        ORDER BY 1, 2$sql$, schema) USING $1, of LOOP
        INSERT INTO pgtrickle.iceberg_spec(iceberg_table, spec, n, field, column_id, transform, lake_type)
            SELECT $1, k.partition_id, k.partition_key_index,
                   coalesce(min(s.field) FILTER (WHERE (s.column_id, s.transform, s.lake_type) = (k.column_id, k.transform, k.column_type)), max(s.field) + 1, 1000),
                   k.column_id, k.transform, k.column_type
            FROM pgtrickle.iceberg_spec s WHERE s.iceberg_table = $1;
    END LOOP;
END $$;
REVOKE ALL ON FUNCTION pgtrickle._note_iceberg_specs(int) FROM PUBLIC;
COMMENT ON FUNCTION pgtrickle._note_iceberg_specs(int) IS
'id: of pgtrickle.iceberg_table.  Notes in pgtrickle.iceberg_spec the partitions that DuckLake''s catalog has and Iceberg was not told of.';

-- Names are found anew each time: none may be that of another column, whatever columns are called by now.
CREATE FUNCTION pgtrickle._iceberg_specs(id int) RETURNS TABLE (spec bigint, n bigint, field int, column_id bigint, transform text, name text, lake_type text, told_type text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    schema text;
    of     bigint;
BEGIN
    SELECT l.metadata_schema, t.table_id INTO STRICT schema, of FROM pgtrickle.iceberg_table t JOIN pgtrickle.lake l ON l.id = t.lake WHERE t.id = $1;
    RETURN QUERY EXECUTE format($sql$
        WITH c AS (SELECT c.column_id, c.column_name, c.column_type FROM %1$I.ducklake_column c WHERE c.table_id = $2 AND c.parent_column IS NULL AND c.end_snapshot IS NULL),
        plain AS (SELECT s.spec, s.n, s.field, s.column_id, s.transform, c.column_type::text, s.lake_type AS told_type,
                         coalesce(c.column_name, 'dropped_' || s.column_id) || CASE s.transform WHEN 'identity' THEN '' ELSE '_' || substring(s.transform FROM '^[a-z]+') END AS name
                  FROM pgtrickle.iceberg_spec s LEFT JOIN c USING (column_id) WHERE s.iceberg_table = $1)
        SELECT p.spec, p.n, p.field, p.column_id, p.transform,
               CASE WHEN EXISTS (SELECT FROM c WHERE c.column_name = p.name AND (c.column_id <> p.column_id OR p.transform <> 'identity'))
                      OR EXISTS (SELECT FROM plain o WHERE o.name = p.name AND o.field < p.field)
                    THEN p.name || '_' || p.field ELSE p.name END, p.column_type, p.told_type
        FROM plain p ORDER BY 1, 2$sql$, schema) USING $1, of;
END $$;
COMMENT ON FUNCTION pgtrickle._iceberg_specs(int) IS
'id: of pgtrickle.iceberg_table.  Result: the fields of its partition specs, in order; lake_type: of the column now, NULL when it is gone;
told_type: when the field came.';

CREATE FUNCTION pgtrickle._iceberg_spec(id int, spec bigint) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
RETURN (SELECT coalesce(jsonb_agg(jsonb_build_object('name', s.name, 'transform', s.transform, 'source-id', s.column_id, 'field-id', s.field) ORDER BY s.n), '[]')
        FROM pgtrickle._iceberg_specs($1) s WHERE s.spec = $2);
COMMENT ON FUNCTION pgtrickle._iceberg_spec(int, bigint) IS 'id: of pgtrickle.iceberg_table; spec: of its.  Result: the spec''s fields as Iceberg''s JSON.';

-- Why a table cannot be told in Iceberg's terms: what DuckDB may do to it that has no equal there.
CREATE FUNCTION pgtrickle._iceberg_hindrance(metadata_schema text, table_id bigint, iceberg_schema jsonb) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    inlined text;
    waiting bool := false;
BEGIN
    IF $3 @? '$.fields[*] ? (@.type == null)' THEN
        RETURN format('column %s has a type that Iceberg v2 does not have', (SELECT string_agg(quote_ident(f->>'name'), ', ') FROM jsonb_array_elements($3->'fields') f WHERE f->'type' = 'null'));
    END IF;
    FOR inlined IN EXECUTE format('SELECT format(''%%I.%%I'', $1, table_name) FROM %I.ducklake_inlined_data_tables WHERE table_id = $2', $1) USING $1, $2 LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %s t WHERE coalesce(to_jsonb(t)->>''end_snapshot'', to_jsonb(t)->>''_ducklake_end_snapshot'') IS NULL)', inlined) INTO waiting;
        EXIT WHEN waiting;
    END LOOP;
    inlined := format('%I.ducklake_inlined_delete_%s', $1, $2);
    IF NOT waiting AND to_regclass(inlined) IS NOT NULL THEN
        EXECUTE format('SELECT EXISTS (SELECT FROM %s)', inlined) INTO waiting;
    END IF;
    RETURN CASE WHEN waiting THEN 'changes of another client stand in the catalog and not in files: CALL ducklake_flush_inlined_data(…) in DuckDB' END;
END $$;
COMMENT ON FUNCTION pgtrickle._iceberg_hindrance(text, bigint, jsonb) IS
'metadata_schema, table_id: of DuckLake; iceberg_schema: of the table now.  Result: what hinders, NULL if nothing does.';

-- metadata.json, from what stands in the tables above.
CREATE FUNCTION pgtrickle._iceberg_metadata(id int, prefix text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    t         pgtrickle.iceberg_table;
    schema    text;
    document  jsonb;
    uuid      text;
    columns   bigint;
    schemas   jsonb;
    snapshots jsonb;
    log       jsonb;
    history   jsonb;
    specs     jsonb;
    newest    pgtrickle.iceberg_snapshot;
BEGIN
    SELECT * INTO STRICT t FROM pgtrickle.iceberg_table i WHERE i.id = $1;
    SELECT l.metadata_schema INTO STRICT schema FROM pgtrickle.lake l WHERE l.id = t.lake;
    SELECT * INTO STRICT newest FROM pgtrickle.iceberg_snapshot s WHERE s.iceberg_table = $1 AND s.snapshot = t.snapshot;
    EXECUTE format('SELECT table_uuid::text FROM %I.ducklake_table WHERE table_id = $1 ORDER BY begin_snapshot DESC LIMIT 1', schema) INTO STRICT uuid USING t.table_id;
    EXECUTE format('SELECT max(column_id) FROM %I.ducklake_column WHERE table_id = $1', schema) INTO columns USING t.table_id;
    SELECT jsonb_agg(pgtrickle._iceberg_schema(schema, t.table_id, s.snapshot, s.schema_id, t.tags) ORDER BY s.schema_id) INTO schemas
        FROM (SELECT s.schema_id, max(s.snapshot) AS snapshot FROM pgtrickle.iceberg_snapshot s WHERE s.iceberg_table = $1 GROUP BY 1) s;
    SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object('snapshot-id', s.snapshot, 'parent-snapshot-id', s.parent, 'sequence-number', s.snapshot,
                     'timestamp-ms', pgtrickle._iceberg_millis(s.made_at), 'manifest-list', prefix || s.manifest_list, 'schema-id', s.schema_id, 'summary', s.summary)) ORDER BY s.snapshot),
           jsonb_agg(jsonb_build_object('snapshot-id', s.snapshot, 'timestamp-ms', pgtrickle._iceberg_millis(s.made_at)) ORDER BY s.snapshot)
        INTO snapshots, log FROM pgtrickle.iceberg_snapshot s WHERE s.iceberg_table = $1;
    SELECT coalesce(jsonb_agg(jsonb_build_object('metadata-file', prefix || m.path, 'timestamp-ms', pgtrickle._iceberg_millis(m.written_at)) ORDER BY m.version), '[]') INTO history
        FROM pgtrickle.iceberg_metadata m WHERE m.iceberg_table = $1 AND m.version < t.version;
    SELECT jsonb_agg(jsonb_build_object('spec-id', s.spec, 'fields', pgtrickle._iceberg_spec($1, s.spec)) ORDER BY s.spec) INTO specs
        FROM (SELECT 0 AS spec UNION SELECT t.spec UNION SELECT m.spec FROM pgtrickle.iceberg_manifest m WHERE m.iceberg_table = $1) s;
    RETURN jsonb_build_object(
        'format-version', 2, 'table-uuid', uuid, 'location', prefix || rtrim(left(t.directory, -length('metadata/')), '/'),
        'last-sequence-number', t.snapshot,
        'last-updated-ms', greatest(pgtrickle._iceberg_millis(clock_timestamp()), pgtrickle._iceberg_millis(newest.made_at)),
        'last-column-id', columns, 'current-schema-id', newest.schema_id, 'schemas', schemas,
        'default-spec-id', t.spec, 'partition-specs', specs,
        'last-partition-id', (SELECT coalesce(max(s.field), 999) FROM pgtrickle.iceberg_spec s WHERE s.iceberg_table = $1),
        'default-sort-order-id', 0, 'sort-orders', '[{"order-id": 0, "fields": []}]'::jsonb,
        'properties', t.tags->'table' || jsonb_build_object('created-by', 'pg_trickle ' || pgtrickle.version(), 'write.metadata.previous-versions-max', '100'),
        'current-snapshot-id', t.snapshot, 'refs', jsonb_build_object('main', jsonb_build_object('snapshot-id', t.snapshot, 'type', 'branch')),
        'snapshots', snapshots, 'snapshot-log', log, 'metadata-log', history)::text;
END $$;
COMMENT ON FUNCTION pgtrickle._iceberg_metadata(int, text) IS
'id: of pgtrickle.iceberg_table; prefix: of every path, file:///… or s3://….  Result: the table''s metadata.json in Iceberg''s format version 2.';

-- Snapshots that are listed no longer: all but the newest `keep`, those that DuckLake has expired, and those that name a
-- file which is in the lake no more because DuckDB cleaned up.  What only they name is left to trickle-lake to remove.
CREATE FUNCTION pgtrickle._expire_iceberg(id int, keep int) RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    t      pgtrickle.iceberg_table;
    schema text;
    oldest bigint;
    lost   bigint;
BEGIN
    SELECT * INTO STRICT t FROM pgtrickle.iceberg_table i WHERE i.id = $1;
    SELECT l.metadata_schema INTO STRICT schema FROM pgtrickle.lake l WHERE l.id = t.lake;
    -- A file that was in the lake until `end_snapshot` and is not known any more.
    EXECUTE format('SELECT max(f.end_snapshot) FROM pgtrickle.iceberg_file f WHERE f.iceberg_table = $1 AND f.end_snapshot IS NOT NULL AND NOT f.ours
        AND NOT EXISTS (SELECT FROM %1$I.ducklake_data_file d WHERE d.data_file_id = f.file_id)
        AND NOT EXISTS (SELECT FROM %1$I.ducklake_delete_file d WHERE d.delete_file_id = f.file_id)
        AND NOT EXISTS (SELECT FROM %1$I.ducklake_files_scheduled_for_deletion d WHERE d.data_file_id = f.file_id)', schema) INTO lost USING $1;
    EXECUTE format('SELECT min(snapshot_id) FROM %I.ducklake_snapshot', schema) INTO oldest;
    oldest := greatest(oldest, lost, (SELECT min(s.snapshot) FROM (SELECT s.snapshot FROM pgtrickle.iceberg_snapshot s WHERE s.iceberg_table = $1
                                                           ORDER BY s.snapshot DESC LIMIT $2) s));
    RETURN QUERY DELETE FROM pgtrickle.iceberg_snapshot s WHERE s.iceberg_table = $1 AND s.snapshot < least(oldest, t.snapshot) RETURNING s.manifest_list;
    oldest := (SELECT min(s.snapshot) FROM pgtrickle.iceberg_snapshot s WHERE s.iceberg_table = $1);
    RETURN QUERY DELETE FROM pgtrickle.iceberg_manifest m WHERE m.iceberg_table = $1 AND m.end_snapshot <= oldest RETURNING m.path;
    RETURN QUERY WITH gone AS (DELETE FROM pgtrickle.iceberg_file f WHERE f.iceberg_table = $1 AND f.end_snapshot <= oldest RETURNING f.path, f.ours)
                 SELECT g.path FROM gone g WHERE g.ours;
END $$;
REVOKE ALL ON FUNCTION pgtrickle._expire_iceberg(int, int) FROM PUBLIC;
COMMENT ON FUNCTION pgtrickle._expire_iceberg(int, int) IS
'id: of pgtrickle.iceberg_table; keep: how many snapshots to list at most.  Result: the paths that no listed snapshot names any more.';

-- Takes a lake table out of the Iceberg catalog.  Its metadata files are noted, to be removed by trickle-lake.
CREATE FUNCTION pgtrickle._drop_iceberg_table(lake pgtrickle.lake, table_id bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gone int;
    name text;
BEGIN
    SELECT i.id, i.name INTO gone, name FROM pgtrickle.iceberg_table i WHERE i.lake = $1.id AND i.table_id = $2;
    IF gone IS NULL THEN
        RETURN;
    END IF;
    EXECUTE format('DELETE FROM %I.iceberg_tables WHERE catalog_name = $1 AND table_namespace = ''main'' AND table_name = $2', $1.metadata_schema) USING $1.name, name;
    INSERT INTO pgtrickle.lake_upload(lake, path)
        SELECT $1.id, p.path FROM (SELECT s.manifest_list AS path FROM pgtrickle.iceberg_snapshot s WHERE s.iceberg_table = gone
                                   UNION ALL SELECT m.path FROM pgtrickle.iceberg_manifest m WHERE m.iceberg_table = gone
                                   UNION ALL SELECT m.path FROM pgtrickle.iceberg_metadata m WHERE m.iceberg_table = gone
                                   UNION ALL SELECT f.path FROM pgtrickle.iceberg_file f WHERE f.iceberg_table = gone AND f.ours) p
        ON CONFLICT DO NOTHING;
    DELETE FROM pgtrickle.iceberg_table i WHERE i.id = gone;
END $$;
REVOKE ALL ON FUNCTION pgtrickle._drop_iceberg_table(pgtrickle.lake, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pgtrickle._drop_iceberg_table(pgtrickle.lake, bigint) IS 'lake: its row; table_id: of DuckLake.  Iceberg''s readers see the table no more.';
