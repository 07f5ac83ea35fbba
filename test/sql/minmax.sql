-- min, max and count(DISTINCT …) survive the loss of the value they show.
CREATE TABLE bid (auction int, bidder text, amount int, at timestamptz);
INSERT INTO bid VALUES (1, 'ada', 10, '2026-01-01 10:00Z'), (1, 'bo', 30, '2026-01-01 11:00Z'), (1, 'bo', 30, '2026-01-01 12:00Z'), (2, NULL, NULL, NULL);

SELECT pgtrickle.create_stream_table('auctions', $$
    SELECT auction, min(amount) AS lowest, max(amount) AS highest, min(bidder) AS first_name, max(at) AS last_at,
           count(DISTINCT bidder) AS bidders, count(DISTINCT amount) FILTER (WHERE bidder <> 'ada') AS others
    FROM bid GROUP BY auction
$$, '1h', 'DIFFERENTIAL');
SET timezone = 'UTC';
SELECT * FROM auctions ORDER BY 1;

-- One of two equal maxima goes: nothing changes. Both go: the next one shows.
DELETE FROM bid WHERE at = '2026-01-01 12:00Z';
SELECT mode FROM pgtrickle.refresh_stream_table('auctions');
SELECT * FROM auctions ORDER BY 1;
DELETE FROM bid WHERE amount = 30;
INSERT INTO bid VALUES (2, 'cy', 5, '2026-01-02 10:00Z');
SELECT mode FROM pgtrickle.refresh_stream_table('auctions');
SELECT * FROM auctions ORDER BY 1;
SELECT missing, unexpected FROM pgtrickle.verify('auctions');

-- From many values to one and to none.
INSERT INTO bid SELECT 3, 'b' || i % 7, i, '2026-02-01 00:00Z'::timestamptz + i * interval '1 s' FROM generate_series(1, 200) i;
SELECT mode FROM pgtrickle.refresh_stream_table('auctions');
SELECT * FROM auctions WHERE auction = 3;
DELETE FROM bid WHERE auction = 3 AND amount <> 77;
SELECT mode FROM pgtrickle.refresh_stream_table('auctions');
SELECT * FROM auctions WHERE auction = 3;
UPDATE bid SET amount = NULL, bidder = NULL WHERE auction = 3;
SELECT mode FROM pgtrickle.refresh_stream_table('auctions');
SELECT * FROM auctions WHERE auction = 3;
DELETE FROM bid WHERE auction = 3;
SELECT mode FROM pgtrickle.refresh_stream_table('auctions');
SELECT missing, unexpected FROM pgtrickle.verify('auctions');

-- A row moves between groups and takes its extreme along.
UPDATE bid SET auction = 2 WHERE bidder = 'ada';
SELECT mode FROM pgtrickle.refresh_stream_table('auctions');
SELECT * FROM auctions ORDER BY 1;
SELECT missing, unexpected FROM pgtrickle.verify('auctions');

-- Over all rows, also when there are none.
SELECT pgtrickle.create_stream_table('record', 'SELECT max(amount) AS best, count(DISTINCT bidder) AS bidders FROM bid', '1h', 'DIFFERENTIAL');
DELETE FROM bid;
SELECT mode FROM pgtrickle.refresh_stream_table('record');
TABLE record;
SELECT mode FROM pgtrickle.refresh_stream_table('auctions');
TABLE auctions;
SELECT missing, unexpected FROM pgtrickle.verify('record');

-- Of any values the least is taken, so that every way to the result comes to the same.
SELECT pgtrickle.create_stream_table('samples', $$
    SELECT auction, any_value(amount) AS an_amount, any_value(bidder::varchar(5)) FILTER (WHERE amount > 5) AS a_bidder, any_value(DISTINCT at) AS a_moment FROM bid GROUP BY auction
$$, '1h', 'DIFFERENTIAL');
INSERT INTO bid VALUES (4, 'zoe', 9, '2026-03-02Z'), (4, 'yan', 8, '2026-03-01Z'), (4, 'al', 4, '2026-03-03Z'), (1, 'x', 1, NULL);
DELETE FROM bid WHERE bidder = 'ada';
SELECT mode FROM pgtrickle.refresh_stream_table('samples');
SELECT * FROM samples ORDER BY 1;
SELECT missing, unexpected FROM pgtrickle.verify('samples');
DELETE FROM bid WHERE bidder IN ('yan', 'x', 'cy');
SELECT mode FROM pgtrickle.refresh_stream_table('samples');
SELECT * FROM samples ORDER BY 1;
SELECT missing, unexpected FROM pgtrickle.verify('samples');

-- Also of types without a least, by how they look.
CREATE TYPE pair AS (x int, y text);
CREATE TABLE odd (id int PRIMARY KEY, g int, u uuid, b bool, j json, d jsonb, p point, r int4range, n name, c pair);
INSERT INTO odd SELECT i, i % 2, lpad(i::text, 32, '0')::uuid, i % 3 = 0, json_build_object('a', i % 4), jsonb_build_object('a', (i % 4)::numeric(9, 2)), point(i, 0), int4range(i, i + 1), 'n' || i, ROW(i, 'x')::pair
    FROM generate_series(1, 12) i;
SELECT pgtrickle.create_stream_table('oddities', $$
    SELECT g, any_value(u) AS u, any_value(b) FILTER (WHERE id > 2) AS b, any_value(j) AS j, any_value(d) AS d, any_value(p) AS p, any_value(r) AS r, any_value(n) AS n, any_value(c) AS c FROM odd GROUP BY g
$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('oddity', 'SELECT any_value(u) AS u, any_value(DISTINCT d) AS d FROM odd', refresh_mode => 'IMMEDIATE');
SELECT * FROM oddities ORDER BY g;
DELETE FROM odd WHERE id <= 2;
INSERT INTO odd (id, g, u) VALUES (20, 1, '00000000-0000-0000-0000-000000000000'), (21, 2, NULL);
SELECT mode FROM pgtrickle.refresh_stream_table('oddities');
SELECT * FROM oddities ORDER BY g;
SELECT missing, unexpected FROM pgtrickle.verify('oddities');
TABLE oddity;
SELECT missing, unexpected FROM pgtrickle.verify('oddity');
UPDATE odd SET g = 1 - g, j = NULL WHERE id < 8;
SELECT mode FROM pgtrickle.refresh_stream_table('oddities');
SELECT missing, unexpected FROM pgtrickle.verify('oddities');
