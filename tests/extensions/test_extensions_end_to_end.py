# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""All five extensions, archives and keys of a real link, with the hub over real sockets."""

import base64
import json
import random

import pytest
from nerveshub_tools.server import HubThread
from support.desk import META
from support.hub_board import Board, tls_of
from support.raw_server import RawServer, read_head
from support.replay import check_extension_event

from nerveshub_link import DOWNLOAD, BoardHealth, GeoIp, LocalShell

DATA = random.Random(11).randbytes(300_000)
KEY = bytes(range(32))


@pytest.fixture
def hub():
    with HubThread() as running:
        yield running
        assert running.violations == []
        assert running.dropped == []


def said(board, event):
    """Payloads of one event that the hub has heard."""
    return [payload for _, name, payload in list(board.device.events) if name == event]


def shown(board):
    """What the operator's terminal was told."""
    return "".join(payload["data"] for payload in said(board, "local_shell:shell_output"))


def type_(hub, keys):
    hub.push("dev-1", "extensions", "local_shell:shell_input", {"data": keys})


def test_all_five_extensions_serve_the_operator(hub, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = "".join("line %d\n" % number for number in range(2000))
    (tmp_path / "log.txt").write_text(text)
    health = BoardHealth()
    identities = [{"service": "iroh", "identifier": "ab" * 32}]
    extensions = {
        "health": health,
        "logging": True,
        "geo": lambda: {"latitude": 52.52, "longitude": 13.405},
        "local_shell": LocalShell(python=True),
        "network_identity": lambda: identities,
    }
    with Board(hub, extensions=extensions) as board:
        for number in range(12):
            board.link.log("info", "line %d" % number)
        board.join()
        board.until(lambda: board.device.health and board.device.location)
        board.until(lambda: board.device.identities)
        assert board.device.health[0]["metrics"]["disk_total_kb"] > 0
        assert board.device.location["source"] == "device"
        assert board.device.identities == identities
        board.until(lambda: len(board.device.logs) == 12)  # over three seconds, none was dropped
        assert [line["message"] for line in board.device.logs] == ["line %d" % n for n in range(12)]
        health.set_alarm("door", "open")
        board.until(lambda: board.device.health[-1].get("alarms") == {"door": "open"})
        board.until(lambda: shown(board).endswith("$ "))
        type_(hub, "py 6 * 7\r")
        board.until(lambda: shown(board).endswith("\r\n42\r\n$ "))
        type_(hub, "cat log.txt\r")
        board.until(lambda: shown(board).endswith("line 1999\r\n\r\n$ "))
        assert text.replace("\n", "\r\n") in shown(board)
        for topic, event, payload in board.device.events:
            if topic == "extensions" and event != "phx_join":
                check_extension_event(event, payload)


def test_archive_and_keys_reach_the_device_over_tls(tmp_path):
    ca, tls = tls_of(tmp_path)
    folder = tmp_path / "archives"
    folder.mkdir()
    with HubThread(tls=tls) as hub:
        uuid = hub.add_firmware(DATA, dict(META, uuid="19f0bd7b-932a-5f8c-b810-25ab44c051ab"))
        hub.public_keys.append(base64.b64encode(KEY).decode())
        hub.archive = {
            "uuid": uuid,
            "size": len(DATA),
            "version": "1.0.0",
            "description": None,
            "platform": "generic",
            "architecture": "generic",
            "uploaded_at": "2026-11-23T18:26:05",
            "url": "https://%s:%d/firmware/1/%s.fw" % (hub.host, hub.port, uuid),
        }
        options = {"ssl_context": ca.client_context(), "archive_folder": str(folder)}
        with Board(hub, request_public_keys=True, **options) as board:
            board.client.archive_available = lambda info: DOWNLOAD
            board.join().until(lambda: board.client.named("archive_ready"))
            path = str(folder / (uuid + ".fw"))
            assert board.client.named("archive_ready") == [("archive_ready", path, False)]
            assert (folder / (uuid + ".fw")).read_bytes() == DATA
            assert board.link.public_keys == {"fwup": [KEY], "archive": [KEY]}
            assert board.link.connected
        asked = [request for request in hub.requests if "/firmware/" in request[1]]
        with Board(hub, request_public_keys=True, **options) as board:
            board.join()
            board.until(lambda: board.client.named("public_keys"))
            for _ in range(50):
                board.link.poll()
        assert [one for one in hub.requests if "/firmware/" in one[1]] == asked
        assert hub.violations == []


def test_place_by_the_address_comes_from_a_service_over_tls(tmp_path):
    ca, tls = tls_of(tmp_path)
    seen = []

    def where(peer):
        head = read_head(peer).decode()
        seen.append(head)
        nonce = head.split("nonce=")[1].split(" ")[0]
        body = json.dumps({"latitude": "-36.88690", "longitude": "174.76900"}).encode()
        lines = "HTTP/1.1 200 OK\r\nx-nonce: %s\r\nContent-Length: %d\r\n\r\n" % (nonce, len(body))
        peer.sendall(lines.encode())
        peer.sendall(body)

    with RawServer(where, tls=ca.server_context("127.0.0.1")) as service, HubThread(tls=tls) as hub:
        geo = GeoIp("https://%s:%d/" % (service.host, service.port))
        with Board(hub, ssl_context=ca.client_context(), extensions={"geo": geo}) as board:
            board.join().until(lambda: board.device.location)
            assert board.device.location == {
                "latitude": -36.8869,
                "longitude": 174.769,
                "source": "geoip",
            }
        assert len(seen) == 1 and seen[0].startswith("GET /?nonce=")
        assert hub.violations == []
