# An S3 server for lakes: MinIO, built from its pinned source the first time it is asked for.

S3_BUCKET=company-data-lake

start_s3() {
    get_minio
    if s3_is_up; then
        return
    fi
    [[ -n ${S3_KEY:-} ]] || S3_KEY=$(random_word) S3_SECRET=$(random_word)
    [[ -n ${S3_PORT:-} ]] && port_is_free "$S3_PORT" || S3_PORT=$(free_port)
    save_box
    server_directory "$ROOT/s3" 700
    UNDO+=(stop_s3)
    step "Starting S3 on port $S3_PORT" run_s3
}

get_minio() {
    cmp -s "$PARTS/minio/.lock" "$REPO/parts/minio/go.sum" && return
    have go || PATH=$PATH:/usr/local/go/bin  # where Go's own archive puts it
    have go || die "building the S3 server takes Go 1.25 or newer" "put Go on PATH; without --s3 nothing needs it"
    need_space 4000 "$HOME_DIR"
    step "Building MinIO (some minutes, once)" build_minio
}

build_minio() {
    mkdir -p "$PARTS/minio"
    cd "$REPO/parts/minio"
    CGO_ENABLED=0 go build -mod=readonly -trimpath -ldflags='-s -w' -o "$MINIO" github.com/minio/minio
    cp go.sum "$PARTS/minio/.lock"
}

run_s3() {
    # The shell leaves its own process number and becomes the server.
    MINIO_ROOT_USER=$S3_KEY MINIO_ROOT_PASSWORD=$S3_SECRET MINIO_BROWSER=off MINIO_UPDATE=off as_server \
        setsid sh -c 'echo $$ >"$0"; exec "$@"' "$ROOT/run/minio.pid" \
        "$MINIO" server --quiet --address "127.0.0.1:$S3_PORT" "$ROOT/s3" &>"$ROOT/log/s3.log" &
    "$PYTHON" "$REPO/scripts/make_bucket.py" "127.0.0.1:$S3_PORT" "$S3_KEY" "$S3_SECRET" "$S3_BUCKET" || {
        tail -n 20 "$ROOT/log/s3.log"
        return 1
    }
}

# A process number alone may by now be someone else's.
s3_is_up() {
    S3_PROCESS=$(cat "$ROOT/run/minio.pid" 2>/dev/null) && grep -qsF "$ROOT/s3" "/proc/$S3_PROCESS/cmdline"
}

stop_s3() {
    s3_is_up || return 0
    step "Stopping S3" halt_s3
}

halt_s3() {
    kill "$S3_PROCESS"
    timeout 20 tail --pid="$S3_PROCESS" -f /dev/null || kill -KILL "$S3_PROCESS"
}
