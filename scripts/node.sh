#!/bin/sh
# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT

# Prints the path of the Node with which Playwright drives a browser: the one that came with Playwright, or a
# script that runs it with a library which a small Debian lacks, unpacked into .cache (nothing is installed).
# When neither starts, it says in one line why, and fails.
#
#     scripts/node.sh [NODE]        (in .venv, if it is not named)

set -eu
cd "$(dirname "$0")/.."
home=$(pwd -P)/.cache/node

node=${1:-}
if [ -z "$node" ]; then
    for node in .venv/lib/python*/site-packages/playwright/driver/node; do :; done
    node=$(pwd -P)/$node
fi
if [ ! -f "$node" ]; then
    echo "Playwright is not installed: there is no $node" >&2
    exit 1
fi

usable() {
    "$1" --version > /dev/null 2>&1
}

if usable "$node"; then
    echo "$node"
    exit 0
fi

write_command() {
    for library in "$home"/unpacked/usr/lib/*/libatomic.so.1; do
        [ -e "$library" ] || continue
        {
            echo "#!/bin/sh"
            echo "export LD_LIBRARY_PATH='$(dirname "$library")'\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}"
            echo "exec '$node' \"\$@\""
        } > "$home/node"
        chmod +x "$home/node"
        return 0
    done
    return 1
}

if write_command && usable "$home/node"; then
    echo "$home/node"
    exit 0
fi

if "$node" --version 2>&1 | grep -q 'libatomic\.so\.1' && command -v apt-get > /dev/null 2>&1; then
    echo "fetching libatomic1, which Playwright's node needs, into .cache (nothing is installed)" >&2
    if sh scripts/debian_packages.sh "$home" own libatomic1 > /dev/null; then
        if write_command && usable "$home/node"; then
            echo "$home/node"
            exit 0
        fi
    fi
fi

echo "Playwright's node does not start: $("$node" --version 2>&1 | tail -n 1)" >&2
exit 1
