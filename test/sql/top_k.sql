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

-- How many may be worked out: from a table, of which a change looks up the first rows anew, as many as are wanted then.
CREATE TABLE setting (name text PRIMARY KEY, value int);
INSERT INTO setting VALUES ('rows', 3), ('skipped', 0), ('team', 2);
SELECT pgtrickle.create_stream_table('as_set', 'SELECT id, points FROM score ORDER BY points DESC, id LIMIT (SELECT value FROM setting WHERE name = ''rows'')', '1h', 'DIFFERENTIAL');
SELECT operator, law, access FROM pgtrickle.explain_stream_table('as_set') LIMIT 1;
SELECT pgtrickle.create_stream_table('page_set', $$SELECT id, points FROM score ORDER BY points DESC, id
  LIMIT (SELECT max(value) FROM setting WHERE name = 'rows') OFFSET (SELECT value FROM setting WHERE name = 'skipped') + 1$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('ties_set', $$SELECT team, points / 10 AS ten FROM score ORDER BY points / 10 DESC
  FETCH FIRST (SELECT value FROM setting WHERE name = 'rows') ROWS WITH TIES$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('tenth', 'SELECT id, points FROM score ORDER BY points, id LIMIT (SELECT count(*) / 10 FROM score)', '1h', 'DIFFERENTIAL');
-- Of each team as many as it says.
CREATE TABLE team (team text PRIMARY KEY, best int);
INSERT INTO team VALUES ('t0', 1), ('t1', 2), ('t2', 0), ('t3', NULL);
SELECT pgtrickle.create_stream_table('of_each', 'SELECT t.team, s.id FROM team t, LATERAL (SELECT id FROM score s WHERE s.team = t.team ORDER BY points DESC, id LIMIT t.best) s', '1h', 'DIFFERENTIAL');
SELECT operator FROM pgtrickle.explain_stream_table('of_each');
SELECT pgtrickle.create_stream_table('of_each_set', $$SELECT t.team, s.id FROM team t LEFT JOIN LATERAL (SELECT id FROM score s WHERE s.team = t.team ORDER BY points DESC, id
  LIMIT (SELECT value FROM setting WHERE name = 'team') OFFSET t.best) s ON true$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('of_both', $$SELECT t.team, s.id FROM team t, LATERAL (SELECT id FROM score s WHERE s.team = t.team AND points > 60
  UNION SELECT id FROM score s WHERE s.team = t.team AND points < 20 ORDER BY id LIMIT t.best + 1 OFFSET (SELECT min(value) FROM setting WHERE setting.value <= t.best)) s$$, '1h', 'DIFFERENTIAL');
-- By the time: another one each second.
SELECT pgtrickle.create_stream_table('of_now', 'SELECT id FROM score ORDER BY id LIMIT extract(second FROM now())', '1h', 'DIFFERENTIAL');

CREATE FUNCTION differ(names text[]) RETURNS TABLE (name text, mode text, rows_out bigint, wrong bigint) LANGUAGE plpgsql AS $$
BEGIN
  FOREACH name IN ARRAY names LOOP
    SELECT r.mode, r.rows_out FROM pgtrickle.refresh_stream_table(name) r INTO mode, rows_out;
    SELECT v.missing + v.unexpected FROM pgtrickle.verify(name) v INTO wrong;
    RETURN NEXT;
  END LOOP;
END $$;
SELECT wrong FROM differ('{of_now}');
UPDATE setting SET value = 5 WHERE name = 'rows';
SELECT * FROM differ('{as_set,page_set,ties_set,tenth,of_each,of_each_set,of_both}');
UPDATE setting SET value = 2;
DELETE FROM score WHERE id % 3 = 0;
UPDATE team SET best = best + 1;
SELECT * FROM differ('{as_set,page_set,ties_set,tenth,of_each,of_each_set,of_both}');
SELECT * FROM as_set ORDER BY points DESC, id;
-- A change of the table that leaves the number as it was changes nothing; NULL is no limit, and so is no row.
UPDATE setting SET value = value WHERE name = 'rows';
INSERT INTO setting VALUES ('other', 9);
SELECT * FROM differ('{as_set}');
DELETE FROM setting WHERE name = 'rows';
UPDATE setting SET value = NULL;
SELECT name, mode, wrong FROM differ('{as_set,page_set,ties_set,of_each_set,of_both}');
SELECT (SELECT count(*) FROM as_set) = (SELECT count(*) FROM score) AS whole;
-- What LIMIT cannot be is the server's error.
INSERT INTO setting VALUES ('rows', -1);
SELECT * FROM pgtrickle.refresh_stream_table('as_set');
UPDATE setting SET value = 0 WHERE name = 'rows';
SELECT * FROM differ('{as_set,page_set,ties_set}');

-- What is not a function of tables and time is none here either.
SELECT pgtrickle.create_stream_table('no', 'SELECT id FROM score ORDER BY id LIMIT current_setting(''server_version_num'')::int', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('no', 'SELECT id FROM score ORDER BY id LIMIT -1', '1h', 'DIFFERENTIAL');
