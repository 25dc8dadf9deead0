# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""All five extensions beside the link, inside MicroPython, within a small heap."""

import base64
import threading

import pytest
from nerveshub_tools.server import HubThread
from support.replay import check_extension_event
from support.vm import Vm, build

pytestmark = pytest.mark.vm

ARCHIVE = bytes(range(256)) * 200
UUID = "19f0bd7b-932a-5f8c-b810-25ab44c051ab"
META = {"uuid": UUID, "version": "1.1.0", "platform": "board", "architecture": "xtensa"}


def heap_limit(vm):
    """
    Bytes of heap for everything at once, 8 KB above what is needed on the VM with 32 bits. Pointers
    take half of the memory, and a board's have 32 bits; the other VM gets the same share.
    """
    return (172 if vm.is_32_bit else 250) * 1024


@pytest.fixture(params=["64 bits", "32 bits"])
def vm(request, micropython, tmp_path):
    if request.param == "32 bits":
        micropython = request.getfixturevalue("micropython_32")
    return Vm(micropython, build(tmp_path / "mpy"))


def said(hub, event):
    return [payload for _, name, payload in hub.device("board").events if name == event]


def shown(hub):
    return "".join(payload["data"] for payload in said(hub, "local_shell:shell_output"))


def identify_when_joined(hub):
    hub.wait(lambda one: "$ " in shown(one))
    hub.identify("board")


class Operator:
    """Types a line when the prompt is there, one after the other, from a thread of its own."""

    def __init__(self, hub, *lines):
        self._hub = hub
        self._lines = lines
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._thread.join(20)

    def _work(self):
        for count, line in enumerate(self._lines, 1):
            self._hub.wait(lambda hub, count=count: shown(hub).count("$ ") >= count)
            self._hub.push("board", "extensions", "local_shell:shell_input", {"data": line + "\r"})


def run(vm, hub, *lines, **more):
    options = {
        "host": "localhost",
        "port": hub.port,
        "product_key": hub.product_key,
        "product_secret": hub.product_secret,
        "identifier": "board",
        "lines": 30,
        **more,
    }
    with Operator(hub, *lines, "done"):
        result = vm.run("extensions", options, heap=heap_limit(vm))
    assert result.code == 0, result
    assert result.one("end")["done"], result
    assert hub.violations == []
    for topic, event, payload in hub.device("board").events:
        if topic == "extensions" and event != "phx_join":
            check_extension_event(event, payload)
    return result


def test_all_five_extensions_serve_the_operator_within_a_small_heap(vm):
    (vm.folder / "notes.txt").write_bytes(b"42 \xc3\xa4\n\xed\xa0\x80\n" + b"line\n" * 500)
    with HubThread() as hub:
        result = run(vm, hub, "ls", "cat notes.txt", "py 6 * 7", "free", "py 1/0", "nosuch", "log")
        board = hub.device("board")
        assert {"heap_free_bytes", "mem_used_percent"} <= set(board.health[0]["metrics"])
        assert board.location == {"latitude": 52.5, "longitude": 13.4, "source": "device"}
        assert [identity["service"] for identity in board.identities] == ["iroh"]
        sent = [line["message"] for line in said(hub, "logging:send")]
        assert sent[:-1] == ["line %d" % number for number in range(30)]
        assert sent[-1] == "odd ??????"
        assert board.connections == 1  # the server hangs up where a text is no UTF-8
        text = shown(hub)
    lines = result.one("lines")
    assert lines["sent"] == 31 and lines["least"] >= 250
    assert "notes.txt\r\n" in text
    assert "42 \u00e4\r\n???\r\nline\r\n" in text
    assert text.count("line\r\n") == 500
    assert "\r\n42\r\n$ " in text
    assert " bytes, " in text and "ZeroDivisionError" in text
    assert "nosuch: no such command" in text and "debug and above" in text


def test_archive_keys_and_identify_within_a_small_heap(vm):
    (vm.folder / "archives").mkdir()
    with HubThread() as hub:
        uuid = hub.add_firmware(ARCHIVE, META)
        hub.public_keys += [base64.b64encode(bytes(32)).decode(), "-----BEGIN PUBLIC KEY-----"]
        hub.archive = {
            "uuid": uuid,
            "size": len(ARCHIVE),
            "url": "http://localhost:%d/firmware/1/%s.fw" % (hub.port, uuid),
        }
        threading.Thread(target=identify_when_joined, args=(hub,), daemon=True).start()
        result = run(vm, hub, *["cat boot_out.txt"] * 12, archives="archives")
    path = "archives/" + uuid + ".fw"
    assert (vm.folder / path).read_bytes() == ARCHIVE
    assert result.one("archive") == {
        "event": "archive",
        "path": path,
        "verified": False,
        "size": len(ARCHIVE),
    }
    # Once for each join; on a busy machine there may be a second one.
    keys = {(line["kind"], tuple(line["lengths"])) for line in result.all("keys")}
    assert keys == {("fwup", (32,)), ("archive", (32,))}
    assert [line["step"] for line in result.all("blink")] == [0, 1, 2]
