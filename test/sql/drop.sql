-- Dropping a stream table leaves nothing behind.
\set SHOW_CONTEXT never
CREATE TABLE t (id int PRIMARY KEY, x int);
INSERT INTO t VALUES (1, 1), (2, 1);

-- What the extension keeps: captured sources, consumers, state and triggers.
CREATE VIEW kept AS
    SELECT (SELECT count(*) FROM pgtrickle.stream_table) AS stream_tables,
           (SELECT count(*) FROM pgtrickle.consumer) AS consumers,
           (SELECT count(*) FROM pgtrickle.source) AS sources,
           (SELECT count(*) FROM pgtrickle.state) AS states,
           (SELECT count(*) FROM pgtrickle.health) AS healths,
           (SELECT count(*) FROM pg_class WHERE relnamespace = 'pgtrickle_state'::regnamespace AND relkind IN ('r', 'v')) AS relations,
           (SELECT count(*) FROM pg_trigger WHERE tgrelid = 't'::regclass) AS triggers;
TABLE kept;

-- By function …
SELECT pgtrickle.create_stream_table('v', 'SELECT x, count(*) AS n, min(id) AS first FROM t GROUP BY x', '1h');
SELECT pgtrickle.drop_stream_table('v');
TABLE kept;
SELECT to_regclass('v');

-- … or by DROP TABLE.
SELECT pgtrickle.create_stream_table('v', 'SELECT a.x, b.id FROM t a LEFT JOIN t b ON a.x = b.id', '1h');
DROP TABLE v;
TABLE kept;

-- … or with its schema.
CREATE SCHEMA s;
SELECT pgtrickle.create_stream_table('s.v', 'SELECT DISTINCT x FROM t', '1h');
DROP SCHEMA s CASCADE;
TABLE kept;

-- The source of one cannot go from under it,
SELECT pgtrickle.create_stream_table('v', 'SELECT x FROM t', '1h');
DROP TABLE t;
ALTER TABLE t DROP COLUMN x;
ALTER TABLE t ALTER COLUMN x TYPE text;
SELECT missing, unexpected FROM pgtrickle.verify('v');

-- nor a stream table that another reads, unless both go.
SELECT pgtrickle.create_stream_table('w', 'SELECT count(*) AS n FROM v', '1h');
SELECT pgtrickle.drop_stream_table('v');
SELECT pgtrickle.drop_stream_table('v', cascade => true);
TABLE kept;

-- A dropped name is free again; a rolled back drop never happened.
SELECT pgtrickle.create_stream_table('v', 'SELECT x FROM t', '1h');
BEGIN;
SELECT pgtrickle.drop_stream_table('v');
ROLLBACK;
INSERT INTO t VALUES (3, 3);
SELECT mode FROM pgtrickle.refresh_stream_table('v');
SELECT missing, unexpected FROM pgtrickle.verify('v');

-- DROP … CASCADE on the source takes the stream table with it.
\set VERBOSITY terse
DROP VIEW kept;
SET client_min_messages = warning;
DROP TABLE t CASCADE;
RESET client_min_messages;
SELECT count(*) FROM pgtrickle.pgt_stream_tables;
SELECT count(*) FROM pgtrickle.source;
SELECT to_regclass('v');

-- While it is there nothing but its refreshes writes to it, whatever becomes of triggers.
\set VERBOSITY default
CREATE TABLE t (id int PRIMARY KEY, x int);
SELECT pgtrickle.create_stream_table('v', 'SELECT x FROM t', '1h');
SET session_replication_role = replica;
INSERT INTO v VALUES (1);
RESET session_replication_role;
ALTER TABLE v DISABLE TRIGGER ALL;
DELETE FROM v;
ALTER TABLE v ENABLE TRIGGER ALL;
ALTER TABLE v ENABLE REPLICA TRIGGER pg_trickle_guard;
TRUNCATE v;
DROP TRIGGER pg_trickle_guard ON v;
ALTER TRIGGER pg_trickle_guard ON v RENAME TO other;
INSERT INTO t VALUES (1, 1);
SELECT mode FROM pgtrickle.refresh_stream_table('v');
SELECT missing, unexpected FROM pgtrickle.verify('v');
DROP TABLE t, v CASCADE;

-- What is no stream table cannot be dropped as one.
\set VERBOSITY default
CREATE TABLE plain (x int);
SELECT pgtrickle.drop_stream_table('plain');
SELECT pgtrickle.drop_stream_table('nothing');
