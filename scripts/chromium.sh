#!/bin/sh
# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT

# Prints the path of a Chromium, the browser in which the hub's page is tested: $CHROMIUM if it is set, else
# one on PATH, else Debian's package, unpacked into .cache (nothing is installed). When there is none, it says
# in one line what to do, and fails.

set -eu
cd "$(dirname "$0")/.."
home=$(pwd -P)/.cache/chromium

usable() {
    "$1" --version > /dev/null 2>&1
}

if [ -n "${CHROMIUM:-}" ]; then
    if usable "$CHROMIUM"; then
        command -v "$CHROMIUM"
        exit 0
    fi
    echo "$CHROMIUM is no Chromium that starts" >&2
    exit 1
fi

for command in chromium chromium-browser google-chrome chromium-headless-shell "$home/chromium"; do
    command=$(command -v "$command" || true)
    if [ -n "$command" ] && usable "$command"; then
        echo "$command"
        exit 0
    fi
done

# A script that runs the unpacked browser with the unpacked libraries. Those of the C library stay away: they
# belong to the machine's own loader, and the browser starts itself anew, so it cannot be given another one.
write_command() {
    browser=$(find "$home/unpacked/usr/lib" -type f \( -name headless_shell -o -name chromium-headless-shell \) \
        -path '*chromium*' | head -n 1)
    [ -n "$browser" ] || return 1
    libraries=
    for folder in "$home"/unpacked/usr/lib/*-linux-gnu* "$home"/unpacked/usr/lib/*-linux-gnu*/pulseaudio \
        "$home"/unpacked/lib/*-linux-gnu*; do
        [ -d "$folder" ] || continue
        rm -f "$folder"/ld-linux* "$folder"/libc.so* "$folder"/libm.so* "$folder"/libpthread.so* \
            "$folder"/libdl.so* "$folder"/librt.so* "$folder"/libresolv.so* "$folder"/libnss_*
        libraries=$libraries:$folder
    done
    {
        echo "#!/bin/sh"
        # XDG_DATA_HOME is where fontconfig looks for fonts beside the machine's own.
        echo "export LD_LIBRARY_PATH='${libraries#:}' XDG_DATA_HOME='$home/unpacked/usr/share'"
        echo "export FONTCONFIG_PATH='$home/unpacked/etc/fonts'"
        echo "exec '$browser' \"\$@\""
    } > "$home/chromium"
    chmod +x "$home/chromium"
}

if command -v apt-get > /dev/null 2>&1; then
    echo "fetching Chromium into .cache (nothing is installed)" >&2
    suite=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release | tr -d '"')
    if sh scripts/debian_packages.sh "$home" "${suite:-sid}" chromium-headless-shell fonts-dejavu-core > /dev/null; then
        if write_command && usable "$home/chromium"; then
            echo "$home/chromium"
            exit 0
        fi
    fi
fi

echo "no Chromium: install one (Debian: apt-get install chromium) or set CHROMIUM to its path" >&2
exit 1
