# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.update.actions`
====================================================

What `UpdateManager.step` asks of the link. Apart from the manager, so that the link knows it before
it has one.
"""

NEED_ROOM = 1
"""
Action: close the WebSocket; there is no memory for a second connection until this one is done.
"""
REJOIN = 2
"""
Action: the server may have forgotten the update, or is to forget it; join the device topic again.
"""
REBOOT = 3
"""Action: restart into the new firmware; call `UpdateManager.restart_noted` when that is sure."""
BLOCKS = 4
"""Action: one of the next steps blocks for long; send a heartbeat before it."""
