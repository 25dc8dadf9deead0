#!/bin/sh
# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT

# Makes .venv and installs what the named groups need: demo, test, docs. Says nothing when all is there.
#
#     scripts/venv.sh demo test
#
# PYTHON names another interpreter than python3.

set -eu
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}
venv=.venv
root=$(pwd -P)

fail() {
    echo "$*" >&2
    exit 1
}

command -v "$python" > /dev/null 2>&1 ||
    fail "$python was not found: install Python 3.11 or newer, or set PYTHON to the one to use."
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$python is $("$python" --version 2>&1): Python 3.11 or newer is needed; set PYTHON to the one to use."

# -- one stamp for the environment and one for each group: what they were made from ---------------

version=$("$python" -c 'import sys; print(sys.version.split()[0], sys.base_prefix)')

files_of() {
    case $1 in
        demo) echo pyproject.toml tools/pyproject.toml scripts/requirements/libraries.txt ;;
        test) echo scripts/requirements/test.txt optional_requirements.txt ;;
        docs) echo scripts/requirements/libraries.txt docs/requirements.txt ;;
        *) fail "unknown group $1: choose from demo, test, docs" ;;
    esac
}

made_from() {
    echo "$root $version"
    # shellcheck disable=SC2046  # the names hold no spaces
    cat $(files_of "$1") scripts/venv.sh | cksum
}

missing=
for group in "$@"; do
    if [ "$(made_from "$group")" != "$(cat "$venv/.stamp-$group" 2> /dev/null || true)" ]; then
        missing="$missing $group"
    fi
done
[ -n "$missing" ] || exit 0
mkdir -p .cache
: > .cache/venv.log

# -- pip, with patience: a package index may answer late, or with an error, and be well a moment later

# Keeps what pip says in the log, and shows the names of what it installs as they come; this takes a while.
show_progress() {
    said=0 failed=0
    while IFS= read -r line; do
        printf '%s\n' "$line" >> .cache/venv.log
        case $line in
            "Collecting "*)
                name=${line#Collecting }
                printf ' %s' "${name%%[!A-Za-z0-9._-]*}" >&2
                said=1
                ;;
            "pip has failed") failed=1 ;;
        esac
    done
    [ "$said" = 0 ] || echo >&2
    return "$failed"
}

install() {
    for pause in 2 5 10 last; do
        if { "$venv/bin/python" -m pip --disable-pip-version-check install --no-input "$@" 2>&1 ||
            echo "pip has failed"; } | show_progress; then
            return 0
        fi
        [ "$pause" != last ] || break
        echo "pip failed; trying again in $pause s" >&2
        sleep "$pause"
    done
    grep '^ERROR' .cache/venv.log | tail -n 5 >&2
    fail "pip could not install: $* (all of its messages are in .cache/venv.log)"
}

# Puts pip into an environment made without it, from wherever there is one.
bring_pip() {
    if "$python" -m pip --python "$venv/bin/python" --version > /dev/null 2>&1; then
        "$python" -m pip --disable-pip-version-check --python "$venv/bin/python" install --no-input pip \
            >> .cache/venv.log 2>&1 && return 0
    fi
    wheels=/usr/share/python-wheels
    if ! ls "$wheels"/pip-*.whl > /dev/null 2>&1; then
        sh scripts/debian_packages.sh .cache/pip own python3-pip-whl > /dev/null || return 1
        wheels=.cache/pip/unpacked/usr/share/python-wheels
    fi
    for wheel in "$wheels"/pip-*.whl; do
        # A wheel is a zip file, and Python runs a package in a zip file.
        "$venv/bin/python" "$wheel/pip" --disable-pip-version-check install --no-input pip \
            >> .cache/venv.log 2>&1 && return 0
    done
    return 1
}

make_venv() {
    echo "making $venv ($("$python" --version 2>&1)):" >&2
    rm -rf "$venv"
    if ! "$python" -m venv "$venv" >> .cache/venv.log 2>&1; then
        # Debian keeps pip for environments in a package of its own, python3-venv.
        rm -rf "$venv"
        if ! "$python" -m venv --without-pip "$venv" >> .cache/venv.log 2>&1; then
            cat .cache/venv.log >&2
            fail "$python cannot make a virtual environment: install the package python3-venv."
        fi
        if ! bring_pip; then
            rm -rf "$venv"
            fail "no pip for the virtual environment: install the package python3-venv (or python3-pip)."
        fi
    fi
    # The pip that came along may be years old; setuptools is for the two packages of this repository.
    install --upgrade "pip>=23.1" "setuptools>=77" wheel
    echo "$root $version" > "$venv/.stamp"
}

[ "$root $version" = "$(cat "$venv/.stamp" 2> /dev/null || true)" ] || make_venv

# -- the groups: wheels only, so that no compiler is needed ---------------------------------------

wheels="--only-binary :all:"
for group in $missing; do
    echo "installing what $group needs into $venv:" >&2
    # shellcheck disable=SC2086  # $wheels is two words
    case $group in
        demo)
            install $wheels --no-deps -r scripts/requirements/libraries.txt
            install $wheels --no-build-isolation -e tools
            install $wheels --no-build-isolation --no-deps -e .
            ;;
        test)
            install $wheels -r scripts/requirements/test.txt
            ;;
        docs)
            install $wheels --no-deps -r scripts/requirements/libraries.txt
            install $wheels -r docs/requirements.txt
            ;;
    esac
    made_from "$group" > "$venv/.stamp-$group"
done
