-- The lake watched by what it is made of: stream tables over DuckLake's own catalog.

CREATE FUNCTION pgtrickle.create_lake_views(lake text DEFAULT NULL, schema text DEFAULT 'lake_monitor', schedule text DEFAULT '10s') RETURNS SETOF regclass
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $create$
DECLARE
    the_lake pgtrickle.lake := pgtrickle._lake($1);
    target   text := pg_size_bytes(pgtrickle._lake_policy(the_lake.id, 'target_file_size'));
    view     record;
BEGIN
    IF $2 IS NULL OR $2 = '' OR $3 IS NULL THEN
        RAISE EXCEPTION 'schema and schedule must not be null or empty' USING ERRCODE = '22004';
    END IF;
    PERFORM pgtrickle._check_lake_owner(the_lake);
    EXECUTE format('CREATE SCHEMA IF NOT EXISTS %I', $2);
    FOR view IN VALUES
        ('tables', $sql$
            SELECT t.table_id, t.table_name, count(f.data_file_id) AS files, coalesce(sum(f.record_count), 0)::bigint AS rows_in_files,
                   coalesce(sum(f.file_size_bytes), 0)::bigint AS bytes, count(f.data_file_id) FILTER (WHERE f.file_size_bytes < %2$s / 8) AS small_files,
                   round(count(f.data_file_id) FILTER (WHERE f.file_size_bytes < %2$s / 8)::numeric / nullif(count(f.data_file_id), 0), 3) AS small_file_ratio
            FROM %1$I.ducklake_table t LEFT JOIN %1$I.ducklake_data_file f ON f.table_id = t.table_id AND f.end_snapshot IS NULL
            WHERE t.end_snapshot IS NULL GROUP BY t.table_id, t.table_name$sql$),
        ('deletes', $sql$
            SELECT f.table_id, count(*) AS delete_files, sum(d.delete_count)::bigint AS deleted_rows, sum(f.record_count)::bigint AS rows_in_their_files,
                   round(sum(d.delete_count) / nullif(sum(f.record_count), 0), 3) AS delete_ratio
            FROM %1$I.ducklake_delete_file d JOIN %1$I.ducklake_data_file f ON f.data_file_id = d.data_file_id
            WHERE d.end_snapshot IS NULL AND f.end_snapshot IS NULL GROUP BY f.table_id$sql$),
        ('growth', $sql$
            SELECT date_trunc('hour', s.snapshot_time) AS hour, f.table_id, count(*) AS files, sum(f.record_count)::bigint AS rows, sum(f.file_size_bytes)::bigint AS bytes
            FROM %1$I.ducklake_data_file f JOIN %1$I.ducklake_snapshot s ON s.snapshot_id = f.begin_snapshot GROUP BY 1, 2$sql$),
        ('snapshots', $sql$
            SELECT date_trunc('minute', snapshot_time) AS minute, count(*) AS snapshots, min(snapshot_id) AS first_snapshot, max(snapshot_id) AS last_snapshot
            FROM %1$I.ducklake_snapshot GROUP BY 1$sql$),
        ('catalog', $sql$
            SELECT 'live data files' AS what, count(*) AS rows FROM %1$I.ducklake_data_file WHERE end_snapshot IS NULL
            UNION ALL SELECT 'data files of the past', count(*) FROM %1$I.ducklake_data_file WHERE end_snapshot IS NOT NULL
            UNION ALL SELECT 'delete files', count(*) FROM %1$I.ducklake_delete_file
            UNION ALL SELECT 'snapshots', count(*) FROM %1$I.ducklake_snapshot
            UNION ALL SELECT 'files to be removed', count(*) FROM %1$I.ducklake_files_scheduled_for_deletion$sql$)
    LOOP
        RETURN NEXT pgtrickle.create_stream_table(format('%I.%I', $2, view.column1), format(view.column2, the_lake.metadata_schema, target), $3);
    END LOOP;
END $create$;
COMMENT ON FUNCTION pgtrickle.create_lake_views(text, text, text) IS
'Makes stream tables over a lake''s own catalog, to be watched like any other: tables (files, rows, bytes, small files and their ratio, now), deletes (delete files,
deleted rows and their ratio, by table), growth (files, rows and bytes that are still named, by the hour they came and table), snapshots (how many a minute),
catalog (how many rows its tables have).  A file is small below an eighth of the lake''s target_file_size.
lake: its name, NULL = the only one; schema: where, made if missing; schedule: how often they are refreshed.  Drop them with drop_stream_table.
Result: their names.  Errors: 42704 no such lake; 42501 not its owner; 42P07 the schema has such a table; 22004 NULL or empty.';
