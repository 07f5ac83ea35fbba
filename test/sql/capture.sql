-- Every way to change a table reaches the change log, once, with the weight it has.
\getenv test PG_ABS_SRCDIR
\set captured :test '/include/captured.sql'
\i :captured
CREATE FUNCTION logged(source regclass) RETURNS TABLE (part int, w int2, a1 text, a2 text) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format('SELECT part, w, a1::text, a2::text FROM (SELECT * FROM pgtrickle_state.log_%1$s_0
        UNION ALL SELECT * FROM pgtrickle_state.log_%1$s_1) l ORDER BY xid, a1, a2, w', source::oid);
    EXECUTE format('DELETE FROM pgtrickle_state.log_%1$s_0', source::oid);
END $$;

CREATE TABLE t (id int PRIMARY KEY, x text, unseen int);
SELECT capture('t', '{1,2}');

-- INSERT, UPDATE, DELETE.
INSERT INTO t VALUES (1, 'a', 0), (2, 'b', 0);
UPDATE t SET x = 'c' WHERE id = 1;
DELETE FROM t WHERE id = 2;
SELECT * FROM logged('t');

-- An update that changes no captured column is none.
UPDATE t SET unseen = unseen + 1;
UPDATE t SET x = x;
SELECT * FROM logged('t');

-- COPY.
COPY t FROM stdin WITH (FORMAT csv);
3,three,0
4,,0
\.
SELECT * FROM logged('t');

-- ON CONFLICT.
INSERT INTO t VALUES (3, 'drei', 0), (5, 'fünf', 0) ON CONFLICT (id) DO UPDATE SET x = excluded.x;
INSERT INTO t VALUES (3, 'trois', 0) ON CONFLICT DO NOTHING;
SELECT * FROM logged('t');

-- MERGE.
MERGE INTO t USING (VALUES (3, 'tre'), (4, NULL), (6, 'sei')) v (id, x) ON t.id = v.id
    WHEN MATCHED AND v.x IS NULL THEN DELETE
    WHEN MATCHED THEN UPDATE SET x = v.x
    WHEN NOT MATCHED THEN INSERT VALUES (v.id, v.x, 0);
SELECT * FROM logged('t');

-- A data-modifying WITH that touches the table twice.
WITH gone AS (DELETE FROM t WHERE id = 5 RETURNING *) INSERT INTO t SELECT id + 10, x, unseen FROM gone;
SELECT * FROM logged('t');

-- Foreign-key cascades.
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent ON UPDATE CASCADE ON DELETE CASCADE);
SELECT capture('child', '{1,2}');
INSERT INTO parent VALUES (1), (2);
INSERT INTO child VALUES (10, 1), (20, 2);
SELECT * FROM logged('child');
UPDATE parent SET id = 3 WHERE id = 1;
DELETE FROM parent WHERE id = 2;
SELECT * FROM logged('child');

-- Cascades that are deferred to the commit.
CREATE TABLE late (id int, parent int REFERENCES parent ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED);
SELECT capture('late', '{1,2}');
INSERT INTO late VALUES (1, 3);
DELETE FROM parent WHERE id = 3;
SELECT * FROM logged('late');

-- Savepoints: what is rolled back was never there.
BEGIN;
INSERT INTO t VALUES (20, 'kept', 0);
SAVEPOINT a;
INSERT INTO t VALUES (21, 'rolled back', 0);
ROLLBACK TO a;
INSERT INTO t VALUES (22, 'kept', 0);
SAVEPOINT b;
INSERT INTO t VALUES (23, 'kept', 0);
RELEASE b;
COMMIT;
SELECT * FROM logged('t');
DO $$
BEGIN
    FOR i IN 30..33 LOOP
        BEGIN
            INSERT INTO t VALUES (i, 'loop', 0);
            PERFORM 1 / (i % 2);
        EXCEPTION WHEN division_by_zero THEN
            NULL;
        END;
    END LOOP;
