-- Inner joins: the change of each input meets the others, found by key.
CREATE TABLE person (id int PRIMARY KEY, name text, city int);
CREATE TABLE city (id int PRIMARY KEY, name text, country text);
CREATE TABLE visit (person int, city int, on_day date);
INSERT INTO city VALUES (1, 'Oslo', 'NO'), (2, 'Bergen', 'NO'), (3, 'Rome', 'IT');
INSERT INTO person VALUES (1, 'Ada', 1), (2, 'Bo', 3), (3, 'Cy', NULL);
INSERT INTO visit VALUES (1, 3, '2026-01-01'), (1, 3, '2026-01-01'), (2, 1, '2026-01-02');

SELECT pgtrickle.create_stream_table('travel', $$
    SELECT p.name, home.name AS home, there.name AS there, v.on_day
    FROM visit v
    JOIN person p ON p.id = v.person
    JOIN city home ON home.id = p.city
    JOIN city there ON there.id = v.city
    WHERE home.country <> there.country
$$, '1h', 'DIFFERENTIAL');
SELECT * FROM travel ORDER BY 1, 2, 3, 4;

-- Every input changes in the same tick, the one that is read twice too.
INSERT INTO visit VALUES (3, 2, '2026-02-01');
UPDATE person SET city = 3 WHERE name = 'Cy';
UPDATE city SET name = 'Roma' WHERE id = 3;
DELETE FROM visit WHERE person = 2;
SELECT mode FROM pgtrickle.refresh_stream_table('travel');
SELECT * FROM travel ORDER BY 1, 2, 3, 4;
SELECT missing, unexpected FROM pgtrickle.verify('travel');

-- A key changes: the old matches go and the new ones come.
UPDATE city SET id = 4 WHERE id = 3;
SELECT mode FROM pgtrickle.refresh_stream_table('travel');
TABLE travel;
UPDATE visit SET city = 4 WHERE city = 3;
UPDATE person SET city = 4 WHERE city = 3;
SELECT mode FROM pgtrickle.refresh_stream_table('travel');
SELECT * FROM travel ORDER BY 1, 2, 3, 4;
SELECT missing, unexpected FROM pgtrickle.verify('travel');

-- Conditions other than equality, and NULL, which matches nothing.
SELECT pgtrickle.create_stream_table('before', $$
    SELECT a.person AS earlier, b.person AS later FROM visit a JOIN visit b ON a.on_day < b.on_day AND a.person IS DISTINCT FROM b.person
$$, '1h', 'DIFFERENTIAL');
SELECT * FROM before ORDER BY 1, 2;
INSERT INTO visit VALUES (NULL, 1, '2025-12-31'), (2, NULL, '2026-05-01'), (2, 2, NULL);
SELECT mode FROM pgtrickle.refresh_stream_table('before');
SELECT * FROM before ORDER BY 1, 2;
SELECT missing, unexpected FROM pgtrickle.verify('before');
SELECT mode FROM pgtrickle.refresh_stream_table('travel');
SELECT missing, unexpected FROM pgtrickle.verify('travel');

-- A product of tables without any condition.
SELECT pgtrickle.create_stream_table('pairs', 'SELECT p.id AS p, c.id AS c FROM person p, city c', '1h', 'DIFFERENTIAL');
DELETE FROM city WHERE id = 2;
INSERT INTO person VALUES (4, 'Di', NULL);
SELECT mode FROM pgtrickle.refresh_stream_table('pairs');
SELECT count(*) FROM pairs;
SELECT missing, unexpected FROM pgtrickle.verify('pairs');

-- USING and NATURAL are joins too.
SELECT pgtrickle.create_stream_table('same', 'SELECT id, p.name FROM person p JOIN city c USING (id)', '1h', 'DIFFERENTIAL');
UPDATE person SET id = 5 WHERE id = 4;
INSERT INTO city VALUES (5, 'Lund', 'SE');
SELECT mode FROM pgtrickle.refresh_stream_table('same');
SELECT * FROM same ORDER BY id;
SELECT missing, unexpected FROM pgtrickle.verify('same');

