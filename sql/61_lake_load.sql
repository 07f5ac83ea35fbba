-- The first load of a large table, part by part (lake/load.h): what is done of it outlives trickle-lake and the server.

-- The first load of a publication.  A table that is one part, has no key or is published as 'history' is loaded in one go: no base, no parts.
CREATE TABLE pgtrickle.publication_load (
    publication   int PRIMARY KEY REFERENCES pgtrickle.publication ON DELETE CASCADE,
    base          pg_snapshot,                -- parts are read later than this; keys that have changed since are read again at the end
    version       int NOT NULL DEFAULT 0,     -- of the columns
    workers       int NOT NULL DEFAULT 1,
    parts         int NOT NULL DEFAULT 0,
    parts_begun   int NOT NULL DEFAULT 0,     -- more than parts when some were lost in a crash and read again
    files_begun   int NOT NULL DEFAULT 0,
    expected_rows float8,                     -- by the table's statistics
    rows_reading  bigint NOT NULL DEFAULT 0,  -- of parts that are being read
    resumed_at    timestamptz NOT NULL DEFAULT clock_timestamp(),  -- by the program that is at it now ...
    resumed_rows  bigint NOT NULL DEFAULT 0,  -- ... and what it found done
    started_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at      timestamptz                 -- with the commit that puts it into the lake
) WITH (fillfactor = 50);

-- Blocks of a table or a partition.  Whoever reads a part has its row locked.
CREATE TABLE pgtrickle.load_part (
    publication int NOT NULL REFERENCES pgtrickle.publication_load ON DELETE CASCADE,
    part        int NOT NULL,
    relation    oid NOT NULL,
    filenode    oid NOT NULL,                 -- of the relation when the load began: another one has its rows elsewhere
    first_block bigint NOT NULL,
    end_block   bigint NOT NULL,              -- not of the part any more
    rows        bigint,                       -- NULL: to be read
    PRIMARY KEY (publication, part)
);

-- The files of parts that are done, in the words of the DuckLake catalog.  They are in no lake snapshot yet.
CREATE TABLE pgtrickle.load_file (
    publication  int NOT NULL REFERENCES pgtrickle.publication_load ON DELETE CASCADE,
    file         int NOT NULL,
    path         text NOT NULL,
    directory    int NOT NULL,                -- where in it the path below the table's directory begins
    rows         bigint NOT NULL,
    bytes        bigint NOT NULL,
    footer       bigint NOT NULL,
    column_bytes bigint[] NOT NULL,           -- by column of the lake table, like all that follow
    value_counts bigint[] NOT NULL,
    null_counts  bigint[] NOT NULL,
    bounded      bool[] NOT NULL,
    least        text[] NOT NULL,
    greatest     text[] NOT NULL,
    has_nan      bool[] NOT NULL,
    partition    text[] NOT NULL,             -- by partition key
    row_groups   bigint NOT NULL,
    PRIMARY KEY (publication, file)
);

CREATE FUNCTION pgtrickle._begin_load(publication int, part_size bigint, workers int) RETURNS int
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    p     pgtrickle.publication;
    size  bigint;
    part  bigint;
    rows  float8;
    number int;
    block bigint := current_setting('block_size');
