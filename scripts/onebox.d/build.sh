# From source to an extension that the server can load.

build() {
    mkdir -p "$HOME_DIR"
    # Two builds of one tree at a time would spoil each other.
    exec {build_lock}>"$HOME_DIR/build.lock"
    flock "$build_lock"
    step "Building" compile
    step "Installing into the server" cmake --install "$(build_dir)"
    exec {build_lock}>&-
}

compile() {
    cmake -S "$REPO" -B "$(build_dir)" -G Ninja -DPG_CONFIG="$(server_pg_config)" -DONEBOX_ARROW="$PARTS/arrow/pyarrow"
    cmake --build "$(build_dir)"
}
