-- Filter and project are linear: the change of the result is the same filter and projection of the change.
CREATE TABLE reading (sensor int, at date, celsius numeric, note text);
INSERT INTO reading VALUES (1, '2026-01-01', 20.5, 'ok'), (1, '2026-01-01', 20.5, 'ok'), (2, '2026-01-02', NULL, NULL);

SELECT pgtrickle.create_stream_table('warm', $$
    SELECT sensor, celsius * 9 / 5 + 32 AS fahrenheit, COALESCE(upper(note), 'NONE') AS note,
           CASE WHEN celsius > 25 THEN 'hot' WHEN celsius IS NULL THEN 'unknown' ELSE 'fine' END AS feel, at::timestamptz AS at
    FROM reading WHERE celsius IS NULL OR celsius > 10
$$, '1h', 'DIFFERENTIAL');
SELECT * FROM warm ORDER BY 1, 2;

-- A table without a key: rows that look the same are counted, so one of two equal rows can go.
DELETE FROM reading WHERE ctid = (SELECT min(ctid) FROM reading WHERE sensor = 1);
INSERT INTO reading VALUES (3, '2026-03-29', 30, 'dry'), (4, '2026-03-29', 5, 'wet');
SELECT mode, rows_in, rows_out FROM pgtrickle.refresh_stream_table('warm');
SELECT * FROM warm ORDER BY 1, 2;
SELECT missing, unexpected FROM pgtrickle.verify('warm');

-- Into the filter, out of it, and NULL as a value like others.
UPDATE reading SET celsius = 12 WHERE sensor = 4;
UPDATE reading SET celsius = 1 WHERE sensor = 3;
UPDATE reading SET note = NULL WHERE sensor = 1;
SELECT mode FROM pgtrickle.refresh_stream_table('warm');
SELECT * FROM warm ORDER BY 1, 2;
SELECT missing, unexpected FROM pgtrickle.verify('warm');

-- Numbers that are equal but print differently: a change that is read, though the row may keep its first looks.
INSERT INTO reading VALUES (5, '2026-01-01', 11, 'x');
SELECT pgtrickle.create_stream_table('raw', 'SELECT sensor, celsius FROM reading', '1h', 'DIFFERENTIAL');
UPDATE reading SET celsius = 11.00 WHERE sensor = 5;
SELECT mode FROM pgtrickle.refresh_stream_table('raw');
SELECT celsius FROM raw WHERE sensor = 5;

-- Nothing written: nothing to do.
SELECT mode, rows_in, rows_out FROM pgtrickle.refresh_stream_table('raw');

-- TRUNCATE is a change like others.
TRUNCATE reading;
INSERT INTO reading VALUES (9, '2026-01-01', 50, NULL);
SELECT count(*) FROM pgtrickle.refresh_stream_table('warm');
TABLE warm;
SELECT missing, unexpected FROM pgtrickle.verify('warm');