-- varchar and domains are looked up by key, as what they are compared as.
CREATE DOMAIN code AS text;
CREATE TABLE shelf (code varchar(8) PRIMARY KEY, label code);
CREATE TABLE stock (id int PRIMARY KEY, shelf varchar(8), label code, n int);
INSERT INTO shelf VALUES ('a', 'one'), ('b', 'two');
INSERT INTO stock VALUES (1, 'a', 'one', 5), (2, 'b', 'one', 6), (3, 'z', NULL, 7);
SELECT pgtrickle.create_stream_table('by_code', 'SELECT s.id, h.label, s.n FROM stock s JOIN shelf h ON h.code = s.shelf', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('by_label', 'SELECT h.code, sum(s.n) AS n FROM shelf h LEFT JOIN stock s ON s.label = h.label GROUP BY h.code', '1h', 'DIFFERENTIAL');
SELECT name, operator, regexp_replace(access, 'a_\d+', 'a_…') AS access FROM pgtrickle.stream_tables_info, pgtrickle.explain_stream_table(name) WHERE name LIKE 'by\_%' AND operator LIKE '%scan%' ORDER BY 1, 2;
UPDATE shelf SET code = 'z', label = 'one' WHERE code = 'b';
INSERT INTO stock VALUES (4, 'a', 'two', 8);
DELETE FROM stock WHERE id = 1;
SELECT mode FROM pgtrickle.refresh_stream_table('by_code');
TABLE by_code ORDER BY id;
SELECT mode FROM pgtrickle.refresh_stream_table('by_label');
TABLE by_label ORDER BY code;
SELECT name, v.missing, v.unexpected FROM pgtrickle.stream_tables_info, pgtrickle.verify(name) v WHERE name LIKE 'by\_%' ORDER BY 1;

-- An equality that each branch of an OR says holds without it, and rows are looked up by it.
SELECT pgtrickle.create_stream_table('labelled', $$
    SELECT s.id, h.code FROM stock s, shelf h
    WHERE h.code = s.shelf AND s.n > 6 OR h.code = s.shelf AND h.label = 'two' AND s.n = 5
$$, '1h', 'DIFFERENTIAL');
SELECT operator FROM pgtrickle.explain_stream_table('labelled') WHERE operator LIKE '%join%';
UPDATE shelf SET label = 'two' WHERE code = 'z';
INSERT INTO stock VALUES (5, 'z', 'one', 5), (6, 'a', 'two', 5), (7, NULL, 'two', 9);
SELECT mode FROM pgtrickle.refresh_stream_table('labelled');
TABLE labelled ORDER BY id;
SELECT missing, unexpected FROM pgtrickle.verify('labelled');

-- What each branch of an OR says of one table alone decides which of its changes look up anything.
SELECT pgtrickle.create_stream_table('either', $$
    SELECT s.id, h.code FROM stock s JOIN shelf h ON h.code = s.shelf WHERE s.n = 7 AND h.label = 'two' OR s.n = 8 AND h.label IS NULL
$$, '1h', 'DIFFERENTIAL');
SELECT operator FROM pgtrickle.explain_stream_table('either') WHERE operator LIKE '%filter%';
UPDATE shelf SET label = NULL WHERE code = 'a';
UPDATE stock SET n = n + 1 WHERE id <> 5;
SELECT mode, rows_out FROM pgtrickle.refresh_stream_table('either');
UPDATE stock SET n = 7 WHERE n = 8;
SELECT mode, rows_out FROM pgtrickle.refresh_stream_table('either');
SELECT missing, unexpected FROM pgtrickle.verify('either');

-- Many inputs: where several have changed, from input to input. Here each of nine reads the same table.
CREATE TABLE link (id int PRIMARY KEY, a int, b int);
INSERT INTO link VALUES (1, 1, 2), (2, 2, 3), (3, 3, 1), (4, 3, 4);
SELECT pgtrickle.create_stream_table('nine_steps', $$
    SELECT one.a, nine.b, count(*) AS ways
    FROM link one JOIN link two ON two.a = one.b JOIN link three ON three.a = two.b JOIN link four ON four.a = three.b
    JOIN link five ON five.a = four.b JOIN link six ON six.a = five.b JOIN link seven ON seven.a = six.b
    JOIN link eight ON eight.a = seven.b JOIN link nine ON nine.a = eight.b
    GROUP BY 1, 2
$$, '1h', 'DIFFERENTIAL');
SELECT * FROM nine_steps ORDER BY 1, 2;
UPDATE link SET b = 2 WHERE id = 4;
INSERT INTO link VALUES (5, 2, 2);
SELECT mode FROM pgtrickle.refresh_stream_table('nine_steps');
SELECT * FROM nine_steps ORDER BY 1, 2;
DELETE FROM link WHERE id = 2;
SELECT mode FROM pgtrickle.refresh_stream_table('nine_steps');
SELECT * FROM nine_steps ORDER BY 1, 2;
SELECT missing, unexpected FROM pgtrickle.verify('nine_steps');

-- Subqueries of one row are inputs too: what they were before their change is one row again.
SELECT pgtrickle.create_stream_table('figures', $$
    SELECT (SELECT count(*) FROM link WHERE a = 1) AS c1, (SELECT count(*) FROM link WHERE a = 2) AS c2, (SELECT count(*) FROM link WHERE a = 3) AS c3,
           (SELECT sum(b) FROM link WHERE a = 1) AS s1, (SELECT sum(b) FROM link WHERE a = 2) AS s2, (SELECT sum(b) FROM link WHERE a = 3) AS s3,
           (SELECT avg(b) FROM link WHERE a = 1) AS a1, (SELECT avg(b) FROM link WHERE a = 2) AS a2, (SELECT avg(b) FROM link WHERE a = 3) AS a3,
           (SELECT max(b) FROM link WHERE a = 1) AS m1, (SELECT max(b) FROM link WHERE a = 2) AS m2, (SELECT max(b) FROM link WHERE a = 3) AS m3
$$, '1h', 'DIFFERENTIAL');
UPDATE link SET b = b + 1;
INSERT INTO link SELECT 10 + n, 1 + n % 3, n FROM generate_series(1, 9) n;
SELECT mode, rows_out FROM pgtrickle.refresh_stream_table('figures');
SELECT missing, unexpected FROM pgtrickle.verify('figures');

-- However many inputs have changed, and in one refresh: no table is read as a whole.
CREATE TABLE region (id int PRIMARY KEY, name text NOT NULL);
CREATE TABLE buyer (id int PRIMARY KEY, region int NOT NULL);
CREATE TABLE bill (id int PRIMARY KEY, buyer int NOT NULL, day date NOT NULL);
CREATE TABLE line (bill int NOT NULL, no int NOT NULL, amount int NOT NULL, PRIMARY KEY (bill, no));
CREATE INDEX ON bill (buyer);
CREATE INDEX ON buyer (region);
INSERT INTO region SELECT n, 'region ' || n FROM generate_series(1, 2000) n;
INSERT INTO buyer SELECT n, 1 + n % 2000 FROM generate_series(1, 4000) n;
INSERT INTO bill SELECT n, 1 + n % 4000, '2025-01-01' FROM generate_series(1, 8000) n;
INSERT INTO line SELECT n, no, n % 100 FROM generate_series(1, 8000) n, generate_series(1, 2) no;
VACUUM ANALYZE region, buyer, bill, line;
SELECT pgtrickle.create_stream_table('by_region', $$
    SELECT name, day, sum(amount) AS amount FROM region JOIN buyer ON buyer.region = region.id JOIN bill ON bill.buyer = buyer.id JOIN line ON line.bill = bill.id
    GROUP BY name, day
$$, '1h', 'DIFFERENTIAL');
SET enable_seqscan = off;
INSERT INTO bill SELECT 8000 + n, n, '2025-01-02' FROM generate_series(1, 3) n;
INSERT INTO line SELECT 8000 + n, no, n FROM generate_series(1, 3) n, generate_series(1, 2) no;
UPDATE region SET name = 'the second' WHERE id = 2;
UPDATE buyer SET region = 5 WHERE id IN (1, 3);
UPDATE bill SET day = '2025-01-03' WHERE id IN (1, 2);
DELETE FROM line WHERE bill = 2 AND no = 1;
RESET enable_seqscan;
BEGIN;
CREATE TEMP TABLE was AS SELECT relname, seq_tup_read AS read, idx_tup_fetch AS found FROM pg_stat_xact_user_tables;
SELECT mode, rows_in FROM pgtrickle.refresh_stream_table('by_region');
SELECT relname, seq_tup_read - read AS read, idx_tup_fetch - found < 100 AS few FROM pg_stat_xact_user_tables JOIN was USING (relname)
WHERE relname IN ('region', 'buyer', 'bill', 'line') ORDER BY 1;
COMMIT;
SELECT missing, unexpected FROM pgtrickle.verify('by_region');
