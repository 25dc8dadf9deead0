# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
CircuitPython's ``select.poll`` for the sockets of these shims.

As on a board: the end of a stream shows as POLLIN, POLLHUP and POLLERR are never told, and
``ipoll(0)`` with nothing to tell allocates nothing. A closed TLS socket that is still registered
crashes a board, so here it ends the program.
"""

import uselect

POLLIN = uselect.POLLIN
POLLOUT = uselect.POLLOUT
POLLERR = uselect.POLLERR
POLLHUP = uselect.POLLHUP


class poll:
    def __init__(self):
        self._poll = uselect.poll()
        self._sockets = []
        self._raws = []
        self._masks = []

    def register(self, socket, eventmask=POLLIN | POLLOUT):
        raw = socket._raw
        if raw is None:
            raise OSError(9)  # EBADF
        if socket in self._sockets:
            self.modify(socket, eventmask)
            return
        self._poll.register(raw, eventmask)
        self._sockets.append(socket)
        self._raws.append(raw)
        self._masks.append(eventmask)

    def unregister(self, socket):
        at = self._find(socket)
        self._poll.unregister(self._raws[at])
        self._sockets.pop(at)
        self._raws.pop(at)
        self._masks.pop(at)

    def modify(self, socket, eventmask):
        at = self._find(socket)
        self._poll.modify(self._raws[at], eventmask)
        self._masks[at] = eventmask

    def _find(self, socket):
        if socket not in self._sockets:
            raise OSError(2)  # ENOENT, as on a board
        return self._sockets.index(socket)

    def ipoll(self, timeout=-1, flags=0):
        for socket in self._sockets:
            if socket._raw is None and socket._is_tls:
                print("HARD FAULT: poll() on a closed TLS socket")
                raise SystemExit(1)  # no except clause of the library must survive this
        found = ()
        for raw, events in self._poll.ipoll(timeout):
            if not found:
                found = []
            at = self._raws.index(raw)
            mask = self._masks[at]
            told = events & mask & (POLLIN | POLLOUT)
            if events & (POLLERR | POLLHUP):
                told |= mask & POLLIN
            if told:
                found.append((self._sockets[at], told))
        return found

    def poll(self, timeout=-1):
        return list(self.ipoll(timeout))
