-- Looking: what there is, how fresh it is, what hurts.

-- A user's name for a stream table → its id.  Every function that takes a name
-- goes through here, so that they all find it by search_path and refuse alike.
CREATE FUNCTION pgtrickle._stream_table_id(name text) RETURNS int
LANGUAGE plpgsql STABLE AS $$
DECLARE
    rel   pg_catalog.regclass;
    found int;
BEGIN
    IF $1 IS NULL THEN
        RAISE EXCEPTION 'name of a stream table must not be null'
            USING ERRCODE = '22004', HINT = 'SELECT pgt_schema, pgt_name FROM pgtrickle.pgt_stream_tables lists them.';
    END IF;
    rel := pg_catalog.to_regclass($1);
    IF rel IS NULL THEN
        RAISE EXCEPTION 'stream table "%" does not exist', $1
            USING ERRCODE = '42P01',
                  HINT = 'SELECT pgt_schema, pgt_name FROM pgtrickle.pgt_stream_tables lists them; a name is found by search_path or written schema.name.';
    END IF;
    SELECT t.id INTO found FROM pgtrickle.stream_table t WHERE t.relid OPERATOR(pg_catalog.=) rel::pg_catalog.oid;
    IF found IS NULL THEN
        RAISE EXCEPTION '"%" is not a stream table', $1
            USING ERRCODE = '42809',
                  HINT = 'SELECT pgt_schema, pgt_name FROM pgtrickle.pgt_stream_tables lists them; pgtrickle.create_stream_table makes one.';
    END IF;
    RETURN found;
END $$;
COMMENT ON FUNCTION pgtrickle._stream_table_id(text) IS
'name: a stream table, found by search_path or schema-qualified.  Result: its id in pgtrickle.stream_table.
Errors: 42P01 no such relation; 42809 the relation is not a stream table; 22004 name is null.';
GRANT SELECT ON pgtrickle.stream_table TO PUBLIC;
