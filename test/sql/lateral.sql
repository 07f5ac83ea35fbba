-- LATERAL: a FROM item that reads those before it is made once, for all their rows.
CREATE TABLE customer (id int PRIMARY KEY, name text NOT NULL, area int);
CREATE TABLE purchase (id int PRIMARY KEY, customer int, total int NOT NULL, note text);
INSERT INTO customer VALUES (1, 'Ada', 1), (2, 'Bo', 1), (3, 'Cy', 2);
INSERT INTO purchase VALUES (1, 1, 10, 'a'), (2, 1, 90, 'b'), (3, 1, 20, 'a'), (4, 2, 50, 'a');

-- The two largest of each: LIMIT counts in each by itself.
SELECT pgtrickle.create_stream_table('largest', $$
    SELECT c.name, p.id, p.total FROM customer c, LATERAL (SELECT * FROM purchase WHERE customer = c.id ORDER BY total DESC, id LIMIT 2) p
$$, '1h', 'DIFFERENTIAL');
SELECT operator FROM pgtrickle.explain_stream_table('largest');
INSERT INTO purchase VALUES (5, 1, 30, 'c'), (6, 3, 1, 'c');
DELETE FROM purchase WHERE id = 2;
SELECT mode, rows_out FROM pgtrickle.refresh_stream_table('largest');
SELECT * FROM largest ORDER BY 1, 3 DESC;

-- An aggregate has a row for each; LEFT JOIN keeps those that ON rejects.
SELECT pgtrickle.create_stream_table('sums', 'SELECT c.name, s.n, s.total FROM customer c, LATERAL (SELECT count(*) AS n, sum(total) AS total FROM purchase WHERE customer = c.id) s', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('several', $$
    SELECT c.name, s.n, s.total FROM customer c LEFT JOIN LATERAL (SELECT count(*) AS n, sum(total) + c.area AS total FROM purchase WHERE customer = c.id) s ON s.n <> 1
$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('notes', $$
    SELECT c.name, s.* FROM customer c LEFT JOIN LATERAL (SELECT note, count(*) AS n FROM purchase WHERE customer = c.id GROUP BY note) s ON s.n > 1
$$, '1h', 'DIFFERENTIAL');
-- Names for expressions, one reading another; inside a join.
SELECT pgtrickle.create_stream_table('named', 'SELECT id, b FROM purchase, LATERAL (SELECT total * 2 AS a) x, LATERAL (SELECT a + id AS b) y', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('inside', $$
    SELECT c.name, p.id, s.higher FROM customer c
    LEFT JOIN (purchase p JOIN LATERAL (SELECT count(*) AS higher FROM purchase q WHERE q.total > p.total AND q.customer <> c.area) s ON s.higher > 0) ON p.customer = c.id
$$, '1h', 'DIFFERENTIAL');
INSERT INTO customer VALUES (4, 'Di', NULL);
INSERT INTO purchase VALUES (7, 4, 60, NULL), (8, 1, 11, 'a');
DELETE FROM purchase WHERE customer = 2;
UPDATE customer SET area = 5 WHERE id = 3;
SELECT t.name, mode, missing, unexpected FROM unnest('{largest, sums, several, notes, named, inside}'::text[]) t(name),
    pgtrickle.refresh_stream_table(t.name), pgtrickle.verify(t.name);
SELECT * FROM sums ORDER BY 1;
SELECT * FROM several ORDER BY 1;
SELECT * FROM notes ORDER BY 1, 2;
SELECT * FROM inside ORDER BY 1, 2;
UPDATE purchase SET customer = 4 WHERE id = 8;
DELETE FROM customer WHERE id = 3;
SELECT t.name, mode, missing, unexpected FROM unnest('{largest, sums, several, notes, named, inside}'::text[]) t(name),
    pgtrickle.refresh_stream_table(t.name), pgtrickle.verify(t.name);
