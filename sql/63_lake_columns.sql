-- Published columns follow the columns of their relation.
--
-- ALTER TABLE calls _follow_columns in its own transaction, so that no change is logged without a column that has come.  The program sees the
-- new list of columns under the same snapshot as the rows, and writes it into the lake with the first batch after it.

-- What has happened to the columns; not in publication, whose row ALTER TABLE would lock until its transaction ends.
CREATE TABLE pgtrickle.publication_change (
    id      int PRIMARY KEY REFERENCES pgtrickle.publication ON DELETE CASCADE,
    version int NOT NULL DEFAULT 1,           -- of the list of columns; publication.done_version is the lake's
    reload  int NOT NULL DEFAULT 0            -- from this version on all rows are needed again
);

-- A column whose old values read as its new type keeps its id; any other change of type makes it another column.
CREATE FUNCTION pgtrickle._lake_widens(old text, new text) RETURNS bool
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
RETURN (old, new) IN (('int16', 'int32'), ('int16', 'int64'), ('int32', 'int64'), ('float32', 'float64'))
    OR (old LIKE 'decimal(%' AND new LIKE 'decimal(%' AND split_part(old, ',', 2) = split_part(new, ',', 2)
        AND substring(new FROM '\d+')::int > substring(old FROM '\d+')::int);
COMMENT ON FUNCTION pgtrickle._lake_widens(text, text) IS
'old, new: DuckLake types.  Result: whether files of the old type are read as the new one, by DuckLake and by Iceberg.';

CREATE FUNCTION pgtrickle._follow_columns(relation regclass, late bool DEFAULT false) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    p        pgtrickle.publication;
    the_lake pgtrickle.lake;
    column_  record;
    next_id  bigint;
    altered  bool := false;
    reload   bool := late;
    new_key  int2[];
