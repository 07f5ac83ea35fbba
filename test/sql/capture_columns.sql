-- What a column is made of: generated, dropped, toasted, widened, altered.
\getenv test PG_ABS_SRCDIR
\set captured :test '/include/captured.sql'
\i :captured
CREATE FUNCTION logged(source regclass, columns text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format('SELECT (w, %2$s)::text FROM (SELECT * FROM pgtrickle_state.log_%1$s_0
        UNION ALL SELECT * FROM pgtrickle_state.log_%1$s_1) l ORDER BY xid, l', source::oid, columns);
    EXECUTE format('DELETE FROM pgtrickle_state.log_%1$s_0', source::oid);
END $$;

-- Dropped, stored and virtual generated columns.
CREATE TABLE t (gone int, id int PRIMARY KEY, x int, stored int GENERATED ALWAYS AS (x * 2) STORED,
                virtual int GENERATED ALWAYS AS (x * 3) VIRTUAL, "Odd name" text);
ALTER TABLE t DROP COLUMN gone;
SELECT capture('t', '{2,4,5,6}');
INSERT INTO t (id, x, "Odd name") VALUES (1, 10, 'a'), (2, NULL, 'b');
UPDATE t SET x = 11 WHERE id = 1;
SELECT logged('t', 'a2, a4, a5, a6');

-- A column that is added later, with a default for the rows there are.
ALTER TABLE t ADD COLUMN added int DEFAULT 7;
UPDATE t SET x = 12 WHERE id = 1;
SELECT logged('t', 'a2, a4');
SELECT capture('t', '{2,7}');
SELECT columns FROM pgtrickle.source WHERE relid = 't'::regclass;
UPDATE t SET added = 8 WHERE id = 1;
DELETE FROM t WHERE id = 2;
SELECT logged('t', 'a2, a4, a6, a7');
SELECT regexp_replace(pgtrickle._batch_query('t', '{2,7}'), '\d{3,}', 'OID', 'g');

-- In one transaction with a change before and after.
BEGIN;
INSERT INTO t (id, x) VALUES (3, 30);
SELECT capture('t', '{3}');
INSERT INTO t (id, x) VALUES (4, 40);
SELECT logged('t', 'a2, a3');
COMMIT;

-- Big values are copied: the source may forget them.
CREATE TABLE big (id int PRIMARY KEY, x text, y int);
ALTER TABLE big ALTER x SET STORAGE EXTERNAL;
SELECT capture('big', '{1,2}');
INSERT INTO big VALUES (1, repeat('x', 100000), 0);
UPDATE big SET y = 1;                              -- the value is not touched
UPDATE big SET x = repeat('x', 100000);            -- an equal one takes its place
UPDATE big SET x = repeat('y', 100000);
DELETE FROM big;
VACUUM big;
SELECT logged('big', 'a1, left(a2, 1), length(a2)');

-- A change of type changes the log, and everything with it.
CREATE TABLE altered (id int, x int);
SELECT capture('altered', '{1,2}');
INSERT INTO altered VALUES (1, 1);
ALTER TABLE altered ALTER x TYPE text;
INSERT INTO altered VALUES (2, 'two');
SELECT logged('altered', 'a1, a2');
ALTER TABLE altered RENAME x TO y;
INSERT INTO altered VALUES (3, 'three');
SELECT logged('altered', 'a1, a2');

-- So does another formula.
CREATE TABLE formula (id int, x int GENERATED ALWAYS AS (id * 2) STORED);
SELECT capture('formula', '{1,2}');
INSERT INTO formula VALUES (1);
ALTER TABLE formula ALTER x SET EXPRESSION AS (id * 3);
INSERT INTO formula VALUES (2);
SELECT logged('formula', 'a1, a2');

-- Collations, domains, arrays, enums and rows keep their types.
CREATE DOMAIN positive AS int CHECK (value > 0) NOT NULL;
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TYPE pair AS (a int, b text);
CREATE TABLE typed (c text COLLATE "C", p positive, m mood, r pair, v varchar(10), n numeric(10,2), a int[]);
SELECT capture('typed', '{1,2,3,4,5,6,7}');
INSERT INTO typed VALUES ('c', 1, 'ok', (1, 'x'), 'v', 1.5, '{1,2}');
TRUNCATE typed;
SELECT logged('typed', 'a1, a2, a3, a4, a5, a6, a7');
SELECT attname, format_type(atttypid, atttypmod), attcollation::regcollation
FROM pg_attribute WHERE attrelid = format('pgtrickle_state.log_%s_1', 'typed'::regclass::oid)::regclass AND attnum > 0 ORDER BY attnum;
