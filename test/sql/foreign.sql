-- A foreign table is read as a whole at each refresh and compared with a copy.
\set SHOW_CONTEXT never
CREATE EXTENSION postgres_fdw;
CREATE EXTENSION file_fdw;
SELECT current_setting('port') AS port, current_database() AS db, split_part(current_setting('unix_socket_directories'), ',', 1) AS host, current_setting('data_directory') || '/foreign.csv' AS file \gset
CREATE SERVER loopback FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host :'host', port :'port', dbname :'db');
CREATE USER MAPPING FOR CURRENT_USER SERVER loopback;
CREATE TABLE there (id int PRIMARY KEY, city text, heads numeric);
INSERT INTO there VALUES (1, 'Rome', 3), (2, 'Oslo', 1.0), (3, 'Rome', 5);
CREATE FOREIGN TABLE town (id int, city text, heads numeric) SERVER loopback OPTIONS (table_name 'there');
CREATE TABLE here (city text, land text);
INSERT INTO here VALUES ('Rome', 'IT'), ('Oslo', 'NO');

SELECT pgtrickle.create_stream_table('heads', 'SELECT city, sum(heads) AS heads FROM town GROUP BY city', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('lands', 'SELECT h.land, t.id FROM here h JOIN town t USING (city)', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('heedless', 'SELECT count(*) AS n FROM town');
SELECT pgtrickle.drop_stream_table('heedless');
SELECT operator, law, access FROM pgtrickle.explain_stream_table('lands') WHERE operator LIKE '%cop%';
SELECT * FROM heads ORDER BY 1;
INSERT INTO there VALUES (4, 'Oslo', 2), (5, NULL, NULL);
UPDATE there SET heads = 3.00 WHERE id = 1;
DELETE FROM there WHERE id = 3;
SELECT mode, rows_in FROM pgtrickle.refresh_stream_table('heads');
SELECT * FROM heads ORDER BY 1;
SELECT missing, unexpected FROM pgtrickle.verify('heads');
SELECT mode FROM pgtrickle.refresh_stream_table('heads');
INSERT INTO here VALUES ('Rome', 'GE');
SELECT mode, rows_in FROM pgtrickle.refresh_stream_table('lands');
SELECT * FROM lands ORDER BY 1, 2;
SELECT missing, unexpected FROM pgtrickle.verify('lands');
SELECT count(*) FROM pgtrickle.copy;

-- A server that does not answer stops those that read it, which keep what they have.
CREATE TABLE near (x int);
SELECT pgtrickle.create_stream_table('counted', 'SELECT count(*) AS n FROM near', '1h', 'DIFFERENTIAL');
ALTER TABLE there RENAME TO gone;
DO $$ BEGIN PERFORM pgtrickle.refresh_stream_table('heads'); EXCEPTION WHEN OTHERS THEN RAISE NOTICE '% %', sqlstate, sqlerrm; END $$;
INSERT INTO near VALUES (1);
SELECT mode FROM pgtrickle.refresh_stream_table('counted');
SELECT * FROM heads ORDER BY 1;
ALTER TABLE gone RENAME TO there;
SELECT mode FROM pgtrickle.refresh_stream_table('heads');
SELECT missing, unexpected FROM pgtrickle.verify('heads');

-- The scheduler compares it as often as the schedule says; what goes wrong is in the status, and is tried again.
CREATE FUNCTION in_time(what text) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE done bool;
BEGIN
    FOR i IN 1 .. 1000 LOOP
        EXECUTE 'SELECT ' || what INTO done;
        IF done THEN RETURN true; END IF;
        PERFORM pg_sleep(0.02);
    END LOOP;
    RETURN false;
END $$;
SELECT pgtrickle.create_stream_table('often', 'SELECT sum(id) AS ids FROM town', '0.2s', 'DIFFERENTIAL');
BEGIN; INSERT INTO there VALUES (100, 'Bern', 1); COMMIT;
SELECT in_time('ids > 100 FROM often');
ALTER TABLE there RENAME TO gone;
SELECT in_time($$consecutive_errors > 0 AND last_sqlstate = '42P01' AND retry_at IS NOT NULL FROM pgtrickle.health WHERE id = pgtrickle._stream_table_id('often')$$);
SELECT status, last_error FROM pgtrickle.pgt_status() WHERE name = 'often';
ALTER TABLE gone RENAME TO there;
DELETE FROM there WHERE id = 100;
SELECT in_time('ids < 100 FROM often');
SELECT in_time($$status = 'ACTIVE' FROM pgtrickle.pgt_status() WHERE name = 'often'$$);
SELECT pgtrickle.drop_stream_table('often');

-- It is read as the stream table's owner, with his user mapping and his rights.
CREATE ROLE regress_trickle_guest;
GRANT CREATE ON SCHEMA public TO regress_trickle_guest;
SET ROLE regress_trickle_guest;
SELECT pgtrickle.create_stream_table('stolen', 'SELECT city FROM town', '1h', 'DIFFERENTIAL');
RESET ROLE;
GRANT SELECT ON town TO regress_trickle_guest;
SET ROLE regress_trickle_guest;
SELECT pgtrickle.create_stream_table('stolen', 'SELECT city FROM town', '1h', 'DIFFERENTIAL');
RESET ROLE;

-- Files, read under the settings that were in force.
COPY (SELECT i, CASE WHEN i % 3 > 0 THEN 'name ' || i % 3 END, timestamp '2024-01-01' + i * interval '1 hour' FROM generate_series(1, 9) i)
    TO :'file' (FORMAT csv);
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE line (n int, name text, at timestamptz) SERVER files OPTIONS (filename :'file', format 'csv');
SET timezone = 'Asia/Tokyo';
SELECT pgtrickle.create_stream_table('tokyo', 'SELECT name, max(at) AS last FROM line GROUP BY name', '1h', 'DIFFERENTIAL');
SET timezone = 'UTC';
SELECT pgtrickle.create_stream_table('utc', 'SELECT name, max(at) AS last FROM line GROUP BY name', '1h', 'DIFFERENTIAL');
SELECT tokyo.name, utc.last - tokyo.last AS later FROM utc JOIN tokyo USING (name) ORDER BY 1;
COPY (SELECT i, 'name ' || i % 2, timestamp '2025-01-01' + i * interval '1 hour' FROM generate_series(5, 12) i) TO :'file' (FORMAT csv);
SELECT mode FROM pgtrickle.refresh_stream_table('tokyo');
SELECT missing, unexpected FROM pgtrickle.verify('tokyo');
SELECT missing, unexpected FROM pgtrickle.verify('utc');
SELECT tokyo.name, utc.last - tokyo.last AS later FROM utc JOIN tokyo USING (name) ORDER BY 1;

-- Without a column, and a foreign table among partitions, whose changes no trigger of ours sees.
SELECT pgtrickle.create_stream_table('lines', 'SELECT count(*) AS n FROM line', '1h', 'DIFFERENTIAL');
SELECT * FROM lines;
SELECT missing, unexpected FROM pgtrickle.verify('lines');
CREATE TABLE parted (id int, city text, heads numeric) PARTITION BY LIST (city);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN ('Bern');
CREATE FOREIGN TABLE parted_2 PARTITION OF parted FOR VALUES IN ('Rome') SERVER loopback OPTIONS (table_name 'there');
SELECT pgtrickle.create_stream_table('parts', 'SELECT id FROM parted', '1h', 'DIFFERENTIAL');
INSERT INTO parted VALUES (10, 'Bern', 4);
INSERT INTO there VALUES (11, 'Rome', 4);
SELECT mode, rows_in FROM pgtrickle.refresh_stream_table('parts');
SELECT missing, unexpected FROM pgtrickle.verify('parts');
CREATE TABLE joined (id int, city text) PARTITION BY LIST (city);
CREATE TABLE joined_1 PARTITION OF joined FOR VALUES IN ('Bern');
INSERT INTO joined VALUES (1, 'Bern');
SELECT pgtrickle.create_stream_table('joins', 'SELECT id, city FROM joined', '1h', 'DIFFERENTIAL');
CREATE FOREIGN TABLE joined_2 (id int, city text) SERVER loopback OPTIONS (table_name 'there');
ALTER TABLE joined ATTACH PARTITION joined_2 FOR VALUES IN ('Rome', 'Oslo', NULL);
SELECT mode FROM pgtrickle.refresh_stream_table('joins');
SELECT missing, unexpected FROM pgtrickle.verify('joins');
DELETE FROM there WHERE id = 2;
SELECT mode FROM pgtrickle.refresh_stream_table('joins');
SELECT missing, unexpected FROM pgtrickle.verify('joins');
ALTER TABLE joined DETACH PARTITION joined_2;
SELECT mode FROM pgtrickle.refresh_stream_table('joins');
SELECT missing, unexpected FROM pgtrickle.verify('joins');
INSERT INTO joined VALUES (2, 'Bern');
SELECT mode, rows_in FROM pgtrickle.refresh_stream_table('joins');
SELECT missing, unexpected FROM pgtrickle.verify('joins');
SELECT pgtrickle.create_stream_table('now', 'SELECT id FROM town', refresh_mode => 'IMMEDIATE');

-- The query may read others later.
SELECT pgtrickle.alter_stream_table('heads', query => 'SELECT name AS city, sum(n)::numeric AS heads FROM line GROUP BY name');
SELECT missing, unexpected FROM pgtrickle.verify('heads');
CREATE VIEW over AS SELECT city FROM town;
SELECT pgtrickle.create_stream_table('behind', 'SELECT city, count(*) AS n FROM over GROUP BY city', '1h', 'DIFFERENTIAL');
CREATE OR REPLACE VIEW over AS SELECT name AS city FROM line;
SELECT mode, reason FROM pgtrickle.refresh_stream_table('behind');
SELECT missing, unexpected FROM pgtrickle.verify('behind');

DROP FOREIGN TABLE line CASCADE;
DROP TABLE parted, joined CASCADE;
SELECT pgtrickle.drop_stream_table('lands');
SELECT pgtrickle.drop_stream_table('counted');
SELECT count(*) FROM pgtrickle.copy;
DROP EXTENSION postgres_fdw, file_fdw CASCADE;
DROP TABLE there, here, near;
REVOKE CREATE ON SCHEMA public FROM regress_trickle_guest;
DROP ROLE regress_trickle_guest;
DROP FUNCTION in_time;
COPY (SELECT) TO :'file';
