-- HAVING: a group enters and leaves as its aggregates cross the condition.
CREATE TABLE vote (who text, what text);
INSERT INTO vote VALUES ('ada', 'x'), ('bo', 'x'), ('cy', 'y');
SELECT pgtrickle.create_stream_table('popular', 'SELECT what, count(*) AS n FROM vote GROUP BY what HAVING count(*) > 1 AND min(who) < $$bo$$', '1h', 'DIFFERENTIAL');
TABLE popular;
INSERT INTO vote VALUES ('abe', 'y');
DELETE FROM vote WHERE who = 'bo';
SELECT mode FROM pgtrickle.refresh_stream_table('popular');
TABLE popular;
SELECT missing, unexpected FROM pgtrickle.verify('popular');
UPDATE vote SET who = 'zoe' WHERE who = 'abe';
SELECT mode FROM pgtrickle.refresh_stream_table('popular');
TABLE popular;
SELECT missing, unexpected FROM pgtrickle.verify('popular');

-- Without GROUP BY the one group may be there or not.
SELECT pgtrickle.create_stream_table('quorum', 'SELECT count(*) AS n FROM vote HAVING count(*) > 2', '1h', 'DIFFERENTIAL');
DELETE FROM vote WHERE who = 'ada';
SELECT mode FROM pgtrickle.refresh_stream_table('quorum');
TABLE quorum;
INSERT INTO vote VALUES ('di', 'x'), ('ed', 'x');
SELECT mode FROM pgtrickle.refresh_stream_table('quorum');
TABLE quorum;
SELECT missing, unexpected FROM pgtrickle.verify('quorum');
