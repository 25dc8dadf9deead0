# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""A firmware server that knows parts of a file, as NervesHub's does, without a network."""

from .fakes import END, FakeTransport

PACKET = 1000


class PartServer(FakeTransport):
    """
    Answers each request by what `answer` returns, and keeps the connection.

    :param bytes data: the file
    :param changes: for some requests, by their number from 0 on: a function of the right answer, as
        bytes, that returns what is sent instead, in bytes or as a list of packets
    :param bool keeps: False to close each connection behind the answer, and to say so
    """

    def __init__(self, data, changes=None, keeps=True):
        super().__init__()
        self.data = data
        self.changes = changes or {}
        self.keeps = keeps
        self.ranges = []
        """The Range of each request, None where there was none."""
        self.travelled = 0
        """Bytes of bodies that were sent."""
        self._request = b""

    def send(self, view):
        if END in self.incoming:
            raise END
        count = super().send(view)
        self._request += self.take()
        if self._request.endswith(b"\r\n\r\n"):
            head, self._request = self._request.decode(), b""
            number = len(self.ranges)
            found = head.partition("Range: ")[2].partition("\r\n")[0]
            self.ranges.append(found or None)
            answer = self.answer(found)
            packets = self.changes[number](answer) if number in self.changes else answer
            if isinstance(packets, bytes):
                packets = [packets[at : at + PACKET] for at in range(0, len(packets), PACKET)]
            self.incoming = list(packets)
            sent = b"".join(packet for packet in packets if isinstance(packet, bytes))
            self.travelled += len(sent.partition(b"\r\n\r\n")[2])
            if not self.keeps or "Connection: close" in head:
                self.incoming.append(END)
        return count

    def open(self, *address):
        super().open(*address)
        self.incoming = []

    def answer(self, found):
        """The right answer, head and body."""
        begin, _, end = found.partition("=")[2].partition("-")
        begin, end = int(begin or 0), int(end or len(self.data) - 1)
        whole = not found or (begin, end) == (0, len(self.data) - 1)
        body = self.data[begin : end + 1]
        lines = [
            "HTTP/1.1 200 OK" if whole else "HTTP/1.1 206 Partial Content",
            "content-length: %d" % len(body),
            'etag: "4772D63"',
            "accept-ranges: bytes",
        ]
        if not whole:
            lines.append("content-range: bytes %d-%d/%d" % (begin, end, len(self.data)))
        if not self.keeps:
            lines.append("connection: close")
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
