-- Upkeep of a lake: small files become large ones, files with many deleted rows are rewritten, old snapshots expire, files that
-- nothing names are removed.  What is due is decided here (_lake_upkeep_plan, which is also the dry run); trickle-lake does it.

CREATE TABLE pgtrickle.lake_policy (
    lake  int NOT NULL REFERENCES pgtrickle.lake ON DELETE CASCADE,
    key   text NOT NULL,
    value text NOT NULL,
    PRIMARY KEY (lake, key)
);

CREATE SEQUENCE pgtrickle.lake_upkeep_request;  -- bumped by lake_upkeep_now

-- When upkeep is looked at next; changes with every look.
CREATE TABLE pgtrickle.lake_upkeep_state (
    lake       int PRIMARY KEY REFERENCES pgtrickle.lake ON DELETE CASCADE,
    next_at    timestamptz NOT NULL DEFAULT now(),
    orphans_at timestamptz NOT NULL DEFAULT now(),  -- when files without a name were last looked for
    policies   text,                                -- as they were at the last look: a change of them is a reason for the next
    answered   bigint NOT NULL DEFAULT 0            -- the last lake_upkeep_request that was served
) WITH (fillfactor = 50);

CREATE TABLE pgtrickle.lake_upkeep_history (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    lake         int NOT NULL REFERENCES pgtrickle.lake ON DELETE CASCADE,
    at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    action       text NOT NULL,
    table_name   text,
    files_before bigint NOT NULL,
    files_after  bigint NOT NULL,
    rows         bigint NOT NULL,
    bytes_before bigint NOT NULL,
    bytes_after  bigint NOT NULL,
    milliseconds float8 NOT NULL,
    snapshot_id  bigint,
    error        text
);

CREATE FUNCTION pgtrickle._lake_policies() RETURNS TABLE (key text, value text, kind text, meaning text)
LANGUAGE sql IMMUTABLE AS $$ VALUES
    ('upkeep_every', '1 minute', 'time', 'how often upkeep looks for something to do'),
    ('target_file_size', '128MB', 'size', 'files are merged until they are about as large as this'),
    ('merge_small_files', '8', 'count', 'so many files of about the same size become one'),
    ('rewrite_deleted_share', '0.3', 'share', 'a file is rewritten when this share of its rows is deleted'),
    ('expire_snapshots_after', '7 days', 'time', 'how far back AT (VERSION => …) and table_changes reach'),
    ('delete_files_after', '1 day', 'time', 'how long a file is kept after no snapshot names it any more: longer than any query of a reader takes'),
    ('delete_orphans_after', '3 days', 'time', 'how old a file below the data path must be that the catalog has never named'),
    ('max_bandwidth', 'off', 'size', 'bytes a second that upkeep reads and writes on average'),
    ('load_part_size', '512MB', 'size', 'bytes of a table that is loaded which are read at a time: what a crash makes it read again'),
    ('load_workers', '2', 'count', 'so many connections read a table that is loaded'),
    ('share_tables', 'off', 'switch', 'whether all trickle-lake programs that run publish a part of the tables each, or one of them all')
$$;
COMMENT ON FUNCTION pgtrickle._lake_policies() IS 'No arguments.  Result: every policy, its value where none was set, what kind of value it takes and what it means.';

