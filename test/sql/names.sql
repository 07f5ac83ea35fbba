-- Names of all kinds, wherever a name goes in or comes out.
\set SHOW_CONTEXT never
CREATE SCHEMA "odd ""sch.ema";
CREATE TABLE "odd ""sch.ema"."Or""der's" ("The Id" int PRIMARY KEY, "sel""ect" int, "ünï" text, "a.b" int, "$1" int);
INSERT INTO "odd ""sch.ema"."Or""der's" VALUES (1, 2, 'x', 3, 4);

SELECT pgtrickle.create_stream_table('"odd ""sch.ema"."V.""iew''s"', $$
    SELECT "The Id", "sel""ect", count(*) AS "co""unt", max("a.b") AS "m'x", count(DISTINCT "$1") AS "D", min("ünï") AS "ünï"
    FROM "odd ""sch.ema"."Or""der's" GROUP BY 1, 2 $$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('"odd ""sch.ema"."U"', $$
    SELECT v."co""unt", o."sel""ect" AS "$1"
    FROM "odd ""sch.ema"."V.""iew's" v LEFT JOIN "odd ""sch.ema"."Or""der's" o ON v."The Id" = o."The Id" $$, '1h', 'DIFFERENTIAL');
INSERT INTO "odd ""sch.ema"."Or""der's" VALUES (2, 2, NULL, 3, 4), (3, 2, 'y', 5, 4);
DELETE FROM "odd ""sch.ema"."Or""der's" WHERE "The Id" = 1;
SELECT mode FROM pgtrickle.refresh_stream_table('"odd ""sch.ema"."U"');
SELECT name, missing, unexpected FROM pgtrickle.pgt_status(), pgtrickle.verify(name) ORDER BY name COLLATE "C";
SELECT * FROM "odd ""sch.ema"."V.""iew's" ORDER BY 1;

-- What comes out can go in again.
SELECT tree_line FROM pgtrickle.dependency_tree();
SELECT source_table, consumer FROM pgtrickle.change_log_sizes() ORDER BY source_table::text COLLATE "C", consumer COLLATE "C";
SELECT source_table, columns_used FROM pgtrickle.list_sources('"odd ""sch.ema"."V.""iew''s"');
SELECT pgtrickle.export_definition('"odd ""sch.ema"."U"') AS definition \gset
SELECT pgtrickle.drop_stream_table('"odd ""sch.ema"."U"');
\o /dev/null
:definition
\o
SELECT missing, unexpected FROM pgtrickle.verify('"odd ""sch.ema"."U"');

-- Folded, cut, quoted and not, as everywhere in SQL.
CREATE TABLE t (id int PRIMARY KEY);
SELECT pgtrickle.create_stream_table('UPPER', 'SELECT id FROM t', '1h');
SELECT pgtrickle.create_stream_table('"UPPER"', 'SELECT id FROM t', '1h');
SELECT pgtrickle.create_stream_table('"a.b"', 'SELECT id FROM t', '1h');
SELECT pgtrickle.create_stream_table('select', 'SELECT id FROM t', '1h');
SELECT pgtrickle.create_stream_table('"vüe 🌍"', 'SELECT id FROM t', '1h');
SELECT pgtrickle.create_stream_table('a123456789b123456789c123456789d123456789e123456789f123456789g123456789', 'SELECT id FROM t', '1h');
SELECT pgtrickle.create_stream_table('a123456789b123456789c123456789d123456789e123456789f123456789g1239', 'SELECT id FROM t', '1h');
INSERT INTO t VALUES (1);
SELECT name, missing, unexpected FROM pgtrickle.pgt_status(), pgtrickle.verify(name) ORDER BY name COLLATE "C";
SELECT missing, unexpected FROM pgtrickle.verify('a123456789b123456789c123456789d123456789e123456789f123456789g123456789');
SELECT missing, unexpected FROM pgtrickle.verify('"A.B"');

-- The source under another name.
ALTER TABLE t RENAME TO "T 2";
ALTER TABLE "T 2" RENAME COLUMN id TO "I""d";
INSERT INTO "T 2" VALUES (2);
SELECT missing, unexpected FROM pgtrickle.verify('upper');
SELECT missing, unexpected FROM pgtrickle.verify('"UPPER"');

-- A lake, its schema and its tables.
BEGIN;
SELECT pgtrickle.create_lake('My "lake''s"', 's3://bucket/a b''c', 'Meta "sch''s');
SELECT pgtrickle.publish('"odd ""sch.ema"."Or""der''s"', 'My "lake''s"');
SELECT pgtrickle.publish('"odd ""sch.ema"."V.""iew''s"', table_name => 'v/../"x''');
SELECT lake, relation, table_name, status FROM pgtrickle.lake_status();
SELECT count(*) FROM pgtrickle.lake_snapshots('My "lake''s"');
SAVEPOINT s;
SELECT pgtrickle.drop_lake('My "lake''s"');
ROLLBACK TO s;
SELECT pgtrickle.unpublish('"odd ""sch.ema"."Or""der''s"');
SELECT pgtrickle.drop_lake('My "lake''s"', cascade => true);
ROLLBACK;
