-- Stream tables: create, alter, drop, refresh, verify, explain.

CREATE FUNCTION pgtrickle.create_stream_table(
    name text, query text, schedule text DEFAULT 'calculated', refresh_mode text DEFAULT 'AUTO',
    initialize bool DEFAULT true, cdc_mode text DEFAULT 'auto', append_only bool DEFAULT false,
    partition_by text DEFAULT NULL) RETURNS regclass
    AS 'MODULE_PATHNAME', 'create_stream_table' LANGUAGE C;
COMMENT ON FUNCTION pgtrickle.create_stream_table(text, text, text, text, bool, text, bool, text) IS
'Makes a table that holds the result of a query and is kept equal to it.
name: the table, schema-qualified or made in the first schema of search_path.  query: one SELECT.
schedule: a duration such as 1s, 10s, 2h 30m (at least 100 ms); a cron line such as */5 * * * * or 0 6 * * mon-fri, or @hourly, @daily, @weekly,
@monthly, @yearly, in the time zone that is set now; or calculated: as soon as something it reads has changed; a foreign table is looked at once a minute then.
refresh_mode: DIFFERENTIAL (refused if a part of the query has no law), FULL (recomputed, the difference applied), AUTO (the first if possible, unless recomputing has shown to be cheaper for so large a batch),
IMMEDIATE (as DIFFERENTIAL, but inside the transaction that changes what it reads, statement by statement; schedule has no meaning then).
initialize: false leaves it empty until the first tick.  cdc_mode: auto or trigger.  append_only, partition_by: not supported yet.
Result: the table.  It has exactly the columns of the query.
Errors: 42P07 the name exists; 42602 it is no name; 42939, 0A000 its schema is the extension''s own or temporary; 42P01 the query reads a table
that does not exist; 22023 a wrong schedule or mode; 22004 an argument is NULL; 0A000 no law (DIFFERENTIAL, IMMEDIATE); 42601 not one SELECT.
Who writes what an IMMEDIATE stream table reads gets its errors, with its name in the context; 40P01 when two such transactions wait for each other''s
keys; 40001 in REPEATABLE READ and SERIALIZABLE when others have changed since what it reads.';

CREATE FUNCTION pgtrickle.create_stream_table_if_not_exists(
    name text, query text, schedule text DEFAULT 'calculated', refresh_mode text DEFAULT 'AUTO',
    initialize bool DEFAULT true, cdc_mode text DEFAULT 'auto', append_only bool DEFAULT false,
    partition_by text DEFAULT NULL) RETURNS regclass
LANGUAGE plpgsql AS $$
BEGIN
    IF pg_catalog.to_regclass(name) IS NOT NULL THEN
        PERFORM pgtrickle._stream_table_id(name);
        RAISE NOTICE 'stream table "%" already exists, skipping', name;
        RETURN pg_catalog.to_regclass(name);
    END IF;
    RETURN pgtrickle.create_stream_table(name, query, schedule, refresh_mode, initialize, cdc_mode, append_only, partition_by);
END $$;
COMMENT ON FUNCTION pgtrickle.create_stream_table_if_not_exists(text, text, text, text, bool, text, bool, text) IS
'As create_stream_table; if a stream table of this name is there it is left as it is, with a notice.
Errors: as create_stream_table; 42809 a table of this name is no stream table.';

CREATE FUNCTION pgtrickle.alter_stream_table(
    name text, query text DEFAULT NULL, schedule text DEFAULT NULL, refresh_mode text DEFAULT NULL,
    status text DEFAULT NULL, cdc_mode text DEFAULT NULL, append_only bool DEFAULT NULL, partition_by text DEFAULT NULL)
    RETURNS void
    AS 'MODULE_PATHNAME', 'alter_stream_table' LANGUAGE C;
COMMENT ON FUNCTION pgtrickle.alter_stream_table(text, text, text, text, text, text, bool, text) IS
'Changes what is not NULL.  query: the new query; rows are kept and the difference is applied, downstream too.  It may have other columns: one that keeps
its name, or is computed alike under another, keeps its indexes, comment, privileges and readers; new ones come at the end, and one that has to move there
takes its indexes, comment and privileges along.  schedule, refresh_mode: as in create_stream_table.  status: ACTIVE or PAUSED.
A stream table that was never filled is filled in its time.  Readers wait while columns change, to the end of the transaction.
Errors: 42P01, 42809 no such stream table; 2BP01 a column that would go, move or change its type is read, by whom; 42P19 the query would read itself;
22023 a wrong value; 42501 not the owner; those of create_stream_table for the query.  After an error all is as it was.';

