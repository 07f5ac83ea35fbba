-- GROUP BY the columns of one row, over what joins it: the matches are grouped by the join's key, and joined as groups.
CREATE TABLE author (id int PRIMARY KEY, name text, country text);
CREATE TABLE book (id int PRIMARY KEY, author bigint, pages int, price numeric(8,2), genre text);
INSERT INTO author VALUES (1, 'Ada', 'UK'), (2, 'Bo', 'SE'), (3, 'Cy', NULL);
INSERT INTO book VALUES (1, 1, 100, 9.50, 'a'), (2, 1, 300, 12, 'b'), (3, 2, NULL, NULL, 'a'), (4, NULL, 50, 5, 'a');

SELECT pgtrickle.create_stream_table('shelf', $$
    SELECT a.id, a.name, a.country, count(*) AS n, count(b.pages) AS known, count(DISTINCT b.genre) AS genres, sum(b.price) AS price,
           avg(b.pages) AS mean, min(b.pages) AS least, max(b.pages) AS most, count(1) AS one, count(*) FILTER (WHERE b.genre = 'a') AS a
    FROM author a LEFT JOIN book b ON b.author = a.id GROUP BY a.id, a.name, a.country
$$, '1h', 'DIFFERENTIAL');
SELECT operator FROM pgtrickle.explain_stream_table('shelf');
TABLE shelf ORDER BY id;

-- A row without matches counts as one, and everything else about it is nothing.
DELETE FROM book WHERE author = 2;
INSERT INTO author VALUES (4, 'Di', 'FR');
SELECT mode FROM pgtrickle.refresh_stream_table('shelf');
TABLE shelf ORDER BY id;
SELECT missing, unexpected FROM pgtrickle.verify('shelf');

-- A change of the row itself is one row, however many match it.
INSERT INTO book SELECT 100 + i, 1, i, i, 'c' FROM generate_series(1, 5000) i;
SELECT mode FROM pgtrickle.refresh_stream_table('shelf');
UPDATE author SET country = 'NO' WHERE id = 1;
SELECT mode, rows_in, rows_out, plan FROM pgtrickle.refresh_stream_table('shelf');
SELECT missing, unexpected FROM pgtrickle.verify('shelf');

-- Keys that move, extremes that go, both sides at once.
UPDATE author SET id = 7 WHERE id = 1;
UPDATE book SET author = 7 WHERE author = 1 AND id % 2 = 0;
DELETE FROM book WHERE pages = (SELECT max(pages) FROM book);
UPDATE author SET name = 'Eve' WHERE id = 2;
SELECT mode FROM pgtrickle.refresh_stream_table('shelf');
TABLE shelf ORDER BY id;
SELECT missing, unexpected FROM pgtrickle.verify('shelf');

-- An inner join of three: the two others are one row a group.
CREATE TABLE place (code text PRIMARY KEY, label text);
INSERT INTO place VALUES ('NO', 'Norway'), ('SE', 'Sweden'), ('FR', 'France');
SELECT pgtrickle.create_stream_table('printed', $$
    SELECT p.label, a.name, sum(b.pages) AS pages, max(b.genre) AS genre
    FROM book b JOIN author a ON a.id = b.author JOIN place p ON p.code = a.country
    GROUP BY a.id, p.code HAVING count(*) > 1
$$, '1h', 'DIFFERENTIAL');
SELECT operator FROM pgtrickle.explain_stream_table('printed');
INSERT INTO book VALUES (9001, 2, 10, 1, 'x'), (9002, 2, 20, 1, 'y'), (9003, 7, 1, 1, 'z');
UPDATE place SET label = 'Noreg' WHERE code = 'NO';
UPDATE author SET country = 'FR' WHERE id = 7;
SELECT mode FROM pgtrickle.refresh_stream_table('printed');
TABLE printed ORDER BY 1, 2;
SELECT missing, unexpected FROM pgtrickle.verify('printed');

-- Not where the aggregate reads the row too, where NULLs would count, or where the keys leave several rows together.
SELECT pgtrickle.create_stream_table('mixed', $$
    SELECT a.id, sum(b.pages * length(a.name)) AS weight FROM author a JOIN book b ON b.author = a.id GROUP BY a.id
$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('padded', $$
    SELECT a.id, sum(COALESCE(b.pages, 1)) AS pages, count(*) FILTER (WHERE b.genre IS NULL) AS n
    FROM author a LEFT JOIN book b ON b.author = a.id GROUP BY a.id
$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('by_country', $$
    SELECT a.country, count(b.id) AS books FROM author a LEFT JOIN book b ON b.author = a.id GROUP BY a.country
$$, '1h', 'DIFFERENTIAL');
INSERT INTO author VALUES (8, 'Flo', 'FR');
DELETE FROM book WHERE author = 2;
UPDATE book SET genre = NULL WHERE id = 1;
SELECT name, v.missing, v.unexpected FROM pgtrickle.stream_tables_info, pgtrickle.verify(name) v ORDER BY name;

-- Nor where nothing has another value than NULL: the rank among no rows is 1, and a user's aggregate may begin with anything.
CREATE AGGREGATE product_from_one(int) (sfunc = int4mul, stype = int, initcond = '1');
CREATE TABLE shop (id int PRIMARY KEY);
CREATE TABLE visit (shop int, spent int, minutes int);
INSERT INTO shop VALUES (1), (2);
INSERT INTO visit VALUES (1, 5, 2), (1, 7, 3);
SELECT pgtrickle.create_stream_table('visited', $$
    SELECT s.id, rank(6) WITHIN GROUP (ORDER BY v.spent) FILTER (WHERE v.spent > 0) AS rank, cume_dist(6) WITHIN GROUP (ORDER BY v.spent) FILTER (WHERE v.spent > 0) AS share,
           regr_count(v.spent, v.minutes) AS n, product_from_one(v.spent) AS product
    FROM shop s LEFT JOIN visit v ON v.shop = s.id GROUP BY s.id
$$, '1h', 'DIFFERENTIAL');
TABLE visited ORDER BY id;
DELETE FROM visit WHERE shop = 1;
INSERT INTO visit VALUES (2, 6, 1);
SELECT mode FROM pgtrickle.refresh_stream_table('visited');
TABLE visited ORDER BY id;
SELECT missing, unexpected FROM pgtrickle.verify('visited');
