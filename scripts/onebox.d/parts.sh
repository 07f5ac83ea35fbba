# The real parts, pinned by version and hash in parts/, unpacked under .onebox/parts and reused.

export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore

get_parts() {
    python_is_ready || step "Python environment" make_python
    get_part arrow "Arrow with Parquet and S3"
    get_part duckdb "DuckDB with its extensions" arrange_duckdb
    if [[ -z ${ONEBOX_PG_CONFIG:-} ]]; then
        get_part pg "PostgreSQL 18"
    fi
}

# get_part NAME TITLE [ARRANGE]: a part is ready when the lock it was made from is the lock there is now.
get_part() {
    local name=$1 title=$2 arrange=${3:-true}
    cmp -s "$PARTS/$name/.lock" "$REPO/parts/$name.lock" && return
    need_space 2000 "$HOME_DIR"
    step "$title" unpack_part "$name" "$arrange"
}

# Made beside its place and moved there last, so that half a part is never used.
unpack_part() {
    local part=$PARTS/$1 lock=$REPO/parts/$1.lock arrange=$2 fresh=$PARTS/$1.fresh
    rm -rf "$fresh"
    mkdir -p "$fresh"
    "$PYTHON" -m pip install --no-compile --no-deps --only-binary=:all: --require-hashes --target "$fresh" -r "$lock"
    "$arrange" "$fresh"
    cp "$lock" "$fresh/.lock"
    rm -rf "$part"
    mv "$fresh" "$part"
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

# An environment that works is brought up to date where it is: someone may be using it.
make_python() {
    "$PYTHON" -c '' 2>/dev/null || python3 -m venv --clear "$VENV"
    "$PYTHON" -m pip install --only-binary=:all: --require-hashes -r "$REPO/parts/python.lock"
    cp "$REPO/parts/python.lock" "$VENV/.lock"
}
