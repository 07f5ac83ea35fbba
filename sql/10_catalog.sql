-- The catalog: who consumes which changes, up to where.

-- A consumer is anything that follows sources: a stream table, an arrangement
-- (engine state shared by stream tables) or a publication to a lake.  Its frontier is
-- the snapshot it is true for: a logged change belongs to its next batch when
-- the change is visible now and was not visible in the frontier.
CREATE TABLE pgtrickle.consumer (
    id        int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind      text NOT NULL CHECK (kind IN ('view', 'arrangement', 'publication')),
    frontier  pg_snapshot,    -- NULL: not populated; the next tick rebuilds
    seen_xid  xid8,           -- the transaction that made the frontier, whose own log rows ...
    seen_part int,            -- ... up to this part are consumed too
    ticked_at timestamptz,    -- now() of that transaction: the time the consumer is true for
    -- IMMEDIATE: every writer brings it along, so that it is always true and its frontier does not move.
    settled    bool NOT NULL DEFAULT false,
    settles_at xid8,          -- ... once all transactions before this one, which may not know of it yet, have ended
    set_up_by  xid8 DEFAULT pg_catalog.pg_current_xact_id(),  -- the transaction at whose commit others get to know of it
    -- AUTO: recomputed, its state no longer kept; of an arrangement: nobody wants it kept.
    lapsed     bool NOT NULL DEFAULT false
) WITH (fillfactor = 20, autovacuum_vacuum_threshold = 200);

-- Which consumer reads which source, and which of its columns.
CREATE TABLE pgtrickle.reads (
    consumer int NOT NULL REFERENCES pgtrickle.consumer ON DELETE CASCADE,
    source   oid NOT NULL,
    columns  int2[] NOT NULL,
    PRIMARY KEY (consumer, source)
);
CREATE INDEX ON pgtrickle.reads (source);

-- A captured relation.  Its change log is pgtrickle_state.log_<relid>_0 and _1;
-- writers append to the active one, the other is truncated once all have read it.
CREATE TABLE pgtrickle.source (
    relid   oid PRIMARY KEY,
    columns int2[] NOT NULL,      -- captured attribute numbers
    active  int2 NOT NULL DEFAULT 0 CHECK (active IN (0, 1))
);

CREATE TABLE pgtrickle.stream_table (
    id             int PRIMARY KEY REFERENCES pgtrickle.consumer,
    relid          oid NOT NULL UNIQUE,   -- the stream table
    definition     oid NOT NULL,          -- the view pgtrickle_state.q_<id>: the query, tracked by the server
    query          text NOT NULL,         -- as the user typed it
    schedule       text NOT NULL,         -- as the user typed it
    period         interval,
    cron           text,                  -- and no period: 'calculated'
    refresh_mode   text NOT NULL CHECK (refresh_mode IN ('AUTO', 'DIFFERENTIAL', 'FULL', 'IMMEDIATE')),
    effective_mode text NOT NULL CHECK (effective_mode IN ('DIFFERENTIAL', 'FULL')),
    mode_reason    text,                  -- why AUTO became FULL
    status         text NOT NULL DEFAULT 'ACTIVE'
                   CHECK (status IN ('INITIALIZING', 'ACTIVE', 'PAUSED', 'ERROR', 'SUSPENDED')),
    settings       text[] NOT NULL,       -- name, value, name, value … of settings that change answers
    generation     int NOT NULL DEFAULT 1,-- counts changes of the definition
    layout         text,                  -- what its state was made for; another one: a tick makes it anew
    target         text,                  -- the key its rows are found by; NULL: it has none yet
    wide           bool NOT NULL DEFAULT false,   -- it has met a value too long for an index row: state is found by hashes
    exclusive      text,                  -- IMMEDIATE: why its writers work one at a time; NULL: only at equal keys
    append_only    bool NOT NULL DEFAULT false
);

-- What changes often, kept apart so that it stays small.
CREATE TABLE pgtrickle.health (
    id                 int PRIMARY KEY REFERENCES pgtrickle.stream_table ON DELETE CASCADE,
    next_flip          timestamptz,       -- when a temporal filter next moves a row; NULL: none will
    consecutive_errors int NOT NULL DEFAULT 0,
    last_error         text,
    last_sqlstate      text,
    last_error_at      timestamptz,
    retry_at           timestamptz        -- backoff: not refreshed by the scheduler before this
) WITH (fillfactor = 20);

