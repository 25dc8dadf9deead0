# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""The console, its files and scripts inside MicroPython, with a hub over real sockets."""

import base64
import threading

import pytest
from nerveshub_tools.server import HubThread
from support.vm import Vm, build

pytestmark = pytest.mark.vm

PROMPT = ">>> "
IMAGE = bytes(range(256)) * 20
# A joined link without console and scripts, and so much more, 6 KB of it more than was measured.
# The console's names may make the VM take a larger table of names: 9 KB in one piece.
# Pointers take half of the memory; a board has those of 32 bits.
ROOM = {64: 84 * 1024, 32: 66 * 1024}


@pytest.fixture(scope="module")
def drive(tmp_path_factory):
    return build(tmp_path_factory.mktemp("drive") / "mpy")


@pytest.fixture(scope="module", params=ROOM)
def bits(request):
    return request.param


@pytest.fixture(scope="module")
def vm(bits, request, drive):
    return Vm(request.getfixturevalue("micropython" if bits == 64 else "micropython_32"), drive)


@pytest.fixture(scope="module")
def heap(vm, bits):
    """Bytes of memory in which all of this has to happen."""
    with HubThread() as hub:
        result = vm.run("console", {**options_for(hub), "on": False}, heap=1024 * 1024)
    return result.all("memory")[0]["bytes"] + ROOM[bits]


def options_for(hub):
    return {
        "host": "localhost",
        "port": hub.port,
        "product_key": hub.product_key,
        "product_secret": hub.product_secret,
        "identifier": "board",
    }


