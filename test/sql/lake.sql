-- A lake's books: what is accepted, what is refused and how, which type becomes which. Nothing here is committed but
-- what fails, so no trickle-lake is needed.
\set SHOW_CONTEXT never
CREATE TABLE orders (id bigint PRIMARY KEY, total numeric(10,2) NOT NULL, placed timestamptz);
SELECT pgtrickle.publish('orders');
SELECT pgtrickle.publish_now();

-- Data paths and options.
SELECT pgtrickle.create_lake('l', 'somewhere/else');
SELECT pgtrickle.create_lake('l', '/srv/../etc');
\set VERBOSITY terse
SELECT pgtrickle.create_lake('l', '/proc/nowhere/lake');
\set VERBOSITY default
SELECT pgtrickle.create_lake('l', 's3://bucket/prefix', options => '{"colour": "blue"}');
SELECT pgtrickle.create_lake('l', 's3://bucket/prefix', options => '{"numeric_scale": 39}');
SELECT pgtrickle.create_lake('l', 's3://bucket/prefix', options => '{"server": "none"}');
SELECT pgtrickle.create_lake(NULL, 's3://bucket/prefix');
SELECT pgtrickle.create_lake('l', '');
SELECT pgtrickle.create_lake('l', 's3://');
SELECT pgtrickle.create_lake('l', 's3://bucket/prefix', '');
SELECT pgtrickle.create_lake('l', 's3://bucket/prefix', 'pgtrickle_state');
SELECT pgtrickle.create_lake('l', 's3://bucket/prefix', options => '[]');
SELECT pgtrickle.create_lake('l', 's3://bucket/prefix', options => '"check_path"');
SELECT pgtrickle.create_lake('l', '/tmp', options => '{"server": "none"}');
SELECT pgtrickle.create_lake('l', 's3://bucket/prefix', options => '{"iceberg": "sometimes"}');
SELECT pgtrickle.create_lake('l', 's3://bucket/prefix', options => '{"iceberg_snapshots": 0}');
SELECT pgtrickle.create_lake('l', 's3://bucket/100%');
SELECT pgtrickle.drop_lake(NULL);

-- Options of an object store.
CREATE SERVER store FOREIGN DATA WRAPPER pg_trickle_s3 OPTIONS (endpiont 'localhost:9000');
CREATE SERVER store FOREIGN DATA WRAPPER pg_trickle_s3 OPTIONS (endpoint 'http://localhost:9000');
CREATE SERVER store FOREIGN DATA WRAPPER pg_trickle_s3 OPTIONS (scheme 'ftp');
CREATE SERVER store FOREIGN DATA WRAPPER pg_trickle_s3 OPTIONS (endpoint 'localhost:9000', region 'r', scheme 'http', path_style 'true');
CREATE USER MAPPING FOR CURRENT_USER SERVER store OPTIONS (password 'secret');
CREATE USER MAPPING FOR CURRENT_USER SERVER store OPTIONS (access_key_id 'a', secret_access_key 'b', session_token 'c');
CREATE FOREIGN TABLE files (x int) SERVER store OPTIONS (path 'p');
SET client_min_messages = warning;
DROP SERVER store CASCADE;
RESET client_min_messages;

-- A catalog of another version is left alone.
CREATE SCHEMA old;
CREATE TABLE old.ducklake_metadata (key varchar, value varchar, scope varchar, scope_id bigint);
INSERT INTO old.ducklake_metadata VALUES ('version', '0.4'), ('data_path', 's3://bucket/prefix/');
SELECT pgtrickle.create_lake('l', 's3://bucket/prefix', 'old');
UPDATE old.ducklake_metadata SET value = '1.0' WHERE key = 'version';
SELECT pgtrickle.create_lake('l', 's3://bucket/other', 'old');
BEGIN;
SELECT pgtrickle.create_lake('l', 's3://bucket/prefix/', 'old');
SELECT name, data_path, metadata_schema, created FROM pgtrickle.lake;
ROLLBACK;

-- A new catalog.
BEGIN;
SELECT pgtrickle.create_lake('l', 's3://bucket/prefix', 'cat');
SELECT count(*) FROM pg_tables WHERE schemaname = 'cat';
SELECT key, value FROM cat.ducklake_metadata WHERE key <> 'created_by' ORDER BY key;
SELECT snapshot_id, schema_version, next_catalog_id, next_file_id FROM cat.ducklake_snapshot;
SELECT snapshot_id, changes FROM pgtrickle.lake_snapshots();

