# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
How long a single poll() takes during a download: also from servers that say nothing, or drip. The
poll which connects is left out: it blocks, and the documentation says so. What is judged is what a
kind of poll takes by itself (see `_judged`); the longest of all that were seen stands beside it.

Two things make a poll long, and both are measured so that other programs on the machine do not
count: work, by the processor's time; and waiting, by how often the thread gave the processor away.
"""

import gc
import socket
import time
from statistics import median
from time import perf_counter, thread_time

try:
    from resource import RUSAGE_THREAD, getrusage
except ImportError:  # Linux has it
    getrusage = None

from . import server
from .device import make
from .rows import Row, at_most

_ROUNDS = 5
_WATCHED = 0.5  # seconds of a server that does not get on
_FREQUENT = 100
_AIM = 3


def measure(short: bool = False) -> list:
    """All rows of this module. ``short``: True to watch each server once, and not for long."""
    rounds, watched = (1, 0.1) if short else (_ROUNDS, _WATCHED)
    with server.BenchServer() as other:
        whole = _rounds(other.port, server.WHOLE, rounds)
        chunk = median(median(polls["chunk"]) for polls, _ in whole)
        rows = [_row("whole download, verifying, installing", whole, chunk)]
        waits = _waits(whole)
        for manner in (server.MUTE, server.DRIPPING_HEAD, server.DRIPPING_BODY):
            polls = _rounds(other.port, manner, rounds, watched)
            rows.append(_row(manner.replace("_", " ") + " of a server", polls, chunk))
            waits += _waits(polls)
        if getrusage:
            rows.append(at_most("polls of all these that waited for anything", waits, 0, "{}"))
        send = _bare_send(other.port)
    rows.append(Row("one chunk of 4096 bytes: network, hash, writer", _micro(chunk)))
    rows.append(Row("one bare send() of 100 bytes, which each message needs", _micro(send)))
    if send > chunk:
        text = "a chunk takes less than one bare send() here; a report is JSON, mask and send()"
        rows.append(Row("on polls that report", text))
    return rows


def _row(what: str, rounds: list, chunk: float) -> Row:
    kinds = _judged(rounds)
    kind = max(kinds, key=kinds.get)
    longest = max(max(times) for polls, _ in rounds for times in polls.values())
    row = at_most(
        "poll() of the slowest kind (99 of 100; of a rare kind the shortest), in chunks: " + what,
        kinds[kind] / chunk,
        _AIM,
        "{:.1f}",
    )
    row.value += " ({}, with {}); the longest of all: {:.1f} ({})".format(
        _micro(kinds[kind]), kind or "nothing to do", longest / chunk, _micro(longest)
    )
    return row


def _micro(seconds: float) -> str:
    return "{:.0f} µs".format(seconds * 1e6)


def _rounds(port: int, manner: str, rounds: int, watched: float = 0) -> list:
    return [_watch(port, manner, watched) for _ in range(rounds)]


def _waits(rounds: list) -> int:
    """Polls that waited, of the best round: others are the doing of other programs."""
    return min(waits for _, waits in rounds)


def _judged(rounds: list) -> dict:
    """
    Seconds of each kind of poll: those in which the same things happened are of one kind. Of the
    frequent ones, 99 of 100 are not longer, in the best round: a poll that takes long by itself
    does so in every round, an interrupt hits only some. Of the rare ones, the shortest: a computer
    runs what it did not run just now several times slower, and the chunks it did run just now.
    """
    kinds = {}
    for polls, _ in rounds:
        for kind, times in polls.items():
            times.sort()
            at = len(times) * 99 // 100 if len(times) >= _FREQUENT else 0
            kinds.setdefault(kind, []).append(times[at])
    return {kind: min(times) for kind, times in kinds.items() if len(times) == len(rounds)}


def _watch(port: int, manner: str, watched: float) -> tuple:
    """Seconds of all polls behind the one that connects, by kind; how many of them waited."""
    link, app, writer, did = make(port, manner)
    with link, _NoCollector():
        while "download" not in did:
            link.poll()
        polls, waits, until = {}, 0, perf_counter() + watched
        while not writer.finished and (manner == server.WHOLE or perf_counter() < until):
            did.clear()
            seconds, waited = _timed(link.poll)
            polls.setdefault(" and ".join(sorted(did)), []).append(seconds)
            waits += waited
            assert app.failed is None, app.failed
    return polls, waits


def _bare_send(port: int) -> float:
    """What the machine's network takes for a message: not ours, and nothing that a chunk needs."""
    with socket.create_connection(("127.0.0.1", port)) as peer:
        times = []
        for _ in range(100):
            time.sleep(0.001)  # the other side has read and waits again, as it does in a session
            times.append(_timed(lambda: peer.send(bytes(100)))[0])
    return median(times)


def _timed(function) -> tuple:
    """Seconds of work, and whether the thread waited for anything."""
    slept = getrusage(RUSAGE_THREAD).ru_nvcsw if getrusage else 0
    begun = thread_time()
    function()
    seconds = thread_time() - begun
    return seconds, getrusage is not None and getrusage(RUSAGE_THREAD).ru_nvcsw != slept


class _NoCollector:
    """Keeps CPython's garbage collector, which no board has, from being measured."""

    def __enter__(self) -> None:
        gc.collect()
        gc.disable()

    def __exit__(self, *_exception) -> None:
        gc.enable()
