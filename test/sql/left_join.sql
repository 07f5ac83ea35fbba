-- LEFT JOIN: a row of the left appears with NULLs while nothing on the right matches it.
CREATE TABLE customer (id int PRIMARY KEY, name text);
CREATE TABLE purchase (id int PRIMARY KEY, customer int, total numeric(10,2), status text);
INSERT INTO customer VALUES (1, 'Ada'), (2, 'Bo');
INSERT INTO purchase VALUES (1, 1, 10, 'shipped'), (2, 2, 5, 'pending');

SELECT pgtrickle.create_stream_table('shipped', $$
    SELECT c.name, p.id, p.total FROM customer c LEFT JOIN purchase p ON p.customer = c.id AND p.status = 'shipped'
$$, '1h', 'DIFFERENTIAL');
SELECT * FROM shipped ORDER BY 1, 2;

-- The first match takes the NULL row away, the last one to go brings it back.
UPDATE purchase SET status = 'shipped' WHERE id = 2;
SELECT mode FROM pgtrickle.refresh_stream_table('shipped');
SELECT * FROM shipped ORDER BY 1, 2;
DELETE FROM purchase WHERE id = 1;
INSERT INTO purchase VALUES (3, 2, 7, 'shipped'), (4, NULL, 9, 'shipped');
INSERT INTO customer VALUES (3, 'Cy');
SELECT mode FROM pgtrickle.refresh_stream_table('shipped');
SELECT * FROM shipped ORDER BY 1, 2;
SELECT missing, unexpected FROM pgtrickle.verify('shipped');

-- Left and right change in the same tick.
UPDATE customer SET id = 9 WHERE id = 2;
UPDATE purchase SET customer = 3 WHERE id = 3;
DELETE FROM purchase WHERE id = 2;
SELECT mode FROM pgtrickle.refresh_stream_table('shipped');
SELECT * FROM shipped ORDER BY 1, 2;
SELECT missing, unexpected FROM pgtrickle.verify('shipped');

-- Any condition: of one side only, an inequality, or none.
SELECT pgtrickle.create_stream_table('odd', $$
    SELECT c.id, p.id AS purchase FROM customer c LEFT JOIN purchase p ON c.id > 1 AND p.total > c.id
$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('every', 'SELECT c.id, p.id AS purchase FROM customer c LEFT JOIN purchase p ON true', '1h', 'DIFFERENTIAL');
UPDATE purchase SET total = 2;
SELECT mode FROM pgtrickle.refresh_stream_table('odd');
SELECT missing, unexpected FROM pgtrickle.verify('odd');
DELETE FROM purchase;
SELECT mode FROM pgtrickle.refresh_stream_table('every');
SELECT * FROM every ORDER BY 1, 2;
SELECT missing, unexpected FROM pgtrickle.verify('every');

-- Nested, and over a derived aggregate.
SELECT pgtrickle.create_stream_table('spent', $$
    SELECT c.id, c.name, COALESCE(s.total, 0) AS total, d.n
    FROM customer c
    LEFT JOIN (SELECT customer, sum(total) AS total FROM purchase WHERE status = 'shipped' GROUP BY customer) s ON s.customer = c.id
    LEFT JOIN (customer o LEFT JOIN (SELECT customer, count(*) AS n FROM purchase GROUP BY customer) d ON d.customer = o.id) ON o.id = c.id + 1
$$, '1h', 'DIFFERENTIAL');
INSERT INTO purchase VALUES (10, 1, 1, 'shipped'), (11, 1, 2, 'shipped'), (12, 3, 4, 'pending'), (13, 9, 8, 'shipped');
INSERT INTO customer VALUES (2, 'Di');
SELECT mode FROM pgtrickle.refresh_stream_table('spent');
SELECT * FROM spent ORDER BY 1;
SELECT missing, unexpected FROM pgtrickle.verify('spent');
DELETE FROM purchase WHERE id IN (10, 11);
UPDATE purchase SET customer = 2 WHERE id = 12;
DELETE FROM customer WHERE id = 3;
SELECT mode FROM pgtrickle.refresh_stream_table('spent');
SELECT * FROM spent ORDER BY 1;
SELECT missing, unexpected FROM pgtrickle.verify('spent');

-- RIGHT JOIN is the same thing from the other side.
SELECT pgtrickle.create_stream_table('rights', 'SELECT c.id, p.id AS purchase FROM purchase p RIGHT JOIN customer c ON p.customer = c.id', '1h');
DELETE FROM purchase WHERE id = 13;
SELECT count(*) FROM pgtrickle.refresh_stream_table('rights');
SELECT missing, unexpected FROM pgtrickle.verify('rights');

-- A subquery in ON may read both sides: it is then made for each combination of them.
CREATE TABLE allowed (customer int, status text);
INSERT INTO allowed VALUES (1, 'shipped'), (2, 'pending'), (NULL, 'shipped');
SELECT pgtrickle.create_stream_table('as_allowed', $$SELECT c.id, p.id AS purchase FROM customer c
    LEFT JOIN purchase p ON p.customer = c.id AND EXISTS (SELECT FROM allowed a WHERE a.customer = c.id AND a.status = p.status)$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('as_not_allowed', $$SELECT c.id, p.id AS purchase, q.id AS other FROM customer c
    LEFT JOIN (purchase p LEFT JOIN purchase q ON q.status = p.status AND q.id > p.id) ON p.customer = c.id AND (q.status, c.id) NOT IN (SELECT a.status, a.customer FROM allowed a WHERE p.total > 1)$$, '1h', 'DIFFERENTIAL');
SELECT operator FROM pgtrickle.explain_stream_table('as_allowed');
SELECT * FROM as_allowed ORDER BY 1, 2;
INSERT INTO purchase VALUES (20, 1, 7, 'pending'), (21, 2, 7, 'pending'), (22, NULL, 3, 'shipped');
INSERT INTO allowed VALUES (1, 'pending');
SELECT name, (pgtrickle.refresh_stream_table(name)).mode FROM unnest('{as_allowed,as_not_allowed}'::text[]) name;
SELECT missing, unexpected FROM pgtrickle.verify('as_allowed') UNION ALL SELECT missing, unexpected FROM pgtrickle.verify('as_not_allowed');
DELETE FROM allowed WHERE status = 'shipped';
UPDATE customer SET id = 5 WHERE id = 1;
SELECT name, (pgtrickle.refresh_stream_table(name)).mode FROM unnest('{as_allowed,as_not_allowed}'::text[]) name;
SELECT missing, unexpected FROM pgtrickle.verify('as_allowed') UNION ALL SELECT missing, unexpected FROM pgtrickle.verify('as_not_allowed');
