-- A new query may have other columns: the stream table gets them, and what is not touched by that stays as it is.
\set SHOW_CONTEXT never
CREATE TABLE t (id int PRIMARY KEY, x int, y text, z numeric(8,2));
INSERT INTO t SELECT i, i % 3, 'y' || i % 2, i / 4.0 FROM generate_series(1, 12) i;
CREATE ROLE alter_columns_reader;
SELECT pgtrickle.create_stream_table('v', 'SELECT x, y, count(*) AS n, sum(z) AS s FROM t GROUP BY x, y', '1h');
SELECT 'v'::regclass::oid AS oid \gset
CREATE VIEW columns AS
    SELECT a.attname, format_type(a.atttypid, a.atttypmod) AS type, a.attacl IS NOT NULL AS granted, col_description(a.attrelid, a.attnum) AS comment
    FROM pg_attribute a WHERE a.attrelid = 'v'::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum;
GRANT SELECT ON v TO alter_columns_reader;
GRANT SELECT (n) ON v TO alter_columns_reader;
CREATE INDEX v_n ON v (n);
CREATE INDEX v_s ON v (s DESC);
COMMENT ON COLUMN v.n IS 'how many';
COMMENT ON TABLE v IS 'kept';
SELECT pgtrickle.create_stream_table('above', 'SELECT x, sum(n) AS total FROM v GROUP BY x', '1h');

-- One more column, at the end.  Who reads the others finds nothing changed.
SELECT pgtrickle.alter_stream_table('v', query => 'SELECT x, y, count(*) AS n, sum(z) AS s, max(id) AS last FROM t GROUP BY x, y');
TABLE columns;
SELECT missing, unexpected FROM pgtrickle.verify('v');
SELECT mode, rows_out FROM pgtrickle.refresh_stream_table('above');
SELECT missing, unexpected FROM pgtrickle.verify('above');

-- A column less that nobody reads; its index goes, the others stay.
SELECT pgtrickle.alter_stream_table('v', query => 'SELECT x, y, count(*) AS n, max(id) AS last FROM t GROUP BY x, y');
TABLE columns;
SELECT indexrelid::regclass FROM pg_index WHERE indrelid = 'v'::regclass AND NOT indisprimary ORDER BY 1;
SELECT missing, unexpected FROM pgtrickle.verify('v');
SELECT mode, rows_out FROM pgtrickle.refresh_stream_table('above');

-- Another name for what is computed alike: readers follow, as with ALTER TABLE … RENAME COLUMN.
SELECT pgtrickle.alter_stream_table('v', query => 'SELECT x, y, count(*) AS number, max(id) AS last FROM t GROUP BY x, y');
TABLE columns;
SELECT mode, rows_out FROM pgtrickle.refresh_stream_table('above');
INSERT INTO t VALUES (13, 1, 'y1', 5), (14, 7, 'y7', NULL);
DELETE FROM t WHERE id < 3;
SELECT missing, unexpected FROM pgtrickle.verify('above');
SELECT missing, unexpected FROM pgtrickle.verify('v');

-- Another name for something else is another column.
SELECT pgtrickle.alter_stream_table('v', query => 'SELECT x, y, count(z) AS valued, max(id) AS last FROM t GROUP BY x, y');

-- What is read cannot be dropped, moved or become another type; who reads it is named.
SELECT pgtrickle.alter_stream_table('v', query => 'SELECT x, y FROM t GROUP BY x, y');
SELECT pgtrickle.alter_stream_table('v', query => 'SELECT x, y, count(*)::int AS number, max(id) AS last FROM t GROUP BY x, y');
SELECT pgtrickle.alter_stream_table('v', query => 'SELECT x, y, min(id) AS first, count(*) AS number FROM t GROUP BY x, y');
CREATE VIEW looks AS SELECT last FROM v;
SELECT pgtrickle.alter_stream_table('v', query => 'SELECT x, y, count(*) AS number FROM t GROUP BY x, y');
DROP VIEW looks;
TABLE columns;
SELECT missing, unexpected FROM pgtrickle.verify('v');

-- What nobody reads moves, becomes another type, and takes along what belongs to it.
CREATE INDEX v_last ON v (last) WHERE last > 3;
COMMENT ON COLUMN v.last IS 'newest';
GRANT SELECT (last) ON v TO alter_columns_reader;
SELECT pgtrickle.alter_stream_table('v', query => 'SELECT x, y::varchar(20) AS y, count(*) AS number, min(id) AS first, max(id) AS last FROM t GROUP BY x, y');
TABLE columns;
SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 'v'::regclass AND indexrelid::regclass::text LIKE 'v\_%' ORDER BY 1;
SELECT missing, unexpected FROM pgtrickle.verify('v');
SELECT mode, rows_out FROM pgtrickle.refresh_stream_table('above');
SELECT missing, unexpected FROM pgtrickle.verify('above');

