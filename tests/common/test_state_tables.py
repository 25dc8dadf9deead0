# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Tables of states: how they are read, and that the documentation shows the same."""

import importlib
import runpy

import pytest
from support import checkout
from support.walked import rows

from nerveshub_link.common import states

DRAW = runpy.run_path(str(checkout.ROOT / "scripts" / "draw_states.py"))
MODULES = {name: importlib.import_module("nerveshub_link." + name) for name in DRAW["MACHINES"]}


def test_what_has_no_row_changes_nothing():
    assert states.next_state((1, 2, 3), 1, 2) == 3
    assert states.next_state((1, 2, 3), 2, 1) == 2
    assert states.next_state((1, 2, 3, 2, 3, 1), 2, 3) == 1
    assert states.next_state((), 7, 1) == 7


@pytest.mark.parametrize("name", MODULES)
def test_a_table_tells_one_next_state_for_a_state_and_an_event(name):
    told = [row[:2] for row in rows(MODULES[name]._TABLE)]
    assert len(set(told)) == len(told)


@pytest.mark.parametrize("name", MODULES)
def test_the_source_of_a_table_is_read_row_by_row(name):
    module = MODULES[name]
    read = [tuple(getattr(module, word) for word in row[:3]) for row in DRAW["rows"](name)]
    assert read == rows(module._TABLE)


def test_the_page_of_the_documentation_is_drawn_from_the_tables():
    page = checkout.ROOT / "docs" / "internals" / "states.rst"
    assert page.read_text("utf-8") == DRAW["page"](), "run scripts/draw_states.py, see there"


def test_every_table_is_drawn():
    sources = sorted((checkout.ROOT / "nerveshub_link").rglob("*.py"))
    found = [path for path in sources if "\n_TABLE = " in path.read_text("utf-8")]
    assert len(found) == len(MODULES)
