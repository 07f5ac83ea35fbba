-- A table that others inherit from is read with its children, and captured with them; a key is unique in each of them alone.
\getenv test PG_ABS_SRCDIR
\set refreshed :test '/include/refreshed.sql'
\i :refreshed
CREATE TABLE place (id int PRIMARY KEY, country text, people numeric);
CREATE TABLE capital (since int, PRIMARY KEY (id)) INHERITS (place);
CREATE TABLE hole (gone int, people numeric, country text, id int NOT NULL);
ALTER TABLE hole DROP COLUMN gone, INHERIT place;
CREATE TABLE visit (id int PRIMARY KEY, place int);
INSERT INTO place VALUES (1, 'de', 10), (2, 'fr', 20);
INSERT INTO capital VALUES (1, 'de', 100, 1990), (3, 'it', NULL, 1871);
INSERT INTO hole VALUES (5.0, 'fr', 2), (5.00, 'fr', 2);
INSERT INTO visit VALUES (1, 1), (2, 2), (3, 9);

SELECT pgtrickle.create_stream_table('places', 'SELECT id, country, people FROM place', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('countries', 'SELECT country, count(*) AS n, sum(people) AS people, max(people) AS most FROM place GROUP BY country', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('visits', 'SELECT v.id, p.country, p.people FROM visit v LEFT JOIN place p ON p.id = v.place', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('by_id', 'SELECT id, count(DISTINCT country) AS countries, min(people) AS least FROM place GROUP BY id', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('of_child', 'SELECT id, since FROM capital', '1h', 'DIFFERENTIAL');
SELECT * FROM places ORDER BY 1, 3;
SELECT * FROM visits ORDER BY 1, 3;

UPDATE place SET people = people + 1 WHERE id IN (1, 2);
DELETE FROM ONLY place WHERE id = 2;
INSERT INTO capital VALUES (9, 'es', 7, 1561);
UPDATE capital SET id = 4 WHERE id = 3;
TABLE refreshed;
SELECT * FROM visits ORDER BY 1, 3;

-- Children come and go with their rows.
CREATE TABLE late () INHERITS (capital);
INSERT INTO late VALUES (9, 'pt', 8, 1255);
TABLE refreshed;
ALTER TABLE capital NO INHERIT place;
UPDATE capital SET people = 0;
TABLE refreshed;
ALTER TABLE capital INHERIT place;
TABLE refreshed;
TRUNCATE hole;
TABLE refreshed;
TRUNCATE ONLY place;
DROP TABLE late;
TABLE refreshed;
DROP TABLE hole;
TABLE refreshed;
SELECT * FROM places ORDER BY 1, 3;

-- A table that gets its first child loses its key.
CREATE TABLE alone (id int PRIMARY KEY, x int);
INSERT INTO alone VALUES (1, 1);
SELECT pgtrickle.create_stream_table('lone', 'SELECT id, x FROM alone', '1h', 'DIFFERENTIAL');
CREATE TABLE second () INHERITS (alone);
INSERT INTO second VALUES (1, 2), (1, 2);
SELECT mode, reason FROM pgtrickle.refresh_stream_table('lone');
SELECT * FROM lone ORDER BY 1, 2;
UPDATE alone SET x = 2;
DELETE FROM second WHERE ctid = (SELECT min(ctid) FROM second);
SELECT mode FROM pgtrickle.refresh_stream_table('lone');
SELECT missing, unexpected FROM pgtrickle.verify('lone');

-- The change log is that of the whole tree.
SELECT pgtrickle.create_stream_table('v', 'SELECT id FROM ONLY place', '1h', 'DIFFERENTIAL');
CREATE TABLE parted (id int) PARTITION BY LIST (id);
SELECT pgtrickle.create_stream_table('v', 'SELECT id FROM ONLY parted', '1h', 'DIFFERENTIAL');
