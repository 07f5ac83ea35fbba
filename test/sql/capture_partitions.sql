-- A partitioned table, and an inheritance tree, has one log, that of its root.
\getenv test PG_ABS_SRCDIR
\set captured :test '/include/captured.sql'
\i :captured
CREATE FUNCTION logged(source regclass) RETURNS TABLE (w int2, a1 text, a3 text) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format('SELECT w, a1::text, a3::text FROM (SELECT * FROM pgtrickle_state.log_%1$s_0
        UNION ALL SELECT * FROM pgtrickle_state.log_%1$s_1) l ORDER BY xid, a1, a3, w', source::oid);
    EXECUTE format('DELETE FROM pgtrickle_state.log_%1$s_0', source::oid);
END $$;

CREATE TABLE p (id int, k int, x text) PARTITION BY LIST (k);
CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);
-- Another order of columns, and one dropped.
CREATE TABLE p2 (gone int, x text, k int, id int);
ALTER TABLE p2 DROP COLUMN gone;
ALTER TABLE p ATTACH PARTITION p2 FOR VALUES IN (2);
CREATE TABLE p34 PARTITION OF p FOR VALUES IN (3, 4) PARTITION BY LIST (k);
SELECT capture('p', '{1,3}');
CREATE TABLE p3 PARTITION OF p34 FOR VALUES IN (3);

INSERT INTO p VALUES (1, 1, 'a'), (2, 2, 'b'), (3, 3, 'c');
SELECT * FROM logged('p');
INSERT INTO p2 (id, k, x) VALUES (20, 2, 'straight to the partition');
UPDATE p SET x = 'B' WHERE id = 2;
SELECT * FROM logged('p');

-- A row that moves to another partition.
UPDATE p SET k = 2 WHERE id = 1;
SELECT * FROM logged('p');

-- COPY into the root, and a batch over all of it.
COPY p FROM stdin WITH (FORMAT csv);
30,1,copied
31,2,copied
32,3,copied
\.
SELECT * FROM logged('p');
DELETE FROM p WHERE id >= 30;
SELECT * FROM logged('p');

-- TRUNCATE of a partition, of the root.
TRUNCATE p3;
SELECT * FROM logged('p');
TRUNCATE p;
SELECT DISTINCT * FROM logged('p');

-- Rows that come and go with their partition are a change of everything.
CREATE TABLE p4 (id int, k int, x text);
INSERT INTO p4 VALUES (40, 4, 'attached');
ALTER TABLE p34 ATTACH PARTITION p4 FOR VALUES IN (4);
SELECT * FROM logged('p');
INSERT INTO p4 VALUES (41, 4, 'new');
SELECT * FROM logged('p');
ALTER TABLE p34 DETACH PARTITION p4;
SELECT * FROM logged('p');
INSERT INTO p4 VALUES (42, 4, 'gone');
TRUNCATE p4;
SELECT * FROM logged('p');
DROP TABLE p3;
SELECT * FROM logged('p');

-- A partition that is a source of its own as well.
SELECT capture('p1', '{1,3}');
INSERT INTO p VALUES (50, 1, 'both');
SELECT * FROM logged('p');
SELECT * FROM logged('p1');
SELECT release('p'::regclass);
INSERT INTO p VALUES (51, 1, 'one');
SELECT * FROM logged('p1');
SELECT release('p1'::regclass);
SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'pg_trickle%';

-- Inheritance.
CREATE TABLE i (id int, k int, x text);
CREATE TABLE i1 (extra int) INHERITS (i);
SELECT capture('i', '{1,3}');
CREATE TABLE i2 (x text, id int, k int);
ALTER TABLE i2 INHERIT i;
SELECT * FROM logged('i');
INSERT INTO i VALUES (1, 1, 'parent');
INSERT INTO i1 VALUES (2, 1, 'child', 9);
INSERT INTO i2 VALUES ('adopted', 3, 1);
CREATE TABLE i3 () INHERITS (i1);
INSERT INTO i3 VALUES (4, 1, 'grandchild', 9);
UPDATE i SET x = upper(x);
SELECT * FROM logged('i');
TRUNCATE ONLY i1;
SELECT * FROM logged('i');
ALTER TABLE i2 NO INHERIT i;
SELECT * FROM logged('i');
INSERT INTO i2 VALUES ('left', 5, 1);
SELECT * FROM logged('i');
SELECT release('i'::regclass);
SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgname LIKE 'pg_trickle%';
