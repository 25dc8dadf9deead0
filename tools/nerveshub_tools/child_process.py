# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.child_process`
================================================================================

Starts a module of these tools as a process that ends with this one, and reads its events. Options
are sent as a line of JSON on standard input, so that the process list shows no secret; events are
received as JSON, one object per line.
"""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Iterator

_STOP_TIMEOUT = 3


def start(module: str, options: dict, **environment: str) -> subprocess.Popen:
    """
    Start it.

    :param str module: such as ``nerveshub_tools.device_process``
    :param dict options: for its standard input
    :param environment: further variables
    """
    # The child sees the modules that we see, installed or not.
    checkout = Path(__file__).resolve().parents[2]
    path = os.pathsep.join([item for item in sys.path if item] + [str(checkout)])
    child = subprocess.Popen(
        [sys.executable, "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path, **environment},
        text=True,
        encoding="utf-8",
        start_new_session=True,  # Ctrl-C is for this process, which switches it off
    )
    with contextlib.suppress(OSError):  # it died at once: its exit status will tell
        child.stdin.write(json.dumps(options) + "\n")
        child.stdin.flush()
    return child


def events(child: subprocess.Popen) -> Iterator[dict]:
    """What it tells, until it ends. A line that is no event becomes ``output``."""
    with child.stdout:
        for line in child.stdout:
            try:
                event = json.loads(line)
            except ValueError:
                event = {"event": "output", "text": line.rstrip()}
            yield event


def close(child: subprocess.Popen) -> None:
    """Close its standard input, on which it ends by itself."""
    with contextlib.suppress(OSError):
        child.stdin.close()


def reap(child: subprocess.Popen) -> None:
    """Wait for its end, not for long."""
    try:
        child.wait(_STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        child.kill()
