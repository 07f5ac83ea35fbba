-- Whole rows, composites, arrays, ranges and other types go through every operator; what is told apart is told apart by the type's own equality.
\getenv test PG_ABS_SRCDIR
\set refreshed :test '/include/refreshed.sql'
\i :refreshed
CREATE TYPE pair AS (a int, b text);
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN cents AS numeric CHECK (VALUE >= 0);
CREATE EXTENSION citext;
CREATE EXTENSION hstore;
CREATE TABLE thing (id int PRIMARY KEY, gone int, p pair, ps pair[], m mood, c cents, u uuid, y bytea, r int4range, rs nummultirange, j jsonb, d float8, n numeric, ci citext, h hstore, bp char(4), i interval, tz timetz);
ALTER TABLE thing DROP COLUMN gone;
INSERT INTO thing VALUES
    (1, (1, NULL), '{"(1,x)"}', 'ok', 1.0, '00000000-0000-0000-0000-000000000001', '\x00ff', '[1,5)', '{[1,2),[3,4)}', '{"a": 1.0}', '-0', 'NaN', 'ABC', 'a=>1', 'x', '1 mon', '12:00+00'),
    (2, (1, NULL), '{"(1,x)"}', 'ok', 1.00, '00000000-0000-0000-0000-000000000001', '\x00ff', '[1,4]', '{[1,2),[3,4)}', '{"a": 1.00}', '0', 'NaN', 'abc', 'a=>1', 'x  ', '30 days', '13:00+01'),
    (3, NULL, NULL, 'sad', NULL, NULL, NULL, 'empty', '{}', 'null', 'NaN', 'Infinity', NULL, NULL, NULL, NULL, NULL),
    (4, (NULL, NULL), '{NULL}', 'happy', 0, gen_random_uuid(), '', NULL, NULL, '[]', '-Infinity', '-Infinity', '', 'a=>NULL', '', '0', '12:00+00');

SELECT pgtrickle.create_stream_table('all_of_it', 'SELECT * FROM thing', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('no_key', 'SELECT p, ps, m, c, u, y, r, rs, j, d, n, ci, h, bp, i, tz FROM thing', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('rows', 'SELECT t AS row FROM thing t', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('documents', 'SELECT id, row_to_json(t)::jsonb AS json FROM thing t', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('counts', 'SELECT m, count(p) AS ps, count(t) AS ts, count((p).b) AS bs, count(DISTINCT p) AS different, count(j) AS js, sum(n) AS n, max(c) AS c FROM thing t GROUP BY m', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('by_pair', 'SELECT p, count(*) AS n FROM thing GROUP BY p', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('by_words', 'SELECT ci, bp, count(*) AS n FROM thing GROUP BY ci, bp', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('by_number', 'SELECT d, i, tz, count(*) AS n FROM thing GROUP BY d, i, tz', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('different', 'SELECT DISTINCT p, c, j, r, rs, y, u FROM thing', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('joined', 'SELECT a.id, b.id AS other FROM thing a JOIN thing b ON a.p = b.p AND a.ci = b.ci', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('left_joined', 'SELECT a.id, b.id AS other FROM thing a LEFT JOIN thing b ON a.p = b.p', '1h', 'DIFFERENTIAL');
SELECT * FROM counts ORDER BY 1;
SELECT * FROM by_pair ORDER BY 1;
TABLE by_words ORDER BY 1, 2;
SELECT * FROM joined ORDER BY 1, 2;

UPDATE thing SET p = (1, NULL), j = '{"a": 1}' WHERE id = 4;
UPDATE thing SET p = (NULL, NULL), ci = 'Abc' WHERE id = 1;
INSERT INTO thing SELECT 5, p, ps, m, c, u, y, r, rs, j, 0, n, upper(ci::text), h, bp, i, tz FROM thing WHERE id = 2;
DELETE FROM thing WHERE id = 2;
TABLE refreshed;
SELECT * FROM counts ORDER BY 1;
TABLE by_pair ORDER BY 1;
UPDATE thing SET p = NULL, m = 'happy', d = 'NaN', n = NULL, h = 'b=>2', rs = '{[5,6)}';
TABLE refreshed;
-- A whole row has a column that is added, too.
SELECT pgtrickle.drop_stream_table('rows');
ALTER TABLE thing ADD COLUMN more int DEFAULT 7;
TABLE refreshed;
UPDATE thing SET more = id;
TABLE refreshed;
DELETE FROM thing;
TABLE refreshed;

-- IS DISTINCT FROM, NULLIF, CASE x WHEN and rows in order name no schema: the operator is the one that the query was analysed with.
CREATE TABLE word (id int PRIMARY KEY, w citext);
INSERT INTO word VALUES (1, 'a'), (2, 'A'), (3, 'b'), (4, NULL);
SELECT pgtrickle.create_stream_table('words', $$SELECT x.id, y.id AS other, nullif(x.w, y.w) AS w, CASE x.w WHEN 'B' THEN 'b' WHEN y.w THEN 'same' END AS c,
    (x.w, x.id) < (y.w, y.id) AS before FROM word x JOIN word y ON x.w IS NOT DISTINCT FROM y.w OR x.id = y.id + 1$$, '1h', 'DIFFERENTIAL');
UPDATE word SET w = 'B' WHERE id = 1;
SELECT missing, unexpected FROM pgtrickle.verify('words');
TABLE words ORDER BY 1, 2;

-- Types without an order, a hash or an equality.
CREATE TABLE odd (id int, js json, at point, price money, bits varbit, find tsquery);
INSERT INTO odd VALUES (1, '{}', '(0,0)', '1', '01', 'a:A'), (1, '{ }', '(0,-0)', '1', '01', 'a:B'), (1, '{}', '(0,0)', '1', '01', 'a:A');
SELECT pgtrickle.create_stream_table('odd_rows', 'SELECT js, at FROM odd', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('odd_joined', 'SELECT a.js, b.at FROM odd a LEFT JOIN odd b ON a.id = b.id', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('odd_groups', 'SELECT price, bits, find, count(*) AS n FROM odd GROUP BY price, bits, find', '1h', 'DIFFERENTIAL');
-- Found by two columns, of which the first has no hash and the second may be long.
SELECT pgtrickle.create_stream_table('odd_known', 'SELECT o.id, o.price FROM odd o WHERE NOT EXISTS (SELECT FROM word w WHERE w.id::bit(2)::varbit = o.bits AND w.w::text = o.js::text)', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('odd_pairs', 'SELECT o.id, p.find FROM odd o LEFT JOIN (SELECT bits, js::text AS t, find FROM odd) p ON p.bits = o.bits AND p.t = o.js::text', '1h', 'DIFFERENTIAL');
DELETE FROM odd WHERE ctid = (SELECT min(ctid) FROM odd);
INSERT INTO odd VALUES (2, '[]', '(1,1)', '2', '', NULL);
SELECT name, v.missing, v.unexpected FROM unnest('{odd_rows,odd_joined,odd_groups,odd_known,odd_pairs}'::text[]) name, pgtrickle.verify(name) v;
SELECT js, at FROM odd_rows ORDER BY js::text, at::text;
SELECT price::numeric, bits, n FROM odd_groups ORDER BY 1, 2, 3;
