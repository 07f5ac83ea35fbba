-- A consumer that does not keep up is given up before its log fills the disk; the others are not disturbed.
CREATE TABLE t (id int, x text);
BEGIN;    -- what is captured for nobody ends with the next look
SELECT pgtrickle._capture('t', '{1,2}');
INSERT INTO pgtrickle.consumer (kind, frontier) VALUES ('publication', pg_current_snapshot()), ('publication', pg_current_snapshot());
INSERT INTO pgtrickle.reads SELECT id, 't'::regclass, '{1,2}' FROM pgtrickle.consumer;
COMMIT;
SELECT min(id) AS laggard, max(id) AS healthy FROM pgtrickle.consumer \gset

CREATE FUNCTION log_rows() RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
    counts bigint[];
BEGIN
    EXECUTE format('SELECT ARRAY[(SELECT count(*) FROM pgtrickle_state.log_%1$s_0), (SELECT count(*) FROM pgtrickle_state.log_%1$s_1)]',
                   't'::regclass::oid) INTO counts;
    RETURN counts;
END $$;

SET pg_trickle.log_segment_size = '1MB';
SET pg_trickle.max_log_size = '100MB';
INSERT INTO t SELECT i, repeat('x', 200) FROM generate_series(1, 10000) i;
UPDATE pgtrickle.consumer SET frontier = pg_current_snapshot() WHERE id = :healthy;

-- A new segment is begun; the old one waits for the laggard.
SELECT pgtrickle._drain();
SELECT pgtrickle._drain();
SELECT log_rows(), active FROM pgtrickle.source;
INSERT INTO t VALUES (10001, 'one more');

-- Until it holds too much.
SET client_min_messages = error;
SET pg_trickle.max_log_size = '2MB';
SELECT pgtrickle._drain();
RESET client_min_messages;
SELECT id = :laggard AS laggard, frontier IS NULL AS given_up FROM pgtrickle.consumer ORDER BY id;
SELECT log_rows(), active FROM pgtrickle.source;

-- Nobody has to read the active segment to its end for that.
UPDATE pgtrickle.consumer SET frontier = pg_current_snapshot() WHERE id = :healthy;
INSERT INTO t SELECT i, repeat('x', 200) FROM generate_series(1, 10000) i;
SELECT pgtrickle._drain();
SELECT log_rows(), active FROM pgtrickle.source;
UPDATE pgtrickle.consumer SET frontier = pg_current_snapshot() WHERE id = :healthy;
SELECT pgtrickle._drain();
SELECT log_rows(), active FROM pgtrickle.source;

-- Rows that were rolled back take room too, and give it back.
BEGIN;
INSERT INTO t SELECT i, repeat('x', 200) FROM generate_series(1, 10000) i;
ROLLBACK;
SELECT pgtrickle._drain();
INSERT INTO t VALUES (10002, 'in the other one');
UPDATE pgtrickle.consumer SET frontier = pg_current_snapshot() WHERE id = :healthy;
SELECT pgtrickle._drain();
SELECT log_rows(), active FROM pgtrickle.source;

-- A source that is gone with its consumers leaves nothing behind.
DELETE FROM pgtrickle.consumer;
DROP TABLE t;
SELECT pgtrickle._drain();
SELECT count(*) FROM pgtrickle.source;
SELECT relname FROM pg_class WHERE relname LIKE 'log\_%' AND relkind = 'r';
