# One box: a PostgreSQL cluster, a directory for lakes and, when asked for, an S3 server, all under ROOT.
#
#   box.env   ports and generated passwords; only for whoever started the box
#   data/     the cluster           lake/   where lakes may be put on local disk
#   run/      its Unix socket       s3/     the S3 server's buckets
#   log/      postgres.log, s3.log, and what each step said
#
# The server listens on loopback, with a password. Its Unix socket is for programs that run as the server's own user,
# as the workers' `trickle-lake` does: they are let in as who they are.

BOX_USER=onebox
BOX_DATABASE=onebox

# read_up_options [--s3] [--port N]: into UP_S3 and UP_PORT, before anything is done.
read_up_options() {
    UP_S3='' UP_PORT=''
    while (($# > 0)); do
        case $1 in
            --s3) UP_S3=yes ;;
            --port)
                [[ ${2:-} =~ ^[1-9][0-9]{0,4}$ ]] && (($2 < 65536)) || die "--port needs a number from 1 to 65535"
                UP_PORT=$2
                shift
                ;;
            *) die "up: unknown option '$1'" "./onebox up [--s3] [--port N]" ;;
        esac
        shift
    done
}

# up: as the options that were read.
up() {
    local undo_before=("${UNDO[@]}")
    need_box
    [[ -z $UP_S3 ]] || start_s3
    [[ -z $UP_PORT || $UP_PORT == "${BOX_PORT:-}" ]] || need_free_port "$UP_PORT"
    stop_if_outdated "$UP_PORT"
    server_is_up || start_server "$UP_PORT"
    [[ $(query postgres "SELECT count(*) FROM pg_database WHERE datname = '$BOX_DATABASE'") == 1 ]] ||
        query postgres "CREATE DATABASE $BOX_DATABASE"
    UNDO=("${undo_before[@]}")
}

need_box() {
    [[ -f $ROOT/box.env ]] || claim_root
    read_box
    [[ ${BOX_PG_CONFIG:-} == "${ONEBOX_PG_CONFIG:-}" ]] || die "the box in $ROOT belongs to the server of ${BOX_PG_CONFIG:-onebox itself}" \
        "use that, or another directory with --root DIR"
    LOGS=$ROOT/log
    [[ -f $ROOT/data/PG_VERSION ]] || step "Creating a cluster" create_cluster
}

