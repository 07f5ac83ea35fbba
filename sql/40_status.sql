-- Looking: what there is, how fresh it is, what hurts.

-- A user's name for a stream table → its id.  Every function that takes a name
-- goes through here, so that they all find it by search_path and refuse alike.
CREATE FUNCTION pgtrickle._stream_table_id(name text) RETURNS int
LANGUAGE plpgsql STABLE AS $$
DECLARE
    rel   pg_catalog.regclass;
    found int;
BEGIN
    IF $1 IS NULL THEN
        RAISE EXCEPTION 'name of a stream table must not be null'
            USING ERRCODE = '22004', HINT = 'SELECT pgt_schema, pgt_name FROM pgtrickle.pgt_stream_tables lists them.';
    END IF;
    rel := pg_catalog.to_regclass($1);
    IF rel IS NULL THEN
        RAISE EXCEPTION 'stream table "%" does not exist', $1
            USING ERRCODE = '42P01',
                  HINT = 'SELECT pgt_schema, pgt_name FROM pgtrickle.pgt_stream_tables lists them; a name is found by search_path or written schema.name.';
    END IF;
    SELECT t.id INTO found FROM pgtrickle.stream_table t WHERE t.relid OPERATOR(pg_catalog.=) rel::pg_catalog.oid;
    IF found IS NULL THEN
        RAISE EXCEPTION '"%" is not a stream table', $1
            USING ERRCODE = '42809',
                  HINT = 'SELECT pgt_schema, pgt_name FROM pgtrickle.pgt_stream_tables lists them; pgtrickle.create_stream_table makes one.';
    END IF;
    RETURN found;
END $$;
COMMENT ON FUNCTION pgtrickle._stream_table_id(text) IS
'name: a stream table, found by search_path or schema-qualified.  Result: its id in pgtrickle.stream_table.
Errors: 42P01 no such relation; 42809 the relation is not a stream table; 22004 name is null.';
GRANT SELECT ON pgtrickle.stream_table TO PUBLIC;

CREATE FUNCTION pgtrickle.version() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (SELECT e.extversion FROM pg_catalog.pg_extension e WHERE e.extname = 'pg_trickle');
COMMENT ON FUNCTION pgtrickle.version() IS
'No arguments.  Result: the version of the extension in this database, such as 0.1.0.';

-- What a stream table reads: the relations its definition depends on, seen through
-- plain views, with the columns it names.  The server keeps this in pg_depend, so it follows renames.
CREATE VIEW pgtrickle._dependency AS
WITH RECURSIVE reached(id, relid, kind, attnum) AS (
    SELECT t.id, d.refobjid, c.relkind, d.refobjsubid
    FROM pgtrickle.stream_table t
    JOIN pg_catalog.pg_rewrite r ON r.ev_class = t.definition
    JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = r.oid
                               AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid <> t.definition
    JOIN pg_catalog.pg_class c ON c.oid = d.refobjid
    UNION
    SELECT reached.id, d.refobjid, c.relkind, d.refobjsubid
    FROM reached
    JOIN pg_catalog.pg_rewrite r ON reached.kind = 'v' AND r.ev_class = reached.relid
    JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = r.oid
                               AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid <> reached.relid
    JOIN pg_catalog.pg_class c ON c.oid = d.refobjid
)
SELECT id, relid AS source, coalesce(array_agg(attnum::int2 ORDER BY attnum) FILTER (WHERE attnum > 0), '{}') AS columns
FROM reached WHERE kind IN ('r', 'p', 'f', 'm')
GROUP BY id, relid;
COMMENT ON VIEW pgtrickle._dependency IS
'One row per stream table (id) and relation it reads (source), with the attribute numbers its query names.';
GRANT SELECT ON pgtrickle._dependency TO PUBLIC;

CREATE FUNCTION pgtrickle._next_run(line text, zone text, after timestamptz) RETURNS timestamptz
    AS 'MODULE_PATHNAME', 'schedule_next_run' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION pgtrickle._next_run(text, text, timestamptz) IS
