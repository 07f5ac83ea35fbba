-- A refresh takes what its snapshot sees, whatever transaction it runs in.
CREATE TABLE t (id int PRIMARY KEY, x int);
SELECT pgtrickle.create_stream_table('v', 'SELECT x, count(*) AS n FROM t GROUP BY x', '1h', 'DIFFERENTIAL');

-- A transaction that has written before and writes after.
BEGIN;
INSERT INTO t VALUES (1, 1);
SELECT mode FROM pgtrickle.refresh_stream_table('v');
SELECT * FROM v ORDER BY 1;
INSERT INTO t VALUES (2, 1);
SELECT mode FROM pgtrickle.refresh_stream_table('v');
SELECT * FROM v ORDER BY 1;
INSERT INTO t VALUES (3, 1);
COMMIT;
SELECT * FROM v ORDER BY 1;
SELECT mode FROM pgtrickle.refresh_stream_table('v');
SELECT * FROM v ORDER BY 1;
SELECT missing, unexpected FROM pgtrickle.verify('v');

-- A rolled back refresh is no refresh.
BEGIN;
INSERT INTO t VALUES (4, 1);
SELECT mode FROM pgtrickle.refresh_stream_table('v');
ROLLBACK;
SELECT * FROM v ORDER BY 1;
INSERT INTO t VALUES (4, 2);
SELECT mode FROM pgtrickle.refresh_stream_table('v');
SELECT * FROM v ORDER BY 1;
SELECT missing, unexpected FROM pgtrickle.verify('v');

-- Savepoints: what was rolled back was never there, the refresh inside included.
BEGIN;
INSERT INTO t VALUES (5, 2);
SAVEPOINT a;
INSERT INTO t VALUES (6, 2);
SELECT mode FROM pgtrickle.refresh_stream_table('v');
SELECT * FROM v ORDER BY 1;
ROLLBACK TO a;
INSERT INTO t VALUES (7, 3);
SELECT * FROM v ORDER BY 1;
SELECT mode FROM pgtrickle.refresh_stream_table('v');
SELECT * FROM v ORDER BY 1;
SAVEPOINT b;
DELETE FROM t WHERE x = 1;
RELEASE b;
COMMIT;
SELECT mode FROM pgtrickle.refresh_stream_table('v');
SELECT * FROM v ORDER BY 1;
SELECT missing, unexpected FROM pgtrickle.verify('v');

-- Caught errors.
DO $$ BEGIN
    INSERT INTO t VALUES (8, 8);
    PERFORM pgtrickle.refresh_stream_table('v');
    RAISE EXCEPTION 'undo';
EXCEPTION WHEN raise_exception THEN
    INSERT INTO t VALUES (9, 9);
END $$;
SELECT mode FROM pgtrickle.refresh_stream_table('v');
SELECT * FROM v ORDER BY 1;
SELECT missing, unexpected FROM pgtrickle.verify('v');

-- Created in the transaction that wrote, and writes on.
BEGIN;
INSERT INTO t VALUES (10, 10);
SELECT pgtrickle.create_stream_table('w', 'SELECT count(*) AS n FROM t', '1h', 'DIFFERENTIAL');
INSERT INTO t VALUES (11, 10);
COMMIT;
SELECT mode FROM pgtrickle.refresh_stream_table('w');
TABLE w;
SELECT missing, unexpected FROM pgtrickle.verify('w');

-- COPY, MERGE, ON CONFLICT, foreign keys and partitions are writes like others.
COPY t FROM STDIN;
20	20
21	\N
\.
MERGE INTO t USING (VALUES (20, 1), (22, 22)) s(id, x) ON t.id = s.id WHEN MATCHED THEN UPDATE SET x = 99 WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.x);
INSERT INTO t VALUES (22, 0), (23, 23) ON CONFLICT (id) DO UPDATE SET x = t.x + 1;
SELECT mode FROM pgtrickle.refresh_stream_table('v');
SELECT missing, unexpected FROM pgtrickle.verify('v');

CREATE TABLE child (t int REFERENCES t ON DELETE CASCADE ON UPDATE CASCADE, y int);
CREATE TABLE part (k int, y int) PARTITION BY LIST (k);
CREATE TABLE part_1 PARTITION OF part FOR VALUES IN (1);
CREATE TABLE part_rest PARTITION OF part DEFAULT;
INSERT INTO child VALUES (4, 1), (20, 2), (20, 3);
INSERT INTO part VALUES (1, 1), (2, 2);
SELECT pgtrickle.create_stream_table('c', 'SELECT c.t, c.y, p.k FROM child c LEFT JOIN part p ON p.y = c.y', '1h', 'DIFFERENTIAL');
DELETE FROM t WHERE id = 4;
UPDATE t SET id = 30 WHERE id = 20;
UPDATE part SET k = 1;
INSERT INTO part_rest VALUES (7, 3);
CREATE TABLE part_8 PARTITION OF part FOR VALUES IN (8);
INSERT INTO part_8 VALUES (8, 3);
SELECT mode FROM pgtrickle.refresh_stream_table('c');
SELECT * FROM c ORDER BY 1, 2, 3;
SELECT missing, unexpected FROM pgtrickle.verify('c');

