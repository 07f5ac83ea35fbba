-- Any aggregate: the exact ones are added up, the others worked out from the values of the groups that changed.
\getenv test PG_ABS_SRCDIR
\set refreshed :test '/include/refreshed.sql'
\i :refreshed
CREATE TABLE m (id int PRIMARY KEY, g int, i int, n numeric, p numeric(10,2), f float8, t text, ok bool, j json, at point, r int4range, d interval);
CREATE FUNCTION fill(low int, high int) RETURNS void LANGUAGE sql AS $$
    INSERT INTO m SELECT k, k % 3, k % 7, (k % 5) / 3.0, (k % 11) * 1.25, k % 4, chr(97 + k % 5), k % 2 = 0, json_build_object('a', k % 3),
        point(k % 3, 1), int4range(k, k + 3), make_interval(days => k % 3) FROM generate_series(low, high) k
$$;
SELECT fill(1, 20);
INSERT INTO m (id, g) VALUES (100, 1), (101, 7);

CREATE AGGREGATE total(int) (sfunc = int4pl, stype = int, initcond = '0');
CREATE FUNCTION append_word(words text[], word text) RETURNS text[] IMMUTABLE LANGUAGE sql AS 'SELECT words || word';
CREATE AGGREGATE words(text) (sfunc = append_word, stype = text[], initcond = '{}');

CREATE TEMP TABLE law (name text, query text);
INSERT INTO law VALUES
    ('truth',    'SELECT g, bool_and(ok) AS a, bool_or(ok) AS b, every(ok) FILTER (WHERE i > 2) AS c FROM m GROUP BY g'),
    ('spread',   'SELECT g, variance(i) AS a, var_pop(n) AS b, stddev_pop(n) AS c, stddev(p) AS d, stddev_samp(n) AS e, stddev_pop(i) AS f FROM m GROUP BY g'),
    ('overall',  'SELECT variance(n) AS a, stddev(n) AS b, stddev(p) AS c FROM m'),
    ('floats',   'SELECT g, sum(f) AS a, round(stddev(f)::numeric, 6) AS b, round(corr(f, i)::numeric, 6) AS c, regr_count(f, i) AS d FROM m GROUP BY g'),
    ('bits',     'SELECT g, bit_and(i) AS a, bit_or(i) AS b, bit_xor(i) AS c FROM m GROUP BY g'),
    ('lists',    'SELECT g, string_agg(t, '','' ORDER BY id DESC) AS a, string_agg(DISTINCT t, ''$1'') AS b, array_agg(n ORDER BY id) AS c, array_agg(ARRAY[i, id] ORDER BY id) AS d FROM m GROUP BY g'),
    ('documents','SELECT g, json_agg(j ORDER BY id) AS a, jsonb_object_agg(id, n ORDER BY id) AS b, JSON_ARRAYAGG(t ORDER BY id NULL ON NULL RETURNING jsonb) AS c, JSON_OBJECTAGG(id: t) AS d FROM m GROUP BY g'),
    ('ranges',   'SELECT g, range_agg(r) AS a, range_intersect_agg(r) FILTER (WHERE id < 4) AS b FROM m GROUP BY g'),
    ('odd',      'SELECT g, array_agg(at ORDER BY id) AS a, sum(d) AS b, avg(d) AS c, max(i::text::money) AS e FROM m GROUP BY g'),
    ('own',      'SELECT g, total(i) AS a, words(t ORDER BY id) AS b FROM m GROUP BY g'),
    ('mixed',    'SELECT g + 1 AS g, count(*) AS n, sum(i) AS s, max(t) || string_agg(t, '''' ORDER BY id) AS t FROM m GROUP BY g + 1 HAVING bool_or(ok) AND array_length(array_agg(id), 1) > 2'),
    ('keys',     'SELECT ARRAY[i, g] AS a, jsonb_build_object(''x'', g) AS b, r, n, i::text::money AS m, count(*) AS c FROM m GROUP BY 1, 2, 3, 4, 5'),
    ('nobody',   'SELECT string_agg(t, '','' ORDER BY id) AS a, json_agg(id ORDER BY id) AS b, total(i) AS c FROM m WHERE g = 99');
SELECT pgtrickle.create_stream_table(name, query, '1h', 'DIFFERENTIAL') FROM law;
SELECT g, a, b FROM lists ORDER BY g;
SELECT * FROM spread ORDER BY g;
SELECT * FROM nobody;

SELECT fill(21, 30);
SELECT * FROM refreshed;
UPDATE m SET i = i + 1, t = t || 'z', n = n + 1.000, at = point(9, 9), j = '{"z": 1}' WHERE id % 4 = 0;
UPDATE m SET n = 'NaN' WHERE id = 4;
SELECT * FROM refreshed;
UPDATE m SET g = NULL, n = 'Infinity' WHERE id = 3;
DELETE FROM m WHERE id % 5 < 3;
SELECT * FROM refreshed;
SELECT g, a, b FROM lists ORDER BY g;
DELETE FROM m WHERE id > 10;
SELECT * FROM refreshed;
DELETE FROM m;
SELECT * FROM refreshed;

-- In any order, if the query does not tell: the values are in theirs, and verify looks whether they are the same.
SELECT fill(1, 9);
SELECT pgtrickle.create_stream_table('unordered', 'SELECT g, array_agg(i) AS a, string_agg(t, ''-'') AS b FROM m GROUP BY g', '1h', 'DIFFERENTIAL');
UPDATE m SET i = 0 WHERE id = 5;
SELECT mode FROM pgtrickle.refresh_stream_table('unordered');
SELECT * FROM unordered ORDER BY g;
SELECT missing, unexpected FROM pgtrickle.verify('unordered');

-- What may answer the same differently cannot be taken back.
CREATE FUNCTION noisy(int, int) RETURNS int VOLATILE LANGUAGE sql AS 'SELECT $1 + $2';
CREATE AGGREGATE noise(int) (sfunc = noisy, stype = int, initcond = '0');
SELECT pgtrickle.create_stream_table('never', 'SELECT noise(i) FROM m', '1h', 'DIFFERENTIAL');
