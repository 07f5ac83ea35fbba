-- Keys, NOT NULL, indexes and types of a source may change under stream tables: their state is made anew where it has to be.
\getenv test PG_ABS_SRCDIR
\set refreshed :test '/include/refreshed.sql'
\i :refreshed
CREATE TABLE s (id int PRIMARY KEY, k int NOT NULL, t text NOT NULL, x int, unread int NOT NULL DEFAULT 0);
CREATE TABLE r (id int PRIMARY KEY, k int NOT NULL, y int);
INSERT INTO s SELECT i, i % 3, 't' || i % 2, i FROM generate_series(1, 6) i;
INSERT INTO r SELECT i, i % 3, i FROM generate_series(1, 6) i;
SELECT pgtrickle.create_stream_table(name, query, '1h', 'DIFFERENTIAL') FROM (VALUES
    ('groups',    'SELECT k, count(*) AS n, sum(x) AS x FROM s GROUP BY k'),
    ('extremes',  'SELECT k, min(x) AS lo, max(t) AS hi FROM s GROUP BY k'),
    ('one_row',   'SELECT s.id, s.k, max(r.y) AS y, count(r.id) AS n FROM s LEFT JOIN r ON r.k = s.k GROUP BY s.id, s.k'),
    ('joined',    'SELECT s.id, r.y, s.t FROM s JOIN r ON r.k = s.k'),
    ('lefts',     'SELECT s.id, s.k, r.y FROM s LEFT JOIN r ON r.k = s.k'),
    ('one_right', 'SELECT r.id, r.k, s.t FROM r LEFT JOIN s ON s.id = r.k'),
    ('different', 'SELECT DISTINCT k, t FROM s'),
    ('bag',       'SELECT k, t FROM s'),
    ('copied',    'SELECT id, k, x FROM s'),
    ('above',     'SELECT k, sum(n) AS n FROM groups GROUP BY k'),
    ('beside',    'SELECT c.id, c.k, g.n FROM copied c JOIN groups g ON g.k = c.k')) v(name, query);

-- What nobody reads may do what it likes.
ALTER TABLE s ALTER COLUMN unread DROP NOT NULL, ALTER COLUMN unread TYPE bigint;
ALTER TABLE s ADD CONSTRAINT positive CHECK (x > 0) NOT VALID;
ALTER TABLE s VALIDATE CONSTRAINT positive;
INSERT INTO s VALUES (7, 1, 't1', 7, NULL);
TABLE refreshed;

-- A group's key may be NULL from now on.
ALTER TABLE s ALTER COLUMN k DROP NOT NULL;
INSERT INTO s VALUES (8, NULL, 'z', 7), (9, NULL, 'z', NULL);
TABLE refreshed;
INSERT INTO s VALUES (10, NULL, 'y', 1);
DELETE FROM s WHERE id = 8;
TABLE refreshed;
DELETE FROM s WHERE k IS NULL;
ALTER TABLE s ALTER COLUMN k SET NOT NULL;
INSERT INTO s VALUES (11, 5, 'z', NULL);
TABLE refreshed;

-- Without its primary key a table may hold a row twice, and a stream table too.
ALTER TABLE s DROP CONSTRAINT s_pkey;
ALTER TABLE s ALTER COLUMN id DROP NOT NULL;
ALTER TABLE r DROP CONSTRAINT r_pkey;
INSERT INTO s VALUES (1, 1, 't1', 1), (1, 1, 'x', 2), (NULL, 1, 'x', 2);
INSERT INTO r VALUES (1, 1, 1), (1, 1, 1), (2, 2, 4);
TABLE refreshed;
DELETE FROM s WHERE ctid = (SELECT min(ctid) FROM s WHERE id = 1);
UPDATE r SET k = 0 WHERE ctid = (SELECT max(ctid) FROM r WHERE id = 1);
INSERT INTO s VALUES (NULL, 1, 'x', 2);
TABLE refreshed;

-- A replica identity is a key as well, a key that may be violated until the commit is none.
DELETE FROM s WHERE id IS NULL OR ctid IN (SELECT max(ctid) FROM s GROUP BY id HAVING count(*) > 1);
DELETE FROM r WHERE ctid NOT IN (SELECT min(ctid) FROM r GROUP BY id);
ALTER TABLE s ALTER COLUMN id SET NOT NULL;
CREATE UNIQUE INDEX s_identity ON s (id);
ALTER TABLE s REPLICA IDENTITY USING INDEX s_identity;
ALTER TABLE r ADD PRIMARY KEY (id) DEFERRABLE INITIALLY DEFERRED;
INSERT INTO s VALUES (12, 2, 'z', 1);
TABLE refreshed;
BEGIN;
INSERT INTO r VALUES (1, 2, 9);
TABLE refreshed;
DELETE FROM r WHERE id = 1 AND y <> 9;
COMMIT;
TABLE refreshed;

-- Keys come back, of another type.
ALTER TABLE r DROP CONSTRAINT r_pkey;
ALTER TABLE s REPLICA IDENTITY DEFAULT;
DROP INDEX s_identity;
ALTER TABLE r ADD PRIMARY KEY (id);
ALTER TABLE s ADD PRIMARY KEY (id);
TABLE refreshed;
SELECT pgtrickle.create_stream_table('unkeyed', 'SELECT r.y, w.z FROM r JOIN (SELECT y AS z, k FROM r) w ON w.k = r.y', '1h', 'DIFFERENTIAL');
ALTER TABLE r ALTER COLUMN id TYPE bigint;
SELECT pgtrickle.drop_stream_table('one_row');
SELECT pgtrickle.drop_stream_table('one_right');
ALTER TABLE r ALTER COLUMN id TYPE bigint;
INSERT INTO r VALUES (10000000000, 1, 1);
TABLE refreshed;
UPDATE r SET k = 2, id = id + 1 WHERE id > 100;
TABLE refreshed;

-- An index does for an arrangement, and an arrangement for an index that goes.
SELECT count(*) FROM pgtrickle.arrangement WHERE source = 's'::regclass;
CREATE INDEX s_k ON s (k);
UPDATE r SET k = k + 1;
TABLE refreshed;
SELECT count(*) FROM pgtrickle.arrangement WHERE source = 's'::regclass;
DROP INDEX s_k;
UPDATE r SET k = k - 1;
UPDATE s SET k = 2 WHERE id < 4;
TABLE refreshed;
SELECT count(*) FROM pgtrickle.arrangement WHERE source = 's'::regclass;

-- What is undone has not happened.
BEGIN;
ALTER TABLE s DROP CONSTRAINT s_pkey, ALTER COLUMN k DROP NOT NULL;
INSERT INTO s VALUES (1, NULL, 'x', 2);
TABLE refreshed;
ROLLBACK;
INSERT INTO s VALUES (13, 1, 'x', 2);
TABLE refreshed;

-- A stream table whose query changes its key changes its own.
SELECT pgtrickle.alter_stream_table('bag', query => 'SELECT DISTINCT k, t FROM s');
SELECT pgtrickle.alter_stream_table('bag', query => 'SELECT id AS k, t FROM s');
SELECT pgtrickle.alter_stream_table('bag', query => 'SELECT k, t FROM s');
TABLE refreshed;
SELECT count(*) > 0 AS told FROM pgtrickle.refresh_history WHERE mode = 'REBUILD' AND reason LIKE 'keys, NOT NULL%';
