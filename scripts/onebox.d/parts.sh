# The real parts, pinned by version and hash in parts/*.lock, unpacked under .onebox/parts and reused.

get_parts() {
    local lock=$REPO/parts
    python_is_ready || step "Python environment" make_python
    part_is_ready "$PARTS/arrow" "$lock/arrow.lock" || step "Arrow" unpack_part "$PARTS/arrow" "$lock/arrow.lock"
    part_is_ready "$PARTS/duckdb" "$lock/duckdb.lock" || step "DuckDB" unpack_part "$PARTS/duckdb" "$lock/duckdb.lock" arrange_duckdb
    [[ -n ${ONEBOX_PG_CONFIG:-} ]] && return
    part_is_ready "$PARTS/pg" "$lock/pg.lock" || step "PostgreSQL" unpack_part "$PARTS/pg" "$lock/pg.lock"
}

# A part is ready when the lock it was made from is the lock there is now.
part_is_ready() { cmp -s "$1/.lock" "$2"; }

# unpack_part DIRECTORY LOCK [ARRANGE]: made beside its place and moved there last, so half a part is never used.
unpack_part() {
    local directory=$1 lock=$2 arrange=${3:-true} fresh=$1.fresh
    rm -rf "$fresh"
    mkdir -p "$fresh"
    "$PYTHON" -m pip install --no-compile --no-deps --only-binary=:all: --require-hashes --target "$fresh" -r "$lock"
    "$arrange" "$fresh"
    cp "$lock" "$fresh/.lock"
    rm -rf "$directory"
    mv "$fresh" "$directory"
}

# DuckDB loads extensions from <extension_directory>/<version>/<platform>/, without asking the network.
arrange_duckdb() {
    local parts=$1 platform version extension
    ln -s duckdb_cli/duckdb "$parts/duckdb"
    platform=$("$parts/duckdb" -noheader -list -c 'PRAGMA platform')
    for extension in "$parts"/duckdb_extension_*/extensions/*/*.duckdb_extension; do
        version=$(basename "$(dirname "$extension")")
        mkdir -p "$parts/extensions/$version/$platform"
        ln -sr "$extension" "$parts/extensions/$version/$platform/"
    done
}

python_is_ready() { cmp -s "$VENV/.lock" "$REPO/parts/python.lock" && "$PYTHON" -c '' 2>/dev/null; }

make_python() {
    rm -rf "$VENV"
    python3 -m venv "$VENV"
    "$PYTHON" -m pip install --only-binary=:all: --require-hashes -r "$REPO/parts/python.lock"
    cp "$REPO/parts/python.lock" "$VENV/.lock"
}
