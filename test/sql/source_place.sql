-- Owners, row security, heirs and partitions come and go; what would break a promise is refused.
\getenv test PG_ABS_SRCDIR
\set refreshed :test '/include/refreshed.sql'
\i :refreshed
CREATE ROLE regress_trickle_a;
CREATE ROLE regress_trickle_b;
GRANT CREATE ON SCHEMA public TO regress_trickle_a, regress_trickle_b;
CREATE TABLE t (id int PRIMARY KEY, x int, y int);
CREATE TABLE u (id int PRIMARY KEY, x int, y int);
INSERT INTO t SELECT i, i, i FROM generate_series(1, 3) i;
INSERT INTO u SELECT i, i, i FROM generate_series(1, 3) i;
GRANT SELECT ON t, u TO regress_trickle_a;
SET ROLE regress_trickle_a;
SELECT pgtrickle.create_stream_table('groups', 'SELECT x, count(*) AS n FROM t GROUP BY x', '1h', 'AUTO');
SELECT pgtrickle.create_stream_table('joined', 'SELECT t.y, u.x, max(t.y) AS m FROM t JOIN u ON t.x = u.x GROUP BY 1, 2', '1h', 'DIFFERENTIAL');
RESET ROLE;

-- Another owner reads with his own rights, and what belongs to the stream table is his.
ALTER TABLE groups OWNER TO regress_trickle_b;
ALTER TABLE joined OWNER TO regress_trickle_b;
INSERT INTO t VALUES (4, 4, 4), (5, 1, 1);
TABLE refreshed;
GRANT SELECT ON t, u TO regress_trickle_b;
TABLE refreshed;
SELECT DISTINCT relowner::regrole FROM pg_class WHERE relname ~ '^q_\d+$';
SELECT count(*) FROM pgtrickle.state s JOIN pg_class c ON c.oid = s.relid AND c.relkind = 'r' WHERE c.relowner = 'regress_trickle_b'::regrole;
ALTER TABLE t OWNER TO regress_trickle_a;
INSERT INTO t VALUES (6, 4, 4), (7, 1, 1);
TABLE refreshed;

-- Row security that applies to the owner is followed, in any mode.
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
CREATE POLICY hides ON t USING (x > 1);
TABLE refreshed;
ALTER TABLE t DISABLE ROW LEVEL SECURITY;
INSERT INTO t VALUES (8, 1, 1);
TABLE refreshed;

-- Heirs neither.
CREATE TABLE heir (z int) INHERITS (t);
INSERT INTO heir VALUES (20, 2, 2, 2);
TABLE refreshed;
DROP TABLE heir;
TABLE refreshed;

-- Partitions with columns in another order, with and without the key.
CREATE TABLE part (id int, x int, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE part1 PARTITION OF part FOR VALUES FROM (0) TO (10);
CREATE TABLE part2 (x int, id int NOT NULL);
INSERT INTO part VALUES (1, 1), (2, NULL);
INSERT INTO part2 VALUES (1, 11), (2, 12);
SELECT pgtrickle.create_stream_table('parts', 'SELECT p.id, p.x, u.y FROM part p LEFT JOIN u ON u.x = p.x', '1h', 'DIFFERENTIAL');
ALTER TABLE part ATTACH PARTITION part2 FOR VALUES FROM (10) TO (20);
SELECT * FROM refresh('parts');
ALTER TABLE part DETACH PARTITION part2;
ALTER TABLE part DROP CONSTRAINT part_pkey;
INSERT INTO part VALUES (1, 1), (1, NULL);
SELECT * FROM refresh('parts');

-- A stream table has the columns of its query; what it reads is logged.
ALTER TABLE groups ADD COLUMN more int;
ALTER TABLE groups DROP COLUMN n;
ALTER TABLE groups ALTER COLUMN n TYPE text;
ALTER TABLE groups SET UNLOGGED;
ALTER TABLE u SET UNLOGGED;
-- The index that finds its rows is made again.
SELECT count(*) FROM pg_index WHERE indrelid = 'joined'::regclass;
DO $$ BEGIN EXECUTE 'DROP INDEX ' || (SELECT indexrelid::regclass FROM pg_index WHERE indrelid = 'joined'::regclass); END $$;
INSERT INTO t VALUES (9, 1, 1);
TABLE refreshed;
SELECT count(*) FROM pg_index WHERE indrelid = 'joined'::regclass;

SELECT pgtrickle.drop_stream_table(relid::regclass::text) FROM pgtrickle.stream_table;
DROP TABLE t, u, part, part2;
REVOKE CREATE ON SCHEMA public FROM regress_trickle_a, regress_trickle_b;
DROP ROLE regress_trickle_a, regress_trickle_b;
