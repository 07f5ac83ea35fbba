-- Values may be as long as they like: what does not fit an index row is found by its hash.
\getenv test PG_ABS_SRCDIR
\set refreshed :test '/include/refreshed.sql'
\i :refreshed
CREATE FUNCTION long(seed text) RETURNS text IMMUTABLE LANGUAGE sql AS $$ SELECT string_agg(md5(seed || i), '' ORDER BY i) FROM generate_series(1, 300) i $$;
CREATE TABLE a (id int PRIMARY KEY, g int, t text, u text, b bytea, n numeric);
CREATE TABLE b (g int, t text, u text);
CREATE TABLE c (id int PRIMARY KEY, t text);
INSERT INTO a VALUES (1, 1, 'short', 'u', '\x00', 1), (2, 1, NULL, NULL, NULL, NULL);
INSERT INTO b VALUES (1, 'short', 'u'), (2, NULL, 'u');
INSERT INTO c VALUES (1, 'short');
SELECT pgtrickle.create_stream_table(name, query, '1h', 'DIFFERENTIAL') FROM (VALUES
    ('extremes',      'SELECT g, min(t) AS lo, max(t) AS hi, max(b) AS b FROM a GROUP BY g'),
    ('numbers',       'SELECT g, min(n) AS lo, count(DISTINCT n) AS n FROM a GROUP BY g'),
    ('extreme',       'SELECT max(t) AS hi FROM b'),
    ('counted',       'SELECT g, count(DISTINCT t) AS n FROM a GROUP BY g'),
    ('groups',        'SELECT t, count(*) AS n FROM a GROUP BY t'),
    ('both',          'SELECT t, min(u) AS n FROM b GROUP BY t'),
    ('joined',        'SELECT a.id, b.g FROM a JOIN b ON a.t = b.t'),
    ('joined_by_two', 'SELECT a.id, b.g FROM a JOIN b ON a.t = b.t AND a.u = b.u'),
    ('lefts',         'SELECT a.id, b.g, b.u FROM a LEFT JOIN b ON a.t = b.t'),
    ('counting',      'SELECT a.id, b.g FROM a LEFT JOIN b ON a.t < b.t AND a.g = b.g'),
    ('over_groups',   'SELECT a.id, q.n FROM a JOIN (SELECT t, count(*) AS n FROM b GROUP BY t) q ON q.t = a.t'),
    ('over_distinct', 'SELECT a.id, q.u FROM a JOIN (SELECT DISTINCT t, u FROM b) q ON q.t = a.t AND q.u = a.u'),
    ('different',     'SELECT DISTINCT t, u FROM b'),
    ('bag',           'SELECT t, u FROM b'),
    ('united',        'SELECT t FROM a UNION SELECT t FROM b'),
    ('one_row',       'SELECT a.id, c.id AS c, max(a.u) AS u FROM a JOIN c ON c.t = a.t GROUP BY a.id, c.id'),
    ('unkeyed',       'SELECT b.u, c.t FROM b JOIN c ON c.t = b.t')) v(name, query);
TABLE refreshed;

-- Too long for a page.
INSERT INTO b SELECT 1, long('b' || i), long('u') FROM generate_series(1, 3) i;
INSERT INTO a SELECT 10 + i, 1, long('b' || i), long('u'), convert_to(long('x' || i), 'UTF8'), ('1' || translate(long('n' || i), 'abcdef', ''))::numeric FROM generate_series(1, 3) i;
INSERT INTO c SELECT 10 + i, long('b' || i) FROM generate_series(1, 3) i;
TABLE refreshed;

-- From then on there is nothing new in them.
DELETE FROM a WHERE id = 11;
DELETE FROM b WHERE t = long('b3');
INSERT INTO b SELECT 2, long('b' || i), long('u') FROM generate_series(1, 5) i, generate_series(1, 2);
INSERT INTO a VALUES (20, 1, 'short', NULL, NULL, NULL);
TABLE refreshed;
UPDATE a SET t = long('q' || id), u = t;
UPDATE b SET t = u, u = t;
TRUNCATE c;
TABLE refreshed;
SELECT law FROM pgtrickle.explain_stream_table('extreme') WHERE law LIKE '%too long%';
SELECT regexp_replace(access, '\d+', 'n') AS access FROM pgtrickle.explain_stream_table('joined') WHERE access LIKE '%hashed%';

-- They may be there from the beginning.
SELECT pgtrickle.create_stream_table('later', 'SELECT b.g, min(a.t) AS t FROM a JOIN b ON b.u = a.t GROUP BY b.g', '1h', 'DIFFERENTIAL');
DELETE FROM a WHERE id = 12;
SELECT * FROM refresh('later');

-- An index of yours that cannot hold them is yours to drop.
CREATE TABLE e (id int PRIMARY KEY, t text);
SELECT pgtrickle.create_stream_table('copied', 'SELECT id, t FROM e', '1h', 'DIFFERENTIAL');
CREATE INDEX copied_t ON copied (t);
INSERT INTO e VALUES (1, long('e'));
SELECT * FROM refresh('copied');
DROP INDEX copied_t;
SELECT * FROM refresh('copied');
