-- Rows wait for a moment to pass them: only those that are ahead are kept, and what is behind is looked at where a moment comes back.
\getenv test PG_ABS_SRCDIR
\set refreshed :test '/include/refreshed.sql'
\i :refreshed
CREATE TABLE event (id int, kind text, at timestamptz, local timestamp, day date);
INSERT INTO event SELECT i % 500, CASE WHEN i % 3 > 0 THEN 'a' END, now() + (i - 700) * interval '1 hour', localtimestamp + (i - 700) * interval '10 min', current_date + i % 9 - 6 FROM generate_series(1, 1000) i;
INSERT INTO event SELECT * FROM event WHERE id % 7 = 0;
INSERT INTO event VALUES (1, 'a', NULL, NULL, NULL), (2, 'a', 'infinity', '-infinity', 'infinity'), (3, NULL, '-infinity', 'infinity', '-infinity'), (4, 'a', now() + interval '1 s', localtimestamp + interval '1 s', current_date);
SELECT pgtrickle.create_stream_table('today', $$SELECT id, at FROM event WHERE at::date = current_date AND kind IS NOT NULL$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('this_day', $$SELECT date_trunc('day', at) AS day, count(*) AS n FROM event WHERE date_trunc('day', at) = date_trunc('day', now()) GROUP BY 1$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('this_second', $$SELECT id, kind FROM event WHERE date_trunc('second', at) = date_trunc('second', now())$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('this_month', $$SELECT count(*) AS n FROM event WHERE at >= date_trunc('month', now()) AND at < now()$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('by_day', $$SELECT id, day < current_date AS past, day = current_date - 1 AS yesterday FROM event$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('mixed', $$SELECT id FROM event WHERE local > now() - interval '1 hour' OR local < current_date - 3$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('last_week', $$SELECT kind, count(*) AS n FROM event WHERE at >= now() - interval '7 days' GROUP BY kind$$, '1h', 'DIFFERENTIAL');
SELECT operator, access FROM pgtrickle.explain_stream_table('today');
SELECT operator, access FROM pgtrickle.explain_stream_table('this_day') WHERE access <> '';
SELECT operator, access FROM pgtrickle.explain_stream_table('by_day');
SELECT DISTINCT verdict FROM refreshed;

-- A second passes.
SELECT pg_sleep(1);
SELECT DISTINCT verdict FROM refreshed;
UPDATE event SET at = now() + interval '0.3 s', local = localtimestamp + interval '0.3 s', day = current_date WHERE id % 50 = 7;
DELETE FROM event WHERE id % 7 = 0 AND ctid IN (SELECT min(ctid) FROM event GROUP BY id);
INSERT INTO event SELECT * FROM event WHERE id < 20;
SELECT DISTINCT verdict FROM refreshed;
SELECT pg_sleep(0.4);
SELECT DISTINCT verdict FROM refreshed;

-- The bound follows; rows it leaves behind go; what lies behind it all the same is found in the table.
CREATE FUNCTION bounds(OUT view text, OUT bound regclass, OUT waiting regclass, OUT passed name) RETURNS SETOF record LANGUAGE sql AS $$
    SELECT t.relid::regclass::text, b.relid, w.relid, a.attname FROM pgtrickle.stream_table t JOIN pgtrickle.state b ON b.owner = t.id AND b.role = 'bound'
        JOIN pgtrickle.state w ON w.owner = t.id AND w.node = b.node AND w.role = 'rows'
        JOIN pg_index i ON i.indrelid = w.relid JOIN pg_attribute a ON a.attrelid = w.relid AND a.attnum = i.indkey[0] $$;
CREATE FUNCTION move(by text) RETURNS void LANGUAGE plpgsql AS $$
    DECLARE b record;
    BEGIN
        FOR b IN SELECT * FROM bounds() LOOP
            EXECUTE format('UPDATE %s SET least = least + %L::interval', b.bound, move.by);
            EXECUTE format('DELETE FROM %s WHERE %I < (SELECT least FROM %s)', b.waiting, b.passed, b.bound);
        END LOOP;
    END $$;
CREATE FUNCTION behind(OUT view text, OUT days numeric, OUT rows bigint) RETURNS SETOF record LANGUAGE plpgsql AS $$
    DECLARE b record;
    BEGIN
        FOR b IN SELECT * FROM bounds() ORDER BY 1 LOOP
            view := b.view;
            EXECUTE format('SELECT floor(extract(epoch FROM now() - least::timestamptz) / 86400) FROM %s', b.bound) INTO days;
            EXECUTE format('SELECT count(*) FROM %s WHERE %I < (SELECT least FROM %s)', b.waiting, b.passed, b.bound) INTO rows;
            RETURN NEXT;
        END LOOP;
    END $$;
SELECT move('-90 days');
SELECT DISTINCT verdict FROM refreshed;
SELECT * FROM behind() WHERE view IN ('last_week', 'this_second');
SELECT move('9 days');
UPDATE event SET kind = 'b', at = at + interval '0.2 s' WHERE id % 5 = 0;
INSERT INTO event SELECT i, 'c', now() + i * interval '0.1 s' - interval '7 days', localtimestamp - interval '1 hour' + i * interval '0.1 s', current_date FROM generate_series(1, 20) i;
DELETE FROM event WHERE id % 5 = 1;
SELECT DISTINCT verdict FROM refreshed;
SELECT pg_sleep(0.5);
SELECT DISTINCT verdict FROM refreshed;
SELECT pg_sleep(0.5);
UPDATE event SET kind = 'd' WHERE id % 2 = 0;
SELECT DISTINCT verdict FROM refreshed;

-- An index of the table finds the rows without a state.
CREATE INDEX ON event (at);
SELECT DISTINCT verdict FROM refreshed;
SELECT operator, access FROM pgtrickle.explain_stream_table('last_week') WHERE access LIKE '%at%';
SELECT pg_sleep(0.3);
SELECT DISTINCT verdict FROM refreshed;

-- What only other conditions read is left out of the rows that wait: rows that differ in that alone are copies of one.  What is left
-- of a row finds it, if it is no longer than a hash, and has no NULLs.
CREATE TABLE sale (product int NOT NULL, quantity int NOT NULL, kind text, at timestamptz);
INSERT INTO sale SELECT i % 2, 1, kind, now() + i / 4 * interval '0.3 s' - interval '7 days' FROM generate_series(1, 8) i, unnest(ARRAY['a', 'b', 'gone', NULL]) kind;
SELECT pgtrickle.create_stream_table('sold', $$SELECT product, sum(quantity) FROM sale WHERE kind <> 'gone' AND at > now() - interval '7 days' GROUP BY product$$, '1000h', 'DIFFERENTIAL');
ALTER TABLE sale ALTER quantity DROP NOT NULL;
SELECT pgtrickle.create_stream_table('sold_by_hash', $$SELECT product, sum(quantity) FROM sale WHERE kind <> 'gone' AND at > now() - interval '7 days' GROUP BY product$$, '1000h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('sold_whole', $$SELECT * FROM sale WHERE kind <> 'gone' AND at > now() - interval '7 days'$$, '1000h', 'DIFFERENTIAL');
CREATE VIEW kept AS SELECT view, string_agg(a.attname, ' ' ORDER BY a.attnum) AS columns, replace(pg_get_indexdef(i.indexrelid), waiting::text, '…') ~ '\(c4, c1, c2\)' AS by_itself
    FROM bounds() JOIN pg_attribute a ON a.attrelid = waiting AND a.attnum > 0 JOIN pg_index i ON i.indrelid = waiting WHERE view LIKE 'sold%' GROUP BY view, i.indexrelid, waiting ORDER BY 1;
SELECT * FROM kept;
DELETE FROM sale WHERE kind = 'a' AND product = 1;
UPDATE sale SET kind = 'gone' WHERE kind = 'b' AND product = 0;
INSERT INTO sale SELECT 0, NULL, 'c', now() - interval '6 days' FROM generate_series(1, 3);
SELECT DISTINCT verdict FROM refreshed;
SELECT * FROM kept;
DELETE FROM sale WHERE ctid = (SELECT min(ctid) FROM sale WHERE kind = 'c');
SELECT DISTINCT verdict FROM refreshed;
SELECT pg_sleep(0.4);
UPDATE sale SET kind = 'a' WHERE kind = 'gone';
SELECT DISTINCT verdict FROM refreshed;
SELECT pg_sleep(0.4);
SELECT DISTINCT verdict FROM refreshed;
