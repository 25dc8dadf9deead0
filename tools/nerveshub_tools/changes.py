# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.changes`
================================================================================

Waits in asyncio for a condition of a hub: without a sleeping thread, without polling.

Separate because a hub has no event loop; `nerveshub_tools.hub_state.HubState.wait` does the same
for threads.
"""

import asyncio
import contextlib
from typing import Any, Callable


async def until(hub, predicate: Callable[[Any], Any], timeout: float) -> Any:
    """
    The value of ``predicate(hub)`` as soon as it is true; the last one after ``timeout`` seconds.

    It is looked at, under the hub's lock, whenever something has happened.
    """
    loop, changed = asyncio.get_running_loop(), asyncio.Event()

    def woken() -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(changed.set)

    end = loop.time() + timeout
    hub.wakers.append(woken)
    try:
        while True:
            changed.clear()
            with hub.changed:
                value = predicate(hub)
            left = end - loop.time()
            if value or left <= 0:
                return value
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(changed.wait(), left)
    finally:
        hub.wakers.remove(woken)
