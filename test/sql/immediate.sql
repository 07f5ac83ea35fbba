-- IMMEDIATE: a stream table follows inside the transaction that changes what it reads.
CREATE TABLE customer (id int PRIMARY KEY, name text NOT NULL);
CREATE TABLE sale (id int PRIMARY KEY, customer int REFERENCES customer ON DELETE CASCADE, amount int);
CREATE INDEX ON sale (customer);
SELECT pgtrickle.create_stream_table('spent', 'SELECT c.id, c.name, count(s.id) AS n, sum(s.amount) AS amount FROM customer c LEFT JOIN sale s ON s.customer = c.id GROUP BY c.id, c.name', refresh_mode => 'IMMEDIATE');
SELECT pgtrickle.create_stream_table('named', 'SELECT s.id, c.name, s.amount FROM sale s JOIN customer c ON c.id = s.customer', refresh_mode => 'immediate');
-- One may read another, and be read by one that is refreshed.
SELECT pgtrickle.create_stream_table('best', 'SELECT max(amount) AS amount, count(DISTINCT name) AS names FROM spent', refresh_mode => 'IMMEDIATE');
SELECT pgtrickle.create_stream_table('later', 'SELECT name, sum(amount) AS amount FROM named GROUP BY name', '1h');

-- Each statement is followed, and undone with its savepoint.
BEGIN;
INSERT INTO customer VALUES (1, 'ann'), (2, 'bob');
INSERT INTO sale VALUES (1, 1, 10), (2, 1, 20), (3, 2, 5);
SELECT * FROM spent ORDER BY id;
SELECT * FROM named ORDER BY id;
SELECT * FROM best;
SAVEPOINT before;
DELETE FROM customer WHERE id = 1;      -- and its sales
SELECT * FROM spent ORDER BY id;
SELECT * FROM named ORDER BY id;
ROLLBACK TO before;
SELECT * FROM best;
UPDATE sale SET amount = amount + 1 WHERE customer = 1;
SELECT * FROM best;
COMMIT;
SELECT rows_in FROM pgtrickle.refresh_stream_table('later');
SELECT * FROM later ORDER BY name;

-- COPY, MERGE, ON CONFLICT, data-modifying WITH.
COPY sale FROM STDIN;
4	2	40
5	2	50
\.
SELECT * FROM best;
MERGE INTO sale USING (VALUES (5, 55), (6, 60)) AS v(id, amount) ON sale.id = v.id
    WHEN MATCHED THEN UPDATE SET amount = v.amount WHEN NOT MATCHED THEN INSERT VALUES (v.id, 2, v.amount);
SELECT * FROM best;
INSERT INTO sale VALUES (6, 2, 66) ON CONFLICT (id) DO UPDATE SET amount = excluded.amount;
SELECT * FROM best;
WITH gone AS (DELETE FROM sale WHERE id = 6 RETURNING *) INSERT INTO sale SELECT id + 1, 1, amount FROM gone;
SELECT * FROM spent ORDER BY id;

-- Functions: each statement is followed by itself.
DO $$
DECLARE seen bigint;
BEGIN
    INSERT INTO sale VALUES (8, 2, 800);
    SELECT amount INTO seen FROM best;
    RAISE NOTICE 'best: %', seen;
    BEGIN
        DELETE FROM sale WHERE customer = 2;
        SELECT amount INTO seen FROM best;
        RAISE NOTICE 'best: %', seen;
        RAISE division_by_zero;
    EXCEPTION WHEN division_by_zero THEN NULL;
    END;
    SELECT amount INTO seen FROM best;
    RAISE NOTICE 'best: %', seen;
END $$;

-- Triggers that write: the statement is over when all of them have fired.
CREATE TABLE audit (sale int, amount int);
SELECT pgtrickle.create_stream_table('audited', 'SELECT a.sale, s.amount AS now, a.amount AS was FROM audit a JOIN sale s ON s.id = a.sale', refresh_mode => 'IMMEDIATE');
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO audit VALUES (OLD.id, OLD.amount); RETURN NEW; END $$;
CREATE TRIGGER before_update BEFORE UPDATE ON sale FOR EACH ROW WHEN (OLD.id = 1) EXECUTE FUNCTION note();
CREATE TRIGGER after_update AFTER UPDATE ON sale FOR EACH ROW WHEN (OLD.id = 2) EXECUTE FUNCTION note();
UPDATE sale SET amount = amount * 2 WHERE id < 4;
SELECT * FROM audited ORDER BY sale;
DROP TRIGGER before_update ON sale;
DROP TRIGGER after_update ON sale;

-- An error of the stream table is an error of the statement.
SELECT pgtrickle.create_stream_table('share', 'SELECT id, 1000 / amount AS part FROM sale', refresh_mode => 'IMMEDIATE');
INSERT INTO sale VALUES (9, 1, 0);
SELECT count(*) FROM sale WHERE id = 9;
SELECT pgtrickle.drop_stream_table('share');

-- TRUNCATE, and partitions.
TRUNCATE sale;
SELECT * FROM spent ORDER BY id;
SELECT * FROM best;
CREATE TABLE event (day int, n int) PARTITION BY RANGE (day);
CREATE TABLE event_1 PARTITION OF event FOR VALUES FROM (1) TO (2);
CREATE TABLE event_2 (day int, n int);
INSERT INTO event_2 VALUES (2, 22);
SELECT pgtrickle.create_stream_table('days', 'SELECT day, sum(n) AS n FROM event GROUP BY day', refresh_mode => 'IMMEDIATE');
INSERT INTO event_1 VALUES (1, 1), (1, 2);
ALTER TABLE event ATTACH PARTITION event_2 FOR VALUES FROM (2) TO (3);
SELECT * FROM days ORDER BY day;
UPDATE event SET day = 2 WHERE n = 2;
SELECT * FROM days ORDER BY day;
DROP TABLE event_1;
SELECT * FROM days ORDER BY day;

