-- SELECT capture(…), release(…): captured, and read by somebody until then, for the scheduler lets go of what nobody reads.
CREATE FUNCTION capture(source regclass, columns int2[]) RETURNS void LANGUAGE sql AS $$
    WITH reader AS (INSERT INTO pgtrickle.consumer (kind) VALUES ('publication') RETURNING id)
    INSERT INTO pgtrickle.reads SELECT id, source, columns FROM reader;
    SELECT pgtrickle._capture(source, columns);
$$;
CREATE FUNCTION release(source regclass) RETURNS void LANGUAGE sql AS $$
    DELETE FROM pgtrickle.reads r WHERE r.source = release.source;
    SELECT pgtrickle._release(source);
$$;
