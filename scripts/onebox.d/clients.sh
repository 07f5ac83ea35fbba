# Ways into a running box.

print_connection() {
    say "
Connect with
  $(again psql)                      or  eval \"\$($(again env))\" && psql
  $(again duckdb)                    lakes and the database attached
  postgresql://$BOX_USER@127.0.0.1:$BOX_PORT/$BOX_DATABASE   (the password: $(again env))
Then CREATE EXTENSION pg_trickle; in any database. Lakes on local disk may be put below $ROOT/lake/.
$(again down) stops it."
}

# What `eval "$(./onebox env)"` needs to connect, and where things are for those who start programs of their own.
print_env() {
    print_export PGHOST 127.0.0.1
    print_export PGPORT "$BOX_PORT"
    print_export PGUSER "$BOX_USER"
    print_export PGPASSWORD "$BOX_PASSWORD"
    print_export PGDATABASE "$BOX_DATABASE"
    print_export ONEBOX_BOX "$ROOT"
    print_export ONEBOX_SOCKET "$(socket_directory)"
    print_export ONEBOX_LAKE "$ROOT/lake"
    print_export ONEBOX_PG_BIN "$(pg_config --bindir)"
    print_export ONEBOX_PYTHON "$PYTHON"
    print_export ONEBOX_DUCKDB "$DUCKDB"
    print_export ONEBOX_DUCKDB_EXTENSIONS "$DUCKDB_EXTENSIONS"
    if s3_is_up; then
        print_export ONEBOX_S3_ENDPOINT "127.0.0.1:$S3_PORT"
        print_export ONEBOX_S3_BUCKET "$S3_BUCKET"
        print_export AWS_ENDPOINT_URL "http://127.0.0.1:$S3_PORT"
        print_export AWS_ACCESS_KEY_ID "$S3_KEY"
        print_export AWS_SECRET_ACCESS_KEY "$S3_SECRET"
        print_export AWS_REGION us-east-1
    fi
    printf 'export PATH=%q:%q:"$PATH"\n' "$(pg_config --bindir)" "$(dirname "$DUCKDB")"
}

print_export() { printf 'export %s=%q\n' "$1" "$2"; }

# psql [SQL | psql's own options]
run_psql() {
    if [[ $# -eq 1 && $1 != -* ]]; then
        set -- --command="$1"
    fi
    connected "$(pg_bin psql)" "$@"
}

# duckdb [SQL | DuckDB's own options]
run_duckdb() {
    local settings=$ROOT/duckdb.sql
    (umask 077 && duckdb_settings >"$settings")
    if [[ $# -eq 1 && $1 != -* ]]; then
        set -- -c "$1"
    fi
    connected "$DUCKDB" -cmd ".read \"$settings\"" "$@"
}

# The connection itself comes from the environment (`connected`), so no password is written down here.
duckdb_settings() {
    echo "SET extension_directory = '${DUCKDB_EXTENSIONS//\'/\'\'}';"
    echo "SET autoinstall_known_extensions = false;"
    echo "LOAD postgres_scanner; LOAD ducklake; LOAD httpfs;"
    if s3_is_up; then
        echo "CREATE SECRET box (TYPE s3, PROVIDER config, KEY_ID '$S3_KEY', SECRET '$S3_SECRET', REGION 'us-east-1',
              ENDPOINT '127.0.0.1:$S3_PORT', URL_STYLE 'path', USE_SSL false);"
    fi
    echo "ATTACH '' AS pg (TYPE postgres);"
    attach_lakes
}

# The first lake is company_lake; any other is called as the schema that holds its catalog.
attach_lakes() {
    query "$(chosen_database)" "SELECT format('ATTACH %L AS %I (METADATA_SCHEMA %L);', 'ducklake:postgres:',
            CASE row_number() OVER (ORDER BY c.oid) WHEN 1 THEN 'company_lake' ELSE relnamespace::regnamespace::text END, nspname)
        FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE relname = 'ducklake_metadata' AND relkind = 'r'"
}