BEGIN
    SELECT * INTO p FROM pgtrickle.publication WHERE id = $1;
    CREATE TEMPORARY TABLE leaf ON COMMIT DROP AS
        SELECT c.oid AS relation, pg_relation_filenode(c.oid) AS filenode, c.reltuples, pg_relation_size(c.oid) / block AS blocks,
               c.relkind = 'r' AND c.relam = (SELECT a.oid FROM pg_am a WHERE a.amname = 'heap') AS is_heap
        FROM pg_partition_tree(p.relid) t JOIN pg_class c ON c.oid = t.relid WHERE t.isleaf
        UNION ALL
        SELECT c.oid, pg_relation_filenode(c.oid), c.reltuples, pg_relation_size(c.oid) / block, c.relam = (SELECT a.oid FROM pg_am a WHERE a.amname = 'heap')
        FROM pg_class c WHERE c.oid = p.relid AND c.relkind = 'r' AND NOT EXISTS (SELECT FROM pg_partition_tree(p.relid));
    size := (SELECT sum(blocks) FROM pg_temp.leaf);
    -- Out of line values count, too: a part is about so many bytes of the table.
    part := greatest(1, ($2 * size / nullif((SELECT sum(pg_table_size(relation)) FROM pg_temp.leaf), 0))::bigint);
    part := least(part, greatest(size / (4 * $3), 4096));
    rows := (SELECT sum(nullif(reltuples, -1)) FROM pg_temp.leaf);
    DELETE FROM pgtrickle.publication_load l WHERE l.publication = $1;
    INSERT INTO pgtrickle.publication_load(publication, workers, expected_rows) VALUES ($1, $3, rows);
    IF coalesce(size, 0) <= part OR cardinality(p.key) = 0 OR p.mode = 'history' OR NOT (SELECT bool_and(is_heap) FROM pg_temp.leaf) THEN
        RETURN 0;
    END IF;
    INSERT INTO pgtrickle.load_part(publication, part, relation, filenode, first_block, end_block)
        SELECT $1, row_number() OVER (ORDER BY l.relation, b), l.relation, l.filenode, b, least(b + part, l.blocks)
        FROM pg_temp.leaf l, generate_series(0, l.blocks - 1, part) b;
    GET DIAGNOSTICS number = ROW_COUNT;
    UPDATE pgtrickle.publication_load l
    SET base = pg_current_snapshot(), parts = number, version = coalesce((SELECT c.version FROM pgtrickle.publication_change c WHERE c.id = $1), 0) WHERE l.publication = $1;
    UPDATE pgtrickle.consumer c SET frontier = pg_current_snapshot(), seen_xid = NULL, seen_part = NULL WHERE c.id = $1;
    EXECUTE format('TRUNCATE pgtrickle_state.lake_rows_%s', $1);
    EXECUTE format('DROP INDEX IF EXISTS pgtrickle_state.lake_rows_%s_key', $1);
    DELETE FROM pgtrickle.publication_run r WHERE r.publication = $1;
    RETURN number;
END $$;
REVOKE ALL ON FUNCTION pgtrickle._begin_load(int, bigint, int) FROM PUBLIC;
COMMENT ON FUNCTION pgtrickle._begin_load(int, bigint, int) IS
'publication: an id; part_size: bytes of the table that are read at a time; workers: how many read.  Called in REPEATABLE READ with its change logs locked,
so that they are kept from this snapshot on.  Result: the number of parts, 0 when it is to be loaded in one go.';

-- Asked for row by row: COPY (SELECT pgtrickle._row_blocks(…)) TO STDOUT.
CREATE FUNCTION pgtrickle._row_blocks(query text) RETURNS SETOF bytea
    AS 'MODULE_PATHNAME', 'row_blocks' LANGUAGE C STRICT VOLATILE;
REVOKE ALL ON FUNCTION pgtrickle._row_blocks(text) FROM PUBLIC;
COMMENT ON FUNCTION pgtrickle._row_blocks(text) IS
'query: a SELECT, run with the rights of the caller and under his snapshot.  Result: its rows, some hundreds in each value, column after column
(lake/block.h).  Errors: those of the query; 22023 when it is not one SELECT.';

CREATE FUNCTION pgtrickle._rows_of_run(run pgtrickle.publication_run) RETURNS TABLE (key bigint, file int, pos int)
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT k.key, run.file, coalesce(k.position, run.first_position + k.number::int - 1)
    FROM unnest(coalesce(run.keys, ARRAY(SELECT generate_series(run.first_key, run.last_key))), run.positions) WITH ORDINALITY k(key, position, number)
$$;
REVOKE ALL ON FUNCTION pgtrickle._rows_of_run(pgtrickle.publication_run) FROM PUBLIC;
COMMENT ON FUNCTION pgtrickle._rows_of_run(pgtrickle.publication_run) IS
'run: a row of that table.  Result: as lake_rows_<publication> would have them.';

CREATE FUNCTION pgtrickle._end_positions(publication int) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    run         record;
    last        bigint;
    overlapping tid[] := '{}';
BEGIN
    EXECUTE format('LOCK TABLE pgtrickle_state.lake_rows_%s IN SHARE ROW EXCLUSIVE MODE', $1);
    -- Another program has been faster, or the load has begun anew.
    IF to_regclass(format('pgtrickle_state.lake_rows_%s_key', $1)) IS NOT NULL OR EXISTS (SELECT FROM pgtrickle.load_part f WHERE f.publication = $1 AND f.rows IS NULL) THEN
        RETURN;
    END IF;
    -- The run that ends first stands in the way of the fewest.
    FOR run IN SELECT r.ctid AS at, r.first_key, r.last_key FROM pgtrickle.publication_run r WHERE r.publication = $1 ORDER BY 3 LOOP
        IF run.first_key <= last THEN
            overlapping := overlapping || run.at;
        ELSE
            last := run.last_key;
        END IF;
    END LOOP;
    IF cardinality(overlapping) > 0 THEN
        EXECUTE format('INSERT INTO pgtrickle_state.lake_rows_%s(key, file, pos) SELECT k.* FROM pgtrickle.publication_run r, pgtrickle._rows_of_run(r) k WHERE r.ctid = ANY($1)', $1)
            USING overlapping;
        DELETE FROM pgtrickle.publication_run r WHERE r.ctid = ANY(overlapping);
    END IF;
    EXECUTE format('CREATE INDEX lake_rows_%1$s_key ON pgtrickle_state.lake_rows_%1$s (key)', $1);
