-- Functions that answer otherwise while no table that is captured has changed: refused in DIFFERENTIAL, at their place.
\getenv test PG_ABS_SRCDIR
\set refreshed :test '/include/refreshed.sql'
\i :refreshed
CREATE TABLE t (id int PRIMARY KEY, g int, at timestamptz NOT NULL DEFAULT now(), word text);
CREATE TABLE factor (n int);
INSERT INTO t (id, g, word) SELECT k, k % 3, chr(96 + k) FROM generate_series(1, 5) k;
INSERT INTO factor VALUES (10);

CREATE FUNCTION from_table(x int) RETURNS int STABLE LANGUAGE sql AS 'SELECT x * n FROM public.factor';
CREATE FUNCTION from_plpgsql(x int) RETURNS int STABLE LANGUAGE plpgsql AS 'BEGIN RETURN x * (SELECT n FROM public.factor); END';
CREATE FUNCTION plain(x int) RETURNS int STABLE LANGUAGE sql AS 'SELECT $1 * 2 + 1';
CREATE FUNCTION standard(x int) RETURNS int STABLE LANGUAGE sql RETURN x * 3;
CREATE FUNCTION nested(x int) RETURNS int STABLE LANGUAGE sql AS 'SELECT public.plain($1) + public.standard(x)';
CREATE FUNCTION hides(x int) RETURNS int STABLE LANGUAGE sql AS 'SELECT public.from_plpgsql(x) + 1';
CREATE FUNCTION is_late(at timestamptz) RETURNS bool STABLE LANGUAGE sql AS 'SELECT at < now() - interval ''1 hour''';
CREATE FUNCTION sure(x int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN x + 1; END';
CREATE FUNCTION add_up(a int, b int) RETURNS int STABLE LANGUAGE plpgsql AS 'BEGIN RETURN a + b; END';
CREATE AGGREGATE added(int) (sfunc = add_up, stype = int, initcond = '0');

CREATE FUNCTION refused(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE said text; hint text; detail text;
BEGIN
    PERFORM pgtrickle.create_stream_table('refused', query, '1h', 'DIFFERENTIAL');
    PERFORM pgtrickle.drop_stream_table('refused');
    RETURN 'taken';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS said = MESSAGE_TEXT;
    RETURN sqlstate || ' ' || said;
END $$;
SELECT query, refused(query) FROM (VALUES
    ('SELECT id, from_table(g) AS a FROM t'), ('SELECT id, from_plpgsql(g) AS a FROM t'), ('SELECT id, hides(g) AS a FROM t'),
    ('SELECT id FROM t WHERE from_table(g) > 1'), ('SELECT g, sum(from_table(id)) AS a FROM t GROUP BY g'), ('SELECT g, added(id) AS a FROM t GROUP BY g'),
    ('SELECT id, a FROM t, LATERAL (SELECT from_plpgsql(t.g)) f(a)'),
    ('SELECT id, current_setting(''work_mem'') AS a FROM t'), ('SELECT id, txid_current() AS a FROM t'), ('SELECT id, has_table_privilege(word, ''SELECT'') AS a FROM t'),
    ('SELECT id, pg_relation_size(''t'') AS a FROM t'), ('SELECT id, word::regclass::text AS a FROM t'), ('SELECT id, pg_column_size(word) AS a FROM t'),
    ('SELECT id, random() AS a FROM t'), ('SELECT id, clock_timestamp() AS a FROM t'), ('SELECT id, gen_random_uuid() AS a FROM t'), ('SELECT id FROM t WHERE random() < 0.5'),
    ('SELECT id FROM t TABLESAMPLE bernoulli(50)')) q(query);
-- Where it is said.
SELECT pgtrickle.create_stream_table('at_its_place', 'SELECT id, 1 + from_table(g) AS a FROM t', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('at_its_place', 'SELECT id, current_setting(word) AS a FROM t', '1h', 'DIFFERENTIAL');

-- A body that the server would put in the place of the call is seen.  What depends on settings only keeps those.
SELECT pgtrickle.create_stream_table(name, query, '1h', 'DIFFERENTIAL') FROM (VALUES
    ('bodies', 'SELECT id, plain(g) AS a, standard(g) AS b, nested(id) AS c, sure(id) AS d FROM t WHERE plain(id) > 1'),
    ('grouped', 'SELECT plain(g) AS a, max(nested(id)) AS b FROM t GROUP BY plain(g)'),
    ('late', 'SELECT id FROM t WHERE is_late(at)'),
    ('settings', 'SELECT id, to_char(at, ''TZ'') AS a, pg_typeof(g) = ''int''::regtype AS b, concat(id, word) AS c, to_jsonb(word) AS d, at::date AS e FROM t')) q(name, query);
INSERT INTO t VALUES (6, 2, '2020-01-01', 'z');
UPDATE t SET g = 7 WHERE id = 1;
SELECT * FROM refreshed;
SELECT * FROM bodies ORDER BY id;
SELECT * FROM late;

-- AUTO runs the query again, also where none of its tables has changed.
SELECT pgtrickle.create_stream_table('auto', 'SELECT id, from_table(g) AS a FROM t WHERE id < 3', '1h', 'AUTO');
UPDATE factor SET n = 100;
SELECT mode FROM pgtrickle.refresh_stream_table('auto');
SELECT * FROM auto ORDER BY id;
