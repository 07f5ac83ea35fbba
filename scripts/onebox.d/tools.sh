# What must be on the machine, and the Debian packages that bring it.

need_tools() {
    local packages=()
    have c++ || packages+=(g++)
    have cmake || packages+=(cmake)
    have ninja || packages+=(ninja-build)
    has_gtest || packages+=(libgtest-dev)
    python_is_ready || has_python || packages+=(python3 python3-venv)
    if ((${#packages[@]} == 0)); then
        return
    fi
    if ((EUID != 0)) || ! have apt-get; then
        die "missing: ${packages[*]}" "sudo apt-get update && sudo apt-get install --yes ${packages[*]}"
    fi
    step "Installing ${packages[*]}" apt_install "${packages[@]}"
    has_python || die "python3 is $(python3 --version 2>&1), but 3.11 or newer is needed" "use Debian 12 or newer"
}

have() { command -v "$1" >/dev/null; }

has_gtest() { [[ -f /usr/include/gtest/gtest.h ]] || c++ -E -x c++ - <<<'#include <gtest/gtest.h>' &>/dev/null; }

has_python() { python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

apt_install() {
    export DEBIAN_FRONTEND=noninteractive
    apt-get update
    apt-get install --yes --no-install-recommends "$@"
}

# need_space MEGABYTES DIRECTORY: said before the work starts, because a full disk fails in a hundred other ways.
need_space() {
    local free
    free=$(($(df --output=avail --block-size=1M "$2" | tail -1)))
    ((free >= $1)) || die "only $free MB are free in $2, and $1 MB are needed" "free some space, or put the box elsewhere with --root DIR"
}
