# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""How many bytes of a signed release travel to a device that runs the one before."""

import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

from nerveshub_tools.server import HubThread
from support import slots
from support.applications import META, archive, many_files, with_one_changed
from support.hub_delta import SIGNER, update
from support.machine import Machine

from nerveshub_link.slots import slot_file

from .rows import Row, at_most

_SECTORS = 700
_ALL = "{:,} bytes in {} requests, {:,} bytes whole"


def measure(short: bool = False) -> list:
    """
    All rows of this module.

    :param bool short: True for one release
    """
    files = many_files()
    changes = [
        ("one file of 82 changed, its clusters stay", [("lib/pack1/m65.mpy", 0)], 4),
        ("one file of 82 changed and has grown", [("lib/pack1/m65.mpy", 1500)], 8),
        ("each sixth file changed", [(path, 0) for path in sorted(files)[::6]], None),
    ]
    rows = []
    with HubThread() as hub:
        for what, changed, percent in changes[: 1 if short else None]:
            later = files
            for path, grown in changed:
                later = with_one_changed(later, grown, path)
            rows += _measure(hub, what, files, later, percent)
    return rows


def _measure(hub, what: str, files: dict, later: dict, percent) -> list:
    release, size = archive(later, signer=SIGNER), sum(map(len, files.values()))
    with tempfile.TemporaryDirectory() as folder:
        machine = Machine(Path(folder))
        slots.make_empty(folder, _SECTORS)
        machine.install("a", files, number=1, **dict(META, uuid="old", version="1.0.0"))
        machine.remember(run="a", old="", trial=0)
        sys.modules["nh_launcher"] = SimpleNamespace(slot="a", armed=0)
        served, _ = update(hub, machine.root, release)
        slot_file._open.clear()  # on a board a VM ends here
    sent = sum(stop - start for start, stop in served)
    words = "travels of {} KB of files: {}".format(size // 1024, what)
    share = sent * 100 / size
    row = Row(words, "{:.1f} %".format(share))
    if percent is not None:
        row = at_most(words, share, percent, "{:.1f} %")
    row.value += ": " + _ALL.format(sent, len(served), len(release))
    return [row]
