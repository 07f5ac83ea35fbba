-- Looking: what there is and how it does.
\set SHOW_CONTEXT never
CREATE TABLE a (id int PRIMARY KEY, x int);
CREATE TABLE b (id int PRIMARY KEY, a int);
CREATE VIEW through AS SELECT id, x FROM a WHERE x > 0;
SELECT pgtrickle.create_stream_table('sums', 'SELECT x, count(*) AS n FROM through GROUP BY x', '1h');
SELECT pgtrickle.create_stream_table('joined', 'SELECT b.id, s.n FROM b JOIN sums s ON s.x = b.a', '1h');

SELECT name, status, refresh_mode, schedule, is_populated, staleness, consecutive_errors, last_error FROM pgtrickle.pgt_status();
SELECT pgt_schema, pgt_name, status, refresh_mode, schedule, is_populated, consecutive_errors FROM pgtrickle.pgt_stream_tables ORDER BY 2;

-- Stale as soon as something waits, no longer after the refresh.
INSERT INTO a VALUES (1, 1), (2, -1);
SELECT name, staleness > interval '0' AS stale FROM pgtrickle.pgt_status();
SELECT source_table, consumer, kind, pending_rows FROM pgtrickle.change_log_sizes() WHERE kind = 'view';
SELECT mode FROM pgtrickle.refresh_stream_table('sums');
SELECT mode FROM pgtrickle.refresh_stream_table('joined');
SELECT name, staleness > interval '0' AS stale FROM pgtrickle.pgt_status();
SELECT source_table, consumer, kind, pending_rows FROM pgtrickle.change_log_sizes() WHERE kind = 'view';

-- Where the data comes from and goes to.
SELECT * FROM pgtrickle.list_sources('sums');
SELECT * FROM pgtrickle.list_sources('joined');
SELECT * FROM pgtrickle.dependency_tree();
SELECT regexp_replace(pgtrickle.explain_dag(), 'n\d+', 'n', 'g');
SELECT regexp_replace(pgtrickle.explain_dag('dot'), 'n\d+', 'n', 'g');
SELECT pgtrickle.explain_dag('png');

-- Each refresh is remembered.
SELECT mode, reason, rows_in, rows_out, error FROM pgtrickle.get_refresh_history('sums');
SELECT mode FROM pgtrickle.get_refresh_history('sums', max_rows => 1);
SELECT pgtrickle.get_refresh_history('sums', 0);
SELECT schemaname, relname, refreshes, errors FROM pgtrickle.pg_stat_stream_tables ORDER BY relname;

-- The definition as SQL that makes it again.
SELECT regexp_replace(pgtrickle.export_definition('sums'), 'SELECT pg_catalog.set_config.*?;\n', '', 'g');
SELECT pgtrickle.export_definition('sums') AS made \gset
SELECT pgtrickle.drop_stream_table('sums', cascade => true);
\o /dev/null
:made
\o
SELECT missing, unexpected FROM pgtrickle.verify('sums');

-- A failing stream table says so, is left out, and recovers when the cause is gone.
SELECT pgtrickle.create_stream_table('ratio', 'SELECT id, 10 / x AS r FROM a', '1h');
INSERT INTO a VALUES (3, 0);
SELECT pgtrickle.refresh_stream_table('ratio');
CREATE FUNCTION becomes(condition text) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE
    is_so bool;
BEGIN
    FOR i IN 1..600 LOOP
        EXECUTE 'SELECT ' || condition INTO is_so;
        EXIT WHEN is_so;
        PERFORM pg_sleep(0.05);
    END LOOP;
    RETURN is_so;
END $$;
SELECT pgtrickle.alter_stream_table('ratio', schedule => 'calculated');
INSERT INTO a VALUES (4, 0);
SELECT becomes($$(SELECT status = 'ERROR' FROM pgtrickle.pgt_status() WHERE name = 'ratio')$$);
SELECT name, status, consecutive_errors > 0 AS failed, last_error FROM pgtrickle.pgt_status() ORDER BY name;
SELECT check_name, severity FROM pgtrickle.health_check() WHERE check_name = 'errors';
SELECT mode, error FROM pgtrickle.get_refresh_history('ratio', 1);
DELETE FROM a WHERE x = 0;
SELECT becomes($$(SELECT status = 'ACTIVE' FROM pgtrickle.pgt_status() WHERE name = 'ratio')$$);
SELECT name, status, consecutive_errors, last_error FROM pgtrickle.pgt_status() ORDER BY name;
SELECT missing, unexpected FROM pgtrickle.verify('ratio');

-- explain names operators, arrangements and costs.
SELECT count(*) > 0 AS explained FROM pgtrickle.explain_stream_table('sums');
SELECT count(*) > 0 AS explained FROM pgtrickle.explain_delta('sums');
SELECT pgtrickle.version();
SELECT pgtrickle.list_sources('missing');
SELECT pgtrickle.list_sources('a');
