-- Window functions: worked out again for the partitions that have a changed row, and for no other.
CREATE TABLE pay (id int PRIMARY KEY, who text, at date NOT NULL, amount numeric(8,2));
INSERT INTO pay SELECT i, 'p' || i % 3, date '2026-01-01' + i % 5, i * 1.5 FROM generate_series(1, 12) i;
SELECT pgtrickle.create_stream_table('paid', $$
	SELECT id, who, amount, row_number() OVER w AS number, lag(amount, 1, 0) OVER w AS before, sum(amount) OVER w AS running,
	       amount / sum(amount) OVER (PARTITION BY who) AS share
	FROM pay WINDOW w AS (PARTITION BY who ORDER BY at, id)$$, '1h', 'DIFFERENTIAL');
SELECT * FROM paid ORDER BY who, number;
SELECT operator, law FROM pgtrickle.explain_stream_table('paid');

-- One row changes: its partition shows other results, another partition none.
UPDATE pay SET amount = 100 WHERE id = 4;
SELECT mode, rows_out FROM pgtrickle.refresh_stream_table('paid');
INSERT INTO pay VALUES (13, 'p2', '2026-01-01', 5), (14, NULL, '2026-01-02', 6), (15, NULL, '2026-01-01', NULL);
DELETE FROM pay WHERE id = 3;
UPDATE pay SET who = 'p0' WHERE id = 5;
SELECT mode FROM pgtrickle.refresh_stream_table('paid');
SELECT * FROM paid ORDER BY who, number;
SELECT missing, unexpected FROM pgtrickle.verify('paid');

-- What does not move a result changes one row: the last of a running sum.
INSERT INTO pay VALUES (16, 'p1', '2026-12-01', 0);
SELECT pgtrickle.create_stream_table('running', 'SELECT id, who, sum(amount) OVER (PARTITION BY who ORDER BY at, id) AS running FROM pay', '1h', 'DIFFERENTIAL');
INSERT INTO pay VALUES (17, 'p1', '2026-12-02', 3);
SELECT mode, rows_out FROM pgtrickle.refresh_stream_table('running');

-- Over several partitions: an operator for each PARTITION BY, one above the other.
SELECT pgtrickle.create_stream_table('places', $$
	SELECT id, rank() OVER (PARTITION BY who ORDER BY amount DESC) AS own, rank() OVER (ORDER BY amount DESC) AS of_all,
	       ntile(2) OVER (ORDER BY id) AS half, count(*) FILTER (WHERE amount > 9) OVER () AS large FROM pay$$, '1h', 'DIFFERENTIAL');
SELECT operator FROM pgtrickle.explain_stream_table('places');
UPDATE pay SET amount = 1 WHERE id = 4;
DELETE FROM pay WHERE id = 14;
SELECT mode FROM pgtrickle.refresh_stream_table('places');
SELECT * FROM places ORDER BY id;
SELECT missing, unexpected FROM pgtrickle.verify('places');

-- Over groups, over a join, and under an aggregate.
SELECT pgtrickle.create_stream_table('by_who', $$
	SELECT who, sum(amount) AS paid, sum(sum(amount)) OVER (ORDER BY who) AS running, rank() OVER (ORDER BY count(*) DESC) AS place
	FROM pay GROUP BY who HAVING count(*) > 1$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('gaps', $$
	SELECT who, max(gap) AS longest FROM (SELECT a.who, a.at - lag(a.at) OVER (PARTITION BY a.who ORDER BY a.at, a.id) AS gap
	FROM pay a JOIN pay b ON b.id = a.id) g GROUP BY who$$, '1h', 'DIFFERENTIAL');
DELETE FROM pay WHERE id IN (1, 2, 10);
INSERT INTO pay VALUES (20, 'p1', '2026-02-01', 50), (21, 'p9', '2026-02-03', 1), (22, 'p9', '2026-02-09', 2);
SELECT name, (pgtrickle.refresh_stream_table(name)).mode FROM unnest('{by_who,gaps}'::text[]) name;
SELECT * FROM by_who ORDER BY who;
SELECT * FROM gaps ORDER BY who;
SELECT missing, unexpected FROM pgtrickle.verify('by_who');
SELECT missing, unexpected FROM pgtrickle.verify('gaps');

-- Equal rows are rows each.
CREATE TABLE word (w text);
INSERT INTO word VALUES ('a'), ('a'), ('b'), (NULL);
SELECT pgtrickle.create_stream_table('numbered', 'SELECT w, row_number() OVER (PARTITION BY w) AS n, count(*) OVER () AS all_of_them FROM word', '1h', 'DIFFERENTIAL');
INSERT INTO word VALUES ('a'), (NULL), ('b');
DELETE FROM word WHERE ctid IN (SELECT min(ctid) FROM word WHERE w = 'a');
SELECT mode FROM pgtrickle.refresh_stream_table('numbered');
SELECT * FROM numbered ORDER BY w, n;
SELECT missing, unexpected FROM pgtrickle.verify('numbered');

-- Where ORDER BY leaves rows alike, PostgreSQL numbers them in any order.  Here it is that of a hash of the row, the
-- same at each tick, and verify() compares with it.
SELECT pgtrickle.create_stream_table('ties', 'SELECT id, row_number() OVER (ORDER BY at) AS n, first_value(id) OVER (PARTITION BY who ORDER BY at) AS f FROM pay', '1h', 'DIFFERENTIAL');
SELECT law FROM pgtrickle.explain_stream_table('ties') WHERE operator LIKE '%row_number%';
INSERT INTO pay SELECT i, 'p' || i % 2, '2026-01-02', i FROM generate_series(30, 60) i;
SELECT mode FROM pgtrickle.refresh_stream_table('ties');
SELECT missing, unexpected FROM pgtrickle.verify('ties');
SELECT count(*), count(DISTINCT n), max(n) FROM ties;

-- A user's aggregate is a window function too.
CREATE FUNCTION longest(text, text) RETURNS text IMMUTABLE LANGUAGE sql AS $$SELECT CASE WHEN length($2) > length($1) THEN $2 ELSE $1 END$$;
CREATE AGGREGATE longest(text) (SFUNC = longest, STYPE = text, INITCOND = '');
SELECT pgtrickle.create_stream_table('longest_yet', $$SELECT w, longest(w) OVER (ORDER BY w) AS l FROM word$$, '1h', 'DIFFERENTIAL');
INSERT INTO word VALUES ('abc'), ('ac');
SELECT mode FROM pgtrickle.refresh_stream_table('longest_yet');
SELECT * FROM longest_yet ORDER BY w;
SELECT missing, unexpected FROM pgtrickle.verify('longest_yet');

-- Rows of a type without equality, told apart by how they look.
CREATE TABLE doc (id int PRIMARY KEY, body json);
SELECT pgtrickle.create_stream_table('bodies', 'SELECT id, body, lag(body) OVER (ORDER BY id)::text AS before FROM doc', '1h', 'DIFFERENTIAL');
INSERT INTO doc VALUES (1, '{"a": 1}'), (2, '{"a":1}'), (3, '[]');
SELECT missing, unexpected FROM pgtrickle.verify('bodies');
UPDATE doc SET body = '{ }' WHERE id = 2;
SELECT missing, unexpected FROM pgtrickle.verify('bodies');
TABLE bodies ORDER BY id;

-- What has no law says so at its place.
SELECT pgtrickle.create_stream_table('no', 'SELECT row_number() OVER (ORDER BY random()) FROM pay', '1h', 'DIFFERENTIAL');

