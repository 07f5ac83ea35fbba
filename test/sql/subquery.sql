-- Subqueries as values: each is made once for all the rows that ask for it.
CREATE TABLE customer (id int PRIMARY KEY, name text NOT NULL, area int);
CREATE TABLE purchase (id int PRIMARY KEY, customer int, total int, note text);
INSERT INTO customer VALUES (1, 'Ada', 1), (2, 'Bo', 1), (3, 'Cy', NULL);
INSERT INTO purchase VALUES (1, 1, 10, 'a'), (2, 1, 90, 'b'), (3, 2, 50, 'a');

-- Equated with a column of the subquery, the rows that ask are found by it.  Nothing to aggregate is NULL, and none counted.
SELECT pgtrickle.create_stream_table('spent', $$
    SELECT name, (SELECT sum(total) FROM purchase p WHERE p.customer = c.id) AS total, (SELECT count(*) FROM purchase p WHERE p.customer = c.id) AS n
    FROM customer c
$$, '1h', 'DIFFERENTIAL');
SELECT operator FROM pgtrickle.explain_stream_table('spent');
INSERT INTO purchase VALUES (4, 3, 7, 'a');
DELETE FROM purchase WHERE customer = 2;
SELECT mode FROM pgtrickle.refresh_stream_table('spent');
SELECT * FROM spent ORDER BY 1;

-- Compared otherwise, it is made for each value that is asked for.
SELECT pgtrickle.create_stream_table('before', 'SELECT p.id, (SELECT max(id) FROM purchase q WHERE q.id < p.id) AS before FROM purchase p', '1h', 'DIFFERENTIAL');
SELECT operator, access FROM pgtrickle.explain_stream_table('before');
INSERT INTO purchase VALUES (6, 3, 7, 'b'), (5, 1, 1, 'c');
SELECT mode FROM pgtrickle.refresh_stream_table('before');
SELECT * FROM before ORDER BY 1;

-- Of nothing around it: a change that leaves its value alone reaches no row.
SELECT pgtrickle.create_stream_table('below', 'SELECT id, total FROM purchase WHERE total < (SELECT max(total) FROM purchase)', '1h', 'DIFFERENTIAL');
SELECT operator FROM pgtrickle.explain_stream_table('below');
INSERT INTO purchase VALUES (7, 2, 90, 'a');
SELECT mode, rows_out FROM pgtrickle.refresh_stream_table('below');
INSERT INTO purchase VALUES (8, 2, 91, 'a');
SELECT mode, rows_out FROM pgtrickle.refresh_stream_table('below');
SELECT * FROM below ORDER BY 1;

-- A key finds one row; else more than one is the server's error, at the row that asks.
SELECT pgtrickle.create_stream_table('named', 'SELECT id, (SELECT name FROM customer c WHERE c.id = p.customer) AS name FROM purchase p', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('lone', 'SELECT id, (SELECT note FROM purchase p WHERE p.customer = c.id AND p.total > 95) AS note FROM customer c', '1h', 'DIFFERENTIAL');
\set VERBOSITY terse
INSERT INTO purchase VALUES (9, 2, 99, 'x'), (12, 2, 98, 'y');
SELECT mode FROM pgtrickle.refresh_stream_table('lone');
DELETE FROM purchase WHERE id = 9;
SELECT mode FROM pgtrickle.refresh_stream_table('lone');
SELECT * FROM lone ORDER BY 1;

-- Anywhere: under OR, in CASE, in HAVING, grouped by, aggregated, in ON, with three truth values, in one another.
SELECT pgtrickle.create_stream_table('either', 'SELECT id FROM customer c WHERE area IS NULL OR EXISTS (SELECT FROM purchase p WHERE p.customer = c.id AND total > 80)', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('truth', 'SELECT id, customer IN (SELECT area FROM customer) AS among, CASE WHEN total > ALL (SELECT id FROM customer) THEN note END AS note FROM purchase', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('above', 'SELECT note, sum(total) AS total FROM purchase GROUP BY note HAVING sum(total) > (SELECT avg(total) FROM purchase)', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('areas', $$
    SELECT (SELECT area FROM customer c WHERE c.id = p.customer) AS area, sum((SELECT length(name) FROM customer c WHERE c.id = p.customer)) AS letters
    FROM purchase p GROUP BY 1
$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('matched', 'SELECT c.id, p.id AS purchase FROM customer c LEFT JOIN purchase p ON p.customer = c.id AND p.id IN (SELECT max(id) FROM purchase GROUP BY customer)', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('deep', $$
    SELECT c.id, (SELECT count(*) FROM purchase p WHERE p.customer = c.id AND p.total >= (SELECT avg(q.total) FROM purchase q WHERE q.note = p.note AND q.id > c.id)) AS n
    FROM customer c
$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('facts', 'SELECT (SELECT count(*) FROM purchase) AS purchases, (SELECT max(name) FROM customer) AS name, 1 AS one', '1h', 'DIFFERENTIAL');
INSERT INTO customer VALUES (4, 'Di', 2);
UPDATE customer SET area = 3 WHERE id = 3;
UPDATE purchase SET total = total + 25, note = 'b' WHERE id IN (1, 4);
INSERT INTO purchase VALUES (10, NULL, 81, 'c'), (11, 4, NULL, 'a');
SELECT t.name, mode, missing, unexpected FROM unnest('{spent, before, below, named, lone, either, truth, above, areas, matched, deep, facts}'::text[]) t(name),
    pgtrickle.refresh_stream_table(t.name), pgtrickle.verify(t.name);
SELECT * FROM truth ORDER BY 1;
SELECT * FROM areas ORDER BY 1;
SELECT * FROM deep ORDER BY 1;
SELECT * FROM facts;
DELETE FROM purchase WHERE id < 5;
UPDATE customer SET area = NULL WHERE id = 1;
DELETE FROM customer WHERE id = 2;
SELECT t.name, mode, missing, unexpected FROM unnest('{spent, before, below, named, lone, either, truth, above, areas, matched, deep, facts}'::text[]) t(name),
    pgtrickle.refresh_stream_table(t.name), pgtrickle.verify(t.name);
