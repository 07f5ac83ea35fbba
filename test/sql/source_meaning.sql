-- What a query means may change without a change of rows: functions and views are replaced, names change.
\getenv test PG_ABS_SRCDIR
\set refreshed :test '/include/refreshed.sql'
\i :refreshed
CREATE SCHEMA app;
CREATE TYPE app.mood AS ENUM ('sad', 'ok');
CREATE TABLE app.t (id int PRIMARY KEY, x int, k int, m app.mood);
INSERT INTO app.t SELECT i, i - 2, i % 3, 'sad' FROM generate_series(1, 6) i;
CREATE FUNCTION app.f(x int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT x + 1';
CREATE FUNCTION app.more(a int, b int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN coalesce(a, 0) + coalesce(b, 0); END $$;
CREATE AGGREGATE app.total(int) (sfunc = app.more, stype = int);
CREATE VIEW app.inner_view AS SELECT id, x, k, m FROM app.t WHERE x > 0;
CREATE VIEW app.outer_view AS SELECT * FROM app.inner_view;
SELECT pgtrickle.create_stream_table(name, query, '1h', mode) FROM (VALUES
    ('by_function', 'DIFFERENTIAL', 'SELECT app.f(x) AS f, count(*) AS n FROM app.t GROUP BY app.f(x)'),
    ('by_aggregate', 'AUTO',        'SELECT k, app.total(x) AS total FROM app.t GROUP BY k'),
    ('by_view',     'DIFFERENTIAL', 'SELECT v.x, v.k, t.id FROM app.outer_view v JOIN app.t ON t.k = v.k'),
    ('by_name',     'DIFFERENTIAL', $q$SELECT m, m::text AS name, count(*) AS n FROM app.t WHERE m <> 'ok'::app.mood GROUP BY m, m::text$q$),
    ('full_function', 'FULL',       'SELECT app.f(x) AS f, count(*) AS n FROM app.t GROUP BY app.f(x)'),
    ('full_view',   'FULL',         'SELECT x, k FROM app.outer_view'),
    ('reader',      'DIFFERENTIAL', 'SELECT sum(n) AS n FROM by_function WHERE f > 2')) v(name, mode, query);

-- Functions, those behind aggregates too.
CREATE OR REPLACE FUNCTION app.f(x int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT x * 2';
CREATE OR REPLACE FUNCTION app.more(a int, b int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN coalesce(a, 0) + 2 * coalesce(b, 0); END $$;
TABLE refreshed;
INSERT INTO app.t VALUES (7, 7, 1, 'ok');
TABLE refreshed;

-- Views, to the last one below.
CREATE TABLE app.u (id int PRIMARY KEY, x int, k int, m app.mood);
INSERT INTO app.u VALUES (1, 1, 1), (2, 2, NULL);
CREATE OR REPLACE VIEW app.inner_view AS SELECT id, x, k, m FROM app.u;
TABLE refreshed;
INSERT INTO app.u VALUES (3, 1, 1), (4, 2, NULL);
INSERT INTO app.t VALUES (8, NULL, 1, NULL);
TABLE refreshed;

-- A function that is not what it was may have no law any more.
ALTER FUNCTION app.f(int) VOLATILE;
TABLE refreshed;
ALTER FUNCTION app.f(int) IMMUTABLE;

-- Names: nothing but the text of the statements changes.
ALTER SCHEMA app RENAME TO store;
ALTER TABLE store.t RENAME TO tt;
ALTER TABLE store.tt RENAME COLUMN id TO number;
ALTER TABLE store.tt RENAME COLUMN k TO kk;
ALTER TABLE by_view SET SCHEMA store;
ALTER TABLE by_aggregate RENAME TO totals;
-- A stream table may have another name, its columns may not.
ALTER TABLE totals RENAME COLUMN total TO sum;
INSERT INTO store.tt VALUES (9, 9, 2, 'sad');
TABLE refreshed;
ALTER TYPE store.mood ADD VALUE 'glad' BEFORE 'ok';
INSERT INTO store.tt VALUES (10, 9, 2, 'glad');
TABLE refreshed;
ALTER TYPE store.mood RENAME VALUE 'sad' TO 'blue';
INSERT INTO store.tt VALUES (11, 9, 2, 'blue');
TABLE refreshed;
SELECT * FROM by_name ORDER BY m;