-- From one mode to the other.
SELECT pgtrickle.alter_stream_table('days', refresh_mode => 'DIFFERENTIAL', schedule => '1h');
INSERT INTO event VALUES (2, 100);
SELECT * FROM days ORDER BY day;
SELECT pgtrickle.alter_stream_table('days', refresh_mode => 'IMMEDIATE');
SELECT * FROM days ORDER BY day;
INSERT INTO event VALUES (2, 1000);
SELECT * FROM days ORDER BY day;
-- Paused, it stays as it is; resumed, it catches up.
SELECT pgtrickle.pause_stream_table('days');
INSERT INTO event VALUES (2, 10000);
SELECT * FROM days ORDER BY day;
SELECT pgtrickle.resume_stream_table('days');
SELECT * FROM days ORDER BY day;

-- Time moves rows when nobody writes.
CREATE TABLE visit (at timestamptz);
SELECT pgtrickle.create_stream_table('recent', $$SELECT count(*) AS n FROM visit WHERE at > now() - interval '1 day'$$, refresh_mode => 'IMMEDIATE');
SELECT pgtrickle.create_stream_table('dice', 'SELECT id, random() AS r FROM sale', refresh_mode => 'IMMEDIATE');

-- Where writers wait for each other.
SELECT pgtrickle.create_stream_table('ranked', 'SELECT id, customer, rank() OVER (PARTITION BY customer ORDER BY amount) FROM sale', refresh_mode => 'IMMEDIATE');
INSERT INTO sale VALUES (20, 1, 7), (21, 1, 8), (22, 2, 9);
SELECT * FROM ranked ORDER BY id;
SELECT operator, access FROM pgtrickle.explain_stream_table('named');
CREATE TABLE loose (k int, v int);
SELECT pgtrickle.create_stream_table('found', 'SELECT l.v, s.amount FROM loose l JOIN sale s ON s.amount = l.k', refresh_mode => 'IMMEDIATE');
SELECT access FROM pgtrickle.explain_stream_table('found') WHERE operator = 'IMMEDIATE';
INSERT INTO loose VALUES (7, 1), (7, 1), (8, 2);
DELETE FROM loose WHERE ctid = '(0,1)';
SELECT * FROM found ORDER BY v;

-- No trace in the history but of what is more than following.
SELECT mode, count(*) FROM pgtrickle.get_refresh_history('spent') GROUP BY mode ORDER BY mode;
SELECT name, missing, unexpected FROM (VALUES ('spent'), ('named'), ('best'), ('audited'), ('days'), ('ranked'), ('found')) v(name), pgtrickle.verify(name);

-- What it reads is refreshed in the tick that makes it follow its sources for the first time: once is enough.
CREATE TABLE t (id int NOT NULL, n int);
SELECT pgtrickle.create_stream_table('hourly', 'SELECT id, count(*) AS n FROM t GROUP BY id', '1h', 'FULL');
SELECT pgtrickle.create_stream_table('at_once', 'SELECT n AS x FROM hourly WHERE NOT EXISTS (SELECT FROM t WHERE t.n = hourly.id)', '1h', 'IMMEDIATE');
INSERT INTO t VALUES (7, 2);
SELECT missing, unexpected FROM pgtrickle.verify('at_once');
UPDATE t SET id = 3;
SELECT missing, unexpected FROM pgtrickle.verify('at_once');
SELECT mode FROM pgtrickle.refresh_stream_table('hourly');    -- the scheduler may have been first, when it was empty
TABLE at_once;
SELECT pgtrickle.drop_stream_table('at_once');

-- What reads what follows it, and reads what is refreshed: the same refresh has it all.
SELECT pgtrickle.create_stream_table('at_once', 'SELECT sum(n) AS n FROM hourly', refresh_mode => 'IMMEDIATE');
SELECT pgtrickle.create_stream_table('daily', 'SELECT n + 1 AS n FROM at_once', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('daily_at_once', 'SELECT n + 1 AS n FROM daily', refresh_mode => 'IMMEDIATE');
SELECT pgtrickle.create_stream_table('monthly', 'SELECT d.n, a.n AS before FROM daily_at_once d CROSS JOIN at_once a', '1h', 'DIFFERENTIAL');
DO $$ BEGIN WHILE EXISTS (SELECT FROM pgtrickle.consumer WHERE NOT settled AND id IN (SELECT id FROM pgtrickle.stream_table WHERE refresh_mode = 'IMMEDIATE')) LOOP PERFORM pg_sleep(0.02); END LOOP; END $$;
INSERT INTO t VALUES (4, 4), (4, 5);
SELECT mode, rows_out FROM pgtrickle.refresh_stream_table('monthly');
TABLE monthly;
INSERT INTO t VALUES (5, 5);
SELECT missing, unexpected FROM pgtrickle.verify('monthly');
TABLE monthly;
SELECT pgtrickle.drop_stream_table(name) FROM unnest(ARRAY['monthly', 'daily_at_once', 'daily', 'at_once', 'hourly']) name;
DROP TABLE t;
