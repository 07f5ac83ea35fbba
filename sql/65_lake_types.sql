-- What the columns of a published relation are in the lake.
--
-- A type is mapped exactly, or as the user chose, or not at all: then publish refuses it.  Choices are those of the lake,
-- over them those of publish: {"interval", "timetz", "numeric", "other"}, and "numeric_scale" for numeric without a precision.
-- A value that its column's mapping cannot hold pauses the table when it comes; nothing is rounded, cut or shifted.

CREATE FUNCTION pgtrickle._check_lake_types(types jsonb) RETURNS void
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    accepted CONSTANT jsonb := '{"interval": ["struct", "text", "interval"], "timetz": ["text", "utc"], "numeric": ["text"], "other": ["text"]}';
    odd text := CASE WHEN jsonb_typeof($1) <> 'object' THEN $1::text
                     ELSE (SELECT string_agg(format('"%s": %s', key, value), ', ') FROM jsonb_each($1) WHERE NOT coalesce(accepted->key @> value AND jsonb_typeof(value) = 'string', false)) END;
BEGIN
    IF odd IS NOT NULL THEN
        RAISE EXCEPTION 'unknown choice of types %', odd USING ERRCODE = '22023', HINT = format('Accepted: an object with any of %s.', accepted);
    END IF;
END $$;
COMMENT ON FUNCTION pgtrickle._check_lake_types(jsonb) IS 'types: as given to create_lake or publish.  Errors: 22023 an unknown type or choice.';

