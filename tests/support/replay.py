# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
Plays a captured transcript of the real server against a real link: the server's messages are sent
to it at the captured times; the captured client's messages are only used to translate its refs into
the link's own. The link's messages are kept, and checked against the rules for any correct client.

What the replay changes, and why:

* ``sec-websocket-accept`` is computed for the link's key.
* Refs in answers become those of the link's own joins and ``<key>:attached``.
* Heartbeats of the link are answered at once, as the real server does; those of the captured
  client were its own, their answers go in as they are: an answer that nobody asked for.
* Where the captured client closed, the link is told to ``reconnect()``.
* ``size`` and checksums of an update or an archive become those of `IMAGE`: the files were not
  captured.
"""

import hashlib
import json
import pathlib
from email.utils import parsedate_to_datetime

from .desk import META, Desk, RecordingClient, RecordingWriter, signature_term
from .fakes import FakeClock
from .raw_server import accept_key, server_frame
from .wires import PONG, TEXT

FOLDER = pathlib.Path(__file__).parent.parent / "data" / "transcripts"
IMAGE = bytes(range(256)) * 30
STATUSES = {"received", "started", "completed", "failed", "ignored", "rescheduled"}
EVENTS = (
    "status_update fwup_progress report_network_interface firmware_validated rebooting scripts/run"
    " connection_types"
).split()


def load(name):
    """The lines of the one transcript that begins with ``name_``."""
    (path,) = FOLDER.glob(name + "_*.jsonl")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def is_upgrade(item):
    """Is this an upgrade request of a device?"""
    if "http" not in item:
        return False
    request = item["http"]["request"].lower()
    return "sec-websocket-key:" in request and "token=" not in request.split("\r\n")[0]


class Line:
    """
    One connection of a transcript, and all that followed it on the same line: a link of its own.

    :param options: those of `NervesHubLink`, over what `Desk` gives
    """

    def __init__(self, **options):
        self.options = options
        self.desk = None
        self.peer = None
        self.said = []
        """Every frame of the link, of all connections: Phoenix messages and ``("close", code)``."""
        self.joins = []
        """Payloads of all joins of ``device``."""
        self.requests = []
        """Headers of all upgrade requests."""
        self.echoed = []
        """Codes of the server's close frames, all echoed."""
        self.connections = 0
        self.restarts = 0
        self.meta = META
        self.open = False
        self._time = 0
        self._refs = {}
        self._from = 0  # where in ``said`` the present connection begins
        self._start(1_795_458_000)

    def _start(self, unix_time, **options):
        writer = RecordingWriter(meta=self.meta, validated=self.restarts == 0)
        given = {"fwup_writer": writer, "client": RecordingClient()}
        given.update(self.options)
        given.update(options)
        clock = FakeClock(ticks=(1 << 29) - 5000, unix_time=unix_time)
        self.desk = Desk(clock=clock, **given)

    # One line after the other

    def play(self, item):
        """Let the time of one line come, and do what it says."""
        self.wait(max(item["t"] - self._time, 0))
        self._time = item["t"]
        if is_upgrade(item):
            self._upgrade(item["http"])
        elif not self.open:
            return
        elif item.get("dir") == "server":
            self._server(item)
        elif item.get("dir") == "client":
            self._client(item)

    def wait(self, seconds):
        """Let time pass, serve downloads, answer heartbeats, and hear."""
        while seconds > 0:
            step = min(seconds, 0.1)
            self.desk.wait(step)
            seconds -= step
            self._hear()

    def _hear(self):
        for peer in self.desk.network.peers:
            if peer.asked and not peer.target.startswith("/device-socket"):
                if not peer.closed and not getattr(peer, "served", False):
                    peer.served = True
                    peer.answer(200, body=IMAGE)
        if self.peer is None:
            return
        for frame in self.peer.heard():
            self.said.append(frame)
            if isinstance(frame, list):
                self._heard(frame)

    def _heard(self, frame):
        if frame[3] == "heartbeat":
            self.peer.reply(frame[1], "phoenix")
        elif frame[3] == "phx_join":
            self._joins[frame[2]] = frame[1]
            self._unanswered.add(frame[2])
            if frame[2] == "device":
                self.joins.append(frame[4])
        self._check(frame)

    def _upgrade(self, http):
        if self.open:
            self.peer.end()
        if self.desk.client.named("reboot"):
            self._restart()
        status = int(http["response"].split(" ")[1])
        head, _, _ = http["response"].partition("\r\n\r\n")
        count = len(self.desk.network.peers)

        def asking():
            peer = self.desk.peer if len(self.desk.network.peers) > count else None
            return peer is not None and peer.asked and peer.target.startswith("/device-socket")

        self._hear()
        self.desk.until(asking, 100, 100)
        self.peer = self.desk.peer
        self.connections += 1
        self.requests.append(self.peer.headers)
        self._check_request()
        lines = [
            line
            for line in head.split("\r\n")
            if not line.lower().startswith("sec-websocket-accept")
        ]
        if status == 101:
            lines.append("sec-websocket-accept: " + accept_key(self.peer.head).decode())
        body = http.get("body", "").encode()
        self.peer.put("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        self.open = status == 101
        self._joins, self._unanswered, self._theirs, self._old = {}, set(), {}, 0
        self._last_ref = 0
        self._joined = set()
        self._from = len(self.said)
        self.wait(0.1)
        assert self.desk.link.state == ("joining" if self.open else self.desk.link.state)
        if not self.open:
            assert self.peer.closed, "a refused connection stays open"

    def _restart(self):
        """The board was restarted by its `Client.reboot`: what is installed now runs."""
        self._hear()
        begun = self.desk.writer.named("fwup_begin")
        if begun:
            self.meta = {key: value for key, value in begun[-1][2].items() if value is not None}
        self.desk.link.deinit()
        self.restarts += 1
        self._start(self.desk.clock.time())

    def _server(self, item):
        if "frame" in item:
            self._message(json.loads(item["frame"]))
        elif item.get("control") == "close":
            if self._leaving():
                self.peer.close(item["code"])
            else:
                self.peer.close(item["code"])
                self.wait(0.1)
                assert self.said[-1] == ("close", item["code"]), "the close was not echoed"
                self.echoed.append(item["code"])
        elif item.get("control") == "pong":
            self.peer.put(server_frame(PONG, item["payload"].encode()))
        elif item.get("event") == "tcp_eof":
            self.peer.end()
            self.open = False
            self.wait(0.1)
            assert not self.desk.link.connected
            assert self.peer.closed
        self.wait(0.05)

    def _leaving(self):
        self._hear()
        return ("close", 1000) in self.said[self._from :]

    def _client(self, item):
        if item.get("control") == "close" and item.get("note") != "echo":
            self._hear()
            self.desk.link.reconnect()
        elif "frame" in item:
            try:
                frame = json.loads(item["frame"])
                _, ref, topic, event, _ = frame
            except ValueError:
                return  # it was no Phoenix message by intent
            if event == "phx_join":
                self._theirs[str(ref)] = topic
            elif isinstance(event, str) and event.endswith(":attached"):
                self._refs[str(ref)] = event

    def _message(self, message):
        join_ref, ref, topic, event, payload = message
        if event == "phx_reply" and self._theirs.get(str(ref)) == topic:
            wanted = [name for name in ("extensions", "console") if name in self.options]
            wanted.append("device")
            if topic in wanted and topic not in self._joined:
                self.desk.until(lambda: self._hear() or topic in self._unanswered, 30)
            if topic in self._unanswered:
                self._unanswered.discard(topic)
                self._theirs[str(ref)] = (topic, self._joins[topic])
                if payload["status"] == "ok":
                    self._joined.add(topic)
        elif event == "phx_reply" and str(ref) in self._refs:
            ref = self._own_ref(self._refs[str(ref)]) or ref
            join_ref = None
        if event in ("phx_error", "phx_close") and self._mine(join_ref) == self._joins.get(topic):
            self._joined.discard(topic)
        if event == "update":
            payload = dict(payload, size=len(IMAGE), checksum=_upper_hex(IMAGE))
            if payload.get("partials_checksums"):
                payload["partials_checksums"] = [_upper_hex(IMAGE)]
        if event == "archive":
            payload = dict(payload, size=len(IMAGE))
        own = self._mine(join_ref)
        if event == "phx_reply" and join_ref is not None:
            ref = own if ref == join_ref else ref
        elif event in ("phx_error", "phx_close"):
            ref = own
        text = json.dumps([own, ref, topic, event, payload], ensure_ascii=False)
        self.peer.put(server_frame(TEXT, text.encode()))

    def _mine(self, join_ref):
        known = self._theirs.get(str(join_ref))
        if join_ref is None:
            return None
        return known[1] if isinstance(known, tuple) else "foreign-" + str(join_ref)

    def _own_ref(self, event):
        for frame in reversed(self.said):
            if isinstance(frame, list) and frame[3] == event:
                return frame[1]
        return None

    # The rules for everything that the link says

    def _check_request(self):
        headers = self.requests[-1]
        assert self.peer.target == "/device-socket/websocket?vsn=2.0.0"
        assert "origin" not in headers
        assert "sec-websocket-extensions" not in headers
        assert "sec-websocket-protocol" not in headers
        assert headers["x-nh-alg"] == "NH1-HMAC-sha256-1000-32"
        assert b"dev-1" in signature_term(headers)

    def _check(self, frame):
        join_ref, ref, topic, event, payload = frame
        assert isinstance(ref, str) and int(ref) > self._last_ref, "refs must rise"
        self._last_ref = int(ref)
        assert isinstance(payload, dict)
        if topic == "phoenix":
            assert (join_ref, event, payload) == (None, "heartbeat", {})
            return
        assert topic in ("device", "extensions", "console")
        if event == "phx_join":
            assert join_ref == ref
            return
        assert join_ref == self._joins[topic], "not of the present join"
        if topic == "extensions":
            check_extension_event(event, payload)
            return
        if topic == "console":  # any other one would crash the server's channel
            assert event in ("up", "file-data/start", "file-data", "file-data/stop")
            assert event != "up" or isinstance(payload["data"], str)
            return
        assert event in EVENTS
        if event == "status_update":
            assert payload["status"] in STATUSES
        elif event == "fwup_progress":
            assert payload["stage"] in ("downloading", "updating")
            assert type(payload["value"]) is int and 0 <= payload["value"] <= 100

    def events(self, topic="device"):
        """What the link said on a topic, as ``(event, payload)``."""
        self._hear()
        return [
            (frame[3], frame[4])
            for frame in self.said
            if isinstance(frame, list) and frame[2] == topic and frame[3] != "phx_join"
        ]

    @property
    def statuses(self):
        """The statuses that the link reported."""
        return [value["status"] for event, value in self.events() if event == "status_update"]


def check_extension_event(event, payload):
    """Check an extension's messages by the real server's rules."""
    key, _, what = event.partition(":")
    if what == "attached":
        assert payload == {}
    elif what == "error":
        assert list(payload) == ["reason"]
    elif event == "health:report":
        _check_report(payload["value"])
    elif event == "geo:location:update":
        if "error_code" in payload:
            assert set(payload) == {"error_code", "error_description"}
        else:
            assert set(payload) - {"accuracy"} == {"latitude", "longitude", "source"}
            assert type(payload["latitude"]) is type(payload["longitude"]) is float
    elif event == "logging:send":
        assert payload["level"] in ("debug", "info", "warning", "error")
        assert isinstance(payload["message"], str)
        assert payload["meta"]["time"].isdigit() and len(payload["meta"]["time"]) == 16
    elif event == "local_shell:shell_output":
        assert list(payload) == ["data"] and payload["data"]
    elif event == "network_identity:report":
        assert len(payload["identities"]) <= 10
        for identity in payload["identities"]:
            assert identity["service"] in ("iroh", "netbird", "tailscale", "wireguard")
            assert isinstance(identity["identifier"], str)
    else:
        raise AssertionError("an event that the server does not know: " + event)


def _check_report(report):
    assert set(report) <= {"metrics", "metadata", "alarms", "checks"}
    for name, value in report.get("metrics", {}).items():
        assert " " not in name and type(value) in (int, float) and value - value == 0
    for part in ("metadata", "alarms"):
        assert all(isinstance(value, str) for value in report.get(part, {}).values())
    for check in report.get("checks", {}).values():
        assert type(check["pass"]) is bool and isinstance(check["note"], str)


def replay(name, only=None, until=None, **options):
    """
    Play a whole transcript, and at the end see that every link can still join.

    :param str name: ``a1`` and so on
    :param only: function of a line that says whether to play it
    :return: the lines, by the name of the connection
    """
    lines = {}
    for number, item in enumerate(load(name), 1):
        if until is not None and number > until:
            break
        conn = item.get("conn", "")
        if only is not None and not only(item):
            continue
        if conn not in lines:
            if not is_upgrade(item):
                continue
            lines[conn] = Line(**options)
            lines[conn]._time = item["t"]
        try:
            lines[conn].play(item)
        except AssertionError as error:
            raise AssertionError("line %d: %s" % (number, error)) from error
    assert lines, "nothing was played"
    for line in lines.values():
        assert "fault: " not in line.desk.log.text
    return lines


def comes_back(line):
    """Cut the connection if there is one, and see the link join again."""
    if line.desk.link.state in ("joining", "joined"):
        line.peer.incoming.clear()
        line.peer.end()
        line.desk.wait(0.1)
    desk = line.desk

    def asking():
        peer = desk.peer
        return peer.asked and not peer.closed and peer.target.startswith("/device-socket")

    desk.until(asking, 100, 100)
    desk.join(desk.peer)
    return desk.link.connected


def date_of(item):
    """Unix time of the ``date`` header in a response."""
    for text in item["http"]["response"].split("\r\n"):
        if text.lower().startswith("date: "):
            return int(parsedate_to_datetime(text[6:]).timestamp())
    return None


def _upper_hex(data):
    return hashlib.sha256(data).hexdigest().upper()
