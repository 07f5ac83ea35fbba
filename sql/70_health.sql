-- Is anything wrong?  One finding per trouble, or one 'ok' per check that found none.

CREATE FUNCTION pgtrickle.health_check()
RETURNS TABLE (check_name text, severity text, detail text, what_to_do text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH finding(ord, check_name, severity, detail, what_to_do) AS (
        SELECT 1, 'library', 'error', 'pg_trickle is not in shared_preload_libraries, so no worker refreshes on schedule',
               'Add pg_trickle to shared_preload_libraries in postgresql.conf and restart the server.'
        WHERE NOT EXISTS (SELECT FROM regexp_split_to_table(current_setting('shared_preload_libraries'), '\s*,\s*') p
                          WHERE btrim(p, '" ') IN ('pg_trickle', '$libdir/pg_trickle') OR p LIKE '%/pg_trickle%')
        UNION ALL
        SELECT 2, 'scheduler', 'error', format('no scheduler worker runs in database %I', current_database()),
               'Look in the server log for pg_trickle; raise max_worker_processes if it is exhausted.'
        WHERE NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.datname = current_database() AND a.backend_type LIKE 'pg_trickle%')
        UNION ALL
        SELECT 3, 'errors', CASE i.status WHEN 'SUSPENDED' THEN 'error' ELSE 'warning' END,
               format('%s: %s failed refreshes in a row, last %s%s', i.stream_table, i.consecutive_errors, coalesce(i.last_sqlstate, '?'),
                      coalesce(', next try ' || i.retry_at::timestamptz(0), '')),
               CASE i.status WHEN 'SUSPENDED' THEN format('Remove the cause, then SELECT pgtrickle.resume_stream_table(%L).', i.stream_table)
                    ELSE format('See last_error in pgtrickle.pgt_status(); it is tried again by itself. SELECT pgtrickle.refresh_stream_table(%L) tries now.', i.stream_table) END
        FROM pgtrickle.stream_tables_info i WHERE i.consecutive_errors > 0 OR i.status IN ('ERROR', 'SUSPENDED')
        UNION ALL
        SELECT 4, 'populated', 'info', format('%s is empty until its first refresh', i.stream_table),
               format('SELECT pgtrickle.refresh_stream_table(%L);', i.stream_table)
        FROM pgtrickle.stream_tables_info i WHERE NOT i.is_populated AND i.data_timestamp IS NULL
        UNION ALL
        SELECT 5, 'freshness', 'warning', format('%s has been out of date for %s, schedule %s', i.stream_table, date_trunc('second', i.staleness), i.schedule),
               'See errors and scheduler above, then get_refresh_history for its milliseconds: a longer schedule may be needed.'
        FROM pgtrickle.stream_tables_info i
        WHERE i.status = 'ACTIVE' AND i.consecutive_errors = 0
          AND i.staleness > greatest(coalesce(i.period, interval '0') * 3, interval '1 minute')
          AND (i.period IS NOT NULL OR i.next_run IS NULL OR i.next_run < clock_timestamp() - interval '1 minute')
        UNION ALL
        SELECT 6, 'paused', 'info', format('%s is paused; changes collect in the log of its sources', i.stream_table),
               format('SELECT pgtrickle.resume_stream_table(%L);', i.stream_table)
        FROM pgtrickle.stream_tables_info i WHERE i.status = 'PAUSED'
        UNION ALL
        SELECT 7, 'differential', 'info', format('%s is recomputed and compared at each refresh: %s', i.stream_table, coalesce(i.mode_reason, 'unknown reason')),
               format('pgtrickle.validate_query names the piece of the query that has no delta; write it another way, or set a longer schedule.')
        FROM pgtrickle.stream_tables_info i WHERE i.effective_mode = 'FULL' AND i.refresh_mode = 'AUTO'
        UNION ALL
        SELECT 8, 'change log', 'warning',
               format('the change log of %s holds %s; the slowest reader is %s with %s rows to go', l.source_table, pg_size_pretty(l.log_bytes), l.consumer, l.pending_rows),
               'Refresh or resume that reader, or drop it: the log is emptied once every reader has passed.'
        FROM (SELECT DISTINCT ON (source_table) * FROM pgtrickle.change_log_sizes()
              WHERE log_bytes > 1024::bigint * 1024 * 1024 ORDER BY source_table, pending_rows DESC NULLS FIRST) l
        UNION ALL
        SELECT 9, 'transactions', 'warning', format('a transaction of process %s is open for %s', a.pid, date_trunc('second', clock_timestamp() - a.xact_start)),
               'Its changes reach no stream table until it commits, and the change logs cannot shrink; end it.'
        FROM pg_stat_activity a
        WHERE a.datname = current_database() AND a.backend_xmin IS NOT NULL AND a.pid <> pg_backend_pid()
          AND clock_timestamp() - a.xact_start > interval '1 hour'
        UNION ALL
        SELECT 10, 'lakes', CASE s.status WHEN 'SUSPENDED' THEN 'error' ELSE 'warning' END,
               format('%s in lake %I is behind: %s failed batches in a row, last %s', quote_ident(s.table_name), s.lake, s.consecutive_errors, coalesce(s.last_sqlstate, '?')),
               CASE s.status WHEN 'SUSPENDED' THEN format('See last_error in pgtrickle.lake_status(), remove the cause, then SELECT pgtrickle.publish_now(%L).', s.lake)
                    ELSE 'See last_error in pgtrickle.lake_status(); it is tried again by itself.' END
        FROM pgtrickle.lake_status() s WHERE s.status IN ('ERROR', 'SUSPENDED')
        UNION ALL
        SELECT 10, 'lakes', 'warning', format('Spark, Trino and pyiceberg see %s in lake %I as it was: %s', quote_ident(s.table_name), s.lake, s.iceberg_error),
               'See iceberg_error in pgtrickle.lake_status(); it is tried again by itself.'
        FROM pgtrickle.lake_status() s WHERE s.iceberg_error IS NOT NULL
        UNION ALL
        SELECT 10, 'lakes', 'error', format('no trickle-lake is running for lake %I', l.name),
               'The scheduler starts it: see the server log and pg_trickle.lake_command.'
        FROM pgtrickle.lake l WHERE NOT pgtrickle._lake_lock_is_held('lake', l.id)
        UNION ALL
        SELECT 11, 'restored', 'warning', format('%s came with a dump%s and is not followed yet', t.tgrelid::regclass, CASE WHEN q.oid IS NULL THEN ' without its query' ELSE '' END),
               CASE WHEN q.oid IS NULL THEN 'Its query is in schema pgtrickle_state: dump that too (pg_dump -n … -n pgtrickle_state), or drop the table and create the stream table again.'
                    ELSE 'It will be within two minutes; SELECT pgtrickle.restore_stream_tables() does it now, and says what is in the way.' END
        FROM pg_trigger t LEFT JOIN pg_class q ON q.relnamespace = 'pgtrickle_state'::regnamespace AND q.relkind = 'v' AND q.relname = 'q_' || replace(encode(t.tgargs, 'escape'), '\000', '')
        WHERE t.tgfoid = 'pgtrickle._guard'::regproc AND NOT EXISTS (SELECT FROM pgtrickle.stream_table s WHERE s.relid = t.tgrelid)
    )
    SELECT c.name, coalesce(f.severity, 'ok'), coalesce(f.detail, c.ok), f.what_to_do
    FROM (VALUES (1, 'library', 'pg_trickle is loaded at server start'),
                 (2, 'scheduler', 'the scheduler of this database is running'),
                 (3, 'errors', 'the last refresh of every stream table succeeded'),
                 (4, 'populated', 'every stream table has been filled'),
                 (5, 'freshness', 'every stream table is as fresh as its schedule asks'),
                 (6, 'paused', 'no stream table is paused'),
                 (7, 'differential', 'no stream table is recomputed for want of a delta'),
                 (8, 'change log', 'no change log is above 1 GB'),
                 (9, 'transactions', 'no transaction has been open for an hour'),
                 (10, 'lakes', 'every published table is in step'),
                 (11, 'restored', 'no stream table has come with a dump and waits')) c(ord, name, ok)
    LEFT JOIN finding f ON f.ord = c.ord
    ORDER BY c.ord, f.detail
$$;
COMMENT ON FUNCTION pgtrickle.health_check() IS
'No arguments.  Result: per check one row saying ok, or one row per finding: severity (info, warning, error), detail, what to do.';
