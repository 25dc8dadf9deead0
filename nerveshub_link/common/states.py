# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.common.states`
====================================================

State machines as tables. A table is flat, to save memory: state, event, next state; state, event,
next state; and so on. It is bytes where states are numbers, else a tuple. In the source each row is
a line, and the comment after it names the action. ``scripts/draw_states.py`` draws these lines into
the documentation.
"""


def next_state(table, state, event):
    """
    Look up the next state. Allocates nothing: a lack of memory must not undo an update that has
    just been installed.

    :param table: bytes or a tuple: the rows, one after the other
    :param state: the present state
    :param event: the event
    :return: the next state; the present one if the table has no such row
    """
    at = 0
    while at < len(table):
        if table[at] == state and table[at + 1] == event:
            return table[at + 2]
        at += 3
    return state
