-- DISTINCT: a row is there while at least one row of the input makes it.
CREATE TABLE tag (item int, word text);
INSERT INTO tag VALUES (1, 'red'), (2, 'red'), (3, NULL), (4, NULL), (5, 'blue');
SELECT pgtrickle.create_stream_table('words', 'SELECT DISTINCT word FROM tag', '1h', 'DIFFERENTIAL');
SELECT * FROM words ORDER BY 1;

DELETE FROM tag WHERE item IN (1, 3, 5);
SELECT mode FROM pgtrickle.refresh_stream_table('words');
SELECT * FROM words ORDER BY 1;
DELETE FROM tag WHERE item = 4;
INSERT INTO tag VALUES (6, 'green'), (7, 'green');
SELECT mode FROM pgtrickle.refresh_stream_table('words');
SELECT * FROM words ORDER BY 1;
SELECT missing, unexpected FROM pgtrickle.verify('words');

-- Away and back within one tick is no change.
BEGIN;
DELETE FROM tag WHERE word = 'red';
INSERT INTO tag VALUES (8, 'red');
COMMIT;
SELECT mode, rows_out FROM pgtrickle.refresh_stream_table('words');

-- Of several columns, over a join, and under an aggregate.
SELECT pgtrickle.create_stream_table('together', 'SELECT DISTINCT a.word AS a, b.word AS b FROM tag a JOIN tag b ON a.item < b.item', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('kinds', 'SELECT count(*) AS n, count(word) AS named FROM (SELECT DISTINCT word FROM tag) w', '1h', 'DIFFERENTIAL');
INSERT INTO tag VALUES (9, NULL), (10, 'green');
DELETE FROM tag WHERE item = 6;
SELECT mode FROM pgtrickle.refresh_stream_table('together');
SELECT * FROM together ORDER BY 1, 2;
SELECT missing, unexpected FROM pgtrickle.verify('together');
SELECT mode FROM pgtrickle.refresh_stream_table('kinds');
TABLE kinds;
SELECT missing, unexpected FROM pgtrickle.verify('kinds');
