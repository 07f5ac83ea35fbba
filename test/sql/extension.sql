-- The extension created again in the same session has nothing to do with the one that was dropped.
\set SHOW_CONTEXT never
CREATE TABLE a (k int, v text);
CREATE TABLE b (k int, w text);
INSERT INTO a VALUES (1, 'a');
INSERT INTO b VALUES (1, 'b');
SELECT pgtrickle.create_stream_table('s', 'SELECT a.k, a.v, b.w FROM a JOIN b ON a.k = b.k', '1h', 'DIFFERENTIAL');
INSERT INTO b VALUES (1, 'c');
SELECT mode FROM pgtrickle.refresh_stream_table('s');

\set VERBOSITY terse
SET client_min_messages = warning;
DROP EXTENSION pg_trickle CASCADE;
CREATE EXTENSION pg_trickle;
RESET client_min_messages;
\set VERBOSITY default

-- What was a stream table is a table.
TABLE s ORDER BY w;
DROP TABLE s;

CREATE TABLE c (v date, k text);
CREATE TABLE d (w numeric, k text);
INSERT INTO c VALUES ('2024-01-01', 'x');
INSERT INTO d VALUES (1, 'x');
SELECT pgtrickle.create_stream_table('s', 'SELECT c.k, c.v, d.w FROM c JOIN d ON c.k = d.k', '1h', 'DIFFERENTIAL');
INSERT INTO d VALUES (2, 'x');
SELECT mode FROM pgtrickle.refresh_stream_table('s');
TABLE s ORDER BY w;
SELECT missing, unexpected FROM pgtrickle.verify('s');
