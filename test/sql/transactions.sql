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
