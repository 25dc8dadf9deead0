# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Which rows of a table of states were walked."""

from nerveshub_link.common.states import next_state


def rows(table) -> list:
    """A table's rows: state, event, next state."""
    return [tuple(table[at : at + 3]) for at in range(0, len(table), 3)]


def walk(monkeypatch, module) -> set:
    """
    Note the changes of state in a module.

    :return: the rows that were walked, filled from now on
    """
    found = set()

    def noting(table, state, event):
        after = next_state(table, state, event)
        if after != state:
            found.add((state, event, after))
        return after

    monkeypatch.setattr(module, "next_state", noting)
    return found
