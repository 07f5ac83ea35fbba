-- The lake as a source: a table of this database that is kept equal to a table of a lake, whoever writes that, so that
-- stream tables read it as they read any other.
--
-- trickle-lake calls _follow_lake_source, which brings the table from the lake snapshot it equals to the newest in one transaction, with
-- ordinary INSERT and DELETE that capture sees.  A row is known by the file it lies in and its place there, for files never change: a snapshot is
-- a set of files, and of each the positions that are deleted.  So the difference of two snapshots is
--   - files that are not in it any more: their rows go
--   - files that are new in it: their rows come
--   - positions that are deleted and were not: these rows go; which were is remembered here
-- No history is needed for that, so expired snapshots do not matter.  Files that others were merged or rewritten into hold the same rows in
-- other places: they go and come in one transaction, which is no change for whoever reads the table's other columns, but they are read.
-- DuckLake's row ids would spare that if they could be trusted: DuckDB gives a row that is updated in the transaction that
-- inserted it the id of another, and merge_adjacent_files gives the rows of a file of updates new ones.
-- Rows inlined into the catalog are taken anew, all of them, when they have changed.

CREATE TABLE pgtrickle.lake_source (
    id                 int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    lake               int NOT NULL REFERENCES pgtrickle.lake,
    relid              oid NOT NULL UNIQUE,
    table_name         text NOT NULL,
    table_id           bigint NOT NULL,    -- of DuckLake
    writer             xid8,               -- the transaction that may write the table
    read_snapshot      bigint,             -- what it equals; NULL: not read yet
    read_at            timestamptz,
    rows_changed       bigint NOT NULL DEFAULT 0,  -- by the last reading that changed anything
    bytes_read         bigint NOT NULL DEFAULT 0,  -- of files, since it was made
    inlined            text NOT NULL DEFAULT '',   -- tells whether rows in the catalog have changed
    consecutive_errors int NOT NULL DEFAULT 0,
    last_error         text,
    last_sqlstate      text,
    retry_at           timestamptz
) WITH (fillfactor = 50);
CREATE TABLE pgtrickle.lake_source_column (
    source    int NOT NULL REFERENCES pgtrickle.lake_source ON DELETE CASCADE,
    column_id bigint NOT NULL,
    attnum    int2 NOT NULL,               -- so that it may be renamed here, too
    name      text NOT NULL,               -- in the lake
    type      text NOT NULL,
    PRIMARY KEY (source, column_id)
);
-- The data files it was read from, and the positions that were deleted in them by then.
CREATE TABLE pgtrickle.lake_source_file (
    source         int NOT NULL REFERENCES pgtrickle.lake_source ON DELETE CASCADE,
    data_file_id   bigint NOT NULL,
    delete_file_id bigint,                 -- that has been read to its end
    PRIMARY KEY (source, data_file_id)
);
CREATE TABLE pgtrickle.lake_source_deleted (
    source       int NOT NULL,
    data_file_id bigint NOT NULL,
    "position"   bigint NOT NULL,
    PRIMARY KEY (source, data_file_id, "position"),
    FOREIGN KEY (source, data_file_id) REFERENCES pgtrickle.lake_source_file ON DELETE CASCADE
);

CREATE FUNCTION pgtrickle._lake_feed_rows(lake text, table_id bigint, version bigint, files bigint[], inlined bool, columns bigint[]) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'lake_feed_rows' LANGUAGE C STRICT;
CREATE FUNCTION pgtrickle._lake_feed_positions(lake text, table_id bigint, version bigint, files bigint[])
    RETURNS TABLE (data_file_id bigint, "position" bigint) AS 'MODULE_PATHNAME', 'lake_feed_positions' LANGUAGE C STRICT;
CREATE FUNCTION pgtrickle._lake_feed_columns(lake text, table_id bigint, version bigint)
    RETURNS TABLE (column_id bigint, name text, type text, initial_default text) AS 'MODULE_PATHNAME', 'lake_feed_columns' LANGUAGE C STRICT;
