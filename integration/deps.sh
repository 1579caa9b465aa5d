#!/bin/sh
# Installs the system packages that building and testing need, where they are missing. Says what it does; does nothing when all is there.
#
#   deps.sh [PACKAGE…]      more packages than the usual ones
set -eu

# libsqlite3, libseccomp and libcap are linked; the rest is what the tests are made of.
wanted="libsqlite3-dev libseccomp-dev libcap-dev pkg-config python3 bubblewrap util-linux bsdutils binutils strace $*"

have() {
    dpkg-query -W -f='${Status}' "$1" 2> /dev/null | grep -q '^install ok installed$'
}

missing_packages() {
    missing=
    for package in $wanted; do
        have "$package" || missing="$missing $package"
    done
}

if ! command -v dpkg-query > /dev/null; then
    missing=
    for library in sqlite3 libseccomp libcap; do
        pkg-config --exists "$library" 2> /dev/null || missing="$missing $library"
    done
    for program in python3 bwrap unshare script ldd strace; do
        command -v "$program" > /dev/null || missing="$missing $program"
    done
    [ -z "$missing" ] && exit 0
    echo "deps: this is not a Debian or Ubuntu machine; please install:$missing" >&2
    exit 1
fi

missing_packages
[ -z "$missing" ] && exit 0

if ! command -v apt-get > /dev/null; then
    echo "deps: missing packages, and there is no apt-get to install them:$missing" >&2
    exit 1
fi
as_root=
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo > /dev/null; then
        echo "deps: missing packages, and neither root nor sudo to install them:$missing" >&2
        exit 1
    fi
    as_root=sudo
fi

echo "deps: installing$missing"
export DEBIAN_FRONTEND=noninteractive
# The package lists may be missing or old; they are fetched only when the first try fails.
# shellcheck disable=SC2086 # a list of words on purpose
if ! $as_root apt-get install -y -q --no-install-recommends $missing > /dev/null 2>&1; then
    echo "deps: fetching the package lists"
    if ! $as_root apt-get update -q || ! $as_root apt-get install -y -q --no-install-recommends $missing; then
        echo "deps: apt-get could not install:$missing" >&2
        exit 1
    fi
fi
missing_packages
if [ -n "$missing" ]; then
    echo "deps: still missing after apt-get said it was done:$missing" >&2
    exit 1
fi
