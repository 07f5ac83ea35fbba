-- DIFFERENTIAL refuses what has no law, AUTO and FULL recompute it and write the difference.
CREATE TABLE t (id int PRIMARY KEY, g int, x int);
INSERT INTO t SELECT i, i % 3, i FROM generate_series(1, 9) i;

SELECT pgtrickle.create_stream_table('v', 'SELECT id, random() < 2 AS r FROM t', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('v', 'SELECT id, random() < 2 AS r FROM t', '1h', 'AUTO');
SELECT refresh_mode, effective_mode, mode_reason FROM pgtrickle.stream_tables_info WHERE name = 'v';
INSERT INTO t VALUES (10, 1, 0);
SELECT mode, rows_out FROM pgtrickle.refresh_stream_table('v');
SELECT missing, unexpected FROM pgtrickle.verify('v');
SELECT check_name, severity, detail FROM pgtrickle.health_check() WHERE check_name = 'differential';

-- AUTO is differential wherever it can be.
SELECT pgtrickle.create_stream_table('sums', 'SELECT g, sum(x) AS x FROM t GROUP BY g', '1h');
SELECT refresh_mode, effective_mode, mode_reason FROM pgtrickle.stream_tables_info WHERE name = 'sums';

-- FULL takes any query that gives the same rows twice, and some that do not.
SELECT pgtrickle.create_stream_table('top', 'SELECT id, x FROM t ORDER BY x DESC LIMIT 3', '1h', 'FULL');
SELECT pgtrickle.create_stream_table('gaps', 'SELECT a.id FROM t a WHERE NOT EXISTS (SELECT FROM t b WHERE b.id = a.id + 1)', '1h', 'FULL');
SELECT pgtrickle.create_stream_table('tree', 'WITH RECURSIVE r(n) AS (SELECT min(id) FROM t UNION SELECT id FROM t JOIN r ON id = n + 1) SELECT n FROM r', '1h', 'FULL');
DELETE FROM t WHERE id IN (5, 10);
SELECT mode FROM pgtrickle.refresh_stream_table('top');
SELECT * FROM top ORDER BY 1;
SELECT missing, unexpected FROM pgtrickle.verify('top');
SELECT mode FROM pgtrickle.refresh_stream_table('gaps');
SELECT * FROM gaps ORDER BY 1;
SELECT mode FROM pgtrickle.refresh_stream_table('tree');
SELECT missing, unexpected FROM pgtrickle.verify('tree');
SELECT missing, unexpected FROM pgtrickle.verify('gaps');

-- validate_query says it all beforehand and makes nothing.
SELECT severity, operator, message FROM pgtrickle.validate_query('SELECT g, sum(x) FROM t GROUP BY g');
SELECT severity, operator, message FROM pgtrickle.validate_query('SELECT id, random() FROM t');
SELECT count(*) FROM pgtrickle.pgt_stream_tables;
