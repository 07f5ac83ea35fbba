-- How a lake table lies in files: partitions, and the order of rows within a file (lake/layout.h).

CREATE TABLE pgtrickle.publication_layout (
    publication int NOT NULL REFERENCES pgtrickle.publication ON DELETE CASCADE,
    kind        text NOT NULL CHECK (kind IN ('partition', 'sort')),
    n           int NOT NULL,              -- from 0
    attnum      int2 NOT NULL,
    transform   text,                      -- of a partition: identity, year, month, day, hour or bucket(n)
    descending  bool,                      -- of a sort key
    nulls_first bool,
    PRIMARY KEY (publication, kind, n)
);

CREATE FUNCTION pgtrickle._lake_bucket(buckets int, value bigint) RETURNS int
    AS 'MODULE_PATHNAME', 'lake_bucket_number' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION pgtrickle._lake_bucket(buckets int, value bytea) RETURNS int
    AS 'MODULE_PATHNAME', 'lake_bucket_bytes' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION pgtrickle._lake_bucket(int, bigint) IS
'buckets: how many; value: a whole number, days or microseconds since 1970.  Result: its bucket as Iceberg and DuckLake count them.  Errors: 22023 buckets below 1.';
COMMENT ON FUNCTION pgtrickle._lake_bucket(int, bytea) IS 'buckets: how many; value: bytes, of text those in UTF-8.  Result: their bucket.  Errors: 22023 buckets below 1.';

-- 'region', 'year(at)', 'bucket(16, id)' → a transform of a column; 'at DESC NULLS LAST' → a sort key.
CREATE FUNCTION pgtrickle._parse_layout(relation regclass, kind text, entries text[], choices jsonb)
RETURNS TABLE (n int, attnum int2, transform text, descending bool, nulls_first bool)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    accepted CONSTANT text := CASE $2 WHEN 'partition' THEN 'Accepted in partition_by: a column, year(column), month(…), day(…), hour(…) or bucket(n, column).'
                                      ELSE 'Accepted in sort_by: a column, then ASC or DESC, then NULLS FIRST or NULLS LAST.' END;
    entry    text;
    parts    text[];
    wanted   text;
    column_  record;
    of       text[];
BEGIN
    FOR i IN 1 .. coalesce(cardinality($3), 0) LOOP
        entry := $3[i];
        n := i - 1;
        transform := NULL; descending := NULL; nulls_first := NULL;
        IF entry IS NULL OR btrim(entry) = '' THEN
            RAISE EXCEPTION '%_by must not have an empty entry', $2 USING ERRCODE = '22023', HINT = accepted;
        ELSIF $2 = 'partition' THEN
            parts := regexp_match(entry, '^\s*(?:(identity|year|month|day|hour)\s*\(\s*(.+?)\s*\)|bucket\s*\(\s*(\d{1,6})\s*,\s*(.+?)\s*\)|(.+?))\s*$', 'i');
            wanted := coalesce(parts[2], parts[4], parts[5]);
            transform := coalesce(lower(parts[1]), 'bucket(' || parts[3]::int || ')', 'identity');
        ELSE
            parts := regexp_match(entry, '^\s*(.+?)(?:\s+(asc|desc))?(?:\s+nulls\s+(first|last))?\s*$', 'i');
            wanted := parts[1];
            descending := coalesce(lower(parts[2]) = 'desc', false);
            nulls_first := coalesce(lower(parts[3]) = 'first', descending);
        END IF;
        SELECT c.*, coalesce(c.source_type = 'bpchar', false) AS padded INTO column_
        FROM pgtrickle._lake_columns($1, $4) c
        WHERE c.name = CASE WHEN wanted ~ '^".*"$' THEN replace(substr(wanted, 2, length(wanted) - 2), '""', '"') ELSE wanted END
           OR (wanted !~ '^"' AND c.name = lower(wanted))
        ORDER BY c.name = wanted DESC LIMIT 1;
        IF NOT FOUND THEN
            RAISE EXCEPTION '% has no column "%" to % by', $1, wanted, $2 USING ERRCODE = '42703', HINT = accepted;
        END IF;
        attnum := column_.attnum;
        of := CASE WHEN $2 = 'sort' THEN '{boolean,int,float,decimal,varchar,blob,uuid,date,time,timestamp,timestamptz}'
                   WHEN transform = 'identity' THEN '{boolean,int,decimal,varchar,uuid,date}'
                   WHEN transform = 'hour' THEN '{timestamp,timestamptz}'
                   WHEN transform LIKE 'bucket%' THEN '{int,varchar,blob,date,timestamp,timestamptz}'
                   ELSE '{date,timestamp,timestamptz}' END::text[];
        IF column_.lake_type IS NULL OR substring(column_.lake_type FROM '^[a-z]+') <> ALL (of) OR (column_.padded AND $2 = 'partition') THEN
            RAISE EXCEPTION 'cannot % by "%": % of type %', $2, entry, column_.name, column_.declared
                USING ERRCODE = '42804', HINT = format('It takes %s%s.', array_to_string(of, ', '), CASE WHEN column_.padded THEN ', but not char(n): publish a stream table that casts it to text' ELSE '' END);
        ELSIF transform = 'bucket(0)' THEN
            RAISE EXCEPTION 'cannot partition by "%": there must be a bucket', entry USING ERRCODE = '22023', HINT = accepted;
        END IF;
        RETURN NEXT;
    END LOOP;
