# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Signatures of others' test vectors and of another implementation; SHA-512 against hashlib's."""

import hashlib
import random

import pytest
from support.signing import Signer, vectors

from nerveshub_link.release import ed25519, sha512
from nerveshub_link.release.public_keys import is_key

P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P
ORDER = 2**252 + 27742317777372353535851937790883648493
BASE_X = 15112221349535400772501151409588531511454012693041857206046113283949847762202
BASE = BASE_X, 4 * pow(5, -1, P) % P  # RFC 8032, section 5.1


@pytest.fixture(autouse=True)
def as_on_a_board(monkeypatch):
    """Boards have no SHA-512 of their own."""
    monkeypatch.setattr(sha512, "new", sha512.Sha512)


def added(one, other):
    """The affine sum of two points, by the formula that RFC 8032 gives (section 5.1.4)."""
    (x1, y1), (x2, y2) = one, other
    both = D * x1 * x2 * y1 * y2
    return (
        (x1 * y2 + x2 * y1) * pow(1 + both, -1, P) % P,
        (y1 * y2 + x1 * x2) * pow(1 - both, -1, P) % P,
    )


def times(number, point):
    result = (0, 1)
    while number:
        if number & 1:
            result = added(result, point)
        point = added(point, point)
        number >>= 1
    return result


def encoded(point):
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


def points_of_small_order():
    """All eight points whose order divides 8, from L times a point of the whole group."""
    for y in range(2, 50):
        point = ed25519._decode(y.to_bytes(32, "little"))
        if point is not None:
            base = times(ORDER, point)
            if times(4, base) != (0, 1):
                return [times(number, base) for number in range(8)]
    raise AssertionError


def test_our_sha_512_is_that_of_hashlib():
    for size in (*range(260), 1000, 4096):
        data = random.Random(size).randbytes(size)
        ours = sha512.Sha512()
        for at in range(0, size, 100):
            ours.update(data[at : at + 100])
        assert ours.digest() == hashlib.sha512(data).digest()


def test_where_hashlib_has_sha_512_that_is_taken(monkeypatch):
    monkeypatch.undo()
    assert not isinstance(sha512.new(), sha512.Sha512)

    def only_two(name, data=b""):
        raise ValueError("Unsupported hash algorithm")  # CircuitPython's words

    monkeypatch.setattr(hashlib, "new", only_two)
    assert isinstance(sha512.new(), sha512.Sha512)


def test_wycheproof_s_and_rfc_8032_s_cases_come_out_as_they_say():
    cases = vectors()
    assert len(cases) == 151 + 5
    for what, key, signature, message, right in cases:
        assert ed25519.verify(key, signature, message) is right, what


def test_the_multiples_of_the_base_point_are_what_they_are_said_to_be():
    wanted = b""
    for base in (BASE, times(2**127, BASE)):
        for number in range(1, 16, 2):
            x, y = times(number, base)
            for value in (y - x, y + x, 2 * D * x * y):
                wanted += (value % P).to_bytes(32, "little")
    assert ed25519._MULTIPLES == wanted


def test_a_signature_is_right_until_any_one_bit_of_it_or_of_key_or_message_changes():
    rng = random.Random(7)
    for number in range(1, 9):
        signer = Signer(number)
        message = rng.randbytes(rng.randrange(400))
        parts = [signer.public, signer.sign(message), message]
        assert ed25519.verify(*parts)
        for _ in range(20):
            which = rng.randrange(3 if message else 2)
            wrong = [bytearray(part) for part in parts]
            wrong[which][rng.randrange(len(parts[which]))] ^= 1 << rng.randrange(8)
            assert not ed25519.verify(*map(bytes, wrong))


def test_no_key_of_small_order_is_taken_though_its_signatures_of_nobody_would_fit():
    for point in points_of_small_order():
        key = encoded(point)
        assert not is_key(key)
        # S = 0 and R = -k * A, which is one of eight points, whatever the message.
        forged = [encoded(other) + bytes(32) for other in points_of_small_order()]
        assert not any(ed25519.verify(key, one, b"meta") for one in forged)


def test_no_key_is_taken_whose_number_is_not_below_the_prime():
    for y in range(P, 2**255):
        assert not is_key(y.to_bytes(32, "little"))
        assert not is_key((y | 1 << 255).to_bytes(32, "little"))


def test_a_key_that_is_no_point_fits_no_signature():
    key = next(
        data
        for data in (y.to_bytes(32, "little") for y in range(2, 50))
        if ed25519._decode(data) is None
    )
    assert is_key(key)
    assert not ed25519.verify(key, Signer().sign(b"meta"), b"meta")


def test_a_key_of_another_length_is_invalid():
    assert not is_key(Signer().public[:31])
    assert not is_key(Signer().public + b"\0")


def test_the_work_is_done_in_slices_of_at_most_a_block_or_16_doublings(monkeypatch):
    signer, message = Signer(), bytes(1000)
    work = []
    real_doubled, real_compress, real_power = ed25519._doubled, sha512._compress, ed25519._power

    def doubled(point, count):
        work.append(count)
        return real_doubled(point, count)

    monkeypatch.setattr(ed25519, "_doubled", doubled)
    monkeypatch.setattr(sha512, "_compress", lambda *a: (work.append(16), real_compress(*a))[1])
    monkeypatch.setattr(ed25519, "_power", lambda x: (work.append(16), real_power(x))[1])
    slices = []
    for outcome in ed25519.verification(signer.public, signer.sign(message), message):
        slices.append((outcome, sum(work)))
        work.clear()
    assert [outcome for outcome, _ in slices] == [None] * (len(slices) - 1) + [True]
    assert max(amount for _, amount in slices) <= 20
    assert sum(amount for _, amount in slices) > 200
