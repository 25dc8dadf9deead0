# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
Library, guard and examples use only names that CircuitPython has, and its stand-ins in tests have
no others. The names are those of CircuitPython's stubs, of the oldest supported version and of the
newest; a table here has what the stubs lack.
"""

import importlib.metadata
import inspect

import pytest
from nerveshub_tools import board_process
from nerveshub_tools.board_modules import Board
from nerveshub_tools.board_storage import Mounts, VfsFat
from support import banks, board_api, checkout, example_board

SOURCES = sorted(
    path
    for folder in ("nerveshub_link", "examples")
    for path in (checkout.ROOT / folder).rglob("*.py")
)
# On CPython, or in MicroPython, only; or a pin, which is each board's own.
ELSEWHERE = {
    "os.environ",
    "os.execv",
    "ssl.SSL_ERROR_WANT_READ",
    "ssl.SSL_ERROR_WANT_WRITE",
    "sys.displayhook",
    "sys.executable",
    "sys.print_exception",
    "alarm.time",  # a module within a module, which the tables do not have
    "board.A0",
    "board.D5",
    "board.D9",
}
# Levers of tests on things that the code under test gets as an argument.
LEVERS = {"data", "reads", "writes", "cut_in"}
OF_EXCEPTIONS = set(dir(Exception))


def newest():
    try:
        return board_api.newest()
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("circuitpython-stubs is not installed (optional_requirements.txt)")


@pytest.fixture(name="table", params=["10.1.4", "newest"], scope="module")
def table_of_a_version(request):
    found = newest() if request.param == "newest" else board_api.kept(request.param)
    return {**board_api.kept("builtin"), **found}


# What is asked for


def test_every_native_name_that_is_used_exists(table):
    missing = [
        f"{path.relative_to(checkout.ROOT)}:{place}"
        for path in SOURCES
        for place in board_api.Uses(path.read_text(), table).missing
        if place.split(": ")[1] not in ELSEWHERE
    ]
    assert missing == []


def test_the_uses_are_found_at_all(table):
    seen = set().union(*(board_api.Uses(path.read_text(), table).seen for path in SOURCES))
    assert {
        "watchdog.WatchDogTimer.mode",
        "supervisor.set_next_code_file",
        "supervisor.Runtime.run_reason",
        "storage.VfsFat.readonly",
        "os.getenv",
        "select.poll",
        "hashlib.Hash.digest",
        "wifi.radio",
    } <= seen


@pytest.mark.parametrize(
    "source, missing",
    [
        ("import microcontroller\nmicrocontroller.watchdog.deinit()", "WatchDogTimer.deinit"),
        ("from microcontroller import watchdog as dog\ndog.stop()", "WatchDogTimer.stop"),
        ("import microcontroller\nself.dog = microcontroller.watchdog\nself.dog.x", "Timer.x"),
        ("import supervisor\nsupervisor.runtime.uptime", "supervisor.Runtime.uptime"),
        ("from watchdog import WatchDog", "watchdog.WatchDog"),
        ("import storage\nstorage.getmount('/').writable", "storage.VfsFat.writable"),
        ("import storage\nstorage.remount('/', read_only=True)", "storage.remount(read_only="),
        ("import storage\nstorage.remount()", "storage.remount(without mount_path"),
        ("import supervisor\nsupervisor.reload(1)", "supervisor.reload(1 arguments"),
        ("import os\nos.replace('a', 'b')", "os.replace"),
        ("import json\njson.dumps({}, indent=1)", "json.dumps(indent="),
        ("import hashlib\nhashlib.new('sha256').hexdigest()", "hashlib.Hash.hexdigest"),
        ("import select\nselect.poll().close()", "select.poll.close"),
        ("import ssl\nssl.create_default_context().verify_mode", "SSLContext.verify_mode"),
    ],
)
def test_what_does_not_exist_is_noticed(table, source, missing):
    assert [place for place in board_api.Uses(source, table).missing if missing in place], missing


# What stands in


def surplus(thing, entry, path):
    """What a stand-in offers beyond the real thing, or has other parameters for."""
    if "members" in entry:
        for name in dir(thing):
            if not name.startswith("_") and name not in LEVERS | OF_EXCEPTIONS:
                yield from _surplus_member(thing, name, entry["members"], path)
    elif entry.get("params") is not None:
        found = _params(thing)
        if found != entry["params"]:
            yield f"{path}({found}), not ({entry['params']})"


def _surplus_member(thing, name, members, path):
    path += "." + name
    if name not in members:
        yield path
    elif not isinstance(getattr(type(thing), name, None), property):
        yield from surplus(getattr(thing, name), members[name], path)


def _params(function):
    params = []
    for param in inspect.signature(function).parameters.values():
        if param.name == "self":
            continue
        if param.kind is param.VAR_POSITIONAL:
            params.append("*" + param.name)
            continue
        if param.kind is param.KEYWORD_ONLY and not any(text.startswith("*") for text in params):
            params.append("*")
        params.append(param.name + "=" * (param.default is not param.empty))
    return params


def modules_of_the_board():
    board, found = Board(mounts=Mounts(None)), {}
    board.install()
    for name in ("supervisor", "microcontroller", "watchdog", "storage", "alarm"):
        found[name] = board_api.sys.modules[name]
    board.uninstall()
    return found


class Blank:
    """A block device with nothing on it."""

    def readblocks(self, number, buffer):
        """Zeros."""


def surplus_of_module(module, table, name):
    yield from surplus(module, {"members": table[name]}, name)


def test_the_modules_of_the_simulated_board_offer_nothing_else(table):
    found = modules_of_the_board()
    for name, module in found.items():
        assert list(surplus_of_module(module, table, name)) == []
    runtime = found["supervisor"].runtime
    for thing, module, name in (
        (runtime, "supervisor", "Runtime"),
        (found["supervisor"].RunReason, "supervisor", "RunReason"),
        (found["supervisor"].SafeModeReason, "supervisor", "SafeModeReason"),
        (found["microcontroller"].cpu, "microcontroller", "Processor"),
        (found["microcontroller"].ResetReason, "microcontroller", "ResetReason"),
        (found["microcontroller"].watchdog, "watchdog", "WatchDogTimer"),
        (found["watchdog"].WatchDogMode, "watchdog", "WatchDogMode"),
        (found["storage"].getmount("/"), "storage", "VfsFat"),
        (VfsFat(Blank()), "storage", "VfsFat"),
        (board_process.Radio(), "wifi", "Radio"),
    ):
        assert list(surplus(thing, table[module][name], name)) == []


def test_what_the_examples_run_with_offers_nothing_else(table):
    for name, names in example_board.MODULES.items():
        for key, thing in names.items():
            if f"{name}.{key}" in ELSEWHERE:
                continue
            assert key in table[name]
            entry = table[name][key]
            if isinstance(thing, type):
                assert list(surplus(thing, entry, key)) == []
            elif name == "dualbank":
                assert list(surplus(thing, entry, key)) == []
    assert list(surplus(example_board.Radio(), table["wifi"]["Radio"], "Radio")) == []


def test_the_banks_offer_nothing_else(table):
    board = banks.Board(banks.image("10.1.0"))
    given = board.modules()
    assert list(surplus_of_module(given["microcontroller"], table, "microcontroller")) == []
    assert list(surplus(board.nvm, table["nvm"]["ByteArray"], "nvm")) == []
    assert set(vars(given["dualbank"])) == set(table["dualbank"])


@pytest.mark.parametrize("name", ["hashlib", "select", "socketpool", "ssl", "zlib"])
def test_the_shims_of_the_vm_offer_nothing_else(table, name):
    shim = checkout.ROOT / "tests" / "vm" / "programs" / "shims" / (name + ".py")
    assert list(_surplus_names(board_api.of_source(shim.read_text()), table[name], name)) == []


def _surplus_names(mine, real, path):
    for name in mine:
        if name.startswith("_"):
            continue
        if name not in real:
            yield f"{path}.{name}"
        elif "members" in mine[name]:
            yield from _surplus_names(mine[name]["members"], real[name]["members"], name)
        elif real[name].get("params") is not None and "params" in mine[name]:
            # These take their arguments by position, so the names say nothing.
            if len(mine[name]["params"]) != len(real[name]["params"]):
                yield f"{path}.{name}({mine[name]['params']})"
