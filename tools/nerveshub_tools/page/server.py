# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.page.server`
================================================================================

The page on a port of its own: on this computer only, in the hub's event loop.

Separate because it handles sockets and access, independently of the page's content.
"""

import asyncio
import contextlib
import socket

import uvicorn
from fastapi import FastAPI
from nicegui import ui

from ..local_only import is_local
from .dashboard import register

HOST = "127.0.0.1"
_STOP_TIMEOUT = 3


class PageServer:
    """
    NiceGUI keeps its pages for the whole process, so a process has one of these.

    :param Hub hub: what to show
    :param int port: port to listen on; 0 for a free one
    """

    def __init__(self, hub, port: int = 0) -> None:
        self._hub = hub
        self.port = port
        self._server = None
        self._task = None

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://localhost:{self.port}/"

    async def start(self) -> None:
        """Listen. `port` is the real one afterwards."""
        listeners = [socket.create_server((HOST, self.port))]
        self.port = listeners[0].getsockname()[1]
        with contextlib.suppress(OSError):  # no IPv6, or somebody else is there
            # On many computers localhost is ::1 first.
            listeners.append(socket.create_server(("::1", self.port), family=socket.AF_INET6))
        app = FastAPI(openapi_url=None)
        register(self._hub)
        # Nothing is asked from elsewhere: no style framework that compiles in the browser.
        ui.run_with(app, title="nerveshub_link hub", tailwind=False, show_welcome_message=False)
        config = uvicorn.Config(
            _Guard(app), log_level="warning", timeout_graceful_shutdown=_STOP_TIMEOUT
        )
        self._server = _Server(config)
        self._task = asyncio.ensure_future(self._server.serve(sockets=listeners))
        while not self._server.started:
            if self._task.done():
                await self._task
                raise OSError("the page did not start")
            await asyncio.sleep(0.02)

    async def stop(self) -> None:
        """Stop; open pages show that they have lost their hub."""
        self._server.should_exit = True
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._task, 2 * _STOP_TIMEOUT)


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: Ctrl-C is the hub's, which stops this one, too."""

    @contextlib.contextmanager
    def capture_signals(self):
        """Leave them alone."""
        yield


class _Guard:
    """Accepts requests of this computer only, and none of another site (see `is_local`)."""

    def __init__(self, app) -> None:
        self.app = app

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] in {"http", "websocket"} and not _is_trusted(scope):
            await self._refuse(scope["type"], receive, send)
            return
        await self.app(scope, receive, send)

    @staticmethod
    async def _refuse(kind: str, receive, send) -> None:
        if kind == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        text = b"this page is for its own computer only"
        head = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(text))]
        await send({"type": "http.response.start", "status": 403, "headers": head})
        await send({"type": "http.response.body", "body": text})


def _is_trusted(scope) -> bool:
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    ends = [(scope.get(end) or ("", 0))[0] for end in ("client", "server")]
    return is_local(*ends, headers.get(b"host", ""), headers.get(b"origin"))
