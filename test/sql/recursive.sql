-- WITH RECURSIVE: a change is carried from depth to depth, through the recursive term, as far as it changes anything.
\getenv test PG_ABS_SRCDIR
\set refreshed :test '/include/refreshed.sql'
\i :refreshed
CREATE TABLE staff (id int PRIMARY KEY, boss int, name text);
CREATE INDEX ON staff (boss);
INSERT INTO staff VALUES (1, NULL, 'Ada'), (2, 1, 'Ben'), (3, 1, 'Cyd'), (4, 2, 'Dan'), (5, 4, 'Eve');

-- A tree: UNION ALL keeps every row with its depth.
SELECT pgtrickle.create_stream_table('chart', 'WITH RECURSIVE c AS (
        SELECT id, name, 0 AS depth, ARRAY[id] AS path FROM staff WHERE boss IS NULL
        UNION ALL
        SELECT s.id, s.name, c.depth + 1, c.path || s.id FROM c JOIN staff s ON s.boss = c.id)
    SELECT * FROM c', '1h', 'DIFFERENTIAL');
TABLE chart ORDER BY path;
INSERT INTO staff VALUES (6, 5, 'Fay');
SELECT mode, rows_out FROM pgtrickle.refresh_stream_table('chart');
UPDATE staff SET boss = 3 WHERE id = 4;
SELECT mode, rows_out FROM pgtrickle.refresh_stream_table('chart');
TABLE chart ORDER BY path;
DELETE FROM staff WHERE id = 4;
SELECT mode, rows_out FROM pgtrickle.refresh_stream_table('chart');
TABLE chart ORDER BY path;
SELECT missing, unexpected FROM pgtrickle.verify('chart');

-- A new name of the root changes one row: what follows from the old row and from the new one cancels at the next depth.
UPDATE staff SET name = 'Amy' WHERE id = 1;
SELECT mode, rows_out FROM pgtrickle.refresh_stream_table('chart');

-- A graph with cycles: UNION has a row while there is a derivation of it that does not lead through itself.
CREATE TABLE road (a text, b text);
INSERT INTO road VALUES ('home', 'mill'), ('mill', 'lake'), ('lake', 'hill'), ('hill', 'mill'), ('hill', 'pass');
SELECT pgtrickle.create_stream_table('reached', 'WITH RECURSIVE r(place) AS (
        SELECT b FROM road WHERE a = ''home'' UNION SELECT road.b FROM r JOIN road ON road.a = r.place)
    SELECT * FROM r', '1h', 'DIFFERENTIAL');
TABLE reached ORDER BY 1;
-- The way into the cycle goes: the cycle does not hold itself up.
DELETE FROM road WHERE a = 'home';
SELECT mode, rows_out FROM pgtrickle.refresh_stream_table('reached');
TABLE reached ORDER BY 1;
INSERT INTO road VALUES ('home', 'hill'), ('home', 'pass');
SELECT mode, rows_out FROM pgtrickle.refresh_stream_table('reached');
-- Another way to what is reached already, and one of two ways gone: nothing happens.
INSERT INTO road VALUES ('home', 'lake');
SELECT mode, rows_out FROM pgtrickle.refresh_stream_table('reached');
DELETE FROM road WHERE (a, b) = ('hill', 'pass');
SELECT mode, rows_out FROM pgtrickle.refresh_stream_table('reached');
-- A way goes and a new one comes at once, in a cycle that nothing leads to any more.
BEGIN;
DELETE FROM road WHERE a = 'home';
INSERT INTO road VALUES ('pass', 'hill'), ('mill', 'pass');
COMMIT;
SELECT mode, rows_out FROM pgtrickle.refresh_stream_table('reached');
TABLE reached ORDER BY 1;
SELECT missing, unexpected FROM pgtrickle.verify('reached');