'line: a cron line.  zone: a time zone.  Result: the first time later than after that the line names; NULL if there is none.';
CREATE FUNCTION pgtrickle._next_run(line text, settings text[], after timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
RETURN pgtrickle._next_run(line, (SELECT settings[i + 1] FROM pg_catalog.generate_series(1, pg_catalog.cardinality(settings), 2) i WHERE settings[i] = 'TimeZone'), after);
COMMENT ON FUNCTION pgtrickle._next_run(text, text[], timestamptz) IS
'The same in the time zone of a stream table: settings, of pgtrickle.stream_table.';

-- How many logged changes a consumer has yet to take, at most `stop` of them are
-- counted; NULL: it has no frontier, so it starts from the source itself.
CREATE FUNCTION pgtrickle._pending(consumer int, source oid, stop bigint) RETURNS bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    at    pgtrickle.consumer;
    found bigint := 0;
    more  bigint;
BEGIN
    SELECT * INTO at FROM pgtrickle.consumer c WHERE c.id = $1;
    IF at.frontier IS NULL THEN
        RETURN NULL;
    ELSIF at.settled THEN
        RETURN 0;
    END IF;
    FOR segment IN 0 .. 1 LOOP
        IF to_regclass(format('pgtrickle_state.log_%s_%s', $2, segment)) IS NULL THEN
            CONTINUE;
        END IF;
        EXECUTE format(
            'SELECT count(*) FROM (
                 SELECT 1 FROM pgtrickle_state.%1$I WHERE xid >= $1
                 UNION ALL SELECT 1 FROM pgtrickle_state.%1$I WHERE xid = ANY ($2)
                 UNION ALL SELECT 1 FROM pgtrickle_state.%1$I WHERE xid = $3 AND part > $4
                 LIMIT $5) pending', format('log_%s_%s', $2, segment))
        INTO more
        USING pg_snapshot_xmax(at.frontier), ARRAY(SELECT pg_snapshot_xip(at.frontier)), at.seen_xid, at.seen_part, $3 - found;
        found := found + more;
    END LOOP;
    RETURN found;
END $$;
COMMENT ON FUNCTION pgtrickle._pending(int, oid, bigint) IS
'consumer, source: a row of pgtrickle.reads; stop: count no further.  Result: logged changes (rows; an UPDATE is two) not yet taken; NULL if the consumer is not populated.';

-- Whether a stream table could differ from its query now: something is logged that
-- it has not taken, or the clock has moved a row, or its query is not maintained by
-- changes at all, or a stream table that it reads is behind.
CREATE FUNCTION pgtrickle._is_behind(id int) RETURNS bool
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE up(id) AS (
        SELECT $1
        UNION
        SELECT above.id FROM up JOIN pgtrickle.reads r ON r.consumer = up.id
        JOIN pgtrickle.stream_table above ON above.relid = r.source
    )
    SELECT bool_or(c.frontier IS NULL
        OR t.effective_mode = 'FULL'
        OR coalesce(h.next_flip <= now(), false)
        OR EXISTS (SELECT FROM pgtrickle.reads r WHERE r.consumer = t.id AND pgtrickle._pending(t.id, r.source, 1) > 0))
    FROM up
    JOIN pgtrickle.stream_table t ON t.id = up.id
    JOIN pgtrickle.consumer c ON c.id = t.id
    LEFT JOIN pgtrickle.health h ON h.id = t.id
$$;
COMMENT ON FUNCTION pgtrickle._is_behind(int) IS
'id: of pgtrickle.stream_table.  Result: false when the stream table is true for this moment, true when a refresh may change it.';

CREATE VIEW pgtrickle.stream_tables_info AS
SELECT t.relid::regclass AS stream_table,
       n.nspname AS schema,
       r.relname AS name,
       pg_catalog.pg_get_userbyid(r.relowner) AS owner,
       t.status,
       t.refresh_mode,
       t.effective_mode,
       t.mode_reason,
       t.schedule,
       t.period,
       CASE WHEN t.status IN ('PAUSED', 'SUSPENDED') OR t.refresh_mode = 'IMMEDIATE' THEN NULL
            WHEN t.cron IS NOT NULL THEN pgtrickle._next_run(t.cron, t.settings, c.ticked_at)
            ELSE c.ticked_at + t.period END AS next_run,
       c.frontier IS NOT NULL AS is_populated,
       CASE WHEN c.settled THEN pg_catalog.pg_current_snapshot() ELSE c.frontier END AS frontier,
       CASE WHEN c.settled THEN pg_catalog.now() ELSE c.ticked_at END AS data_timestamp,
       CASE WHEN c.ticked_at IS NULL THEN NULL
            WHEN pgtrickle._is_behind(t.id) THEN greatest(pg_catalog.clock_timestamp() - c.ticked_at, interval '0')
            ELSE interval '0' END AS staleness,
       coalesce(h.consecutive_errors, 0) AS consecutive_errors,
       CASE WHEN seen.errors THEN h.last_error END AS last_error,
       h.last_sqlstate,
       h.last_error_at,
       h.retry_at,
       h.next_flip,
       t.generation,
       t.append_only,
       pg_catalog.pg_total_relation_size(t.relid) AS bytes,
       (SELECT coalesce(sum(pg_catalog.pg_total_relation_size(s.relid)), 0)::bigint
        FROM pgtrickle.state s WHERE s.owner = t.id OR s.owner IN (SELECT u.arrangement FROM pgtrickle.uses u WHERE u.view = t.id)) AS state_bytes,
       t.query,
       t.settings,
       t.id
FROM pgtrickle.stream_table t
JOIN pgtrickle.consumer c ON c.id = t.id
JOIN pg_catalog.pg_class r ON r.oid = t.relid
JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
LEFT JOIN pgtrickle.health h ON h.id = t.id
CROSS JOIN LATERAL (SELECT pg_catalog.pg_has_role(current_user, r.relowner, 'USAGE')
                        OR pg_catalog.pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS errors) seen;
COMMENT ON VIEW pgtrickle.stream_tables_info IS
'One row per stream table with all that is known of it.  next_run: when its schedule has it refreshed next, in the past if it is about to be (NULL: calculated, IMMEDIATE, paused); data_timestamp: the time it is true for (now, if its writers bring it along: IMMEDIATE); staleness: how long it has been out of date, zero when nothing is waiting; bytes, state_bytes: its own size and that of the state it uses (some of it shared).  last_error is shown to the owner and to pg_read_all_stats: it may quote data.';
GRANT SELECT ON pgtrickle.stream_tables_info TO PUBLIC;

CREATE VIEW pgtrickle.pgt_stream_tables AS
SELECT i.id AS pgt_id, i.stream_table::oid AS pgt_relid, i.name AS pgt_name, i.schema AS pgt_schema,
       i.status, i.refresh_mode, i.effective_mode AS effective_refresh_mode, i.schedule, i.is_populated, i.consecutive_errors,
       i.query AS defining_query, i.data_timestamp, i.frontier, i.last_error AS last_error_message, i.last_error_at
FROM pgtrickle.stream_tables_info i;
COMMENT ON VIEW pgtrickle.pgt_stream_tables IS
'One row per stream table, with the column names that scripts for the original pg_trickle use.';
GRANT SELECT ON pgtrickle.pgt_stream_tables TO PUBLIC;

CREATE VIEW pgtrickle.pgt_refresh_history AS
SELECT r.relname AS pgt_name, n.nspname AS pgt_schema, h.refresh_id, h.started_at, h.milliseconds, h.mode, h.reason,
       h.rows_in, h.rows_out, h.plan,
       CASE WHEN pg_catalog.pg_has_role(current_user, r.relowner, 'USAGE')
              OR pg_catalog.pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') THEN h.error END AS error,
       h.id AS pgt_id
FROM pgtrickle.refresh_history h
JOIN pgtrickle.stream_table t ON t.id = h.id
JOIN pg_catalog.pg_class r ON r.oid = t.relid
JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace;
COMMENT ON VIEW pgtrickle.pgt_refresh_history IS
'One row per refresh that is remembered; error is shown to the owner and to pg_read_all_stats.';
GRANT SELECT ON pgtrickle.pgt_refresh_history TO PUBLIC;

CREATE VIEW pgtrickle.pg_stat_stream_tables AS
SELECT i.stream_table::oid AS relid, i.schema AS schemaname, i.name AS relname,
       count(h.refresh_id) AS refreshes,
       count(*) FILTER (WHERE h.mode = 'DIFFERENTIAL') AS differential,
       count(*) FILTER (WHERE h.mode IN ('FULL', 'REBUILD', 'INITIAL')) AS full_refreshes,
       count(*) FILTER (WHERE h.mode = 'ERROR') AS errors,
       coalesce(sum(h.rows_in), 0)::bigint AS rows_in,
       coalesce(sum(h.rows_out), 0)::bigint AS rows_out,
       coalesce(sum(h.milliseconds), 0) AS total_milliseconds,
       avg(h.milliseconds) AS mean_milliseconds,
       max(h.milliseconds) AS max_milliseconds,
       max(h.started_at) AS last_refresh
FROM pgtrickle.stream_tables_info i
LEFT JOIN pgtrickle.pgt_refresh_history h ON h.pgt_id = i.id
GROUP BY i.stream_table, i.schema, i.name;
COMMENT ON VIEW pgtrickle.pg_stat_stream_tables IS
'One row per stream table: its remembered refreshes counted by kind, rows taken and written, milliseconds spent.';
GRANT SELECT ON pgtrickle.pg_stat_stream_tables TO PUBLIC;

CREATE FUNCTION pgtrickle.pgt_status()
RETURNS TABLE (name text, status text, refresh_mode text, schedule text, is_populated bool, frontier pg_snapshot,
               data_timestamp timestamptz, staleness interval, consecutive_errors int, last_error text, next_run timestamptz)
LANGUAGE sql STABLE AS $$
    SELECT i.stream_table::text, i.status, i.refresh_mode, i.schedule, i.is_populated, i.frontier,
           i.data_timestamp, i.staleness, i.consecutive_errors, i.last_error, i.next_run
    FROM pgtrickle.stream_tables_info i ORDER BY 1
$$;
COMMENT ON FUNCTION pgtrickle.pgt_status() IS
'No arguments.  Result: one row per stream table; frontier: the snapshot it is true for, data_timestamp: the time of it, staleness: how long it has been out of date (interval; zero when nothing waits), next_run: when its period is over or its cron line has it refreshed (NULL: calculated, IMMEDIATE or paused).';

CREATE FUNCTION pgtrickle.get_refresh_history(name text, max_rows int DEFAULT 20)
RETURNS TABLE (refresh_id bigint, started_at timestamptz, milliseconds float8, mode text, reason text,
               rows_in bigint, rows_out bigint, plan text, error text)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    IF $2 IS NULL OR $2 < 1 THEN
        RAISE EXCEPTION 'max_rows must be at least 1, not %', coalesce($2::text, 'null')
            USING ERRCODE = '22023', HINT = 'Leave it out for the last 20 refreshes.';
    END IF;
    RETURN QUERY
    SELECT h.refresh_id, h.started_at, h.milliseconds, h.mode, h.reason, h.rows_in, h.rows_out, h.plan, h.error
    FROM pgtrickle.pgt_refresh_history h
    WHERE h.pgt_id = pgtrickle._stream_table_id($1)
    ORDER BY h.refresh_id DESC LIMIT $2;
END $$;
COMMENT ON FUNCTION pgtrickle.get_refresh_history(text, int) IS
'name: a stream table; max_rows: at most so many, default 20.  Result: its last refreshes, newest first: start, milliseconds, mode (DIFFERENTIAL, FULL, REBUILD, INITIAL, ERROR) and why, changed rows read and written, plan (small, bulk), error.
Errors: 42P01, 42809 as for every name; 22023 max_rows is below 1.';

CREATE FUNCTION pgtrickle.list_sources(name text)
RETURNS TABLE (source_table regclass, source_type text, columns_used text[], captured bool)
LANGUAGE sql STABLE AS $$
    SELECT d.source::regclass,
           CASE WHEN EXISTS (SELECT FROM pgtrickle.stream_table t WHERE t.relid = d.source) THEN 'stream table'
                WHEN c.relkind = 'p' THEN 'partitioned table'
                WHEN c.relkind = 'f' THEN 'foreign table'
                WHEN c.relkind = 'm' THEN 'materialized view'
                ELSE 'table' END,
           ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a
                 WHERE a.attrelid = d.source AND a.attnum = ANY (d.columns) ORDER BY a.attnum),
           EXISTS (SELECT FROM pgtrickle.source s WHERE s.relid = d.source)
    FROM pgtrickle._dependency d JOIN pg_catalog.pg_class c ON c.oid = d.source
    WHERE d.id = pgtrickle._stream_table_id($1)
    ORDER BY d.source::regclass::text
