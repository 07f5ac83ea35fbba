-- ORDER BY with LIMIT, OFFSET, FETCH FIRST: the first rows, whatever comes behind them.
CREATE TABLE score (id int PRIMARY KEY, team text, points int);
INSERT INTO score SELECT i, 't' || i % 4, (i * 37) % 101 FROM generate_series(1, 100) i;
SELECT pgtrickle.create_stream_table('best', 'SELECT id, points FROM score ORDER BY points DESC, id LIMIT 3', '1h', 'DIFFERENTIAL');
SELECT * FROM best ORDER BY points DESC, id;
SELECT operator, law FROM pgtrickle.explain_stream_table('best');

-- Behind the top nothing changes.
INSERT INTO score VALUES (101, 't1', 50);
DELETE FROM score WHERE id = 50;
SELECT mode, rows_in, rows_out FROM pgtrickle.refresh_stream_table('best');
-- A new first row pushes the last one out; when one goes, the next moves up.
INSERT INTO score VALUES (102, 't2', 200);
SELECT mode, rows_out FROM pgtrickle.refresh_stream_table('best');
DELETE FROM score WHERE id = 102;
UPDATE score SET points = 150 WHERE id = 7;
SELECT mode FROM pgtrickle.refresh_stream_table('best');
SELECT * FROM best ORDER BY points DESC, id;
SELECT missing, unexpected FROM pgtrickle.verify('best');

-- A page further on; all ties; everything but the first; nothing; no limit at all.
SELECT pgtrickle.create_stream_table('page', 'SELECT id FROM score ORDER BY points, id LIMIT 2 + 3 OFFSET 10', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('with_ties', 'SELECT team, points / 10 AS ten FROM score ORDER BY points / 10 DESC FETCH FIRST 2 ROWS WITH TIES', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('others', 'SELECT id FROM score ORDER BY points, id OFFSET 95', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('nothing', 'SELECT id FROM score ORDER BY id LIMIT 0', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('everything', 'SELECT id FROM score ORDER BY id LIMIT ALL OFFSET 0', '1h', 'DIFFERENTIAL');
SELECT operator FROM pgtrickle.explain_stream_table('everything');
-- Any three rows: which, a hash of the row says.
SELECT pgtrickle.create_stream_table('some', 'SELECT id FROM score LIMIT 3', '1h', 'DIFFERENTIAL');
-- Inside: of an arm, of a derived table, of a WITH query, under an aggregate.
SELECT pgtrickle.create_stream_table('both_ends', '(SELECT id, points FROM score ORDER BY points, id LIMIT 2) UNION ALL (SELECT id, points FROM score ORDER BY points DESC, id DESC LIMIT 2)', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('sum_of_best', 'WITH b AS (SELECT * FROM score ORDER BY points DESC, id LIMIT 10) SELECT team, sum(points) AS points FROM b GROUP BY team ORDER BY 2 DESC, 1 LIMIT 2', '1h', 'DIFFERENTIAL');
-- Of each team, by a number in the group.
SELECT pgtrickle.create_stream_table('two_of_each', 'SELECT team, id, points FROM (SELECT s.*, row_number() OVER (PARTITION BY team ORDER BY points DESC, id) AS n FROM score s) r WHERE n <= 2', '1h', 'DIFFERENTIAL');
SELECT operator FROM pgtrickle.explain_stream_table('two_of_each');
DELETE FROM score WHERE points > 90 OR id % 7 = 0;
INSERT INTO score SELECT i, 't' || i % 5, i % 100 FROM generate_series(200, 240) i;
UPDATE score SET team = 't9', points = points - 3 WHERE id % 11 = 0;
SELECT name, (pgtrickle.refresh_stream_table(name)).mode FROM unnest('{page,with_ties,others,nothing,everything,some,both_ends,sum_of_best,two_of_each}'::text[]) name;
SELECT * FROM both_ends ORDER BY 2, 1;
SELECT * FROM sum_of_best ORDER BY 1;
SELECT * FROM two_of_each ORDER BY 1, 2;
SELECT missing, unexpected FROM pgtrickle.verify('page');
SELECT missing, unexpected FROM pgtrickle.verify('with_ties');
SELECT missing, unexpected FROM pgtrickle.verify('others');
SELECT missing, unexpected FROM pgtrickle.verify('nothing');
SELECT missing, unexpected FROM pgtrickle.verify('everything');
SELECT missing, unexpected FROM pgtrickle.verify('some');
SELECT missing, unexpected FROM pgtrickle.verify('both_ends');
SELECT missing, unexpected FROM pgtrickle.verify('sum_of_best');
SELECT missing, unexpected FROM pgtrickle.verify('two_of_each');

-- Ties at the border are broken by a hash of the row, at each tick alike; verify() compares with that.
SELECT pgtrickle.create_stream_table('tied', 'SELECT id, team FROM score ORDER BY team LIMIT 5', '1h', 'DIFFERENTIAL');
INSERT INTO score SELECT i, 't0', 1 FROM generate_series(300, 320) i;
DELETE FROM score WHERE id < 50;
SELECT mode FROM pgtrickle.refresh_stream_table('tied');
SELECT team, count(*) FROM tied GROUP BY team;
SELECT missing, unexpected FROM pgtrickle.verify('tied');

-- How many must be known beforehand.
SELECT pgtrickle.create_stream_table('no', 'SELECT id FROM score ORDER BY id LIMIT current_setting(''server_version_num'')::int', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('no', 'SELECT id FROM score ORDER BY id LIMIT -1', '1h', 'DIFFERENTIAL');
