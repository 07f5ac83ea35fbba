-- Ordered-set and hypothetical-set aggregates, from the values of the groups that changed.
\getenv test PG_ABS_SRCDIR
\set refreshed :test '/include/refreshed.sql'
\i :refreshed
CREATE TABLE m (id int PRIMARY KEY, g int, i int, n numeric, t text);
INSERT INTO m SELECT k, k % 3, k % 7, (k % 5) / 2.0, chr(97 + k % 5) FROM generate_series(1, 20) k;
CREATE TEMP TABLE law (name text, query text);
INSERT INTO law VALUES
    ('percentiles', 'SELECT g, percentile_cont(0.5) WITHIN GROUP (ORDER BY i) AS median, percentile_disc(ARRAY[0.1, 0.9]) WITHIN GROUP (ORDER BY n DESC) AS ends FROM m GROUP BY g'),
    ('modes',       'SELECT g, mode() WITHIN GROUP (ORDER BY t) AS first, mode() WITHIN GROUP (ORDER BY t DESC) AS last FROM m GROUP BY g'),
    ('by_key',      'SELECT g, percentile_disc(g / 10.0) WITHIN GROUP (ORDER BY i) AS p, percent_rank(g) WITHIN GROUP (ORDER BY i) AS r FROM m GROUP BY g'),
    ('would_be',    'SELECT g, rank(3) WITHIN GROUP (ORDER BY i) AS a, dense_rank(3, ''c'') WITHIN GROUP (ORDER BY i DESC, t) AS b, cume_dist(2) WITHIN GROUP (ORDER BY i) FILTER (WHERE id > 5) AS c FROM m GROUP BY g'),
    ('whole',       'SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY t) AS p, rank(3) WITHIN GROUP (ORDER BY i) AS r FROM m WHERE g > 1');
-- Places in the order of the values follow their changes; so do modes.
INSERT INTO law VALUES
    ('spread',  'SELECT g, percentile_cont(ARRAY[0, 0.25, 0.5, 1]) WITHIN GROUP (ORDER BY i DESC) AS c, percentile_disc(0.9) WITHIN GROUP (ORDER BY i) FILTER (WHERE t > ''b'') AS d, count(*) AS k FROM m GROUP BY g'),
    ('between', 'SELECT percentile_cont(0.3) WITHIN GROUP (ORDER BY i * interval ''1 day 03:00'') AS i, percentile_disc(0.3) WITHIN GROUP (ORDER BY n) AS n FROM m'),
    ('no_place', 'SELECT g, percentile_disc(ARRAY[NULL, 0.5]) WITHIN GROUP (ORDER BY i) AS p, percentile_cont(NULL) WITHIN GROUP (ORDER BY i) AS q FROM m GROUP BY g');
SELECT pgtrickle.create_stream_table(name, query, '1h', 'DIFFERENTIAL') FROM law;
SELECT * FROM percentiles ORDER BY g;
SELECT operator, law FROM pgtrickle.explain_stream_table('spread') WHERE operator ~ 'aggregate';
SELECT operator, law FROM pgtrickle.explain_stream_table('modes') WHERE operator ~ 'aggregate';
SELECT operator, law FROM pgtrickle.explain_stream_table('no_place') WHERE operator ~ 'aggregate';
INSERT INTO m VALUES (21, 1, NULL, NULL, NULL), (22, 1, 9, 9, 'e'), (23, 8, 1, 1, 'a');
UPDATE m SET i = 0, t = 'b' WHERE id % 4 = 1;
SELECT * FROM refreshed;
DELETE FROM m WHERE g = 8 OR id < 9;
SELECT * FROM refreshed;
SELECT * FROM percentiles ORDER BY g;
DELETE FROM m WHERE g > 1;
SELECT * FROM refreshed;
INSERT INTO m SELECT k, 1, k % 100, k % 40 / 4.0, 'z' FROM generate_series(100, 400) k;
SELECT * FROM refreshed;
DELETE FROM m WHERE i > 3;
SELECT * FROM refreshed;
TABLE spread ORDER BY g;
UPDATE m SET i = NULL, n = NULL;
SELECT * FROM refreshed;
UPDATE m SET i = id, n = id;
SELECT * FROM refreshed;
SELECT * FROM whole;
