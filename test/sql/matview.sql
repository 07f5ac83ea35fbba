-- A materialized view is followed through a copy that is compared with it once it has been refreshed.
\set SHOW_CONTEXT never
CREATE TABLE sale (id int PRIMARY KEY, product text, price numeric, note jsonb);
INSERT INTO sale VALUES (1, 'tea', 1.0, '{}'), (2, 'tea', 2, NULL), (3, 'rum', 3, '[1]'), (4, NULL, 3, '[1]');
CREATE MATERIALIZED VIEW priced AS SELECT product, price, note FROM sale;
CREATE MATERIALIZED VIEW keyed AS SELECT id, product, price FROM sale;
CREATE UNIQUE INDEX ON keyed (id);
CREATE TABLE product (name text PRIMARY KEY, kind text);
INSERT INTO product VALUES ('tea', 'dry'), ('rum', 'wet');

SELECT pgtrickle.create_stream_table('totals', 'SELECT product, sum(price) AS total, count(*) AS n FROM priced GROUP BY product', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('kinds', 'SELECT p.kind, k.id, k.price FROM keyed k LEFT JOIN product p ON p.name = k.product', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('notes', 'SELECT note, price FROM priced', '1h');
SELECT effective_mode FROM pgtrickle.stream_table ORDER BY id;
SELECT operator, law, access FROM pgtrickle.explain_stream_table('totals');
SELECT * FROM totals ORDER BY 1;

-- A change of what lies below is none before the refresh; without one a tick does nothing.
INSERT INTO sale VALUES (5, 'gin', 7, 'null');
UPDATE sale SET price = 2.00 WHERE id = 2;
SELECT mode FROM pgtrickle.refresh_stream_table('totals');
SELECT missing, unexpected FROM pgtrickle.verify('totals');
REFRESH MATERIALIZED VIEW priced;
SELECT mode, rows_in FROM pgtrickle.refresh_stream_table('totals');
SELECT * FROM totals ORDER BY 1;
SELECT missing, unexpected FROM pgtrickle.verify('totals');
SELECT mode FROM pgtrickle.refresh_stream_table('notes');
SELECT missing, unexpected FROM pgtrickle.verify('notes');
SELECT price FROM notes ORDER BY 1, 1::text;
REFRESH MATERIALIZED VIEW priced;
SELECT mode FROM pgtrickle.refresh_stream_table('totals');

-- CONCURRENTLY, and joined with a table that changes by itself.
UPDATE sale SET product = 'tea', price = 9 WHERE id = 3;
DELETE FROM sale WHERE id = 1;
REFRESH MATERIALIZED VIEW CONCURRENTLY keyed;
UPDATE product SET kind = 'leaves' WHERE name = 'tea';
SELECT mode, rows_in FROM pgtrickle.refresh_stream_table('kinds');
SELECT * FROM kinds ORDER BY id;
SELECT missing, unexpected FROM pgtrickle.verify('kinds');

-- Twice in one transaction, and one that is rolled back.
BEGIN;
UPDATE sale SET price = price + 1;
REFRESH MATERIALIZED VIEW keyed;
SELECT mode FROM pgtrickle.refresh_stream_table('kinds');
UPDATE sale SET price = price + 1;
REFRESH MATERIALIZED VIEW CONCURRENTLY keyed;
SELECT mode FROM pgtrickle.refresh_stream_table('kinds');
SELECT missing, unexpected FROM pgtrickle.verify('kinds');
SAVEPOINT s;
DELETE FROM sale;
REFRESH MATERIALIZED VIEW keyed;
SELECT mode FROM pgtrickle.refresh_stream_table('kinds');
SELECT count(*) FROM kinds;
ROLLBACK TO s;
SELECT mode FROM pgtrickle.refresh_stream_table('kinds');
SELECT missing, unexpected FROM pgtrickle.verify('kinds');
COMMIT;
SELECT mode FROM pgtrickle.refresh_stream_table('kinds');
SELECT missing, unexpected FROM pgtrickle.verify('kinds');

-- Equal values that look different are a change; equal rows are counted.
INSERT INTO sale SELECT i, 'same', 1, '{}' FROM generate_series(10, 15) i;
REFRESH MATERIALIZED VIEW priced;
SELECT mode FROM pgtrickle.refresh_stream_table('notes');
UPDATE sale SET price = 1.0 WHERE id = 10;
DELETE FROM sale WHERE id IN (11, 12);
REFRESH MATERIALIZED VIEW priced;
SELECT mode, rows_in FROM pgtrickle.refresh_stream_table('totals');
SELECT missing, unexpected FROM pgtrickle.verify('totals');
SELECT mode, rows_in FROM pgtrickle.refresh_stream_table('notes');
SELECT missing, unexpected FROM pgtrickle.verify('notes');

-- All stream tables share a copy, which holds what they read and nothing else; a column more is filled in.
SELECT count(*), max(columns::text) FROM pgtrickle.copy WHERE source = 'keyed'::regclass;
SELECT pgtrickle.create_stream_table('ids', 'SELECT count(*) AS n FROM keyed', '1h', 'DIFFERENTIAL');
CREATE MATERIALIZED VIEW wide AS SELECT id, product, price, price * 2 AS double, 'x'::char(3) AS c FROM sale;
SELECT pgtrickle.create_stream_table('narrow', 'SELECT product FROM wide', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('wider', 'SELECT id, double, c FROM wide', '1h', 'DIFFERENTIAL');
SELECT count(*), max(columns::text) FROM pgtrickle.copy WHERE source = 'wide'::regclass;
SELECT missing, unexpected FROM pgtrickle.verify('narrow');
SELECT missing, unexpected FROM pgtrickle.verify('wider');
ALTER MATERIALIZED VIEW wide RENAME COLUMN double TO product_;
ALTER MATERIALIZED VIEW wide RENAME COLUMN price TO double;
SELECT pgtrickle.create_stream_table('widest', 'SELECT double, wide FROM wide', '1h', 'DIFFERENTIAL');
SELECT missing, unexpected FROM pgtrickle.verify('widest');
SELECT missing, unexpected FROM pgtrickle.verify('wider');
UPDATE sale SET price = price + 1, product = product || '!' WHERE id < 12;
REFRESH MATERIALIZED VIEW wide;
REFRESH MATERIALIZED VIEW keyed;
SELECT count(*) FROM (SELECT (pgtrickle.verify(relid::regclass::text)).* FROM pgtrickle.stream_table) v WHERE missing + unexpected > 0;

-- Stream tables above, and materialized views over stream tables.
SELECT pgtrickle.create_stream_table('above', 'SELECT sum(total) AS total FROM totals', '1h', 'DIFFERENTIAL');
CREATE MATERIALIZED VIEW seen AS SELECT * FROM totals;
SELECT pgtrickle.create_stream_table('most', 'SELECT product, total FROM seen ORDER BY total DESC LIMIT 2', '1h', 'DIFFERENTIAL');
REFRESH MATERIALIZED VIEW priced;
SELECT mode FROM pgtrickle.refresh_stream_table('above');
SELECT missing, unexpected FROM pgtrickle.verify('above');
REFRESH MATERIALIZED VIEW seen;
SELECT mode FROM pgtrickle.refresh_stream_table('most');
SELECT missing, unexpected FROM pgtrickle.verify('most');

-- One that is not populated stops those that read it, and nobody else.
REFRESH MATERIALIZED VIEW wide WITH NO DATA;
SELECT pgtrickle.refresh_stream_table('narrow');
SELECT mode FROM pgtrickle.refresh_stream_table('totals');
REFRESH MATERIALIZED VIEW wide;
SELECT mode FROM pgtrickle.refresh_stream_table('narrow');
SELECT missing, unexpected FROM pgtrickle.verify('narrow');

-- No statement changes it that could be followed at once.
SELECT pgtrickle.create_stream_table('now', 'SELECT product FROM keyed', refresh_mode => 'IMMEDIATE');
SELECT message FROM pgtrickle.validate_query('SELECT product FROM keyed WHERE price > 1');

-- A WITH query that nothing reads needs no copy.
SELECT pgtrickle.create_stream_table('unread', 'WITH w AS MATERIALIZED (SELECT * FROM seen) SELECT id FROM sale', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.drop_stream_table('most');
SELECT missing, unexpected FROM pgtrickle.verify('unread');
SELECT count(*) FROM pgtrickle.copy WHERE source = 'seen'::regclass;
SELECT pgtrickle.drop_stream_table('unread');

-- A refresh wakes the scheduler.
CREATE FUNCTION in_time(what text) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE done bool;
BEGIN
    FOR i IN 1 .. 1000 LOOP
        EXECUTE 'SELECT ' || what INTO done;
        IF done THEN RETURN true; END IF;
        PERFORM pg_sleep(0.02);
    END LOOP;
    RETURN false;
END $$;
SELECT pgtrickle.create_stream_table('prompt', 'SELECT count(*) AS n FROM keyed');
INSERT INTO sale SELECT i, 'many' FROM generate_series(1000, 1999) i;
REFRESH MATERIALIZED VIEW CONCURRENTLY keyed;
SELECT in_time('n > 1000 FROM prompt');
DELETE FROM sale WHERE id >= 1000;
REFRESH MATERIALIZED VIEW keyed;
SELECT in_time('n < 1000 FROM prompt');
SELECT pgtrickle.drop_stream_table('prompt');
DROP FUNCTION in_time;

-- What is not needed any more goes.
DROP MATERIALIZED VIEW wide;
DROP MATERIALIZED VIEW wide CASCADE;
SELECT pgtrickle.drop_stream_table('ids');
SELECT pgtrickle.drop_stream_table('kinds');
SELECT pgtrickle.drop_stream_table('above');
SELECT pgtrickle.drop_stream_table('totals', true);
SELECT pgtrickle.drop_stream_table('notes');
SELECT count(*) FROM pgtrickle.copy;
SELECT count(*) FROM pg_class WHERE relnamespace = 'pgtrickle_state'::regnamespace AND relkind = 'r';
DROP TABLE sale, product CASCADE;
