-- count, sum and avg follow from the change alone; a group lives while it has rows.
CREATE TABLE sale (id int PRIMARY KEY, shop text, day date, units int, price numeric(10,2));
INSERT INTO sale VALUES (1, 'north', '2026-01-01', 2, 1.50), (2, 'north', '2026-01-01', NULL, 2), (3, NULL, '2026-01-02', 1, NULL);

SELECT pgtrickle.create_stream_table('by_shop', $$
    SELECT shop, date_trunc('month', day)::date AS month, count(*) AS n, count(units) AS known, sum(units) AS units, avg(price) AS price,
           sum(units * price) AS revenue, count(*) FILTER (WHERE price > 1.75) AS dear, sum(units) FILTER (WHERE price IS NULL) AS unpriced
    FROM sale GROUP BY shop, date_trunc('month', day)
$$, '1h', 'DIFFERENTIAL');
SELECT * FROM by_shop ORDER BY 1, 2;

-- NULL is a group like others; a sum of nothing is NULL again.
INSERT INTO sale VALUES (4, NULL, '2026-01-09', NULL, 3), (5, 'south', '2026-02-01', 5, 0.10);
UPDATE sale SET units = NULL WHERE id = 1;
SELECT mode FROM pgtrickle.refresh_stream_table('by_shop');
SELECT * FROM by_shop ORDER BY 1, 2;
SELECT missing, unexpected FROM pgtrickle.verify('by_shop');

-- The last row of a group takes the group with it.
DELETE FROM sale WHERE shop IS NULL;
UPDATE sale SET shop = 'west' WHERE id = 5;
SELECT mode FROM pgtrickle.refresh_stream_table('by_shop');
SELECT * FROM by_shop ORDER BY 1, 2;
SELECT missing, unexpected FROM pgtrickle.verify('by_shop');

-- Without GROUP BY there is one group, also of no rows.
SELECT pgtrickle.create_stream_table('total', 'SELECT count(*) AS n, sum(units) AS units, avg(units) AS mean FROM sale', '1h', 'DIFFERENTIAL');
DELETE FROM sale;
SELECT mode FROM pgtrickle.refresh_stream_table('total');
TABLE total;
INSERT INTO sale VALUES (6, 'east', '2026-03-01', 3, 3), (7, 'east', '2026-03-02', 4, 3);
SELECT mode FROM pgtrickle.refresh_stream_table('total');
TABLE total;
SELECT missing, unexpected FROM pgtrickle.verify('total');
SELECT mode FROM pgtrickle.refresh_stream_table('by_shop');
SELECT missing, unexpected FROM pgtrickle.verify('by_shop');

-- Expressions over aggregates, group keys that are not shown, aggregates of joins.
SELECT pgtrickle.create_stream_table('shares', $$
    SELECT round(sum(s.units * s.price) / NULLIF(count(*), 0), 1) AS mean, CASE WHEN sum(s.units) > 3 THEN 'busy' ELSE 'calm' END AS pace
    FROM sale s JOIN sale other ON other.shop = s.shop GROUP BY s.day
$$, '1h', 'DIFFERENTIAL');
SELECT * FROM shares ORDER BY 1, 2;
UPDATE sale SET units = units + 1;
INSERT INTO sale VALUES (8, 'east', '2026-03-01', 1, 1);
SELECT mode FROM pgtrickle.refresh_stream_table('shares');
SELECT * FROM shares ORDER BY 1, 2;
SELECT missing, unexpected FROM pgtrickle.verify('shares');

-- Floating point sums do not drift: a group that loses rows is added up again.
CREATE TABLE measure (g int, x float8);
INSERT INTO measure VALUES (1, 1e100), (1, 1), (1, 0.1);
SELECT pgtrickle.create_stream_table('floats', 'SELECT g, sum(x) AS s, avg(x) AS a FROM measure GROUP BY g', '1h', 'DIFFERENTIAL');
DELETE FROM measure WHERE x = 1e100;
SELECT mode FROM pgtrickle.refresh_stream_table('floats');
TABLE floats;
SELECT missing, unexpected FROM pgtrickle.verify('floats');

-- NaN comes and goes.
CREATE TABLE amount (n numeric);
INSERT INTO amount VALUES (1.5), ('NaN');
SELECT pgtrickle.create_stream_table('amounts', 'SELECT sum(n) AS s, max(n) AS m FROM amount', '1h', 'DIFFERENTIAL');
TABLE amounts;
DELETE FROM amount WHERE n = 'NaN';
SELECT mode FROM pgtrickle.refresh_stream_table('amounts');
TABLE amounts;
SELECT missing, unexpected FROM pgtrickle.verify('amounts');
