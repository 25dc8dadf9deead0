# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""The package and the shims inside MicroPython, without a hub."""

import json

import pytest
from support.ca import ThrowawayCa
from support.raw_server import RawServer
from support.vm import ROOT, Vm, build, compile_mpy, dotted, modules

pytestmark = pytest.mark.vm

MODULES = sorted(dotted(name) for name in modules() if name != "__init__.py")


@pytest.fixture(scope="module")
def vm(micropython, tmp_path_factory):
    return Vm(micropython, build(tmp_path_factory.mktemp("drive") / "mpy"))


def test_every_module_can_be_compiled_and_imported(vm):
    # All of them together, which no board has.
    result = vm.run("imports", {"modules": MODULES}, heap=512 * 1024)

    assert [line["module"] for line in result.events] == MODULES, result
    assert [line["error"] for line in result.events if line["error"]] == []


def test_every_module_can_be_imported_from_source_too(micropython, tmp_path):
    result = Vm(micropython, build(tmp_path / "py", compiled=False)).run(
        "imports", {"modules": MODULES}, heap=1024 * 1024
    )

    assert [line["error"] for line in result.events] == [None] * len(MODULES), result


@pytest.mark.parametrize("compiled", [True, False], ids=["mpy", "py"])
@pytest.mark.parametrize(
    "names", [["logging"], ["health"], ["mine"], ["logging", "health", "mine"], []], ids=" ".join
)
def test_a_link_with_extensions_is_made_where_nothing_else_was_imported(
    micropython, tmp_path, names, compiled
):
    drive = Vm(micropython, build(tmp_path / "drive", compiled))

    result = drive.run("construct", {"extensions": names}, heap=1024 * 1024)

    assert [line["event"] for line in result.events] == ["made", "end"], result
    assert result.one("made")["state"] == "waiting"
    modules = result.one("end")["modules"]
    parts = {"logging": "device_logs", "health": "health", "mine": "router"}
    assert {f"extensions.{part}" for name, part in parts.items() if name in names} <= set(modules)
    assert "extensions.router" not in modules or names
    assert not {"construct", "assembly", "config.options", "wire.signing"} & set(modules)


def test_links_are_made_one_after_the_other_and_after_a_mistake(vm):
    options = {"extensions": ["logging", "mine"], "links": 3, "wrong": True}

    result = vm.run("construct", options)

    assert [line["event"] for line in result.events] == ["made", "raised", "made", "made", "end"]
    assert "port must be a whole number" in result.one("raised")["error"]


def test_the_shared_secret_vectors_hold_in_the_vm(vm):
    vectors = json.loads((ROOT / "tests/data/shared_secret_vectors.json").read_text())["vectors"]
    known = [vector for vector in vectors if "-SHA256-" in vector["alg"].upper()]

    result = vm.run("secrets", {"vectors": known})

    assert len(known) == 13  # the other one needs sha512, which no board has
    assert [line["headers"] for line in result.events] == [vector["headers"] for vector in known], (
        result
    )


def test_no_text_leaves_that_the_server_does_not_survive(vm):
    # The VM's json makes two lone surrogates of an escaped emoji, as a board's does.
    texts = [r"\ud83d\ude00", r"a\u0000b", r"\udc00\u00e9\u0000", r"\u001b\u00e9\\u0000"]

    result = vm.run("texts", {"texts": texts})

    sent = [json.loads(bytes.fromhex(line["hex"]).decode()) for line in result.all("sent")]
    taken = ["??????", "a?b", "???é?", "\x1bé\\u0000"]
    assert [message[4] for message in sent] == [
        {"a": text, text: [{text: text}]} for text in taken
    ], result


def test_a_module_that_a_board_could_not_compile_is_noticed(tmp_path):
    source = tmp_path / "modern.py"
    source.write_text("match 1:\n    case _: pass\n")

    with pytest.raises(SyntaxError):
        compile_mpy(source, "modern.py")


def echo(peer):
    while True:
        data = peer.recv(65536)
        if not data or data == b"!":
            return
        peer.sendall(data)


PLAIN_TRAPS = {
    "lacks": [],
    "connect at timeout 0": "ETIMEDOUT",
    "connect": None,
    "nothing yet": "EAGAIN",
    "idle ipoll": 0,
    "one send": 5760,
    "echoed": 5760,
    "full": "EAGAIN",
    "other bytes": 3,
    "arrived": "two",
    "end shows as": True,
    "end": "ENOTCONN",
    "modify unregistered": "ENOENT",
    "closed": "EBADF",
    "digest twice": True,
    "unknown hash": "ValueError",
    "done": True,
}

TLS_TRAPS = {
    **PLAIN_TRAPS,
    "empty ca": "ValueError",
    "no hostname": -0x5D80,
    "one send": 2048,
    "echoed": 2048,
    "arrived": "one",
    "end": 0,
}


def test_the_plain_sockets_of_the_shims_have_the_traps_of_a_board(vm):
    with RawServer(echo) as server:
        result = vm.run("traps", {"host": server.host, "port": server.port, "most": 5760})

    assert {line["event"]: line["value"] for line in result.events} == PLAIN_TRAPS, result


def test_the_tls_sockets_of_the_shims_have_the_traps_of_a_board(vm, tmp_path):
    ca = ThrowawayCa(tmp_path)
    with RawServer(echo, tls=ca.server_context("localhost")) as server:
        options = {"host": "localhost", "port": server.port, "ca": ca.pem, "most": 2048}
        result = vm.run("traps", options)

    assert {line["event"]: line["value"] for line in result.events} == TLS_TRAPS, result


def test_polling_a_closed_tls_socket_ends_the_program_as_it_crashes_a_board(vm, tmp_path):
    ca = ThrowawayCa(tmp_path)
    with RawServer(echo, tls=ca.server_context("localhost")) as server:
        options = {
            "host": "localhost",
            "port": server.port,
            "ca": ca.pem,
            "most": 2048,
            "crash": True,
        }
        result = vm.run("traps", options)

    assert "HARD FAULT" in result.output + result.errors, result
    assert result.all("done") == []


def test_the_heap_of_the_vm_is_a_real_limit(vm):
    result = vm.run("imports", {"modules": ["nerveshub_link"]}, heap=16 * 1024)

    assert "MemoryError" in result.output + result.errors, result
