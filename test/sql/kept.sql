-- Where a filter lets few rows of a large table through, they are kept; groups that are joined to them alone are kept for no others.
\getenv test PG_ABS_SRCDIR
\set refreshed :test '/include/refreshed.sql'
\i :refreshed
CREATE TABLE part (id int PRIMARY KEY, brand text NOT NULL, name text NOT NULL);
CREATE TABLE line (id int PRIMARY KEY, part int, amount numeric(8,2) NOT NULL, rate numeric(4,2) NOT NULL);
CREATE INDEX ON line (part);
INSERT INTO part SELECT i, 'brand ' || i % 500, 'part ' || i FROM generate_series(1, 20000) i;
INSERT INTO line SELECT i, i % 20000 + 1, i % 90, 0.05 FROM generate_series(1, 40000) i;
ANALYZE part, line;

-- Lines that are small for their part, of the parts of one brand.
SELECT pgtrickle.create_stream_table('small', $$
    SELECT p.name, l.id, l.amount FROM line l JOIN part p ON p.id = l.part
    WHERE p.brand = 'brand 7' AND l.amount < (SELECT 0.9 * avg(amount) FROM line WHERE part = p.id)
$$, '1h', 'DIFFERENTIAL');
SELECT operator, coalesce(access, '') AS access FROM pgtrickle.explain_stream_table('small');
SELECT relid::regclass::text LIKE 'pgtrickle_state.f%' AS kept, role, node FROM pgtrickle.state WHERE role <> 'index' ORDER BY 2, 3;

-- Lines of other parts end at the look-up.
UPDATE line SET amount = 1000 WHERE part BETWEEN 100 AND 120;
INSERT INTO line VALUES (50001, 7, 1, 0.1), (50002, 8, 1, 0.1), (50003, NULL, 1, 0.1);
TABLE refreshed;

-- Parts come to the brand and leave it, with the groups of their lines; keys move; the same within one batch.
UPDATE part SET brand = 'brand 7' WHERE id IN (8, 9, 10);
UPDATE part SET brand = 'none' WHERE id IN (507, 1007);
UPDATE line SET part = 7 WHERE part = 2007;
UPDATE part SET id = 30000 WHERE id = 10;
INSERT INTO part VALUES (10, 'brand 7', 'again');
UPDATE part SET name = name || '.' WHERE brand = 'brand 7';
TABLE refreshed;
DELETE FROM part WHERE id = 9;
DELETE FROM line WHERE part = 8;
BEGIN;
UPDATE part SET brand = 'brand 7' WHERE id = 11;
UPDATE part SET brand = 'brand 11' WHERE id = 11;
UPDATE line SET amount = amount + 1 WHERE part IN (7, 11);
UPDATE line SET amount = amount - 1 WHERE part = 11;
COMMIT;
TABLE refreshed;

-- A sum of products of numerics that have one scale needs no more state than its group; one of others, the scales there are.
SELECT pgtrickle.create_stream_table('revenue', 'SELECT part, sum(amount * (1 - rate)) AS revenue, avg(-amount + rate * 2) AS mean FROM line GROUP BY part', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('of_many', 'SELECT part, sum(amount * rate ^ 2) AS revenue, sum(CASE WHEN id > 9 THEN amount * rate ELSE 0 END) AS some FROM line GROUP BY part', '1h', 'DIFFERENTIAL');
SELECT operator FROM pgtrickle.explain_stream_table('revenue');
SELECT operator FROM pgtrickle.explain_stream_table('of_many');
UPDATE line SET amount = 'NaN' WHERE id = 5;
UPDATE line SET rate = 0 WHERE id BETWEEN 6 AND 9;
DELETE FROM line WHERE part = 12;
TABLE refreshed;
UPDATE line SET amount = 1 WHERE id = 5;
TABLE refreshed;
SELECT count(*) FROM revenue r JOIN (SELECT part, sum(amount * (1 - rate)) AS revenue, avg(-amount + rate * 2) AS mean FROM line GROUP BY part) q USING (part)
WHERE r.revenue::text = q.revenue::text AND r.mean::text = q.mean::text;

-- What filters let through of small tables is not kept.
CREATE TABLE tiny (id int PRIMARY KEY, x int);
INSERT INTO tiny SELECT i, i FROM generate_series(1, 100) i;
ANALYZE tiny;
SELECT pgtrickle.create_stream_table('of_tiny', 'SELECT l.id FROM line l JOIN tiny t ON t.id = l.part WHERE t.x = 1', '1h', 'DIFFERENTIAL');
SELECT count(*) FROM pgtrickle.state s JOIN pgtrickle.stream_table t ON t.id = s.owner WHERE t.relid = 'of_tiny'::regclass AND s.role = 'selected';