CREATE FUNCTION pgtrickle._lake_feed_bytes() RETURNS bigint
    AS 'MODULE_PATHNAME', 'lake_feed_bytes' LANGUAGE C STRICT VOLATILE;
REVOKE ALL ON FUNCTION pgtrickle._lake_feed_rows(text, bigint, bigint, bigint[], bool, bigint[]), pgtrickle._lake_feed_positions(text, bigint, bigint, bigint[]),
    pgtrickle._lake_feed_columns(text, bigint, bigint), pgtrickle._lake_feed_bytes() FROM PUBLIC;
COMMENT ON FUNCTION pgtrickle._lake_feed_rows(text, bigint, bigint, bigint[], bool, bigint[]) IS
'lake; table_id; version: a snapshot; files: data files; inlined: rows in the catalog, too; columns: ids, -3 is the file (-1: the catalog), -4 the place in it.
Result: the rows of these files that are there at version.';
COMMENT ON FUNCTION pgtrickle._lake_feed_positions(text, bigint, bigint, bigint[]) IS
'lake; table_id; version; files: data files.  Result: the rows deleted from them at version.';
COMMENT ON FUNCTION pgtrickle._lake_feed_columns(text, bigint, bigint) IS
'lake; table_id; version.  Result: the columns of the table then, with the types they have here.';
COMMENT ON FUNCTION pgtrickle._lake_feed_bytes() IS 'No arguments.  Result: bytes of files that this session has read for lake sources.';

-- Nobody but trickle-lake writes the table.
CREATE FUNCTION pgtrickle._guard_lake_source() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM pgtrickle.lake_source s WHERE s.relid = TG_RELID AND (s.writer = pg_current_xact_id_if_assigned()) IS NOT TRUE) THEN
        RAISE EXCEPTION 'cannot change "%", which follows a table of a lake', TG_TABLE_NAME
            USING ERRCODE = '42809', HINT = 'Change the lake''s table; or SELECT pgtrickle.drop_lake_source(name, keep_table => true) and have a table of your own.';
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION pgtrickle._guard_lake_source() IS 'Trigger of lake sources.  Errors: 42809 somebody writes to one.';

CREATE FUNCTION pgtrickle._keep_lake_of_sources() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    sources text := (SELECT string_agg(s.relid::regclass::text, ', ' ORDER BY s.id) FROM pgtrickle.lake_source s WHERE s.lake = OLD.id);
BEGIN
    IF sources IS NOT NULL THEN
        RAISE EXCEPTION 'cannot drop lake "%", whose tables are followed by: %', OLD.name, sources
            USING ERRCODE = '2BP01', HINT = 'SELECT pgtrickle.drop_lake_source(name) first.';
    END IF;
    RETURN OLD;
END $$;
COMMENT ON FUNCTION pgtrickle._keep_lake_of_sources() IS 'Trigger of pgtrickle.lake.  Errors: 2BP01 there are sources that read it.';
CREATE TRIGGER _keep_lake_of_sources BEFORE DELETE ON pgtrickle.lake FOR EACH ROW EXECUTE FUNCTION pgtrickle._keep_lake_of_sources();

CREATE FUNCTION pgtrickle._lake_source(name regclass) RETURNS pgtrickle.lake_source
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    source pgtrickle.lake_source;
BEGIN
    SELECT * INTO source FROM pgtrickle.lake_source s WHERE s.relid = $1;
    IF NOT FOUND THEN
        RAISE EXCEPTION '% is no lake source', coalesce($1::text, 'NULL')
            USING ERRCODE = '42704', HINT = 'SELECT name FROM pgtrickle.lake_sources() lists those there are.';
    END IF;
    RETURN source;
END $$;
COMMENT ON FUNCTION pgtrickle._lake_source(regclass) IS 'name: of a lake source.  Result: its row.  Errors: 42704 it is none.';

CREATE FUNCTION pgtrickle.create_lake_source(name text, lake text DEFAULT NULL, table_name text DEFAULT NULL, schema_name text DEFAULT 'main') RETURNS regclass
LANGUAGE plpgsql AS $$
DECLARE
    parts     text[];
    local     text;
    the_lake  pgtrickle.lake;
    the_table bigint;
    newest    bigint;
    columns   text;
    source    int;
