-- A schedule may be a cron line, read in the time zone that the stream table was made in.
\set SHOW_CONTEXT never
SET timezone = 'Europe/Berlin';
CREATE TABLE t (x int);
SELECT pgtrickle.create_stream_table('nightly', 'SELECT count(*) AS n FROM t', '30 2 * * mon-fri');
SELECT pgtrickle.create_stream_table('hourly', 'SELECT count(*) AS n FROM t', '@hourly');
SELECT pgtrickle.create_stream_table('daily', 'SELECT count(*) AS n FROM t', '@daily');
SELECT pgtrickle.create_stream_table('sometimes', 'SELECT count(*) AS n FROM t', '2h');
SELECT pgtrickle.create_stream_table('follows', 'SELECT count(*) AS n FROM t');
RESET timezone;
SELECT name, schedule, next_run > now() AS later, next_run <= now() + interval '3 days 3 hours' AS soon, extract(minute FROM next_run) AS minute,
       extract(hour FROM next_run AT TIME ZONE 'Europe/Berlin') AS hour
FROM pgtrickle.pgt_status() WHERE name NOT IN ('hourly', 'sometimes') ORDER BY name;
SELECT name, next_run - data_timestamp AS after FROM pgtrickle.pgt_status() WHERE name = 'sometimes';
SELECT next_run = date_trunc('hour', next_run) AND next_run <= now() + interval '1 hour' AS on_the_hour FROM pgtrickle.pgt_status() WHERE name = 'hourly';
SELECT name, period FROM pgtrickle.stream_tables_info WHERE period IS NOT NULL;

-- Nothing refreshes it before, but whoever asks.
INSERT INTO t VALUES (1);
SELECT pgtrickle.wait_for('follows');
SELECT n FROM nightly;
SELECT mode FROM pgtrickle.refresh_stream_table('nightly');
SELECT n FROM nightly;
SELECT check_name, severity FROM pgtrickle.health_check() WHERE check_name = 'freshness';

-- The hours of summer time, in both directions.
SELECT line, pgtrickle._next_run(line, 'Europe/Berlin', after) AT TIME ZONE 'UTC' AS next_in_utc
FROM (VALUES ('30 2 * * *', timestamptz '2026-03-28 12:00Z'), ('30 2 * * *', '2026-03-29 01:00Z'), ('30 2 * * *', '2026-10-25 00:00Z'),
             ('30 2 * * *', '2026-10-25 00:30Z'), ('*/30 * * * *', '2026-10-25 00:30Z'), ('0 0 29 2 *', '2026-01-01Z')) v(line, after);
SELECT pgtrickle._next_run('0 6 * * *', 'Asia/Kathmandu', '2026-01-01Z') AT TIME ZONE 'UTC';

-- Altered to another and back; paused, it has no next run.
SELECT pgtrickle.alter_stream_table('sometimes', schedule => '0 12 * * *');
SELECT schedule, period, extract(hour FROM next_run AT TIME ZONE 'Europe/Berlin') AS hour FROM pgtrickle.stream_tables_info WHERE name = 'sometimes';
SELECT pgtrickle.alter_stream_table('sometimes', schedule => 'calculated');
SELECT pgtrickle.pause_stream_table('daily');
SELECT name, schedule FROM pgtrickle.pgt_status() WHERE next_run IS NULL ORDER BY name;
SELECT pgtrickle.export_definition('nightly') LIKE '%schedule => ''30 2 * * mon-fri''%' AS exported;

-- What cannot be read is refused at its place.
SELECT pgtrickle.create_stream_table('v', 'SELECT x FROM t', '61 * * * *');
SELECT pgtrickle.create_stream_table('v', 'SELECT x FROM t', '0 6 * * weekday');
SELECT pgtrickle.alter_stream_table('daily', schedule => '0 6 * *');
SELECT pgtrickle.alter_stream_table('daily', schedule => '@reboot');
SELECT pgtrickle.alter_stream_table('daily', schedule => '0 0 30 feb *');
SELECT schedule FROM pgtrickle.pgt_status() WHERE name = 'daily';

SELECT pgtrickle.drop_stream_table(name) FROM unnest(ARRAY['nightly', 'hourly', 'daily', 'sometimes', 'follows']) name;
