# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""What the commands fetch on machines that lack it, and what they say when they cannot."""

import os
import re
import shutil
import subprocess

import pytest
from support import checkout

SCRIPTS = checkout.ROOT / "scripts"

# A node that is linked against a library which this machine does not have.
NODE = """#!/bin/sh
case ${LD_LIBRARY_PATH:-} in
    *unpacked/usr/lib/x86_64-linux-gnu*) echo "v24.1.0 $*" ;;
    *) echo "$0: error while loading shared libraries: libatomic.so.1: cannot open" >&2; exit 127 ;;
esac
"""
PACKAGES = """#!/bin/sh
echo "$*" > asked
mkdir -p "$1/unpacked/usr/lib/x86_64-linux-gnu"
touch "$1/unpacked/usr/lib/x86_64-linux-gnu/libatomic.so.1"
"""
NO_PACKAGES = """#!/bin/sh
echo "apt could not fetch libatomic1" >&2
exit 1
"""


def program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture(name="root")
def folder_with_spaces(tmp_path):
    """A folder like a clone's, with the scripts; and an apt-get, so that they try to use it."""
    root = tmp_path / "a b" / "nerveshub_link"
    shutil.copytree(SCRIPTS, root / "scripts")
    program(tmp_path / "bin" / "apt-get", "#!/bin/sh\nexit 1\n")
    return root


