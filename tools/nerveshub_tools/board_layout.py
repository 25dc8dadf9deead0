# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.board_layout`
================================================================================

What belongs on a prepared drive, and in which order. Writes nothing;
`nerveshub_tools.board_prepare` does.

The order matters. A new drive gives its clusters out one after the other, and each write erases the
4 KB around it. What is written rarely and what is written often must not share such a block:

1. 4 KB of nothing (`FIRST_PAD`), behind what every new drive has; then the record, whose two files
   bring their own distance;
2. guard, settings, rescue application, library, ``/slots`` itself: never written by the board;
3. for each of the two slots and ``/data``: 4 KB of nothing (`PLACES`), then the folder. Behind them
   ends the last block of what was before;
4. the application in slot a, its manifest, and once more a piece of nothing (`SLOT_PAD`);
5. the record's content, last: only now the guard has something to start.
"""

import tempfile
import zlib
from pathlib import Path
from typing import Dict, List

from nerveshub_link.slots.slot_manifest import NAME as MANIFEST
from nerveshub_link.slots.slot_manifest import Manifest, read_meta

from . import board_files, board_settings
from .application import AppFile
from .board_drive import BoardError, BoardInfo, Drive
from .images import fwup_uuid
from .packer import meta_conf

RECORD = ("nh_a/state.bin", "nh_b/state.bin")
RECORD_SIZE = 15 * 512
SLOTS = "slots"
FIRST_PAD = "nh_pad/0.bin"
PLACES = (("nh_pad/1.bin", "slots/a"), ("nh_pad/2.bin", "slots/b"), ("nh_pad/3.bin", "data"))
"""A pad each, and the folder behind it."""
PAD_SIZE = 4096
SLOT_PAD = ".nh/pad"
"""In a slot, behind its files: else the next file that is written erases the last one with it."""
SLOT_PAD_SIZE = 7 * 512
_RESCUE_VERSION = "0.0.0"


def described(drive: Drive, info: BoardInfo, given: dict, with_app: bool) -> dict:
    """
    What the board reports: as given, else as prepared before, else as the board is.

    :param dict given: product, version, platform, architecture and so on; may lack some
    :param bool with_app: is there an application, which has a version?
    :raises BoardError: naming the option that is missing
    """
    meta = dict(given)
    before = read_meta(str(drive.file("app"))) or {}
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


def fixed_files(drive: Drive, meta: dict, settings: dict) -> Dict[str, bytes]:
    """
    Everything of step 2 but the library, in order: path -> content.

    :param dict meta: of `described`
    :param dict settings: values for a new settings.toml
    """
    files = {name: board_files.read(name) for name in board_files.GUARD + board_files.ENTRIES}
    path = drive.file(board_settings.NAME)
    if not path.exists() or not path.stat().st_size:
        files[board_settings.NAME] = board_settings.template(**settings).encode()
    code = files["app/code.py"] = board_files.read("app/code.py")
    # A uuid of its own, so that the server offers the release again.
    source = AppFile("code.py", board_files.folder() / "app" / "code.py")
    conf = meta_conf({**meta, "description": "rescue application"}, [source])
    header = {**meta, "uuid": fwup_uuid(conf)}
    files["app/" + MANIFEST] = manifest(header, {"code.py": code})
    return files


def release_header(meta: dict, files: List[AppFile]) -> dict:
    """The metadata of the first release: its uuid is that of a ``.fw`` of the same files."""
    return {**meta, "uuid": fwup_uuid(meta_conf(meta, files)), "n": 1}


def manifest(header: dict, contents: Dict[str, bytes]) -> bytes:
    """The text of a slot's manifest."""
    made = Manifest(header)
    for path, data in contents.items():
        made.add(path, len(data), zlib.crc32(data))
    with tempfile.TemporaryDirectory() as folder:
        made.write(folder)
        return (Path(folder) / MANIFEST).read_bytes()
