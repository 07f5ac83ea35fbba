-- A stream table may read stream tables; each tick moves the change on, and only the change.
CREATE TABLE line (invoice int, product text, amount int);
INSERT INTO line VALUES (1, 'a', 10), (1, 'b', 5), (2, 'a', 7);
SELECT pgtrickle.create_stream_table('invoice', 'SELECT invoice, sum(amount) AS total FROM line GROUP BY invoice', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('large', 'SELECT invoice, total FROM invoice WHERE total > 8', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('summary', 'SELECT count(*) AS n, max(l.total) AS largest FROM large l JOIN invoice i USING (invoice)', '1h', 'DIFFERENTIAL');
TABLE summary;
SELECT * FROM pgtrickle.dependency_tree();

INSERT INTO line VALUES (2, 'c', 4), (3, 'a', 1);
SELECT mode FROM pgtrickle.refresh_stream_table('invoice');
SELECT mode FROM pgtrickle.refresh_stream_table('large');
SELECT mode FROM pgtrickle.refresh_stream_table('summary');
SELECT * FROM large ORDER BY 1;
TABLE summary;
SELECT missing, unexpected FROM pgtrickle.verify('invoice');
SELECT missing, unexpected FROM pgtrickle.verify('large');
SELECT missing, unexpected FROM pgtrickle.verify('summary');

-- What does not change what it reads does not reach it.
UPDATE line SET product = 'z' WHERE invoice = 1;
SELECT mode, rows_out FROM pgtrickle.refresh_stream_table('invoice');
SELECT mode, rows_in FROM pgtrickle.refresh_stream_table('large');

-- Below a recomputed one, only what differs arrives.
SELECT pgtrickle.create_stream_table('ranked', 'SELECT invoice, rank() OVER (ORDER BY total) AS place FROM invoice', '1h', 'FULL');
SELECT pgtrickle.create_stream_table('first', 'SELECT invoice FROM ranked WHERE place = 1', '1h', 'DIFFERENTIAL');
TABLE first;
INSERT INTO line VALUES (4, 'a', 0);
SELECT mode FROM pgtrickle.refresh_stream_table('invoice');
SELECT mode FROM pgtrickle.refresh_stream_table('ranked');
SELECT mode FROM pgtrickle.refresh_stream_table('first');
TABLE first;
SELECT missing, unexpected FROM pgtrickle.verify('first');

-- All in one transaction: one snapshot.
BEGIN;
DELETE FROM line WHERE invoice = 2;
SELECT mode FROM pgtrickle.refresh_stream_table('invoice');
SELECT mode FROM pgtrickle.refresh_stream_table('large');
SELECT mode FROM pgtrickle.refresh_stream_table('summary');
TABLE summary;
ROLLBACK;
TABLE summary;
SELECT missing, unexpected FROM pgtrickle.verify('summary');

-- A cycle cannot be made.
SELECT pgtrickle.alter_stream_table('invoice', query => 'SELECT invoice, total FROM large');
SELECT pgtrickle.create_or_replace_stream_table('invoice', 'SELECT l.invoice, l.total FROM large l JOIN summary s ON s.n = l.invoice');
SELECT missing, unexpected FROM pgtrickle.verify('invoice');