-- Types, and how rows are found again.
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE DOMAIN price AS numeric(8,2) CHECK (VALUE >= 0);
CREATE TABLE every (b bool, i2 smallint, i4 int, i8 bigint NOT NULL, f4 real, f8 float8, n numeric(12,3), free numeric, t text, v varchar(3), c char(3),
    nm name, e mood, p price, bytes bytea, u uuid, j json, jb jsonb, d date, ti time, ts timestamp, tz timestamptz, ints int[], nums numeric(4,1)[]);
SELECT pgtrickle.publish('every', table_name => 'everything');
SELECT column_id, name, lake_type, (SELECT string_agg(f.id || ' ' || f.name || ' ' || f.lake_type, ', ') FROM pgtrickle._lake_fields(column_id, fields) f) AS fields, nullable FROM pgtrickle.publication_column ORDER BY column_id;
SELECT pgtrickle.publish('orders', schedule => '2h 30m', mode => 'append');
CREATE TABLE pair (a text, b int, UNIQUE NULLS NOT DISTINCT (b, a));
SELECT pgtrickle.publish('pair', schedule => 'calculated');
SELECT relid::regclass, mode, schedule, period, key, rows_key FROM pgtrickle.publication ORDER BY id;
SELECT relation, table_name, status, rows, files FROM pgtrickle.lake_status();
SELECT count(*) FROM pgtrickle.consumer WHERE kind = 'publication';

-- Taken names.
SAVEPOINT s;
SELECT pgtrickle.publish('orders');
ROLLBACK TO s;
CREATE TABLE third (id int);
SAVEPOINT s;
SELECT pgtrickle.publish('third', table_name => 'Orders');
ROLLBACK TO s;
SELECT pgtrickle.create_lake('l', 's3://bucket/prefix', 'cat2');
ROLLBACK TO s;
SELECT pgtrickle.create_lake('l2', 's3://bucket/prefix', 'cat');
ROLLBACK TO s;

-- Which lake?
SELECT pgtrickle.create_lake('l2', 's3://bucket/prefix', 'cat2');
SAVEPOINT s2;
SELECT pgtrickle.publish('third');
ROLLBACK TO s2;
SELECT pgtrickle.publish('third', 'l3');
ROLLBACK TO s;

-- And away again.
SELECT pgtrickle.drop_lake('l');
ROLLBACK TO s;
SELECT pgtrickle.unpublish('pair');
SELECT pgtrickle.drop_lake('l', cascade => true);
SELECT count(*) FROM pg_tables WHERE schemaname = 'cat';
SELECT (SELECT count(*) FROM pgtrickle.publication), (SELECT count(*) FROM pgtrickle.consumer), (SELECT count(*) FROM pg_tables WHERE tablename LIKE 'lake\_rows\_%');
ROLLBACK;

-- What cannot be published is refused with the reason.
CREATE FUNCTION try_to_publish(ddl text, arguments text DEFAULT '''t''') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    problem text; hint text; state text;
BEGIN
    BEGIN
        PERFORM pgtrickle.create_lake('l', 's3://bucket/prefix', 'cat');
        EXECUTE ddl;
        EXECUTE 'SELECT pgtrickle.publish(' || arguments || ')';
        RAISE EXCEPTION 'published';
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS problem = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT, state = RETURNED_SQLSTATE;
        RETURN format('%s %s | %s', state, problem, hint);
    END;
