-- A stream table is a table that stays equal to a query.
CREATE TABLE fruit (id int PRIMARY KEY, name text, price numeric(10,2));
INSERT INTO fruit VALUES (1, 'apple', 1.20), (2, 'pear', 1.50), (3, 'quince', NULL);

SELECT pgtrickle.create_stream_table('cheap', 'SELECT name, price FROM fruit WHERE price < 1.40', schedule => '1h');
TABLE cheap;

-- It has exactly the query's columns: names, types, order; nothing hidden.
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'cheap'::regclass AND attnum > 0 ORDER BY attnum;

-- What is written shows after the next refresh.
INSERT INTO fruit VALUES (4, 'plum', 0.40);
TABLE cheap;
SELECT mode FROM pgtrickle.refresh_stream_table('cheap');
SELECT * FROM cheap ORDER BY name;
SELECT missing, unexpected FROM pgtrickle.verify('cheap');

-- A schema may be named; names are found by search_path like those of tables.
CREATE SCHEMA shop;
SELECT pgtrickle.create_stream_table('shop.names', 'SELECT name FROM fruit', '1h');
SET search_path = shop, public;
SELECT missing, unexpected FROM pgtrickle.verify('names');
RESET search_path;

-- initialize => false makes it empty until its first refresh.
BEGIN;
SELECT pgtrickle.create_stream_table('later', 'SELECT id FROM fruit', '1h', initialize => false);
SELECT count(*) FROM later;
SELECT is_populated FROM pgtrickle.pgt_status() WHERE name = 'later';
SELECT mode FROM pgtrickle.refresh_stream_table('later');
COMMIT;
SELECT missing, unexpected FROM pgtrickle.verify('later');

-- if_not_exists leaves what is there alone.
SELECT pgtrickle.create_stream_table_if_not_exists('later', 'SELECT 1 AS one', '1h');
SELECT count(*) FROM later;

-- or_replace keeps the table and turns its rows into those of the new query.
SELECT pgtrickle.create_or_replace_stream_table('later', 'SELECT id FROM fruit WHERE id > 1', '1h');
SELECT * FROM later ORDER BY id;
DELETE FROM fruit WHERE id = 2;
SELECT mode FROM pgtrickle.refresh_stream_table('later');
SELECT missing, unexpected FROM pgtrickle.verify('later');

-- Users may index it, grant on it, and build views on it.
CREATE INDEX ON cheap (price);
CREATE VIEW cheapest AS SELECT min(price) FROM cheap;
UPDATE fruit SET price = 0.10 WHERE id = 1;
SELECT mode FROM pgtrickle.refresh_stream_table('cheap');
TABLE cheapest;

-- Its rows are the engine's: others may not write them.
INSERT INTO cheap VALUES ('mango', 3);
UPDATE cheap SET price = 0;
DELETE FROM cheap;
TRUNCATE cheap;
SELECT missing, unexpected FROM pgtrickle.verify('cheap');
