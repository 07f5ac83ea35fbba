-- What may happen to a source under a stream table.
\set SHOW_CONTEXT never
CREATE TABLE t (hole int, id int PRIMARY KEY, x int, y text, twice int GENERATED ALWAYS AS (x * 2) STORED);
ALTER TABLE t DROP COLUMN hole;
INSERT INTO t VALUES (1, 1, 'a'), (2, 2, 'b');
SELECT pgtrickle.create_stream_table('v', 'SELECT x, twice, count(*) AS n FROM t GROUP BY x, twice', '1h', 'DIFFERENTIAL');
SELECT * FROM v ORDER BY 1;

-- Columns come, unused ones go, names change.
ALTER TABLE t ADD COLUMN z int DEFAULT 7;
ALTER TABLE t DROP COLUMN y;
ALTER TABLE t RENAME COLUMN x TO xx;
ALTER TABLE t RENAME TO tt;
INSERT INTO tt (id, xx) VALUES (3, 3), (4, 3);
UPDATE tt SET xx = 5 WHERE id = 1;
SELECT mode FROM pgtrickle.refresh_stream_table('v');
SELECT * FROM v ORDER BY 1;
SELECT missing, unexpected FROM pgtrickle.verify('v');

-- An update of columns that nobody reads is no change.
UPDATE tt SET z = z + 1;
SELECT rows_in FROM pgtrickle.refresh_stream_table('v');

-- A second stream table reads a column that the first did not.
SELECT pgtrickle.create_stream_table('w', 'SELECT id, z FROM tt', '1h', 'DIFFERENTIAL');
UPDATE tt SET z = 100 WHERE id = 2;
DELETE FROM tt WHERE id = 3;
SELECT mode FROM pgtrickle.refresh_stream_table('w');
SELECT * FROM w ORDER BY 1;
SELECT mode FROM pgtrickle.refresh_stream_table('v');
SELECT missing, unexpected FROM pgtrickle.verify('v');
SELECT missing, unexpected FROM pgtrickle.verify('w');

-- Rewriting the table moves no row.
VACUUM FULL tt;
CLUSTER tt USING t_pkey;
UPDATE tt SET xx = xx + 1 WHERE id = 4;
SELECT mode FROM pgtrickle.refresh_stream_table('v');
SELECT missing, unexpected FROM pgtrickle.verify('v');

-- Triggers of replication apply too.
SET session_replication_role = replica;
INSERT INTO tt (id, xx) VALUES (40, 40);
RESET session_replication_role;
SELECT mode FROM pgtrickle.refresh_stream_table('v');
SELECT missing, unexpected FROM pgtrickle.verify('v');

-- Wide values, stored out of line.
CREATE TABLE wide (id int PRIMARY KEY, body text);
ALTER TABLE wide ALTER COLUMN body SET STORAGE EXTERNAL;
INSERT INTO wide SELECT i, repeat(i::text, 20000) FROM generate_series(1, 3) i;
SELECT pgtrickle.create_stream_table('bodies', 'SELECT id, body FROM wide', '1h', 'DIFFERENTIAL');
UPDATE wide SET body = body || 'x' WHERE id = 1;
UPDATE wide SET id = 10 WHERE id = 2;
DELETE FROM wide WHERE id = 3;
SELECT mode FROM pgtrickle.refresh_stream_table('bodies');
SELECT id, length(body) FROM bodies ORDER BY 1;
SELECT missing, unexpected FROM pgtrickle.verify('bodies');

-- Inheritance: the parent shows its children.
CREATE TABLE base (x int);
CREATE TABLE heir (y int) INHERITS (base);
INSERT INTO base VALUES (1);
INSERT INTO heir VALUES (2, 2);
SELECT pgtrickle.create_stream_table('family', 'SELECT x FROM base', '1h');
INSERT INTO heir VALUES (3, 3);
UPDATE heir SET x = 4 WHERE x = 2;
SELECT count(*) FROM pgtrickle.refresh_stream_table('family');
SELECT * FROM family ORDER BY 1;
SELECT missing, unexpected FROM pgtrickle.verify('family');
SELECT pgtrickle.create_stream_table('alone', 'SELECT x FROM ONLY base', '1h');
INSERT INTO heir VALUES (5, 5);
INSERT INTO base VALUES (6);
SELECT count(*) FROM pgtrickle.refresh_stream_table('alone');
SELECT * FROM alone ORDER BY 1;
SELECT missing, unexpected FROM pgtrickle.verify('alone');