END $$;
COMMENT ON FUNCTION pgtrickle._parse_layout(regclass, text, text[], jsonb) IS
'relation: whose columns are meant; kind: ''partition'' or ''sort''; entries: as given to publish; choices: see there, types.  Result: what they say, numbered from 0.
Errors: 42703 no such column; 42804 a type it does not take; 22023 anything else.';

CREATE FUNCTION pgtrickle._set_layout(publication int, relation regclass, kind text, entries text[]) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM pgtrickle.publication_layout l WHERE l.publication = $1 AND l.kind = $3;
    INSERT INTO pgtrickle.publication_layout SELECT $1, $3, p.* FROM pgtrickle._parse_layout($2, $3, $4, (SELECT types FROM pgtrickle.publication WHERE id = $1)) p
$$;
REVOKE ALL ON FUNCTION pgtrickle._set_layout(int, regclass, text, text[]) FROM PUBLIC;
COMMENT ON FUNCTION pgtrickle._set_layout(int, regclass, text, text[]) IS 'publication: its id; relation, kind, entries: as for _parse_layout.  Sets it.';

-- The partitions go together: a file's values are counted by place, and DuckDB would take one key's for another's.
CREATE FUNCTION pgtrickle._unset_layout(publication int, attnum int2) RETURNS bool
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM pgtrickle.publication_layout l
        WHERE l.publication = $1 AND (l.attnum = $2 OR l.kind = 'partition' AND EXISTS (SELECT FROM pgtrickle.publication_layout o WHERE o.publication = $1 AND o.kind = 'partition' AND o.attnum = $2));
    IF FOUND THEN
        RAISE NOTICE '% is not partitioned or sorted any more by a column that is gone or has another type', (SELECT p.relid::regclass FROM pgtrickle.publication p WHERE p.id = $1)
            USING HINT = 'pgtrickle.set_lake_layout gives it another layout.';
    END IF;
    RETURN FOUND;
END $$;
REVOKE ALL ON FUNCTION pgtrickle._unset_layout(int, int2) FROM PUBLIC;
COMMENT ON FUNCTION pgtrickle._unset_layout(int, int2) IS
'publication: its id; attnum: a column that is gone or has another type.  Ends partitions and sort order by it.  Result: whether there were any.';

-- DuckDB leaves out files whose bucket is another one than is asked for, and those that have none (seen in 1.5.5): under
-- buckets every file must have the right one, so all rows are written again.
CREATE FUNCTION pgtrickle.set_lake_layout(relation regclass, partition_by text[] DEFAULT NULL, sort_by text[] DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    p      pgtrickle.publication;
    before text;
    after  text;
    reload bool;
BEGIN
    SELECT * INTO p FROM pgtrickle.publication WHERE relid = $1;
    IF p IS NULL THEN
        RAISE EXCEPTION '% is not published', coalesce($1::text, 'NULL') USING ERRCODE = '42704', HINT = 'pgtrickle.publish takes partition_by and sort_by, too.';
    END IF;
    PERFORM pgtrickle._check_lake_owner(l) FROM pgtrickle.lake l WHERE l.id = p.lake;
    before := (SELECT string_agg(l.attnum || l.transform, ',' ORDER BY l.n) FROM pgtrickle.publication_layout l WHERE l.publication = p.id AND l.kind = 'partition');
    IF $2 IS NOT NULL THEN
        PERFORM pgtrickle._set_layout(p.id, $1, 'partition', $2);
    END IF;
    IF $3 IS NOT NULL THEN
        PERFORM pgtrickle._set_layout(p.id, $1, 'sort', $3);
    END IF;
    after := (SELECT string_agg(l.attnum || l.transform, ',' ORDER BY l.n) FROM pgtrickle.publication_layout l WHERE l.publication = p.id AND l.kind = 'partition');
    reload := coalesce(after LIKE '%bucket%', false) AND after IS DISTINCT FROM before AND p.table_id IS NOT NULL;
    IF reload AND p.mode <> 'mirror' THEN
        RAISE EXCEPTION 'cannot partition % by buckets now: in mode % the rows that are in the lake stay where they are, and DuckDB would not find them', $1, p.mode
            USING ERRCODE = '0A000', HINT = 'Unpublish it and publish it with partition_by under another table_name.';
    END IF;
    INSERT INTO pgtrickle.publication_change AS c (id, reload) VALUES (p.id, reload::int)
        ON CONFLICT (id) DO UPDATE SET version = c.version + 1, reload = CASE WHEN excluded.reload = 1 THEN c.version + 1 ELSE c.reload END;
    UPDATE pgtrickle.publication_health SET status = 'ERROR', retry_at = clock_timestamp() WHERE id = p.id AND status = 'SUSPENDED';
END $$;
COMMENT ON FUNCTION pgtrickle.set_lake_layout(regclass, text[], text[]) IS
'Changes how the files of a published table are written from the next batch on.  relation: published; partition_by, sort_by: as for publish,
NULL = as it is, ''{}'' = none.  Files that are there stay as they are, in the partitions they were written in; under buckets that are new all
rows of a mirror are written again, in one lake snapshot.
Errors: 42704 not published; 42501 not the lake''s owner; 42703 no such column; 42804 a type that cannot be partitioned or sorted so; 22023 anything else in
an entry; 0A000 buckets for a table in mode append or history that is loaded already.';
