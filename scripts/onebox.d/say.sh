# What the user sees. Everything said goes to stderr, so that stdout stays the answer (`env`, `psql`, `duckdb`).

say() { printf '%s\n' "$*" >&2; }

# die MESSAGE [NEXT STEP]
die() {
    printf 'onebox: %s\n' "$1" >&2
    [[ $# -lt 2 ]] || printf '        %s\n' "$2" >&2
    exit 1
}

# step TITLE COMMAND...: runs the command with its output in a log, says how long it took, shows the log's end if it fails.
step() {
    local title=$1 log status=0 start=$EPOCHREALTIME
    shift
    mkdir -p "$LOGS"
    log=$LOGS/$(tr -cs 'a-zA-Z0-9\n' '-' <<<"$title").log
    printf '  %-48s' "$title" >&2
    # A subshell outside any condition: `set -e` keeps its meaning inside the command.
    set +e
    (set -e && "$@") >"$log" 2>&1 </dev/null
    status=$?
    set -e
    if ((status == 0)); then
        printf '%7.1f s\n' "$(elapsed "$start")" >&2
        return
    fi
    printf ' FAILED\n' >&2
    tail -n 40 "$log" | sed 's/^/    | /' >&2
    need_space 50 "$LOGS"
    die "'$title' failed; all it said is in $log" "run the same command again once the cause is gone: what is done stays done"
}

elapsed() { awk -v from="$1" -v to="$EPOCHREALTIME" 'BEGIN { print to - from }'; }