-- A type that the values do not fit.
SELECT pgtrickle.alter_stream_table('v', query => 'SELECT x, max(id) AS y, count(*) AS number FROM t GROUP BY x');
TABLE columns;
SELECT missing, unexpected FROM pgtrickle.verify('v');
INSERT INTO t VALUES (15, 1, 'y1', 5);
SELECT missing, unexpected FROM pgtrickle.verify('above');
SELECT 'v'::regclass::oid = :oid AS same, obj_description('v'::regclass) AS comment, has_table_privilege('alter_columns_reader', 'v', 'SELECT') AS granted;

-- A query that fails changes nothing, whichever way it fails.
SELECT pgtrickle.alter_stream_table('v', query => 'SELECT x, 1 / (x - x) AS y, count(*) AS number, 1 AS one FROM t GROUP BY x');
SELECT pgtrickle.alter_stream_table('v', query => 'SELECT x, nothing AS y FROM t');
SELECT pgtrickle.alter_stream_table('v', query => 'SELECT x, max(id) AS y, count(*) AS number, random() AS r FROM t GROUP BY x', refresh_mode => 'DIFFERENTIAL');
SELECT pgtrickle.alter_stream_table('v', query => 'SELECT total AS x, 1 AS y, 2::bigint AS number FROM above');
TABLE columns;
BEGIN;
SAVEPOINT s;
SELECT pgtrickle.alter_stream_table('v', query => 'SELECT x, max(id) AS y, count(*) AS number, 7 AS seven FROM t GROUP BY x');
ROLLBACK TO s;
SELECT missing, unexpected FROM pgtrickle.verify('v');
COMMIT;
INSERT INTO t VALUES (16, 1, 'y1', 5);
SELECT mode FROM pgtrickle.refresh_stream_table('v');
SELECT missing, unexpected FROM pgtrickle.verify('above');

-- Every mode, and from every mode to every other, with more columns each time and fewer again.
CREATE PROCEDURE through_the_modes() LANGUAGE plpgsql AS $$
DECLARE
    mode text;
    turn int := 0;
    wrong bigint;
BEGIN
    FOREACH mode IN ARRAY ARRAY['FULL', 'DIFFERENTIAL', 'IMMEDIATE', 'AUTO', 'IMMEDIATE', 'FULL', 'AUTO', 'DIFFERENTIAL', 'FULL', 'IMMEDIATE', 'DIFFERENTIAL', 'AUTO'] LOOP
        turn := turn + 1;
        PERFORM pgtrickle.create_or_replace_stream_table('v', 'SELECT x, max(id) AS y, count(*) AS number' ||
            CASE turn % 3 WHEN 0 THEN '' WHEN 1 THEN ', min(z) AS least' ELSE ', string_agg(y, '','' ORDER BY id) AS all, avg(z) AS mean' END || ' FROM t GROUP BY x',
            '1h', mode);
        IF mode = 'IMMEDIATE' THEN COMMIT; END IF;
        INSERT INTO t VALUES (100 + turn, turn % 4, 'turn', turn);
        UPDATE t SET z = z + 1, x = x + turn % 2 WHERE id % 5 = turn % 5;
        DELETE FROM t WHERE id = 100 + turn / 2;
        SELECT sum(missing + unexpected) INTO wrong FROM unnest(ARRAY['v', 'above']) s, pgtrickle.verify(s);
        RAISE NOTICE '% %: % wrong, %', turn, mode, wrong, (SELECT refresh_mode FROM pgtrickle.pgt_status() WHERE name = 'v');
        COMMIT;
    END LOOP;
END $$;
CALL through_the_modes();
TABLE columns;

-- Paused, it gets the rows of its new query and stays paused.  Never filled, it stays so until its time.
SELECT pgtrickle.pause_stream_table('v');
SELECT pgtrickle.alter_stream_table('v', query => 'SELECT x, max(id) AS y, count(*) AS number, 1 AS one FROM t GROUP BY x');
SELECT status FROM pgtrickle.pgt_status() WHERE name = 'v';
INSERT INTO t VALUES (17, 1, 'y1', 5);
SELECT count(*) FILTER (WHERE one = 1) = count(*) AS new_query, max(y) FILTER (WHERE x = 1) < 17 OR max(y) > 17 AS as_of_then FROM v;
SELECT pgtrickle.resume_stream_table('v');
SELECT missing, unexpected FROM pgtrickle.verify('v');
BEGIN;
SELECT pgtrickle.create_stream_table('unfilled', 'SELECT id, x FROM t', '1h', initialize => false);
SELECT pgtrickle.pause_stream_table('unfilled');
SELECT pgtrickle.alter_stream_table('unfilled', query => 'SELECT id, y, z FROM t WHERE x = 1');
COMMIT;
SELECT status, is_populated FROM pgtrickle.pgt_status() WHERE name = 'unfilled';
SELECT missing, unexpected FROM pgtrickle.verify('unfilled');

-- Nobody else may change columns.
ALTER TABLE v ADD COLUMN mine int;

SELECT pgtrickle.drop_stream_table('v', true);
DROP OWNED BY alter_columns_reader;
DROP ROLE alter_columns_reader;
