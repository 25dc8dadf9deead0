# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
"Your first release in five minutes", as docs/first_release.rst has it: its files and its commands,
read from its text, end with three boards on the new release.
"""

import contextlib
import os
import queue
import re
import shlex
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest
from click.testing import CliRunner
from nerveshub_tools.cli import main
from support import checkout

PAGE = checkout.ROOT / "docs" / "first_release.rst"
SECONDS = 60
_BLOCK = re.compile(
    r"^\.\. code-block:: (\w+)\n(?:    :caption: (.*)\n)?\n((?:(?:    .*)?\n)+)", re.MULTILINE
)


def blocks():
    """
    The page's blocks of code, in their order: language, caption, text. A caption is a file's name;
    that of a shell's block names a further terminal, whose last command runs until Ctrl-C.
    """
    found = [
        (language, caption, textwrap.dedent(text).strip("\n") + "\n")
        for language, caption, text in _BLOCK.findall(PAGE.read_text())
    ]
    assert len(found) == PAGE.read_text().count("code-block::") > 8
    return found


class Terminal:
    """A shell whose commands run in this process but for those that run until Ctrl-C."""

    def __init__(self, folder):
        self.folder = folder
        self.env = {"NERVESHUB_HUB_PORT": "0", "NERVES_HUB_ORG": None, "NH_TOKEN": None}
        self.said = []

    def run(self, text):
        """Run lines; each command must end with 0."""
        for line in text.replace("\\\n", "").splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["nerveshub-link"]:
                with contextlib.chdir(self.folder):
                    result = CliRunner().invoke(main, words[1:], env=self.env)
                assert result.exit_code == 0, (line, result.output, result.exception)
                self.said.append(result.output)
            elif words[:1] == ["mkdir"]:
                for name in words[1:]:
                    (self.folder / name).mkdir()
            elif words[:1] == ["cd"]:
                self.folder /= words[1]
            elif words[:1] == ["."]:
                for setting in re.findall(r"^export (.*)$", self._read(words[1]), re.M):
                    name, value = setting.split("=", 1)
                    self.env[name] = shlex.split(value)[0]
            else:
                raise AssertionError(f"a line that this shell does not know: {line}")

    def _read(self, name):
        until((self.folder / name).exists)
        return (self.folder / name).read_text()


class Running:
    """A terminal of its own: what it says, until Ctrl-C."""

    def __init__(self, text, terminal):
        *before, last = text.strip().splitlines()
        own = Terminal(terminal.folder)
        own.run("\n".join(before))
        env = {**os.environ, **{key: value for key, value in own.env.items() if value}}
        env["PYTHONPATH"] = os.pathsep.join([str(checkout.ROOT), str(checkout.ROOT / "tools")])
        words = shlex.split(last)
        assert words[0] == "nerveshub-link"
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-m", "nerveshub_tools", *words[1:]],
            cwd=own.folder,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # Tests that run in a shell's background ignore Ctrl-C, and so would this.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509 no fork between threads here
        )
        self.lines = []
        self._new = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            self._new.put(line)
        self._new.put(None)

    def until(self, condition):
        """Wait until its lines are so."""
        end = time.monotonic() + SECONDS
        while not condition(self.lines):
            try:
                line = self._new.get(timeout=max(0.01, end - time.monotonic()))
            except queue.Empty:
                line = None
            assert line is not None, self.lines[-40:]

    def stop(self):
        """Press Ctrl-C."""
        self.process.send_signal(signal.SIGINT)
        try:
            assert self.process.wait(10) == 0
        finally:
            self.process.kill()
            self.process.stdout.close()


def until(condition):
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_from_an_empty_folder_to_three_boards_on_the_new_release(tmp_path):
    terminal, running = Terminal(tmp_path), []
    try:
        for language, caption, text in blocks():
            if language != "shell":
                (terminal.folder / caption).write_text(text)
            elif caption:
                running.append(Running(text, terminal))
                if len(running) == 2:
                    running[0].until(lambda lines: _joins(lines, "1.0.0") == 3)
            else:
                terminal.run(text)
        hub, boards = running
        for version in ("1.1.0", "1.2.0"):
            assert f"all 3 devices run {version}" in "".join(terminal.said)
            hub.until(lambda lines, version=version: _joins(lines, version) == 3)
        boards.until(lambda lines: sum("Good night." in line for line in lines) == 3)
        for words in ("Good morning.", "Good evening."):
            assert sorted(line for line in boards.lines if words in line) == [
                f"board-{number}: {words}" for number in (1, 2, 3)
            ]
        assert not [line for line in hub.lines if "would refuse" in line]
    finally:
        for one in reversed(running):
            one.stop()


def _joins(lines, version):
    """How many devices have joined with this version."""
    told = (line for line in lines if "device phx_join" in line and f'"{version}"' in line)
    return len({line.split(":")[0] for line in told})


@pytest.fixture(autouse=True)
def no_other_settings(monkeypatch):
    """Of this computer's own."""
    for name in list(os.environ):
        if name.startswith(("NERVES_HUB_", "NERVESHUB_", "NH_TOKEN")):
            monkeypatch.delenv(name)
