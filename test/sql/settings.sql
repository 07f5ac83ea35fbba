-- Settings that change answers are those of the creation, whoever refreshes.
CREATE TABLE t (at timestamptz, d date, word text);
INSERT INTO t VALUES ('2026-03-28 23:30:00Z', '2026-03-29', 'a'), ('2026-03-29 10:00:00Z', '2026-03-29', 'b');
SET timezone = 'Europe/Berlin';
SET datestyle = 'German';
SELECT pgtrickle.create_stream_table('days', $$SELECT at::date AS day, date_trunc('day', at) AS start, at::text AS said, d::timestamptz AS noon FROM t$$, '1h', 'DIFFERENTIAL');
SET timezone = 'America/New_York';
SET datestyle = 'ISO, MDY';
INSERT INTO t VALUES ('2026-03-29 23:30:00Z', '2026-03-30', 'c');
SELECT mode FROM pgtrickle.refresh_stream_table('days');
SELECT day, said FROM days ORDER BY said;
SELECT missing, unexpected FROM pgtrickle.verify('days');
DELETE FROM t;
SELECT mode FROM pgtrickle.refresh_stream_table('days');
TABLE days;

-- The search_path too.
CREATE SCHEMA one;
CREATE SCHEMA two;
CREATE FUNCTION one.mark(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT 'one ' || $1$$;
CREATE FUNCTION two.mark(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT 'two ' || $1$$;
SET search_path = one, public;
SELECT pgtrickle.create_stream_table('public.marked', 'SELECT mark(word) AS m FROM t', '1h', 'DIFFERENTIAL');
SET search_path = two, public;
INSERT INTO t VALUES (NULL, NULL, 'x');
SELECT mode FROM pgtrickle.refresh_stream_table('marked');
TABLE marked;
SELECT missing, unexpected FROM pgtrickle.verify('marked');