-- State that the engine keeps: one row a table of pgtrickle_state.
-- (Shared arrangements have a table of their own below.)
CREATE TABLE pgtrickle.state (
    relid    oid PRIMARY KEY,
    owner    int NOT NULL REFERENCES pgtrickle.consumer ON DELETE CASCADE,  -- a view, or a shared arrangement
    node     int NOT NULL,        -- operator number in explain_stream_table
    role     text NOT NULL,       -- 'groups', 'values', 'rows'
    filled   bool NOT NULL DEFAULT false
);

-- A shared arrangement: rows of a source findable by key.
CREATE TABLE pgtrickle.arrangement (
    id      int PRIMARY KEY REFERENCES pgtrickle.consumer ON DELETE CASCADE,
    relid   oid NOT NULL UNIQUE,  -- the table pgtrickle_state.a_<id>
    source  oid NOT NULL,
    key     int2[] NOT NULL,      -- attribute numbers it is found by
    layout  text NOT NULL,        -- what it was made for: whether it carries an identity, and the types of its columns
    carries int2[] NOT NULL       -- attribute numbers it stores beside the key (the source's row identity, or all that is needed)
);
CREATE TABLE pgtrickle.uses (
    view        int NOT NULL REFERENCES pgtrickle.stream_table ON DELETE CASCADE,
    arrangement int NOT NULL REFERENCES pgtrickle.arrangement ON DELETE CASCADE,
    PRIMARY KEY (view, arrangement)
);

-- What a materialized view or a foreign table had when it was last compared, and who reads a foreign table, under
-- which settings: see src/apply/copy.h.
CREATE TABLE pgtrickle.copy (
    relid         oid PRIMARY KEY,        -- the table pgtrickle_state.c_<n>
    source        oid NOT NULL,
    role          oid NOT NULL,           -- that it is read as
    is_foreign    bool NOT NULL,
    settings      text[] NOT NULL,        -- name, value … that a foreign table is read under
    columns       int2[] NOT NULL,        -- attribute numbers that are read
    state         text,                   -- of a materialized view: which refresh it was; NULL: columns are still missing
    compared_at   timestamptz,            -- now() of the transaction ...
    compared_by   xid8,                   -- ... that compared it, and how many refreshes it had done before
    compared_part int,
    UNIQUE (source, role, settings)
);
CREATE SEQUENCE pgtrickle.copy_number;
CREATE FUNCTION pgtrickle._foreign_period() RETURNS interval LANGUAGE sql IMMUTABLE RETURN interval '1 minute';
COMMENT ON FUNCTION pgtrickle._foreign_period() IS
'No arguments.  Result: how often a foreign table is compared with its copy where the schedules that read it are ''calculated''.';

CREATE TABLE pgtrickle.refresh_history (
    refresh_id   bigint GENERATED ALWAYS AS IDENTITY,
    id           int NOT NULL,             -- stream table
    started_at   timestamptz NOT NULL,
    milliseconds float8 NOT NULL,
    mode         text NOT NULL,            -- 'DIFFERENTIAL', 'FULL', 'REBUILD', 'INITIAL', 'ERROR'
    reason       text,
    rows_in      bigint NOT NULL DEFAULT 0,
    rows_out     bigint NOT NULL DEFAULT 0,
    plan         text,                     -- 'small', 'bulk'
    error        text
);
CREATE INDEX ON pgtrickle.refresh_history (id, refresh_id);

-- What large refreshes took, to choose between deltas and recomputing.
CREATE TABLE pgtrickle.cost (
    serial       bigint GENERATED ALWAYS AS IDENTITY,
    id           int NOT NULL REFERENCES pgtrickle.stream_table ON DELETE CASCADE,
    mode         text NOT NULL,            -- 'DIFFERENTIAL', 'FULL', 'REBUILD', 'INITIAL', 'TRIED': recomputing took longer than that
    at           timestamptz NOT NULL DEFAULT now(),
    rows_in      bigint NOT NULL,
    widest       bigint NOT NULL,          -- rows of the step that had most; when all was made anew, of the sources
    milliseconds float8 NOT NULL,
    recomputing  float8                    -- where state was filled: what recomputing would have taken, as far as plans tell
);
CREATE INDEX ON pgtrickle.cost (id, mode, serial);
