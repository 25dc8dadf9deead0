# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
Plays a captured transcript against a hub: the device's frames are sent to it, and the hub must
answer with the real server's frames, in order, and nothing else.

No sockets and no waiting: the hub's clock is set to the time of each line. Upgrade requests are
signed again (the capture's secrets are not published) with everything else as captured, so that
every refusal has its captured reason.

The transcripts' notes tell what an operator did on the server; those that matter here are listed in
`ACTIONS`. Notes with the server's state are compared with the hub's state.
"""

import base64
import hashlib
import hmac
import json
import re
import sys
from email.utils import parsedate_to_datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))

# The hub is looked up in the working tree, installed or not.
from nerveshub_tools.auth import Credential, decode_term, derive, salt
from nerveshub_tools.connection import Close, Pong, Text
from nerveshub_tools.firmware import META_KEYS, Firmware
from nerveshub_tools.hub import Hub
from nerveshub_tools.upgrade import Request, decide

DATA = Path(__file__).parent / "data"
TRANSCRIPTS = DATA / "transcripts"
PRODUCT_KEY = "nhp_71eWpgEUxjMZN+SNtojPOxQ9Acwz+p5pukb/P/0WrHc"
SECRET = "secret-of-the-replay"

ACTIONS = [
    (r"operator: identify", lambda hub, who: hub.identify(who)),
    (r"operator: reboot", lambda hub, who: hub.reboot(who)),
    (r"operator: reconnect", lambda hub, who: hub.reconnect(who)),
    (r"server gets SIGTERM", lambda hub, who: hub.drain()),
    (r"clears the penalty box", lambda hub, who: hub.unblock(who)),
    (r"UI asks for a health check", lambda hub, who: hub.request_health(who)),
    (r"disables (\w+) for this device", lambda hub, who, x: hub.set_extension(x, False, who)),
    (r"re-enables (\w+) for this device", lambda hub, who, x: hub.set_extension(x, True, who)),
    (r"disables (\w+) for the whole product", lambda hub, who, x: hub.set_extension(x, False)),
    (r"enables (\w+) for the whole product", lambda hub, who, x: hub.set_extension(x, True)),
    (r"new release of esp-dg with firmware 1.3.0", lambda hub, who: hub.deploy(UUIDS["1.3.0"])),
    (r"replaces it by a release with 1.1.0", lambda hub, who: hub.deploy(UUIDS["1.1.0"])),
    (r"operator deletes the device", lambda hub, who: hub.deleted.add(who)),
    (r"operator restores it", lambda hub, who: hub.deleted.discard(who)),
    (r"^new connection with the deactivated", lambda hub, who: deactivate_other_keys(hub)),
    (r"control ping with payload (\w+)", "ping"),
    (r"binary frame on a JSON socket", "binary"),
    (r"^wrong product secret", "wrong secret"),
]


def deactivate_other_keys(hub):
    for key, credential in hub.credentials.items():
        credential.active = key == PRODUCT_KEY or key.startswith("nhd_")


def load(name):
    (path,) = TRANSCRIPTS.glob(f"{name}_*.jsonl")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def captured_firmware():
    """A record of every firmware that was ever pushed in the transcripts, without its bytes."""
    found = {}
    for path in sorted(TRANSCRIPTS.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            item = json.loads(line)
            if item.get("dir") != "server" or '"update"' not in item.get("frame", ""):
                continue
            payload = json.loads(item["frame"])[4]
            meta = payload["firmware_meta"]
            assert sorted(meta) == sorted(META_KEYS)
            extension = "fw" if payload["firmware_url"].endswith(".fw") else "bin"
            found[meta["uuid"]] = Firmware(
                meta, payload["size"], payload["checksum"], payload["partials_checksums"]
            )
            found[meta["uuid"]].extension = extension
    return found


FIRMWARES = captured_firmware()
UUIDS = {item.meta["version"]: uuid for uuid, item in FIRMWARES.items() if item.extension == "bin"}


def parse_request(text):
    head, *fields = text.split("\r\n\r\n")[0].split("\r\n")
    pairs = [field.split(": ", 1) for field in fields]
    return head, {name.lower(): value for name, value in pairs}


def sign_again(headers, secret):
    """The captured token's payload, signed with our secret for what the device had signed."""
    token = headers.get("x-nh-signature")
    if token is None or "x-nh-alg" not in headers:
        return
    payload = token.split(".")[1]
    raw = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    time = headers["x-nh-time"]
    if time.isdigit():  # else it was signed as it stands, fraction and all
        time = str(decode_term(raw)[1] // 1000)
    key = derive(headers["x-nh-alg"], secret, salt(headers["x-nh-alg"], headers["x-nh-key"], time))
    mac = hmac.new(key, f"SFMyNTY.{payload}".encode(), hashlib.sha256).digest()
    headers["x-nh-signature"] = (
        f"SFMyNTY.{payload}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"
    )


def elixir(text):
    """An inspected Elixir term as plain values; times stay text."""
    text = re.sub(r"~U\[([^\]]*)\]", r'"\1"', text)
    text = re.sub(r"\bnil\b", "null", text)
    text = re.sub(r":(\w+)(?=[\s,}\]])", r'"\1"', text)
    text = re.sub(r"(\w+): ", r'"\1": ', text.replace("%{", "{").replace(" => ", ": "))
    return json.loads(text)


class Clock:
    def __init__(self, now=0.0):
        self.now = now

    def __call__(self):
        return self.now


class Replay:
    """One transcript. ``skip`` holds line numbers that are not for this kind of replay."""

    def __init__(self, name, skip=(), **settings):
        self.lines = load(name)
        self.skip = set(skip)
        self.clock = Clock(self.base())
        self.hub = Hub(
            clock=self.clock,
            product="nhtest",
            product_key=PRODUCT_KEY,
            product_secret=SECRET,
            public_url="http://localhost:4000",
            **settings,
        )
        self.hub.firmwares.update(FIRMWARES)
        self.connections = {}
        self.left = set()
        self.who = None
        self.actions = []
        self.secret = SECRET
        self.compared = 0
        self.states = 0
        for item in self.lines:
            if "http" in item:
                _, headers = parse_request(item["http"]["request"])
                key = headers.get("x-nh-key", "")
                # A second product key and a device key occur in i6; both were right there.
                if key.startswith("nhp_WU"):
                    self.hub.credentials[key] = Credential(SECRET)
                elif key.startswith("nhd_"):
                    self.hub.credentials.setdefault(key, Credential(SECRET, self.identity(headers)))

    @staticmethod
    def identity(headers):
        payload = headers["x-nh-signature"].split(".")[1]
        return decode_term(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))[0]

    def base(self):
        """
        The server's time at t=0: the latest that its Date headers and accepted signatures allow.

        A Date header may lag by a second, an accepted signature is never from the future.
        """
        bounds = []
        for item in self.lines:
            if "http" in item:
                _, headers = parse_request(item["http"]["request"])
                status, answer = parse_request(item["http"]["response"])
                if "date" in answer:
                    bounds.append(parsedate_to_datetime(answer["date"]).timestamp() - item["t"])
                if " 101 " in status and "x-nh-time" in headers:
                    bounds.append(int(headers["x-nh-time"]) - item["t"])
        return max(bounds)

    def run(self):
        start = self.clock.now
        for number, item in enumerate(self.lines, 1):
            self.clock.now = start + item["t"]
            self.hub.tick()
            if number in self.skip:
                continue
            try:
                self.line(item)
            except AssertionError as error:
                raise AssertionError(f"line {number}: {error}") from error
        for name in list(self.connections):
            self.assert_silent(name)
        return self

    def line(self, item):
        name = item.get("conn", "")
        if "http" in item:
            self.upgrade(name, item["http"])
        elif item.get("event") == "tcp_eof" or (
            item.get("control") == "close" and item["dir"] == "client"
        ):
            if name in self.connections:
                self.assert_silent(name)
                self.hub.disconnected(self.connections.pop(name))
                self.left.add(name)
        elif item.get("dir") == "client":
            self.assert_silent(name)
            if item.get("control") == "ping":
                self.connections[name].ping(item["payload"].encode())
            else:
                self.connections[name].text(item["frame"])
        elif item.get("dir") == "server":
            self.server(name, item)
        elif "note" in item:
            self.note(name, item["note"])

    def upgrade(self, name, http):
        request, headers = parse_request(http["request"])
        method, target, _ = request.split(" ")
        if method != "GET" or "sec-websocket-key" not in headers:
            return  # downloads and REST calls: other tests have them
        sign_again(headers, self.secret)
        self.secret = SECRET
        asked = Request(target, headers, tls=name.startswith("wss"))
        answer = decide(self.hub, asked)
        status, expected = parse_request(http["response"])
        code = int(status.split(" ")[1])
        self.compared += 1
        if code == 101:
            assert isinstance(answer, str), f"{answer} instead of 101: {self.hub.violations[-1:]}"
            if name in self.connections:  # the transcript notes its end later
                self.hub.disconnected(self.connections[name])
            self.who = answer
            self.connections[name] = self.hub.connect(answer)
            self.left.discard(name)
            return
        assert not isinstance(answer, str), f"let in instead of {code}"
        assert answer.status == code
        assert answer.body == http.get("body", "")
        for header in ("nh-connection-error-reason", "location"):
            assert answer.headers.get(header) == expected.get(header)

    def server(self, name, item):
        if item.get("control") == "close" and name in self.left:
            return  # the server's half of a close that the client began
        outbox = self.connections[name].outbox
        if "frame" in item:
            expected = json.loads(item["frame"])
            if not outbox and expected[3] == "update" and expected[4]["deployment_id"] is None:
                self.hub.push_update(self.who, expected[4]["firmware_meta"]["uuid"])
            assert outbox, f"the hub is silent, the server said {item['frame']:.120}"
            got = outbox.popleft()
            assert isinstance(got, Text) and json.loads(got.text) == expected, f"{got}"
        else:
            assert outbox, f"the hub is silent, the server sent {item['control']}"
            got = outbox.popleft()
            if item["control"] == "pong":
                assert got == Pong(item["payload"].encode()), f"{got}"
            else:
                assert got == Close(item["code"]), f"{got}"
        self.compared += 1

    def assert_silent(self, name):
        connection = self.connections.get(name)
        assert not connection or not connection.outbox, f"also said: {connection.outbox[0]}"

    def note(self, name, text):
        for pattern, action in self.actions + ACTIONS:
            match = re.search(pattern, text)
            if match and action == "ping":
                self.connections[name].ping(match[1].encode())
            elif match and action == "binary":
                self.connections[name].binary()
            elif match and action == "wrong secret":
                self.secret = "another secret"
            elif match:
                action(self.hub, self.who, *match.groups())
                return
        if re.search(r"(?:state|metadata)[^%]*: [{%]", text) and "inflight:" in text:
            self.compare_state(elixir(text[text.index("%{") :]))
        elif "server metadata: " in text:
            self.compare_meta(text)

    def compare_state(self, expected):
        device = self.hub.device(self.who)
        got = {
            "version": device.meta.get("version"),
            "validation": device.validation,
            "deployment_id": device.deployment_id,
            "updates_enabled": device.updates_enabled,
            "inflight": device.inflight
            and {
                "status": device.inflight.status,
                "progress": device.inflight.progress,
                "deployment_id": device.inflight.deployment_id,
                "firmware_uuid": device.inflight.uuid,
            },
        }
        for key, value in got.items():
            assert value == expected[key], f"state {key} is {value}, not {expected[key]}"
        times = [parse_time(text) for text in expected["attempts"]]
        assert len(times) == len(device.attempts), f"attempts {device.attempts}, not {times}"
        assert all(abs(a - b) < 2 for a, b in zip(times, device.attempts))
        blocked = expected["blocked_until"]
        assert (blocked is None) == (device.blocked_until is None), f"blocked until {blocked}"
        if blocked is not None:
            assert abs(parse_time(blocked) - device.blocked_until) < 2
        self.states += 1

    def compare_meta(self, text):
        device = self.hub.device(self.who)
        expected = elixir(text[text.index("%{") : text.index("}") + 1])
        got = {key: device.meta.get(key) for key in expected}
        assert got == expected, f"metadata {got}, not {expected}"
        validation = re.search(r"\}, :(\w+)\}$", text)
        assert not validation or validation[1] == device.validation
        self.states += 1


def parse_time(text):
    return parsedate_to_datetime(f"{_rfc822(text)}").timestamp()


def _rfc822(text):
    year, month, day, hour, minute, second = re.findall(r"\d+", text)[:6]
    name = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()[int(month) - 1]
    return f"{day} {name} {year} {hour}:{minute}:{second} GMT"
