# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools`
================================================================================

What stands on the desk beside a `nerveshub_link` device: a small development hub that speaks the
server's side of the NervesHub device protocol, a simulated device that runs the real library, and
a demonstration of a whole firmware update. Runs on a computer, never on a board.

The development hub is strict rather than complete: what the real server refuses, it refuses, and
it remembers it in `Hub.violations`. It is one process with one lock; for a fleet use NervesHub.
"""

__version__ = "0.0.0+auto.0"
