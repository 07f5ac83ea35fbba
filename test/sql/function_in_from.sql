-- What is computed in FROM from a row's columns is linear: the change of the result is the same function of the change.
\getenv test PG_ABS_SRCDIR
\set refreshed :test '/include/refreshed.sql'
\i :refreshed
CREATE TABLE post (id int PRIMARY KEY, tags text[], body jsonb, n int, title text);
INSERT INTO post VALUES (1, '{red,blue}', '{"a": 1, "b": [1, 2]}', 2, 'one two'), (2, '{red,red,NULL}', '{}', 0, 'three'), (3, '{}', NULL, 1, ''), (4, NULL, '{"a": null}', NULL, NULL);
CREATE TABLE tag (name text PRIMARY KEY, weight int);
INSERT INTO tag VALUES ('red', 10), ('blue', 20), ('green', 30);

SELECT pgtrickle.create_stream_table('tagged', $$SELECT p.id, t.tag, t.nr FROM post p, unnest(p.tags) WITH ORDINALITY AS t(tag, nr)$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('all_posts', $$SELECT p.id, t.tag FROM post p LEFT JOIN LATERAL unnest(p.tags) t(tag) ON t.tag <> 'red'$$, '1h', 'DIFFERENTIAL');
SELECT * FROM tagged ORDER BY 1, 3;
SELECT * FROM all_posts ORDER BY 1, 2;

-- Joined by what it yields: the table on the other side is found by key, and the other way round.
SELECT pgtrickle.create_stream_table('weights', $$
    SELECT g.name, count(*) AS posts, sum(g.weight * p.n) AS weight FROM post p, unnest(p.tags) AS u, tag g WHERE g.name = u GROUP BY g.name
$$, '1h', 'DIFFERENTIAL');
SELECT operator, law FROM pgtrickle.explain_stream_table('weights');
TABLE weights ORDER BY 1;

-- Several in parallel, of columns of several items, with a column definition list, of no column at all.
SELECT pgtrickle.create_stream_table('parallel', $$
    SELECT p.id, f.* FROM post p CROSS JOIN LATERAL ROWS FROM (generate_series(1, p.n), unnest(p.tags), jsonb_to_recordset(jsonb_build_array(jsonb_build_object('a', p.n, 'c', p.title))) AS (a int, c text)) WITH ORDINALITY f
$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('pairs', $$SELECT a.id AS a, b.id AS b, s FROM post a JOIN post b USING (n), generate_series(a.id, b.id) s WHERE a.n > 0$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('calendar', $$
    SELECT d.day, v.name, count(p.id) AS posts FROM generate_series(0, 2) AS d(day) CROSS JOIN (VALUES ('few', 1), ('many', NULL)) v(name, most)
    LEFT JOIN post p ON p.n = d.day AND p.id <= COALESCE(v.most, 100) GROUP BY d.day, v.name
$$, '1h', 'DIFFERENTIAL');
TABLE calendar ORDER BY 1, 2;

-- JSON, XML, regular expressions; a subquery that reads no table; VALUES of a row's columns.
SELECT pgtrickle.create_stream_table('json', $$
    SELECT p.id, e.key, e.value, j.a, j.nr FROM post p CROSS JOIN LATERAL jsonb_each(p.body) e
    LEFT JOIN LATERAL json_table(p.body, '$.b[*]' COLUMNS (nr FOR ORDINALITY, a int PATH '$')) j ON j.a > 1
$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('words', $$
    SELECT word, count(*) AS n FROM post, regexp_split_to_table(title, ' ') word, LATERAL (SELECT max(x) AS most FROM unnest(string_to_array(title, NULL)) x) m
    WHERE word <> '' AND m.most > 'a' GROUP BY word
$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('tall', $$SELECT p.id, v.what, v.number FROM post p, LATERAL (VALUES ('n', p.n), ('tags', cardinality(p.tags))) v(what, number)$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('longest', $$SELECT id, (SELECT max(length(x)) FROM unnest(tags) x) AS length FROM post$$, '1h', 'DIFFERENTIAL');

-- In the select list: sets go on side by side, up to the longest; nested, and as a group key.
SELECT pgtrickle.create_stream_table('side_by_side', $$SELECT id, unnest(tags) AS tag, generate_series(1, n) AS i, upper(unnest(string_to_array(title, ' '))) AS word FROM post$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('nested', $$SELECT DISTINCT generate_series(1, generate_series(1, n)) AS i FROM post$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('by_tag', $$SELECT unnest(tags) AS tag, count(*) AS n, generate_series(1, max(n)) AS i FROM post GROUP BY 1$$, '1h', 'DIFFERENTIAL');
SELECT * FROM side_by_side ORDER BY 1, 2, 3, 4;
TABLE by_tag ORDER BY 1, 3;

-- In a recursion: down into arrays in arrays.
SELECT pgtrickle.create_stream_table('elements', $$
    WITH RECURSIVE e(id, v) AS (SELECT id, body->'b' FROM post UNION ALL SELECT e.id, x FROM e, jsonb_array_elements(CASE jsonb_typeof(e.v) WHEN 'array' THEN e.v ELSE '[]' END) x)
    SELECT id, v #>> '{}' AS v, count(*) AS n FROM e GROUP BY 1, 2
$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('steps_to', $$WITH RECURSIVE s(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM s WHERE n < 3) SELECT id, s.n FROM post JOIN s USING (n)$$, '1h', 'DIFFERENTIAL');
SELECT * FROM elements ORDER BY 1, 2;
SELECT * FROM steps_to ORDER BY 1, 2;

-- Nothing changes in what reads no table.
SELECT pgtrickle.create_stream_table('fixed', $$VALUES (1, 'a'), (2, NULL)$$, '1h', 'DIFFERENTIAL');
SELECT mode FROM pgtrickle.refresh_stream_table('fixed');
TABLE fixed ORDER BY 1;
SELECT pgtrickle.create_stream_table('counted', $$SELECT x % 2 AS odd, count(*) AS n FROM (SELECT DISTINCT x % 7 AS x FROM generate_series(1, 10) x) d GROUP BY 1$$, '1h', 'DIFFERENTIAL');
TABLE counted ORDER BY 1;

UPDATE post SET tags = '{green,red}', n = 3 WHERE id = 2;
DELETE FROM post WHERE id = 1;
INSERT INTO post VALUES (5, '{blue,NULL,blue}', '{"b": [3, 0, 5], "c": "x"}', 1, 'two three three');
TABLE refreshed;
UPDATE tag SET name = 'pink' WHERE name = 'red';
UPDATE post SET body = '{"b": [2]}', tags = tags || '{pink}'::text[] WHERE id < 5;
TABLE refreshed;
TRUNCATE post;
INSERT INTO post VALUES (1, '{blue}', '{"b": []}', 2, 'x y');
DELETE FROM tag WHERE name = 'green';
TABLE refreshed;

-- A set may fail for a row; the stream table keeps what it had until the row is gone.
INSERT INTO post VALUES (9, '{blue}', '{}', 1, NULL);
SELECT pgtrickle.create_stream_table('steps', $$SELECT id, s FROM post, generate_series(0, 10, n) s$$, '1h', 'DIFFERENTIAL');
UPDATE post SET n = 0 WHERE id = 9;
SELECT * FROM pgtrickle.refresh_stream_table('steps');
UPDATE post SET n = 5 WHERE id = 9;
TABLE refreshed;

-- What is refused, and why.
CREATE FUNCTION reads(int) RETURNS SETOF int STABLE LANGUAGE sql AS 'SELECT id FROM public.post WHERE id > $1';
SELECT pgtrickle.create_stream_table('v', 'SELECT r FROM post, reads(id) r', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('v', 'SELECT id FROM post TABLESAMPLE SYSTEM (10)', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('v', 'SELECT id, random() FROM post, generate_series(1, 2)', '1h', 'DIFFERENTIAL');
