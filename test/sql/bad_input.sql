-- A clear no: SQLSTATE, the offending thing, and what to do instead.  Nothing is left of a refused statement.
\set SHOW_CONTEXT never
CREATE TABLE t (id int PRIMARY KEY, x int);
CREATE FUNCTION refusal(statement text) RETURNS TABLE (state text, message text, hint text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN QUERY VALUES ('00000', 'accepted', NULL);
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
    RETURN NEXT;
END $$;
\x

-- Schedules and modes.
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('v', 'SELECT x FROM t', 'whenever')$$);
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('v', 'SELECT x FROM t', '-5s')$$);
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('v', 'SELECT x FROM t', '')$$);
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('v', 'SELECT x FROM t', NULL)$$);
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('v', 'SELECT x FROM t', '61 * * * *')$$);
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('v', 'SELECT x FROM t', '1h', 'SOMETIMES')$$);

-- Names.
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('t', 'SELECT x FROM t', '1h')$$);
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('nowhere.v', 'SELECT x FROM t', '1h')$$);
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('a.b.c.d', 'SELECT x FROM t', '1h')$$);
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('', 'SELECT x FROM t', '1h')$$);
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table(NULL, 'SELECT x FROM t', '1h')$$);
SELECT * FROM refusal($$SELECT pgtrickle.refresh_stream_table('v')$$);
SELECT * FROM refusal($$SELECT pgtrickle.refresh_stream_table('t')$$);
SELECT * FROM refusal($$SELECT * FROM pgtrickle.verify('v')$$);

-- Queries that are none, or not one.
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('v', NULL, '1h')$$);
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('v', '', '1h')$$);
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('v', 'SELEC x', '1h')$$);
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('v', 'SELECT x FROM missing', '1h')$$);
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('v', 'SELECT y FROM t', '1h')$$);
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('v', 'SELECT 1 AS a; SELECT 2 AS a', '1h')$$);
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('v', 'DELETE FROM t RETURNING x', '1h')$$);
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('v', 'WITH d AS (DELETE FROM t RETURNING x) SELECT x FROM d', '1h')$$);
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('v', 'SELECT x FROM t FOR UPDATE', '1h')$$);
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('v', 'SELECT x, x FROM t', '1h')$$);
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('v', 'SELECT FROM t', '1h')$$);
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('v', 'SELECT $1 AS x FROM t', '1h')$$);
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('v', 'SELECT row(1, 2) AS r FROM t', '1h')$$);

-- Queries that have no law.
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('v', 'SELECT x, random() AS r FROM t', '1h', 'DIFFERENTIAL')$$);
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('v', 'SELECT x, clock_timestamp() AS c FROM t', '1h', 'DIFFERENTIAL')$$);
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('v', 'SELECT nextval(''s'') AS n FROM t', '1h', 'DIFFERENTIAL')$$);
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('v', 'SELECT x FROM t ORDER BY x LIMIT 1', '1h', 'DIFFERENTIAL')$$);
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('v', 'SELECT x FROM t WHERE EXISTS (SELECT FROM t)', '1h', 'DIFFERENTIAL')$$);
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('v', 'SELECT x FROM t TABLESAMPLE SYSTEM (10)', '1h', 'DIFFERENTIAL')$$);
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('v', 'SELECT string_agg(x::text, '','') AS s FROM t', '1h', 'DIFFERENTIAL')$$);
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('v', 'SELECT x, now() AS n FROM t', '1h', 'DIFFERENTIAL')$$);

-- Relations that cannot be followed.
CREATE TEMP TABLE mine (x int);
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('v', 'SELECT x FROM mine', '1h')$$);
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('v', 'SELECT relname FROM pg_class', '1h', 'DIFFERENTIAL')$$);
CREATE MATERIALIZED VIEW m AS SELECT 1 AS x;
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('v', 'SELECT x FROM m', '1h', 'DIFFERENTIAL')$$);
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('v', 'SELECT relid FROM pgtrickle.source', '1h', 'DIFFERENTIAL')$$);

-- A name that exists as a stream table.
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('v', 'SELECT x FROM t', '1h')$$);
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('v', 'SELECT x FROM t', '1h')$$);

-- A source dropped or altered under it.
SELECT * FROM refusal($$DROP TABLE t$$);
SELECT * FROM refusal($$ALTER TABLE t DROP COLUMN x$$);
SELECT * FROM refusal($$ALTER TABLE t ALTER COLUMN x TYPE bigint$$);

-- Nothing of the refused is left.
\x
SELECT stream_table FROM pgtrickle.stream_tables_info;
SELECT count(*) FROM pgtrickle.consumer;
INSERT INTO t VALUES (1, 1);
SELECT mode FROM pgtrickle.refresh_stream_table('v');
SELECT missing, unexpected FROM pgtrickle.verify('v');
