# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
A device that implements little more than the console's protocol, byte by byte: it echoes keys,
evaluates lines, and keeps uploaded files.

It replaces a board in tests of the hub and its page.
"""

import base64
import contextlib
import json
import socket
import threading
import time
from types import SimpleNamespace

from hub_wire import Wire, hub_headers

EXTENSIONS = {"health": "0.0.1", "local_shell": "0.0.1", "logging": "0.0.1", "geo": "0.0.1"}
PROMPT = ">>> "
SHELL_PROMPT = "/ $ "


class ConsoleDevice:
    """
    :param int port: of the hub, on this computer
    :param str key: product key
    :param str secret: product secret
    :param str identifier: the device's name
    """

    def __init__(self, port, key, secret, identifier):
        self.hub = SimpleNamespace(
            port=port, product_key=key, product_secret=secret, clock=time.time
        )
        self.identifier = identifier
        self.received = []
        """Everything that the hub pushed: (topic, event, payload)."""
        self.files = {}
        self.silent = False
        """Are scripts left without an answer?"""
        self.ended = False
        """Has the hub closed the connection?"""
        self.changed = threading.Condition()
        self._ref = 10
        self._lines = {"console": "", "shell": ""}
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="console device", daemon=True)

    def __enter__(self):
        self._wire = Wire(self.hub.port)
        code, _, _ = self._wire.upgrade(hub_headers(self.hub, self.identifier))
        assert code == 101
        self._wire.sock.settimeout(None)  # nobody may say anything for a while
        self.send(
            "device",
            "phx_join",
            {
                "device_api_version": "2.2.0",
                "nerves_fw_uuid": "00000000-0000-4000-8000-000000000009",
                "nerves_fw_product": "demo",
                "nerves_fw_architecture": "esp32s3",
                "nerves_fw_version": "1.4.2",
                "nerves_fw_platform": "feather_s3",
                "meta": {"firmware_validated": True},
            },
        )
        self.send("console", "phx_join", {"console_version": "2.0.0"})
        self._thread.start()
        return self

    def __exit__(self, *exception):
        with contextlib.suppress(OSError):
            self._wire.sock.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._wire.sock.close()

    def send(self, topic, event, payload):
        with self._lock:
            self._ref += 1
            frame = [topic, str(self._ref), topic, event, payload]
            self._wire.frame(json.dumps(frame))

    def log(self, level, message):
        meta = {"time": str(int(time.time() * 1_000_000))}
        self.send("extensions", "logging:send", {"level": level, "message": message, "meta": meta})

    def report(self, **metrics):
        self.send("extensions", "health:report", {"value": {"metrics": metrics}})

    def offer_file(self, name, data):
        """Send a file to the operator."""
        self.send("console", "file-data/start", {"filename": name})
        for number, at in enumerate(range(0, len(data), 1024)):
            text = base64.b64encode(data[at : at + 1024]).decode()
            self.send("console", "file-data", {"filename": name, "chunk": number, "data": text})
        self.send("console", "file-data/stop", {"filename": name})

    def wait(self, predicate, timeout=10):
        with self.changed:
            assert self.changed.wait_for(lambda: predicate(self), timeout), self.received[-5:]

    def _run(self):
        with contextlib.suppress(OSError, EOFError):
            while True:
                opcode, payload = self._wire.receive()
                if opcode == 8:
                    with self.changed:
                        self.ended = True
                        self.changed.notify_all()
                    return
                _, _, topic, event, fields = json.loads(payload)
                self._handle(topic, event, fields)
                with self.changed:
                    self.received.append((topic, event, fields))
                    self.changed.notify_all()

    def _handle(self, topic, event, fields):
        if event == "extensions:get":
            self.send("extensions", "phx_join", EXTENSIONS)
        elif event == "phx_reply" and topic == "extensions":
            for name in fields["response"]:
                self.send("extensions", f"{name}:attached", {})
        elif event == "phx_reply" and topic == "console":
            self.send("console", "up", {"data": "Adafruit CircuitPython\r\n" + PROMPT})
        elif event == "local_shell:request_shell":
            self.send("extensions", "local_shell:shell_output", {"data": SHELL_PROMPT})
        elif event == "geo:location:request":
            place = {"latitude": 52.37, "longitude": 4.89, "source": "gps"}
            self.send("extensions", "geo:location:update", place)
        elif event == "health:check":
            self.report(mem_used_percent=41.0, cpu_temp=38.5)
        elif event == "dn":
            self._type("console", fields["data"], self._evaluate, PROMPT)
        elif event == "local_shell:shell_input":
            self._type("shell", fields["data"], self._command, SHELL_PROMPT)
        elif event == "scripts/run" and not self.silent:
            self._script(fields)
        elif event.startswith("file-data"):
            self._file(event, fields)

    def _type(self, kind, keys, run, prompt):
        out = ""
        for key in keys:
            if key == "\r":
                line, self._lines[kind] = self._lines[kind], ""
                out += "\r\n" + run(line) + prompt
            elif key == "\x7f":
                out += "\b \b" if self._lines[kind] else ""
                self._lines[kind] = self._lines[kind][:-1]
            else:
                self._lines[kind] += key
                out += key
        if kind == "console":
            self.send("console", "up", {"data": out})
        else:
            self.send("extensions", "local_shell:shell_output", {"data": out})

    def _evaluate(self, line):
        if not line.strip():
            return ""
        try:
            return repr(eval(line, {"files": sorted(self.files)})) + "\r\n"
        except Exception as error:  # whatever was typed
            return f"{type(error).__name__}: {error}\r\n"

    def _command(self, line):
        return "\r\n".join(sorted(self.files)) + "\r\n" if line == "ls" else ""

    def _script(self, fields):
        answer = self._evaluate(fields["text"]).strip()
        payload = {"ref": fields["ref"], "result": "completed", "return": answer, "output": ""}
        self.send("device", "scripts/run", payload)

    def _file(self, event, fields):
        name = fields["filename"]
        if event == "file-data/start":
            self.files[name] = b""
        elif event == "file-data":
            self.files[name] += base64.b64decode(fields["data"])
