-- A stream table can be given another schedule, mode or query without losing its place.
\set SHOW_CONTEXT never
CREATE TABLE t (id int PRIMARY KEY, x int, y text);
INSERT INTO t SELECT i, i % 3, 'y' || i % 2 FROM generate_series(1, 6) i;
SELECT pgtrickle.create_stream_table('v', 'SELECT x, count(*) AS n FROM t GROUP BY x', '1h');
SELECT schedule, refresh_mode, status FROM pgtrickle.pgt_status() WHERE name = 'v';

SELECT pgtrickle.alter_stream_table('v', schedule => '2h 30m');
SELECT schedule, refresh_mode FROM pgtrickle.pgt_status() WHERE name = 'v';
SELECT period FROM pgtrickle.stream_tables_info WHERE name = 'v';

SELECT pgtrickle.alter_stream_table('v', refresh_mode => 'FULL');
INSERT INTO t VALUES (7, 1, 'y7');
SELECT mode FROM pgtrickle.refresh_stream_table('v');
SELECT missing, unexpected FROM pgtrickle.verify('v');

SELECT pgtrickle.alter_stream_table('v', refresh_mode => 'DIFFERENTIAL');
INSERT INTO t VALUES (8, 1, 'y8');
SELECT mode FROM pgtrickle.refresh_stream_table('v');
INSERT INTO t VALUES (9, NULL, 'y9');
SELECT mode FROM pgtrickle.refresh_stream_table('v');
SELECT missing, unexpected FROM pgtrickle.verify('v');

-- A new query with the same columns: the rows change to its rows, and what reads it sees only the difference.
SELECT pgtrickle.create_stream_table('above', 'SELECT sum(n) AS total FROM v', '1h');
SELECT pgtrickle.alter_stream_table('v', query => 'SELECT x, count(*) AS n FROM t WHERE id > 2 GROUP BY x');
SELECT * FROM v ORDER BY x;
SELECT mode FROM pgtrickle.refresh_stream_table('above');
SELECT missing, unexpected FROM pgtrickle.verify('v');
SELECT missing, unexpected FROM pgtrickle.verify('above');
DELETE FROM t WHERE id = 9;
SELECT mode FROM pgtrickle.refresh_stream_table('v');
SELECT mode FROM pgtrickle.refresh_stream_table('above');
SELECT missing, unexpected FROM pgtrickle.verify('above');

-- Paused, it is left alone by the scheduler; resumed, it catches up.
SELECT pgtrickle.pause_stream_table('v');
SELECT status FROM pgtrickle.pgt_status() WHERE name = 'v';
INSERT INTO t VALUES (10, 2, 'y10');
SELECT pgtrickle.resume_stream_table('v');
SELECT status FROM pgtrickle.pgt_status() WHERE name = 'v';
SELECT mode FROM pgtrickle.refresh_stream_table('v');
SELECT missing, unexpected FROM pgtrickle.verify('v');

-- Wrong values name the accepted ones.
SELECT pgtrickle.alter_stream_table('v', schedule => 'sometimes');
SELECT pgtrickle.alter_stream_table('v', refresh_mode => 'LAZY');
SELECT pgtrickle.alter_stream_table('v', status => 'BROKEN');
SELECT pgtrickle.alter_stream_table('nope', schedule => '1s');

-- Renaming and moving it is the server's business.
SELECT pgtrickle.drop_stream_table('above');
ALTER TABLE v RENAME TO w;
CREATE SCHEMA elsewhere;
ALTER TABLE w SET SCHEMA elsewhere;
INSERT INTO t VALUES (11, 2, 'y11');
SELECT mode FROM pgtrickle.refresh_stream_table('elsewhere.w');
SELECT missing, unexpected FROM pgtrickle.verify('elsewhere.w');
