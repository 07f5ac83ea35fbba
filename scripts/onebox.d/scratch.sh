# Boxes that live as long as one command: demo, test, bench. Whatever ends the command, its boxes end with it.

# What to undo when the command ends, each a function without arguments; who finishes what it began takes its own entries off.
UNDO=()

undo() {
    local index
    trap '' INT TERM HUP
    for ((index = ${#UNDO[@]} - 1; index >= 0; index--)); do
        ("${UNDO[index]}") || true
    done
}

trap undo EXIT
trap 'exit 130' INT TERM HUP

# A directory for boxes, below which everything is removed at the end.
make_scratch() {
    local scratch=$HOME_DIR/scratch
    mkdir -p "$scratch"
    remove_orphans "$scratch"
    SCRATCH=$(mktemp -d "$scratch/$1.XXXXXX")
    chmod 755 "$SCRATCH"
    echo $$ >"$SCRATCH/owner"
    UNDO+=(remove_own_scratch)
    ROOT=$SCRATCH/box
    export ONEBOX_SCRATCH=$SCRATCH ONEBOX_BUILD ONEBOX_BUILT=yes ONEBOX_PG_CONFIG
    ONEBOX_BUILD=$(build_dir)
}

remove_own_scratch() { remove_scratch "$SCRATCH"; }

# Boxes are wherever those who started them wanted them.
remove_scratch() {
    local version
    while IFS= read -r -d '' version; do
        (ROOT=${version%/data/PG_VERSION} && remove_box </dev/null)
    done < <(find "$1" -path '*/data/PG_VERSION' -print0)
    rm -rf "$1"
}

# What a command left that was itself killed without a chance to clean up.
remove_orphans() {
    local owner
    for owner in "$1"/*/owner; do
        if [[ -f $owner ]] && ! kill -0 "$(<"$owner")" 2>/dev/null; then
            remove_scratch "$(dirname "$owner")"
        fi
    done
}

# Runs a command in a process group of its own, so that an interrupt reaches all of it and none of it survives.
guarded() {
    local group status=0
    set -m
    "$@" </dev/null &
    group=$!
    set +m
    trap 'kill -INT -- "-$group" 2>/dev/null' INT
    # What was started in the background may be deaf to interrupts.
    trap 'kill -TERM -- "-$group" 2>/dev/null' TERM HUP
    # An interrupt ends `wait` before the command has ended.
    while kill -0 "$group" 2>/dev/null; do
        status=0
        wait "$group" || status=$?
    done
    trap 'exit 130' INT TERM HUP
    kill -KILL -- "-$group" 2>/dev/null || true
    return "$status"
}

# in_scratch_box UP-OPTIONS -- COMMAND...: with the box's environment.
in_scratch_box() {
    local options=()
    while [[ $1 != -- ]]; do
        options+=("$1")
        shift
    done
    shift
    read_up_options "${options[@]}"
    up
    eval "$(print_env)"
    guarded "$@"
}