END $$;
SELECT try_to_publish('CREATE TABLE t (id int, waited interval)');
SELECT try_to_publish('CREATE TABLE t (id int, "where" point)');
SELECT try_to_publish('CREATE TABLE t (id int, t timetz[])');
SELECT try_to_publish('CREATE TABLE t (n numeric(50,2))');
SELECT try_to_publish('CREATE TABLE t (n numeric(3,5))');
SELECT try_to_publish('CREATE TABLE t ()');
SELECT try_to_publish('CREATE UNLOGGED TABLE t (id int)');
SELECT try_to_publish('CREATE TEMP TABLE fleeting (id int)', '''fleeting''');
SELECT try_to_publish('CREATE VIEW t AS SELECT 1 AS x');
SELECT try_to_publish('CREATE MATERIALIZED VIEW t AS SELECT 1 AS x');
SELECT try_to_publish('SELECT', '''pg_class''');
SELECT try_to_publish('CREATE TABLE t (id int, twice int GENERATED ALWAYS AS (id * 2) VIRTUAL)');
SELECT try_to_publish('CREATE TABLE t (id int); CREATE TABLE child () INHERITS (t)');
SELECT try_to_publish('CREATE TABLE p (id int) PARTITION BY LIST (id); CREATE TABLE t PARTITION OF p DEFAULT');
SELECT try_to_publish('CREATE TABLE t (id int, "Valid_to" date)', '''t'', mode => ''history''');
SELECT try_to_publish('CREATE TABLE t (id int)', '''t'', mode => ''mirrored''');
SELECT try_to_publish('CREATE TABLE t (id int)', '''t'', schedule => ''sometimes''');
SELECT try_to_publish('CREATE TABLE t (id int)', '''t'', schedule => ''10ms''');
SELECT try_to_publish('CREATE TABLE t (id int, c char(3), j jsonb)', '''t'', partition_by => ''{no}''');
SELECT try_to_publish('CREATE TABLE t (id int, c char(3), j jsonb)', '''t'', partition_by => ''{year(id)}''');
SELECT try_to_publish('CREATE TABLE t (id int, c char(3), j jsonb)', '''t'', partition_by => ''{"bucket(0, id)"}''');
SELECT try_to_publish('CREATE TABLE t (id int, c char(3), j jsonb)', '''t'', partition_by => ''{c}''');
SELECT try_to_publish('CREATE TABLE t (id int, c char(3), j jsonb)', '''t'', sort_by => ''{NULL}''');
SELECT try_to_publish('CREATE TABLE t (id int, c char(3), j jsonb)', '''t'', sort_by => ''{j DESC}''');
SELECT try_to_publish('CREATE TABLE t (id int)', '''t'', table_name => ''''');
SELECT try_to_publish('CREATE TABLE t (id int)', '''t'', mode => NULL');
SELECT try_to_publish('CREATE TABLE t (id int)', '''t'', schedule => NULL');
SELECT try_to_publish('CREATE TABLE t (id int)', '''t'', schedule => ''''');
SELECT try_to_publish('CREATE TABLE t (id int)', '''t'', lake => ''''');
SELECT try_to_publish('CREATE TABLE t (id int)', 'NULL');
SELECT try_to_publish('CREATE TABLE t (id int)', '''nothing''');
SELECT try_to_publish('CREATE TABLE t (id int)');
SELECT pgtrickle.unpublish('orders');
SELECT pgtrickle.unpublish(NULL);
SELECT pgtrickle.drop_lake('l');

-- Policies of upkeep.
SELECT pgtrickle.create_lake('l', 's3://bucket/prefix', 'cat');
SELECT key, value, is_default FROM pgtrickle.lake_policies();
SELECT pgtrickle.set_lake_policy(NULL, 'target_file_size', '64MB');
SELECT pgtrickle.set_lake_policy('l', 'expire_snapshots_after', '2 days');
SELECT pgtrickle.set_lake_policy('l', 'merge_small_files', 'off');
SELECT key, value FROM pgtrickle.lake_policies('l') WHERE NOT is_default;
SELECT pgtrickle.set_lake_policy('l', 'target_file_size', NULL);
SELECT key FROM pgtrickle.lake_policies('l') WHERE NOT is_default;
SELECT pgtrickle.set_lake_policy('l', 'keep', '1 day');
SELECT pgtrickle.set_lake_policy('l', NULL, '1 day');
SELECT pgtrickle.set_lake_policy('l', 'expire_snapshots_after', '5 minutes');
SELECT pgtrickle.set_lake_policy('l', 'target_file_size', 'off');
SELECT pgtrickle.set_lake_policy('l', 'target_file_size', 'big');
SELECT pgtrickle.set_lake_policy('l', 'merge_small_files', '1');
SELECT pgtrickle.set_lake_policy('l', 'rewrite_deleted_share', '30%');
SELECT pgtrickle.set_lake_policy('none', 'merge_small_files', '4');
SELECT * FROM pgtrickle.lake_upkeep_plan();
SELECT pgtrickle.drop_lake('l', cascade => true);

-- Rights: a superuser makes the lake; into it publishes who owns both, or is a member of both owners.
CREATE ROLE regress_trickle_lake;
BEGIN;
SELECT pgtrickle.create_lake('theirs', 's3://bucket/prefix', 'cat');
\set VERBOSITY terse
SET LOCAL ROLE regress_trickle_lake;
SAVEPOINT s;
SELECT pgtrickle.create_lake('ours', 's3://bucket/prefix', 'cat2');
ROLLBACK TO s;
SELECT pgtrickle.publish('orders', 'theirs');
ROLLBACK TO s;
SELECT pgtrickle.drop_lake('theirs');
ROLLBACK TO s;
RESET ROLE;
UPDATE pgtrickle.lake SET owner = 'regress_trickle_lake'::regrole;
SET LOCAL ROLE regress_trickle_lake;
SAVEPOINT s;
SELECT pgtrickle.publish('orders', 'theirs');
ROLLBACK;
DROP ROLE regress_trickle_lake;
