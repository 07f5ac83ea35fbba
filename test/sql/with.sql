-- WITH: a query that is read more than once is one operator, worked out once and kept once.
CREATE TABLE sale (id int PRIMARY KEY, shop int, amount int);
INSERT INTO sale VALUES (1, 1, 10), (2, 1, 20), (3, 2, 5);

SELECT pgtrickle.create_stream_table('pairs', $$
    WITH totals AS (SELECT shop, sum(amount) AS total FROM sale GROUP BY shop)
    SELECT a.shop, a.total, b.shop AS better FROM totals a LEFT JOIN totals b ON b.total > a.total
    UNION ALL
    SELECT shop, total, NULL FROM totals WHERE total > 25
$$, '1h', 'DIFFERENTIAL');
SELECT operator, law FROM pgtrickle.explain_stream_table('pairs');
SELECT * FROM pairs ORDER BY 1, 2, 3;

-- Both sides of the join change in the same tick, by the same rows.
INSERT INTO sale VALUES (4, 2, 40), (5, 3, 1);
SELECT mode FROM pgtrickle.refresh_stream_table('pairs');
SELECT * FROM pairs ORDER BY 1, 2, 3;
DELETE FROM sale WHERE shop = 1;
UPDATE sale SET shop = 3 WHERE id = 3;
SELECT mode FROM pgtrickle.refresh_stream_table('pairs');
SELECT * FROM pairs ORDER BY 1, 2, 3;
SELECT missing, unexpected FROM pgtrickle.verify('pairs');

-- A filter over time finds the rows it moves in the table, so its reader has a copy of its own.
CREATE TABLE visit (at timestamptz, shop int);
SELECT pgtrickle.create_stream_table('lately', $$
    WITH visits AS (SELECT v.at, s.id FROM visit v JOIN sale s USING (shop))
    SELECT count(*) FROM visits WHERE at > now() - interval '1 hour' UNION ALL SELECT count(*) FROM visits
$$, '1h', 'DIFFERENTIAL');
INSERT INTO visit VALUES (now(), 3), (now() - interval '59 min 59.9 s', 2);
SELECT mode FROM pgtrickle.refresh_stream_table('lately');
SELECT pg_sleep(0.2);
SELECT mode FROM pgtrickle.refresh_stream_table('lately');
SELECT * FROM lately ORDER BY 1;
SELECT missing, unexpected FROM pgtrickle.verify('lately');
