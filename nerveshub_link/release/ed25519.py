# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.release.ed25519`
====================================================

Verifies Ed25519 signatures (RFC 8032, section 5.1.7), in slices of 16 doublings, or as much other
work. Imported only while a signature is verified. All inputs are public, so the code need not run
in constant time.

The equation is the RFC's: ``[8][S]B = [8]R + [8][k]A``. Three measures make it quick in Python,
where each operation on a big number costs a call and an allocation:

* Half of the doublings: the equation is multiplied by a number v that makes both v and k * v mod L
  half as long as L (Antipa and others, 2005, "Accelerated verification of ECDSA signatures").
  Since both sides are multiplied by 8, points of small order can't change the result.
* One chain of doublings for all four products (Straus), with digits of 4 or 5 bits, mostly 0; the
  base point's multiples are given below.
* The upper half of a product is reduced by a multiplication by 38, since 2**256 = 38 modulo P. That
  takes less than half the time of a division; only a value that is multiplied twice more is divided
  as well.

The formulas for points are those for twisted Edwards curves with a = -1 (Hisil and others, 2008).
A point is (X, Y, Z, E, H): x = X / Z, y = Y / Z, x * y = E * H / Z. None of the numbers is ever
negative, since ``&`` of a negative big number is slow.
"""

from binascii import a2b_base64

from micropython import const

from . import sha512
from .public_keys import is_key

_P = (1 << 255) - 19
_LOW = (1 << 256) - 1
# Multiples of P, above each coordinate and each product: for differences that are not negative.
_FEW = _P << 3
_MANY = _P << 262
_D = 0x52036CEE2B6FFE738CC740797779E89800700A4D4141D8AB75EB4DCA135978A3
_D2 = 2 * _D
_ROOT_OF_MINUS_1 = 0x2B8324804FC1DF0B2B4D00993DFBD7A72F431806AD2FE478C4EE1B274A0EA0B0
_ORDER = (1 << 252) + 27742317777372353535851937790883648493
# y - x, y + x and 2 * d * x * y, 32 bytes each, of 1, 3, 5, ... 15 times the base point B, then of
# 2**127 times these.
_MULTIPLES = a2b_base64(
    b"PpFA1wU5EJ2zvkDRBZ85/QmKj2g0hMGlZxL4mJIv/USFO4z1xpO8LxkOjPvGLZPPwkI9ZJhICydlutQzOp3PB2iq"
    b"eocFEsmrnsSqzCPo2SaMWUPdy30bWqhlDJ9oexFvZdL8pOgfYVZ9usHl/VPTO73WSyEa8zGBYtpbVYcVuSowl+5M"
    b"qLAlr4pLhugwhFoCMmcBnwJQG8H0+ICaG04WeonY0A0/k64UYto1HCIjlFhM2/KMReVw0ca0uRKvJihautZHpMOC"
    b"kX+3KSdL0RQA1YegZLgc8Tzj81Ub63N+ShUzu6UIRLwSogLtXsfDSFCNROy/WgzrG93rBuJG8cxFKYWCKoHx27u8"
    b"/NG90AcIDictp70bC2cbtJq2O2tpvqpDsSEyqposb7qnI7o7UyGgbDosGZJPduqd4BdTLl3dbh2/o06U0Fwaa9LA"
    b"nbM6NXB0SS5UKIJSsnF+kjwoaeobRqKzuAHIbYPxmqQ+BUdfA7PzrXdYukGcUqeQD2ocu596ZICdA34hbvObQSD1"
    b"toGgmESwXucIxsuWj5zc+lFawEkvY6imimcum8VGvFFvnlCmtfWGxskzss5Zf92KM+25NBuvRZC/6LQGL9IZp+iD"
    b"/+IWz9STKfz2qgaLABsCcsFzSEOGSQJbXzGBgwh3abPWPpXrjWpVdaCjf8fVKYBZqxjeKoCKhAC/LycuMALP/tnl"
    b"BjRwF3GEPhGvj21U4qp1QumJYP3FLCvYpOSCMqG0HgMihhq1mRExREj5PbUiVcY9k79/MjsBb1Brb3ebyev8rmhZ"
    b"raoyshKdpyRgFy2IZwJtfwCiIsJwv9vevLWas4S/B7oH+xIOelNB8kbD7tdPI3ijLnMZoWBTcdSN37HmNyQz5aeR"
    b"+DfvomN4Car9pntJC8+MRobNCwTWEJkqpJuC05JRsgcIMAh1v17QGELNtUOg6s8TA8zOJG0knBiNwkiG0NTywfq9"
    b"vS0r5y3xFyniYRa10Jsvdppd7t4/N06vOOtwQtaTfVouA0LY5AohYR1RziqMXOlysKJLnB5llvzPaSu050L4jjJE"
    b"s96qIsGW2V0HMvheQjzytLU0qcnTlPir94f9OROMcNAwYRYXkXh2GHxQDGfwXluSvzM8uULIm4E/AN1wmi55EHTc"
    b"KG56S61ZwI6zfoVPqtq4bQCZabXvyIwU7h9J6gO3hIs7lwSNmnYtrvCZyoy2wB8ahl7OND7tZMuOcUXLRGlDFpOr"
    b"g1+QUa7Lu6eYwKU14KmLTBCoTalIHzGtf2AyYc0ReS+uTdcyTCu20GIo/0yHCKHOtMWfsyB0T0eq0M/OxQ+DQmqI"
    b"DHvB1UE15Y20AtZGZgf6RqDJMlmAKE2SZtTjYz1mAjnbcxvVwqdO6dVRDgSKloMUuYB7k/mx9ixLW52SXc2b+jcb"
    b"qgJezpMV82yAOz12ZIWHmwyYFHbChuQC2b5A6vILUHbnTG4ifouxWXkg+SalUSvLfY6bkpEol4SwY5wwq2FSWXza"
    b"2oGYwwjpUGAoC3oR4nfPCWJB2YH7TfBv8uE6qMBR+e3fK59TE9bn5A4pKmYr8TOeiyX6YI5J/GVC6/Yinj2qL5ou"
    b"tJZUb2BQ3oIvtjyDcNtje/chLinhMEh1noutf9MfZG1F3TXEzhEqEdHZcQ68omA1HUC33KUyJorzirtHJ5Emfsnj"
    b"BjrZEXjYLsHxwFknSBaqzEl5iF4T+NLfaj1GSAZG/rIldpq37JEIfZjP4T8fB5jT0VX+rcEkLLQbVXLsvADqIETl"
    b"3jB1qGN+YkQ0t/12e3Gti5YsjVps6MA5h0g4ahNFXl3ftDbtP5qCuIoBA4E16rRZjaeZfy9RHjc+Tuzkp0jQnJ3C"
    b"Ef3z4s3dHIy299tCVmakGaDl9FRLDRriX2NIWovEjTcY9f5NCx9HsTnmtpYgY3BtdzsUDXJ+b3C8zGdndFstduBs"
    b"yQuDR35svvWuZfH+t/VxIph+2T1lAi4n6Z8nJTeJOOpb4bw2K8X4ZWMFVS6qK+yvVoMFbY55T5+6nu4aMt+G52ua"
    b"qKfRb8M6VnS+SRxh850K/nlb"
)
_HALF = const(127)  # bits of half a scalar
_SLICE = const(16)  # doublings at once


def verify(key: bytes, signature: bytes, message: bytes) -> bool:
    """
    Verify a signature in one call.

    :param bytes key: the public key, 32 bytes
    :param bytes signature: the signature; invalid if its length is not 64 bytes
    :param bytes message: the signed bytes
    :return: True if the signature is valid
    """
    for outcome in verification(key, signature, message):
        pass
    return outcome


def verification(key: bytes, signature: bytes, message: bytes):
    """
    Verify a signature in slices; the parameters are those of `verify`.

    :return: an iterator that yields None after each slice, and finally the result, True or False
    """
    scalar = _number(signature[32:])
    if len(signature) != 64 or scalar >= _ORDER or not is_key(key):
        yield False
        return
    points = []
    for encoded in (key, signature[:32]):
        point = _decode(encoded)
        if point is None:
            yield False
            return
        points.append(point)
        yield None
    hashed = sha512.new()
    hashed.update(signature[:32] + key)
    for at in range(0, len(message), sha512.BLOCK):
        hashed.update(message[at : at + sha512.BLOCK])
        yield None
    challenge = _number(hashed.digest()) % _ORDER
    yield None
    yield from _cancel_out(points, *_digits_of_all(scalar, challenge))


def _cancel_out(points: list, digits: tuple, minus: tuple):
    """Tell whether the sum of all products is the neutral element; an iterator as above."""
    tables = [_table_of_base(0), _table_of_base(768)]
    yield None
    for x, y in points:
        tables.append(_table(x, y))
        yield None
    first, second, third, fourth = digits
    point = None
    doublings = 0
    for at in range(_HALF + 1, -1, -1):
        doublings += 1
        if first[at] | second[at] | third[at] | fourth[at]:
            if point is None:  # the neutral element, which no doubling changes
                point = (0, 1, 1, 0, 1)
            else:
                point = _doubled(point, doublings)
            doublings = 0
            for number in range(4):
                digit = digits[number][at]
                if digit:
                    entry = tables[number][(digit & 31) >> 1]
                    point = _sum(point, entry, minus[number] != (digit > 31))
        if not at % _SLICE:
            yield None
    x, y, z, _, _ = _doubled(point or (0, 1, 1, 0, 1), doublings + 3)
    yield not x % _P and not (y - z) % _P


def _number(data: bytes) -> int:
    return int.from_bytes(data, "little")


def _fold(x: int) -> int:
    """Reduce a number modulo P."""
    return ((x & _LOW) + (x >> 256) * 38) % _P


def _decode(data: bytes):
    """Decode a point; None if it is invalid (RFC 8032, section 5.1.3)."""
    y = _number(data)
    sign, y = y >> 255, y & ((1 << 255) - 1)
    if y >= _P:
        return None
    u, v = (y * y - 1) % _P, (y * y % _P * _D + 1) % _P
    x = u * v * v % _P * v % _P
    x = x * _power(x * v % _P * v % _P * v % _P * v % _P) % _P
    square = x * x % _P * v % _P
    if square != u:
        if square != _P - u:
            return None
        x = x * _ROOT_OF_MINUS_1 % _P
    if x & 1 != sign:
        if not x:
            return None
        x = _P - x
    return x, y


def _power(x: int) -> int:
    """Return x ** (2 ** 252 - 3), for a square root."""
    y = _squared(x, 1)
    z = _squared(y, 2) * x % _P  # x ** 9
    z = _squared(y * z % _P, 1) * z % _P  # x ** (2 ** 5 - 1)
    z10 = _squared(z, 5) * z % _P
    z = _squared(z10, 10) * z10 % _P
    z = _squared(z, 20) * z % _P
    z50 = _squared(z, 10) * z10 % _P
    z = _squared(z50, 50) * z50 % _P
    z = _squared(z, 100) * z % _P
    z = _squared(z, 50) * z50 % _P
    return _squared(z, 2) * x % _P


def _squared(x: int, times: int) -> int:
    """Return x ** (2 ** times), below 2**264."""
    low, p = _LOW, _P
    for number in range(times):
        x *= x
        x = (x & low) + (x >> 256) * 38
        if number & 1:
            x %= p
    return x


def _digits_of_all(scalar: int, challenge: int) -> tuple:
    """
    Compute the factors of four points whose sum must be the neutral element: the base point, its
    multiple, the key's point and the signature's point.

    :return: the digits of each factor; for each factor, True if its point is to be subtracted
    """
    # Euclid's algorithm, stopped half way: a == v * challenge modulo _ORDER, but for v's sign.
    b, a, w, v, minus = _ORDER, challenge, 0, 1, True
    while a >> _HALF:
        quotient, rest = divmod(b, a)
        b, a, w, v, minus = a, rest, v, w + quotient * v, not minus
    scalar = scalar * v % _ORDER
    high = scalar >> _HALF
    scalar &= (1 << _HALF) - 1
    digits = _digits(scalar, 5), _digits(high, 5), _digits(a, 4), _digits(v, 4)
    return digits, (False, False, minus, True)


def _digits(number: int, width: int) -> bytearray:
    """
    Return a number as digits, the lowest first: signed odd digits of ``width`` bits, with at least
    ``width`` - 1 zeros after each. A negative digit has bit 5 set.
    """
    digits = bytearray(_HALF + 2)
    at = 0
    full = 1 << width
    while number:
        if not number & 1:
            number >>= 1
            at += 1
            continue
        digit = number & (full - 1)
        number >>= width
        if digit << 1 > full:
            number += 1
            digit = 32 | (full - digit)
        digits[at] = digit
        at += width
    return digits


def _table(x: int, y: int) -> list:
    """Return 1, 3, 5 and 7 times a point, in the form that `_sum` takes."""
    point = (x, y, 1, x, y)
    twice = _prepared(_doubled(point, 1))
    table = [_prepared(point)]
    for _ in range(3):
        point = _sum(point, twice, False)
        table.append(_prepared(point))
    return table


def _table_of_base(at: int) -> list:
    """Return the same for 8 points of `_MULTIPLES`, from this offset in bytes."""
    table = []
    for here in range(at, at + 768, 96):
        less, more, t2 = [_number(_MULTIPLES[i : i + 32]) for i in range(here, here + 96, 32)]
        table.append((less, more, 2, t2))
    return table


def _prepared(point: tuple) -> tuple:
    """Return a point's form for `_sum`: y - x, y + x, 2 * z, 2 * d * x * y."""
    x, y, z, e, h = point
    return _FEW + y - x, y + x, z + z, _fold(_fold(e * h) * _D2)


