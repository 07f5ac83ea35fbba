-- GROUPING SETS, CUBE and ROLLUP: the groups of each set, all united.
CREATE TABLE visit (id int PRIMARY KEY, city text, year int, spent numeric(10,2));
INSERT INTO visit VALUES (1, 'Rome', 2025, 10), (2, 'Rome', 2026, 20), (3, 'Oslo', 2026, 5), (4, NULL, 2026, 7);
\getenv test PG_ABS_SRCDIR
\set refreshed :test '/include/refreshed.sql'
\i :refreshed

SELECT pgtrickle.create_stream_table('report', $$
    SELECT city, year, GROUPING(city, year) AS g, count(*) AS n, sum(spent) AS spent FROM visit GROUP BY ROLLUP (city, year)
$$, '1h', 'DIFFERENTIAL');
SELECT * FROM report ORDER BY g, city, year;

-- A NULL of the data is not the NULL of a key that a set leaves out: GROUPING() tells.
INSERT INTO visit VALUES (5, NULL, NULL, 1), (6, 'Oslo', 2025, NULL);
DELETE FROM visit WHERE id = 3;
SELECT * FROM refreshed;
SELECT * FROM report ORDER BY g, city, year;

-- No rows: what remains is the set of nothing, the whole.
DELETE FROM visit;
SELECT * FROM refreshed;
SELECT * FROM report;
INSERT INTO visit VALUES (1, 'Rome', 2025, 10), (2, 'Rome', 2026, 20), (3, 'Oslo', 2026, 5), (4, NULL, 2026, 7);

-- Every other form.  Sets that occur twice count twice, unless GROUP BY is DISTINCT.
CREATE TEMP TABLE law (name text, query text);
INSERT INTO law VALUES
    ('cube',      'SELECT city, year, avg(spent) AS mean FROM visit GROUP BY CUBE (city, year)'),
    ('sets',      'SELECT city, year % 2 AS odd, count(*) AS n, grouping(year % 2) AS g FROM visit GROUP BY GROUPING SETS ((city), (year % 2), (city, year % 2), (), ())'),
    ('twice',     'SELECT city, count(*) AS n FROM visit GROUP BY ROLLUP (city), ROLLUP (city, year)'),
    ('once',      'SELECT city, count(*) AS n FROM visit GROUP BY DISTINCT ROLLUP (city), ROLLUP (city, year)'),
    ('mixed',     'SELECT year, city, max(spent) AS dearest FROM visit GROUP BY year, GROUPING SETS (city, ROLLUP (id, spent))'),
    ('whole',     'SELECT count(*) AS n, sum(spent) AS spent FROM visit GROUP BY ()'),
    ('filtered',  'SELECT city, year, count(DISTINCT spent) AS n FROM visit GROUP BY CUBE (city, year) HAVING count(*) > 1 OR (year IS NULL AND grouping(city) = 0)'),
    ('different', 'SELECT DISTINCT count(*) AS n FROM visit GROUP BY CUBE (city, year)'),
    ('nested',    'SELECT c.year, count(*) AS cities, sum(c.n) AS n FROM (SELECT city, year, count(*) AS n FROM visit GROUP BY ROLLUP (year, city)) c WHERE c.n > 0 GROUP BY CUBE (c.year)'),
    ('united',    'SELECT city FROM visit GROUP BY ROLLUP (city) EXCEPT ALL SELECT city FROM visit'),
    ('joined',    'SELECT a.city, b.year, count(*) AS n FROM visit a LEFT JOIN visit b ON b.city = a.city AND b.id > a.id GROUP BY ROLLUP (a.city, b.year)'),
    ('ranked',    'SELECT city, year, sum(spent) AS spent, rank() OVER (PARTITION BY grouping(city, year) ORDER BY sum(spent) DESC) AS r FROM visit GROUP BY CUBE (city, year)'),
    ('first',     'SELECT DISTINCT ON (city) city, year, count(*) AS n FROM visit GROUP BY ROLLUP (city, year) ORDER BY city, count(*) DESC, year'),
    ('having',    'SELECT 1 AS one FROM visit HAVING true');
SELECT pgtrickle.create_stream_table(name, query, '1h', 'DIFFERENTIAL') FROM law;
SELECT operator FROM pgtrickle.explain_stream_table('joined');      -- the join is made once
SELECT * FROM refreshed;
INSERT INTO visit VALUES (7, 'Bonn', 2025, 10), (8, 'Rome', 2025, 10.00), (9, NULL, NULL, NULL);
UPDATE visit SET city = 'Rome', spent = NULL WHERE id = 3;
SELECT * FROM refreshed;
SELECT * FROM sets ORDER BY city, odd, n, g;
DELETE FROM visit WHERE id < 9;
SELECT * FROM refreshed;
TRUNCATE visit;
SELECT * FROM refreshed;
SELECT * FROM different;

-- Where a constant key is NULL is left to the plan of the query.
SELECT pgtrickle.create_stream_table('constant', 'SELECT ''x''::text AS x, count(*) AS n FROM visit GROUP BY ROLLUP (''x''::text)', '1h', 'DIFFERENTIAL');

-- Those of a subquery that reads what is around it are refused at their words.
SELECT pgtrickle.create_stream_table('around', 'SELECT v.id, (SELECT max(n) FROM (SELECT count(*) AS n FROM visit w WHERE w.city = v.city GROUP BY ROLLUP (w.year)) s) AS most FROM visit v', '1h', 'DIFFERENTIAL');
