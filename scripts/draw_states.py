# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
Draws the tables of states in the library's source into a page of the documentation::

    python3 scripts/draw_states.py > docs/internals/states.rst

A table is named ``_TABLE`` and has one row a line: state, event, next state, and behind it a
comment that says what is done. A test holds the page against the tables.
"""

import re
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "nerveshub_link"
MACHINES = {
    "wire.connection": "The connection",
    "wire.phoenix": "A topic",
    "update.manager": "An update",
}
_TABLE = re.compile(r"^_TABLE = (?:bytes\()?\(\n    # [^\n]+\n(.*?)^\)+$", re.M | re.S)
_ROW = re.compile(r"    (\w+), (\w+), (\w+),  # (.+)")
_HEAD = """\
.. SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
..
.. SPDX-License-Identifier: MIT

.. Drawn by scripts/draw_states.py: change the tables in the source, not this page.

States
======

The code goes by these tables. Where one has no row for a state and an event, the state stays.
"""


def rows(module: str) -> list:
    """
    Read the table of a module.

    :param str module: its name, such as ``wire.phoenix``
    :return: state, event and next state as they stand in the source, and what is done
    :raises ValueError: if a line of the table is no such row
    """
    source = (PACKAGE / (module.replace(".", "/") + ".py")).read_text("utf-8")
    (table,) = re.findall(
        r"^_TABLE = (?:bytes\()?\(\n    # [^\n]+\n(.*?)^\)+$", source, re.M | re.S
    )
    found = [(line, _ROW.fullmatch(line)) for line in table.splitlines()]
    for line, row in found:
        if row is None:
            raise ValueError(f"{module}: no row of a table of states: {line.strip()}")
    return [row.groups() for _, row in found]


def words(name: str) -> str:
    """The name of a state or an event, as words."""
    return name.strip("_").lower().replace("_", " ")


def page() -> str:
    """The page of the documentation."""
    text = _HEAD
    for module, title in MACHINES.items():
        text += f"\n{title}\n{'-' * len(title)}\n\nSee :py:mod:`nerveshub_link.{module}`.\n\n"
        text += ".. list-table::\n    :header-rows: 1\n    :widths: 20 20 20 40\n\n"
        for row in [("state", "event", "next state", "what is done"), *rows(module)]:
            cells = [*map(words, row[:3]), row[3]]
            text += "    * - " + "\n      - ".join(cells) + "\n"
    return text


if __name__ == "__main__":
    print(page(), end="")
