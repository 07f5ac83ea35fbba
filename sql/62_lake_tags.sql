-- What the lake says about a published table beside its rows: comments, and the query of a stream table.

CREATE FUNCTION pgtrickle._lake_tags(publication int) RETURNS jsonb
LANGUAGE sql STABLE
RETURN (SELECT jsonb_strip_nulls(jsonb_build_object(
            'comment', (SELECT d.description FROM pg_catalog.pg_description d WHERE d.objoid = p.relid AND d.classoid = 'pg_class'::regclass AND d.objsubid = 0),
            'stream_table_query', (SELECT s.query FROM pgtrickle.stream_table s WHERE s.relid = p.relid),
            'columns', (SELECT jsonb_object_agg(c.column_id, d.description) FROM pg_catalog.pg_description d JOIN pgtrickle.publication_column c ON c.attnum = d.objsubid
                        WHERE d.objoid = p.relid AND d.classoid = 'pg_class'::regclass AND c.publication = p.id)))
        FROM pgtrickle.publication p WHERE p.id = $1);
COMMENT ON FUNCTION pgtrickle._lake_tags(int) IS
'publication: an id.  Result: {"comment": of the relation, "stream_table_query": of a stream table, "columns": {column id: its comment, …}}, each where there is one.
publication.tags is what the lake was told of it last.';
