# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
The operator's page, in a real browser: the hub as the command starts it, a simulated device with
the real library, and a plain one that is written byte by byte (`console_device`).

With NERVESHUB_LINK_PICTURE=docs/_static/hub_page.png it takes the documentation's picture anew.
"""

import importlib.util
import json
import os
import re
import subprocess
import sys
import threading
import urllib.request
from types import SimpleNamespace
from urllib.parse import urlsplit

import hub_replay
import pytest
from hub_wire import Wire
from nerveshub_tools import cli
from nerveshub_tools.simulated_device import FACTORY, SimulatedDevice
from support import programs
from support.console_device import ConsoleDevice

ROOT = hub_replay.Path(__file__).resolve().parents[2]
TIMEOUT = 20_000
NEW = {**FACTORY, "uuid": "00000000-0000-4000-8000-000000000002", "version": "2.0.0"}
LINES = [
    ("info", "application 1.4.2 has started"),
    ("info", "joined the network, -57 dBm"),
    ("warning", "sensor answered late: 412 ms"),
    ("debug", "wrote 12 samples"),
    ("error", "OSError: [Errno 19] No such device"),
]


@pytest.fixture(name="hub", scope="module")
def hub_with_page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("firmware")
    (folder / "demo.bin").write_bytes(os.urandom(300_000))
    (folder / "demo.bin.json").write_text(json.dumps(NEW))
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "nerveshub_tools", "hub", str(folder)]
        + ["--port", "0", "--page", "--page-port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
        env={
            **{name: value for name, value in os.environ.items() if name[:7] != "PYTEST_"},
            "PYTHONPATH": str(ROOT / "tools"),
        },
    )
    with process:
        lines = []
        while not lines or "# curl" not in lines[-1]:
            lines.append(process.stdout.readline())
            assert lines[-1], lines
        text = "".join(lines)
        # What it says of each message must be read, or it waits when the pipe is full.
        reader = threading.Thread(target=lambda: lines.extend(process.stdout))
        reader.start()
        yield SimpleNamespace(
            folder=folder,
            process=process,
            url=re.search(r"# page for the operator: (\S+)", text)[1],
            port=int(re.search(r"PORT = (\d+)", text)[1]),
            key=re.search(r'KEY = "(.*)"', text)[1],
            secret=re.search(r'SECRET = "(.*)"', text)[1],
        )
        process.terminate()
        reader.join()
        assert process.wait(20) == 0
    assert "Traceback" not in "".join(lines), "".join(lines)
    kept = [".nerveshub-hub.json", "demo.bin", "demo.bin.json"]
    assert sorted(path.name for path in folder.iterdir()) == kept


def api(hub, path):
    with urllib.request.urlopen(f"http://localhost:{hub.port}/api{path}", timeout=10) as answer:
        return json.load(answer)["data"]


@pytest.fixture(name="browser", scope="module")
def real_browser(chromium, node):
    from playwright.sync_api import Error, sync_playwright  # not there on every machine

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PLAYWRIGHT_NODEJS_PATH", node)
        with sync_playwright() as playwright:
            options = ["--no-sandbox"] if sys.platform == "linux" and os.geteuid() == 0 else []
            try:
                browser = playwright.chromium.launch(executable_path=chromium, args=options)
            except Error as error:
                told = "; ".join(str(error).split("\n")[:2])
                programs.missing(f"{chromium} does not start: {told}", programs.BROWSER)
            yield browser
            browser.close()


@pytest.fixture(name="page")
def quiet_page(browser):
    """A page; in the end nothing was asked from elsewhere, and nothing went wrong in it."""
    page = browser.new_page(viewport={"width": 1360, "height": 900})
    page.set_default_timeout(TIMEOUT)
    asked, complaints = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda websocket: asked.append(websocket.url))
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    page.close()
    # A picture may be carried inside a style sheet (data:).
    hosts = {urlsplit(url).hostname for url in asked if not url.startswith(("data:", "blob:"))}
    assert hosts <= {"localhost"}
    assert asked
    assert not complaints


@pytest.fixture(name="board")
def plain_device(hub):
    with ConsoleDevice(hub.port, hub.key, hub.secret, "feather-12") as board:
        board.wait(lambda board: any(event == "health:check" for _, event, _ in board.received))
        yield board


def shown(page, kind="console"):
    """The terminal, as soon as it shows its prompt."""
    terminal = page.locator(f".terminal-{kind} .xterm-rows")
    terminal.get_by_text(">>>" if kind == "console" else "$").first.wait_for()
    page.locator(f".terminal-{kind}").click()
    return terminal


def typed(board):
    return "".join(fields["data"] for _, event, fields in board.received if event == "dn")


def sizes(board):
    return [fields for _, event, fields in board.received if event == "window_size"]


def test_page_without_a_device_shows_the_lines_for_its_settings(hub, page):
    # The first test of this module: later, the hub knows devices.
    page.goto(hub.url)
    code = page.locator(".waiting .code")
    code.wait_for()
    assert code.inner_text().splitlines() == [
        "# only this computer can reach it; with --host 0.0.0.0, boards can, too",
        'NERVESHUB_HOST = "127.0.0.1"',
        f"NERVESHUB_PORT = {hub.port}",
        "NERVESHUB_SSL = 0",
        f'NERVESHUB_PRODUCT_KEY = "{hub.key}"',
        f'NERVESHUB_PRODUCT_SECRET = "{hub.secret}"',
    ]


def test_expression_typed_into_the_terminal_is_answered(hub, page, board):
    page.goto(hub.url + "devices/feather-12")
    terminal = shown(page)
    page.keyboard.type("1+1\n")
    terminal.get_by_text(re.compile(r"^2\s*$")).wait_for()
    assert api(hub, "/devices/feather-12/console")["text"].endswith(">>> 1+1\r\n2\r\n>>> ")


def test_update_is_pushed_and_watched_until_the_new_version_runs(hub, page, tmp_path):
    told = Told()
    options = {"host": "localhost", "port": hub.port, "ssl": False, "confirm_after": 1}
    secret = {"product_key": hub.key, "product_secret": hub.secret}
    device = SimulatedDevice(
        tmp_path, told.add, identifier="desk 1", console=has_console(), **options, **secret
    )
    with device:
        page.goto(hub.url)
        page.locator(".device-row", has_text="desk 1").click()
        page.locator(".head .version", has_text="1.0.0").wait_for()
        if has_console():
            terminal = shown(page)
            page.keyboard.type("1+1\n")
            terminal.get_by_text(re.compile(r"^2\s*$")).wait_for()
        page.get_by_role("button", name="Push").click()
        page.locator('.bar[aria-valuenow="1"]').wait_for()
        page.locator(".bar-text", has_text="updated to 2.0.0").wait_for()
        page.locator(".head .version", has_text="2.0.0").wait_for()
        page.locator(".head .chip", has_text="confirmed").wait_for()
        assert page.get_by_role("button", name="Push").is_disabled()
        page.get_by_role("button", name="Reboot").click()
        # It may be back before the page has looked again, which it does now and then.
        told.wait("reboot", 2)
        told.wait("connected", 3)
        page.locator(".head .dot.on").wait_for()
    assert told.names.count("reboot") == 2
    assert api(hub, "/devices/desk%201/state")["meta"]["uuid"] == NEW["uuid"]
    assert not api(hub, "/hub")["violations"]


class Told:
    """The names of what a simulated device has told, in order."""

    def __init__(self):
        self.names = []
        self._changed = threading.Condition()

    def add(self, event):
        with self._changed:
            self.names.append(event["event"])
            self._changed.notify_all()

    def wait(self, name, times):
        with self._changed:
            assert self._changed.wait_for(lambda: self.names.count(name) >= times, 20), self.names


def has_console():
    """Does the library have its console yet?"""
    return importlib.util.find_spec("nerveshub_link.console.console") is not None


def test_pasted_lines_arrive_whole_and_a_new_size_is_told(hub, page, board):
    page.goto(hub.url + "devices/feather-12")
    terminal = shown(page)
    paste = "".join(f"{number} * 2\n" for number in range(200))
    page.evaluate(
        """text => {
            const data = new DataTransfer();
            data.setData('text/plain', text);
            document.activeElement.dispatchEvent(
                new ClipboardEvent('paste', {clipboardData: data, bubbles: true}));
        }""",
        paste,
    )
    terminal.get_by_text(re.compile(r"^398\s*$")).wait_for()
    board.wait(lambda board: typed(board) == paste.replace("\n", "\r"))
    board.wait(sizes)
    before = sizes(board)[-1]
    page.set_viewport_size({"width": 1360, "height": 1300})
    board.wait(lambda board: sizes(board)[-1]["height"] > before["height"])
    assert sizes(board)[-1]["width"] == before["width"]


def test_page_opened_later_shows_what_was_printed_before(hub, page, board):
    board.send("console", "up", {"data": "long ago\r\n>>> "})
    page.goto(hub.url + "devices/feather-12")
    shown(page).get_by_text("long ago").wait_for()


def test_local_shell_has_a_terminal_of_its_own(hub, page, board):
    board.files["code.py"] = b""
    page.goto(hub.url + "devices/feather-12")
    page.get_by_role("button", name="Local shell").click()
    terminal = shown(page, "shell")
    page.keyboard.type("ls\n")
    terminal.get_by_text("code.py").wait_for()
    told = "local_shell:window_size"
    board.wait(lambda board: any(e == told and f["rows"] > 10 for _, e, f in board.received))


def test_files_go_to_the_device_and_come_from_it(hub, page, board, tmp_path):
    data = os.urandom(70_000)
    (tmp_path / "points.bin").write_bytes(data)
    page.goto(hub.url + "devices/feather-12")
    page.get_by_role("tab", name="Files").click()
    page.locator(".upload input[type=file]").set_input_files(tmp_path / "points.bin")
    board.wait(lambda board: any(event == "file-data/stop" for _, event, _ in board.received))
    assert board.files["points.bin"] == data
    board.offer_file("../log.txt", b"it was me\n" * 300)
    page.locator(".files", has_text="../log.txt").wait_for()
    with page.expect_download() as saved:
        page.locator(".files button", has_text="download").click()
    assert saved.value.suggested_filename == "log.txt"
    assert saved.value.path().read_bytes() == b"it was me\n" * 300


def test_script_is_run_and_its_answer_shown(hub, page, board):
    page.goto(hub.url + "devices/feather-12")
    page.get_by_role("tab", name="Script").click()
    # The terminals have text boxes of their own, out of sight.
    page.locator(".script-text textarea").fill("6 * 7")
    page.get_by_role("button", name="Run").click()
    page.locator(".script-answer", has_text="42").wait_for()


def test_buttons_logs_health_and_details(hub, page, board):
    page.goto(hub.url + "devices/feather-12")
    page.get_by_role("button", name="Identify").click()
    board.wait(lambda board: ("device", "identify", {}) in board.received)
    page.get_by_text("Asked the device to show itself").wait_for()
    board.log("error", "<b>no such device</b>")
    page.locator(".log-error", has_text="<b>no such device</b>").wait_for()
    board.report(mem_used_percent=63.5, disk_used_percentage=12)
    page.locator(".tile", has_text="63.5 %").locator("svg").wait_for()
    page.get_by_role("tab", name="Details").click()
    page.locator(".details", has_text="latitude 52.37").wait_for()


def test_page_follows_a_device_that_comes_and_goes(hub, page):
    page.goto(hub.url)
    with ConsoleDevice(hub.port, hub.key, hub.secret, "visitor") as visitor:
        page.locator(".device-row", has_text="visitor").click()
        shown(page)
        page.get_by_role("button", name="Reconnect").click()
        visitor.wait(lambda visitor: visitor.ended)
    page.locator(".head .chip", has_text="offline").wait_for()
    for name in ("Identify", "Reconnect", "Reboot"):
        assert page.get_by_role("button", name=name).is_disabled()
    page.locator(".terminal-console").click()
    page.keyboard.type("x")
    page.get_by_text("visitor is not connected").wait_for()


def box(locator):
    """Left, top, right and bottom edge."""
    found = locator.bounding_box()
    left, top = found["x"], found["y"]
    return left, top, left + found["width"], top + found["height"]


def test_the_last_column_of_the_terminal_is_seen(hub, page, board):
    page.goto(hub.url + "devices/feather-12")
    shown(page)
    board.wait(sizes)
    width = sizes(board)[-1]["width"]
    board.send("console", "up", {"data": "\r\n" + "x" * (width - 1) + "#"})
    page.locator(".terminal-console .xterm-rows").get_by_text("x#").wait_for()
    # Every element around the characters may cut them, xterm.js's own included.
    cut_by = page.evaluate(
        """() => {
            const screen = document.querySelector('.terminal-console .xterm-screen');
            const inner = screen.getBoundingClientRect(), cut = [];
            for (let element = screen.parentElement; ; element = element.parentElement) {
                const outer = element.getBoundingClientRect();
                if (inner.right > outer.right || inner.bottom > outer.bottom)
                    cut.push(element.className);
                if (element.matches('.terminal-console')) return cut;
            }
        }"""
    )
    assert cut_by == []


@pytest.mark.parametrize("width", [1360, 900, 380])
def test_nothing_overlaps_and_nothing_sticks_out_whatever_the_width(hub, page, board, width):
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(hub.url + "devices/feather-12")
    shown(page)
    for step in range(3):
        board.report(mem_used_percent=40 + step, cpu_temp=30, wifi_rssi=-60, uptime_seconds=step)
    page.locator(".tile", has_text="Uptime").wait_for()
    boxes = [box(card) for card in page.locator(".card").all()]
    assert len(boxes) == 6
    for number, (left, top, right, bottom) in enumerate(boxes):
        assert 0 <= left and right <= width
        for other in boxes[number + 1 :]:
            apart = other[0] >= right or other[2] <= left or other[1] >= bottom or other[3] <= top
            assert apart, (boxes[number], other)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width
    if width < 1000:  # below each other: all charts are seen without scrolling in the card
        health = box(page.locator(".health"))
        for tile in page.locator(".tile").all():
            assert health[1] <= box(tile)[1] and box(tile)[3] <= health[3]
    page.get_by_role("tab", name="Details").click()
    value = page.locator(".details dd").first
    value.wait_for()
    left, _, right, _ = box(value)
    assert right - left > 200 and right <= width


def test_picture_for_the_documentation(hub, page, board):
    page.goto(hub.url + "devices/feather-12")
    for step in range(24):
        board.report(
            mem_used_percent=41 + (step * 5 % 7),
            disk_used_percentage=18 + step // 6,
            cpu_temp=38.5 + (step * 7 % 11) / 4,
            wifi_rssi=-57 - (step * 3 % 5),
        )
    for level, message in LINES:
        board.log(level, message)
    terminal = shown(page)
    for line in ("1+1", "'hello from the desk'", "sorted({'b': 1, 'a': 2})"):
        page.keyboard.type(line + "\n")
    terminal.get_by_text("['a', 'b']").wait_for()
    page.get_by_role("button", name="Push").click()
    for progress in range(0, 65, 8):
        board.send("device", "fwup_progress", {"value": progress, "stage": "downloading"})
    page.locator(".head", has_text="downloading 64 %").wait_for()
    page.locator(".tile", has_text="Wi-Fi signal").locator("svg").wait_for()
    if os.environ.get("NERVESHUB_LINK_PICTURE"):
        page.screenshot(path=ROOT / os.environ["NERVESHUB_LINK_PICTURE"])
    board.send("device", "status_update", {"status": "failed", "reason": "only for the picture"})
    page.locator(".head", has_text="only for the picture").wait_for()


def test_page_is_for_its_own_computer_and_its_own_pages_only(hub, chromium):
    port = urlsplit(hub.url).port
    socket = "/_nicegui_ws/socket.io/?EIO=4&transport=websocket"
    foreign = {"Origin": "http://evil.example"}
    with Wire(port) as wire:
        assert wire.request("/", host="evil.example")[0] == 403
    with Wire(port) as wire:
        assert wire.request("/", foreign, host="localhost")[0] == 403
    with Wire(port) as wire:
        head = f"GET {socket} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
        key = "Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        rest = "Sec-WebSocket-Version: 13\r\nOrigin: http://evil.example\r\n\r\n"
        wire.send((head + key + rest).encode())
        assert wire.take(12) == b"HTTP/1.1 403"
    with Wire(port) as wire:
        assert wire.upgrade({}, socket)[0] == 101


def test_hub_without_nicegui_says_how_to_get_the_page(monkeypatch):
    from click.testing import CliRunner

    monkeypatch.setattr(cli.page_package, "is_available", lambda: False)
    result = CliRunner().invoke(cli.main, ["hub", "--page"])
    assert result.exit_code == 1
    assert "pip install './tools[page]'" in result.output
