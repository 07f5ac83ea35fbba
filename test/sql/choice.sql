-- AUTO: by deltas, or anew and by the difference, whichever the last refreshes of such a size say is cheaper.
CREATE TABLE product (id int PRIMARY KEY, kind text);
CREATE TABLE sale (id int PRIMARY KEY, product int, price int);
INSERT INTO product SELECT i, 'plain' FROM generate_series(1, 10) i;
INSERT INTO sale SELECT i, 1 + (i % 10) / 9, 10 * i FROM generate_series(1, 20000) i;
ANALYZE product, sale;
SELECT pgtrickle.create_stream_table('by_kind', 'SELECT kind, sum(price) AS total FROM sale JOIN product ON product.id = product GROUP BY kind', '1h');
SELECT mode, widest, recomputing > 0 AND recomputing <= milliseconds AS recomputing_is_part FROM pgtrickle.cost;
CREATE FUNCTION last_refresh(OUT mode text, OUT rows_in bigint, OUT reason text) LANGUAGE sql AS $$
    SELECT mode, rows_in, reason FROM pgtrickle.get_refresh_history('by_kind', 1) $$;

-- What took how long is written by hand here, to be the same every time.
CREATE PROCEDURE took(anew float8, VARIADIC by_deltas float8[]) LANGUAGE sql AS $$
    DELETE FROM pgtrickle.cost;
    INSERT INTO pgtrickle.cost (id, mode, rows_in, widest, milliseconds) SELECT id, 'INITIAL', 0, 20010, anew FROM pgtrickle.stream_table;
    INSERT INTO pgtrickle.cost (id, mode, rows_in, widest, milliseconds) SELECT id, 'DIFFERENTIAL', 4000, 4000, d FROM pgtrickle.stream_table, unnest(by_deltas) d $$;
CREATE PROCEDURE recomputed_in(VARIADIC each float8[]) LANGUAGE sql AS $$
    INSERT INTO pgtrickle.cost (id, mode, rows_in, widest, milliseconds) SELECT id, 'FULL', 4000, 20010, e FROM pgtrickle.stream_table, unnest(each) e $$;

-- One slow refresh is no reason; two are.
CALL took(200, 60000);
UPDATE sale SET price = price + 1 WHERE id <= 600;
SELECT mode FROM pgtrickle.refresh_stream_table('by_kind');
CALL took(300, 60000, 50000);
UPDATE sale SET price = price + 1 WHERE id <= 2000;
SELECT mode FROM pgtrickle.refresh_stream_table('by_kind');
SELECT * FROM last_refresh();
SELECT missing, unexpected FROM pgtrickle.verify('by_kind');

-- It has lapsed: neither state nor arrangement is kept up.
SELECT kind, frontier IS NULL AS from_scratch FROM pgtrickle.consumer WHERE lapsed ORDER BY kind;
SELECT operator, law FROM pgtrickle.explain_stream_table('by_kind') LIMIT 1;

-- It stays so where deltas would not be faster, and where that would not yet pay for filling its state; then it does.
CALL took(300, 60000, 50000);
CALL recomputed_in(110, 110, 110);
UPDATE sale SET price = price + 1 WHERE id <= 2000;
SELECT mode FROM pgtrickle.refresh_stream_table('by_kind');
SELECT * FROM last_refresh();
CALL took(300, 70, 70);
CALL recomputed_in(110, 110, 110);
UPDATE sale SET price = price + 1 WHERE id <= 2000;
SELECT mode FROM pgtrickle.refresh_stream_table('by_kind');
SELECT * FROM last_refresh();
SELECT mode FROM pgtrickle.refresh_stream_table('by_kind');
CALL took(300, 60, 60);
CALL recomputed_in(110, 110, 110);
UPDATE sale SET price = price + 1 WHERE id <= 2000;
SELECT mode FROM pgtrickle.refresh_stream_table('by_kind');
SELECT * FROM last_refresh();
SELECT kind, frontier IS NULL AS from_scratch FROM pgtrickle.consumer WHERE lapsed ORDER BY kind;
SELECT missing, unexpected FROM pgtrickle.verify('by_kind');

-- Nor is one slow among fast ones.
CALL took(200, 20, 60000, 24);
CALL recomputed_in(100);
UPDATE sale SET price = price + 1 WHERE id <= 2000;
SELECT mode FROM pgtrickle.refresh_stream_table('by_kind');
SELECT * FROM last_refresh();