BEGIN
    IF NOT (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = current_user) THEN
        RAISE EXCEPTION 'must be superuser to create a lake source'
            USING ERRCODE = '42501', HINT = 'trickle-lake writes it as one. Ask one to, and for SELECT on it.';
    ELSIF coalesce($1, '') = '' OR $4 IS NULL THEN
        RAISE EXCEPTION 'name and schema_name must not be null or empty' USING ERRCODE = '22004';
    END IF;
    parts := parse_ident($1);
    local := (SELECT string_agg(format('%I', p), '.' ORDER BY n) FROM unnest(parts) WITH ORDINALITY u(p, n));
    the_lake := pgtrickle._lake($2);
    EXECUTE format('SELECT (SELECT max(snapshot_id) FROM %1$I.ducklake_snapshot), t.table_id FROM %1$I.ducklake_table t JOIN %1$I.ducklake_schema s USING (schema_id)
                    WHERE t.end_snapshot IS NULL AND s.end_snapshot IS NULL AND t.table_name = $1 AND s.schema_name = $2', the_lake.metadata_schema)
        INTO newest, the_table USING coalesce($3, parts[cardinality(parts)]), $4;
    IF the_table IS NULL THEN
        RAISE EXCEPTION 'lake "%" has no table "%.%"', the_lake.name, $4, coalesce($3, parts[cardinality(parts)]) USING ERRCODE = 'HV00R';
    ELSIF EXISTS (SELECT FROM pgtrickle._lake_feed_columns(the_lake.name, the_table, newest) c WHERE c.name IN ('lake_file', 'lake_position')) THEN
        RAISE EXCEPTION 'the lake''s table has a column "lake_file" or "lake_position", which a lake source has for itself'
            USING ERRCODE = '42701', HINT = 'Rename it in the lake.';
    END IF;
    columns := (SELECT string_agg(format('%I %s', c.name, c.type), ', ' ORDER BY c.n) FROM pgtrickle._lake_feed_columns(the_lake.name, the_table, newest) WITH ORDINALITY c(column_id, name, type, d, n));
    EXECUTE format('CREATE TABLE %s (%s, lake_file bigint, lake_position bigint, PRIMARY KEY (lake_file, lake_position))', local, columns);
    EXECUTE format('COMMENT ON TABLE %s IS %L', local, format('Follows table %s.%s of lake %s; lake_file and lake_position tell where in it a row lies.', $4, coalesce($3, parts[cardinality(parts)]), the_lake.name));
    INSERT INTO pgtrickle.lake_source(lake, relid, table_name, table_id) VALUES (the_lake.id, local::regclass, coalesce($3, parts[cardinality(parts)]), the_table)
        RETURNING id INTO source;
    INSERT INTO pgtrickle.lake_source_column
        SELECT source, c.column_id, a.attnum, c.name, c.type FROM pgtrickle._lake_feed_columns(the_lake.name, the_table, newest) c
        JOIN pg_catalog.pg_attribute a ON a.attrelid = local::regclass AND a.attname = c.name::name;
    EXECUTE format('CREATE TRIGGER _guard_lake_source BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION pgtrickle._guard_lake_source()', local);
    -- An apply worker fires no statement trigger, and of others those that say ALWAYS or REPLICA.
    EXECUTE format('CREATE TRIGGER _guard_lake_source_replica AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW EXECUTE FUNCTION pgtrickle._guard_lake_source()', local);
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER _guard_lake_source, ENABLE REPLICA TRIGGER _guard_lake_source_replica', local);
    RETURN local::regclass;
END $$;
COMMENT ON FUNCTION pgtrickle.create_lake_source(text, text, text, text) IS
'Makes a table that is kept equal to a table of a lake, whoever writes that, and that stream tables can read.
name: of the table; lake: NULL = the only one; table_name: in the lake, the same name if not given; schema_name: of the lake.
Result: the table, with the lake table''s columns and its primary key lake_file, lake_position: where in the lake the row lies, which updates and
merging of files change.  A stream table that does not read these sees no change when files are merged.
It is empty at first; trickle-lake reads the lake''s rows into it and from then on their changes, each second, in one transaction from
one lake snapshot to another.  You may make indexes on it and grant SELECT; others cannot write it.  Columns that are added, renamed,
dropped or widened in the lake are so here.
Errors: 42501 not a superuser; 42704 no such lake; HV00R no such table in it; 42P07 name is taken; 42701 the lake''s table has a column of that name;
0A000 a column type without an equal here; 22004 an argument is NULL.';

CREATE FUNCTION pgtrickle.drop_lake_source(name regclass, keep_table bool DEFAULT false) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    source pgtrickle.lake_source := pgtrickle._lake_source($1);
BEGIN
    IF NOT (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = current_user) THEN
        RAISE EXCEPTION 'must be superuser to drop a lake source' USING ERRCODE = '42501';
    END IF;
    DELETE FROM pgtrickle.lake_source s WHERE s.id = source.id;
    IF $2 THEN
        EXECUTE format('DROP TRIGGER _guard_lake_source ON %1$s; DROP TRIGGER _guard_lake_source_replica ON %1$s', source.relid::regclass);
    ELSE
        EXECUTE format('DROP TABLE %s', source.relid::regclass);
    END IF;
END $$;
COMMENT ON FUNCTION pgtrickle.drop_lake_source(regclass, bool) IS
'name: of a lake source; keep_table: leave its table, as an ordinary one.  The lake is left as it is.  Waits for a reading that is under way.
Errors: 42704 it is no lake source; 2BP01 stream tables read it; 42501 not a superuser.';

-- Tells whether the rows in the catalog are others than before: some came, some went, or they were written into a file.
CREATE FUNCTION pgtrickle._lake_inlined_sign(metadata_schema text, table_id bigint) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    t      text;
    prefix text;
    part   text;
    sign   text := '';
BEGIN
    EXECUTE format('SELECT CASE WHEN EXISTS (SELECT FROM %I.ducklake_metadata WHERE key = ''version'' AND value <> ''1.0'') THEN ''_ducklake_'' ELSE '''' END', $1) INTO prefix;
    FOR t IN EXECUTE format('SELECT i.table_name FROM %I.ducklake_inlined_data_tables i WHERE i.table_id = $1 ORDER BY 1', $1) USING $2 LOOP
        EXECUTE format('SELECT concat_ws('':'', count(*), count(%3$I), max(%2$I), max(%3$I)) FROM %1$I.%4$I', $1, prefix || 'begin_snapshot', prefix || 'end_snapshot', t) INTO part;
        sign := sign || t || ':' || part || ' ';
    END LOOP;
    RETURN sign;
END $$;
REVOKE ALL ON FUNCTION pgtrickle._lake_inlined_sign(text, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pgtrickle._lake_inlined_sign(text, bigint) IS 'metadata_schema; table_id.  Result: a text that is another when rows inlined into the catalog have changed.';

-- The rows of these files come; noted are the files, and what is deleted in them.
CREATE FUNCTION pgtrickle._add_lake_files(source pgtrickle.lake_source, lake pgtrickle.lake, version bigint, files bigint[], inlined bool) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    w     record;
    added bigint;
BEGIN
    SELECT format('%I.%I', n.nspname, c.relname) AS relation, array_agg(k.column_id ORDER BY a.attnum) || ARRAY[-3, -4]::bigint[] AS ids,
           string_agg(format('%I', a.attname), ', ' ORDER BY a.attnum) || ', lake_file, lake_position' AS names,
           string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY a.attnum) || ', lake_file bigint, lake_position bigint' AS row_type INTO w
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pgtrickle.lake_source_column k ON k.source = source.id
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum AND NOT a.attisdropped
    WHERE c.oid = source.relid GROUP BY n.nspname, c.relname;
    EXECUTE format('INSERT INTO %1$s (%2$s) SELECT %2$s FROM pgtrickle._lake_feed_rows($1, $2, $3, $4, $5, $6) AS f(%3$s)', w.relation, w.names, w.row_type)
        USING lake.name, source.table_id, version, files, inlined, w.ids;
    GET DIAGNOSTICS added = ROW_COUNT;
    INSERT INTO pgtrickle.lake_source_file(source, data_file_id) SELECT source.id, f FROM unnest(files) f;
    INSERT INTO pgtrickle.lake_source_deleted SELECT source.id, p.data_file_id, p."position" FROM pgtrickle._lake_feed_positions(lake.name, source.table_id, version, files) p;
    RETURN added;
END $$;
REVOKE ALL ON FUNCTION pgtrickle._add_lake_files(pgtrickle.lake_source, pgtrickle.lake, bigint, bigint[], bool) FROM PUBLIC;
COMMENT ON FUNCTION pgtrickle._add_lake_files(pgtrickle.lake_source, pgtrickle.lake, bigint, bigint[], bool) IS
'source, lake: their rows; version: a lake snapshot; files: that are new in it; inlined: rows in the catalog, too.  Result: rows that came.';

-- The lake's columns at this snapshot become the table's.
CREATE FUNCTION pgtrickle._alter_lake_source(source pgtrickle.lake_source, lake pgtrickle.lake, version bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    c        record;
    relation text := (SELECT format('%I.%I', n.nspname, r.relname) FROM pg_class r JOIN pg_namespace n ON n.oid = r.relnamespace WHERE r.oid = source.relid);
BEGIN
    FOR c IN SELECT old.*, new.column_id IS NULL AS dropped, new.name AS new_name, new.type AS new_type, new.initial_default, a.attname, new.column_id AS new_id
             FROM (SELECT * FROM pgtrickle.lake_source_column k WHERE k.source = source.id) old
             FULL JOIN pgtrickle._lake_feed_columns(lake.name, source.table_id, version) new USING (column_id)
             LEFT JOIN pg_attribute a ON a.attrelid = source.relid AND a.attnum = old.attnum
             ORDER BY new.column_id IS NULL DESC, old.column_id IS NULL, new.column_id LOOP
        IF c.dropped THEN
            EXECUTE format('ALTER TABLE %s DROP COLUMN %I', relation, c.attname);
            DELETE FROM pgtrickle.lake_source_column k WHERE k.source = source.id AND k.column_id = c.column_id;
        ELSIF c.source IS NULL THEN
            EXECUTE format('ALTER TABLE %s ADD COLUMN %I %s', relation, c.new_name, c.new_type || coalesce(format(' DEFAULT %L', c.initial_default), ''));
            IF c.initial_default IS NOT NULL THEN
                EXECUTE format('ALTER TABLE %s ALTER COLUMN %I DROP DEFAULT', relation, c.new_name);
            END IF;
            INSERT INTO pgtrickle.lake_source_column
                SELECT source.id, c.new_id, a.attnum, c.new_name, c.new_type FROM pg_attribute a WHERE a.attrelid = source.relid AND a.attname = c.new_name::name;
        ELSE
            IF c.new_type <> c.type THEN
                EXECUTE format('ALTER TABLE %s ALTER COLUMN %I TYPE %s', relation, c.attname, c.new_type);
            END IF;
            IF c.new_name <> c.name THEN
                EXECUTE format('ALTER TABLE %s RENAME COLUMN %I TO %I', relation, c.attname, c.new_name);
            END IF;
            UPDATE pgtrickle.lake_source_column k SET name = c.new_name, type = c.new_type
            WHERE k.source = source.id AND k.column_id = c.column_id AND (k.name, k.type) <> (c.new_name, c.new_type);
        END IF;
    END LOOP;
END $$;
REVOKE ALL ON FUNCTION pgtrickle._alter_lake_source(pgtrickle.lake_source, pgtrickle.lake, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pgtrickle._alter_lake_source(pgtrickle.lake_source, pgtrickle.lake, bigint) IS
'source, lake: their rows; version: a lake snapshot.  Adds, drops, renames and widens columns.  Errors: those of ALTER TABLE, such as 2BP01 a view needs the column.';

CREATE FUNCTION pgtrickle._follow_lake_source(id int) RETURNS bool
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s        pgtrickle.lake_source;
    l        pgtrickle.lake;
    newest   bigint;
    relation text;
    alive    text := '%1$s.begin_snapshot <= $3 AND (%1$s.end_snapshot IS NULL OR %1$s.end_snapshot > $3)';
    by_file  text := 'SELECT NULL::bigint AS file_id, NULL::bigint AS begin_snapshot WHERE false';
    there    bool;
    came     bigint[];
    gone     bigint[];
    touched  bigint[];
    sign     text;
    bytes    bigint := pgtrickle._lake_feed_bytes();
    changed  bigint := 0;
    n        bigint;
BEGIN
    SELECT * INTO s FROM pgtrickle.lake_source x WHERE x.id = $1 FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    SELECT format('%I.%I', m.nspname, r.relname) INTO relation FROM pg_class r JOIN pg_namespace m ON m.oid = r.relnamespace WHERE r.oid = s.relid;
    IF relation IS NULL THEN
        DELETE FROM pgtrickle.lake_source x WHERE x.id = $1;
        RETURN false;
    ELSIF NOT (SELECT o.rolsuper FROM pg_class r JOIN pg_roles o ON o.oid = r.relowner WHERE r.oid = s.relid) THEN
        RAISE EXCEPTION 'the owner of % is no superuser any more', relation
            USING ERRCODE = '42501', HINT = 'trickle-lake, which writes it, is one: whoever owns it could be one too.';
    END IF;
    SELECT * INTO l FROM pgtrickle.lake x WHERE x.id = s.lake;
    EXECUTE format('SELECT max(snapshot_id) FROM %I.ducklake_snapshot', l.metadata_schema) INTO newest;
    IF newest <= s.read_snapshot THEN
        RETURN false;
    END IF;
    EXECUTE format('SELECT EXISTS (SELECT FROM %I.ducklake_table t WHERE t.table_id = $2 AND ' || format(alive, 't') || ')', l.metadata_schema) INTO there USING s.id, s.table_id, newest;
    IF NOT there THEN
        RAISE EXCEPTION 'table "%" of lake "%" was dropped', s.table_name, l.name
            USING ERRCODE = '42P01', HINT = 'SELECT pgtrickle.drop_lake_source(…), with keep_table => true to keep what was there.';
    END IF;
    UPDATE pgtrickle.lake_source x SET writer = pg_current_xact_id() WHERE x.id = $1;
    PERFORM pgtrickle._alter_lake_source(s, l, newest);

    IF to_regclass(format('%I.%I', l.metadata_schema, 'ducklake_inlined_delete_' || s.table_id)) IS NOT NULL THEN
        by_file := format('SELECT file_id, begin_snapshot FROM %I.%I', l.metadata_schema, 'ducklake_inlined_delete_' || s.table_id);
    END IF;
    EXECUTE format(
        'WITH inlined AS (%2$s),
              files AS (SELECT f.data_file_id, d.delete_file_id FROM %1$I.ducklake_data_file f
                        LEFT JOIN %1$I.ducklake_delete_file d ON d.data_file_id = f.data_file_id AND ' || format(alive, 'd') || ' WHERE f.table_id = $2 AND ' || format(alive, 'f') || '),
              known AS (SELECT k.data_file_id, k.delete_file_id AS read_to FROM pgtrickle.lake_source_file k WHERE k.source = $1)
         SELECT array_agg(f.data_file_id) FILTER (WHERE k.data_file_id IS NULL), array_agg(k.data_file_id) FILTER (WHERE f.data_file_id IS NULL),
                array_agg(f.data_file_id) FILTER (WHERE f.data_file_id = k.data_file_id AND (f.delete_file_id IS DISTINCT FROM k.read_to
                                                       OR EXISTS (SELECT FROM inlined i WHERE i.file_id = f.data_file_id AND i.begin_snapshot > $4)))
         FROM files f FULL JOIN known k USING (data_file_id)', l.metadata_schema, by_file)
        INTO came, gone, touched USING s.id, s.table_id, newest, coalesce(s.read_snapshot, -1);

    IF gone IS NOT NULL THEN
        EXECUTE format('DELETE FROM %s WHERE lake_file = ANY ($1)', relation) USING gone;
        GET DIAGNOSTICS n = ROW_COUNT;
        changed := changed + n;
        DELETE FROM pgtrickle.lake_source_file k WHERE k.source = s.id AND k.data_file_id = ANY (gone);
    END IF;
    IF touched IS NOT NULL THEN
        EXECUTE format('WITH fresh AS (INSERT INTO pgtrickle.lake_source_deleted
                                       SELECT $1, p.data_file_id, p."position" FROM pgtrickle._lake_feed_positions($2, $3, $4, $5) p
                                       ON CONFLICT DO NOTHING RETURNING data_file_id, "position")
                        DELETE FROM %s m USING fresh f WHERE m.lake_file = f.data_file_id AND m.lake_position = f."position"', relation)
            USING s.id, l.name, s.table_id, newest, touched;
        GET DIAGNOSTICS n = ROW_COUNT;
        changed := changed + n;
    END IF;
    sign := pgtrickle._lake_inlined_sign(l.metadata_schema, s.table_id);
    IF sign <> s.inlined THEN
        EXECUTE format('DELETE FROM %s WHERE lake_file = -1', relation);
        GET DIAGNOSTICS n = ROW_COUNT;
        changed := changed + n;
    END IF;
    IF came IS NOT NULL OR sign <> s.inlined THEN
        changed := changed + pgtrickle._add_lake_files(s, l, newest, coalesce(came, '{}'), sign <> s.inlined);
    END IF;
    IF came IS NOT NULL OR touched IS NOT NULL THEN
        EXECUTE format('UPDATE pgtrickle.lake_source_file k SET delete_file_id = d.delete_file_id FROM %1$I.ducklake_delete_file d
                        WHERE k.source = $1 AND d.table_id = $2 AND d.data_file_id = k.data_file_id AND ' || format(alive, 'd') || ' AND k.delete_file_id IS DISTINCT FROM d.delete_file_id',
                       l.metadata_schema) USING s.id, s.table_id, newest;
    END IF;
    UPDATE pgtrickle.lake_source x SET read_snapshot = newest, read_at = clock_timestamp(), rows_changed = CASE WHEN changed > 0 THEN changed ELSE x.rows_changed END, inlined = sign,
        bytes_read = x.bytes_read + pgtrickle._lake_feed_bytes() - bytes, consecutive_errors = 0, last_error = NULL, last_sqlstate = NULL, retry_at = NULL
    WHERE x.id = $1;
    RETURN true;
END $$;
REVOKE ALL ON FUNCTION pgtrickle._follow_lake_source(int) FROM PUBLIC;
COMMENT ON FUNCTION pgtrickle._follow_lake_source(int) IS
'id: of a lake source.  Makes it equal to the lake''s newest snapshot; to be called in a transaction of its own, REPEATABLE READ.
Result: whether it moved.  Errors: 42P01 the lake''s table was dropped; those of reading the lake and of ALTER TABLE.';

-- Asked by trickle-lake each second.
CREATE FUNCTION pgtrickle._lake_sources_due() RETURNS SETOF int
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s   record;
    due bool;
BEGIN
    FOR s IN SELECT x.id, x.read_snapshot, l.metadata_schema FROM pgtrickle.lake_source x JOIN pgtrickle.lake l ON l.id = x.lake
             WHERE x.retry_at IS NULL OR x.retry_at <= clock_timestamp() ORDER BY x.id LOOP
        EXECUTE format('SELECT coalesce(max(snapshot_id) > $1, true) FROM %I.ducklake_snapshot', s.metadata_schema) INTO due USING s.read_snapshot;
        IF due THEN
            RETURN NEXT s.id;
        END IF;
    END LOOP;
END $$;
REVOKE ALL ON FUNCTION pgtrickle._lake_sources_due() FROM PUBLIC;
COMMENT ON FUNCTION pgtrickle._lake_sources_due() IS 'No arguments.  Result: ids of the lake sources that lag behind their lake and may be tried now.';

CREATE FUNCTION pgtrickle._lake_source_failed(id int, sqlstate text, message text) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    UPDATE pgtrickle.lake_source s SET consecutive_errors = s.consecutive_errors + 1, last_error = $3, last_sqlstate = $2,
        retry_at = clock_timestamp() + least(interval '1 s' * 2 ^ least(s.consecutive_errors, 10), interval '5 min')
    WHERE s.id = $1
$$;
REVOKE ALL ON FUNCTION pgtrickle._lake_source_failed(int, text, text) FROM PUBLIC;
COMMENT ON FUNCTION pgtrickle._lake_source_failed(int, text, text) IS 'id: of a lake source; sqlstate, message: why it could not be read.  It is tried again later, each time twice as late, at most five minutes.';

CREATE FUNCTION pgtrickle.lake_sources() RETURNS TABLE (name regclass, lake text, table_name text, status text, snapshot_id bigint, newest_snapshot bigint, lag interval,
    rows_changed bigint, bytes_read bigint, consecutive_errors int, last_error text, last_sqlstate text, retry_at timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    s record;
BEGIN
    FOR s IN SELECT x.id, l.metadata_schema FROM pgtrickle.lake_source x JOIN pgtrickle.lake l ON l.id = x.lake ORDER BY x.id LOOP
        RETURN QUERY EXECUTE format(
            'SELECT x.relid::regclass, l.name, x.table_name, CASE WHEN x.last_error IS NOT NULL THEN ''ERROR'' WHEN x.read_snapshot IS NULL THEN ''LOADING'' ELSE ''ACTIVE'' END,
                    x.read_snapshot, n.newest, CASE WHEN x.read_snapshot < n.newest THEN clock_timestamp() - (SELECT min(snapshot_time) FROM %1$I.ducklake_snapshot WHERE snapshot_id > x.read_snapshot)
                                                    WHEN x.read_snapshot IS NOT NULL THEN interval ''0'' END,
                    x.rows_changed, x.bytes_read, x.consecutive_errors, x.last_error, x.last_sqlstate, x.retry_at
             FROM pgtrickle.lake_source x JOIN pgtrickle.lake l ON l.id = x.lake, (SELECT max(snapshot_id) AS newest FROM %1$I.ducklake_snapshot) n WHERE x.id = $1', s.metadata_schema) USING s.id;
    END LOOP;
END $$;
COMMENT ON FUNCTION pgtrickle.lake_sources() IS
'No arguments.  Result: a row for each lake source: status (LOADING, ACTIVE, or ERROR: tried again at retry_at); snapshot_id: the lake snapshot it equals;
newest_snapshot: the lake''s; lag: how long there has been a newer one; rows_changed: by the last reading that changed any; bytes_read: of files, since it was made.';

CREATE FUNCTION pgtrickle.wait_for_lake_source(name regclass, timeout interval DEFAULT '30s') RETURNS bool
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    source pgtrickle.lake_source := pgtrickle._lake_source($1);
    l      pgtrickle.lake;
    newest bigint;
    began  timestamptz := clock_timestamp();
BEGIN
    SELECT * INTO l FROM pgtrickle.lake x WHERE x.id = source.lake;
    EXECUTE format('SELECT max(snapshot_id) FROM %I.ducklake_snapshot', l.metadata_schema) INTO newest;
    WHILE NOT EXISTS (SELECT FROM pgtrickle.lake_source s WHERE s.id = source.id AND s.read_snapshot >= newest) LOOP
        IF clock_timestamp() >= began + $2 THEN
            RETURN false;
        END IF;
        PERFORM pgtrickle._wait_served(l, began, $2);
    END LOOP;
    RETURN true;
END $$;
COMMENT ON FUNCTION pgtrickle.wait_for_lake_source(regclass, interval) IS
'name: of a lake source; timeout: how long to wait.  Waits until it shows the lake''s snapshot that is the newest now.  Result: true, or false when the time is over.
Errors: 42704 it is no lake source; 55000 no trickle-lake is running; 25001 not READ COMMITTED.';
