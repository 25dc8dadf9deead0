# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.diff_cli`
================================================================================

The command ``diff``: what travels to a device that runs one release and gets another one.
"""

from bisect import bisect_right
from typing import Dict, List, Tuple

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .container import SECTOR, table_length
from .fleet_access import plain, tell
from .release_file import NoRelease, ReleaseFile, look
from .travel import Plan, plan

_FILE = click.Path(exists=True, dir_okay=False)
_MEMBER = "data/app.img"
_OWN = "(folders, chunk table)"


@click.command()
@click.argument("old", type=_FILE)
@click.argument("new", type=_FILE)
def diff(old: str, new: str) -> None:
    """
    Show what travels to a device that runs the release OLD and gets the release NEW.

    It lists the files that changed, and the bytes of the download, which is what a metered link
    pays for, heads of HTTP and TLS not counted. A device fetches only what changed if NEW is signed
    and the device was given public keys, else it fetches the whole.
    """
    before, after = _application(old), _application(new)
    for key in ("product", "platform", "architecture"):
        if before.meta.get(key) != after.meta.get(key):
            tell(
                f"A device that runs {before.name} refuses {after.name}: its {key} is"
                f" {after.meta.get(key)} and not {before.meta.get(key)}."
            )
    version = before.meta.get("version"), after.meta.get("version")
    tell(f"{after.meta.get('product')} {version[0]} -> {version[1]}")
    planned = _planned(before, after, True)
    _show_files(before, after, planned)
    for text in _totals(before, after, planned):
        tell(text)


def _application(file: str) -> ReleaseFile:
    try:
        found = look(file)
    except NoRelease as error:
        raise click.ClickException(plain(error)) from None
    except OSError as error:
        raise click.ClickException(plain(f"{file}: {error.strerror}")) from None
    wrong = found.damage + found.board
    if found.archive and wrong:
        raise click.ClickException(plain(f"{file}: {wrong[0]}"))
    if not found.chunks:
        raise click.ClickException(
            plain(f"{file} is {found.kind}, which always travels whole: {found.size:,} bytes")
        )
    return found


def _planned(before: ReleaseFile, after: ReleaseFile, kept: bool) -> Plan:
    begin = after.member(_MEMBER).at
    return plan(before.chunks, after.chunks, begin=begin, size=after.size, kept=kept)


def _show_files(before: ReleaseFile, after: ReleaseFile, planned: Plan) -> None:
    travels = _by_file(after, planned)
    table = Table()
    for name in ("file", "", "old", "new", "travels"):
        table.add_column(name, overflow="fold", justify="left" if name in {"file", ""} else "right")
    rows, still = [], 0
    for path in sorted({*before.files, *after.files}, key=str.encode):
        old, new = before.files.get(path), after.files.get(path)
        bytes_ = travels.get(path, 0)
        if old == new and not bytes_:
            still += 1
            continue
        what = "new" if old is None else "gone" if new is None else "changed"
        rows.append((path, "along the way" if old == new else what, _size(old), _size(new), bytes_))
    heads = planned.size - sum(travels.get(path, 0) for path in after.files)
    for row in (*rows, (_OWN, "", "", "", heads)):
        table.add_row(*(Text(plain(cell)) for cell in (*row[:4], f"{row[4]:,}")))
    Console(highlight=False).print(table)
    if still:
        tell(f"{still:,} files did not change, and do not travel.")


def _size(content) -> str:
    return "-" if content is None else f"{len(content):,}"


def _by_file(after: ReleaseFile, planned: Plan) -> Dict[str, int]:
    """Bytes of each file's chunks that travel, as they are stored."""
    spans: List[Tuple[int, str]] = sorted((at, path) for path, at in after.places.items())
    starts = [at for at, _ in spans]
    begin = after.member(_MEMBER).at + table_length(after.chunks)
    found: Dict[str, int] = {}
    place = 0  # in the image
    for chunk in after.chunks:
        number = bisect_right(starts, place) - 1
        path = spans[number][1] if number >= 0 else ""
        if number >= 0 and place >= starts[number] + len(after.files[path]):
            path = ""  # what fills up a very small image
        count = _inside(begin, begin + chunk.stored, planned.ranges)
        found[path] = found.get(path, 0) + count
        begin += chunk.stored
        place += chunk.sectors * SECTOR
    return found


def _inside(start: int, stop: int, ranges: List[Tuple[int, int]]) -> int:
    return sum(max(0, min(stop, last) - max(start, first)) for first, last in ranges)


def _totals(before: ReleaseFile, after: ReleaseFile, planned: Plan) -> List[str]:
    if planned.size >= after.size:
        return [f"All of it travels, {after.size:,} bytes: too little of it is in {before.name}."]
    percent = -(-planned.size * 100 // after.size)
    ranges = f"{len(planned.ranges)} ranges over one connection"
    words = [f"To travel: {planned.size:,} of {after.size:,} bytes ({percent} %), {ranges}."]
    closed = _planned(before, after, False)
    if closed.size != planned.size:
        count = f"{len(closed.ranges)} connections" if len(closed.ranges) > 1 else "1 connection"
        words.append(
            f"If the server closes the connection after each range: {closed.size:,} bytes, {count}."
        )
    if after.signature is None:
        words.append(
            f"But {after.name} is not signed, so all of it travels: nerveshub-link sign signs it."
        )
    return words
