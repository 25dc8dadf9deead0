#!/bin/sh
# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT

# Downloads Debian packages and unpacks them into FOLDER/unpacked: nothing is installed, no right is needed.
# FOLDER is made anew, in one step at the end: another run may be doing the same at this moment.
#
#     scripts/debian_packages.sh FOLDER SUITE PACKAGE...
#
# SUITE is a name such as trixie, or "own" for the suites that this machine uses. With another suite all
# that the package depends on comes too, down to libc: this machine's may be too old for it. The mirror is
# the one that this machine's apt is set up for, and apt checks its signatures as always. ARCHITECTURE in the
# environment names another architecture than this machine's, such as i386.

set -eu

home=$1
suite=$2
shift 2
folder=$home.$$

command -v apt-get > /dev/null 2>&1 || { echo "this is no Debian: there is no apt-get" >&2; exit 1; }
trap 'rm -rf "$folder"' EXIT
mkdir -p "$folder"
folder=$(cd "$folder" && pwd -P)
home=${folder%".$$"}
mkdir -p "$folder/apt/etc/preferences.d" "$folder/apt/state/lists/partial" \
    "$folder/apt/cache/archives/partial" "$folder/unpacked"

apt() {
    # An apt of our own: own lists, own cache, an empty list of what is installed, and no lock to fight for.
    apt-get -q -o "Dir::State=$folder/apt/state" -o "Dir::State::status=/dev/null" \
        -o "Dir::Cache=$folder/apt/cache" -o "Dir::Etc::PreferencesParts=$folder/apt/etc/preferences.d" \
        -o "Dir::Etc::Preferences=/dev/null" -o Debug::NoLocking=1 -o Acquire::Retries=3 \
        -o Acquire::Languages=none -o "APT::Sandbox::User=$(id -un)" \
        ${ARCHITECTURE:+-o "APT::Architecture=$ARCHITECTURE" -o "APT::Architectures=$ARCHITECTURE"} \
        -o APT::Update::Post-Invoke::= -o APT::Update::Post-Invoke-Success::= \
        -o "Dir::Etc::SourceList=$list" -o "Dir::Etc::SourceParts=$parts" "$@"
}

# What apt reads by itself; a name without a leading / is one in /etc/apt.
etc=${ETC:-/etc} # another folder only in tests
list=sources.list
parts=sources.list.d
if [ "$suite" != own ]; then
    # The entries for this machine's main archive, with the other suite's name in them. Security and
    # update archives, and those of other people, have other suites.
    # It may be called by its codename, or by its state; a machine that runs sid says that it is the next
    # release, whatever that is called now.
    own=$(sed -n 's/^VERSION_CODENAME=//p' "$etc/os-release" | tr -d '"')
    own="^(${own:-sid}|stable|testing|unstable|sid)\$"
    for file in "$etc"/apt/sources.list "$etc"/apt/sources.list.d/*.list; do
        [ -f "$file" ] || continue
        awk -v own="$own" -v suite="$suite" '
            $1 == "deb" {
                at = 2                                  # deb [options] uri suite components
                if ($at ~ /^\[/) { while (at < NF && $at !~ /\]$/) at++; at++ }
                if ($(at + 1) ~ own && / main( |$)/) {
                    $(at + 1) = suite
                    print
                }
            }' "$file"
    done > "$folder/apt/etc/suite.list"
    for file in "$etc"/apt/sources.list.d/*.sources; do
        [ -f "$file" ] || continue
        # Paragraphs of "Field: value" lines; a value may go on in lines that begin with a space.
        grep -v '^#' "$file" | awk -v own="$own" -v suite="$suite" '
            BEGIN { RS = ""; ORS = "\n\n"; FS = "\n" }
            {
                wanted = 0; off = 0; mine = 0
                for (i = 1; i <= NF; i++) {
                    name = tolower($i); sub(/:.*/, "", name)
                    value = " " $i " "; sub(/^[^:]*:/, " ", value)
                    if (name == "suites") {
                        many = split(value, suites, " ")
                        for (k = 1; k <= many; k++) if (suites[k] ~ own) mine = 1
                        if (mine) { wanted = 1; $i = "Suites: " suite }
                    }
                    if (name == "types") $i = "Types: deb"
                    if (name == "enabled" && value ~ /no/) off = 1
                }
                if (wanted && !off) {
                    out = $1
                    for (i = 2; i <= NF; i++) out = out "\n" $i
                    print out
                }
            }'
    done > "$folder/apt/etc/suite.sources"
    list=/dev/null
    parts=$folder/apt/etc
fi

{
    # One archive of several may fail; whether the packages can be had shows in the next step.
    apt update || true
    if [ "$suite" = own ]; then
        (cd "$folder/apt/cache/archives" && apt download "$@")
    else
        apt install --yes --no-install-recommends --download-only "$@"
    fi && find "$folder/apt/cache/archives" -name '*.deb' -exec dpkg -x {} "$folder/unpacked" ';'
} > "$folder/log" 2>&1 || {
    echo "apt could not fetch $* of $suite; the last lines of what it said:" >&2
    tail -n 3 "$folder/log" >&2
    exit 1
}
rm -rf "$folder/apt" "$home"
mv "$folder" "$home"
echo "$home/unpacked"