CREATE FUNCTION pgtrickle.create_or_replace_stream_table(
    name text, query text, schedule text DEFAULT 'calculated', refresh_mode text DEFAULT 'AUTO',
    initialize bool DEFAULT true, cdc_mode text DEFAULT 'auto', append_only bool DEFAULT false,
    partition_by text DEFAULT NULL) RETURNS regclass
LANGUAGE plpgsql AS $$
BEGIN
    IF pg_catalog.to_regclass(name) IS NULL THEN
        RETURN pgtrickle.create_stream_table(name, query, schedule, refresh_mode, initialize, cdc_mode, append_only, partition_by);
    END IF;
    PERFORM pgtrickle.alter_stream_table(name, query, schedule, refresh_mode);
    RETURN pg_catalog.to_regclass(name);
END $$;
COMMENT ON FUNCTION pgtrickle.create_or_replace_stream_table(text, text, text, text, bool, text, bool, text) IS
'As create_stream_table, or, if the stream table is there, as alter_stream_table: rows are kept and the difference is applied.
Errors: those of both.';

CREATE FUNCTION pgtrickle.drop_stream_table(name text, cascade bool DEFAULT false) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    needed text;
    st record;
BEGIN
    PERFORM pgtrickle._stream_table_id(name);
    EXECUTE pg_catalog.format('DROP TABLE %s %s', pg_catalog.to_regclass(name), CASE WHEN cascade THEN 'CASCADE' ELSE 'RESTRICT' END);
EXCEPTION WHEN dependent_objects_still_exist THEN
    GET STACKED DIAGNOSTICS needed = PG_EXCEPTION_DETAIL;
    FOR st IN SELECT t.definition::pg_catalog.regclass::text AS view, t.relid::pg_catalog.regclass::text AS stream_table FROM pgtrickle.stream_table t LOOP
        needed := pg_catalog.replace(needed, 'view ' || st.view || ' ', 'stream table ' || st.stream_table || ' ');
    END LOOP;
    RAISE EXCEPTION 'stream table "%" is still needed', name
        USING ERRCODE = '2BP01', DETAIL = needed, HINT = 'Drop what needs it first, or pass cascade => true, which drops that too.';
END $$;
COMMENT ON FUNCTION pgtrickle.drop_stream_table(text, bool) IS
'Drops a stream table and its state, as DROP TABLE does.  cascade: also what reads it.
Errors: 42P01, 42809 no such stream table; 2BP01 something depends on it and cascade is false; 42501 not the owner.';

CREATE FUNCTION pgtrickle.refresh_stream_table(
    name text, OUT mode text, OUT reason text, OUT rows_in bigint, OUT rows_out bigint, OUT milliseconds float8, OUT plan text)
    AS 'MODULE_PATHNAME', 'refresh_stream_table' LANGUAGE C;
COMMENT ON FUNCTION pgtrickle.refresh_stream_table(text) IS
'Brings a stream table, after the stream tables it reads, to now: all that is committed, and what this transaction wrote.
Result: one row: mode (DIFFERENTIAL, FULL, REBUILD, INITIAL, NO_DATA) and why, changed rows read and written, milliseconds, plan (small, bulk).
Errors: 42P01, 42809 no such stream table; 42501 not the owner; 25006 on a standby; whatever the query raises.';

CREATE FUNCTION pgtrickle.verify(name text, OUT missing bigint, OUT unexpected bigint, OUT at pg_snapshot)
    AS 'MODULE_PATHNAME', 'verify_stream_table' LANGUAGE C;
COMMENT ON FUNCTION pgtrickle.verify(text) IS
'Refreshes a stream table and compares it with its query, as bags of rows, under the same snapshot and the same now().
Result: rows that the query has and the table lacks; rows that the table has and the query lacks; the snapshot.  Both 0: equal.
Where rows tie in an ORDER BY that decides what is shown, several results are right: then compared with the one whose ties are
broken by a hash of the row, as explain_stream_table says.  Costs the query itself.  Errors: as refresh_stream_table.';

CREATE FUNCTION pgtrickle._unsettle(id int) RETURNS void
    AS 'MODULE_PATHNAME', 'unsettle_stream_table' LANGUAGE C STRICT;
REVOKE ALL ON FUNCTION pgtrickle._unsettle(int) FROM PUBLIC;
COMMENT ON FUNCTION pgtrickle._unsettle(int) IS
'id: an IMMEDIATE stream table.  From here on it goes by its frontier, as others do, until all transactions that may not have seen this have ended.';

CREATE FUNCTION pgtrickle.pause_stream_table(name text) RETURNS void
LANGUAGE sql AS $$ SELECT pgtrickle.alter_stream_table(name, status => 'PAUSED') $$;
COMMENT ON FUNCTION pgtrickle.pause_stream_table(text) IS
'name: a stream table that is not refreshed by the scheduler, nor, IMMEDIATE, by its writers, until resume_stream_table; its changes are kept.  Errors: 42P01, 42809, 42501.';

