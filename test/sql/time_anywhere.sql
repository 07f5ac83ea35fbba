-- now() is the tick's time wherever it stands: in the select list, CASE, FILTER, HAVING, GROUP BY, ON and FROM.
\getenv test PG_ABS_SRCDIR
\set refreshed :test '/include/refreshed.sql'
\i :refreshed
CREATE TABLE task (id int PRIMARY KEY, who int, due timestamptz, ttl interval, day date, local timestamp);
CREATE TABLE person (id int PRIMARY KEY, joined timestamptz);
INSERT INTO person VALUES (1, now() - interval '1 day'), (2, now() + interval '1.5 s'), (3, NULL);
INSERT INTO task VALUES (1, 1, now() - interval '1 day', '1 hour', current_date, localtimestamp), (2, 1, now() + interval '1 s', '1 s', current_date - 1, NULL),
    (3, 2, now() + interval '1 day', '-1 day', NULL, 'infinity'), (4, 2, NULL, '1 h', current_date + 400, localtimestamp + interval '1 s'), (5, NULL, 'infinity', NULL, 'infinity', '2000-01-01');

-- Only rows whose column the threshold passes are looked at.
SELECT pgtrickle.create_stream_table('state', $$SELECT id, CASE WHEN due < now() THEN 'overdue' WHEN due < now() + interval '0.7 s' THEN 'soon' ELSE 'open' END AS state FROM task$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('counts', $$SELECT who, count(*) FILTER (WHERE due > now()) AS open, count(*) AS n, max(due) FILTER (WHERE due <= now()) AS last FROM task GROUP BY who$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('either', $$SELECT id FROM task WHERE due <= now() OR due IS NULL OR NOT (due < now() + interval '30 min')$$, '1h', 'DIFFERENTIAL');
SELECT operator, law, access FROM pgtrickle.explain_stream_table('state');
SELECT operator, access FROM pgtrickle.explain_stream_table('either');

-- A moment that moves at midnight costs something then only.
SELECT pgtrickle.create_stream_table('days', $$SELECT id, current_date - CASE WHEN isfinite(day) THEN day END AS old, date_trunc('day', due) = current_date AS today, age(local) AS age FROM task WHERE isfinite(local) OR local IS NULL$$, '1h', 'DIFFERENTIAL');
SELECT operator, access FROM pgtrickle.explain_stream_table('days') WHERE access IS NOT NULL;

-- Everything else is looked at when time has moved.
SELECT pgtrickle.create_stream_table('ages', $$SELECT id, now() - due AS late, due + ttl > now() AS alive, extract(epoch FROM current_timestamp(0) - due) > 1 AS long, localtime(0) = '00:00' AS midnight FROM task WHERE isfinite(due)$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('alive', $$SELECT who, count(*) AS n FROM task WHERE due + ttl > now() GROUP BY who$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('spans', $$SELECT id FROM task WHERE now() - due BETWEEN interval '-1 day' AND interval '0' AND local - localtimestamp(3) < interval '1 day'$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('by_state', $$SELECT due < now() AS over, count(*) AS n, now() AS seen FROM task GROUP BY 1 HAVING max(due) > now() - interval '2 s'$$, '1h', 'DIFFERENTIAL');

-- What a moment is compared with may be worked out of the row: rows then wait in its order, and no others are looked at.
CREATE TABLE lease (id int, taken timestamptz, days int, kind text, code text);
INSERT INTO lease VALUES (1, now() - interval '2 days' + interval '1 s', 2, 'short', 'x'), (1, now() - interval '2 days' + interval '1 s', 2, 'short', 'x'),
    (2, now() - interval '1 year', 700, 'long', '2100-01-01'), (3, 'infinity', 1, 'short', NULL), (4, '4000-01-01 BC', 0, 'short', 'y'), (5, NULL, NULL, NULL, NULL);
SELECT pgtrickle.create_stream_table('leases', $$SELECT id, kind FROM lease WHERE taken + days * interval '1 day' > now() AND kind = 'short'$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('lapse', $$SELECT id, CASE WHEN days IS NULL THEN 'none' WHEN taken + interval '2 days' < now() THEN 'over' ELSE 'open' END AS state FROM lease$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('recently', $$SELECT id FROM lease WHERE extract(epoch FROM now() - taken) < 172800 AND isfinite(taken)$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('last_lease', $$SELECT kind, max(taken) AS taken FROM lease GROUP BY kind HAVING max(taken) + interval '2 days' > now()$$, '1h', 'DIFFERENTIAL');
SELECT operator, access FROM pgtrickle.explain_stream_table('leases');
SELECT operator, access FROM pgtrickle.explain_stream_table('lapse');
SELECT operator, access FROM pgtrickle.explain_stream_table('recently');
SELECT operator, access FROM pgtrickle.explain_stream_table('last_lease');
-- What would fail for a row that CASE leaves out is not worked out for it, and all rows are looked at.
SELECT pgtrickle.create_stream_table('codes', $$SELECT id, CASE WHEN code ~ '^2' THEN code::timestamptz + interval '1 day' > now() END AS ahead FROM lease$$, '1h', 'DIFFERENTIAL');
SELECT operator, access FROM pgtrickle.explain_stream_table('codes');
SELECT pgtrickle.create_stream_table('coded', $$SELECT id FROM lease WHERE code ~ '^2' AND code::timestamptz + interval '1 day' > now()$$, '1h', 'DIFFERENTIAL');
SELECT id, state FROM lapse ORDER BY 1;

-- In ON, of either side; in FROM; in a window.
SELECT pgtrickle.create_stream_table('matches', $$SELECT t.id, p.id AS person FROM task t LEFT JOIN person p ON p.id = t.who AND t.due < now() AND p.joined < now()$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('pairs', $$SELECT t.id, p.id AS person FROM task t JOIN person p ON p.id = t.who AND (t.due < now() OR p.joined + t.ttl > now())$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('calendar', $$SELECT d::date AS day, count(t.id) AS n FROM generate_series(current_date - 1, current_date + 1, '1 day') d LEFT JOIN task t ON t.day = d GROUP BY 1$$, '1h', 'DIFFERENTIAL');
-- Over both sides of an outer join, or of a subquery and what is around it: rows of a join that cross, made for what is read of the other side.
SELECT pgtrickle.create_stream_table('in_time', $$SELECT t.id, p.id AS person FROM task t LEFT JOIN person p ON p.id = t.who AND p.joined + t.ttl > now()$$, '1h', 'DIFFERENTIAL');
SELECT operator FROM pgtrickle.explain_stream_table('in_time');
SELECT pgtrickle.create_stream_table('both_sides', $$SELECT t.id, p.id AS person FROM task t FULL JOIN person p ON p.id = t.who AND (p.joined + t.ttl > now() OR t.due < now())$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('had', $$SELECT t.id FROM task t WHERE EXISTS (SELECT FROM person p WHERE p.id = t.who AND p.joined + t.ttl > now())$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('had_not', $$SELECT t.id FROM task t WHERE t.who NOT IN (SELECT p.id FROM person p WHERE p.joined + t.ttl > now())$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('beside', $$SELECT t.id, p.joined FROM task t, LATERAL (SELECT * FROM person p WHERE p.id = t.who AND p.joined + t.ttl > now()) p$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('lateness', $$SELECT t.id, l.late, p.id AS person FROM task t, LATERAL (SELECT t.due < now() AS late) l, LATERAL (SELECT * FROM person p WHERE (p.joined < now()) = l.late) p$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('of_an_age', $$SELECT id FROM task WHERE (due < now()) IN (SELECT p.joined > now() FROM person p WHERE p.id <> who)$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('seconds', $$SELECT id FROM task WHERE id > (SELECT extract(second FROM now()) - 57)$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('until', $$SELECT id, s FROM task, generate_series(1, CASE WHEN due < now() THEN 2 ELSE 1 END) s$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('ranked', $$SELECT id, row_number() OVER (PARTITION BY due < now() ORDER BY id) AS r FROM task$$, '1h', 'DIFFERENTIAL');

SELECT pg_sleep(1.1);
SELECT DISTINCT verdict FROM refreshed;
SELECT * FROM state ORDER BY 1;
SELECT who, open, n, last < now() AS last FROM counts ORDER BY 1;
SELECT id, state FROM lapse ORDER BY 1;
TABLE leases ORDER BY 1;
UPDATE lease SET days = days + 1 WHERE id = 1 AND ctid = (SELECT min(ctid) FROM lease WHERE id = 1);
DELETE FROM lease WHERE id = 4;
INSERT INTO lease VALUES (6, now() - interval '2 days' + interval '0.5 s', 2, 'short', '2000-01-01');
UPDATE task SET due = now() + interval '0.5 s' WHERE id = 1;
UPDATE task SET ttl = '2 s', who = 2 WHERE id = 2;
DELETE FROM task WHERE id = 3;
SELECT DISTINCT verdict FROM refreshed;
SELECT pg_sleep(0.6);
SELECT DISTINCT verdict FROM refreshed;

-- In one transaction time stands still.
BEGIN;
INSERT INTO task VALUES (6, 1, now(), '0', current_date, localtimestamp), (7, 1, now() - interval '1 microsecond', '0', current_date, localtimestamp);
SELECT DISTINCT verdict FROM refreshed;
SELECT * FROM state WHERE id > 5 ORDER BY 1;
COMMIT;
SELECT DISTINCT verdict FROM refreshed;

-- The clock of the wall is not the tick's.
SELECT pgtrickle.create_stream_table('v', 'SELECT id, clock_timestamp() - due AS late FROM task', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('v', 'SELECT id FROM task WHERE due < statement_timestamp()', '1h', 'DIFFERENTIAL');