END $$;
SELECT * FROM logged('t');
BEGIN; INSERT INTO t VALUES (24, 'rolled back', 0); ROLLBACK;
SELECT * FROM logged('t');

-- A trigger of the user's that writes to the same table, in a subtransaction that fails.
CREATE FUNCTION echo() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    BEGIN
        INSERT INTO t VALUES (NEW.id + 100, 'echo', 0);
        IF NEW.id % 2 = 0 THEN RAISE 'no'; END IF;
    EXCEPTION WHEN raise_exception THEN NULL;
    END;
    RETURN NULL;
END $$;
CREATE TRIGGER zz AFTER INSERT ON t FOR EACH ROW WHEN (NEW.id < 100) EXECUTE FUNCTION echo();
INSERT INTO t SELECT i, 'call', 0 FROM generate_series(40, 43) i;
SELECT * FROM logged('t');
DROP TRIGGER zz ON t;

-- Within the transaction, at the end of each statement.
BEGIN;
INSERT INTO t VALUES (50, 'now', 0);
SELECT * FROM logged('t');
UPDATE t SET x = 'then' WHERE id = 50;
SELECT * FROM logged('t');
COMMIT;

-- TRUNCATE is a marker; so is what it cascades to.
TRUNCATE t;
SELECT * FROM logged('t');
TRUNCATE parent CASCADE;
SELECT * FROM logged('child');

-- Triggers fire whatever session_replication_role says.
SET session_replication_role = replica;
INSERT INTO t VALUES (60, 'replica', 0);
RESET session_replication_role;
SELECT * FROM logged('t');

-- And whoever disables triggers, as pg_restore does while it loads.
ALTER TABLE t DISABLE TRIGGER ALL;
INSERT INTO t VALUES (61, 'disabled', 0);
ALTER TABLE t ENABLE TRIGGER ALL;
ALTER TABLE t DISABLE TRIGGER USER;
SELECT * FROM logged('t');
SELECT tgenabled, count(*) FROM pg_trigger WHERE tgrelid = 't'::regclass AND NOT tgisinternal GROUP BY 1;
ALTER TABLE t SET UNLOGGED;

-- Nobody takes them away by name.
CREATE FUNCTION refused(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE replace(statement, '#', 'pg_trickle_' || 't'::regclass::oid);
    RETURN 'done';
EXCEPTION WHEN object_not_in_prerequisite_state THEN
    RETURN replace(SQLERRM, 't'::regclass::oid::text, '#');
END $$;
SELECT refused('DROP TRIGGER # ON t');
SELECT refused('DROP TRIGGER IF EXISTS #_truncate ON t');
SELECT refused('ALTER TRIGGER # ON t RENAME TO other');

-- Capture ends with its last consumer, and the triggers and logs go.
SELECT release('t'::regclass);
SELECT count(*) FROM pg_trigger WHERE tgrelid = 't'::regclass AND NOT tgisinternal;
SELECT to_regclass(format('pgtrickle_state.log_%s_0', 't'::regclass::oid));
INSERT INTO t VALUES (62, 'free', 0);

-- What cannot be captured is refused.
CREATE VIEW w AS SELECT * FROM t;
\set VERBOSITY verbose
\set SHOW_CONTEXT never
SELECT capture('w', '{1}');
SELECT capture('pg_class', '{1}');
CREATE TEMP TABLE tt (id int);
SELECT capture('tt', '{1}');
CREATE UNLOGGED TABLE fleeting (id int);
SELECT capture('fleeting', '{1}');
\set VERBOSITY default

-- The trigger function is of no use to others.
CREATE ROLE capture_user;
GRANT CREATE ON SCHEMA public TO capture_user;
SET ROLE capture_user;
CREATE TABLE own (id int);
CREATE TRIGGER mine AFTER INSERT ON own FOR EACH ROW EXECUTE FUNCTION pgtrickle._log_change('1');
RESET ROLE;
DROP OWNED BY capture_user;
DROP ROLE capture_user;
