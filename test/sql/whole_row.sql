-- Whole rows as values: of tables, derived tables and joins, where an outer join may lack them, in aggregates; ARRAY(subquery).
\getenv test PG_ABS_SRCDIR
\set refreshed :test '/include/refreshed.sql'
\i :refreshed
CREATE TABLE t (id int PRIMARY KEY, g int, x text, n numeric);
CREATE TABLE u (id int PRIMARY KEY, tid int, y text);
CREATE TABLE bare (tid int, z text);
INSERT INTO t SELECT k, k % 3, chr(97 + k % 5), k / 2.0 FROM generate_series(1, 12) k;
INSERT INTO u SELECT k, k % 14, chr(97 + k % 7) FROM generate_series(1, 30) k;
INSERT INTO bare SELECT k, NULL FROM generate_series(1, 5) k;

CREATE TEMP TABLE law (name text, query text);
INSERT INTO law VALUES
    ('documents', 'SELECT g, json_agg(t ORDER BY id) AS a, jsonb_object_agg(id, t ORDER BY id) AS b, count(t) AS c, count(DISTINCT t) AS d FROM t GROUP BY g'),
    ('derived',   'SELECT g, json_agg(q ORDER BY id) AS a, jsonb_agg(q ORDER BY q DESC) AS b FROM (SELECT id, g, x AS "X y", n FROM t) q GROUP BY g'),
    ('fields',    'SELECT g, json_agg(ROW(id, n) ORDER BY id) AS a, json_agg(DISTINCT ROW(g, x)) AS b FROM t GROUP BY g'),
    ('records',   'SELECT id, row_to_json(q) AS a, to_jsonb(q) AS b FROM (SELECT id, x AS z FROM t) q'),
    ('of_join',   'SELECT id, to_jsonb(j) AS a FROM (t JOIN u USING (id)) j'),
    ('lacking',   'SELECT t.id, to_jsonb(u) AS a, u IS NULL AS b, to_jsonb(q) AS c FROM t LEFT JOIN u ON u.tid = t.id LEFT JOIN (SELECT tid, z FROM bare) q ON q.tid = t.id'),
    ('counted',   'SELECT t.g, count(u) AS a, count(q) AS b, count(DISTINCT u) AS c, json_agg(q ORDER BY t.id, u.id) AS d FROM t LEFT JOIN u ON u.tid = t.id LEFT JOIN (SELECT tid, z FROM bare) q ON q.tid = t.id GROUP BY t.g'),
    ('grouped',   'SELECT q.g, row_to_json(q)::jsonb AS a, count(*) AS b FROM (SELECT g, x FROM t) q GROUP BY q.g, q.x, q'),
    ('chosen',    'SELECT id, (SELECT to_jsonb(u) FROM u WHERE u.tid = t.id ORDER BY u.id LIMIT 1) AS a, (SELECT to_jsonb(t) || to_jsonb(count(*)) FROM u WHERE u.tid = t.id) AS b FROM t'),
    ('arrays',    'SELECT id, ARRAY(SELECT y FROM u WHERE u.tid = t.id ORDER BY y DESC, u.id) AS a, ARRAY(SELECT n FROM u WHERE u.tid = t.id) AS b FROM t'),
    ('array_of',  'SELECT ARRAY(SELECT DISTINCT g FROM t ORDER BY g DESC) AS a, ARRAY(SELECT id FROM t ORDER BY n DESC LIMIT 3) AS b, ARRAY(SELECT ARRAY[id, g] FROM t ORDER BY id) AS c, ARRAY(SELECT x FROM t WHERE id > 100) AS d'),
    ('array_in',  'SELECT id FROM t WHERE cardinality(ARRAY(SELECT count(*) FROM u WHERE u.tid >= t.id GROUP BY y ORDER BY y)) > 2 OR ARRAY(SELECT y FROM u WHERE u.tid = t.id UNION SELECT z FROM bare WHERE bare.tid = t.id ORDER BY 1) = ARRAY[x]'),
    ('sets',      'SELECT id, unnest(ARRAY[x, ''z'']) AS a, row_number() OVER (PARTITION BY g ORDER BY id) AS r, generate_series(1, count(*) OVER (PARTITION BY g) - 3) AS s FROM t');
SELECT pgtrickle.create_stream_table(name, query, '1h', 'DIFFERENTIAL') FROM law;
SELECT * FROM lacking ORDER BY id, a->>'id' LIMIT 4;
SELECT a FROM derived WHERE g = 0;
SELECT * FROM array_of;

INSERT INTO t VALUES (20, 1, NULL, NULL), (21, NULL, 'a', 1.00), (22, 1, 'b', 1.0);
INSERT INTO u VALUES (40, 20, NULL), (41, 3, 'z');
INSERT INTO bare VALUES (20, 'b'), (21, NULL), (NULL, NULL);
SELECT * FROM refreshed;
UPDATE t SET n = n + 1, x = 'q' WHERE id % 4 = 0;
UPDATE u SET tid = tid + 1 WHERE id % 5 = 0;
DELETE FROM bare WHERE tid < 3;
SELECT * FROM refreshed;
DELETE FROM u WHERE tid IN (3, 4, 20);
DELETE FROM t WHERE g = 1;
SELECT * FROM refreshed;
TRUNCATE u;
SELECT * FROM refreshed;
SELECT * FROM arrays WHERE id = 3;

-- What keeps a row keeps columns: its table may change as ever.
ALTER TABLE t ADD COLUMN more int DEFAULT 7;
SELECT stream_tables, verdict FROM refreshed;
UPDATE t SET more = id WHERE id < 6;
SELECT stream_tables, mode, verdict FROM refreshed;
SELECT a FROM documents WHERE g = 0;

-- A table with no column that is never NULL does not tell a row of NULLs from none.
SELECT pgtrickle.create_stream_table('unknown', 'SELECT t.id, to_jsonb(bare) AS a FROM t LEFT JOIN bare ON bare.tid = t.id', '1h', 'DIFFERENTIAL');

-- NOT NULL that was never checked says nothing of the rows that are there.
CREATE TABLE v (id int PRIMARY KEY, a int);
INSERT INTO v VALUES (1, NULL), (2, 3);
ALTER TABLE v ADD CONSTRAINT later NOT NULL a NOT VALID;
SELECT pgtrickle.create_stream_table('not_in', 'SELECT id FROM t WHERE g NOT IN (SELECT a FROM v)', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('by_null', 'SELECT a, count(*) AS c FROM v GROUP BY a', '1h', 'DIFFERENTIAL');
INSERT INTO v VALUES (3, 1);
DELETE FROM v WHERE a IS NULL;
SELECT stream_tables, mode, verdict FROM refreshed WHERE stream_tables LIKE '%by_null%';
SELECT * FROM by_null ORDER BY a;
