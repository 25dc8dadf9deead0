# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""``board simulate`` makes new boards, continues existing ones, and reports missing options."""

import os
import select
import shlex
import stat

import pytest
from click.testing import CliRunner
from nerveshub_tools import simulate_cli, simulated_board
from nerveshub_tools.cli import main
from nerveshub_tools.hub import Hub
from nerveshub_tools.hub_settings import write_environment
from support.board import application

GIVEN = {
    "NERVESHUB_HOST": "localhost",
    "NERVESHUB_PORT": "4000",
    "NERVESHUB_SSL": "0",
    "NERVESHUB_PRODUCT_KEY": "nhp_key",
    "NERVESHUB_PRODUCT_SECRET": "hidden",
    "NERVES_HUB_CA_CERT": None,
}


class Boards:
    """Boards that are off, and Ctrl-C as soon as it is waited for."""

    def __init__(self, monkeypatch):
        self.made = []
        monkeypatch.setattr(simulated_board, "SimulatedBoard", self._make)
        monkeypatch.setattr(simulate_cli.threading, "Event", lambda: self)

    def _make(self, drive, on_event, **options):
        self.made.append((drive, on_event, options))
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        pass

    def wait(self):
        raise KeyboardInterrupt


@pytest.fixture(name="boards")
def boards_that_are_off(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    application(tmp_path / "app", "print(1)\n")
    return Boards(monkeypatch)


def run(*words, code=0, **env):
    words = ("board", "simulate", *words)
    result = CliRunner().invoke(main, list(words), env={**GIVEN, **env})
    assert result.exit_code == code, (result.output, result.exception)
    assert "hidden" not in result.output
    return " ".join(result.output.split())


NEW = ("--app", "app", "--product", "greenhouse", "--version", "1.0.0")


def test_a_new_board_has_the_application_and_the_settings(boards, tmp_path):
    assert "board-1: a new board" in run("board-1", *NEW)
    settings = (tmp_path / "board-1" / "settings.toml").read_text()
    for line in ('HOST = "localhost"', 'SSL = "0"', 'SECRET = "hidden"', 'IDENTIFIER = "board-1"'):
        assert "NERVESHUB_" in settings and line in settings
    before = (tmp_path / "board-1" / "images" / "a" / "app.img").read_bytes()
    assert run("board-1") == ""  # it is there: what it needs, it has
    assert (tmp_path / "board-1" / "images" / "a" / "app.img").read_bytes() == before
    assert [(str(drive), options["uid"]) for drive, _, options in boards.made] == [
        ("board-1", "000000000001")
    ] * 2


def test_what_a_board_does_is_told_in_lines(boards, capsys):
    run("board-1", *NEW)
    show = boards.made[0][1]
    for event in (
        {"event": "boot", "reset": "POWER_ON"},
        {"event": "output", "text": "hello\x1b"},
        {"event": "ended", "how": "crashed", "traceback": "Traceback:\nOSError: 5\n"},
        {"event": "ended", "how": "ended", "traceback": None},
        {"event": "safe_mode", "reason": "HARD_FAULT"},
        {"event": "watchdog"},
        {"event": "prompt"},
    ):
        show(event)
    assert capsys.readouterr().out.splitlines() == [
        "board-1: starts (power on)",
        "board-1: hello?",
        "board-1: Traceback:",
        "board-1: OSError: 5",
        "board-1: safe mode (hard fault)",
        "board-1: the watchdog has reset it",
        "board-1: prompt",
    ]


def test_what_is_missing_or_in_the_way_is_told(boards, tmp_path):
    said = run("new", *NEW, code=2, NERVESHUB_HOST=None)
    assert "a new board needs --host; the hub prints it (--env)" in said
    said = run("app", *NEW, code=1)
    assert "app is no simulated board's drive, and not empty: give a new folder" in said
    assert "two folders have the same name" in run("a/x", "b/x", *NEW, code=2)
    assert "--product is needed" in run("new", "--app", "app", code=1)
    assert not (tmp_path / "new").exists()  # half a board would be taken for a whole one
    assert boards.made == []


@pytest.mark.parametrize(
    "words",
    [
        ("board", "simulate", "new"),
        ("device", "--host", "localhost", "--port", "4000"),
        ("demo",),
    ],
)
def test_a_system_on_which_the_library_cannot_connect_is_told(words, monkeypatch):
    monkeypatch.delattr(select, "poll")  # as on Windows
    result = CliRunner().invoke(main, list(words))
    assert result.exit_code == 1
    assert "need select.poll, which Windows does not have" in result.output


def test_the_hub_writes_what_a_shell_can_read_and_nobody_else(tmp_path):
    hub = Hub(product_key="nhp_k", product_secret="it's", public_url="https://10.0.0.1:4001")
    file = tmp_path / "hub.env"
    write_environment(file, hub, "https://localhost:4001", "ca/ca.pem")
    lines = file.read_text().splitlines()
    assert "export NERVES_HUB_URI=https://localhost:4001" in lines
    assert f"export NERVES_HUB_TOKEN={hub.organization.token}" in lines
    assert f"export NERVES_HUB_CA_CERT={shlex.quote(os.path.abspath('ca/ca.pem'))}" in lines
    assert "export NERVESHUB_HOST=10.0.0.1" in lines
    assert "export NERVESHUB_PORT=4001" in lines and "export NERVESHUB_SSL=1" in lines
    assert """export NERVESHUB_PRODUCT_SECRET='it'"'"'s'""" in lines
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    write_environment(file, hub, "http://localhost:4001", None)
    assert "unset NERVES_HUB_CA_CERT" in file.read_text()
