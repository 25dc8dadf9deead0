#!/bin/sh
# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT

# Prints the path of fsck.fat, which checks the images of slots: $FSCK_FAT if it is set, else the one on PATH or
# where Debian installs it, else Debian's package dosfstools, unpacked into .cache (nothing is installed). When
# there is none, it says in one line what to do, and fails.

set -eu
cd "$(dirname "$0")/.."
home=$(pwd -P)/.cache/dosfstools

for command in "${FSCK_FAT:-}" fsck.fat /usr/sbin/fsck.fat /sbin/fsck.fat "$home/unpacked/sbin/fsck.fat" \
    "$home/unpacked/usr/sbin/fsck.fat"; do
    command=$(command -v "$command" || true)
    # It has no option that only tells its version: without a device it ends with its usage.
    if [ -n "$command" ] && { "$command" 2>&1 || true; } | grep -qi usage; then
        echo "$command"
        exit 0
    fi
done

if command -v apt-get > /dev/null 2>&1 && [ "${1:-}" != again ]; then
    echo "fetching dosfstools into .cache (nothing is installed)" >&2
    if sh scripts/debian_packages.sh "$home" own dosfstools > /dev/null; then
        sh scripts/fsck_fat.sh again
        exit 0
    fi
fi

echo "no fsck.fat: install it (Debian: apt-get install dosfstools) or set FSCK_FAT to its path" >&2
exit 1