def run(root, script, *words, **environment):
    path = f"{root.parents[1] / 'bin'}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, **environment}
    return subprocess.run(
        ["sh", root / "scripts" / script, *words],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_node_that_starts_is_taken_as_it_is(root, tmp_path):
    node = program(tmp_path / "node", "#!/bin/sh\necho v24.1.0\n")
    program(root / "scripts" / "debian_packages.sh", NO_PACKAGES)
    done = run(root, "node.sh", str(node))
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{node}\n", "")


def test_a_node_without_libatomic_gets_it_once_from_debians_package(root):
    program(root / "scripts" / "debian_packages.sh", PACKAGES)
    node = program(root / ".venv/lib/python3.11/site-packages/playwright/driver/node", NODE)
    done = run(root, "node.sh")
    assert done.returncode == 0, done.stderr
    assert "fetching libatomic1" in done.stderr
    assert (root / "asked").read_text().split()[-2:] == ["own", "libatomic1"]
    found = done.stdout.strip()
    assert found == str(root / ".cache" / "node" / "node")
    said = subprocess.run([found, "cli.js"], capture_output=True, text=True, check=True)
    assert said.stdout == "v24.1.0 cli.js\n"

    program(root / "scripts" / "debian_packages.sh", NO_PACKAGES)
    again = run(root, "node.sh", str(node))
    assert (again.returncode, again.stdout, again.stderr) == (0, found + "\n", "")


def test_a_node_that_cannot_be_helped_says_why_in_the_last_line(root, tmp_path):
    program(root / "scripts" / "debian_packages.sh", NO_PACKAGES)
    node = program(tmp_path / "node", NODE)
    done = run(root, "node.sh", str(node))
    assert (done.returncode, done.stdout) == (1, "")
    reason = done.stderr.splitlines()[-1]
    assert reason.startswith("Playwright's node does not start: ")
    assert "libatomic.so.1: cannot open" in reason


def test_without_playwright_the_reason_says_so(root):
    done = run(root, "node.sh")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Playwright is not installed: there is no ")


def test_packages_are_unpacked_in_a_folder_with_spaces_in_its_name(root, tmp_path):
    program(
        tmp_path / "bin" / "apt-get",
        """#!/bin/sh
printf '<%s>\\n' "$@" >> "$LOG"
case " $* " in *" download "*) touch libx.deb ;; esac
""",
    )
    program(tmp_path / "bin" / "dpkg", '#!/bin/sh\necho "$*" >> "$LOG"\n')
    log = tmp_path / "log"
    done = run(root, "debian_packages.sh", "our cache", "own", "libx", LOG=str(log))
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{root}/our cache/unpacked\n"
    assert (root / "our cache" / "unpacked").is_dir()
    # It works in a folder of its own, and renames that at the end.
    told = re.sub(r"our cache\.\d+/", "aside/", log.read_text()).splitlines()
    assert f"<Dir::State={root}/aside/apt/state>" in told
    assert "<Dir::Etc::SourceParts=sources.list.d>" in told
    assert told[-1] == f"-x {root}/aside/apt/cache/archives/libx.deb {root}/aside/unpacked"
    assert sorted(path.name for path in root.iterdir()) == ["our cache", "scripts"]

    log.unlink()
    run(root, "debian_packages.sh", "our cache", "trixie", "libx", LOG=str(log))
    told = re.sub(r"our cache\.\d+/", "aside/", log.read_text()).splitlines()
    assert f"<Dir::Etc::SourceParts={root}/aside/apt/etc>" in told


@pytest.mark.parametrize(
    ("codename", "entry"),
    [
        ("bookworm", "deb [arch=amd64 signed-by=/k] http://mirror bookworm main contrib"),
        ("trixie", "deb http://mirror stable main"),
        ("forky", "deb http://mirror sid main"),  # what a machine with sid says of itself
        ("forky", "deb http://mirror testing main"),
    ],
)
def test_another_suite_comes_from_the_machines_own_mirror(root, tmp_path, codename, entry):
    etc, log = tmp_path / "etc", tmp_path / "log"
    (etc / "apt" / "sources.list.d").mkdir(parents=True)
    (etc / "os-release").write_text(f"ID=debian\nVERSION_CODENAME={codename}\n")
    security = entry.replace("mirror", "security").replace(" main", "-security main")
    (etc / "apt" / "sources.list").write_text(f"{entry}\n{security}\n")
    suites = entry.split(" main")[0].split()[-1]
    (etc / "apt" / "sources.list.d" / "more.sources").write_text(
        f"Types: deb deb-src\nURIs: http://other\nSuites: {suites}-backports {suites}\n"
        f"Components: main\n\nTypes: deb\nURIs: http://a\nSuites: {suites}-security\n"
    )
    program(
        tmp_path / "bin" / "apt-get",
        """#!/bin/sh
for word; do case $word in Dir::Etc::SourceParts=*) cat "${word#*=}"/* > "$LOG" ;; esac; done
""",
    )
    program(tmp_path / "bin" / "dpkg", "#!/bin/sh\n")
    run(root, "debian_packages.sh", "cache", "plucky", "libx", LOG=str(log), ETC=str(etc))
    own = entry.replace(f" {suites} main", " plucky main")
    other = "Types: deb\nURIs: http://other\nSuites: plucky\nComponents: main\n\n"
    assert log.read_text() == f"{own}\n{other}"


def test_setting_up_names_what_it_installs_and_says_nothing_when_all_is_there(root, tmp_path):
    for name in ("pyproject.toml", "tools/pyproject.toml", "optional_requirements.txt"):
        (root / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(checkout.ROOT / name, root / name)
    program(
        tmp_path / "python",
        """#!/bin/sh
case "$*" in
    *"-m venv .venv"*) mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
    *version_info*) ;;
    *sys.base_prefix*) echo "3.11.2 /usr" ;;
    *--version*) echo "Python 3.11.2" ;;
    *" install "*)
        printf '%s\\n' "Collecting aiohttp>=3.9" "  Downloading it" "Collecting yarl (from it)" ;;
esac
""",
    )
    done = run(root, "venv.sh", "demo", PYTHON=str(tmp_path / "python"))
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[:4] == [
        "making .venv (Python 3.11.2):",
        " aiohttp yarl",
        "installing what demo needs into .venv:",
        " aiohttp yarl",
    ]
    assert "Downloading it" in (root / ".cache" / "venv.log").read_text()
    again = run(root, "venv.sh", "demo", PYTHON=str(tmp_path / "python"))
    assert (again.returncode, again.stderr) == (0, "")


def test_a_python_that_is_too_old_is_refused_in_words(root, tmp_path):
    old = program(
        tmp_path / "python",
        """#!/bin/sh
case "$*" in
    *version_info*) exit 1 ;;
    *) echo "Python 3.10.12" ;;
esac
""",
    )
    done = run(root, "venv.sh", "demo", PYTHON=str(old))
    assert done.returncode == 1
    assert "is Python 3.10.12: Python 3.11 or newer is needed" in done.stderr
    assert not (root / ".venv").exists()


def test_the_oldest_python_is_the_same_everywhere():
    def text(name):
        return (checkout.ROOT / name).read_text()

    assert 'requires-python = ">=3.11"' in text("pyproject.toml")
    assert 'requires-python = ">= 3.11"' in text("tools/pyproject.toml")
    assert "version_info < (3, 11)" in text("scripts/venv.sh")
    for name in ("README.rst", "Makefile", "tools/README.md", "scripts/venv.sh"):
        assert "Python 3.11 or newer" in text(name), name
    assert 'python: ["3.11", ' in text(".github/workflows/build.yml")
