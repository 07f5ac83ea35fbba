# PostgreSQL refuses to run as root. Root's box is run by an unprivileged user; anyone else's by themselves.

if ((EUID == 0)); then SERVER_USER=onebox; else SERVER_USER=$(id -un); fi

need_server_user() {
    if ((EUID != 0)) || id "$SERVER_USER" &>/dev/null; then
        return
    fi
    useradd --system --user-group --no-create-home --home-dir / --shell /usr/sbin/nologin "$SERVER_USER"
    say "Created the system user $SERVER_USER, who runs the server in root's place"
}

# Runs a command as the user that runs the server, in a directory that user can be in.
as_server() (
    cd /
    if ((EUID == 0)); then
        exec setpriv --reuid="$SERVER_USER" --regid="$SERVER_USER" --clear-groups "$@"
    else
        exec "$@"
    fi
)

# server_directory DIRECTORY MODE
server_directory() {
    if ((EUID == 0)); then
        install -d -o "$SERVER_USER" -g "$SERVER_USER" -m "$2" "$1"
    else
        install -d -m "$2" "$1"
    fi
}
