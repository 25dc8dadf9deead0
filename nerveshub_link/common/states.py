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
    Look up the next state. Allocates nothing.

    :param table: bytes or a tuple: the rows, one after the other
    :param state: the present state
    :param event: the event
    :return: the next state; the present one if the table has no such row
    """
    for at in range(0, len(table), 3):
        if table[at] == state and table[at + 1] == event:
            return table[at + 2]
    return state
