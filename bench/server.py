# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
The server, in its own process and on raw sockets, so that its work is not measured.

It accepts every device, answers every join and heartbeat by "ok", asks for health and logs, and
offers an update to a device whose product key is one of the names below: they tell how the image is
served.
"""

import hashlib
import json
import multiprocessing
import socket
import time

from support.raw_server import (
    RawServer,
    hold,
    read_frame,
    read_head,
    read_to_end,
    server_frame,
    upgrade_answer,
)

SIZE = 8_000_000
IMAGE = bytes(range(256)) * (SIZE // 256)

NO_UPDATE = "none"
WHOLE = "whole"
MUTE = "mute"
DRIPPING_HEAD = "dripping_head"
DRIPPING_BODY = "dripping_body"

_DRIP = 0.05
_HEAD = "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {}\r\n\r\n"


def _serve(peer) -> None:
    try:
        _answer(peer)
    except OSError:
        pass  # the device has seen enough, and hung up


def _answer(peer) -> None:
    if peer.recv(1, socket.MSG_PEEK) != b"G":
        read_to_end(peer)  # no request: somebody who measures the connection alone
        return
    head = read_head(peer)
    target = head.split(b" ")[1].decode()
    if target.startswith("/device-socket/"):
        peer.sendall(upgrade_answer(head))
        _converse(peer, head)
    elif target == "/" + WHOLE:
        peer.sendall(_HEAD.format(len(IMAGE)).encode())
        peer.sendall(IMAGE)
        read_to_end(peer)
    elif target == "/" + MUTE:
        hold(peer)
    elif target == "/" + DRIPPING_HEAD:
        _drip(peer, _HEAD.format(len(IMAGE)).encode())
    elif target == "/" + DRIPPING_BODY:
        peer.sendall(_HEAD.format(len(IMAGE)).encode())
        _drip(peer, IMAGE)


def _drip(peer, data: bytes) -> None:
    for at in range(len(data)):
        peer.sendall(data[at : at + 1])
        time.sleep(_DRIP)


def _converse(peer, head: bytes) -> None:
    fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
    manner = fields[b"x-nh-key"].decode()
    host = fields[b"Host"].decode()
    while True:
        try:
            opcode, payload = read_frame(peer)
        except (AssertionError, OSError):
            return  # the device hung up
        if opcode == 8:
            return
        join_ref, ref, topic, event, _ = json.loads(payload)
        if event not in {"phx_join", "heartbeat"}:
            continue
        response = ["health", "logging"] if topic == "extensions" else {}
        _say(peer, join_ref, ref, topic, "phx_reply", {"status": "ok", "response": response})
        if event == "phx_join" and topic == "device":
            _say(peer, None, None, topic, "extensions:get", {})
            if manner != NO_UPDATE:
                _say(peer, None, None, topic, "update", _update(host, manner))


def _say(peer, *message) -> None:
    peer.sendall(server_frame(1, json.dumps(message).encode()))


def _update(host: str, manner: str) -> dict:
    keys = ("uuid", "product", "architecture", "platform")
    return {
        "update_available": True,
        "firmware_url": "http://" + host + "/" + manner,
        "firmware_meta": {**{key: "new" for key in keys}, "version": "1.1.0"},
        "size": len(IMAGE),
        "checksum": hashlib.sha256(IMAGE).hexdigest().upper(),
    }


def _process(pipe) -> None:
    with RawServer(_serve) as server:
        pipe.send(server.port)
        pipe.recv()


class BenchServer:
    """The server's process, while a ``with`` block runs. `port` is where it listens."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_process, args=(theirs,), daemon=True)
        self.port = 0

    def __enter__(self) -> "BenchServer":
        self._process.start()
        self.port = self._pipe.recv()
        return self

    def __exit__(self, *_exception) -> None:
        self._pipe.send(None)
        self._process.join(5)
        self._process.terminate()
