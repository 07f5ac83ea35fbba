-- A refresh runs with the rights of the stream table's owner.
\set SHOW_CONTEXT never
CREATE ROLE regress_trickle_owner;
CREATE ROLE regress_trickle_reader;
GRANT CREATE ON SCHEMA public TO regress_trickle_owner;
CREATE TABLE secret (id int PRIMARY KEY, x int);
CREATE TABLE open (id int PRIMARY KEY, x int);
GRANT SELECT ON open TO regress_trickle_owner;
INSERT INTO open VALUES (1, 1);

SET ROLE regress_trickle_owner;
-- Who may not read a table cannot follow it.
SELECT pgtrickle.create_stream_table('stolen', 'SELECT x FROM secret', '1h');
SELECT pgtrickle.create_stream_table('v', 'SELECT x, count(*) AS n FROM open GROUP BY x', '1h', 'DIFFERENTIAL');
SELECT tableowner FROM pg_tables WHERE tablename = 'v';
RESET ROLE;

INSERT INTO open VALUES (2, 1);
SET ROLE regress_trickle_owner;
SELECT mode FROM pgtrickle.refresh_stream_table('v');
TABLE v;
SELECT missing, unexpected FROM pgtrickle.verify('v');
RESET ROLE;

-- Others may read it if they are allowed to, and may not refresh, alter or drop it.
SET ROLE regress_trickle_reader;
TABLE v;
SELECT pgtrickle.refresh_stream_table('v');
SELECT pgtrickle.alter_stream_table('v', schedule => '2h');
SELECT pgtrickle.pause_stream_table('v');
SELECT pgtrickle.drop_stream_table('v');
SELECT name, status FROM pgtrickle.pgt_status();
RESET ROLE;
GRANT SELECT ON v TO regress_trickle_reader;
SET ROLE regress_trickle_reader;
TABLE v;
RESET ROLE;

-- A right that was taken away stops the refresh, and nothing else.
REVOKE SELECT ON open FROM regress_trickle_owner;
INSERT INTO open VALUES (3, 1);
SELECT pgtrickle.refresh_stream_table('v');
TABLE v;
GRANT SELECT ON open TO regress_trickle_owner;
SELECT mode FROM pgtrickle.refresh_stream_table('v');
TABLE v;
SELECT missing, unexpected FROM pgtrickle.verify('v');

-- Code of the query runs as the owner, never as who refreshes.
CREATE TABLE spied (who name);
GRANT INSERT ON spied TO PUBLIC;
SET ROLE regress_trickle_owner;
CREATE FUNCTION spy(x int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN x * CASE current_user WHEN 'regress_trickle_owner' THEN 1 ELSE -1 END; END $$;
SELECT pgtrickle.create_stream_table('s', 'SELECT spy(x) AS x FROM open', '1h', 'DIFFERENTIAL');
RESET ROLE;
INSERT INTO open VALUES (4, 44);
SELECT mode FROM pgtrickle.refresh_stream_table('s');
SELECT * FROM s ORDER BY 1;

-- Row security that does not apply to the owner is none; what applies to it is followed.
ALTER TABLE open OWNER TO regress_trickle_owner;
ALTER TABLE open ENABLE ROW LEVEL SECURITY;
INSERT INTO open VALUES (5, 44);
SELECT mode FROM pgtrickle.refresh_stream_table('v');
SELECT missing, unexpected FROM pgtrickle.verify('v');
ALTER TABLE open FORCE ROW LEVEL SECURITY;
SELECT mode FROM pgtrickle.refresh_stream_table('v');
SELECT missing, unexpected FROM pgtrickle.verify('v');
ALTER TABLE open NO FORCE ROW LEVEL SECURITY;
INSERT INTO open VALUES (6, 44);
SELECT mode FROM pgtrickle.refresh_stream_table('v');
SELECT missing, unexpected FROM pgtrickle.verify('v');

SELECT pgtrickle.drop_stream_table('s');
SELECT pgtrickle.drop_stream_table('v');
DROP FUNCTION spy;
DROP TABLE open, secret, spied;
REVOKE CREATE ON SCHEMA public FROM regress_trickle_owner;
DROP ROLE regress_trickle_owner, regress_trickle_reader;
