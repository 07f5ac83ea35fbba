-- Row security: a refresh shows what REFRESH MATERIALIZED VIEW would show the stream table's owner, and nothing else to anybody.
\set SHOW_CONTEXT never
CREATE ROLE regress_trickle_ann;
CREATE ROLE regress_trickle_bob;
CREATE ROLE regress_trickle_spy NOINHERIT;
GRANT CREATE ON SCHEMA public TO regress_trickle_ann, regress_trickle_bob;
CREATE TABLE doc (id int PRIMARY KEY, keeper name, team int, title text, until timestamptz DEFAULT 'infinity');
CREATE TABLE membership (who name, team int);
GRANT SELECT ON doc, membership TO regress_trickle_ann, regress_trickle_bob;
INSERT INTO doc VALUES (1, 'regress_trickle_ann', 1, 'a1'), (2, 'regress_trickle_bob', 1, 'b1'), (3, 'regress_trickle_bob', 2, 'b2'), (4, 'nobody', 2, 'n2');
INSERT INTO membership VALUES ('regress_trickle_ann', 2);
ALTER TABLE doc ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON doc USING (keeper = current_user);

-- Each owner has his own; who is no owner and no superuser sees what policies let through.
SET ROLE regress_trickle_ann;
SELECT pgtrickle.create_stream_table('ann', 'SELECT team, count(*) AS n, max(title) AS title FROM doc GROUP BY team', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('ann_now', 'SELECT id, title FROM doc', refresh_mode => 'IMMEDIATE');
SELECT operator, law FROM pgtrickle.explain_stream_table('ann_now');
SET ROLE regress_trickle_bob;
SELECT pgtrickle.create_stream_table('bob', 'SELECT m.who, d.title FROM doc d LEFT JOIN membership m USING (team)', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('bob_full', 'SELECT title FROM doc', '1h', 'FULL');
RESET ROLE;
SELECT pgtrickle.create_stream_table('every', 'SELECT id, title FROM doc', '1h', 'DIFFERENTIAL');
SELECT * FROM ann ORDER BY 1;
SELECT * FROM ann_now ORDER BY 1;
SELECT * FROM bob ORDER BY 2;
SELECT * FROM bob_full ORDER BY 1;
SELECT count(*) FROM every;
CREATE FUNCTION checked() RETURNS TABLE (stream_table regclass, mode text, missing bigint, unexpected bigint) LANGUAGE sql AS $$
    SELECT t.relid::regclass, (pgtrickle.refresh_stream_table(t.relid::regclass::text)).mode, v.missing, v.unexpected
    FROM pgtrickle.stream_table t, LATERAL pgtrickle.verify(t.relid::regclass::text) v ORDER BY t.id $$;
INSERT INTO doc SELECT 10 + i, CASE i % 3 WHEN 0 THEN 'regress_trickle_ann' WHEN 1 THEN 'regress_trickle_bob' END, i % 4, 'more ' || i FROM generate_series(1, 9) i;
UPDATE doc SET keeper = 'regress_trickle_bob' WHERE id = 1;
UPDATE doc SET keeper = 'regress_trickle_ann' WHERE id IN (3, 4);
DELETE FROM doc WHERE id = 2;
SELECT * FROM ann_now ORDER BY 1;
SELECT stream_table, missing, unexpected FROM checked();
SELECT * FROM ann ORDER BY 1;

-- Policies change, and whom they concern.
CREATE POLICY team ON doc USING (team IN (SELECT m.team FROM membership m WHERE m.who = current_user));
SELECT * FROM ann_now ORDER BY 1;
SELECT stream_table, missing, unexpected FROM checked();
SELECT * FROM ann ORDER BY 1;
INSERT INTO membership VALUES ('regress_trickle_bob', 3), ('regress_trickle_ann', 1);
DELETE FROM membership WHERE team = 2;
SELECT * FROM ann_now ORDER BY 1;
SELECT stream_table, mode, missing, unexpected FROM checked();
ALTER POLICY own ON doc USING (keeper = current_user AND id < 15);
SELECT stream_table, missing, unexpected FROM checked();
CREATE POLICY few ON doc AS RESTRICTIVE USING (id <> 12);
SELECT stream_table, missing, unexpected FROM checked();
DROP POLICY team ON doc;
SELECT * FROM ann_now ORDER BY 1;
SELECT stream_table, missing, unexpected FROM checked();
DROP POLICY few ON doc;
-- What a role may see is no row that anybody changes: an IMMEDIATE one follows when it is looked after.
DO $$ BEGIN WHILE NOT (SELECT c.settled FROM pgtrickle.consumer c JOIN pgtrickle.stream_table t USING (id) WHERE t.relid = 'ann_now'::regclass) LOOP PERFORM pg_sleep(0.02); END LOOP; END $$;
ALTER ROLE regress_trickle_ann BYPASSRLS;
SELECT stream_table, missing, unexpected FROM checked();
SELECT count(*) FROM ann_now;
ALTER ROLE regress_trickle_ann NOBYPASSRLS;
SELECT stream_table, missing, unexpected FROM checked();
ALTER TABLE doc OWNER TO regress_trickle_ann;
SELECT stream_table, missing, unexpected FROM checked();
ALTER TABLE doc FORCE ROW LEVEL SECURITY;
SELECT stream_table, missing, unexpected FROM checked();
ALTER TABLE doc NO FORCE ROW LEVEL SECURITY;
SELECT stream_table, missing, unexpected FROM checked();
ALTER TABLE doc DISABLE ROW LEVEL SECURITY;
SELECT * FROM ann_now ORDER BY 1 LIMIT 3;
SELECT stream_table, missing, unexpected FROM checked();
ALTER TABLE doc OWNER TO CURRENT_USER;
GRANT SELECT ON doc TO regress_trickle_ann;
ALTER TABLE doc ENABLE ROW LEVEL SECURITY;
SELECT stream_table, missing, unexpected FROM checked();
ALTER TABLE bob OWNER TO regress_trickle_ann;
SELECT stream_table, missing, unexpected FROM checked();
TABLE bob ORDER BY title;
ALTER TABLE bob OWNER TO regress_trickle_bob;

-- Time and functions in policies.
CREATE FUNCTION may_see(team int) RETURNS bool LANGUAGE sql STABLE AS $$ SELECT team < 2 $$;
CREATE POLICY lasts ON doc AS RESTRICTIVE USING (until > now() AND may_see(team));    -- not with an IMMEDIATE one
SELECT pgtrickle.drop_stream_table('ann_now');
CREATE POLICY lasts ON doc AS RESTRICTIVE USING (until > now() AND may_see(team));
SELECT stream_table, missing, unexpected FROM checked();
UPDATE doc SET until = now() + interval '0.3 second' WHERE keeper = 'regress_trickle_bob';
SELECT stream_table, missing, unexpected FROM checked();
SELECT count(*) > 0 AS some FROM bob;
SELECT pg_sleep(0.4);
SELECT stream_table, missing, unexpected FROM checked();
SELECT count(*) > 0 AS some FROM bob;
CREATE OR REPLACE FUNCTION may_see(team int) RETURNS bool LANGUAGE sql STABLE AS $$ SELECT true $$;
SELECT stream_table, missing, unexpected FROM checked();
DROP POLICY lasts ON doc;
ALTER POLICY own ON doc USING (keeper = current_user);

-- A condition that could show a hidden row is not asked of one.
SET ROLE regress_trickle_bob;
CREATE FUNCTION tell(what text) RETURNS bool LANGUAGE plpgsql COST 0.0001 IMMUTABLE AS $$ BEGIN RAISE NOTICE 'told %', what; RETURN true; END $$;
SELECT pgtrickle.create_stream_table('leaky', 'SELECT id, title FROM doc WHERE tell(title)', '1h', 'DIFFERENTIAL');
RESET ROLE;
INSERT INTO doc VALUES (100, 'regress_trickle_ann', 7, 'hidden'), (101, 'regress_trickle_bob', 7, 'seen');
SELECT mode FROM pgtrickle.refresh_stream_table('leaky');
SET ROLE regress_trickle_bob;
SELECT * FROM leaky WHERE id >= 100;
SELECT pgtrickle.create_stream_table('failing', 'SELECT id FROM doc WHERE 100 / (id - 4) <> 0', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('around', 'SELECT id FROM (SELECT id, title || team AS x FROM doc) d WHERE tell(x)', '1h', 'DIFFERENTIAL');
RESET ROLE;
CREATE VIEW walled WITH (security_barrier) AS SELECT id, title FROM doc WHERE id % 2 = 0;
CREATE VIEW invoked WITH (security_invoker) AS SELECT id, title FROM doc;
GRANT SELECT ON walled, invoked TO regress_trickle_bob;
SET ROLE regress_trickle_bob;
SELECT pgtrickle.create_stream_table('breaking', 'SELECT id FROM walled WHERE tell(title)', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('through', 'SELECT id, title FROM walled WHERE id > 4', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('invokes', 'SELECT id, title FROM invoked', '1h', 'DIFFERENTIAL');

-- What the engine keeps is nobody's to read.
SELECT c.oid::regclass, has_table_privilege(c.oid, 'SELECT') FROM pg_class c WHERE relnamespace = 'pgtrickle_state'::regnamespace AND relkind = 'r'
    AND has_table_privilege(c.oid, 'SELECT');
RESET ROLE;
INSERT INTO doc VALUES (102, 'regress_trickle_bob', 7, 'late'), (104, 'regress_trickle_ann', 7, 'hers'), (106, 'nobody', 7, 'his');
SET client_min_messages = warning;
SELECT stream_table, missing, unexpected FROM checked();
RESET client_min_messages;
SELECT * FROM through WHERE id > 100 ORDER BY 1;
SELECT * FROM invokes WHERE id > 100 ORDER BY 1;
-- A right that is taken away, also by way of a role, stops the refresh.
REVOKE SELECT ON doc FROM regress_trickle_bob;
INSERT INTO doc VALUES (110, 'regress_trickle_bob', 7, 'later');
SELECT pgtrickle.refresh_stream_table('leaky');
GRANT SELECT ON doc TO regress_trickle_spy;
GRANT regress_trickle_spy TO regress_trickle_bob WITH INHERIT TRUE;
SELECT mode FROM pgtrickle.refresh_stream_table('leaky');
REVOKE regress_trickle_spy FROM regress_trickle_bob;
SELECT pgtrickle.refresh_stream_table('leaky');

DROP TABLE doc, membership CASCADE;
DROP FUNCTION tell, may_see, checked;
REVOKE CREATE ON SCHEMA public FROM regress_trickle_ann, regress_trickle_bob;
DROP ROLE regress_trickle_ann, regress_trickle_bob, regress_trickle_spy;
