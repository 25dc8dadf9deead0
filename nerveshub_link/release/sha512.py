# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.release.sha512`
====================================================

SHA-512 (FIPS 180-4), which Ed25519 needs and CircuitPython's ``hashlib`` does not have: it knows
``sha1`` and ``sha256`` only (its ``shared-module/hashlib/__init__.c``). A leaf, imported while a
signature is checked. Where ``hashlib`` has SHA-512, as on CPython, `new` returns that.

A block of 128 bytes takes about as long as a slice of `nerveshub_link.release.ed25519` may: give
`Sha512.update` no more at a time.
"""

import hashlib
from binascii import unhexlify
from struct import pack, unpack, unpack_from

from micropython import const

BLOCK = const(128)
"""Bytes that are hashed at once."""
_ROUNDS = const(80)
_MASK = (1 << 64) - 1
_START = unhexlify(
    "6a09e667f3bcc908bb67ae8584caa73b3c6ef372fe94f82ba54ff53a5f1d36f1510e527fade682d1"
    "9b05688c2b3e6c1f1f83d9abfb41bd6b5be0cd19137e2179"
)
# The first 64 bits of the fractional parts of the cube roots of the first 80 primes.
_CONSTANTS = unhexlify(
    "428a2f98d728ae227137449123ef65cdb5c0fbcfec4d3b2fe9b5dba58189dbbc3956c25bf348b538"
    "59f111f1b605d019923f82a4af194f9bab1c5ed5da6d8118d807aa98a303024212835b0145706fbe"
    "243185be4ee4b28c550c7dc3d5ffb4e272be5d74f27b896f80deb1fe3b1696b19bdc06a725c71235"
    "c19bf174cf692694e49b69c19ef14ad2efbe4786384f25e30fc19dc68b8cd5b5240ca1cc77ac9c65"
    "2de92c6f592b02754a7484aa6ea6e4835cb0a9dcbd41fbd476f988da831153b5983e5152ee66dfab"
    "a831c66d2db43210b00327c898fb213fbf597fc7beef0ee4c6e00bf33da88fc2d5a79147930aa725"
    "06ca6351e003826f142929670a0e6e7027b70a8546d22ffc2e1b21385c26c9264d2c6dfc5ac42aed"
    "53380d139d95b3df650a73548baf63de766a0abb3c77b2a881c2c92e47edaee692722c851482353b"
    "a2bfe8a14cf10364a81a664bbc423001c24b8b70d0f89791c76c51a30654be30d192e819d6ef5218"
    "d69906245565a910f40e35855771202a106aa07032bbd1b819a4c116b8d2d0c81e376c085141ab53"
    "2748774cdf8eeb9934b0bcb5e19b48a8391c0cb3c5c95a634ed8aa4ae3418acb5b9cca4f7763e373"
    "682e6ff3d6b2b8a3748f82ee5defb2fc78a5636f43172f6084c87814a1f0ab728cc702081a6439ec"
    "90befffa23631e28a4506cebde82bde9bef9a3f7b2c67915c67178f2e372532bca273eceea26619c"
    "d186b8c721c0c207eada7dd6cde0eb1ef57d4f7fee6ed17806f067aa72176fba0a637dc5a2c898a6"
    "113f9804bef90dae1b710b35131c471b28db77f523047d8432caab7b40c724933c9ebe0a15c9bebc"
    "431d67c49c100d4c4cc5d4becb3e42b6597f299cfc657e2a5fcb6fab3ad6faec6c44198c4a475817"
)


def new():
    """Return an object with ``update(data)`` and ``digest()``."""
    try:
        return hashlib.new("sha512")
    except ValueError:
        return Sha512()


class Sha512:
    """SHA-512 in Python."""

    def __init__(self) -> None:
        self._state = unpack(">8Q", _START)
        self._rest = b""
        self._count = 0

    def update(self, data) -> None:
        """
        Hash further bytes.

        :param data: bytes or memoryview
        """
        self._count += len(data)
        data = self._rest + bytes(data)
        at = 0
        while len(data) - at >= BLOCK:
            self._state = _compress(self._state, unpack_from(">16Q", data, at))
            at += BLOCK
        self._rest = data[at:]

    def digest(self) -> bytes:
        """Return the hash of all bytes, 64 bytes. `update` must not be called after this."""
        zeros = bytes((BLOCK - 17 - len(self._rest)) % BLOCK)
        self.update(b"\x80" + zeros + pack(">QQ", 0, self._count * 8))
        return pack(">8Q", *self._state)


def _compress(state: tuple, block: tuple) -> tuple:  # noqa: PLR0914 the standard's names
    """
    Hash one block. A rotation is a shift of the word written twice; the wrong bits above bit 63 are
    cut off from the sum.
    """
    mask = _MASK
    words = list(block)
    a, b, c, d, e, f, g, h = state
    for number in range(_ROUNDS):
        at = number & 15
        word = words[at]
        if number > 15:
            x, y = words[at - 15], words[at - 2]
            x2, y2 = x | x << 64, y | y << 64
            word += (x2 >> 1 ^ x2 >> 8 ^ x >> 7) + words[at - 7] + (y2 >> 19 ^ y2 >> 61 ^ y >> 6)
            words[at] = word = word & mask
        x2, y2 = e | e << 64, a | a << 64
        h += (x2 >> 14 ^ x2 >> 18 ^ x2 >> 41) + (g ^ e & (f ^ g)) + word
        h += unpack_from(">Q", _CONSTANTS, number * 8)[0]
        y2 = (y2 >> 28 ^ y2 >> 34 ^ y2 >> 39) + (b ^ (a ^ b) & (b ^ c))
        a, b, c, d, e, f, g, h = (h + y2) & mask, a, b, c, (d + h) & mask, e, f, g
    return tuple([(old + new) & _MASK for old, new in zip(state, (a, b, c, d, e, f, g, h))])
