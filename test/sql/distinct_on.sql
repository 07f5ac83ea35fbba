-- DISTINCT ON: of the rows alike in some columns, the first in an order.
CREATE TABLE event (id int PRIMARY KEY, device text, at int, state text);
INSERT INTO event VALUES (1, 'a', 10, 'on'), (2, 'a', 20, 'off'), (3, 'b', 15, 'on'), (4, NULL, 5, 'on'), (5, NULL, 6, 'off');
SELECT pgtrickle.create_stream_table('latest', 'SELECT DISTINCT ON (device) device, state, at FROM event ORDER BY device, at DESC, id', '1h', 'DIFFERENTIAL');
SELECT * FROM latest ORDER BY device;
SELECT operator, law FROM pgtrickle.explain_stream_table('latest');

-- A later row takes the place; an older one, or one that goes from behind, changes nothing.
INSERT INTO event VALUES (6, 'a', 30, 'on'), (7, 'c', 1, 'on');
SELECT mode, rows_out FROM pgtrickle.refresh_stream_table('latest');
INSERT INTO event VALUES (8, 'b', 2, 'off');
DELETE FROM event WHERE id = 1;
SELECT mode, rows_out FROM pgtrickle.refresh_stream_table('latest');
-- The first goes: the next is looked up.  The last of its device goes: so does the row.
DELETE FROM event WHERE id IN (6, 7);
UPDATE event SET at = 1 WHERE id = 5;
SELECT mode, rows_out FROM pgtrickle.refresh_stream_table('latest');
SELECT * FROM latest ORDER BY device;
SELECT missing, unexpected FROM pgtrickle.verify('latest');

-- In an order of what is not shown; by an expression; without an order; with LIMIT; inside another query.
SELECT pgtrickle.create_stream_table('first_states', 'SELECT DISTINCT ON (upper(device)) state FROM event ORDER BY upper(device), at, id', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('any_of_each', 'SELECT DISTINCT ON (device) device, id FROM event', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('two_devices', 'SELECT DISTINCT ON (device) device, id FROM event ORDER BY device DESC, id LIMIT 2', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('states', 'SELECT state, count(*) AS n FROM (SELECT DISTINCT ON (device) state FROM event ORDER BY device, at DESC, id) l GROUP BY state', '1h', 'DIFFERENTIAL');
INSERT INTO event SELECT i, 'd' || i % 4, i % 7, CASE i % 3 WHEN 0 THEN 'on' ELSE 'off' END FROM generate_series(20, 60) i;
DELETE FROM event WHERE id % 5 = 0;
SELECT name, (pgtrickle.refresh_stream_table(name)).mode FROM unnest('{first_states,any_of_each,two_devices,states}'::text[]) name;
SELECT * FROM first_states ORDER BY 1;
SELECT count(*), count(DISTINCT device) FROM any_of_each;
SELECT * FROM two_devices ORDER BY 1;
SELECT * FROM states ORDER BY 1;
SELECT missing, unexpected FROM pgtrickle.verify('first_states');
SELECT missing, unexpected FROM pgtrickle.verify('any_of_each');
SELECT missing, unexpected FROM pgtrickle.verify('two_devices');
SELECT missing, unexpected FROM pgtrickle.verify('states');