-- A type that only its text can stand for.  Within a composite there is nothing that casts, so that is text as a whole.
CREATE FUNCTION pgtrickle._lake_type(type oid, typmod int, dims int, choices jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    as_text CONSTANT jsonb := '{"source": "as text", "lake": "varchar", "fields": []}';
    t           pg_catalog.pg_type;
    source      text;
    lake        text;
    fields      jsonb := '[]';
    "precision" int;
    scale       int;
BEGIN
    SELECT * INTO t FROM pg_catalog.pg_type p WHERE p.oid = $1;
    WHILE t.typtype = 'd' LOOP
        typmod := CASE WHEN t.typtypmod >= 0 THEN t.typtypmod ELSE typmod END;
        dims := CASE WHEN t.typndims > 0 THEN t.typndims ELSE dims END;
        SELECT * INTO t FROM pg_catalog.pg_type p WHERE p.oid = t.typbasetype;
    END LOOP;
    IF t.typsubscript = 'array_subscript_handler'::regproc THEN
        fields := jsonb_build_array(pgtrickle._lake_type(t.typelem, typmod, 0, choices) || '{"name": "element"}');
        FOR i IN 2 .. dims LOOP
            fields := jsonb_build_array(jsonb_build_object('name', 'element', 'source', 'dimension', 'lake', 'list', 'fields', fields));
        END LOOP;
        source := 'array';
        lake := 'list';
    ELSIF t.typtype = 'c' THEN
        fields := (SELECT jsonb_agg(pgtrickle._lake_type(a.atttypid, a.atttypmod, a.attndims, choices) || jsonb_build_object('name', a.attname) ORDER BY a.attnum)
                   FROM pg_catalog.pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped);
        IF fields @? '$.** ? (@.source == "as text")' THEN
            RETURN as_text;
        END IF;
        source := 'composite';
        lake := 'struct';
    ELSIF EXISTS (SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
                  WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
                    AND e.extname = 'hstore' AND t.typname = 'hstore') THEN
        fields := '[{"name": "key", "source": "text", "lake": "varchar", "fields": []}, {"name": "value", "source": "text", "lake": "varchar", "fields": []}]';
        source := 'hstore';
        lake := 'map';
    ELSIF t.typtype = 'e' THEN
        source := 'enum';
        lake := 'varchar';
    ELSIF t.oid = 'numeric'::regtype THEN
        IF typmod < 0 AND choices->>'numeric' = 'text' THEN
            RETURN as_text;
        END IF;
        scale := CASE WHEN typmod < 0 THEN (choices->>'numeric_scale')::int ELSE (((typmod - 4) & 2047) # 1024) - 1024 END;
        -- numeric(5, -2) has seven digits before the point, numeric(2, 4) four after it.
        "precision" := CASE WHEN typmod < 0 THEN 38 ELSE greatest((((typmod - 4) >> 16) & 65535) - least(scale, 0), scale) END;
        scale := greatest(scale, 0);
        IF "precision" > 38 AND choices->>'numeric' = 'text' THEN
            RETURN as_text;
        ELSIF "precision" <= 38 THEN
            source := 'numeric';
            lake := format('decimal(%s,%s)', "precision", scale);
        END IF;
    ELSIF t.oid IN ('interval'::regtype, 'timetz'::regtype) THEN
        CASE choices->>t.typname::text
            WHEN 'text' THEN RETURN as_text;
            WHEN 'utc' THEN lake := 'timetz';
            WHEN 'interval' THEN lake := 'interval';
            WHEN 'struct' THEN
                fields := '[{"name": "months", "source": "int4", "lake": "int32", "fields": []}, {"name": "days", "source": "int4", "lake": "int32", "fields": []},
                            {"name": "microseconds", "source": "int8", "lake": "int64", "fields": []}]';
                lake := 'struct';
            ELSE NULL;
        END CASE;
        source := CASE WHEN lake IS NOT NULL THEN t.typname END;
    ELSIF t.typnamespace = 'pg_catalog'::regnamespace THEN
        lake := CASE t.typname
            WHEN 'bool' THEN 'boolean' WHEN 'int2' THEN 'int16' WHEN 'int4' THEN 'int32' WHEN 'int8' THEN 'int64'
            WHEN 'float4' THEN 'float32' WHEN 'float8' THEN 'float64'
            WHEN 'text' THEN 'varchar' WHEN 'varchar' THEN 'varchar' WHEN 'bpchar' THEN 'varchar' WHEN 'name' THEN 'varchar'
            WHEN 'bytea' THEN 'blob' WHEN 'uuid' THEN 'uuid' WHEN 'json' THEN 'json' WHEN 'jsonb' THEN 'json'
            WHEN 'date' THEN 'date' WHEN 'time' THEN 'time' WHEN 'timestamp' THEN 'timestamp' WHEN 'timestamptz' THEN 'timestamptz' END;
        source := CASE WHEN lake IS NOT NULL THEN t.typname END;
    END IF;
    IF lake IS NULL OR fields IS NULL OR fields @? '$.** ? (@.lake == null)' THEN
        RETURN CASE WHEN choices->>'other' = 'text' THEN as_text
                    ELSE jsonb_build_object('source', NULL, 'lake', NULL, 'fields', '[]'::jsonb, 'lacking', coalesce(jsonb_path_query_first(fields, '$.**.lacking') #>> '{}', t.oid::regtype::text)) END;
    END IF;
    RETURN jsonb_build_object('source', source, 'lake', lake, 'fields', fields);
END $$;
COMMENT ON FUNCTION pgtrickle._lake_type(oid, int, int, jsonb) IS
'type, typmod, dims: of a column; choices: see publish.  Result: {"source": whose binary form it has; "as text": it is cast, "lake": its DuckLake type,
"fields": what it consists of, each so and with a "name"}; "lake" is null when DuckLake has none that holds every value, and "lacking" says what has none.';

CREATE FUNCTION pgtrickle._lake_width(fields jsonb) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$ SELECT 1 + coalesce(sum(pgtrickle._lake_width(f->'fields')), 0)::bigint FROM pg_catalog.jsonb_array_elements($1) f $$;
COMMENT ON FUNCTION pgtrickle._lake_width(jsonb) IS 'fields: of a column, see _lake_type.  Result: how many column ids it takes, its own and those of what it consists of.';

CREATE FUNCTION pgtrickle._lake_fields(column_id bigint, fields jsonb) RETURNS TABLE (id bigint, parent bigint, name text, source_type text, lake_type text)
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    f jsonb;
BEGIN
    id := $1 + 1;
    FOR f IN SELECT * FROM pg_catalog.jsonb_array_elements($2) LOOP
        parent := $1;
        name := f->>'name';
        source_type := f->>'source';
        lake_type := f->>'lake';
        RETURN NEXT;
        RETURN QUERY SELECT * FROM pgtrickle._lake_fields(id, f->'fields');
        id := id + pgtrickle._lake_width(f->'fields');
    END LOOP;
END $$;
COMMENT ON FUNCTION pgtrickle._lake_fields(bigint, jsonb) IS 'column_id, fields: of a column, see _lake_type.  Result: a row for each thing it consists of, those within others too, with its column id.';

-- Every column a publication would have, those without a DuckLake type included.
CREATE FUNCTION pgtrickle._lake_columns(relation regclass, choices jsonb)
RETURNS TABLE (column_id bigint, attnum int2, name text, source_type text, lake_type text, fields jsonb, nullable bool, declared text, lacking text)
LANGUAGE sql STABLE AS $$
    SELECT (sum(w.width) OVER (ORDER BY a.attnum) - w.width + 1)::bigint, a.attnum, a.attname::text, m->>'source', m->>'lake', m->'fields', NOT a.attnotnull,
           pg_catalog.format_type(a.atttypid, a.atttypmod), m->>'lacking'
    FROM pg_catalog.pg_attribute a
    CROSS JOIN LATERAL pgtrickle._lake_type(a.atttypid, a.atttypmod, a.attndims, $2) m
    CROSS JOIN LATERAL pgtrickle._lake_width(m->'fields') w(width)
    WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attnum
$$;
COMMENT ON FUNCTION pgtrickle._lake_columns(regclass, jsonb) IS
'relation: to be published; choices: see publish.  Result: one row a column; source_type and lake_type are NULL where DuckLake has no such type, lacking says for what.';

CREATE FUNCTION pgtrickle._check_lake_columns(relation regclass, choices jsonb, with_iceberg bool) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    c record;
BEGIN
    FOR c IN SELECT * FROM pgtrickle._lake_columns($1, $2) LOOP
        IF c.lake_type IS NULL THEN
            RAISE EXCEPTION 'column "%" of % has type %, which DuckLake cannot hold exactly', c.name, $1, c.declared
                USING ERRCODE = '0A000',
                      HINT = format(CASE WHEN c.lacking IN ('interval', 'time with time zone', 'numeric')
                                         THEN 'Choose what becomes of it: publish(…, types => ''{"%s": "%s"}''), see there; or publish' ELSE 'Publish it as text: publish(…, types => ''{"%s": "%s"}''); or publish' END
                                    || ' a stream table that casts it, such as SELECT …, %I::text FROM %s.',
                                    CASE c.lacking WHEN 'interval' THEN 'interval' WHEN 'time with time zone' THEN 'timetz' WHEN 'numeric' THEN 'numeric' ELSE 'other' END,
                                    CASE c.lacking WHEN 'interval' THEN 'struct' ELSE 'text' END, c.name, $1);
        ELSIF $3 AND (c.lake_type IN ('interval', 'timetz') OR c.fields @? '$.** ? (@.lake == "interval" || @.lake == "timetz")') THEN
            RAISE EXCEPTION 'column "%" of % would have a type in the lake that Iceberg does not have', c.name, $1
                USING ERRCODE = '0A000', HINT = 'Choose "interval": "struct" or "timetz": "text", or publish(…, iceberg => ''off'').';
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION pgtrickle._check_lake_columns(regclass, jsonb, bool) IS
'relation: to be published; choices: see publish; with_iceberg: whether Iceberg''s readers are to read it.  Errors: 0A000 a column that cannot be held as chosen.';