-- A prepared transaction writes when it is committed, its refreshes included; IMMEDIATE ones follow in it.
CREATE TABLE p (id int PRIMARY KEY, x int);
INSERT INTO p SELECT i, i % 3 FROM generate_series(1, 9) i;
SELECT pgtrickle.create_stream_table('later', 'SELECT x, count(*) AS n FROM p GROUP BY x', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('at_once', 'SELECT x, count(*) AS n FROM p GROUP BY x', 'calculated', 'IMMEDIATE');
BEGIN;
INSERT INTO p VALUES (10, 1);
SAVEPOINT a;
DELETE FROM p;
ROLLBACK TO a;
TABLE at_once ORDER BY x;
PREPARE TRANSACTION 'trickle_write';
TABLE at_once ORDER BY x;
SELECT mode FROM pgtrickle.refresh_stream_table('later');
SELECT missing, unexpected FROM pgtrickle.verify('later');
COMMIT PREPARED 'trickle_write';
TABLE at_once ORDER BY x;
SELECT mode FROM pgtrickle.refresh_stream_table('later');
TABLE later ORDER BY x;
SELECT missing, unexpected FROM pgtrickle.verify('at_once');

BEGIN;
UPDATE p SET x = x + 1;
PREPARE TRANSACTION 'trickle_write';
ROLLBACK PREPARED 'trickle_write';
SELECT mode FROM pgtrickle.refresh_stream_table('later');
SELECT missing, unexpected FROM pgtrickle.verify('at_once');

BEGIN;
UPDATE p SET x = x + 1;
SELECT mode FROM pgtrickle.refresh_stream_table('later');
DELETE FROM p WHERE id = 1;
SELECT pgtrickle.create_stream_table('newer', 'SELECT max(x) AS m FROM p', '1h', 'DIFFERENTIAL');
PREPARE TRANSACTION 'trickle_refresh';
COMMIT PREPARED 'trickle_refresh';
SELECT mode FROM pgtrickle.refresh_stream_table('later');
SELECT mode FROM pgtrickle.refresh_stream_table('newer');
SELECT missing, unexpected FROM pgtrickle.verify('later');
SELECT missing, unexpected FROM pgtrickle.verify('newer');
SELECT missing, unexpected FROM pgtrickle.verify('at_once');

-- Writers of every other kind, in savepoints that are rolled back and in ones that are not.
CREATE TABLE m (id int, k int, x int, PRIMARY KEY (id, k)) PARTITION BY LIST (k);
CREATE TABLE m_1 PARTITION OF m FOR VALUES IN (1);
CREATE TABLE m_rest PARTITION OF m DEFAULT;
SELECT pgtrickle.create_stream_table('m_later', 'SELECT k, count(*) AS n, sum(x) AS s FROM m GROUP BY k', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('m_at_once', 'SELECT a.id, b.x FROM m a JOIN m b ON a.id = b.id AND a.k <= b.k', 'calculated', 'IMMEDIATE');
CREATE VIEW wrong AS
    SELECT (SELECT count(*) FROM (SELECT a.id, b.x FROM m a JOIN m b ON a.id = b.id AND a.k <= b.k EXCEPT ALL TABLE m_at_once) x) AS missing,
           (SELECT count(*) FROM (TABLE m_at_once EXCEPT ALL SELECT a.id, b.x FROM m a JOIN m b ON a.id = b.id AND a.k <= b.k) x) AS unexpected;
BEGIN;
TRUNCATE m_1;
COPY m_1 FROM STDIN (FREEZE);
1	1	1
2	1	2
\.
TABLE wrong;
SAVEPOINT a;
UPDATE m SET k = 2 WHERE id = 1;
TABLE wrong;
ROLLBACK TO a;
TABLE wrong;
UPDATE m SET k = k + 1, x = x + 1;
TABLE wrong;
WITH gone AS (DELETE FROM m WHERE id = 2 RETURNING *), moved AS (INSERT INTO m SELECT id + 10, 1, x FROM gone RETURNING *)
INSERT INTO m SELECT id, 5, x FROM moved;
TABLE wrong;
INSERT INTO m VALUES (12, 1, 0), (13, 7, 7) ON CONFLICT (id, k) DO UPDATE SET x = m.x + 100;
TABLE wrong;
MERGE INTO m USING (VALUES (12, 1), (13, 7), (14, 1)) s(id, k) ON m.id = s.id AND m.k = s.k
    WHEN MATCHED AND s.k = 7 THEN DELETE WHEN MATCHED THEN UPDATE SET k = 9 WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.k, 1);
TABLE wrong;
SAVEPOINT b;
TRUNCATE m;
TABLE wrong;
ROLLBACK TO b;
TABLE wrong;
COMMIT;
SELECT mode FROM pgtrickle.refresh_stream_table('m_later');
SELECT missing, unexpected FROM pgtrickle.verify('m_later');
SELECT missing, unexpected FROM pgtrickle.verify('m_at_once');
DROP TABLE m, p CASCADE;
