-- INTERSECT and EXCEPT: a row is there as often as the weights that its two inputs give it say.
CREATE TABLE stock (item text, shelf int);
CREATE TABLE sold (item text, shelf numeric);
INSERT INTO stock VALUES ('cup', 1), ('cup', 1), ('cup', 1), ('pot', 2), ('pan', 3), (NULL, 4), (NULL, 4);
INSERT INTO sold VALUES ('cup', 1), ('pot', 2), ('pot', 2), ('lid', 9), (NULL, 4);

CREATE TEMP TABLE law (name text, query text);
INSERT INTO law VALUES
    ('common',          'SELECT item, shelf FROM stock INTERSECT SELECT item, shelf FROM sold'),
    ('both_all',      'SELECT item, shelf FROM stock INTERSECT ALL SELECT item, shelf FROM sold'),
    ('left_over',     'SELECT item, shelf FROM stock EXCEPT SELECT item, shelf FROM sold'),
    ('left_over_all', 'SELECT item, shelf FROM stock EXCEPT ALL SELECT item, shelf FROM sold');
SELECT pgtrickle.create_stream_table(name, query, '1h', 'DIFFERENTIAL') FROM law;
\getenv test PG_ABS_SRCDIR
\set refreshed :test '/include/refreshed.sql'
\i :refreshed
SELECT * FROM common ORDER BY 1, 2;
SELECT * FROM both_all ORDER BY 1, 2;
SELECT * FROM left_over ORDER BY 1, 2;
SELECT * FROM left_over_all ORDER BY 1, 2;

-- Both inputs change; NULLs are equal here, and 4 is 4.00.
INSERT INTO stock VALUES ('lid', 9), ('lid', 9), ('pot', 2);
DELETE FROM sold WHERE item = 'cup';
UPDATE sold SET shelf = 4.00 WHERE item IS NULL;
INSERT INTO sold SELECT NULL, 4 FROM generate_series(1, 2);
SELECT * FROM refreshed;
SELECT * FROM both_all ORDER BY 1, 2;
SELECT * FROM left_over_all ORDER BY 1, 2;

-- One copy more or less is a change only where copies count.
INSERT INTO sold SELECT 'pot', 2;
DELETE FROM stock WHERE ctid = (SELECT min(ctid) FROM stock WHERE item = 'lid');
SELECT * FROM refreshed;
TRUNCATE sold;
SELECT * FROM refreshed;
SELECT * FROM left_over ORDER BY 1, 2;

-- Nested in any way, over joins and under aggregates.  What a set operation without ALL reads need not be distinct itself.
INSERT INTO sold VALUES ('cup', 1), ('cup', 1), ('jar', 7);
CREATE TABLE lost (item text);
INSERT INTO lost VALUES ('cup'), ('fork'), ('jar');
DELETE FROM law;
INSERT INTO law VALUES
    ('nested',  'SELECT item FROM stock UNION ALL (SELECT item FROM sold EXCEPT ALL SELECT item FROM lost)'),
    ('deep',    '(SELECT item FROM stock INTERSECT ALL (SELECT item FROM sold UNION ALL SELECT item FROM lost)) EXCEPT SELECT item FROM stock WHERE shelf > 2'),
    ('unions',  '(SELECT item FROM stock UNION SELECT item FROM sold) INTERSECT (SELECT DISTINCT item FROM lost UNION SELECT ''pan'' FROM stock)'),
    ('counted', 'SELECT item, count(*) AS n FROM (SELECT item, shelf::numeric FROM stock EXCEPT ALL SELECT * FROM sold) s WHERE item <> ''pot'' GROUP BY item'),
    ('joined',  'SELECT l.item, s.shelf FROM lost l JOIN (SELECT item, shelf FROM stock INTERSECT SELECT item, shelf::int FROM sold) s USING (item)');
SELECT pgtrickle.create_stream_table(name, query, '1h', 'DIFFERENTIAL') FROM law;
SELECT operator FROM pgtrickle.explain_stream_table('deep');
INSERT INTO lost VALUES ('pot'), ('cup');
DELETE FROM stock WHERE item = 'cup' AND ctid <> (SELECT min(ctid) FROM stock WHERE item = 'cup');
UPDATE sold SET item = 'fork' WHERE item = 'jar';
INSERT INTO stock VALUES ('fork', 1), ('fork', 5);
SELECT * FROM refreshed;
SELECT * FROM nested ORDER BY 1;
SELECT * FROM counted ORDER BY 1;

-- A condition goes to both inputs, but not where equal values differ in what it looks at.
SELECT pgtrickle.create_stream_table('odd', $$
    SELECT * FROM (SELECT shelf::numeric FROM stock EXCEPT SELECT shelf FROM sold) x WHERE shelf::text <> '1' AND shelf > 0
$$, '1h', 'DIFFERENTIAL');
SELECT operator FROM pgtrickle.explain_stream_table('odd');
INSERT INTO sold VALUES ('cup', 1.0), ('pan', 3.00);
SELECT * FROM refreshed;
