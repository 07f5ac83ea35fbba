-- Capture: the trigger that logs a change, and what trickle-lake needs of the change logs.

CREATE FUNCTION pgtrickle._log_change() RETURNS trigger
    AS 'MODULE_PATHNAME', 'log_change' LANGUAGE C;
REVOKE ALL ON FUNCTION pgtrickle._log_change() FROM PUBLIC;
COMMENT ON FUNCTION pgtrickle._log_change() IS
'Trigger of captured tables: appends the change to the change log.  Argument: the OID of the captured relation.
Installed by create_stream_table and publish; not for direct use.';

CREATE FUNCTION pgtrickle._capture(relid regclass, columns int2[]) RETURNS void
    AS 'MODULE_PATHNAME', 'capture_ensure' LANGUAGE C STRICT;
REVOKE ALL ON FUNCTION pgtrickle._capture(regclass, int2[]) FROM PUBLIC;
COMMENT ON FUNCTION pgtrickle._capture(regclass, int2[]) IS
'relid: a table or partitioned table.  columns: attribute numbers whose changes are needed.
Makes sure that they are logged from now on; call it before taking the snapshot to start from, in the same transaction.
Errors: 42809 not a table; 0A000 a system catalog or a temporary table.';

CREATE FUNCTION pgtrickle._release(relid oid) RETURNS void
    AS 'MODULE_PATHNAME', 'capture_release' LANGUAGE C STRICT;
REVOKE ALL ON FUNCTION pgtrickle._release(oid) FROM PUBLIC;
COMMENT ON FUNCTION pgtrickle._release(oid) IS
'relid: a captured relation, which may be gone.  Removes its triggers and change log if no consumer reads it.';

CREATE FUNCTION pgtrickle._batch_query(relid regclass, columns int2[]) RETURNS text
    AS 'MODULE_PATHNAME', 'capture_batch_query' LANGUAGE C STRICT;
REVOKE ALL ON FUNCTION pgtrickle._batch_query(regclass, int2[]) FROM PUBLIC;
COMMENT ON FUNCTION pgtrickle._batch_query(regclass, int2[]) IS
'relid: a captured relation.  columns: attribute numbers.  Result: a query for the changes since a frontier, one row a change:
the columns as a<number>, then w, +1 for a row that came, -1 for one that went, 0 for a change of everything (rebuild).
Its parameters: $1 xid8 pg_snapshot_xmax(frontier), $2 xid8[] its pg_snapshot_xip, $3 xid8 seen_xid, $4 int4 seen_part.';

CREATE FUNCTION pgtrickle._drain() RETURNS void
    AS 'MODULE_PATHNAME', 'capture_drain' LANGUAGE C STRICT;
REVOKE ALL ON FUNCTION pgtrickle._drain() FROM PUBLIC;
COMMENT ON FUNCTION pgtrickle._drain() IS
'No arguments.  What the scheduler does now and then: truncates segments of change logs that all consumers have read, begins
new ones (pg_trickle.log_segment_size), gives up consumers that hold too much (pg_trickle.max_log_size).';