END $$;
REVOKE ALL ON FUNCTION pgtrickle._end_positions(int) FROM PUBLIC;
COMMENT ON FUNCTION pgtrickle._end_positions(int) IS
'publication: an id, all of whose rows have been loaded.  Makes runs of its positions that do not overlap, writes the others row by row, and builds the index.';

CREATE FUNCTION pgtrickle._spread_runs(publication int) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET enable_hashjoin = on AS $$
#variable_conflict use_column
BEGIN
    IF NOT EXISTS (SELECT FROM pgtrickle.publication_run r WHERE r.publication = $1) THEN
        RETURN;
    END IF;
    EXECUTE format('INSERT INTO pgtrickle_state.lake_rows_%1$s(key, file, pos) SELECT k.* FROM pgtrickle.publication_run r, pgtrickle._rows_of_run(r) k
                    WHERE r.publication = $1 AND NOT EXISTS (SELECT FROM pgtrickle_state.lake_rows_%1$s m WHERE m.key = k.key AND m.file = 0)', $1) USING $1;
    EXECUTE format('DELETE FROM pgtrickle_state.lake_rows_%s WHERE file = 0', $1);
    DELETE FROM pgtrickle.publication_run r WHERE r.publication = $1;
END $$;
REVOKE ALL ON FUNCTION pgtrickle._spread_runs(int) FROM PUBLIC;
COMMENT ON FUNCTION pgtrickle._spread_runs(int) IS
'publication: an id.  Writes its positions row by row, for who reads or changes all of them.';

CREATE FUNCTION pgtrickle._abandon_load(publication int) RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    -- First the parts: those that are being read end before this does, and their files count, too.
    DELETE FROM pgtrickle.load_part f WHERE f.publication = $1;
    INSERT INTO pgtrickle.lake_upload(lake, path)
        SELECT p.lake, f.path FROM pgtrickle.load_file f JOIN pgtrickle.publication p ON p.id = f.publication WHERE f.publication = $1 ON CONFLICT DO NOTHING;
    UPDATE pgtrickle.consumer c SET frontier = NULL
        WHERE c.id = $1 AND EXISTS (SELECT FROM pgtrickle.publication_load l WHERE l.publication = $1 AND l.base IS NOT NULL AND l.ended_at IS NULL);
    DELETE FROM pgtrickle.publication_load l WHERE l.publication = $1;
$$;
REVOKE ALL ON FUNCTION pgtrickle._abandon_load(int) FROM PUBLIC;
COMMENT ON FUNCTION pgtrickle._abandon_load(int) IS
'publication: an id.  Forgets a load that cannot be gone on with; its files are for trickle-lake to remove.';

CREATE FUNCTION pgtrickle._load_progress(publication int, OUT rows bigint, OUT percent float8, OUT remaining interval)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT rows, least(share, 1) * 100, CASE WHEN rows > resumed_rows THEN greatest(expected - rows, 0) / (rows - resumed_rows) * (clock_timestamp() - resumed_at) END
    FROM (SELECT rows, resumed_rows, resumed_at, expected, rows / nullif(expected, 0) AS share
          FROM (SELECT coalesce(d.rows, 0) + l.rows_reading AS rows, l.resumed_rows, l.resumed_at,
                       CASE WHEN d.left_blocks = 0 THEN d.rows ELSE coalesce(d.rows / nullif(d.blocks, 0) * (d.blocks + d.left_blocks), l.expected_rows) END AS expected
                FROM pgtrickle.publication_load l, LATERAL (
                    SELECT sum(f.rows)::bigint AS rows, (sum(f.end_block - f.first_block) FILTER (WHERE f.rows IS NOT NULL))::float8 AS blocks,
                           (sum(f.end_block - f.first_block) FILTER (WHERE f.rows IS NULL))::float8 AS left_blocks
                    FROM pgtrickle.load_part f WHERE f.publication = $1) d
                WHERE l.publication = $1 AND l.ended_at IS NULL) _) _
$$;
REVOKE ALL ON FUNCTION pgtrickle._load_progress(int) FROM PUBLIC;
COMMENT ON FUNCTION pgtrickle._load_progress(int) IS
'publication: an id.  Result: rows read so far, per cent of what is expected, and how long the rest takes at the pace since trickle-lake was started;
NULL when no load is under way.';
