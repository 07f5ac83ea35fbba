-- SELECT refreshed: every stream table refreshed and compared with its query; those with one answer in one row.
\set SHOW_CONTEXT never
CREATE FUNCTION refresh(st regclass, OUT mode text, OUT reason text, OUT verdict text) LANGUAGE plpgsql AS $$
BEGIN
    SELECT r.mode, r.reason INTO mode, reason FROM pgtrickle.refresh_stream_table(st::text) r;
    SELECT CASE WHEN v.missing + v.unexpected = 0 THEN 'equal' ELSE v.missing || ' missing, ' || v.unexpected || ' unexpected' END
        INTO verdict FROM pgtrickle.verify(st::text) v;
EXCEPTION WHEN OTHERS THEN
    mode := 'ERROR'; reason := NULL; verdict := sqlstate || ' ' || sqlerrm;
END $$;
CREATE VIEW refreshed AS
    SELECT string_agg(st::text, ' ' ORDER BY id) AS stream_tables, mode, reason, verdict
    FROM (SELECT id, relid::regclass AS st, r.* FROM (SELECT id, relid FROM pgtrickle.stream_table ORDER BY id) t, refresh(relid) r) r
    GROUP BY mode, reason, verdict ORDER BY min(id);
