# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
How long a signature takes, against textbook code: two products by double-and-add, each with the
complete addition in extended coordinates (RFC 8032, section 5.1.4), and each product of two numbers
divided by the prime. Without the hash, which both need, and with it.

Options: ``key``, ``signature``, ``message`` in hex; ``rounds``.
"""

import gc
import json
import sys
import time

from nerveshub_link.release import ed25519, sha512

P = ed25519._P
D2 = 2 * ed25519._D % P
BASE_X = 15112221349535400772501151409588531511454012693041857206046113283949847762202
BASE_Y = 46316835694926478169428394003475163141307993866256225615783033603165251855960


def added(one, other):  # noqa: PLR0914 the standard's names
    """The sum of two points, each X, Y, Z, T."""
    p = P
    x1, y1, z1, t1 = one
    x2, y2, z2, t2 = other
    a = (y1 - x1) * (y2 - x2) % p
    b = (y1 + x1) * (y2 + x2) % p
    c = t1 * D2 % p * t2 % p
    d = 2 * z1 * z2 % p
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % p, g * h % p, f * g % p, e * h % p


def times(number, point):
    """Double and add."""
    result = (0, 1, 1, 0)
    while number:
        if number & 1:
            result = added(result, point)
        point = added(point, point)
        number >>= 1
    return result


def decoded(data):
    """The point that is encoded so, with the VM's own power."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    u, v = (y * y - 1) % P, (ed25519._D * y * y + 1) % P
    x = u * v * v * v * pow(u * v * v * v * v * v * v * v, (P - 5) // 8, P) % P
    if (v * x * x - u) % P:
        x = x * ed25519._ROOT_OF_MINUS_1 % P
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


def textbook(key, signature, challenge):
    """Is S times the base point R + k * A?"""
    left = times(int.from_bytes(signature[32:], "little"), (BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P))
    right = added(decoded(signature[:32]), times(challenge, decoded(key)))
    return (
        not (left[0] * right[2] - right[0] * left[2]) % P
        and not (left[1] * right[2] - right[1] * left[2]) % P
    )


class Given:
    """A hash that is known already."""

    known = b""

    def update(self, data):
        """Nothing to do."""

    def digest(self):
        """Return it."""
        return self.known


def microseconds(function, *args):
    """How long it takes to find that a signature is right."""
    gc.collect()
    begun = time.ticks_us()
    right = function(*args)
    spent = time.ticks_diff(time.ticks_us(), begun)
    assert right
    return spent


def longest_slice(key, signature, message):
    """Microseconds."""
    gc.collect()
    longest = 0
    begun = time.ticks_us()
    for _ in ed25519.verification(key, signature, message):
        longest = max(longest, time.ticks_diff(time.ticks_us(), begun))
        begun = time.ticks_us()
    return longest


def main(options):
    """In turns."""
    key, signature, message = (bytes.fromhex(options[n]) for n in ("key", "signature", "message"))
    real = sha512.new
    hashed = real()
    hashed.update(signature[:32] + key + message)
    Given.known = hashed.digest()
    challenge = int.from_bytes(Given.known, "little") % ed25519._ORDER
    for _ in range(options["rounds"]):
        sha512.new = Given
        event = {
            "event": "round",
            "textbook": microseconds(textbook, key, signature, challenge),
            "ours": microseconds(ed25519.verify, key, signature, message),
        }
        sha512.new = real
        event["hashed"] = microseconds(ed25519.verify, key, signature, message)
        event["slice"] = longest_slice(key, signature, message)
        print(json.dumps(event))


main(json.load(sys.stdin))
