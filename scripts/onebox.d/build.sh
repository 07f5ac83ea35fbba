# From source to an extension that the server can load.

build() {
    local title=Building
    [[ -d $(build_dir) ]] || title="Building (some minutes, once)"
    step "$title" compile "$(build_dir)"
    if ! is_installed; then
        need_writable_server
        step "Installing into $(pg_config --version)" cmake --install "$(build_dir)"
    fi
}

# compile DIRECTORY [CMAKE-OPTIONS]
compile() {
    local built=$1 cache=$1/CMakeCache.txt
    shift
    # A tree that was moved or copied cannot be built in; it is made anew.
    if [[ -f $cache ]] && ! grep -q "^CMAKE_HOME_DIRECTORY:INTERNAL=$REPO\$" "$cache"; then
        rm -rf "$built"
    fi
    cmake -S "$REPO" -B "$built" -G Ninja -DPG_CONFIG="$(server_pg_config)" -DONEBOX_ARROW="$PARTS/arrow/pyarrow" "$@"
    cmake --build "$built"
}

is_installed() {
    local built
    built=$(build_dir)
    same_file "$built/pg_trickle.so" "$(pg_config --pkglibdir)/pg_trickle.so" &&
        same_file "$built/pg_trickle_lake.so" "$(pg_config --pkglibdir)/pg_trickle_lake.so" &&
        same_file "$built"/pg_trickle--*.sql "$(pg_config --sharedir)/extension" &&
        same_file "$REPO/pg_trickle.control" "$(pg_config --sharedir)/extension" &&
        same_file "$built/lake/trickle-lake" "$(pg_config --bindir)"
}

# same_file FILE FILE-OR-DIRECTORY
same_file() {
    local other=$2
    [[ ! -d $other ]] || other=$other/$(basename "$1")
    cmp -s "$1" "$other"
}

need_writable_server() {
    local directory
    for directory in "$(pg_config --pkglibdir)" "$(pg_config --sharedir)/extension" "$(pg_config --bindir)"; do
        [[ -w $directory ]] || die "$(id -un) may not install into $directory" "sudo cmake --install $(build_dir), then the same command again"
    done
}
