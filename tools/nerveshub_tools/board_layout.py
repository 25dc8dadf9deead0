# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.board_layout`
================================================================================

What belongs on a prepared drive, and in which order. Writes nothing;
`nerveshub_tools.board_prepare` does.

The order matters. A new drive gives its clusters out one after the other, and each write erases the
4 KB around it. What is written later must not share such a block with what a start needs:

1. 4 KB of nothing (`FIRST_PAD`), behind what every new drive has; then the record, whose three
   files bring their own distance;
2. library, guard, rescue application, and the folders that images are mounted at and that hold the
   slots: never written by the board;
3. for each of `PLACES`: 4 KB of nothing, then what is written now and then: settings.toml; the
   folder of each slot; ``/data`` and ``/develop``. A slot's file brings its own distance: 7
   sectors at both ends;
4. the slots' files, the first one with the application if there is one. They must lie in one piece:
   on a fresh drive they do, and the board looks at its first start. A drive that lost one gets
   none from the board but at that start;
5. the record's content: only now the guard has something to start. Then boot.py, code.py and
   safemode.py, which were comments of the same length: only now CircuitPython starts the guard.
"""

import json
from typing import Dict, Optional

from . import board_files
from .board_drive import BoardError, BoardInfo, Drive
from .images import fwup_uuid
from .packer import DEFAULT_SLOT, meta_conf

RECORD = ("nh_a/state.bin", "nh_b/state.bin", "nh_c/state.bin")
RECORD_SIZE = 15 * 512
FIRST_PAD = "nh_pad/0.bin"
FOLDERS = ("slot", "media", "images")
"""Folders of step 2; the board only reads them."""
PLACES = (
    ("nh_pad/1.bin", ("settings.toml",)),
    ("nh_pad/2.bin", ("images/a/",)),
    ("nh_pad/3.bin", ("images/b/",)),
    ("nh_pad/4.bin", ("data/", "develop/")),
    ("nh_pad/5.bin", ()),
)
"""A pad each, and what comes behind it; folders with a slash."""
PAD_SIZE = 4096
RESCUE_META = "app/meta.json"
_KEYS = ("product", "version", "platform", "architecture", "uuid")
_RESCUE_VERSION = "0.0.0"
_SMALL = 1024 * 1024  # a drive up to this size gets slots of the size that pack assumes
_LARGEST = 1024 * 1024


def described(drive: Drive, info: BoardInfo, given: dict, with_app: bool) -> dict:
    """
    What the board reports: as given, else as prepared before, else as the board is.

    :param dict given: product, version, platform, architecture and so on; may lack some
    :param bool with_app: is there an application, which has a version?
    :raises BoardError: naming the option that is missing
    """
    meta = dict(given)
    before = rescue_meta(drive) or {}
    for key in ("product", "version", "platform", "architecture"):
        meta[key] = meta.get(key) or before.get(key)
    meta["platform"] = meta["platform"] or info.board_id
    meta["architecture"] = meta["architecture"] or info.architecture
    if not meta["product"]:
        raise BoardError("--product is needed: the product's name in NervesHub")
    if not meta["architecture"]:
        raise BoardError(
            f"the architecture of {info.chip} is unknown: give --architecture, as the uploaded"
            " firmware has it"
        )
    if not meta["version"]:
        if with_app:
            raise BoardError("--version is needed: that of the application, such as 1.0.0")
        meta["version"] = _RESCUE_VERSION
    return {key: meta[key] for key in meta if meta[key]}


def fixed_files(meta: dict) -> Dict[str, bytes]:
    """
    The files of step 2 but the library, in order: path -> content.

    :param dict meta: of `described`
    """
    files = {name: board_files.read(name) for name in board_files.GUARD + board_files.ENTRIES}
    files["app/code.py"] = board_files.read("app/code.py")
    # A uuid of its own, so that the server offers the release again.
    conf = meta_conf({**meta, "description": "rescue application"}, "")
    told = {**meta, "uuid": fwup_uuid(conf)}
    text = json.dumps({key: told[key] for key in _KEYS}, ensure_ascii=False)
    files[RESCUE_META] = text.encode() + b"\n"
    return files


def rescue_meta(drive: Drive) -> Optional[dict]:
    """What the rescue application tells NervesHub; None if that is missing or torn."""
    try:
        data = drive.file(RESCUE_META).read_bytes()
        meta = json.loads(data)
    except (OSError, ValueError):
        return None
    if not data.endswith(b"}\n") or not all(isinstance(meta.get(key), str) for key in _KEYS):
        return None
    return {key: meta[key] for key in _KEYS}


def default_slot(drive: Drive) -> int:
    """
    Bytes of a slot's file, unless somebody says otherwise: on a small drive what ``pack`` assumes;
    on a larger one a third of it, 1 MB at most.
    """
    size = drive.size()
    return DEFAULT_SLOT if size <= _SMALL else min(size // 3 // PAD_SIZE * PAD_SIZE, _LARGEST)
