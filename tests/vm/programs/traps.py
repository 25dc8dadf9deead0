# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
Walks into the traps that the shims copy from Espressif's sockets and TLS, and tells what happened.

Options: ``port`` of a server that sends back what it gets, until it gets ``!``: then it hangs up.
``ca`` for TLS, ``crash`` to poll a closed socket.
"""

import errno
import gc
import hashlib
import json
import select
import ssl
import sys

import socketpool


def outcome(function, *args):
    """What a call returned, or which error it raised."""
    try:
        return function(*args)
    except OSError as error:
        return errno.errorcode.get(error.errno, error.errno)
    except Exception as error:
        return type(error).__name__


def tell(name, value):
    print(json.dumps({"event": name, "value": value}))


def open_socket(pool, options):
    socket = pool.socket(pool.AF_INET, pool.SOCK_STREAM)
    if "ca" in options:
        context = ssl.create_default_context()
        tell("empty ca", outcome(lambda: context.load_verify_locations(cadata="")))
        tell("no hostname", outcome(lambda: context.wrap_socket(socket)))
        context.load_verify_locations(cadata=options["ca"])
        socket = context.wrap_socket(socket, server_hostname=options["host"])
    return socket


def read(socket, poller, count):
    """
    Read so many bytes. A part of a TLS record shows as POLLIN, too, and then there is nothing yet.
    """
    data = b""
    buffer = bytearray(4096)
    while len(data) < count:
        for _ in poller.ipoll(1000):
            try:
                data += buffer[: socket.recv_into(buffer)]
            except OSError as error:
                if error.errno != errno.EAGAIN:
                    raise
    return data


def main(options):
    pool = socketpool.SocketPool(None)
    socket = open_socket(pool, options)
    tell(
        "lacks",
        [name for name in ("recv", "makefile", "fileno", "shutdown") if hasattr(socket, name)],
    )
    address = (options["host"], options["port"])
    socket.settimeout(0)
    tell("connect at timeout 0", outcome(socket.connect, address))
    socket.settimeout(5)
    tell("connect", outcome(socket.connect, address))
    socket.settimeout(0)
    buffer = bytearray(16)
    tell("nothing yet", outcome(socket.recv_into, buffer))
    poller = select.poll()
    poller.register(socket, select.POLLIN)
    list(poller.ipoll(0))
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    for _ in poller.ipoll(0):
        tell("unexpected", True)
    after = gc.mem_alloc()
    gc.enable()
    tell("idle ipoll", after - before)

    tell("one send", outcome(socket.send, bytes(10_000)))
    tell("echoed", len(read(socket, poller, options["most"])))

    socketpool._stall = 1
    tell("full", outcome(socket.send, b"one"))
    socketpool._stall = 0
    tell("other bytes", outcome(socket.send, b"two"))
    tell("arrived", read(socket, poller, 3).decode())

    socket.send(b"!")
    tell("end shows as", [events for _, events in poller.ipoll(2000)] == [select.POLLIN])
    tell("end", outcome(socket.recv_into, buffer))
    if not options.get("crash"):
        poller.unregister(socket)
        tell("modify unregistered", outcome(poller.modify, socket, select.POLLIN))
    socket.close()
    tell("closed", outcome(socket.recv_into, buffer))
    poller.poll(0)

    digest = hashlib.new("sha256", b"abc")
    tell("digest twice", digest.digest() == digest.digest())
    tell("unknown hash", outcome(hashlib.new, "SHA256"))
    tell("done", True)


main(json.load(sys.stdin))
