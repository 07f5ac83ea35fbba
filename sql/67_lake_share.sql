-- Several trickle-lake programs at one database: who is there, and which tables are whose (lake/share.h).

-- A program that serves a lake, or stands by.  It is there as long as it holds the lock of its id; the row alone says nothing.
CREATE TABLE pgtrickle.lake_worker (
    id      int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    lake    int NOT NULL REFERENCES pgtrickle.lake ON DELETE CASCADE,
    host    text NOT NULL,
    pid     int NOT NULL,                       -- there
    backend int NOT NULL DEFAULT pg_backend_pid(),
    since   timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE FUNCTION pgtrickle._lake_lock_is_held(kind text, id int) RETURNS bool
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
RETURN EXISTS (SELECT FROM pg_locks l
               WHERE l.locktype = 'advisory' AND l.classid = pgtrickle._lake_lock($1)::oid AND l.objid = $2::oid AND l.objsubid = 2 AND l.granted
                 AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()));
COMMENT ON FUNCTION pgtrickle._lake_lock_is_held(text, int) IS 'kind: as _lake_lock has it; id: of that kind.  Result: whether a trickle-lake holds this advisory lock.';

CREATE FUNCTION pgtrickle._join_lake(lake int, host text, pid int) RETURNS int
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    worker int;
BEGIN
    DELETE FROM pgtrickle.lake_worker w WHERE w.lake = $1 AND NOT pgtrickle._lake_lock_is_held('worker', w.id)
                                          AND NOT EXISTS (SELECT FROM pgtrickle.lake_upload u WHERE u.worker = w.id);
    INSERT INTO pgtrickle.lake_worker(lake, host, pid) VALUES ($1, $2, $3) RETURNING id INTO worker;
    PERFORM pg_advisory_lock(pgtrickle._lake_lock('worker'), worker);
    RETURN worker;
END $$;
REVOKE ALL ON FUNCTION pgtrickle._join_lake(int, text, int) FROM PUBLIC;
COMMENT ON FUNCTION pgtrickle._join_lake(int, text, int) IS
'lake: its id; host, pid: of a trickle-lake.  Result: the id of its presence, whose lock the session holds from now on.';

CREATE FUNCTION pgtrickle._lake_share(lake int, worker int, leads bool) RETURNS SETOF int
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    WITH present AS (SELECT w.id, row_number() OVER (ORDER BY w.id) - 1 AS place, count(*) OVER () AS number
                     FROM pgtrickle.lake_worker w WHERE w.lake = $1 AND pgtrickle._lake_lock_is_held('worker', w.id)),
         tables AS (SELECT p.id, row_number() OVER (ORDER BY p.id) - 1 AS place FROM pgtrickle.publication p WHERE p.lake = $1)
    SELECT t.id FROM tables t
    WHERE CASE pgtrickle._lake_policy($1, 'share_tables')
          WHEN 'on' THEN EXISTS (SELECT FROM present w WHERE w.id = $2 AND t.place % w.number = w.place) ELSE $3 END
$$;
COMMENT ON FUNCTION pgtrickle._lake_share(int, int, bool) IS
'lake, worker: ids; leads: whether it leads the lake.  Result: the publications it should own, so that every one is somebody''s.';

CREATE FUNCTION pgtrickle._sweepable(lake int, worker int) RETURNS TABLE (path text)
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM pgtrickle.lake_upload u
    WHERE u.lake = $1 AND (u.worker IS NULL OR (u.worker = $2 AND NOT u.loading) OR NOT pgtrickle._lake_lock_is_held('worker', u.worker)) RETURNING u.path
$$;
REVOKE ALL ON FUNCTION pgtrickle._sweepable(int, int) FROM PUBLIC;
COMMENT ON FUNCTION pgtrickle._sweepable(int, int) IS
'lake, worker: ids.  Takes the notes of files that this program, or one that is no more, has left behind.  Result: the files.';

CREATE FUNCTION pgtrickle.lake_workers() RETURNS TABLE (lake text, host text, pid int, since timestamptz, leads bool, tables regclass[])
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH held AS MATERIALIZED (SELECT l.pid, l.classid::int AS class, l.objid::int AS id FROM pg_locks l
                  WHERE l.locktype = 'advisory' AND l.objsubid = 2 AND l.granted AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()))
    SELECT l.name, w.host, w.pid, w.since,
           EXISTS (SELECT FROM held h WHERE h.pid = w.backend AND h.class = pgtrickle._lake_lock('lake') AND h.id = w.lake),
           ARRAY(SELECT p.relid::regclass FROM pgtrickle.publication p JOIN held h ON h.class = pgtrickle._lake_lock('table') AND h.id = p.id
                 WHERE h.pid = w.backend AND p.lake = w.lake ORDER BY p.id)
    FROM pgtrickle.lake_worker w JOIN pgtrickle.lake l ON l.id = w.lake
    WHERE EXISTS (SELECT FROM held h WHERE h.pid = w.backend AND h.class = pgtrickle._lake_lock('worker') AND h.id = w.id)
    ORDER BY l.name, w.id
$$;
COMMENT ON FUNCTION pgtrickle.lake_workers() IS
'No arguments.  Result: one row for each trickle-lake program and each lake it serves or stands by for: host and pid, since when, whether it
leads the lake (does its upkeep), and the tables that it publishes.  With the policy share_tables they are spread over all programs.';