-- A bill of materials multiplies quantities; two ways to a part add up.
CREATE TABLE needs (whole text, part text, n numeric);
INSERT INTO needs VALUES ('cart', 'wheel', 2), ('cart', 'frame', 1), ('frame', 'bolt', 8), ('wheel', 'bolt', 4), ('wheel', 'spoke', 12);
SELECT pgtrickle.create_stream_table('bill', 'WITH RECURSIVE b AS (
        SELECT whole, part, n FROM needs
        UNION ALL
        SELECT b.whole, needs.part, b.n * needs.n FROM b JOIN needs ON needs.whole = b.part)
    SELECT whole, part, sum(n) AS n FROM b GROUP BY whole, part', '1h', 'DIFFERENTIAL');
SELECT * FROM bill WHERE whole = 'cart' ORDER BY part;
UPDATE needs SET n = 3 WHERE (whole, part) = ('cart', 'wheel');
SELECT mode, rows_out FROM pgtrickle.refresh_stream_table('bill');
SELECT * FROM bill WHERE whole = 'cart' ORDER BY part;
SELECT missing, unexpected FROM pgtrickle.verify('bill');

-- Read twice, joined and aggregated above; other tables, groups and a LEFT JOIN within the term; one recursion over another.
CREATE TABLE shop (place text PRIMARY KEY, beds int);
INSERT INTO shop VALUES ('mill', 4), ('pass', 9);
INSERT INTO road VALUES ('home', 'mill');
SELECT pgtrickle.create_stream_table('pairs', 'WITH RECURSIVE r(place, beds, d) AS (
        SELECT DISTINCT a, 0, 0 FROM road WHERE a = ''home''
        UNION
        SELECT w.b, s.beds, d + 1 FROM r JOIN (SELECT a, b, count(*) AS n FROM road GROUP BY a, b) w ON w.a = r.place LEFT JOIN shop s ON s.place = w.b WHERE d < 5)
    SELECT x.place, y.place AS other, x.beds FROM r x JOIN r y ON y.d = x.d + 1', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('shops', 'SELECT s.place, w.ways FROM shop s LEFT JOIN (
    WITH RECURSIVE near AS (SELECT DISTINCT b FROM road WHERE a = ''home''), r(p) AS (SELECT b FROM near UNION SELECT DISTINCT road.b FROM r JOIN road ON road.a = r.p),
        back(p, d) AS (SELECT p, 0 FROM r UNION ALL SELECT road.a, d + 1 FROM back JOIN road ON road.b = back.p WHERE d < 3)
    SELECT p, count(*) AS ways FROM back GROUP BY p) w ON w.p = s.place', '1h', 'DIFFERENTIAL');
SELECT operator, access FROM pgtrickle.explain_stream_table('pairs');
INSERT INTO shop VALUES ('lake', 2);
INSERT INTO road VALUES ('mill', 'pass'), ('pass', 'home');
DELETE FROM road WHERE (a, b) = ('lake', 'hill');
SELECT * FROM refreshed;
UPDATE shop SET beds = NULL WHERE place = 'mill';
DELETE FROM road WHERE a = 'home';
SELECT * FROM refreshed;
SELECT * FROM shops ORDER BY 1;

-- CYCLE marks a row that has been on its way before, and goes no further; SEARCH only says in which order they would be met.
INSERT INTO road VALUES ('home', 'mill'), ('lake', 'mill'), ('mill', 'lake'), ('lake', 'pass');
SELECT pgtrickle.create_stream_table('tours', 'WITH RECURSIVE r AS (
        SELECT b, 1 AS n FROM road WHERE a = ''home'' UNION ALL SELECT road.b, n + 1 FROM r JOIN road ON road.a = r.b)
    CYCLE b SET again USING path SELECT b, n, again FROM r', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('marked', 'WITH RECURSIVE r AS (
        SELECT b FROM road WHERE a = ''home'' UNION SELECT road.b FROM r JOIN road ON road.a = r.b)
    SEARCH DEPTH FIRST BY b SET place CYCLE b SET state TO ''again'' DEFAULT ''new'' USING path SELECT b, state FROM r ORDER BY place', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('levels', 'WITH RECURSIVE r AS (
        SELECT b, 1 AS n FROM road WHERE a = ''home'' UNION ALL SELECT road.b, n + 1 FROM r JOIN road ON road.a = r.b WHERE n < 4)
    SEARCH BREADTH FIRST BY b SET place SELECT b, n FROM r ORDER BY place', '1h', 'DIFFERENTIAL');
