#!/bin/sh
# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT

# Prints the path of a MicroPython, the small VM in which some tests run the library: $MICROPYTHON if it is
# set, else the one on PATH, else Debian's package, unpacked into .cache (nothing is installed). When there
# is none, it says in one line what to do, and fails.

set -eu
cd "$(dirname "$0")/.."

home=$(pwd -P)/.cache/micropython

# Old versions lack modules that the tests build on; a command of that name may be something else.
usable() {
    "$1" -c 'import deflate, json, select, socket, tls' > /dev/null 2>&1
}

if [ -n "${MICROPYTHON:-}" ]; then
    if usable "$MICROPYTHON"; then
        command -v "$MICROPYTHON"
        exit 0
    fi
    echo "MICROPYTHON=$MICROPYTHON is no MicroPython with the modules tls and deflate (1.24 or newer has them)" >&2
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

if command -v apt-get > /dev/null 2>&1; then
    echo "fetching MicroPython into .cache (nothing is installed)" >&2
    # Somebody else may be doing the same at this moment: work aside, and move the whole at the end.
    aside=$home.$$
    trap 'rm -rf "$aside"' EXIT
    for suite in trixie sid; do
        rm -rf "$aside"
        sh scripts/debian_packages.sh "$aside" "$suite" micropython > /dev/null || continue
        rm -rf "$home"
        mv "$aside" "$home"
        if write_command && usable "$home/micropython"; then
            echo "$home/micropython"
            exit 0
        fi
    done
fi

echo "no MicroPython: install one of version 1.24 or newer (Debian 13: apt-get install micropython," \
    "macOS: brew install micropython) or set MICROPYTHON to its path" >&2
exit 1
