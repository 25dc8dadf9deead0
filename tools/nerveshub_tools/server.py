# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.server`
================================================================================

The hub on one port: websockets of devices, firmware downloads, the operator's interface.

Separate because this is the only module that listens. It moves messages between aiohttp and
`nerveshub_tools.connection.Connection`, which interprets them. `HubThread` runs it in its own
thread, for tests and programs that are not asynchronous.
"""

import asyncio
import contextlib
import threading
from email.utils import formatdate
from typing import Optional

from aiohttp import WSMsgType, web

from . import downloads, login_page, operator_api
from .connection import Close, Connection, Text
from .hub import Hub
from .strict_websocket import StrictWebSocket
from .tls import ServerTls, common_name
from .upgrade import SOCKET_PATHS, Answer, Request, decide, elsewhere

_KEEP_ALIVE = 60
_START_TIMEOUT = 10
_NEAR = {"127.0.0.1", "localhost"}
_REFUSAL = {"vary": "accept-encoding", "cache-control": "max-age=0, private, must-revalidate"}


class Server:
    """
    :param Hub hub: what to serve
    :param str host: address to listen on
    :param int port: port to listen on; 0 for a free one
    :param ServerTls tls: TLS, or None for plain HTTP
    """

    def __init__(
        self, hub: Hub, host: str = "127.0.0.1", port: int = 0, tls: Optional[ServerTls] = None
    ) -> None:
        self._hub = hub
        self._tls = tls
        self._ticker: Optional[asyncio.Task] = None
        self._runner: Optional[web.AppRunner] = None
        self.host = host
        self.port = port

    async def start(self) -> None:
        """Listen. `port` is the real one afterwards, and the hub has its ``url``."""
        app = web.Application(middlewares=[self._remember])
        app.add_subapp("/api", operator_api.application(self._hub))
        app.add_subapp("/auth/cli", login_page.application(self._hub))
        app.router.add_route("*", "/{path:.*}", self._handle)
        app.on_response_prepare.append(self._finish)
        self._runner = web.AppRunner(
            app, access_log=None, keepalive_timeout=_KEEP_ALIVE, shutdown_timeout=0.1
        )
        await self._runner.setup()
        context = self._tls.context() if self._tls else None
        # localhost may have two addresses, and port 0 would give each its own.
        host = "127.0.0.1" if self.host in _NEAR else self.host
        site = web.TCPSite(self._runner, host, self.port, ssl_context=context)
        try:
            await site.start()
        except BaseException:
            await self._runner.cleanup()
            raise
        self.port = self._runner.addresses[0][1]
        if self.host in _NEAR:
            # On many computers localhost is ::1 first.
            near = web.TCPSite(self._runner, "::1", self.port, ssl_context=context)
            with contextlib.suppress(OSError):  # no IPv6, or somebody else is there
                await near.start()
        if self._hub.url is None:
            scheme = "https" if self._tls else "http"
            shown = f"[{self.host}]" if ":" in self.host else self.host
            self._hub.url = f"{scheme}://{shown}:{self.port}"
        self._ticker = asyncio.ensure_future(self._tick())

    async def stop(self) -> None:
        """Stop at once; sockets are cut. For a graceful end call ``hub.drain()`` before."""
        if self._ticker:
            self._ticker.cancel()
        if self._runner:
            await self._runner.cleanup()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(1)
            self._hub.tick()

    async def _finish(self, _request, response) -> None:
        """The head as the real server writes it: lower-case names, the hub's own clock."""
        headers = response.headers
        headers["Date"] = formatdate(self._hub.clock(), usegmt=True)
        headers.pop("Server", None)
        if headers.get("Content-Length") == "0":
            headers.pop("Content-Type", None)
        fields = [(name.lower(), value) for name, value in headers.items()]
        headers.clear()
        headers.extend(fields)

    @web.middleware
    async def _remember(self, request: web.Request, handler) -> web.StreamResponse:
        with self._hub.changing():
            self._hub.requests.append((request.method, request.raw_path, _headers(request)))
        try:
            return await handler(request)
        except ConnectionError:
            return web.Response()  # whoever asked has hung up meanwhile, and nobody gets this

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        hub, headers = self._hub, _headers(request)
        if downloads.is_download(request.path):
            return await downloads.handle(hub, request)
        if request.path == "/status/alive":
            return web.Response(text="Hello, Friend!")
        peer = request.transport.get_extra_info("peercert") if request.transport else None
        asked = Request(request.raw_path, headers, self._tls is not None, common_name(peer))
        if request.method != "GET" or (
            request.path not in SOCKET_PATHS and "upgrade" not in headers
        ):
            return _response(elsewhere(asked))
        with hub.changing():
            decision = decide(hub, asked)
        if isinstance(decision, Answer):
            return _response(decision)
        return await self._websocket(request, decision)

    async def _websocket(self, request: web.Request, identifier: str) -> web.WebSocketResponse:
        websocket = StrictWebSocket()
        websocket.headers["cache-control"] = _REFUSAL["cache-control"]
        loop, wake = asyncio.get_running_loop(), asyncio.Event()

        def woken() -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is listening
                loop.call_soon_threadsafe(wake.set)

        # Before the handshake is sent: a client that has seen it must find the device connected.
        connection = self._hub.connect(identifier, woken)
        sender = None
        try:
            await websocket.prepare(request)
            sender = asyncio.ensure_future(self._send(websocket, connection, wake))
            await self._receive(websocket, connection)
        finally:
            self._hub.disconnected(connection)
            if sender and not connection.closing_sent:
                sender.cancel()
        # A close of ours waits for the device's half of it.
        with contextlib.suppress(asyncio.CancelledError):
            await sender
        return websocket

    async def _receive(self, websocket: StrictWebSocket, connection: Connection) -> None:
        hub = self._hub
        while True:
            message = await websocket.receive()
            with hub.changing():
                if message.type == WSMsgType.TEXT:
                    connection.text(message.data)
                elif message.type == WSMsgType.BINARY:
                    connection.binary()
                elif message.type == WSMsgType.PING:
                    connection.ping(message.data)
                elif message.type == WSMsgType.PONG:
                    connection.received()
                else:
                    if message.type == WSMsgType.ERROR and not connection.closing:
                        code = getattr(message.data, "code", 1006)
                        hub.refuse(f"websocket closed with {int(code)}: {message.data}")
                    return

    @staticmethod
    async def _send(websocket, connection: Connection, wake: asyncio.Event) -> None:
        while True:
            await wake.wait()
            wake.clear()
            while connection.outbox:
                item = connection.outbox.popleft()
                try:
                    if isinstance(item, Text):
                        await websocket.send_str(item.text)
                    elif isinstance(item, Close):
                        connection.closing_sent = True
                        await websocket.close(code=item.code)
                        return
                    else:
                        await websocket.pong(item.payload)
                except (ConnectionError, RuntimeError):
                    return  # the device is gone; the receiving side notices too


