# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.fleet_table`
================================================================================

The table of a fleet's boards, ``fleet.csv``, and the file beside it that tells which are done.
"""

import contextlib
import csv
import datetime
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Optional

from . import settings_answers, settings_changes
from .board_drive import BoardError

IDENTIFIER = "NERVESHUB_IDENTIFIER"
_WORD = re.compile(r"[\w .-]{1,30}")
_SETTING = re.compile(r"[A-Z][A-Z0-9_]*")
# Settings of CircuitPython that are texts; all its others are numbers, which stand without quotes.
_TEXTS = {
    "CIRCUITPY_WIFI_SSID",
    "CIRCUITPY_WIFI_PASSWORD",
    "CIRCUITPY_WEB_API_PASSWORD",
    "CIRCUITPY_WEB_INSTANCE_NAME",
}
_COLUMNS = ("identifier", "uid", "board", "time")


@dataclass(frozen=True)
class Row:
    """
    One board of the table.

    :param str where: file and line, for errors
    :param dict values: settings of this board; the identifier is one
    """

    where: str
    values: Dict[str, str]

    @property
    def identifier(self) -> str:
        """The device's name (read-only)."""
        return self.values[IDENTIFIER]

    def settings(self, common: bytes) -> bytes:
        """The board's settings.toml, out of that of all boards."""
        for name, value in self.values.items():
            common = settings_changes.with_value(common, name, value)
        return common

    def check(self, common: bytes) -> None:
        """
        Can a board start with these settings?

        :raises BoardError: if not
        """
        settings_answers.check(self.settings(common), f"{self.where}, {self.identifier}")


def read(path) -> List[Row]:
    """
    Read a table.

    :param path: a CSV file with a line of names; commas or semicolons, UTF-8
    :raises BoardError: naming the line that is wrong
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise BoardError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BoardError(f"{path} is not UTF-8: save it as CSV UTF-8") from None
    first = text.partition("\n")[0]
    lines = csv.reader(
        text.splitlines(), delimiter=";" if ";" in first and "," not in first else ","
    )
    name = Path(path).name
    rows: List[Row] = []
    seen: Dict[str, str] = {}
    try:
        columns = [_column(cell.strip(), name) for cell in next(lines, [])]
        if IDENTIFIER not in columns:
            raise BoardError(f'{name} has no column "identifier" in its first line')
        for cells in lines:
            where = f"{name} line {lines.line_num}"
            if not any(cell.strip() for cell in cells):
                continue
            row = _row(where, columns, cells)
            if row.identifier in seen:
                raise BoardError(f"{where}: {row.identifier} stands in {seen[row.identifier]}, too")
            seen[row.identifier] = where
            rows.append(row)
    except csv.Error as error:
        raise BoardError(f"{name} line {lines.line_num}: {error}") from None
    if not rows:
        raise BoardError(f"{name} has no rows")
    return rows


def _column(title: str, name: str) -> Optional[str]:
    """The setting that a column is about; None for one that is not ours."""
    if title.startswith("#"):
        return None
    setting = IDENTIFIER if title == "identifier" else title
    if not _SETTING.fullmatch(setting):
        # A file that is no table may begin with a secret.
        shown = f"column {title!r}" if _WORD.fullmatch(title) else "first line"
        raise BoardError(
            f"{name}: the {shown} is neither identifier nor called like a setting, such as"
            " NERVESHUB_PRODUCT_KEY. Put a # before the name of a column that is not for the board"
        )
    if setting.startswith("CIRCUITPY_") and setting not in _TEXTS:
        raise BoardError(f"{name}: {setting} is a number: put it into --settings FILE")
    return setting


def _row(where: str, columns: List[Optional[str]], cells: List[str]) -> Row:
    if len(cells) > len(columns):
        raise BoardError(f"{where} has more cells than the first line has names")
    values = {}
    for setting, cell in zip(columns, cells):
        text = cell if setting in _TEXTS else cell.strip()
        if setting is None or not text:
            continue
        if values.get(setting, text) != text:
            raise BoardError(f"{where}: two columns for {setting}")
        values[setting] = text
    if IDENTIFIER not in values:
        raise BoardError(f"{where} has no identifier")
    return Row(where, values)


# Which are done


class Done:
    """
    The file that tells which boards are done: a line for each, written when it is.

    :param path: where it is, or will be
    """

    def __init__(self, path) -> None:
        self.path = Path(path)
        self.boards: Dict[str, str] = {}
        """Identifier to the chip's unique id, ``""`` if the board did not tell it."""
        with contextlib.suppress(FileNotFoundError):
            for cells in csv.reader(self._text().splitlines()):
                # The last line may be torn.
                if len(cells) == len(_COLUMNS) and tuple(cells) != _COLUMNS:
                    self.boards[cells[0]] = cells[1]

    @classmethod
    def beside(cls, table) -> "Done":
        """That of a table: ``fleet.done.csv`` beside ``fleet.csv``."""
        return cls(Path(table).with_suffix(".done.csv"))

    def _text(self) -> str:
        try:
            return self.path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            raise
        except OSError as error:
            raise BoardError(f"{self.path}: {error.strerror}") from None

    def add(self, identifier: str, uid: str, board_id: str) -> None:
        """
        A board is done.

        :raises BoardError: if that can't be written
        """
        now = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
        try:
            old = self.path.read_bytes() if self.path.exists() else b""
            with open(self.path, "a", encoding="utf-8", newline="") as file:
                if old and not old.endswith(b"\n"):
                    file.write("\n")
                lines = csv.writer(file, lineterminator="\n")
                if not old:
                    lines.writerow(_COLUMNS)
                lines.writerow((identifier, uid, board_id, now))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise BoardError(
                f"{identifier} is prepared, but {self.path} can't be written: {error.strerror}"
            ) from None
        self.boards[identifier] = uid
