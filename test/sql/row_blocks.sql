-- How trickle-lake reads a table: rows by blocks, column after column.  Rows, columns; then of each column the width of
-- a value, whether a byte a row says which are NULL, where those of their own width end, and the values as they are sent.

-- Two rows of an int and a text: 00000002 0002 | 0004 00 … | ffff 01 0001 …
SELECT pgtrickle._row_blocks('SELECT * FROM (VALUES (1, ''ab''), (-2, NULL)) v(i, t)');
SELECT pgtrickle._row_blocks('SELECT 1 WHERE false');
SELECT pgtrickle._row_blocks('SELECT FROM generate_series(1, 3)');

-- Reads a block as its layout says, so that each value can be set against what its type's send function makes of it.
CREATE FUNCTION values_in(block bytea) RETURNS TABLE (r int, c int, value bytea) LANGUAGE plpgsql AS $$
DECLARE
    at int := 6; rows int; columns int; width int; nulls int; ends int; first int;
BEGIN
    rows := ('x' || encode(substr(block, 1, 4), 'hex'))::bit(32)::int;
    columns := ('x' || encode(substr(block, 5, 2), 'hex'))::bit(16)::int;
    FOR c IN 1..columns LOOP
        width := ('x' || encode(substr(block, at + 1, 2), 'hex'))::bit(16)::int;
        nulls := CASE WHEN get_byte(block, at + 2) = 1 THEN at + 3 END;
        at := at + 3 + CASE WHEN nulls IS NULL THEN 0 ELSE rows END;
        ends := CASE WHEN width = 65535 THEN at END;
        at := at + CASE WHEN ends IS NULL THEN 0 ELSE 4 * rows END;
        first := 0;
        FOR r IN 1..rows LOOP
            IF ends IS NOT NULL THEN
                width := ('x' || encode(substr(block, ends + 4 * r - 3, 4), 'hex'))::bit(32)::int - first;
            END IF;
            values_in.r := r;
            values_in.c := c;
            value := CASE WHEN nulls IS NULL OR get_byte(block, nulls + r - 1) = 0 THEN substr(block, at + first + 1, width) END;
            first := first + width;
            RETURN NEXT;
        END LOOP;
        at := at + first;
    END LOOP;
    IF at <> length(block) THEN
        RAISE 'the block has % bytes, of which % are told', length(block), at;
    END IF;
END $$;

CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE TYPE pair AS (a int, b text);
CREATE TABLE thing (n int, yes bool, i2 int2, i4 int4, i8 int8, f4 float4, f8 float8, num numeric, d date, t time, ts timestamp, tz timestamptz, u uuid, txt text,
                    vc varchar(9), bp char(4), js json, jb jsonb, bytes bytea, m mood, p pair, a int[], iv interval);
INSERT INTO thing VALUES
    (1, true, -1, 2, 3, 1.5, -0.0, 12.340, '2024-02-29', '23:59:59.5', '1999-12-31 00:00', '2001-01-01 00:00+00', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'text', 'vc', 'bp',
     '{"a": 1}', '{"b": 2}', '\x00ff', 'glad', (1, 'x'), '{1,2,NULL}', '1 month 2 days 3 s'),
    (2, false, 32767, -2147483648, 9223372036854775807, 'NaN', 'Infinity', 'NaN', '-infinity', '00:00', 'infinity', '-infinity', '00000000-0000-0000-0000-000000000000', '', '', '',
     'null', '[]', '', 'sad', (NULL, NULL), '{}', '-1 day');
INSERT INTO thing VALUES (3);
INSERT INTO thing
SELECT n, n % 2 = 0, n % 100, n, n, n, n, n / 7.0, date '2000-01-01' + n, NULL, NULL, now(), gen_random_uuid(), repeat('é', n % 50), 'v', 'b', to_json(n), to_jsonb(n), '\x01', 'sad', ROW(n, n::text)::pair, ARRAY[n], NULL
FROM generate_series(4, 3000) n;
SELECT ('x' || encode(substr(b, 1, 4), 'hex'))::bit(32)::int AS rows FROM pgtrickle._row_blocks('SELECT * FROM thing') b;

-- Each value is what its type's send function makes of it.
CREATE FUNCTION sent() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('CASE c WHEN %s THEN %s(%I) END', a.attnum, t.typsend, a.attname), ', ' ORDER BY a.attnum)
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid WHERE a.attrelid = 'thing'::regclass AND a.attnum > 0
$$;
SELECT format('CREATE VIEW wanted AS SELECT n AS r, c, coalesce(%s) AS value FROM thing, generate_series(1, 23) c', sent()) \gexec
CREATE TABLE found AS SELECT 1024 * (b.number - 1)::int + v.r AS r, v.c, v.value FROM pgtrickle._row_blocks('SELECT * FROM thing ORDER BY n') WITH ORDINALITY b(block, number), values_in(b.block) v;
SELECT (SELECT count(*) FROM (TABLE wanted EXCEPT ALL TABLE found) x) AS missing, (SELECT count(*) FROM (TABLE found EXCEPT ALL TABLE wanted) x) AS too_many, count(*) FROM found;

-- Text comes in the encoding of the client.
SET client_encoding = 'LATIN1';
SELECT encode(value, 'hex') FROM pgtrickle._row_blocks('SELECT U&''\00e9''') b, values_in(b);
RESET client_encoding;

-- A block ends after 1024 rows, or with the row that brings it to 256 kB; long values are fetched and unpacked.
CREATE TABLE long (t text);
INSERT INTO long SELECT repeat(md5(n::text), 3000) FROM generate_series(1, 10) n;
SELECT length(b), (SELECT bool_and(convert_from(v.value, 'UTF8') IN (TABLE long)) FROM values_in(b) v) FROM pgtrickle._row_blocks('SELECT t FROM long') b;

-- What is left may stay so; an error passes, and the next one works.
SELECT count(*) FROM (SELECT pgtrickle._row_blocks('SELECT n FROM generate_series(1, 100000) n') LIMIT 2) b;
SELECT length(pgtrickle._row_blocks('SELECT 1 / (2000 - n) FROM generate_series(1, 3000) n'));
SELECT length(pgtrickle._row_blocks('SELECT n FROM generate_series(1, 1500) n'));
SELECT pgtrickle._row_blocks('DELETE FROM long');
SELECT pgtrickle._row_blocks('SELECT 1; SELECT 2');
SELECT pgtrickle._row_blocks('WITH gone AS (DELETE FROM long RETURNING *) SELECT * FROM gone');
SELECT pgtrickle._row_blocks('SELECT nothing FROM long');
SELECT pgtrickle._row_blocks('');
SELECT count(*) FROM long;

-- The rights are those of who asks, and the function is not for everyone.
CREATE ROLE blocks_reader;
SET ROLE blocks_reader;
SELECT pgtrickle._row_blocks('SELECT 1');
RESET ROLE;
GRANT EXECUTE ON FUNCTION pgtrickle._row_blocks(text) TO blocks_reader;
SET ROLE blocks_reader;
SELECT pgtrickle._row_blocks('SELECT t FROM long');
RESET ROLE;
DROP OWNED BY blocks_reader;
DROP ROLE blocks_reader;