# A box only ever takes a directory of its own: `clean` removes it.
claim_root() {
    [[ $ROOT != *[\"\$\`\\$'\n']* ]] || die "$ROOT has a character that pg_ctl cannot pass on: \" \$ \` \\ or a line's end" "name another directory with --root DIR"
    [[ ! -e $ROOT || -z $(ls -A "$ROOT") ]] || die "$ROOT is neither a box nor empty" "name a directory for the box with --root DIR"
    mkdir -p "$ROOT" || die "cannot create $ROOT" "name another directory with --root DIR"
    if ! as_server test -x "$ROOT"; then
        rmdir "$ROOT"
        die "user $SERVER_USER, who runs the server, cannot reach $ROOT" "name another directory with --root DIR"
    fi
    need_space 500 "$ROOT"
    # Another box may have been read before, for the server it was made with.
    BOX_PASSWORD=$(random_word) BOX_PORT='' S3_PORT='' S3_KEY='' S3_SECRET=''
    BOX_PG_CONFIG=${ONEBOX_PG_CONFIG:-}
    save_box
}

# Made beside its place and moved there last, so that half a cluster is never used.
create_cluster() {
    local fresh=$ROOT/data.fresh password_file=$ROOT/run/password
    rm -rf "$fresh" "$ROOT/data"
    server_directory "$fresh" 700
    server_directory "$ROOT/run" 700
    server_directory "$ROOT/lake" 755
    as_server sh -c 'umask 077 && cat >"$0"' "$password_file" <<<"$BOX_PASSWORD"
    as_server "$(pg_bin initdb)" --pgdata="$fresh" --username="$BOX_USER" --pwfile="$password_file" --encoding=UTF8 --locale=C.UTF-8
    as_server rm "$password_file"
    as_server tee "$fresh/pg_hba.conf" >/dev/null <<-END
		local  all          all                peer map=box
		host   all          all  127.0.0.1/32  scram-sha-256
		local  replication  all                peer map=box
		host   replication  all  127.0.0.1/32  scram-sha-256
	END
    as_server tee "$fresh/pg_ident.conf" >/dev/null <<<"box  $SERVER_USER  all"
    as_server tee -a "$fresh/postgresql.conf" >/dev/null <<<"include 'onebox.conf'"
    mv "$fresh" "$ROOT/data"
}

# Written at each start; settings of one's own go into postgresql.conf below the include, or through ALTER SYSTEM.
server_settings() {
    cat <<-END
		listen_addresses = '127.0.0.1'
		port = $BOX_PORT
		unix_socket_directories = '$(socket_directory)'
		shared_preload_libraries = 'pg_trickle'
		password_encryption = 'scram-sha-256'
		shared_buffers = '512MB'
		max_wal_size = '4GB'
		wal_level = 'logical'
		max_connections = 200
		max_worker_processes = 16
		max_prepared_transactions = 16
		log_line_prefix = '%m [%p] %q%a@%d '
	END
    [[ -z ${ONEBOX_SANITIZED:-} ]] || sanitized_settings
}

# The system allows a socket's path some hundred bytes, and the server's settings want it plain.
socket_directory() { if ((${#ROOT} < 80)) && [[ $ROOT != *[^A-Za-z0-9/._\ -]* ]]; then echo "$ROOT/run"; else echo "/tmp/onebox-$(short_hash "$ROOT")"; fi; }

# start_server [PORT]: that port, else the one it had, else a free one.
start_server() {
    if [[ -n $1 ]]; then
        need_free_port "$1"
        BOX_PORT=$1
    elif [[ -z ${BOX_PORT:-} ]] || ! port_is_free "$BOX_PORT"; then
        BOX_PORT=$(free_port)
    fi
    save_box
    server_directory "$(socket_directory)" 700
    server_settings | as_server tee "$ROOT/data/onebox.conf" >/dev/null
    server_log
    UNDO+=(stop_server)
    step "Starting PostgreSQL on port $BOX_PORT" run_server
}

run_server() {
    local sanitizers=() said
    said=$(stat --format=%s "$ROOT/log/postgres.log")
    forget_killed_server
    [[ -z ${ONEBOX_SANITIZED:-} ]] || sanitizers=(env LD_PRELOAD="$(sanitizer_preload)")
    as_server "${sanitizers[@]}" "$(pg_bin pg_ctl)" start --pgdata="$ROOT/data" --log="$ROOT/log/postgres.log" --wait --timeout=120 --silent || {
        tail -c "+$((said + 1))" "$ROOT/log/postgres.log" | tail -n 20
        return 1
    }
}

# The log is written by the server's user and read by whoever started the box.
server_log() {
    touch "$ROOT/log/postgres.log"
    ((EUID != 0)) || chown "$SERVER_USER:" "$ROOT/log/postgres.log"
}

server_process() { head -1 "$ROOT/data/postmaster.pid" 2>/dev/null; }

# The server works in its data directory; any other process of that number is not it.
server_is_up() {
    local process
    process=$(server_process) && [[ $(readlink "/proc/$process/cwd") == "$ROOT/data" ]]
}

# A killed server leaves its number behind, and while a process bears that number no server starts. That process may be
# the dead one itself, which in a container nobody has to reap.
forget_killed_server() {
    local process tries
    process=$(server_process) || return 0
    for ((tries = 0; tries < 50; tries++)); do
        kill -0 "$process" 2>/dev/null || return 0
        sleep 0.1
    done
    rm "$ROOT/data/postmaster.pid"
}

# A library is loaded when the server starts: one that was built since takes a restart.
stop_if_outdated() {
    local port=$1
    server_is_up || return 0
    if [[ $(pg_config --pkglibdir)/pg_trickle.so -nt $ROOT/data/postmaster.pid || ${port:-$BOX_PORT} != "$BOX_PORT" ]]; then
        stop_server
    fi
}

stop_server() {
    server_is_up || return 0
    step "Stopping PostgreSQL" halt_server
}

# Whoever does not leave within a minute is not waited for.
halt_server() {
    local halt=("$(pg_bin pg_ctl)" stop --pgdata="$ROOT/data" --silent --timeout=60)
    as_server "${halt[@]}" --mode=fast || as_server "${halt[@]}" --mode=immediate
}

stop_box() {
    read_box
    stop_server
    stop_s3
}

remove_box() {
    [[ ! -d $ROOT/data ]] || stop_box
    [[ $(socket_directory) == "$ROOT/run" ]] || rm -rf "$(socket_directory)"
    rm -rf "$ROOT"
}

read_box() {
    # shellcheck source=/dev/null
    [[ ! -f $ROOT/box.env ]] || source "$ROOT/box.env"
}

save_box() (
    umask 077
    for name in BOX_PASSWORD BOX_PORT BOX_PG_CONFIG S3_PORT S3_KEY S3_SECRET; do
        printf '%s=%q\n' "$name" "${!name:-}"
    done >"$ROOT/box.env.fresh"
    mv "$ROOT/box.env.fresh" "$ROOT/box.env"
)

need_running_box() {
    read_box
    server_is_up || die "no box is running in $ROOT" "$(again up)"
}

# query DATABASE SQL
query() { connected "$(pg_bin psql)" --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 --dbname="$1" --command="$2" </dev/null; }

# Runs a command with the environment that libpq connects by.
connected() {
    local database
    database=$(chosen_database)
    PGHOST=127.0.0.1 PGPORT=$BOX_PORT PGUSER=$BOX_USER PGPASSWORD=$BOX_PASSWORD PGDATABASE=$database "$@"
}

# What PGDATABASE says counts where the environment is this box's.
chosen_database() { if [[ ${PGPORT:-} == "$BOX_PORT" ]]; then echo "${PGDATABASE:-$BOX_DATABASE}"; else echo "$BOX_DATABASE"; fi; }

random_word() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }

free_port() { "$PYTHON" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

need_free_port() { port_is_free "$1" || die "port $1 is in use or not allowed" "name another, or leave --port out for a free one"; }

# As the server will ask for it: root may have ports that others may not.
port_is_free() { as_server "$PYTHON" -c 'import socket, sys; s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("127.0.0.1", int(sys.argv[1])))' "$1" 2>/dev/null; }

status() {
    read_box
    echo "Box in $ROOT"
    if [[ ! -d $ROOT/data ]]; then
        echo "  not created yet: $(again up)"
        return
    fi
    report PostgreSQL "$(server_is_up && echo "$(pg_config --version) on 127.0.0.1:$BOX_PORT, process $(server_process)" || echo stopped)"
    [[ -z ${S3_PORT:-} ]] || report S3 "$(s3_is_up && echo "MinIO on 127.0.0.1:$S3_PORT, process $S3_PROCESS" || echo stopped)"
    report Data "$(size_of data)"
    report Lakes "$(size_of lake)"
    [[ -z ${S3_PORT:-} ]] || report Buckets "$(size_of s3)"
    report Log "$ROOT/log/postgres.log"
    ! server_is_up || report_databases_and_workers
}

report() { printf '  %-12s%s\n' "$1" "$2"; }

size_of() { echo "$ROOT/$1, $(du -sh "$ROOT/$1" 2>/dev/null | cut -f1)"; }

report_databases_and_workers() {
    query postgres "
        SELECT format('  %-12s%s, %s', 'Database', datname, pg_size_pretty(pg_database_size(oid)))
        FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres' ORDER BY datname;
        SELECT format('  %-12s%s, process %s', 'Worker', concat_ws(' of ', name, datname), pid)
        FROM pg_stat_activity, LATERAL (SELECT CASE WHEN application_name LIKE 'trickle-lake%' THEN application_name ELSE backend_type END) AS its(name)
        WHERE name LIKE 'pg_trickle%' OR name LIKE 'trickle-lake%' ORDER BY datname NULLS FIRST, name"
}
