# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""The console, its files and scripts inside MicroPython, with a hub over real sockets."""

import base64
import threading

import pytest
from nerveshub_tools.server import HubThread
from support.terminal import Screen
from support.vm import Vm, build, heap_limit

pytestmark = pytest.mark.vm

PROMPT = ">>> "


@pytest.fixture(scope="module")
def vm(micropython, tmp_path_factory):
    return Vm(micropython, build(tmp_path_factory.mktemp("drive") / "mpy"))


class Board:
    """A VM at a hub, and its operator."""

    def __init__(self, vm, hub, heap=None, **options):
        self.hub = hub
        self.result = None
        options = {
            "host": "localhost",
            "port": hub.port,
            "product_key": hub.product_key,
            "product_secret": hub.product_secret,
            "identifier": "board",
            **options,
        }

        def run():
            self.result = vm.run("console", options, heap=heap or heap_limit(vm))

        self._thread = threading.Thread(target=run)
        self._thread.start()

    def __enter__(self):
        self.hub.wait(lambda hub: "console" in self._topics(hub))
        return self

    def __exit__(self, *_):
        self._thread.join()

    @staticmethod
    def _topics(hub):
        return hub.device("board").topics if "board" in hub.identifiers() else ()

    @property
    def console(self):
        return self.hub.device("board").console

    def push(self, event, payload):
        self.hub.push("board", "console", event, payload)

    def type(self, keys, until):
        """Type, and wait for a text that comes after what is there; return what came."""
        before = len(self.console)
        self.push("dn", {"data": keys})
        self.hub.wait(lambda hub: until in hub.device("board").console[before:])
        return self.console[before:]

    def stop(self):
        self.push("dn", {"data": "stop()\r"})
        self._thread.join()
        return self.result

    def files(self):
        events = self.hub.device("board").events
        return [(event, payload) for topic, event, payload in events if event.startswith("file-")]


def test_a_session_with_a_block_an_error_completion_files_and_a_script_fits_into_160_kb(vm):
    with HubThread() as hub, Board(vm, hub) as board:
        board.push("window_size", {"height": 24, "width": 80})
        hub.wait(lambda hub: PROMPT in hub.device("board").console)
        board.type("memory('open')\r", "\n" + PROMPT)
        board.type("def double(x):\r    return 2 * x\r\r", "... \r\n" + PROMPT)
        assert "\r\n84\r\n" in board.type("double(42)\r", "\n" + PROMPT)
        assert board.type("1 // 0\r", "\n" + PROMPT).split("\r\n")[1:-1] == [
            "Traceback (most recent call last):",
            '  File "<console>", line 1, in <module>',
            "ZeroDivisionError: divide by zero",
        ]
        assert "double" in board.type("dou\t", "ble")
        assert "\r\n6\r\n" in board.type("(3)\r", "\n" + PROMPT)
        image = bytes(range(256)) * 20
        board.push("file-data/start", {"filename": "../up load.bin", "uploaded_by": 1})
        for at in range(0, len(image), 1024):
            data = base64.b64encode(image[at : at + 1024]).decode()
            payload = {"filename": "../up load.bin", "chunk": 0, "data": data}
            board.push("file-data", payload)
        board.push("file-data/stop", {"filename": "../up load.bin", "uploaded_by": 1})
        hub.wait(lambda hub: "5120 bytes received]" in hub.device("board").console)
        board.type("download('uploads/up load.bin')\r", "5120 bytes sent]")
        events = board.files()
        assert events[0] == ("file-data/start", {"filename": "up load.bin"})
        assert events[-1] == ("file-data/stop", {"filename": "up load.bin"})
        chunks = [payload for _, payload in events[1:-1]]
        assert [chunk["chunk"] for chunk in chunks] == [0, 1, 2, 3, 4]
        assert b"".join(base64.b64decode(chunk["data"]) for chunk in chunks) == image
        ref = hub.run_script("board", "print('ran')\n[x * x for x in range(4)]\n")
        hub.wait(lambda hub: hub.device("board").scripts[ref] is not None)
        assert hub.device("board").scripts[ref] == "ran\n\n[0, 1, 4, 9]"
        board.type("memory('used')\r", "\n" + PROMPT)
        result = board.stop()
    assert hub.violations == []
    assert result.one("end") == {"event": "end", "state": "joined", "error": None}, result
    print([(line["at"], line["bytes"]) for line in result.all("memory")])