$$;
COMMENT ON FUNCTION pgtrickle.list_sources(text) IS
'name: a stream table.  Result: the relations it reads, seen through plain views: what they are, the columns its query names, and whether their changes are captured.
Errors: 42P01, 42809 as for every name.';
GRANT SELECT ON pgtrickle.source TO PUBLIC;

CREATE FUNCTION pgtrickle.dependency_tree()
RETURNS TABLE (tree_line text, node text, node_type text, depth int, status text, refresh_mode text)
LANGUAGE sql STABLE AS $$
    WITH RECURSIVE edge AS (
        SELECT d.source, t.relid, t.status, t.effective_mode
        FROM pgtrickle._dependency d JOIN pgtrickle.stream_table t ON t.id = d.id
    ), walk AS (
        SELECT s.relid, 0 AS depth, ARRAY[s.relid::regclass::text] AS path, s.node_type, s.status, s.mode
        FROM (SELECT DISTINCT e.source AS relid, 'source' AS node_type, NULL::text AS status, NULL::text AS mode
              FROM edge e WHERE NOT EXISTS (SELECT FROM pgtrickle.stream_table t WHERE t.relid = e.source)
              UNION ALL
              SELECT t.relid, 'stream table', t.status, t.effective_mode
              FROM pgtrickle.stream_table t WHERE NOT EXISTS (SELECT FROM edge e WHERE e.relid = t.relid)) s
        UNION ALL
        SELECT e.relid, w.depth + 1, w.path || e.relid::regclass::text, 'stream table', e.status, e.effective_mode
        FROM walk w JOIN edge e ON e.source = w.relid
    )
    SELECT repeat('    ', depth) || path[depth + 1], path[depth + 1], node_type, depth, status, mode
    FROM walk ORDER BY walk.path