-- What recomputing takes is only an estimate before it was done: where deltas hardly beat it, it is tried once.
CALL took(3000, 900, 900);
UPDATE sale SET price = price + 1 WHERE id <= 2000;
SELECT mode FROM pgtrickle.refresh_stream_table('by_kind');
SELECT * FROM last_refresh();
CALL took(3000, 920, 920);
UPDATE sale SET price = price + 1 WHERE id <= 2000;
SELECT mode FROM pgtrickle.refresh_stream_table('by_kind');
SELECT * FROM last_refresh();
SELECT count(*) FROM pgtrickle.cost WHERE mode = 'FULL';
CALL took(300, 20, 20);
CALL recomputed_in(1000);
UPDATE sale SET price = price + 1 WHERE id <= 2000;
SELECT mode FROM pgtrickle.refresh_stream_table('by_kind');
SELECT missing, unexpected FROM pgtrickle.verify('by_kind');

-- It is tried for as long as deltas would take; what takes longer is given up for them, and tried again when they would take longer, too.
CREATE FUNCTION slow_for_one(price int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN IF price = 200000 THEN PERFORM pg_sleep(0.5); END IF; RETURN price; END $$;
SELECT pgtrickle.create_stream_table('slowly', 'SELECT product, sum(slow_for_one(price)) AS total FROM sale GROUP BY product', '1h');
CREATE PROCEDURE by_deltas_in(each float8) LANGUAGE sql AS $$
    DELETE FROM pgtrickle.cost WHERE mode = 'DIFFERENTIAL';
    INSERT INTO pgtrickle.cost (id, mode, rows_in, widest, milliseconds) SELECT id, 'DIFFERENTIAL', 4000, 4000, each FROM pgtrickle.stream_table, generate_series(1, 2) $$;
CREATE FUNCTION next_slowly(OUT mode text, OUT reason text, OUT tries bigint, OUT at_least float8) LANGUAGE plpgsql AS $$ BEGIN
    UPDATE sale SET price = price + 1 WHERE id <= 2000;
    PERFORM pgtrickle.refresh_stream_table('slowly');
    SELECT h.mode, h.reason FROM pgtrickle.get_refresh_history('slowly', 1) h INTO mode, reason;
    SELECT count(*), max(milliseconds) FROM pgtrickle.cost c WHERE c.mode = 'TRIED' INTO tries, at_least;
END $$;
CALL took(300, 95, 95);
SELECT * FROM next_slowly();
CALL by_deltas_in(170);
SELECT * FROM next_slowly();
CALL by_deltas_in(180);
SELECT * FROM next_slowly();
SELECT missing, unexpected FROM pgtrickle.verify('slowly');
SELECT pg_sleep(0.2);    -- nothing is left that cancels others
SELECT pgtrickle.drop_stream_table('slowly');
CALL took(300, 20, 20);
CALL recomputed_in(1000);
SELECT mode FROM pgtrickle.refresh_stream_table('by_kind');

-- Small batches are never weighed.
CALL took(200, 60000, 60000);
UPDATE sale SET price = price + 1 WHERE id <= 500;
SELECT mode FROM pgtrickle.refresh_stream_table('by_kind');
SELECT * FROM last_refresh();

-- A change of one row may reach most rows of another table: known to be fast by deltas, it goes that way; known to be
-- slow, it is given up as soon as it shows.
CREATE PROCEDURE fanned_out(by_deltas float8) LANGUAGE sql AS $$
    CALL took(600, 0);
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

-- An arrangement is kept up for as long as one of those that use it is.
SELECT pgtrickle.create_stream_table('priced', 'SELECT sale.id, kind, price FROM product JOIN sale ON product = product.id', '1h', 'DIFFERENTIAL');
SELECT kind, count(*) FILTER (WHERE lapsed) AS lapsed, count(*) FILTER (WHERE frontier IS NOT NULL) AS populated FROM pgtrickle.consumer GROUP BY kind ORDER BY kind;
UPDATE sale SET price = price + 1 WHERE id <= 2000;
SELECT mode FROM pgtrickle.refresh_stream_table('by_kind');
SELECT kind, count(*) FILTER (WHERE lapsed) AS lapsed, count(*) FILTER (WHERE frontier IS NOT NULL) AS populated FROM pgtrickle.consumer GROUP BY kind ORDER BY kind;
SELECT mode FROM pgtrickle.refresh_stream_table('priced');
SELECT missing, unexpected FROM pgtrickle.verify('priced');
SELECT pgtrickle.drop_stream_table('priced');

-- A recursion whose rounds have taken longer than recomputing would is given up.
CREATE TABLE chain (id int PRIMARY KEY, before int);
INSERT INTO chain SELECT i, nullif(i - 1, 0) FROM generate_series(1, 100000) i;
CREATE INDEX ON chain (before);
ANALYZE chain;
SELECT pgtrickle.create_stream_table('chained', 'WITH RECURSIVE c AS (SELECT id, 0 AS depth FROM chain WHERE before IS NULL UNION ALL
    SELECT chain.id, depth + 1 FROM c JOIN chain ON chain.before = c.id) SELECT * FROM c', '1h');
SELECT mode, recomputing FROM pgtrickle.cost WHERE id = (SELECT id FROM pgtrickle.stream_table WHERE relid = 'chained'::regclass);
UPDATE pgtrickle.cost SET milliseconds = 30 WHERE id = (SELECT id FROM pgtrickle.stream_table WHERE relid = 'chained'::regclass);
INSERT INTO chain VALUES (0, NULL);
UPDATE chain SET before = 0 WHERE id = 1;
SELECT mode FROM pgtrickle.refresh_stream_table('chained');
SELECT reason ~ '^the recursion by deltas has taken \d+ ms and goes on, recomputing: about 10 ms$' AS said FROM pgtrickle.get_refresh_history('chained', 1);
SELECT missing, unexpected FROM pgtrickle.verify('chained');

-- What has moved by time cannot lapse: it is rebuilt.
CREATE TABLE event (id int PRIMARY KEY, at timestamptz);
INSERT INTO event SELECT i, now() - interval '1 minute' * i FROM generate_series(1, 20000) i;
ANALYZE event;
SELECT pgtrickle.create_stream_table('lately', $$SELECT count(*) FROM event WHERE at > now() - interval '1 day'$$, '1h');
UPDATE event SET at = now() - interval '1 day' + interval '1 hour';
SELECT mode, reason FROM pgtrickle.refresh_stream_table('lately');
SELECT missing, unexpected FROM pgtrickle.verify('lately');
SELECT kind FROM pgtrickle.consumer WHERE lapsed AND id = (SELECT id FROM pgtrickle.stream_table WHERE relid = 'lately'::regclass);

-- A TRUNCATE of what it reads is no reason to fill the state of one that has lapsed.
TRUNCATE sale;
INSERT INTO sale SELECT i, 1 + (i % 10) / 9, 10 * i FROM generate_series(1, 20000) i;
SELECT mode, reason FROM pgtrickle.refresh_stream_table('by_kind');
SELECT missing, unexpected FROM pgtrickle.verify('by_kind');

-- DIFFERENTIAL is kept by deltas until most of the sources has changed.
SELECT pgtrickle.alter_stream_table('by_kind', refresh_mode => 'DIFFERENTIAL');
SELECT kind FROM pgtrickle.consumer WHERE lapsed AND kind = 'view' AND id = (SELECT id FROM pgtrickle.stream_table WHERE relid = 'by_kind'::regclass);
SELECT mode FROM pgtrickle.refresh_stream_table('by_kind');
CALL took(200, 60000, 60000);
UPDATE sale SET price = price + 1 WHERE id <= 2000;
SELECT mode FROM pgtrickle.refresh_stream_table('by_kind');
SELECT * FROM last_refresh();
UPDATE sale SET price = price + 1;
SELECT mode FROM pgtrickle.refresh_stream_table('by_kind');
SELECT * FROM last_refresh();

-- Where none was of this size, two of another say what deltas take.
SELECT pgtrickle.create_stream_table('by_product', 'SELECT product, sum(price) AS total FROM sale GROUP BY product', '1h');
DELETE FROM pgtrickle.cost;
INSERT INTO pgtrickle.cost (id, mode, rows_in, widest, milliseconds) SELECT id, mode, n, n, took
FROM pgtrickle.stream_table, (VALUES ('INITIAL', 0, 300), ('DIFFERENTIAL', 80000, 80000), ('DIFFERENTIAL', 80000, 90000)) k(mode, n, took) WHERE relid = 'by_product'::regclass;
UPDATE sale SET price = price + 1 WHERE id <= 2000;
SELECT mode FROM pgtrickle.refresh_stream_table('by_product');
SELECT reason FROM pgtrickle.get_refresh_history('by_product', 1);
SELECT missing, unexpected FROM pgtrickle.verify('by_product');

-- Before any is known, a look-up for each row is set against the plan of the query.  Both ways it says so.
ANALYZE sale;
SELECT pgtrickle.create_stream_table('first', 'SELECT product, sum(price) AS total, count(*) FROM sale GROUP BY product', '1h');
CREATE FUNCTION last_choice(OUT mode text, OUT rows_in bigint, OUT reason text) LANGUAGE sql AS $$
    SELECT mode, rows_in, regexp_replace(reason, '\d+ ms', '# ms', 'g') FROM pgtrickle.get_refresh_history('first', 1) $$;
CREATE PROCEDURE took_first(mode text, n bigint, milliseconds float8) LANGUAGE sql AS $$
    INSERT INTO pgtrickle.cost (id, mode, rows_in, widest, milliseconds) SELECT id, mode, n, CASE mode WHEN 'DIFFERENTIAL' THEN n ELSE 20000 END, milliseconds FROM pgtrickle.stream_table WHERE relid = 'first'::regclass $$;
DELETE FROM pgtrickle.cost;
CALL took_first('INITIAL', 0, 600);
UPDATE sale SET price = price + 1 WHERE id <= 600;
SELECT mode FROM pgtrickle.refresh_stream_table('first');
SELECT * FROM last_choice();
DELETE FROM pgtrickle.cost WHERE mode <> 'INITIAL';
UPDATE sale SET price = price + 1 WHERE id <= 2000;
SELECT mode FROM pgtrickle.refresh_stream_table('first');
SELECT * FROM last_choice();
SELECT missing, unexpected FROM pgtrickle.verify('first');

-- It stays so for such batches.  Small ones are cheap by deltas, and bring its state back when recomputing has lost as much as that takes.
DELETE FROM pgtrickle.cost WHERE mode <> 'INITIAL';
CALL took_first('FULL', 4000, 200);
UPDATE sale SET price = price + 1 WHERE id <= 2000;
SELECT mode FROM pgtrickle.refresh_stream_table('first');
SELECT * FROM last_choice();
DELETE FROM pgtrickle.cost WHERE mode <> 'INITIAL';
CALL took_first('FULL', 40, 200);
CALL took_first('FULL', 40, 200);
UPDATE sale SET price = price + 1 WHERE id <= 20;
SELECT mode FROM pgtrickle.refresh_stream_table('first');
SELECT * FROM last_choice();
SELECT missing, unexpected FROM pgtrickle.verify('first');

-- What was measured is believed instead.
CALL took_first('DIFFERENTIAL', 4000, 20);
CALL took_first('DIFFERENTIAL', 4000, 20);
UPDATE sale SET price = price + 1 WHERE id <= 2000;
SELECT mode FROM pgtrickle.refresh_stream_table('first');
SELECT * FROM last_choice();
SELECT missing, unexpected FROM pgtrickle.verify('first');

-- Before recomputing was tried, it is taken for the part of a fill that plans said it is.
CREATE PROCEDURE said(recomputing float8, by_deltas float8) LANGUAGE sql AS $$
    DELETE FROM pgtrickle.cost;
    CALL took_first('INITIAL', 0, 600);
    UPDATE pgtrickle.cost SET recomputing = said.recomputing;
    CALL took_first('DIFFERENTIAL', 4000, by_deltas);
    CALL took_first('DIFFERENTIAL', 4000, by_deltas) $$;
CALL said(700, 400);
UPDATE sale SET price = price + 1 WHERE id <= 2000;
SELECT mode FROM pgtrickle.refresh_stream_table('first');
CALL said(1000, 1900);
UPDATE sale SET price = price + 1 WHERE id <= 2000;
SELECT mode FROM pgtrickle.refresh_stream_table('first');
SELECT missing, unexpected FROM pgtrickle.verify('first');
