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
SELECT pgtrickle.create_stream_table(name, query, '1h', 'DIFFERENTIAL') FROM law;
SELECT * FROM percentiles ORDER BY g;
INSERT INTO m VALUES (21, 1, NULL, NULL, NULL), (22, 1, 9, 9, 'e'), (23, 8, 1, 1, 'a');
UPDATE m SET i = 0, t = 'b' WHERE id % 4 = 1;
SELECT * FROM refreshed;
DELETE FROM m WHERE g = 8 OR id < 9;
SELECT * FROM refreshed;
SELECT * FROM percentiles ORDER BY g;
DELETE FROM m WHERE g > 1;
SELECT * FROM refreshed;
SELECT * FROM whole;
