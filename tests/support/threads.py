# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""The threads of a server that a test runs: started one by one, ended together."""

import socket
import threading

DEADLINE = 20
"""Seconds after which a thread that should have ended fails the test."""


class Threads:
    """All threads of one server."""

    def __init__(self):
        self._threads = []

    def start(self, target, *args):
        """Run a function in a thread of its own."""
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def end(self, sockets, words):
        """
        Wake the threads, and wait until all have ended.

        :param sockets: those that threads may wait in
        :param str words: for the test's failure, if one goes on
        """
        # A shutdown wakes threads that wait in accept or recv; a mere close would not.
        for one in sockets:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in self._threads:
            thread.join(DEADLINE)
            assert not thread.is_alive(), words
