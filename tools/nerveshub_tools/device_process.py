# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.device_process`
================================================================================

One boot of the simulated device: the real `nerveshub_link` over CPython's sockets.

Separate because it is a program of its own (``python -m nerveshub_tools.device_process``): a
reboot must lose everything but the files, as on a board. The options come as one line of JSON on
standard input, so that no secret stands in the process list; when standard input ends, the parent
is gone and so is this. What happens goes to standard output, a JSON object a line.
"""

import json
import os
import socket
import ssl
import sys
import threading
import time
from pathlib import Path

from nerveshub_link import Client, FileWriter, HealthProvider, NervesHubLink

from .board_paths import DrivePaths

REBOOT = 17
"""Exit status that means: start me again."""
_IDLE = 0.005


def emit(event: str, **fields) -> None:
    """Tell the parent something."""
    print(json.dumps({"event": event, **fields}), flush=True)


class _Logger:
    """What the library logs; it asks for nothing but this method."""

    @staticmethod
    def log(level: int, message: str, *args) -> None:
        """Pass a line on."""
        emit("log", level=level, text=message % args if args else message)


class _Client(Client):
    def __init__(self):
        self._stage = None

    def update_available(self, meta):
        emit("update", uuid=meta.get("uuid"), version=meta.get("version"))
        return super().update_available(meta)

    def fwup_progress(self, percent, stage):
        if (stage, self._stage) == ("updating", "downloading"):
            # The stage changes only after length and checksum proved right.
            emit("verified")
        self._stage = stage
        emit("progress", percent=percent, stage=stage)

    def fwup_error(self, reason):
        emit("fwup_error", reason=reason)

    def reboot(self):
        emit("reboot")
        # Like a reset: no destructor runs, no socket says goodbye.
        os._exit(REBOOT)

    def identify(self):
        emit("identify")

    def handle_connected(self):
        emit("connected")

    def handle_disconnected(self, reason):
        emit("disconnected", reason=reason)


class _Writer(FileWriter):
    def fwup_finish(self):
        super().fwup_finish()
        emit("installed")

    def fwup_confirm(self):
        super().fwup_confirm()
        emit("confirmed")


class _Health(HealthProvider):
    def health_check(self):
        return {"uptime_seconds": round(time.monotonic(), 1)}


def make_link(options: dict) -> NervesHubLink:
    """A link from the parent's options."""
    writer = _Writer(options["image"], options["meta"])
    meta = writer.firmware_meta()
    emit("boot", uuid=meta["uuid"], version=meta["version"], validated=writer.firmware_validated())
    context = ssl.create_default_context(cafile=options.get("ca")) if options["ssl"] else None
    given = {name: options[name] for name in ("host", "port", "ssl", "identifier")}
    for name in ("product_key", "product_secret", "device_cert", "device_key"):
        if options.get(name):
            given[name] = options[name]
    if options.get("uploads"):
        # Off unless asked for: a console runs the operator's code in this process.
        from nerveshub_link.console.console import Console

        given.update(console=Console(upload_folder=options["uploads"]), scripts=True)
    return NervesHubLink(
        socket,
        context,
        client=_Client(),
        fwup_writer=writer,
        extensions={"health": _Health(), "logging": True},
        logger=_Logger(),
        confirm_after=options["confirm_after"],
        **given,
    )


def main() -> None:
    """Run until standard input ends or a reboot is due."""
    # Unbuffered, so that nothing hides what comes behind the line.
    stdin = os.fdopen(0, "rb", buffering=0)
    options = json.loads(stdin.readline())
    parent_is_gone = threading.Event()

    def wait_for_the_parent():
        while stdin.read(1):
            pass
        parent_is_gone.set()

    # A thread, because select() takes sockets only on Windows.
    threading.Thread(target=wait_for_the_parent, daemon=True).start()
    state = error = None
    with make_link(options) as link:
        # Certificates are loaded; from here on, its folder is all that an operator's code finds.
        DrivePaths(Path(options["image"]).parent).install()
        os.chdir("/")
        link.log("info", "simulated device has booted")
        while not parent_is_gone.is_set():
            link.poll()
            if (link.state, link.last_error) != (state, error):
                state, error = link.state, link.last_error
                emit("state", state=state, error=error)
            # Short, so that a download is not held up; long enough to leave the processor alone.
            time.sleep(_IDLE if state == "waiting" else _IDLE / 5)


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError) as failure:
        emit("fatal", text=f"{type(failure).__name__}: {failure}")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(0)