CREATE FUNCTION pgtrickle._lake_policy(lake int, key text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
RETURN (SELECT coalesce((SELECT p.value FROM pgtrickle.lake_policy p WHERE p.lake = $1 AND p.key = $2), d.value)
        FROM pgtrickle._lake_policies() d WHERE d.key = $2);
COMMENT ON FUNCTION pgtrickle._lake_policy(int, text) IS 'lake: its id; key: of a policy.  Result: its value as text.';

-- Not a column that set_lake_policy changes: trickle-lake would wait for the transaction that waits for it.
CREATE FUNCTION pgtrickle._lake_policies_set(lake int) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
RETURN (SELECT string_agg(p.key || '=' || p.value, ';' ORDER BY p.key) FROM pgtrickle.lake_policy p WHERE p.lake = $1);
COMMENT ON FUNCTION pgtrickle._lake_policies_set(int) IS 'lake: its id.  Result: the policies that were set, as one text; NULL if none.';

CREATE FUNCTION pgtrickle._check_lake_policy(key text, value text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    kind text := (SELECT p.kind FROM pgtrickle._lake_policies() p WHERE p.key = $1);
    good bool;
BEGIN
    IF kind IS NULL THEN
        RAISE EXCEPTION 'unknown policy "%"', $1
            USING ERRCODE = '22023', HINT = format('There are: %s.', (SELECT string_agg(p.key, ', ') FROM pgtrickle._lake_policies() p));
    END IF;
    good := $2 = 'on' AND kind = 'switch' OR $2 = 'off' AND $1 NOT IN ('target_file_size', 'load_part_size', 'load_workers') OR CASE kind
        WHEN 'time' THEN CASE WHEN pg_input_is_valid($2, 'interval') THEN $2::interval >= CASE WHEN $1 = 'upkeep_every' THEN '1 second' ELSE '10 minutes' END::interval END
        WHEN 'size' THEN CASE WHEN $2 ~ '^\s*\d+(\.\d+)?\s*(bytes|kB|MB|GB|TB)?\s*$' THEN pg_size_bytes($2) >= CASE WHEN $1 = 'target_file_size' THEN 1024 * 1024 ELSE 1024 END END
        WHEN 'count' THEN CASE WHEN pg_input_is_valid($2, 'int4') THEN CASE WHEN $1 = 'load_workers' THEN $2::int4 BETWEEN 1 AND 64 ELSE $2::int4 >= 2 END END
        WHEN 'share' THEN CASE WHEN pg_input_is_valid($2, 'float8') THEN $2::float8 BETWEEN 0.01 AND 1 END END;
    IF good IS NOT TRUE THEN
        RAISE EXCEPTION 'policy "%" cannot be "%"', $1, $2
            USING ERRCODE = '22023', HINT = CASE kind
                WHEN 'time' THEN format('An interval of at least %s, or ''off''.', CASE WHEN $1 = 'upkeep_every' THEN '1 second' ELSE '10 minutes' END)
                WHEN 'size' THEN CASE $1 WHEN 'target_file_size' THEN 'A size such as ''128MB'', at least 1MB.' WHEN 'load_part_size' THEN 'A size such as ''512MB'', at least 1kB.' ELSE 'A size such as ''50MB'', or ''off''.' END
                WHEN 'count' THEN CASE WHEN $1 = 'load_workers' THEN 'A number from 1 to 64.' ELSE 'A number of at least 2, or ''off''.' END
                WHEN 'switch' THEN '''on'' or ''off''.'
                ELSE 'A number between 0.01 and 1, or ''off''.' END;
    END IF;
END $$;
COMMENT ON FUNCTION pgtrickle._check_lake_policy(text, text) IS
'key, value: of a policy.  Errors: 22023 there is no such policy, or it does not take this value; the hint says which it takes.';

CREATE FUNCTION pgtrickle.set_lake_policy(lake text, key text, value text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    the_lake pgtrickle.lake := pgtrickle._lake($1);
BEGIN
    PERFORM pgtrickle._check_lake_owner(the_lake);
    IF $2 IS NULL THEN
        RAISE EXCEPTION 'key must not be null' USING ERRCODE = '22004';
    END IF;
    PERFORM pgtrickle._check_lake_policy($2, coalesce($3, (SELECT p.value FROM pgtrickle._lake_policies() p WHERE p.key = $2), ''));
    DELETE FROM pgtrickle.lake_policy p WHERE p.lake = the_lake.id AND p.key = $2;
    INSERT INTO pgtrickle.lake_policy SELECT the_lake.id, $2, $3 WHERE $3 IS NOT NULL;
END $$;
COMMENT ON FUNCTION pgtrickle.set_lake_policy(text, text, text) IS
'Says how trickle-lake keeps a lake in order.  lake: its name, NULL = the only one; key: one of
upkeep_every (''1 minute''), target_file_size (''128MB''), merge_small_files (''8'': so many files of about the same size become one),
rewrite_deleted_share (''0.3''), expire_snapshots_after (''7 days''), delete_files_after (''1 day'', counted from when no snapshot names the file
any more), delete_orphans_after (''3 days''), max_bandwidth (''off''), load_part_size (''512MB'': so much of a table that is loaded is read at a time, and again
after a crash), load_workers (''2'' connections that do so), share_tables (''off'': one program publishes all tables together;
''on'': every program that runs publishes some, each in lake snapshots of its own); value: an interval, a size, a number, ''off'', or NULL for what it was at first.
Readers that hold a snapshot younger than expire_snapshots_after, for less than delete_files_after, are never disturbed.
Errors: 22023 no such key, or not a value of it; 42704 no such lake; 42501 not its owner; 22004 key is NULL.';

CREATE FUNCTION pgtrickle.lake_policies(lake text DEFAULT NULL) RETURNS TABLE (key text, value text, is_default bool, meaning text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT d.key, coalesce(p.value, d.value), p.value IS NULL, d.meaning
    FROM (SELECT (pgtrickle._lake($1)).id) l, pgtrickle._lake_policies() WITH ORDINALITY d(key, value, kind, meaning, n)
    LEFT JOIN pgtrickle.lake_policy p ON p.key = d.key AND p.lake = (SELECT (pgtrickle._lake($1)).id)
    ORDER BY d.n
$$;
COMMENT ON FUNCTION pgtrickle.lake_policies(text) IS
'lake: its name, NULL = the only one.  Result: every policy, its value, whether that is the one it has at first, and what it means.
Errors: 42704 no such lake; 22023 NULL and there are several.';

-- Files are of about one size when they are in one tier, which is eight times as large as the one before.  A file of the last tier
-- is large enough.  So a row is written again once a tier, and a table has a bounded number of files.
CREATE FUNCTION pgtrickle._lake_upkeep_plan(lake pgtrickle.lake)
RETURNS TABLE (action text, publication int, table_id bigint, table_name text, files bigint, rows bigint, bytes bigint, data_files bigint[])
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $plan$
DECLARE
    target  bigint := pg_size_bytes(pgtrickle._lake_policy(lake.id, 'target_file_size'));
    fan     int := nullif(pgtrickle._lake_policy(lake.id, 'merge_small_files'), 'off');
    share   float8 := nullif(pgtrickle._lake_policy(lake.id, 'rewrite_deleted_share'), 'off');
    keep    interval := nullif(pgtrickle._lake_policy(lake.id, 'expire_snapshots_after'), 'off');
    linger  interval := nullif(pgtrickle._lake_policy(lake.id, 'delete_files_after'), 'off');
    orphans interval := nullif(pgtrickle._lake_policy(lake.id, 'delete_orphans_after'), 'off');
BEGIN
    RETURN QUERY EXECUTE format($sql$
        WITH live AS MATERIALIZED (
            SELECT p.id AS publication, p.table_id, p.table_name, f.data_file_id, f.file_size_bytes AS bytes, f.record_count AS rows, coalesce(d.delete_count, 0) AS gone,
                   (SELECT max(v.begin_snapshot) FROM %1$I.ducklake_schema_versions v WHERE v.table_id = f.table_id AND v.begin_snapshot <= f.begin_snapshot) AS schema,
                   coalesce(f.partition_id::text, '') || coalesce((SELECT string_agg(coalesce(quote_literal(v.partition_value), 'NULL'), ',' ORDER BY v.partition_key_index)
                       FROM %1$I.ducklake_file_partition_value v WHERE f.partition_id IS NOT NULL AND v.data_file_id = f.data_file_id), '') AS partition
            FROM pgtrickle.publication p JOIN %1$I.ducklake_data_file f ON f.table_id = p.table_id AND f.end_snapshot IS NULL
            LEFT JOIN %1$I.ducklake_delete_file d ON d.data_file_id = f.data_file_id AND d.end_snapshot IS NULL
            WHERE p.lake = $1 AND f.file_format = 'parquet' AND f.mapping_id IS NULL AND f.encryption_key IS NULL AND coalesce(d.format, 'parquet') = 'parquet'
              AND NOT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.relname = 'ducklake_inlined_delete_' || f.table_id AND c.relnamespace = %1$L::regnamespace)),
        worn AS (SELECT l.*, floor(sum(bytes * (1 - gone::float8 / rows)) OVER w / $2) AS bin, row_number() OVER w AS n FROM live l
                 WHERE gone > 0 AND gone >= $4 * rows WINDOW w AS (PARTITION BY table_id, schema, partition ORDER BY data_file_id)),
        small AS (SELECT l.*, greatest(floor(ln(greatest(bytes, 1) / 16384.0) / ln(8)), 0)::int AS tier FROM live l
                  WHERE bytes < $2 / 2 AND NOT coalesce(gone > 0 AND gone >= $4 * rows, false)),
        ranked AS (SELECT s.*, row_number() OVER w AS n, sum(bytes) OVER w AS so_far FROM small s WINDOW w AS (PARTITION BY table_id, schema, partition, tier ORDER BY data_file_id)),
        steps AS (
            SELECT 1 AS rank, 'rewrite' AS action, publication, table_id, table_name, count(*) AS files, sum(rows)::bigint AS rows, sum(bytes)::bigint AS bytes,
                   array_agg(data_file_id ORDER BY data_file_id) AS data_files
            FROM worn GROUP BY publication, table_id, table_name, schema, partition, bin, (n - 1) / 256
            UNION ALL
            SELECT 2, 'merge', publication, table_id, table_name, count(*), sum(rows)::bigint, sum(bytes)::bigint, array_agg(data_file_id ORDER BY data_file_id)
            FROM ranked WHERE so_far <= $2 AND n <= 256 GROUP BY publication, table_id, table_name, schema, partition, tier HAVING count(*) >= $3
            UNION ALL
            SELECT 3, 'expire', NULL, NULL, NULL, count(*), 0, 0, NULL FROM %1$I.ducklake_snapshot
            WHERE snapshot_time < clock_timestamp() - $5 AND snapshot_id < (SELECT max(snapshot_id) FROM %1$I.ducklake_snapshot) HAVING count(*) > 0
            UNION ALL
            SELECT 4, 'delete', NULL, NULL, NULL, count(*), 0, 0, NULL FROM %1$I.ducklake_files_scheduled_for_deletion
            WHERE schedule_start < clock_timestamp() - $6 AND NOT pgtrickle._iceberg_names($1, data_file_id) HAVING count(*) > 0
            UNION ALL
            SELECT 5, 'delete orphans', NULL, NULL, NULL, NULL, 0, 0, NULL FROM pgtrickle.lake_upkeep_state s
            WHERE s.lake = $1 AND s.orphans_at < clock_timestamp() - least($7, interval '1 day'))
        SELECT action, publication, table_id, table_name, files, rows, bytes, data_files FROM steps ORDER BY rank, bytes, table_id$sql$, lake.metadata_schema)
        USING lake.id, target, fan, share, keep, linger, orphans;
END $plan$;
COMMENT ON FUNCTION pgtrickle._lake_upkeep_plan(pgtrickle.lake) IS
'lake: its row.  Result: what its policies ask for now, most useful first; data_files: the DuckLake ids of the files that become one.';

CREATE FUNCTION pgtrickle.lake_upkeep_plan(lake text DEFAULT NULL) RETURNS TABLE (action text, table_name text, files bigint, rows bigint, bytes bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT p.action, p.table_name, p.files, p.rows, p.bytes FROM pgtrickle._lake_upkeep_plan(pgtrickle._lake($1)) p
$$;
COMMENT ON FUNCTION pgtrickle.lake_upkeep_plan(text) IS
'The dry run: what trickle-lake would do now to keep the lake as its policies say.  lake: its name, NULL = the only one.
Result: action (''rewrite'' files with many deleted rows, ''merge'' small files, ''expire'' snapshots, ''delete'' files that no snapshot names,
''delete orphans'': look for files the catalog never named), the table, and how many files (of ''expire'': snapshots), rows and bytes are touched;
a step may lead to another.  Errors: 42704 no such lake; 22023 NULL and there are several.';

CREATE FUNCTION pgtrickle.lake_upkeep_now(lake text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    the_lake pgtrickle.lake := pgtrickle._lake($1);
    request  bigint;
    began    timestamptz := clock_timestamp();
    failed   text;
BEGIN
    PERFORM pgtrickle._check_lake_owner(the_lake);
    request := nextval('pgtrickle.lake_upkeep_request');
    WHILE (SELECT s.answered < request FROM pgtrickle.lake_upkeep_state s WHERE s.lake = the_lake.id) LOOP
        PERFORM pgtrickle._wait_served(the_lake, began, '30s');
    END LOOP;
    SELECT h.action || ': ' || h.error INTO failed FROM pgtrickle.lake_upkeep_history h WHERE h.lake = the_lake.id AND h.at >= began AND h.error IS NOT NULL ORDER BY h.id DESC LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'upkeep of lake "%" failed: %', the_lake.name, failed
            USING ERRCODE = '58030', HINT = 'SELECT * FROM pgtrickle.get_lake_upkeep_history() shows what was done.';
    END IF;
    RETURN (SELECT count(*) FROM pgtrickle.lake_upkeep_history h WHERE h.lake = the_lake.id AND h.at >= began);
END $$;
COMMENT ON FUNCTION pgtrickle.lake_upkeep_now(text) IS
'lake: its name, NULL = the only one.  Does all that the lake''s policies ask for now, without regard for max_bandwidth, and waits for it.
Result: the number of steps taken.  Errors: 42704 no such lake; 42501 not its owner; 55000 no trickle-lake is running; 25001 not READ COMMITTED; 58030 a step failed.';

CREATE FUNCTION pgtrickle.get_lake_upkeep_history(lake text DEFAULT NULL, max_rows int DEFAULT 100)
RETURNS TABLE (at timestamptz, action text, table_name text, files_before bigint, files_after bigint, rows bigint, bytes_before bigint, bytes_after bigint,
    milliseconds float8, snapshot_id bigint, error text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT h.at, h.action, h.table_name, h.files_before, h.files_after, h.rows, h.bytes_before, h.bytes_after, h.milliseconds, h.snapshot_id, h.error
    FROM pgtrickle.lake_upkeep_history h WHERE h.lake = (pgtrickle._lake($1)).id ORDER BY h.id DESC LIMIT $2
$$;
COMMENT ON FUNCTION pgtrickle.get_lake_upkeep_history(text, int) IS
'lake: its name, NULL = the only one; max_rows: how many of the newest.  Result: one row a step of upkeep, newest first: files and bytes before and
after, rows written, the lake snapshot it made, or its error.  The last 10,000 steps are kept.  Errors: 42704 no such lake.';

-- Makes no snapshot: it forgets old ones.  What only they name is scheduled for removal.
CREATE FUNCTION pgtrickle._lake_expire(lake pgtrickle.lake) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $expire$
DECLARE
    oldest  bigint;   -- that is kept
    expired bigint;
    t       text;
BEGIN
    EXECUTE format('LOCK TABLE %I.ducklake_snapshot IN SHARE ROW EXCLUSIVE MODE', lake.metadata_schema);
    EXECUTE format('SELECT coalesce(min(snapshot_id) FILTER (WHERE snapshot_time >= clock_timestamp() - $1), max(snapshot_id)) FROM %I.ducklake_snapshot', lake.metadata_schema)
        INTO oldest USING pgtrickle._lake_policy(lake.id, 'expire_snapshots_after')::interval;
    EXECUTE format('WITH gone AS (DELETE FROM %1$I.ducklake_snapshot WHERE snapshot_id < $1 RETURNING snapshot_id),
                         said AS (DELETE FROM %1$I.ducklake_snapshot_changes WHERE snapshot_id < $1)
                    SELECT count(*) FROM gone', lake.metadata_schema) INTO expired USING oldest;
    FOREACH t IN ARRAY '{data,delete}'::text[] LOOP
        EXECUTE format($sql$
            WITH gone AS (DELETE FROM %1$I.ducklake_%2$s_file f WHERE f.end_snapshot <= $1 RETURNING f.%2$s_file_id AS id, f.data_file_id, f.table_id, f.path, f.path_is_relative),
                 scheduled AS (INSERT INTO %1$I.ducklake_files_scheduled_for_deletion(data_file_id, path, path_is_relative, schedule_start)
                     SELECT g.id, CASE WHEN NOT g.path_is_relative THEN g.path WHEN NOT t.path_is_relative THEN t.path || g.path ELSE s.path || t.path || g.path END,
                            g.path_is_relative AND t.path_is_relative, clock_timestamp()
                     FROM gone g CROSS JOIN LATERAL (SELECT * FROM %1$I.ducklake_table t WHERE t.table_id = g.table_id ORDER BY t.begin_snapshot DESC LIMIT 1) t
                     JOIN LATERAL (SELECT * FROM %1$I.ducklake_schema s WHERE s.schema_id = t.schema_id ORDER BY s.begin_snapshot DESC LIMIT 1) s ON true),
                 statistics AS (DELETE FROM %1$I.ducklake_file_column_stats c USING gone g WHERE c.data_file_id = g.data_file_id AND %3$L),
                 variants AS (DELETE FROM %1$I.ducklake_file_variant_stats c USING gone g WHERE c.data_file_id = g.data_file_id AND %3$L)
            DELETE FROM %1$I.ducklake_file_partition_value c USING gone g WHERE c.data_file_id = g.data_file_id AND %3$L$sql$,
            lake.metadata_schema, t, t = 'data') USING oldest;
    END LOOP;
    -- A data file goes with its delete files, whose own end is open when it ended.
    EXECUTE format($sql$
        WITH gone AS (DELETE FROM %1$I.ducklake_delete_file d WHERE NOT EXISTS (SELECT FROM %1$I.ducklake_data_file f WHERE f.data_file_id = d.data_file_id)
                      RETURNING d.delete_file_id, d.table_id, d.path, d.path_is_relative)
        INSERT INTO %1$I.ducklake_files_scheduled_for_deletion(data_file_id, path, path_is_relative, schedule_start)
        SELECT g.delete_file_id, CASE WHEN NOT g.path_is_relative THEN g.path WHEN NOT t.path_is_relative THEN t.path || g.path ELSE s.path || t.path || g.path END,
               g.path_is_relative AND t.path_is_relative, clock_timestamp()
        FROM gone g CROSS JOIN LATERAL (SELECT * FROM %1$I.ducklake_table t WHERE t.table_id = g.table_id ORDER BY t.begin_snapshot DESC LIMIT 1) t
        JOIN LATERAL (SELECT * FROM %1$I.ducklake_schema s WHERE s.schema_id = t.schema_id ORDER BY s.begin_snapshot DESC LIMIT 1) s ON true$sql$, lake.metadata_schema);
    -- Tables that were dropped before the oldest snapshot.
    FOREACH t IN ARRAY '{table_stats,table_column_stats,partition_info,partition_column,column,column_tag,sort_info,sort_expression,schema_versions,column_mapping,table}'::text[] LOOP
        EXECUTE format('DELETE FROM %1$I.ducklake_%2$s x WHERE EXISTS (SELECT FROM %1$I.ducklake_table t WHERE t.table_id = x.table_id AND t.end_snapshot <= $1)
                        AND NOT EXISTS (SELECT FROM %1$I.ducklake_table t WHERE t.table_id = x.table_id AND (t.end_snapshot IS NULL OR t.end_snapshot > $1))',
                       lake.metadata_schema, t) USING oldest;
    END LOOP;
    EXECUTE format('DELETE FROM %1$I.ducklake_tag x WHERE x.end_snapshot <= $1', lake.metadata_schema) USING oldest;
    EXECUTE format('DELETE FROM %1$I.ducklake_column_tag x WHERE x.end_snapshot <= $1', lake.metadata_schema) USING oldest;
    RETURN expired;
END $expire$;
REVOKE ALL ON FUNCTION pgtrickle._lake_expire(pgtrickle.lake) FROM PUBLIC;
COMMENT ON FUNCTION pgtrickle._lake_expire(pgtrickle.lake) IS
'lake: its row.  Forgets the snapshots that its policy lets go, but for the newest, and schedules the files that only they name for removal.
Result: how many snapshots went.';
