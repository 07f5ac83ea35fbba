-- Each of these once went wrong: the smallest case of each, checked after its tick.

-- An arrangement of a table without a key counts copies, also when a batch only inserts.
CREATE TABLE bag (x int, y text);
CREATE TABLE one (id int PRIMARY KEY);
INSERT INTO one VALUES (1), (2);
SELECT pgtrickle.create_stream_table('copies', 'SELECT b.x FROM bag b JOIN one o ON o.id = b.x', '1h', 'DIFFERENTIAL');
INSERT INTO bag VALUES (1), (1), (2);
SELECT mode FROM pgtrickle.refresh_stream_table('copies');
INSERT INTO bag VALUES (1);
DELETE FROM one WHERE id = 2;
UPDATE one SET id = 2 WHERE id = 1;
SELECT mode FROM pgtrickle.refresh_stream_table('copies');
TABLE copies;
SELECT missing, unexpected FROM pgtrickle.verify('copies');

-- An aggregate over an aggregate is filled from finished groups.
SELECT pgtrickle.create_stream_table('nested', 'SELECT kinds FROM (SELECT count(DISTINCT x) AS kinds, max(x) AS m FROM bag) a GROUP BY kinds', '1h', 'DIFFERENTIAL');
TABLE nested;

-- A LEFT JOIN that reads no column of the side it preserves.
SELECT pgtrickle.create_stream_table('unread', 'SELECT o.id FROM bag b LEFT JOIN one o ON true', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('counted', 'SELECT count(*) AS n FROM bag b LEFT JOIN one o ON true', '1h', 'DIFFERENTIAL');
DELETE FROM one;
SELECT mode FROM pgtrickle.refresh_stream_table('unread');
TABLE unread;
SELECT missing, unexpected FROM pgtrickle.verify('unread');
SELECT missing, unexpected FROM pgtrickle.verify('counted');

-- now() meets a column through whatever the condition commutes with.
CREATE TABLE due (id int PRIMARY KEY, bag int, at timestamptz);
INSERT INTO due VALUES (1, 1, now() + interval '1.8 s'), (2, 2, now() - interval '1 day'), (3, 2, now() + interval '1 day');
SELECT pgtrickle.create_stream_table('padded', 'SELECT b.x, d.id FROM bag b LEFT JOIN due d ON d.bag = b.x WHERE d.at > now()', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('grouped', $$
    SELECT at, count(*) AS n FROM (SELECT DISTINCT id, at FROM due UNION ALL SELECT id, at FROM due) d GROUP BY at HAVING at - interval '0.1 s' > now()
$$, '1h', 'DIFFERENTIAL');
SELECT x, id FROM padded ORDER BY 1, 2;
SELECT n FROM grouped;
SELECT pg_sleep(2);
SELECT missing, unexpected FROM pgtrickle.verify('padded');
SELECT missing, unexpected FROM pgtrickle.verify('grouped');
SELECT x, id FROM padded ORDER BY 1, 2;
SELECT n FROM grouped;
SELECT pgtrickle.create_stream_table('computed', 'SELECT bag, max(at) AS last FROM due GROUP BY bag HAVING max(at) > now()', '1h', 'DIFFERENTIAL');

-- Functions are those of the definition's search_path, constants those of its DateStyle.
CREATE SCHEMA own;
CREATE FUNCTION own.twice(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 2 * $1';
CREATE TYPE own.size AS ENUM ('small', 'large');
CREATE TABLE own.item (n int, size own.size, day date);
SET search_path = own, public;
SET datestyle = 'SQL, DMY';
SELECT pgtrickle.create_stream_table('public.sized', $$SELECT twice(n) AS n, size FROM item WHERE size > 'small' AND day > '02/01/2026'$$, '1h', 'DIFFERENTIAL');
RESET search_path;
SET datestyle = 'SQL, MDY';
INSERT INTO own.item VALUES (1, 'large', '2026-01-15'), (2, 'small', '2026-02-15'), (3, 'large', '2026-01-01');
SELECT mode FROM pgtrickle.refresh_stream_table('sized');
TABLE sized;
SELECT missing, unexpected FROM pgtrickle.verify('sized');

-- Equal numerics of different scale are different rows to a function that can tell.
CREATE TABLE scaled (x numeric NOT NULL);
SELECT pgtrickle.create_stream_table('said', 'SELECT s.x::text AS said FROM due g JOIN scaled s ON s.x = g.id', '1h', 'DIFFERENTIAL');
INSERT INTO scaled VALUES (1), (1.00);
SELECT mode FROM pgtrickle.refresh_stream_table('said');
UPDATE scaled SET x = 1.0 WHERE scale(x) = 0;
SELECT mode FROM pgtrickle.refresh_stream_table('said');
UPDATE due SET id = 10 WHERE id = 1;
UPDATE due SET id = 1 WHERE id = 2;
SELECT mode FROM pgtrickle.refresh_stream_table('said');
SELECT * FROM said ORDER BY 1;
SELECT missing, unexpected FROM pgtrickle.verify('said');

-- An average of one row and of two may be equal and look different; a row with a key looks as in the query.
CREATE TABLE twice (id int, x numeric(10,2));
INSERT INTO twice VALUES (1, -1.5), (2, 3);
SELECT pgtrickle.create_stream_table('means', 'SELECT id, avg(x) AS mean FROM twice GROUP BY id', '1h', 'DIFFERENTIAL');
INSERT INTO twice VALUES (1, -1.5);
SELECT rows_out FROM pgtrickle.refresh_stream_table('means');
SELECT m.id, m.mean, m.mean::text = q.mean::text AS alike FROM means m JOIN (SELECT id, avg(x) AS mean FROM twice GROUP BY id) q USING (id) ORDER BY 1;
