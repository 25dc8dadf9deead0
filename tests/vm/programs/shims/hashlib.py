# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
CircuitPython's ``hashlib`` over MicroPython's: ``new(name[, data])`` and nothing else.

One difference stays: CircuitPython's ``digest()`` does not finalise, MicroPython's does, and its
objects can't be copied. So a digest may be asked for again, and an update behind it is refused
loudly instead of giving a wrong sum.
"""

import uhashlib

_KINDS = {"sha1": uhashlib.sha1, "sha256": uhashlib.sha256}


class _Hash:
    def __init__(self, name, data):
        self._digest = None
        self._hash = _KINDS[name](data)
        self.digest_size = 20 if name == "sha1" else 32

    def update(self, data):
        if self._digest is not None:
            raise NotImplementedError(
                "update() after digest(): CircuitPython could, MicroPython can't"
            )
        self._hash.update(data)

    def digest(self):
        if self._digest is None:
            self._digest = self._hash.digest()
        return self._digest


def new(name, data=b""):
    if name not in _KINDS:
        raise ValueError("Unsupported hash algorithm")
    return _Hash(name, data)
