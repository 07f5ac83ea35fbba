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
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('v w', 'SELECT x FROM t', '1h')$$);
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('public.""', 'SELECT x FROM t', '1h')$$);
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('elsewhere.public.v', 'SELECT x FROM t', '1h')$$);
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('pgtrickle.v', 'SELECT x FROM t', '1h')$$);
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('pgtrickle_state.v', 'SELECT x FROM t', '1h')$$);
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('pg_catalog.v', 'SELECT x FROM t', '1h')$$);
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('pg_temp.v', 'SELECT x FROM t', '1h')$$);
SELECT * FROM refusal($$SELECT pgtrickle.refresh_stream_table('v')$$);
SELECT * FROM refusal($$SELECT pgtrickle.refresh_stream_table('t')$$);
SELECT * FROM refusal($$SELECT * FROM pgtrickle.verify('v')$$);
SELECT * FROM refusal($$SELECT pgtrickle.drop_stream_table(NULL)$$);
SELECT * FROM refusal($$SELECT pgtrickle.drop_stream_table('v w')$$);

-- The other arguments.
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('v', 'SELECT x FROM t', refresh_mode => NULL)$$);
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('v', 'SELECT x FROM t', refresh_mode => '')$$);
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('v', 'SELECT x FROM t', cdc_mode => 'wal')$$);
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('v', 'SELECT x FROM t', cdc_mode => '')$$);
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('v', 'SELECT x FROM t', append_only => true)$$);
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('v', 'SELECT x FROM t', partition_by => 'x')$$);
SELECT * FROM refusal($$SELECT pgtrickle.explain_dag(NULL)$$);

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
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('v', 'SELECT x FROM t ORDER BY x LIMIT 3 * random()', '1h', 'DIFFERENTIAL')$$);
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('v', 'SELECT x FROM t WHERE EXISTS (SELECT FROM t WHERE random() > 0.5)', '1h', 'DIFFERENTIAL')$$);
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('v', 'SELECT x FROM t TABLESAMPLE SYSTEM (10)', '1h', 'DIFFERENTIAL')$$);
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('v', 'SELECT x FROM t TABLESAMPLE SYSTEM (10)', '1h', 'DIFFERENTIAL')$$);

-- Relations that cannot be followed.
CREATE TEMP TABLE mine (x int);
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('v', 'SELECT x FROM mine', '1h')$$);
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('v', 'SELECT relname FROM pg_class', '1h', 'DIFFERENTIAL')$$);
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('v', 'SELECT table_name FROM information_schema.tables')$$);
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('v', 'SELECT x FROM t WHERE xmin IS NOT NULL')$$);
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('v', 'SELECT x FROM (SELECT x FROM t TABLESAMPLE SYSTEM (10)) s')$$);
CREATE MATERIALIZED VIEW m AS SELECT 1 AS x;
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('v', 'SELECT x FROM m', '1h', 'IMMEDIATE')$$);
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('v', 'SELECT relid FROM pgtrickle.source', '1h', 'DIFFERENTIAL')$$);

-- At the word that names it.
SELECT pgtrickle.create_stream_table('v', 'WITH c AS (SELECT x FROM t) SELECT c.x FROM c WHERE EXISTS (SELECT FROM pg_class WHERE oid::int = c.x)');
SELECT pgtrickle.create_stream_table('v', 'SELECT x FROM t JOIN m USING (x)', '1h', 'IMMEDIATE');
SELECT "position", message FROM pgtrickle.validate_query('SELECT relid FROM pgtrickle.source');

-- A name that exists as a stream table.
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('v', 'SELECT x FROM t', '1h')$$);
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('v', 'SELECT x FROM t', '1h')$$);

-- A source dropped or altered under it.
SELECT * FROM refusal($$DROP TABLE t$$);
SELECT * FROM refusal($$ALTER TABLE t DROP COLUMN x$$);
SELECT * FROM refusal($$ALTER TABLE t ALTER COLUMN x TYPE bigint$$);
SELECT * FROM refusal($$ALTER TABLE t SET UNLOGGED$$);

-- A circle, straight or through a view.
SELECT * FROM refusal($$SELECT pgtrickle.create_stream_table('w', 'SELECT x FROM v', '1h')$$);
CREATE VIEW around AS SELECT x FROM w;
SELECT * FROM refusal($$SELECT pgtrickle.alter_stream_table('v', query => 'SELECT x FROM v')$$);
SELECT * FROM refusal($$SELECT pgtrickle.alter_stream_table('v', query => 'SELECT x FROM around')$$);
SELECT * FROM refusal($$SELECT pgtrickle.create_or_replace_stream_table('v', 'SELECT x FROM w')$$);
SELECT * FROM refusal($$SELECT pgtrickle.alter_stream_table('v', status => 'asleep')$$);
SELECT * FROM refusal($$SELECT pgtrickle.get_refresh_history('v', 0)$$);
SELECT * FROM refusal($$SELECT pgtrickle.drop_stream_table('v')$$);
DROP VIEW around;
SELECT pgtrickle.drop_stream_table('w');

-- Its rows and its columns are its query's.
SELECT * FROM refusal($$INSERT INTO v VALUES (1)$$);
SELECT * FROM refusal($$TRUNCATE v$$);
SELECT * FROM refusal($$ALTER TABLE v ADD COLUMN y int$$);
SELECT * FROM refusal($$ALTER TABLE v DROP COLUMN x$$);
SELECT * FROM refusal($$ALTER TABLE v ALTER COLUMN x TYPE bigint$$);
SELECT * FROM refusal($$ALTER TABLE v RENAME COLUMN x TO y$$);
SELECT * FROM refusal($$ALTER TABLE v INHERIT t$$);
SELECT * FROM refusal($$ALTER TABLE v SET UNLOGGED$$);
-- What is beside them is its owner's.
SELECT * FROM refusal($$ALTER TABLE v SET (fillfactor = 50)$$);
SELECT * FROM refusal($$ALTER TABLE v ALTER COLUMN x SET STATISTICS 100$$);

-- Nothing of the refused is left.
\x
SELECT stream_table FROM pgtrickle.stream_tables_info;
SELECT count(*) FROM pgtrickle.consumer;
INSERT INTO t VALUES (1, 1);
SELECT mode FROM pgtrickle.refresh_stream_table('v');
SELECT missing, unexpected FROM pgtrickle.verify('v');
