-- AUTO: by deltas, or anew and by the difference, whichever the last refreshes of such a size say is cheaper.
CREATE TABLE product (id int PRIMARY KEY, kind text);
CREATE TABLE sale (id int PRIMARY KEY, product int, price int);
INSERT INTO product SELECT i, 'plain' FROM generate_series(1, 10) i;
INSERT INTO sale SELECT i, 1 + (i % 10) / 9, 10 * i FROM generate_series(1, 20000) i;
ANALYZE product, sale;
SELECT pgtrickle.create_stream_table('by_kind', 'SELECT kind, sum(price) AS total FROM sale JOIN product ON product.id = product GROUP BY kind', '1h');
SELECT mode, widest FROM pgtrickle.cost;
CREATE FUNCTION last_refresh(OUT mode text, OUT rows_in bigint, OUT reason text) LANGUAGE sql AS $$
    SELECT mode, rows_in, reason FROM pgtrickle.get_refresh_history('by_kind', 1) $$;

-- What took how long is written by hand here, to be the same every time.
CREATE PROCEDURE took(anew float8, VARIADIC by_deltas float8[]) LANGUAGE sql AS $$
    DELETE FROM pgtrickle.cost;
    INSERT INTO pgtrickle.cost (id, mode, rows_in, widest, milliseconds) SELECT id, 'INITIAL', 0, 20010, anew FROM pgtrickle.stream_table;
    INSERT INTO pgtrickle.cost (id, mode, rows_in, widest, milliseconds) SELECT id, 'DIFFERENTIAL', 4000, 4000, d FROM pgtrickle.stream_table, unnest(by_deltas) d $$;

-- One slow refresh is no reason; two are.
CALL took(200, 60000);
UPDATE sale SET price = price + 1 WHERE id <= 2000;
SELECT mode FROM pgtrickle.refresh_stream_table('by_kind');
CALL took(200, 60000, 50000);
UPDATE sale SET price = price + 1 WHERE id <= 2000;
SELECT mode FROM pgtrickle.refresh_stream_table('by_kind');
SELECT * FROM last_refresh();
-- Nor is one slow among fast ones.
CALL took(200, 20, 60000, 24);
UPDATE sale SET price = price + 1 WHERE id <= 2000;
SELECT mode FROM pgtrickle.refresh_stream_table('by_kind');
SELECT * FROM last_refresh();
-- When it was made anew before, that counts, and not the first fill.
CALL took(1, 2000, 2000);
INSERT INTO pgtrickle.cost (id, mode, rows_in, widest, milliseconds) SELECT id, 'REBUILD', 2000, 10005, 5000 FROM pgtrickle.stream_table;
UPDATE sale SET price = price + 1 WHERE id <= 2000;
SELECT mode FROM pgtrickle.refresh_stream_table('by_kind');
SELECT * FROM last_refresh();

-- Small batches are never weighed.
CALL took(200, 60000, 60000);
UPDATE sale SET price = price + 1 WHERE id <= 500;
SELECT mode FROM pgtrickle.refresh_stream_table('by_kind');
SELECT * FROM last_refresh();

-- A change of one row may reach most rows of another table: known to be fast by deltas, it goes that way; known to be
-- slow, it is given up as soon as it shows.
CREATE PROCEDURE fanned_out(by_deltas float8) LANGUAGE sql AS $$
    CALL took(200, 0);
    INSERT INTO pgtrickle.cost (id, mode, rows_in, widest, milliseconds) SELECT id, 'DIFFERENTIAL', 2, 36000, by_deltas FROM pgtrickle.stream_table, generate_series(1, 2) $$;
CALL fanned_out(72);
UPDATE product SET kind = 'odd' WHERE id = 1;
SELECT mode FROM pgtrickle.refresh_stream_table('by_kind');
SELECT * FROM last_refresh();
CALL fanned_out(7200000);
UPDATE product SET kind = 'plain' WHERE id = 1;
SELECT mode FROM pgtrickle.refresh_stream_table('by_kind');
SELECT * FROM last_refresh();
SELECT missing, unexpected FROM pgtrickle.verify('by_kind');

-- A recursion whose rounds have taken longer than recomputing would is given up.
CREATE TABLE chain (id int PRIMARY KEY, before int);
INSERT INTO chain SELECT i, nullif(i - 1, 0) FROM generate_series(1, 100000) i;
CREATE INDEX ON chain (before);
ANALYZE chain;
SELECT pgtrickle.create_stream_table('chained', 'WITH RECURSIVE c AS (SELECT id, 0 AS depth FROM chain WHERE before IS NULL UNION ALL
    SELECT chain.id, depth + 1 FROM c JOIN chain ON chain.before = c.id) SELECT * FROM c', '1h');
UPDATE pgtrickle.cost SET milliseconds = 10 WHERE id = (SELECT id FROM pgtrickle.stream_table WHERE relid = 'chained'::regclass);
INSERT INTO chain VALUES (0, NULL);
UPDATE chain SET before = 0 WHERE id = 1;
SELECT mode FROM pgtrickle.refresh_stream_table('chained');
SELECT reason ~ '^the recursion by deltas has taken \d+ ms and goes on, recomputing: about 10 ms$' AS said FROM pgtrickle.get_refresh_history('chained', 1);
SELECT missing, unexpected FROM pgtrickle.verify('chained');

-- DIFFERENTIAL is kept by deltas until most of the sources has changed.
SELECT pgtrickle.alter_stream_table('by_kind', refresh_mode => 'DIFFERENTIAL');
SELECT mode FROM pgtrickle.refresh_stream_table('by_kind');
CALL took(200, 60000, 60000);
UPDATE sale SET price = price + 1 WHERE id <= 2000;
SELECT mode FROM pgtrickle.refresh_stream_table('by_kind');
SELECT * FROM last_refresh();
UPDATE sale SET price = price + 1;
SELECT mode FROM pgtrickle.refresh_stream_table('by_kind');
SELECT * FROM last_refresh();
