-- Frames: which rows of its partition a row's result is made of.
CREATE TABLE reading (sensor int, at int, value numeric);
INSERT INTO reading SELECT i % 3, i / 2, (i * 7) % 11 FROM generate_series(1, 40) i;
SELECT pgtrickle.create_stream_table('by_rows', $$
	SELECT sensor, at, value, avg(value) OVER (w ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS smooth,
	       max(value) OVER (w ROWS BETWEEN 1 FOLLOWING AND 3 FOLLOWING) AS soon,
	       sum(value) OVER (w ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE CURRENT ROW) AS around,
	       count(*) OVER (w ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS left_over, nth_value(at, 2) OVER (w ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS second
	FROM reading WINDOW w AS (PARTITION BY sensor ORDER BY at, value)$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('by_values', $$
	SELECT sensor, at, sum(value) OVER (w RANGE BETWEEN 3 PRECEDING AND CURRENT ROW) AS near,
	       count(*) OVER (w RANGE BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE TIES) AS others,
	       count(*) OVER (w RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW EXCLUDE GROUP) AS earlier
	FROM reading WINDOW w AS (PARTITION BY sensor ORDER BY at DESC)$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('by_groups', $$
	SELECT sensor, at, min(value) OVER (w GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS low,
	       count(*) OVER (w GROUPS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS following, cume_dist() OVER w AS share, dense_rank() OVER w AS place
	FROM reading WINDOW w AS (ORDER BY at NULLS FIRST)$$, '1h', 'DIFFERENTIAL');

-- A row in the middle, an earlier one away, some alike, and a NULL.
INSERT INTO reading VALUES (1, 7, 5.5), (1, 7, 5.5), (2, NULL, 1), (4, 1, 1);
DELETE FROM reading WHERE sensor = 0 AND at < 4;
UPDATE reading SET value = value + 1 WHERE at = 9;
SELECT name, (pgtrickle.refresh_stream_table(name)).mode FROM unnest('{by_rows,by_values,by_groups}'::text[]) name;
SELECT * FROM by_rows WHERE sensor = 1 ORDER BY at, value;
SELECT * FROM by_values WHERE sensor = 0 ORDER BY at;
SELECT * FROM by_groups WHERE at < 6 ORDER BY at NULLS FIRST, sensor;
SELECT missing, unexpected FROM pgtrickle.verify('by_rows');
SELECT missing, unexpected FROM pgtrickle.verify('by_values');
SELECT missing, unexpected FROM pgtrickle.verify('by_groups');

-- Distances in time.
CREATE TABLE visit (page text, at timestamptz);
INSERT INTO visit SELECT 'p' || i % 2, timestamptz '2026-03-29 00:00+00' + i * interval '17 minutes' FROM generate_series(1, 20) i;
SELECT pgtrickle.create_stream_table('hourly', $$
	SELECT page, at, count(*) OVER (PARTITION BY page ORDER BY at RANGE BETWEEN interval '1 hour' PRECEDING AND CURRENT ROW) AS in_an_hour FROM visit$$, '1h', 'DIFFERENTIAL');
INSERT INTO visit VALUES ('p1', '2026-03-29 01:10+00'), ('p0', NULL), ('p0', 'infinity');
DELETE FROM visit WHERE at = '2026-03-29 01:25+00';
SELECT mode FROM pgtrickle.refresh_stream_table('hourly');
SELECT missing, unexpected FROM pgtrickle.verify('hourly');

-- What looks a known number of rows back and ahead is worked out near the changed rows only.
CREATE TABLE tick (id int PRIMARY KEY, at int NOT NULL, price int NOT NULL);
INSERT INTO tick SELECT i, i * 10, i % 13 FROM generate_series(1, 2000) i;
SELECT pgtrickle.create_stream_table('moving', $$
	SELECT id, price - lag(price) OVER w AS step, avg(price) OVER (w ROWS BETWEEN 3 PRECEDING AND 1 FOLLOWING)::numeric(6,2) AS smooth
	FROM tick WINDOW w AS (ORDER BY at, id)$$, '1h', 'DIFFERENTIAL');
SELECT operator, access FROM pgtrickle.explain_stream_table('moving') WHERE operator LIKE '%window%';
UPDATE tick SET price = 100 WHERE id = 1000;
SELECT mode, rows_out FROM pgtrickle.refresh_stream_table('moving');
SELECT * FROM moving WHERE id BETWEEN 998 AND 1004 ORDER BY id;
DELETE FROM tick WHERE id IN (1, 2, 1000, 1001, 2000);
INSERT INTO tick VALUES (3000, 9, 1), (3001, 9, 2), (3002, 10015, 3), (3003, 30000, 4);
SELECT mode FROM pgtrickle.refresh_stream_table('moving');
SELECT missing, unexpected FROM pgtrickle.verify('moving');

-- So is what GROUPS or RANGE bound on both sides, with what they exclude; NULLs and infinities are where ORDER BY has them.
CREATE TABLE trade (id int PRIMARY KEY, at timestamp, price int NOT NULL);
INSERT INTO trade SELECT i, timestamp '2026-02-01' + i / 2 * interval '1 hour', i % 13 FROM generate_series(1, 2000) i;
INSERT INTO trade VALUES (2001, NULL, 1), (2002, 'infinity', 2), (2003, '-infinity', 3);
SELECT pgtrickle.create_stream_table('of_a_month', $$
	SELECT id, at, sum(price) OVER (ORDER BY at DESC NULLS FIRST RANGE BETWEEN interval '1 month' PRECEDING AND interval '3 days' FOLLOWING EXCLUDE GROUP) AS around FROM trade$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('of_groups', $$
	SELECT id, at, count(*) OVER w AS trades, max(price) OVER w AS high, rank() OVER w AS place FROM trade
	WINDOW w AS (ORDER BY at GROUPS BETWEEN 2 PRECEDING AND 1 FOLLOWING EXCLUDE TIES)$$, '1h', 'DIFFERENTIAL');
SELECT name, e.operator, e.access FROM unnest('{of_a_month,of_groups}'::text[]) name, pgtrickle.explain_stream_table(name) e WHERE e.operator LIKE '%window%';
UPDATE trade SET price = 100 WHERE id = 1000;
SELECT mode, rows_out FROM pgtrickle.refresh_stream_table('of_groups');
SELECT id, trades, high FROM of_groups WHERE id BETWEEN 996 AND 1006 ORDER BY id;
UPDATE trade SET at = at + interval '90 minutes' WHERE id BETWEEN 40 AND 43;
DELETE FROM trade WHERE id IN (1, 2001, 2002) OR id BETWEEN 700 AND 720;
INSERT INTO trade VALUES (3001, NULL, 7), (3002, '-infinity', 8), (3003, '2026-03-31', 9), (3004, '2030-01-01', 1);
SELECT name, (pgtrickle.refresh_stream_table(name)).mode FROM unnest('{of_a_month,of_groups}'::text[]) name;
SELECT name, v.missing, v.unexpected FROM unnest('{of_a_month,of_groups}'::text[]) name, pgtrickle.verify(name) v;

-- A month after January 30 at 1 is before one after January 29 at 20, and the server's frame does not end earlier than that of the row before:
-- so that row counts for this one.  The same where clocks are changed.
CREATE TABLE stay (id int PRIMARY KEY, at timestamp NOT NULL, zoned timestamptz NOT NULL, f float8 NOT NULL, o time NOT NULL);
INSERT INTO stay SELECT i, '2020-01-01'::timestamp + i * interval '1 hour', '2020-01-01 UTC'::timestamptz + i * interval '1 hour', i, '00:00' FROM generate_series(1, 2000) i;
INSERT INTO stay VALUES (3001, '2026-01-29 20:00', '2026-10-25 00:40+00', 5000.1, '00:10'), (3002, '2026-01-30 01:00', '2026-10-25 01:10+00', 5000.2, '00:40'),
    (3003, '2026-02-28 10:00', '2026-10-26 01:20+00', 5000.3, '01:10'), (3004, '2026-03-06 22:00', '2026-10-27 12:00+00', 5000.4, '23:30');
SET TimeZone = 'Europe/Berlin';
SELECT pgtrickle.create_stream_table('months', 'SELECT id, count(*) OVER (ORDER BY at RANGE BETWEEN CURRENT ROW AND interval ''1 month'' FOLLOWING) AS n FROM stay', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('days', 'SELECT id, count(*) OVER (ORDER BY zoned RANGE BETWEEN CURRENT ROW AND interval ''1 day'' FOLLOWING) AS n FROM stay', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('parts', 'SELECT id, count(*) OVER (ORDER BY f RANGE BETWEEN 0.1 PRECEDING AND 0.1 FOLLOWING) AS n FROM stay', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('hours', 'SELECT id, count(*) OVER (ORDER BY o RANGE BETWEEN interval ''1 hour'' PRECEDING AND interval ''30 minutes'' FOLLOWING) AS n FROM stay WHERE id > 3000', '1h', 'DIFFERENTIAL');
SELECT access FROM unnest('{months,days,parts,hours}'::text[]) name, pgtrickle.explain_stream_table(name) e WHERE e.operator LIKE '%window%';
UPDATE stay SET at = at + interval '1 microsecond', zoned = zoned + interval '1 microsecond', f = f + 0.1, o = o + interval '1 hour' WHERE id = 3004;
SELECT DISTINCT v.missing, v.unexpected FROM unnest('{months,days,parts,hours}'::text[]) name, pgtrickle.refresh_stream_table(name) r, pgtrickle.verify(name || left(r.mode, 0)) v;
RESET TimeZone;

-- A bound that is not known beforehand is refused at its place.
SELECT pgtrickle.create_stream_table('unbound', 'SELECT sum(price) OVER (ORDER BY id ROWS BETWEEN (SELECT max(price) FROM tick) PRECEDING AND CURRENT ROW) AS s FROM tick', '1h', 'DIFFERENTIAL');
