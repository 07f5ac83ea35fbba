-- now() moves rows in and out of a window by itself, with nothing written.
CREATE TABLE event (id int PRIMARY KEY, kind text, at timestamptz);
INSERT INTO event VALUES (1, 'old', now() - interval '1 day'), (2, 'new', now()), (3, 'soon', now() + interval '1 second'), (4, 'never', NULL);
SELECT pgtrickle.create_stream_table('recent', $$SELECT id, kind FROM event WHERE at >= now() - interval '1 second' AND at <= now()$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('counts', $$SELECT count(*) AS n, max(id) AS last FROM event WHERE at > now() - interval '1 second'$$, '1h', 'DIFFERENTIAL');
TABLE recent;
TABLE counts;

-- One entered, one left.
SELECT pg_sleep(1.2);
SELECT mode FROM pgtrickle.refresh_stream_table('recent');
TABLE recent;
SELECT missing, unexpected FROM pgtrickle.verify('recent');
SELECT mode FROM pgtrickle.refresh_stream_table('counts');
TABLE counts;
SELECT missing, unexpected FROM pgtrickle.verify('counts');

-- And the last one.
SELECT pg_sleep(1.2);
SELECT mode FROM pgtrickle.refresh_stream_table('recent');
TABLE recent;
SELECT mode FROM pgtrickle.refresh_stream_table('counts');
TABLE counts;

-- A row that waits for its time can be changed or deleted before.
INSERT INTO event VALUES (5, 'a', now() + interval '500 ms'), (6, 'b', now() + interval '500 ms'), (7, 'c', now() + interval '500 ms');
SELECT mode FROM pgtrickle.refresh_stream_table('recent');
TABLE recent;
DELETE FROM event WHERE id = 5;
UPDATE event SET kind = 'B' WHERE id = 6;
UPDATE event SET at = at + interval '1 day' WHERE id = 7;
SELECT mode FROM pgtrickle.refresh_stream_table('recent');
SELECT pg_sleep(0.6);
SELECT mode FROM pgtrickle.refresh_stream_table('recent');
TABLE recent;
SELECT missing, unexpected FROM pgtrickle.verify('recent');

-- In one transaction now() stands still, and so does the window.
BEGIN;
INSERT INTO event VALUES (8, 'edge', now() - interval '1 second'), (9, 'past', now() - interval '1 second 1 microsecond');
SELECT pg_sleep(0.1);
SELECT mode FROM pgtrickle.refresh_stream_table('recent');
SELECT * FROM recent WHERE id > 7;
COMMIT;

-- A window over a join, and an aggregate of it: the seed's 'units sold in the last days'.
CREATE TABLE product (id int PRIMARY KEY, name text);
CREATE TABLE sold (product int, units int, at timestamptz);
INSERT INTO product VALUES (1, 'bolt'), (2, 'nut');
INSERT INTO sold VALUES (1, 5, now()), (1, 2, now() - interval '8 days'), (2, 3, now() - interval '7 days' + interval '1 second');
SELECT pgtrickle.create_stream_table('demand', $$
    SELECT p.name, COALESCE(recent.units, 0) AS units
    FROM product p LEFT JOIN (SELECT product, sum(units) AS units FROM sold WHERE at >= now() - interval '7 days' GROUP BY product) recent ON recent.product = p.id
$$, '1h', 'DIFFERENTIAL');
SELECT * FROM demand ORDER BY 1;
SELECT pg_sleep(1.1);
SELECT mode FROM pgtrickle.refresh_stream_table('demand');
SELECT * FROM demand ORDER BY 1;
SELECT missing, unexpected FROM pgtrickle.verify('demand');