def _doubled(point: tuple, times: int) -> tuple:
    """Return a point times 2 ** times."""
    low, p, many, more = _LOW, _P, _MANY, 2 * _MANY
    x, y, z, e, h = point
    for _ in range(times):
        e = x * y
        x *= x
        y *= y
        z *= z
        h = x + y
        g = many + y - x
        f = z + z + more - g
        e += e
        e = (e & low) + (e >> 256) * 38
        f = (f & low) + (f >> 256) * 38
        g = (g & low) + (g >> 256) * 38
        h = (h & low) + (h >> 256) * 38
        x = e * f
        x = ((x & low) + (x >> 256) * 38) % p
        y = g * h
        y = ((y & low) + (y >> 256) * 38) % p
        z = f * g
        z = ((z & low) + (z >> 256) * 38) % p
    return x, y, z, e, h


def _sum(point: tuple, other: tuple, minus: bool) -> tuple:
    """Add a result of `_prepared` to a point, or subtract it."""
    low, p = _LOW, _P
    x, y, z, e, h = point
    less, more, z2, t2 = other
    t = e * h
    t = ((t & low) + (t >> 256) * 38) % p
    t *= t2
    z *= z2
    if minus:
        e, h = (_FEW + y - x) * more, (y + x) * less
        f, g = z + t, _MANY + z - t
    else:
        e, h = (_FEW + y - x) * less, (y + x) * more
        f, g = _MANY + z - t, z + t
    h, e = h + e, _MANY + h - e
    e = (e & low) + (e >> 256) * 38
    f = (f & low) + (f >> 256) * 38
    g = (g & low) + (g >> 256) * 38
    h = (h & low) + (h >> 256) * 38
    x = e * f
    x = ((x & low) + (x >> 256) * 38) % p
    y = g * h
    y = ((y & low) + (y >> 256) * 38) % p
    z = f * g
    z = ((z & low) + (z >> 256) * 38) % p
    return x, y, z, e, h
