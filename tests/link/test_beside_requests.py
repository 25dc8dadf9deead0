# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
An application that fetches something itself with adafruit_requests, over the link's socket pool and
connection manager: both work side by side, and when something runs out, each says so and goes on.
"""

import hashlib
import random

import adafruit_requests
import pytest
from adafruit_connection_manager import connection_manager_close_all
from nerveshub_tools.server import HubThread
from nerveshub_tools.tls import ServerTls
from support.ca import ThrowawayCa
from support.fault_bench import META, Device
from support.raw_server import RawServer
from support.vm import LIBRARIES, Vm, build

IMAGE = random.Random(11).randbytes(300_000)
NEW = dict(META, uuid="new", version="2.0.0")


def documents(peer):
    """Answer each request on a connection, as long as it is kept, with a small document."""
    head, body = b"", b'{"temperature": 21}'
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    try:
        while True:
            part = peer.recv(4096)
            if not part:
                return
            head += part
            if head.endswith(b"\r\n\r\n"):
                head = b""
                peer.sendall(answer)
    except OSError:
        pass  # the application has closed it


class Workshop:
    """A hub with a release to offer, a server of documents, and what a device must trust."""

    def __init__(self, folder, tls):
        ca = ThrowawayCa(folder)
        self._tls = ServerTls(*ca.issue("localhost", "127.0.0.1")) if tls else None
        self.pem = ca.pem if tls else None
        self.context = ca.client_context() if tls else None
        self.hub = HubThread(tls=self._tls)
        self._documents = RawServer(documents, tls=self._tls and self._tls.context())

    def __enter__(self):
        self.hub.__enter__()
        server = self._documents.__enter__()
        scheme = "https" if self._tls else "http"
        self.url = "%s://localhost:%d/now.json" % (scheme, server.port)
        return self

    def __exit__(self, *raised):
        self._documents.__exit__(*raised)
        self.hub.__exit__(*raised)


@pytest.fixture(params=[False, True], ids=["plain", "tls"])
def desk(request, tmp_path):
    with Workshop(tmp_path, request.param) as made:
        yield made
        assert made.hub.violations == []


# With real sockets


class Application:
    """Fetches a document in each twentieth turn of its main loop."""

    def __init__(self, desk, device):
        self._session = adafruit_requests.Session(device._pool, desk.context)
        self._url = desk.url
        self.fetched = 0
        self._turns = 0

    def turn(self):
        self._turns += 1
        if self._turns % 20 == 0:
            self.fetch()
        return True

    def fetch(self):
        with self._session.get(self._url, timeout=5) as response:
            assert response.json() == {"temperature": 21}
        self.fetched += 1


def device_at(desk):
    return Device(desk.hub, IMAGE, ssl_context=desk.context)


def test_both_work_side_by_side_during_a_download_and_a_reconnect(desk):
    with device_at(desk) as device:
        application = Application(desk, device)
        device.until(lambda: application.turn() and device.link.connected)
        desk.hub.push_update("dev-1", desk.hub.add_firmware(IMAGE, NEW))
        device.until(lambda: application.turn() and device.writer._bytes)
        assert not device.writer.commits
        device.link.reconnect()
        device.until(lambda: application.turn() and device.client.named("reboot"))
        assert (device.writer.commits, device.writer.wrong) == (1, 0)
        assert device.client.named("fwup_error") == []
        assert application.fetched > 10


def test_an_application_that_closes_all_sockets_is_told_of_and_the_link_comes_back(desk):
    with device_at(desk) as device:
        application = Application(desk, device)
        device.until(lambda: device.link.connected)
        application.fetch()
        connection_manager_close_all(device._pool)
        device.until(lambda: not device.link.connected)
        assert "connection_manager_close_all" in device.link.last_error
        device.until(lambda: device.link.connected)
        application.fetch()
        desk.hub.push_update("dev-1", desk.hub.add_firmware(IMAGE, NEW))
        device.until(lambda: device.writer._bytes)
        connection_manager_close_all(device._pool)
        device.until(lambda: device.client.named("reboot"))
        assert (device.writer.commits, device.writer.wrong) == (1, 0)
        application.fetch()


# In the VM, whose sockets have a board's traps


@pytest.fixture(scope="module")
def vm(micropython, tmp_path_factory):
    folder = tmp_path_factory.mktemp("drive") / "mpy"
    return Vm(micropython, build(folder, libraries=(*LIBRARIES, "adafruit_requests")))


def run(vm, desk, heap=256 * 1024, **options):
    """Run the application until the update is installed and it has fetched once more."""
    hub = desk.hub
    hub.deploy(hub.add_firmware(IMAGE, {**NEW, "platform": "b", "architecture": "a"}))
    options.update(host="localhost", port=hub.port, url=desk.url)
    options.update(product_key=hub.product_key, product_secret=hub.product_secret)
    if desk.pem:
        options["ca"] = desk.pem
    result = vm.run("beside_requests", options, heap=heap)
    assert result.code == 0, result
    assert [line["sha256"] for line in result.all("finish")] == [
        hashlib.sha256(IMAGE).hexdigest()
    ], result
    assert result.one("reboot") and result.one("end")["works"], result
    return result


@pytest.mark.vm
def test_on_a_board_an_application_fetches_while_an_update_goes_on(vm, desk):
    result = run(vm, desk)
    assert result.one("errors") == {"event": "errors", "application": [], "link": None}, result
    assert result.one("end")["fetched"] > 3, result
    assert [line["reason"] for line in result.all("disconnected")] == ["deinit() was called"], (
        result
    )


@pytest.mark.vm
def test_on_a_board_closing_all_sockets_crashes_nothing(vm, desk):
    # poll() on a closed TLS socket would.
    result = run(vm, desk, close_all=["joined", "download", "connecting"])
    assert len(result.all("close_all")) >= 2, result
    reasons = [line["reason"] for line in result.all("disconnected")]
    assert any("connection_manager_close_all" in reason for reason in reasons), result


@pytest.mark.vm
def test_on_a_board_without_a_second_socket_the_download_and_the_application_take_turns(vm, desk):
    result = run(vm, desk, sockets=1)
    assert any("Out of sockets" in words for words in result.one("errors")["application"]), result
    assert "making room for the download" in [line["reason"] for line in result.all("disconnected")]


@pytest.mark.vm
def test_on_a_board_an_answer_that_the_application_keeps_open_does_not_stop_the_update(vm, desk):
    result = run(vm, desk, sockets=2, hold=True)
    assert "making room for the download" in [line["reason"] for line in result.all("disconnected")]


@pytest.mark.vm
def test_on_a_board_without_memory_each_says_so_and_both_come_back(vm, desk):
    result = run(vm, desk, hog=True)
    hogged = result.one("hogged")
    assert hogged["application"], result
    assert hogged["error"], result