$$;
COMMENT ON FUNCTION pgtrickle.dependency_tree() IS
'No arguments.  Result: each source with the stream tables that read it below it, indented; a stream table with several sources comes once under each.  refresh_mode is the one in force.';

CREATE FUNCTION pgtrickle.explain_dag(format text DEFAULT 'mermaid') RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
    graph text;
BEGIN
    IF $1 IS NULL OR $1 NOT IN ('mermaid', 'dot') THEN
        RAISE EXCEPTION 'unknown format "%"', coalesce($1, 'null')
            USING ERRCODE = '22023', HINT = 'The formats are mermaid and dot.';
    END IF;
    WITH edge AS (
        SELECT d.source, t.relid FROM pgtrickle._dependency d JOIN pgtrickle.stream_table t ON t.id = d.id
    ), node AS (
        SELECT relid, true AS stream FROM pgtrickle.stream_table
        UNION ALL
        SELECT DISTINCT source, false FROM edge WHERE source NOT IN (SELECT relid FROM pgtrickle.stream_table)
    ), line AS (
        SELECT 1 AS part, n.relid::regclass::text AS first, '' AS second,
               CASE WHEN $1 = 'dot' THEN pg_catalog.format('    n%s [label="%s"%s];', n.relid, replace(n.relid::regclass::text, '"', '\"'),
                                                          CASE WHEN n.stream THEN '' ELSE ', shape=box' END)
                    WHEN n.stream THEN pg_catalog.format('    n%s(["%s"])', n.relid, replace(n.relid::regclass::text, '"', '#quot;'))
                    ELSE pg_catalog.format('    n%s["%s"]', n.relid, replace(n.relid::regclass::text, '"', '#quot;')) END AS text
        FROM node n
        UNION ALL
        SELECT 2, e.source::regclass::text, e.relid::regclass::text,
               pg_catalog.format(CASE $1 WHEN 'dot' THEN '    n%s -> n%s;' ELSE '    n%s --> n%s' END, e.source, e.relid)
        FROM edge e
    )
    SELECT string_agg(l.text, E'\n' ORDER BY l.part, l.first, l.second) INTO graph FROM line l;
    RETURN CASE $1 WHEN 'dot' THEN pg_catalog.format(E'digraph stream_tables {\n    rankdir=LR;\n%s\n}', coalesce(graph, ''))
                   ELSE concat_ws(E'\n', 'graph LR', graph) END;
