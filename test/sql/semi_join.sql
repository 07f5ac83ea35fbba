-- EXISTS, IN, ANY, ALL and their negations: rows by whether there is a match, which joins do not multiply.
CREATE TABLE customer (id int PRIMARY KEY, name text NOT NULL, area int);
CREATE TABLE purchase (id int PRIMARY KEY, customer int, total int NOT NULL);
INSERT INTO customer VALUES (1, 'Ada', 1), (2, 'Bo', 1), (3, 'Cy', 2), (4, 'Di', NULL);
INSERT INTO purchase VALUES (1, 1, 10), (2, 1, 90), (3, 2, 50);

-- A condition that only equates columns: matches are counted per key.
SELECT pgtrickle.create_stream_table('buyers', 'SELECT c.* FROM customer c WHERE EXISTS (SELECT * FROM purchase p WHERE p.customer = c.id)', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('idle', 'SELECT c.* FROM customer c WHERE NOT EXISTS (SELECT FROM purchase p WHERE p.customer = c.id)', '1h', 'DIFFERENTIAL');
SELECT operator, law, access FROM pgtrickle.explain_stream_table('buyers');
-- Any other: matches of a row are looked for where it or one of them changes.
SELECT pgtrickle.create_stream_table('beaten', $$
    SELECT p.id FROM purchase p WHERE EXISTS (SELECT FROM purchase q WHERE q.customer = p.customer AND q.total > p.total)
$$, '1h', 'DIFFERENTIAL');
SELECT operator, law FROM pgtrickle.explain_stream_table('beaten');
INSERT INTO purchase VALUES (4, 4, 5), (5, 2, 60);
DELETE FROM purchase WHERE id = 2;
UPDATE customer SET area = 7 WHERE id = 2;
SELECT mode FROM pgtrickle.refresh_stream_table('buyers');
SELECT mode FROM pgtrickle.refresh_stream_table('idle');
SELECT mode FROM pgtrickle.refresh_stream_table('beaten');
SELECT * FROM buyers ORDER BY 1;
SELECT * FROM idle ORDER BY 1;
SELECT * FROM beaten ORDER BY 1;

-- IN and = ANY are EXISTS with an equality, over any subquery.
SELECT pgtrickle.create_stream_table('large', $$
    SELECT name FROM customer WHERE id IN (SELECT customer FROM purchase GROUP BY customer HAVING sum(total) > 50)
$$, '1h', 'DIFFERENTIAL');
SELECT operator FROM pgtrickle.explain_stream_table('large');
INSERT INTO purchase VALUES (6, 3, 51);
SELECT mode FROM pgtrickle.refresh_stream_table('large');
SELECT * FROM large ORDER BY 1;

-- NOT IN is true where the comparison is false for every row: one NULL on either side makes it unknown.
SELECT pgtrickle.create_stream_table('elsewhere', 'SELECT id FROM customer WHERE area NOT IN (SELECT customer FROM purchase WHERE total < 20)', '1h', 'DIFFERENTIAL');
SELECT operator FROM pgtrickle.explain_stream_table('elsewhere');
SELECT * FROM elsewhere ORDER BY 1;
INSERT INTO purchase VALUES (7, NULL, 1);
SELECT mode FROM pgtrickle.refresh_stream_table('elsewhere');
SELECT * FROM elsewhere ORDER BY 1;
-- Of no rows it is true, whatever is on its left.
DELETE FROM purchase WHERE total < 20;
SELECT mode FROM pgtrickle.refresh_stream_table('elsewhere');
SELECT * FROM elsewhere ORDER BY 1;
-- Where both sides are never NULL, one look-up tells.
SELECT pgtrickle.create_stream_table('others', 'SELECT id FROM customer WHERE id NOT IN (SELECT id FROM purchase)', '1h', 'DIFFERENTIAL');
SELECT operator FROM pgtrickle.explain_stream_table('others');

-- Other comparisons, and rows.
SELECT pgtrickle.create_stream_table('tops', 'SELECT id FROM purchase p WHERE total >= ALL (SELECT total FROM purchase q WHERE q.customer = p.customer)', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('pairs', 'SELECT id FROM customer WHERE (id, area) IN (SELECT customer, id - 2 FROM purchase)', '1h', 'DIFFERENTIAL');
UPDATE purchase SET total = 100 WHERE id = 3;
INSERT INTO purchase VALUES (8, 2, 1), (9, 2, 100);
SELECT mode FROM pgtrickle.refresh_stream_table('tops');
SELECT * FROM tops ORDER BY 1;
SELECT mode FROM pgtrickle.refresh_stream_table('pairs');
SELECT * FROM pairs ORDER BY 1;

SELECT name, missing, unexpected FROM unnest('{buyers, idle, beaten, large, elsewhere, others, tops, pairs}'::text[]) t(name), pgtrickle.refresh_stream_table(name) r, pgtrickle.verify(t.name);
