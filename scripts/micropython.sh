#!/bin/sh
# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT

# Prints the path of a MicroPython, the small VM in which some tests run the library: $MICROPYTHON if it is
# set, else the one on PATH, else Debian's package, unpacked into .cache (nothing is installed). When there
# is none, it says in one line what to do, and fails.
#
# With the argument 32 it has to be one with pointers of 32 bits, as boards have them: $MICROPYTHON_32, or
# Debian's i386 package, which runs on most PCs.

set -eu
cd "$(dirname "$0")/.."

given=${MICROPYTHON:-}
home=$(pwd -P)/.cache/micropython
wanted=True
architecture=
if [ "${1:-}" = 32 ]; then
    given=${MICROPYTHON_32:-}
    home=$home-32
    wanted='sys.maxsize < 2**32'
    architecture=i386
fi

# Old versions lack modules that the tests build on; a command of that name may be something else.
usable() {
    "$1" -c "import deflate, json, select, socket, sys, tls; assert $wanted" > /dev/null 2>&1
}

if [ -n "$given" ]; then
    if usable "$given"; then
        command -v "$given"
        exit 0
    fi
    echo "$given is no MicroPython${1:+ of $1 bits} with the modules tls and deflate (1.24 or newer has them)" >&2
    exit 1
fi

for command in "$(command -v micropython || true)" "$home/micropython"; do
    if [ -n "$command" ] && usable "$command"; then
        echo "$command"
        exit 0
    fi
done

# A script of two lines that runs the unpacked program with the unpacked libraries.
write_command() {
    for loader in "$home"/unpacked/usr/lib/*/ld-linux*.so.* "$home"/unpacked/lib/*/ld-linux*.so.*; do
        [ -e "$loader" ] || continue
        libraries=$(dirname "$loader")
        {
            echo "#!/bin/sh"
            echo "exec '$loader' --library-path '$libraries' '$home/unpacked/usr/bin/micropython' \"\$@\""
        } > "$home/micropython"
        chmod +x "$home/micropython"
        return 0
    done
    return 1
}

if [ -n "$architecture" ]; then
    case $(uname -m) in
        x86_64 | i?86) ;;
        *) echo "no MicroPython of 32 bits for this machine: set MICROPYTHON_32 to the path of one" >&2; exit 1 ;;
    esac
fi

if command -v apt-get > /dev/null 2>&1; then
    echo "fetching MicroPython${1:+ of $1 bits} into .cache (nothing is installed)" >&2
    for suite in trixie sid; do
        ARCHITECTURE=$architecture sh scripts/debian_packages.sh "$home" "$suite" micropython > /dev/null || continue
        if write_command && usable "$home/micropython"; then
            echo "$home/micropython"
            exit 0
        fi
    done
fi

[ -z "$architecture" ] || { echo "no MicroPython of 32 bits: set MICROPYTHON_32 to its path" >&2; exit 1; }
echo "no MicroPython: install one of version 1.24 or newer (Debian 13: apt-get install micropython," \
    "macOS: brew install micropython) or set MICROPYTHON to its path" >&2
exit 1