class Board:
    """A VM at a hub, and its operator."""

    def __init__(self, vm, hub, heap, **options):
        self.hub = hub
        self.result = None
        self._told = []
        self._changed = threading.Condition()
        options = {
            **options_for(hub),
            "console": {"upload_folder": "uploads"},
            **options,
        }

        def run():
            self.result = vm.run("console", options, heap=heap, timeout=120, told=self._tell)

        self._thread = threading.Thread(target=run)
        self._thread.start()

    def __enter__(self):
        self.wait(lambda device: "console" in device.topics)
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            self._thread.join()
            print(self.result)

    def wait(self, condition):
        """Wait until something is so of the device."""

        def look(hub):
            return "board" in hub.identifiers() and condition(hub.device("board"))

        self.hub.wait(look)

    def _tell(self, line):
        with self._changed:
            self._told.append(line["event"])
            self._changed.notify_all()

    def wait_told(self, event, times):
        """Wait until the program has printed so many lines with this ``"event"``."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._told.count(event) == times, 60)

    def push(self, event, payload):
        self.hub.push("board", "console", event, payload)

    def after(self, action, until=PROMPT):
        """Do something, and wait for a text behind what is there; return what came."""
        before = len(self.hub.device("board").console)
        action()
        self.wait(lambda device: until in device.console[before:])
        return self.hub.device("board").console[before:]

    def open(self):
        """What a browser does when somebody opens the page."""
        return self.after(lambda: self.push("window_size", {"height": 24, "width": 80}))

    def type(self, keys, until="\n" + PROMPT):
        return self.after(lambda: self.push("dn", {"data": keys}), until)

    def upload(self, name, data):
        self.push("file-data/start", {"filename": name, "uploaded_by": 1})
        for at in range(0, len(data), 1024):
            chunk = base64.b64encode(data[at : at + 1024]).decode()
            self.push("file-data", {"filename": name, "chunk": 0, "data": chunk})
        self.push("file-data/stop", {"filename": name, "uploaded_by": 1})

    @property
    def files(self):
        events = self.hub.device("board").events
        return [(event, payload) for topic, event, payload in events if event.startswith("file-")]

    def ended(self):
        """The result of a program that ends by itself."""
        self._thread.join()
        return self.result

    def stop(self):
        self.push("dn", {"data": "stop()\r"})
        return self.ended()


def test_a_block_an_error_completion_files_and_a_script_fit_into_a_small_heap(vm, heap):
    with HubThread() as hub, Board(vm, hub, heap) as board:
        assert "board, micropython 1." in board.open()
        board.type("def double(x):\r    return 2 * x\r\r", "... \r\n" + PROMPT)
        assert "\r\n84\r\n" in board.type("double(42)\r")
        assert board.type("1 // 0\r").split("\r\n")[1:-1] == [
            "Traceback (most recent call last):",
            '  File "<console>", line 1, in <module>',
            "ZeroDivisionError: divide by zero",
        ]
        board.type("dou\t", "ble")
        assert "\r\n6\r\n" in board.type("(3)\r")
        assert "path" in board.type("import sys\rsys.\t", "version")
        board.type("\x03")

        (vm.folder / "uploads" / "up load.bin").unlink(missing_ok=True)  # of the other VM
        board.after(lambda: board.upload("../up load.bin", IMAGE), "5120 bytes received]")
        board.type("download('uploads/up load.bin')\r", "5120 bytes sent]")
        assert board.files[0] == ("file-data/start", {"filename": "up load.bin"})
        assert board.files[-1] == ("file-data/stop", {"filename": "up load.bin"})
        chunks = [payload for _, payload in board.files[1:-1]]
        # Five, or more of them where the heap has no room for one of 1,024 bytes.
        assert [chunk["chunk"] for chunk in chunks] == list(range(len(chunks)))
        assert b"".join(base64.b64decode(chunk["data"]) for chunk in chunks) == IMAGE

        ref = hub.run_script("board", "print('ran')\n[x * x for x in range(4)]\n")
        board.wait(lambda device: device.scripts[ref] is not None)
        assert hub.device("board").scripts[ref] == "ran\n\n[0, 1, 4, 9]"
        result = board.stop()

    assert hub.violations == []
    assert result.one("end") == {"event": "end", "state": "joined", "error": None}, result


def test_a_paste_of_70_kb_in_one_frame_is_refused_in_words_and_the_prompt_lives(vm, heap):
    with HubThread() as hub, Board(vm, hub, heap) as board:
        board.open()
        told = board.type("x = '" + "y" * 70_000 + "'\r", "are allowed]\r\n" + PROMPT)
        assert "bytes was skipped; at most 16384 bytes (max_message_size) are allowed]" in told
        assert "\r\n2\r\n" in board.type("1 + 1\r")
        result = board.stop()

    assert result.one("end")["state"] == "joined", result
    assert hub.violations == []


@pytest.mark.parametrize("bits", [32], indirect=True)  # one is enough: it takes its 270 ticks
def test_a_paste_of_70_kb_in_one_frame_runs_where_the_application_gave_room_for_it(vm, heap):
    paste = "".join("total += %4d  # %s\r" % (number, "y" * 900) for number in range(80))
    with (
        HubThread() as hub,
        Board(vm, hub, heap + 600 * 1024, link={"max_message_size": 131072}) as board,
    ):
        board.open()
        board.type("total = 0\r")
        board.push("dn", {"data": paste + "print('sum', total)\r"})
        wanted = "sum %d\r\n" % sum(range(80))
        hub.wait(lambda hub: wanted in hub.device("board").console, 60)
        board.stop()

    assert hub.violations == []


def test_a_closed_prompt_gives_its_memory_back_and_opens_again(vm, heap):
    with HubThread() as hub, Board(vm, hub, heap) as board:
        for _ in range(3):
            board.open()
            board.type("memory('open')\r")
            board.type("exit()\r", "any key opens it again]")
            ref = hub.run_script("board", "link.memory = 1")
            board.wait(lambda device: device.scripts[ref] is not None)
        board.open()
        board.type("wait(299)\r")
        board.type("wait(301)\r", "[prompt closed after 300 s without a key]")
        board.open()
        result = board.stop()

    opened = [line["bytes"] for line in result.all("memory") if line["at"] == "open"]
    assert len(opened) == 3
    assert max(opened) - min(opened) < 1024, opened
    assert hub.violations == []


def test_idle_polls_allocate_nothing_with_a_prompt_and_without_one(vm, heap):
    with HubThread() as hub, Board(vm, hub, heap) as board:
        ref = hub.run_script("board", "idle()")
        board.wait(lambda device: device.scripts[ref] is not None)
        # What comes while it measures would be measured, and without a garbage collector.
        board.wait_told("idle", 1)
        board.open()
        board.type("idle()\r")
        board.wait_told("idle", 2)
        result = board.stop()

    assert [line["bytes"] for line in result.all("idle")] == [0, 0], result


def test_a_console_that_nobody_uses_imports_nothing_of_it(vm, heap):
    with HubThread() as hub, Board(vm, hub, heap) as board:
        ref = hub.run_script("board", "stop()")
        board.wait(lambda device: device.scripts[ref] is not None)
        board._thread.join()

    modules = {name.rpartition(".")[2] for name in board.result.all("memory")[0]["modules"]}
    later = {"console_session", "code_runner", "line_editor", "output_buffer", "file_transfer"}
    assert "console" in modules and "scripts" in modules
    assert not modules & later
    # The script needed some of them for a moment.
    assert (
        not {name.rpartition(".")[2] for name in board.result.all("memory")[1]["modules"]} & later
    )


@pytest.mark.parametrize(
    "text",
    [
        "kept = []\ntry:\n  while True: kept.append(bytearray(48))\nexcept MemoryError: pass\n",
        "kept = []\nwhile True: kept.append(bytearray(48))\n",
        "print('x' * 4000, end='')\n'y' * 4000",
    ],
    ids=["all of it, and an end", "all of it", "a long answer"],
)
def test_a_script_is_answered_whatever_memory_it_takes(vm, bits, heap, text):
    with HubThread() as hub, Board(vm, hub, heap - 20 * 1024 * bits // 32) as board:
        for more in ("", "print('x' * 4000)"):
            ref = hub.run_script("board", text + more)
            board.wait(lambda device, ref=ref: device.scripts[ref] is not None)
        ref = hub.run_script("board", "6 * 7")
        board.wait(lambda device: device.scripts[ref] is not None)
        assert hub.device("board").scripts[ref] == "42"
        hub.run_script("board", "stop()")  # the console would need more memory than there is
        result = board.ended()

    assert result.one("end")["state"] == "joined", result
    assert hub.violations == []
