-- FULL JOIN: a left join, and the rows of the right side that nothing on the left matches.
CREATE TABLE plan (month int, amount int);
CREATE TABLE spent (month int, amount int, who text);
INSERT INTO plan VALUES (1, 100), (2, 80), (NULL, 5);
INSERT INTO spent VALUES (1, 60, 'a'), (1, 20, 'b'), (3, 9, 'a'), (NULL, 1, 'c');

SELECT pgtrickle.create_stream_table('months', 'SELECT month, p.amount AS planned, s.amount, s.who FROM plan p FULL JOIN spent s USING (month)', '1h', 'DIFFERENTIAL');
SELECT operator, law FROM pgtrickle.explain_stream_table('months');
SELECT * FROM months ORDER BY 1, 2, 3;
INSERT INTO plan VALUES (3, 10), (1, 7);
DELETE FROM spent WHERE who = 'b';
DELETE FROM plan WHERE month = 2;
INSERT INTO spent VALUES (2, 30, 'b');
SELECT mode FROM pgtrickle.refresh_stream_table('months');
SELECT * FROM months ORDER BY 1, 2, 3;
SELECT missing, unexpected FROM pgtrickle.verify('months');

-- Conditions beyond equality, of one side as well; aggregates on both sides; in a row.
SELECT pgtrickle.create_stream_table('parts', 'SELECT p.*, s.who FROM plan p FULL JOIN spent s ON p.month = s.month AND s.amount < p.amount AND s.who <> ''c''', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('three', $$
    SELECT month, a, b, n FROM (SELECT month, sum(amount) AS a FROM plan GROUP BY month) p
    FULL JOIN (SELECT month, sum(amount) AS b FROM spent GROUP BY month) s USING (month) FULL JOIN (SELECT amount AS month, count(*) AS n FROM spent GROUP BY amount) x USING (month)
$$, '1h', 'DIFFERENTIAL');
-- A condition that rejects NULLs of a side leaves a left join, of both an inner join.
SELECT pgtrickle.create_stream_table('planned', 'SELECT p.month, s.who FROM plan p FULL JOIN spent s ON p.month = s.month WHERE p.amount > 6', '1h', 'DIFFERENTIAL');
SELECT operator FROM pgtrickle.explain_stream_table('planned');
-- A subquery in ON that reads both sides is made for each combination of them.
CREATE TABLE known (month int, who text);
INSERT INTO known VALUES (1, 'a'), (2, 'a'), (1, 'd');
SELECT pgtrickle.create_stream_table('listed', 'SELECT p.month, p.amount, s.who FROM plan p FULL JOIN spent s ON p.month = s.month AND EXISTS (SELECT FROM known k WHERE k.month = p.month AND k.who = s.who)', '1h', 'DIFFERENTIAL');
UPDATE spent SET month = month + 1 WHERE who = 'a';
INSERT INTO plan VALUES (4, 4), (NULL, 8);
DELETE FROM spent WHERE month IS NULL;
SELECT t.name, mode, missing, unexpected FROM unnest('{months, parts, three, planned, listed}'::text[]) t(name), pgtrickle.refresh_stream_table(t.name), pgtrickle.verify(t.name);
SELECT * FROM three ORDER BY 1;
TRUNCATE plan;
INSERT INTO spent SELECT g % 3, g, 'd' FROM generate_series(1, 6) g;
SELECT t.name, missing, unexpected FROM unnest('{months, parts, three, planned, listed}'::text[]) t(name), pgtrickle.refresh_stream_table(t.name), pgtrickle.verify(t.name);
DELETE FROM spent;
INSERT INTO plan VALUES (1, 1);
SELECT t.name, mode, missing, unexpected FROM unnest('{months, parts, three, planned, listed}'::text[]) t(name), pgtrickle.refresh_stream_table(t.name), pgtrickle.verify(t.name);

-- What the server cannot run is refused as it does.
SELECT pgtrickle.create_stream_table('unequal', 'SELECT p.month, s.who FROM plan p FULL JOIN spent s ON p.month < s.month', '1h', 'DIFFERENTIAL');
-- What has no law is refused at its place.
SELECT pgtrickle.create_stream_table('around', 'SELECT k.month, (SELECT count(*) FROM plan p FULL JOIN spent s ON p.month = s.month AND s.who = k.who) AS n FROM known k', '1h', 'DIFFERENTIAL');