SELECT * FROM tours ORDER BY n, b, again;
DELETE FROM road WHERE (a, b) = ('mill', 'lake');
INSERT INTO road VALUES ('mill', 'pass'), ('mill', 'hill');
SELECT * FROM refreshed WHERE stream_tables ~ 'tours';
SELECT * FROM tours ORDER BY n, b, again;

-- A recursion that has become endless, because its rows run in a circle, ends when it is told to, as its query does; after
-- the circle has gone the next tick is right.
CREATE TABLE follows (a int, b int);
INSERT INTO follows VALUES (1, 2), (2, 3);
SELECT pgtrickle.create_stream_table('steps', 'WITH RECURSIVE s AS (
        SELECT b, 1 AS n FROM follows WHERE a = 1 UNION ALL SELECT f.b, n + 1 FROM s JOIN follows f ON f.a = s.b)
    SELECT * FROM s', '1h', 'DIFFERENTIAL');
INSERT INTO follows VALUES (3, 1);
SET statement_timeout = '300ms';
SELECT pgtrickle.refresh_stream_table('steps');
RESET statement_timeout;
DELETE FROM follows WHERE a = 2;
SELECT mode FROM pgtrickle.refresh_stream_table('steps');
TABLE steps ORDER BY n;
SELECT missing, unexpected FROM pgtrickle.verify('steps');

-- Where a row of the next iteration depends on several of the last one there is no law; AUTO recomputes.
SELECT pgtrickle.create_stream_table('ranked', 'WITH RECURSIVE r(id, n) AS (
        SELECT id, 1::bigint FROM staff WHERE boss IS NULL UNION ALL
        SELECT s.id, row_number() OVER (ORDER BY s.id) FROM r JOIN staff s ON s.boss = r.id)
    SELECT * FROM r', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('distinct_all', 'WITH RECURSIVE r AS (
        SELECT id FROM staff WHERE boss IS NULL UNION ALL SELECT DISTINCT s.id FROM r JOIN staff s ON s.boss = r.id)
    SELECT * FROM r', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('grouped', 'WITH RECURSIVE r AS (
        SELECT id FROM staff WHERE boss IS NULL UNION SELECT s.id FROM (SELECT id FROM r GROUP BY id) q JOIN staff s ON s.boss = q.id)
    SELECT * FROM r', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('scaled', 'WITH RECURSIVE r AS (SELECT n FROM needs UNION SELECT needs.n FROM r JOIN needs ON needs.n = r.n + 1) SELECT * FROM r', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('shown', 'WITH RECURSIVE r AS (
        SELECT b FROM road WHERE a = ''home'' UNION ALL SELECT road.b FROM r JOIN road ON road.a = r.b)
    CYCLE b SET again USING path SELECT b, again, path::text FROM r', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('broad', 'WITH RECURSIVE r AS (
        SELECT b FROM road WHERE a = ''home'' UNION SELECT road.b FROM r JOIN road ON road.a = r.b)
    SEARCH BREADTH FIRST BY b SET place SELECT b FROM r ORDER BY place', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('grouped', 'WITH RECURSIVE r AS (
        SELECT id FROM staff WHERE boss IS NULL UNION SELECT s.id FROM (SELECT id FROM r GROUP BY id) q JOIN staff s ON s.boss = q.id)
    SELECT * FROM r', '1h', 'AUTO');
SELECT access FROM pgtrickle.explain_stream_table('grouped');