BEGIN
    SELECT * INTO p FROM pgtrickle.publication WHERE relid = $1;
    IF p IS NULL OR NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = $1) THEN
        RETURN;
    END IF;
    SELECT * INTO the_lake FROM pgtrickle.lake WHERE id = p.lake;
    EXECUTE format('SELECT greatest((SELECT max(column_id) FROM %I.ducklake_column WHERE table_id = $1),
                                    (SELECT max(column_id + pgtrickle._lake_width(fields) - 1) FROM pgtrickle.publication_column WHERE publication = $2)) + 1', the_lake.metadata_schema)
        INTO next_id USING p.table_id, p.id;
    FOR column_ IN
        SELECT w.*, c.column_id AS old_id, c.source_type AS old_source, c.lake_type AS old_type, c.fields AS old_fields, a.atthasmissing,
               coalesce(c.attnum, w.attnum) AS number, (c.name, c.declared) IS DISTINCT FROM (w.name, w.declared) OR (w.nullable AND NOT c.nullable) AS differs
        FROM pgtrickle._lake_columns($1, p.types) w
        JOIN pg_attribute a ON a.attrelid = $1 AND a.attnum = w.attnum
        FULL JOIN (SELECT * FROM pgtrickle.publication_column WHERE publication = p.id) c ON c.attnum = w.attnum
        ORDER BY 2
    LOOP
        IF p.mode = 'history' AND pgtrickle._is_history_column(column_.name) THEN
            RAISE NOTICE 'publishing % pauses: mode "history" has a column "%" of its own', $1, column_.name;
            RETURN;
        ELSIF column_.attnum IS NOT NULL AND column_.lake_type IS NULL THEN
            -- The list stays as it is: the program finds the two unlike, and says why it pauses.
            RAISE NOTICE 'publishing % pauses: column "%" has type %, which the lake cannot hold exactly', $1, column_.name, column_.declared;
            RETURN;
        ELSIF column_.attnum IS NULL THEN
            DELETE FROM pgtrickle.publication_column WHERE publication = p.id AND column_id = column_.old_id;
            PERFORM pgtrickle._unset_layout(p.id, column_.number);
            altered := true;
            reload := reload OR cardinality(p.key) = 0;
        ELSIF column_.old_id IS NULL
              OR (column_.old_type <> column_.lake_type AND NOT pgtrickle._lake_widens(column_.old_type, column_.lake_type))
              OR column_.old_fields <> column_.fields THEN
            IF p.mode <> 'mirror' AND column_.old_id IS NOT NULL THEN
                RAISE NOTICE 'publishing % pauses: column "%" has another type, and what was appended cannot be appended again', $1, column_.name;
                RETURN;
            END IF;
            DELETE FROM pgtrickle.publication_column WHERE publication = p.id AND column_id = column_.old_id;
            altered := pgtrickle._unset_layout(p.id, column_.attnum) OR altered;
            INSERT INTO pgtrickle.publication_column(publication, column_id, attnum, name, source_type, lake_type, fields, nullable, declared)
                VALUES (p.id, next_id, column_.attnum, column_.name, column_.source_type, column_.lake_type, column_.fields, true, column_.declared);
            next_id := next_id + pgtrickle._lake_width(column_.fields);
            altered := true;
            reload := reload OR column_.old_id IS NOT NULL OR column_.atthasmissing OR cardinality(p.key) = 0;
        ELSIF column_.differs OR column_.old_source <> column_.source_type THEN
            UPDATE pgtrickle.publication_column c
            SET name = column_.name, declared = column_.declared, source_type = column_.source_type, lake_type = column_.lake_type, nullable = c.nullable OR column_.nullable
            WHERE c.publication = p.id AND c.column_id = column_.old_id;
            altered := true;
            reload := reload OR column_.old_source <> column_.source_type;
        END IF;
    END LOOP;
    new_key := coalesce(pgtrickle._lake_key($1), '{}');
    IF late AND new_key <> p.key THEN
        p.rows_key := pgtrickle._lake_rows_key($1, new_key);
        UPDATE pgtrickle.publication SET key = new_key, rows_key = p.rows_key WHERE id = p.id;
        -- The rows stay, for the load that follows ends what they name; their keys are of no use any more.
        PERFORM pgtrickle._spread_runs(p.id);
        EXECUTE format('ALTER TABLE pgtrickle_state.lake_rows_%s ALTER COLUMN key TYPE %s USING %L', p.id, p.rows_key, CASE p.rows_key WHEN 'int8'::regtype THEN '0' ELSE gen_random_uuid()::text END);
        altered := true;
    END IF;
    IF altered THEN
        UPDATE pgtrickle.reads SET columns = (SELECT array_agg(c.attnum ORDER BY c.attnum) FROM pgtrickle.publication_column c WHERE c.publication = p.id) WHERE consumer = p.id;
        PERFORM pgtrickle._capture($1, (SELECT columns FROM pgtrickle.reads WHERE consumer = p.id));
        INSERT INTO pgtrickle.publication_change AS c (id, reload) VALUES (p.id, reload::int)
            ON CONFLICT (id) DO UPDATE SET version = c.version + 1, reload = CASE WHEN excluded.reload = 1 THEN c.version + 1 ELSE c.reload END;
        UPDATE pgtrickle.publication_health SET status = 'ERROR', retry_at = clock_timestamp() WHERE id = p.id AND status = 'SUSPENDED';
    END IF;
END $$;
REVOKE ALL ON FUNCTION pgtrickle._follow_columns(regclass, bool) FROM PUBLIC;
COMMENT ON FUNCTION pgtrickle._follow_columns(regclass, bool) IS
'relation: whose columns may have changed; late: not in the transaction that changed them, so that all rows are needed again.
Makes the published columns those of the relation: added, dropped, renamed, of another type, or no longer NOT NULL.  A column the lake
cannot hold, and in modes append and history another type, leaves the list as it is, and publishing pauses with the reason.';
