-- Rows beside the one value of a subquery.  When it moves, rows come and go that lie between what it was and what it is.
CREATE TABLE account (id int PRIMARY KEY, branch text, balance int);
CREATE TABLE floor (least int);
INSERT INTO account SELECT n, chr(97 + n % 3), n * 10 FROM generate_series(1, 9) n;
INSERT INTO floor VALUES (35), (55);

-- They are found by the column, here through an arrangement, for nothing else has it in order.
SELECT pgtrickle.create_stream_table('safe', 'SELECT id, balance FROM account WHERE balance >= (SELECT min(least) FROM floor)', '1h', 'DIFFERENTIAL');
SELECT operator, law, access FROM pgtrickle.explain_stream_table('safe');
DELETE FROM floor WHERE least = 35;
SELECT mode, rows_out FROM pgtrickle.refresh_stream_table('safe');
TABLE safe ORDER BY id;

-- Rows and value change in one tick.
UPDATE account SET balance = balance + 1 WHERE id IN (5, 6);
INSERT INTO account VALUES (10, 'a', 40), (11, 'b', NULL);
DELETE FROM account WHERE id = 9;
UPDATE floor SET least = 45;
SELECT mode, rows_out FROM pgtrickle.refresh_stream_table('safe');
TABLE safe ORDER BY id;
SELECT missing, unexpected FROM pgtrickle.verify('safe');

-- No value is at no place of the order: nothing is beside it, and all rows are looked at when one comes.
DELETE FROM floor;
SELECT mode, rows_out FROM pgtrickle.refresh_stream_table('safe');
TABLE safe ORDER BY id;
INSERT INTO floor VALUES (70);
SELECT mode, rows_out FROM pgtrickle.refresh_stream_table('safe');
TABLE safe ORDER BY id;
SELECT missing, unexpected FROM pgtrickle.verify('safe');

-- Groups beside what they are a part of, found by an index on what the aggregate shows where the two are of one type; the value first, and computed with.
SELECT pgtrickle.create_stream_table('large', $$
    SELECT branch, sum(balance) AS total FROM account GROUP BY branch HAVING (SELECT 0.4 * sum(balance) FROM account) < sum(balance)
$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('larger', 'SELECT branch, count(*) AS n FROM account GROUP BY branch HAVING count(*) > (SELECT count(*) / 3 FROM account)', '1h', 'DIFFERENTIAL');
SELECT operator, access FROM pgtrickle.explain_stream_table('large');
SELECT operator, access FROM pgtrickle.explain_stream_table('larger');
TABLE large ORDER BY 1;
TABLE larger ORDER BY 1;
UPDATE account SET balance = balance + 500 WHERE id = 1;
INSERT INTO account VALUES (12, 'c', 1), (13, 'c', 2), (14, 'c', 3);
SELECT mode FROM pgtrickle.refresh_stream_table('large');
SELECT mode FROM pgtrickle.refresh_stream_table('larger');
TABLE large ORDER BY 1;
TABLE larger ORDER BY 1;
SELECT missing, unexpected FROM pgtrickle.verify('large');
SELECT missing, unexpected FROM pgtrickle.verify('larger');

-- Below a join it restricts the input that has the column; two values, two restrictions.
SELECT pgtrickle.create_stream_table('paired', $$
    SELECT a.id, b.id AS other FROM account a JOIN account b ON b.branch = a.branch AND b.id <> a.id
    WHERE a.balance > (SELECT avg(balance) FROM account) AND b.balance < (SELECT max(least) FROM floor)
$$, '1h', 'DIFFERENTIAL');
SELECT operator FROM pgtrickle.explain_stream_table('paired');
UPDATE account SET balance = 90 WHERE id IN (1, 2);
INSERT INTO floor VALUES (85);
SELECT mode FROM pgtrickle.refresh_stream_table('paired');
TABLE paired ORDER BY 1, 2;
SELECT missing, unexpected FROM pgtrickle.verify('paired');