def _headers(request: web.Request) -> dict:
    """Names in lower case; of several with one name the first."""
    return {name.lower(): value for name, value in reversed(list(request.headers.items()))}


def _response(answer: Answer) -> web.Response:
    headers = {**_REFUSAL, **answer.headers}
    return web.Response(status=answer.status, headers=headers, text=answer.body or None)


class HubThread(Hub):
    """
    A hub that serves from a thread of its own while its ``with`` block runs.

    :param str host: address to listen on
    :param int port: port to listen on; 0 for a free one
    :param ServerTls tls: TLS, or None for plain HTTP
    :param settings: those of `nerveshub_tools.hub_state.HubState`
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: Optional[ServerTls] = None,
        **settings,
    ) -> None:
        super().__init__(**settings)
        self._server = Server(self, host, port, tls)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="hub", daemon=True)
        self._ready = threading.Event()
        self._failure: Optional[BaseException] = None

    @property
    def host(self) -> str:
        """Address that it listens on (read-only)."""
        return self._server.host

    @property
    def port(self) -> int:
        """Port that it listens on (read-only)."""
        return self._server.port

    def __enter__(self) -> "HubThread":
        self._thread.start()
        if not self._ready.wait(_START_TIMEOUT):
            raise TimeoutError("the hub did not start")
        if self._failure:
            raise self._failure
        return self

    def __exit__(self, *_exception) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._server.start())
        except BaseException as failure:  # told to the thread that waits in __enter__
            self._failure = failure
            self._ready.set()
            self._loop.close()
            return
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self._server.stop())
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()
