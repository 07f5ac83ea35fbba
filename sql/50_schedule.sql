-- Schedules: the workers that keep them, and how to wait for them.

CREATE FUNCTION pgtrickle._schedule_changed() RETURNS trigger
    AS 'MODULE_PATHNAME', 'schedule_changed' LANGUAGE C;
REVOKE ALL ON FUNCTION pgtrickle._schedule_changed() FROM PUBLIC;
COMMENT ON FUNCTION pgtrickle._schedule_changed() IS
'Trigger of tables that say what there is to do: at commit, the scheduler of the database reads them again.';

CREATE TRIGGER _schedule_changed AFTER INSERT OR UPDATE OR DELETE ON pgtrickle.stream_table
    FOR EACH ROW EXECUTE FUNCTION pgtrickle._schedule_changed();

CREATE FUNCTION pgtrickle.wake() RETURNS bool
    AS 'MODULE_PATHNAME', 'schedule_wake' LANGUAGE C STRICT VOLATILE;
COMMENT ON FUNCTION pgtrickle.wake() IS
'No arguments.  Has the scheduler of this database refresh all stream tables with the schedule ''calculated'' now, changed or not.
Result: false if no scheduler is running (it will do so when it starts).  Errors: 55000 the library is not preloaded.';

CREATE FUNCTION pgtrickle._wait(ids int[], snapshot text, timeout interval) RETURNS bool
    AS 'MODULE_PATHNAME', 'schedule_wait' LANGUAGE C STRICT VOLATILE;
COMMENT ON FUNCTION pgtrickle._wait(int[], text, interval) IS
'ids: consumers.  snapshot: a pg_snapshot as text.  timeout: the longest to wait.  Wakes the scheduler and waits until the
frontiers of all of them cover the snapshot.  Result: whether they do.';

CREATE FUNCTION pgtrickle.wait_for(name text, snapshot pg_catalog.pg_snapshot DEFAULT pg_catalog.pg_current_snapshot(),
                                   timeout interval DEFAULT '30s') RETURNS bool
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    view pgtrickle.stream_table;
BEGIN
    SELECT * INTO view FROM pgtrickle.stream_table t WHERE t.id OPERATOR(pg_catalog.=) pgtrickle._stream_table_id($1);
    IF view.status OPERATOR(pg_catalog.=) ANY (ARRAY['PAUSED', 'SUSPENDED']) THEN
        RAISE EXCEPTION 'stream table "%" is not being refreshed', $1
            USING ERRCODE = '55000', DETAIL = pg_catalog.format('Its status is %s.', view.status),
                  HINT = pg_catalog.format('SELECT pgtrickle.resume_stream_table(%L) has it refreshed again.', $1);
    END IF;
    RETURN pgtrickle._wait(ARRAY[view.id], coalesce($2, pg_catalog.pg_current_snapshot())::text, coalesce($3, '30s'));
END $$;
COMMENT ON FUNCTION pgtrickle.wait_for(text, pg_snapshot, interval) IS
'name: a stream table.  snapshot: what it has to show, by default all that is committed now (changes of the calling transaction
itself are not committed).  timeout: the longest to wait.  Wakes the scheduler and waits.  Result: true once the stream table
shows it, false if it does not in time.  Errors: 42P01, 42809 no such stream table; 55000 it is paused or suspended, or the library is not preloaded.';

CREATE FUNCTION pgtrickle.drain(timeout interval DEFAULT '30s') RETURNS bool
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN pgtrickle._wait(coalesce((SELECT pg_catalog.array_agg(t.id) FROM pgtrickle.stream_table t
                                     WHERE t.status OPERATOR(pg_catalog.=) ANY (ARRAY['ACTIVE', 'ERROR'])), '{}'),
                           pg_catalog.pg_current_snapshot()::text, coalesce($1, '30s'));
END $$;
COMMENT ON FUNCTION pgtrickle.drain(interval) IS
'timeout: the longest to wait.  Waits until every stream table that is active shows all that is committed now; one with a
period does so only at its end.  Result: whether they do.';

CREATE FUNCTION pgtrickle.pause_all() RETURNS bigint
LANGUAGE sql VOLATILE
BEGIN ATOMIC
    SELECT pgtrickle._unsettle(t.id) FROM pgtrickle.stream_table t WHERE t.refresh_mode = 'IMMEDIATE' AND t.status IN ('ACTIVE', 'ERROR');
    WITH paused AS (UPDATE pgtrickle.stream_table SET status = 'PAUSED' WHERE status IN ('ACTIVE', 'ERROR') RETURNING id)
    SELECT count(*) FROM paused;
END;
REVOKE ALL ON FUNCTION pgtrickle.pause_all() FROM PUBLIC;
COMMENT ON FUNCTION pgtrickle.pause_all() IS
'No arguments.  Stops the refreshing of all stream tables.  Result: how many it has paused.
Errors: 42501 the caller is no superuser and was not granted EXECUTE.';

CREATE FUNCTION pgtrickle.resume_all() RETURNS bigint
LANGUAGE sql VOLATILE
BEGIN ATOMIC
    UPDATE pgtrickle.health SET consecutive_errors = 0, retry_at = NULL
        WHERE id IN (SELECT id FROM pgtrickle.stream_table WHERE status IN ('PAUSED', 'SUSPENDED', 'ERROR'));
    SELECT pgtrickle._unsettle(t.id) FROM pgtrickle.stream_table t WHERE t.refresh_mode = 'IMMEDIATE' AND t.status IN ('PAUSED', 'SUSPENDED', 'ERROR');
    WITH resumed AS (UPDATE pgtrickle.stream_table SET status = 'ACTIVE'
                     WHERE status IN ('PAUSED', 'SUSPENDED', 'ERROR') RETURNING id)
    SELECT count(*) FROM resumed;
END;
REVOKE ALL ON FUNCTION pgtrickle.resume_all() FROM PUBLIC;
COMMENT ON FUNCTION pgtrickle.resume_all() IS
'No arguments.  Has all stream tables that are paused, suspended or failing refreshed again, at once.  Result: how many.
Errors: 42501 the caller is no superuser and was not granted EXECUTE.';

-- From the commit of this script on, the database has a scheduler.
CREATE FUNCTION pgtrickle._schedule_here() RETURNS void
    AS 'MODULE_PATHNAME', 'schedule_here' LANGUAGE C STRICT;
REVOKE ALL ON FUNCTION pgtrickle._schedule_here() FROM PUBLIC;
SELECT pgtrickle._schedule_here();