CREATE FUNCTION pgtrickle.resume_stream_table(name text) RETURNS void
LANGUAGE sql AS $$ SELECT pgtrickle.alter_stream_table(name, status => 'ACTIVE') $$;
COMMENT ON FUNCTION pgtrickle.resume_stream_table(text) IS
'name: a paused or suspended stream table; it is refreshed again, at once if it is due.  Errors: 42P01, 42809, 42501.';

CREATE FUNCTION pgtrickle.explain_stream_table(
    name text, OUT operator text, OUT law text, OUT state text, OUT bytes bigint, OUT access text) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'explain_stream_table' LANGUAGE C;
COMMENT ON FUNCTION pgtrickle.explain_stream_table(text) IS
'name: a stream table.  Result: its operator tree, one row an operator, inputs indented below: the law that keeps it, the tables of state it keeps
and their bytes, how rows of its inputs are found and what a change costs where it is more than look-ups.  Errors: 42P01, 42809.';

CREATE FUNCTION pgtrickle.explain_delta(name text, OUT step int, OUT does text, OUT runs text, OUT sql text) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'explain_delta' LANGUAGE C;
COMMENT ON FUNCTION pgtrickle.explain_delta(text) IS
'name: a stream table.  Result: the statements a tick runs, in order: what each does, when it runs, its text.
z_… are ephemeral relations: changes on their way from one statement to the next.  Errors: 42P01, 42809.';

CREATE FUNCTION pgtrickle.validate_query(
    query text, OUT severity text, OUT operator text, OUT "position" int, OUT message text, OUT hint text) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'validate_query' LANGUAGE C;
COMMENT ON FUNCTION pgtrickle.validate_query(text) IS
'query: one SELECT.  Creates nothing.  Result: one row a finding: severity (error: not a valid query; warning: no law, AUTO would recompute it;
info: what the operator is kept by), the operator, the position in the text, what is said of it, what to do.';

CREATE FUNCTION pgtrickle.restore_stream_tables() RETURNS int
    AS 'MODULE_PATHNAME', 'restore_stream_tables' LANGUAGE C;
REVOKE ALL ON FUNCTION pgtrickle.restore_stream_tables() FROM PUBLIC;
COMMENT ON FUNCTION pgtrickle.restore_stream_tables() IS
'No arguments.  Has stream tables that a dump has brought into this database followed and refreshed again; the scheduler does so by itself
within two minutes of the end of the restore.  The first refresh applies what differs from the rows that came with the dump.
Result: how many were restored; one that cannot be is left as it is, with a warning.  Lakes are published anew.  Errors: whatever a query raises.';

-- A stream table is written by its ticks alone.
CREATE FUNCTION pgtrickle._guard() RETURNS trigger
    AS 'MODULE_PATHNAME', 'guard_stream_table' LANGUAGE C;
COMMENT ON FUNCTION pgtrickle._guard() IS 'Trigger of stream tables: refuses INSERT, UPDATE, DELETE and TRUNCATE (55000).';

-- Dropping: whichever way a stream table, its definition or a source goes, the rest goes too.
CREATE FUNCTION pgtrickle._forget(id int) RETURNS void
    AS 'MODULE_PATHNAME', 'forget_stream_table' LANGUAGE C STRICT;
REVOKE ALL ON FUNCTION pgtrickle._forget(int) FROM PUBLIC;

CREATE FUNCTION pgtrickle._on_drop() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gone record;
    st record;
BEGIN
    FOR gone IN SELECT objid FROM pg_event_trigger_dropped_objects()
                WHERE classid = 'pg_catalog.pg_class'::regclass AND objsubid = 0 LOOP
        FOR st IN SELECT t.id, t.relid, t.definition FROM pgtrickle.stream_table t
                  WHERE gone.objid IN (t.relid, t.definition) LOOP
            IF gone.objid = st.definition AND EXISTS (SELECT FROM pg_class WHERE oid = st.relid) THEN
                EXECUTE format('DROP TABLE %s CASCADE', st.relid::regclass);
            ELSE
                PERFORM pgtrickle._forget(st.id);
            END IF;
        END LOOP;
        IF EXISTS (SELECT FROM pgtrickle.source WHERE relid = gone.objid) THEN
            PERFORM pgtrickle._release(gone.objid);
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION pgtrickle._on_drop() IS 'Event trigger: removes the state of dropped stream tables and the logs of dropped sources.';
CREATE EVENT TRIGGER pg_trickle_drop ON sql_drop EXECUTE FUNCTION pgtrickle._on_drop();