END $$;
COMMENT ON FUNCTION pgtrickle.explain_dag(text) IS
'format: mermaid (default) or dot.  Result: the graph of sources and stream tables in that language; boxes are sources.
Errors: 22023 another format.';

CREATE FUNCTION pgtrickle.change_log_sizes()
RETURNS TABLE (source_table regclass, consumer text, kind text, pending_rows bigint, log_bytes bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.relid::regclass,
           CASE c.kind WHEN 'view' THEN (SELECT t.relid::regclass::text FROM pgtrickle.stream_table t WHERE t.id = c.id)
                       WHEN 'arrangement' THEN (SELECT a.relid::regclass::text FROM pgtrickle.arrangement a WHERE a.id = c.id)
                       ELSE format('%s %s', c.kind, c.id) END,
           c.kind,
           pgtrickle._pending(c.id, s.relid, 9223372036854775807),
           (SELECT coalesce(sum(pg_total_relation_size(to_regclass(format('pgtrickle_state.log_%s_%s', s.relid, segment)))), 0)::bigint
            FROM generate_series(0, 1) segment)
    FROM pgtrickle.source s
    JOIN pgtrickle.reads r ON r.source = s.relid
    JOIN pgtrickle.consumer c ON c.id = r.consumer
    ORDER BY s.relid::regclass::text, c.id
$$;
COMMENT ON FUNCTION pgtrickle.change_log_sizes() IS
'No arguments.  Result: one row per captured source and consumer of its changes (a stream table, an arrangement, a publication): pending_rows, logged and not yet taken (an UPDATE is two rows; NULL: it starts from the source itself), and log_bytes, the size of the change log on disk, shared by the consumers of the source.';

CREATE FUNCTION pgtrickle.export_definition(name text) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
    i    pgtrickle.stream_tables_info;
    tag  text := '$q$';
    made text := '';
    n    int := 0;
BEGIN
    SELECT * INTO i FROM pgtrickle.stream_tables_info t WHERE t.id = pgtrickle._stream_table_id($1);
    WHILE strpos(i.query, tag) > 0 LOOP
        n := n + 1;
        tag := '$q' || n || '$';
    END LOOP;
    FOR s IN 1 .. coalesce(array_length(i.settings, 1), 0) / 2 LOOP
        made := made || pg_catalog.format(E'SELECT pg_catalog.set_config(%L, %L, true);\n', i.settings[2 * s - 1], i.settings[2 * s]);
    END LOOP;
    RETURN E'BEGIN;\n' || made || pg_catalog.format(E'SELECT pgtrickle.create_stream_table(\n    name => %L,\n    query => ', pg_catalog.format('%I.%I', i.schema, i.name))
        || tag || i.query || tag
        || pg_catalog.format(E',\n    schedule => %L,\n    refresh_mode => %L', i.schedule, i.refresh_mode)
        || CASE WHEN i.append_only THEN E',\n    append_only => true' ELSE '' END || E');\n'
        || CASE WHEN i.status = 'PAUSED' THEN pg_catalog.format(E'SELECT pgtrickle.pause_stream_table(%L);\n', pg_catalog.format('%I.%I', i.schema, i.name)) ELSE '' END
        || E'COMMIT;\n';
END $$;
COMMENT ON FUNCTION pgtrickle.export_definition(text) IS
'name: a stream table.  Result: SQL that makes it again, under the settings it was made with; indexes and grants you added to it are not in it (pg_dump has those).
Errors: 42P01, 42809 as for every name.';
