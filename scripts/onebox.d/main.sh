# The commands.

usage() {
    cat <<-'END'
		./onebox COMMAND [--root DIR]

		  demo [--seconds N] [--rows N] [--s3]   all of it, from nothing to a lake query; exit 0 only if every check held;
		       [--engines]                       with Spark, Trino and pyiceberg too
		  test [--fast|--engines|--all|NAME]     the tests; closes with 'N passed, N failed';
		       [--accept]                        --engines are those with Spark, Trino and S3 too
		  test --sanitize [NAME]                 those without e2e/, or these, under the sanitizers
		  bench [NAME] [--json]                  figures as ratios, side by side

		  up [--s3] [--port N]                   a box that stays up; says how to connect
		  status                                 what runs, where, how big
		  psql [SQL]                             a shell, or one statement
		  duckdb [SQL]                           the same, with the lake as company_lake and the database as pg
		  env                                    eval "$(./onebox env)" lets any program connect
		  down                                   stops it; what it holds stays
		  clean                                  removes .onebox, or only DIR

		  build                                  parts and extension, installed into the server
		  parts [--engines]                      PostgreSQL, Arrow, DuckDB (and Spark, Trino, MinIO): pinned and reused

		--root DIR (or ONEBOX_ROOT) puts the box in DIR, so that several run side by side.
		ONEBOX_PG_CONFIG names the pg_config of your own PostgreSQL 18.
	END
}

main() {
    local arguments=() command
    umask 022
    while (($# > 0)); do
        case $1 in
            --root)
                [[ -n ${2:-} ]] || die "--root needs a directory"
                ROOT=$2
                shift
                ;;
            --root=*)
                ROOT=${1#--root=}
                [[ -n $ROOT ]] || die "--root needs a directory"
                ;;
            *) arguments+=("$1") ;;
        esac
        shift
    done
    command=${arguments[0]:-help}
    set -- "${arguments[@]:1}"
    case $command in
        help | -h | --help) usage ;;
        demo | test | bench | up | down | status | psql | duckdb | env | clean | build | parts)
            need_no_arguments "$command" "$@"
            need_server_user
            # A box that is there is run by the server it was made with.
            case $command in down | status | psql | duckdb | env | clean) ONEBOX_PG_CONFIG='' ;; esac
            find_home
            "command_$command" "$@"
            ;;
        *)
            usage >&2
            die "there is no command '$command'"
            ;;
    esac
}

# What such an argument might have meant is not guessed: `clean DIR` would remove another directory than DIR.
need_no_arguments() {
    [[ $* != "build --sanitize" && $* != "parts --engines" ]] || return 0
    case $1 in
        down | status | env | clean | build | parts) (($# == 1)) || die "$1 takes no argument, and '$2' is one" "./onebox $1 [--root DIR]" ;;
    esac
}

# Whoever runs below another onebox finds everything built.
prepare() {
    local lock
    if [[ -n ${ONEBOX_BUILT:-} ]]; then
        return
    fi
    need_tools
    need_own_server
    # Two that unpack or build in the same place would spoil each other's work.
    exec {lock}>"$HOME_DIR/lock"
    flock --nonblock "$lock" || { say "Another onebox is building here; waiting for it" && flock "$lock"; }
    get_parts
    build
    [[ -z ${SANITIZE:-} ]] || build_sanitized
    exec {lock}>&-
}

need_own_server() {
    local file version
    [[ -n ${ONEBOX_PG_CONFIG:-} ]] || return 0
    [[ -f $ONEBOX_PG_CONFIG && -x $ONEBOX_PG_CONFIG ]] || die "ONEBOX_PG_CONFIG names $ONEBOX_PG_CONFIG, which cannot be run" "name the pg_config of a PostgreSQL 18"
    version=$(pg_config --version 2>&1 | head -1) || true
    [[ $version == "PostgreSQL 18"* ]] || die "ONEBOX_PG_CONFIG names $ONEBOX_PG_CONFIG, which is of '$version'" "name the pg_config of a PostgreSQL 18"
    for file in "$(pg_bin postgres)" "$(pg_bin initdb)"; do
        as_server test -x "$file" || die "user $SERVER_USER cannot run $file" "let that user reach it, or leave ONEBOX_PG_CONFIG out"
    done
}

command_parts() {
    need_tools && get_parts
    [[ " $* " != *" --engines "* ]] || { get_engines && get_minio; }
}

command_build() {
    [[ " $* " != *" --sanitize "* ]] || SANITIZE=yes
    prepare
}

command_up() {
    read_up_options "$@"
    prepare
    up
    print_connection
}

command_down() { stop_box; }

command_status() { status; }

command_env() { need_running_box && print_env; }

command_psql() { need_running_box && run_psql "$@"; }

command_duckdb() { need_running_box && run_duckdb "$@"; }

# Without a root of its own to remove, everything goes: parts, builds and every box in .onebox.
command_clean() {
    local scratch
    [[ ! -e $ROOT || -f $ROOT/box.env ]] || die "$ROOT is not a box" "remove it yourself if it is to go"
    remove_box
    [[ $ROOT == "$HOME_DIR/box" ]] || return 0
    for scratch in "$HOME_DIR"/scratch/*; do
        [[ ! -d $scratch ]] || remove_scratch "$scratch"
    done
    rm -rf "$HOME_DIR" "$REPO/.onebox"
}

command_demo() {
    local s3=()
    [[ " $* " != *" --s3 "* ]] || s3=(--s3)
    prepare
    look_at_options "$REPO/demo/run.py" "$@"
    [[ " $* " != *" --engines "* ]] || get_engines
    make_scratch demo
    in_scratch_box "${s3[@]}" -- "$PYTHON" "$REPO/demo/run.py" "$@"
    say "
This box goes now. ./onebox up starts one that stays; docs/tutorial.md does all of this by hand."
}

command_bench() {
    prepare
    look_at_options "$REPO/bench/run.py" "$@"
    make_scratch bench
    in_scratch_box -- "$PYTHON" "$REPO/bench/run.py" "$@"
}

# look_at_options PROGRAM OPTION...: wrong ones are told, and --help answered, before a box is made for them.
look_at_options() {
    local said
    said=$("$PYTHON" "$@" --check) || exit
    [[ -z $said ]] || { printf '%s\n' "$said" && exit; }
}

# The tests start the boxes they need.
command_test() {
    prepare
    [[ " $* " != *" --all "* && " $* " != *" --engines "* ]] || { get_engines && get_minio; }
    make_scratch test
    guarded "$PYTHON" "$REPO/test/run.py" "$@"
}
