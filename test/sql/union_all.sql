-- UNION ALL: every branch brings its own changes, duplicates stay.
CREATE TABLE web (id int, amount int);
CREATE TABLE store (id int, amount int);
INSERT INTO web VALUES (1, 10), (1, 10);
INSERT INTO store VALUES (1, 10), (2, 20);
SELECT pgtrickle.create_stream_table('sales', $$
    SELECT 'web' AS via, id, amount FROM web
    UNION ALL SELECT 'store', id, amount FROM store
    UNION ALL SELECT 'store', id, amount FROM store WHERE amount > 15
$$, '1h', 'DIFFERENTIAL');
SELECT * FROM sales ORDER BY 1, 2, 3;
DELETE FROM web WHERE ctid = (SELECT min(ctid) FROM web);
UPDATE store SET amount = amount + 8;
SELECT mode FROM pgtrickle.refresh_stream_table('sales');
SELECT * FROM sales ORDER BY 1, 2, 3;
SELECT missing, unexpected FROM pgtrickle.verify('sales');

-- Below a join and an aggregate.
SELECT pgtrickle.create_stream_table('sums', $$
    SELECT a.id, sum(a.amount) AS amount FROM (SELECT * FROM web UNION ALL SELECT * FROM store) a JOIN store s ON s.id = a.id GROUP BY a.id
$$, '1h', 'DIFFERENTIAL');
INSERT INTO store VALUES (1, 1);
DELETE FROM web;
SELECT mode FROM pgtrickle.refresh_stream_table('sums');
SELECT * FROM sums ORDER BY 1;
SELECT missing, unexpected FROM pgtrickle.verify('sums');
