-- As with REFRESH MATERIALIZED VIEW: what a query names is found when it is given; from then on its owner needs no schema any more,
-- only the right to read the tables.
\getenv test PG_ABS_SRCDIR
\set refreshed :test '/include/refreshed.sql'
\i :refreshed
CREATE ROLE regress_trickle_usage;
GRANT CREATE ON SCHEMA public TO regress_trickle_usage;
CREATE SCHEMA vault;
CREATE TYPE vault.kind AS ENUM ('small', 'large');
CREATE DOMAIN vault.cents AS int CHECK (VALUE >= 0);
CREATE TYPE vault.place AS (x int, y int);
CREATE FUNCTION vault.twice(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 * 2';
CREATE OPERATOR vault.<+> (LEFTARG = int, RIGHTARG = int, FUNCTION = int4pl);
CREATE COLLATION vault.plain FROM "C";
CREATE AGGREGATE vault.total(int) (sfunc = int4pl, stype = int, initcond = '0');
CREATE TABLE vault.shop (id int PRIMARY KEY, name text COLLATE vault.plain, kind vault.kind, at vault.place);
CREATE TABLE vault.sale (id int PRIMARY KEY, shop int, price vault.cents, day date DEFAULT current_date);
INSERT INTO vault.shop SELECT i, 'shop ' || i, CASE WHEN i % 2 = 0 THEN 'small' ELSE 'large' END::vault.kind, ROW(i, i) FROM generate_series(1, 6) i;
INSERT INTO vault.sale SELECT i, i % 6 + 1, i FROM generate_series(1, 60) i;
GRANT SELECT ON vault.shop, vault.sale TO regress_trickle_usage;

-- Who may not use the schema cannot name what is in it.
SET ROLE regress_trickle_usage;
SELECT pgtrickle.create_stream_table('joined', 'SELECT s.name FROM vault.shop s', '1h', 'DIFFERENTIAL');
RESET ROLE;

GRANT USAGE, CREATE ON SCHEMA vault TO regress_trickle_usage;
CREATE TEMP TABLE law (name text, query text, mode text);
INSERT INTO law
    SELECT kind || '_' || lower(mode), query, mode FROM (VALUES
        ('joined',  'SELECT s.name, s.kind, s.at, l.price, vault.twice(l.id) AS t FROM vault.shop s JOIN vault.sale l ON l.shop = s.id WHERE l.id OPERATOR(vault.<+>) 1 > 2'),
        ('grouped', 'SELECT s.kind, count(*) AS n, sum(l.price) AS s, min(l.price) AS low, vault.total(l.id) AS t FROM vault.sale l LEFT JOIN vault.shop s ON l.shop = s.id AND s.kind = ''small'' GROUP BY s.kind'),
        ('ranked',  'SELECT name, rank() OVER (PARTITION BY kind ORDER BY name) AS r FROM vault.shop')) q(kind, query),
        unnest(ARRAY['DIFFERENTIAL', 'FULL', 'AUTO', 'IMMEDIATE']) mode
    UNION ALL
    SELECT 'recent', 'SELECT l.id, s.kind FROM vault.sale l JOIN vault.shop s ON s.id = l.shop WHERE l.day >= current_date - 7', 'DIFFERENTIAL'
    UNION ALL
    SELECT 'vault.inside', 'SELECT kind, count(*) AS n FROM vault.shop GROUP BY kind', 'DIFFERENTIAL';
GRANT SELECT ON law TO regress_trickle_usage;
SET ROLE regress_trickle_usage;
SELECT count(pgtrickle.create_stream_table(name, query, CASE WHEN mode <> 'IMMEDIATE' THEN '1h' ELSE 'calculated' END, mode)) FROM law;
CREATE MATERIALIZED VIEW plain AS SELECT name FROM vault.shop;
RESET ROLE;
REVOKE USAGE ON SCHEMA vault FROM regress_trickle_usage;
CREATE FUNCTION stale() RETURNS TABLE (stream_table regclass) LANGUAGE plpgsql AS $$
DECLARE r record; n bigint;
BEGIN
    FOR r IN SELECT relid::regclass AS relid, query FROM pgtrickle.stream_table WHERE refresh_mode = 'IMMEDIATE' ORDER BY id LOOP
        EXECUTE format('SELECT count(*) FROM ((TABLE %1$s EXCEPT ALL (%2$s)) UNION ALL ((%2$s) EXCEPT ALL TABLE %1$s)) d', r.relid, r.query) INTO n;
        IF n > 0 THEN stream_table := r.relid; RETURN NEXT; END IF;
    END LOOP;
END $$;

-- Few rows, planned before and anew; many; by hand, and in the transaction of who writes.
INSERT INTO vault.sale VALUES (100, 1, 5);
UPDATE vault.shop SET kind = 'large', at = ROW(0, 0) WHERE id = 2;
SELECT * FROM stale();
SELECT * FROM refreshed;
DISCARD PLANS;
DELETE FROM vault.sale WHERE id < 10;
UPDATE vault.shop SET name = 'shop 7' WHERE id = 3;
SELECT * FROM stale();
SELECT * FROM refreshed;
SET pg_trickle.weighed_rows = 10000;    -- by deltas
INSERT INTO vault.sale SELECT i, i % 6 + 1, i FROM generate_series(1000, 4000) i;
SELECT * FROM stale();
SELECT * FROM refreshed;
RESET pg_trickle.weighed_rows;
TRUNCATE vault.sale;
INSERT INTO vault.sale SELECT i, i % 6 + 1, i FROM generate_series(1, 30) i;
SELECT * FROM stale();
SELECT * FROM refreshed;

-- By the owner, who cannot name the tables any more; in a session that has seen none of it.
\c -
SET ROLE regress_trickle_usage;
SELECT * FROM vault.shop;
REFRESH MATERIALIZED VIEW plain;
SELECT mode FROM pgtrickle.refresh_stream_table('grouped_differential');
SELECT missing, unexpected FROM pgtrickle.verify('grouped_differential');
SELECT missing, unexpected FROM pgtrickle.verify('recent');
SELECT count(*) > 0 AS explained FROM pgtrickle.explain_stream_table('joined_differential');
SELECT pgtrickle.create_stream_table('another', 'SELECT s.name FROM vault.shop s', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.alter_stream_table('recent', query => 'SELECT l.id, NULL::vault.kind AS kind FROM vault.sale l');
RESET ROLE;
UPDATE vault.shop SET kind = 'small' WHERE id = 5;
SELECT * FROM stale();
SELECT * FROM refreshed;

-- The right to read a table still counts, and so do its policies.
INSERT INTO vault.sale VALUES (200, 1, 5);
REVOKE SELECT ON vault.shop FROM regress_trickle_usage;
INSERT INTO vault.sale VALUES (201, 1, 5);
SELECT mode FROM pgtrickle.refresh_stream_table('grouped_full');
SELECT mode FROM pgtrickle.refresh_stream_table('grouped_differential');
-- Paused, those of the writers' transactions let them go on; resumed, they need the right, and catch up.
DO $$ BEGIN PERFORM pgtrickle.pause_stream_table(name) FROM pgtrickle.pgt_status() WHERE refresh_mode = 'IMMEDIATE'; END $$;
INSERT INTO vault.sale VALUES (202, 1, 5);
SELECT pgtrickle.resume_stream_table('joined_immediate');
GRANT SELECT ON vault.shop TO regress_trickle_usage;
DO $$ BEGIN PERFORM pgtrickle.resume_stream_table(name) FROM pgtrickle.pgt_status() WHERE refresh_mode = 'IMMEDIATE'; END $$;
INSERT INTO vault.shop VALUES (7, 'hidden', 'small', NULL), (8, 'shown', 'small', NULL);
ALTER TABLE vault.shop ENABLE ROW LEVEL SECURITY;
CREATE POLICY shown ON vault.shop USING (vault.twice(id) <> 14);
SELECT * FROM refreshed;
SELECT name FROM joined_differential WHERE name = 'hidden';
SELECT name FROM ranked_immediate WHERE name IN ('hidden', 'shown');

-- Reading a constant runs what a domain calls: as the owner, who gains nothing by it.
CREATE TABLE secret (x int);
CREATE TABLE told (who name);
GRANT INSERT ON told TO PUBLIC;
SET ROLE regress_trickle_usage;
CREATE FUNCTION tell(int) RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.told VALUES (current_user);
    PERFORM FROM public.secret;
    RETURN true;
EXCEPTION WHEN insufficient_privilege THEN
    INSERT INTO public.told VALUES (current_user);
    RETURN true;
END $$;
CREATE DOMAIN curious AS int CHECK (tell(VALUE));
CREATE TABLE mine (id int PRIMARY KEY, x int);
SELECT pgtrickle.create_stream_table('curiosity', $$SELECT id FROM mine WHERE x = ANY ('{1,2}'::curious[]::int[])$$, '1h', 'DIFFERENTIAL');
INSERT INTO mine VALUES (1, 1), (2, 3);
RESET ROLE;
SELECT mode FROM pgtrickle.refresh_stream_table('curiosity');
TABLE curiosity;
SELECT missing, unexpected FROM pgtrickle.verify('curiosity');
SELECT pgtrickle.alter_stream_table('curiosity', query => $$SELECT id FROM mine WHERE x = ANY ('{3}'::curious[]::int[])$$);
TABLE curiosity;
SELECT DISTINCT who FROM told;

\set ECHO none
SET client_min_messages = warning;
SELECT count(pgtrickle.drop_stream_table(relid::regclass::text)) > 0 FROM pgtrickle.stream_table;
DROP MATERIALIZED VIEW plain;
DROP TABLE mine, secret, told;
DROP DOMAIN curious;
DROP FUNCTION tell, stale;
DROP VIEW refreshed;
DROP FUNCTION refresh;
DROP SCHEMA vault CASCADE;
DROP OWNED BY regress_trickle_usage;
DROP ROLE regress_trickle_usage;
