# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""The signed headers, byte for byte as NervesHub's other clients make them, and what they cost."""

import base64
import hashlib
import hmac
import json
from pathlib import Path

import pytest

from nerveshub_link.wire import signing
from nerveshub_link.wire.signing import ALGORITHM, build_headers

_VECTORS = Path(__file__).parents[1] / "data" / "shared_secret_vectors.json"
VECTORS = json.loads(_VECTORS.read_text())["vectors"]
VECTOR = {vector["name"]: vector for vector in VECTORS}["product_key_lowercase_alg"]


def test_there_are_fourteen_golden_vectors():
    assert len(VECTORS) == 14


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_headers_equal_the_golden_vector_byte_for_byte(vector):
    headers = build_headers(
        vector["key"], vector["secret"], vector["identifier"], vector["time"], vector["alg"]
    )
    assert headers == vector["headers"]


def test_default_algorithm_is_the_one_that_other_clients_use():
    arguments = VECTOR["key"], VECTOR["secret"], VECTOR["identifier"], VECTOR["time"]
    assert ALGORITHM == "NH1-HMAC-sha256-1000-32"
    assert build_headers(*arguments) == build_headers(*arguments, ALGORITHM)


def test_headers_are_four_texts():
    headers = build_headers("nhp_key", "secret", "dev", 1795459074)
    assert sorted(headers) == ["x-nh-alg", "x-nh-key", "x-nh-signature", "x-nh-time"]
    assert all(type(value) is str for value in headers.values())
    assert headers["x-nh-time"] == "1795459074"


@pytest.mark.parametrize(
    ("secret", "identifier", "time"),
    [
        ("s", "d", 0),
        ("x" * 64, "a device with blanks", 255),
        ("x" * 65, "d" * 255, 2**31 // 1000),
        ("x" * 200, "d" * 256, 2**31 - 1),
        ("s\u00e9cret", "ger\u00e4t", 4_102_444_800),
    ],
)
def test_headers_equal_a_reference_from_the_standard_library(secret, identifier, time):
    headers = build_headers("nhp_key", secret, identifier, time)
    salt = (
        "NH1:device-socket:shared-secret:connect\n\n"
        "x-nh-alg=NH1-HMAC-sha256-1000-32\nx-nh-key=nhp_key\nx-nh-time={}\n".format(time)
    )
    key = hashlib.pbkdf2_hmac("sha256", secret.encode(), salt.encode(), 1000, 32)
    signed, _, signature = headers["x-nh-signature"].rpartition(".")
    digest = hmac.new(key, signed.encode(), "sha256").digest()
    assert signature == base64.urlsafe_b64encode(digest).decode().rstrip("=")
    payload = signed.partition(".")[2]
    term = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    name = identifier.encode()
    assert term.startswith(b"\x83h\x03m" + len(name).to_bytes(4, "big") + name)


@pytest.mark.parametrize(
    ("value", "term"),
    [
        (0, b"\x61\x00"),
        (255, b"\x61\xff"),
        (256, b"\x62\x00\x00\x01\x00"),
        (86400, b"\x62\x00\x01\x51\x80"),
        (2**31 - 1, b"\x62\x7f\xff\xff\xff"),
        (2**31, b"\x6e\x04\x00\x00\x00\x00\x80"),
        (2**32, b"\x6e\x05\x00\x00\x00\x00\x00\x01"),
        (1787120842000, b"\x6e\x06\x00\x10\xf5\xb3\x18\xa0\x01"),
    ],
)
def test_number_is_written_as_erlang_writes_it(value, term):
    assert signing._integer(value) == term


def test_signing_takes_4004_native_calls(monkeypatch):
    calls = {"new": 0, "digest": 0, "update": 0}
    real = hashlib.new

    class Counted:
        def __init__(self, inner):
            self._inner = inner

        def digest(self):
            calls["digest"] += 1
            return self._inner.digest()

        def update(self, data):
            calls["update"] += 1
            self._inner.update(data)

    def new(name, data=b""):
        assert name == "sha256"
        calls["new"] += 1
        return Counted(real(name, data))

    monkeypatch.setattr(hashlib, "new", new)
    headers = build_headers(VECTOR["key"], VECTOR["secret"], VECTOR["identifier"], VECTOR["time"])
    assert headers == VECTOR["headers"]
    assert calls == {"new": 2002, "digest": 2002, "update": 0}


def test_digest_is_named_as_a_board_knows_it(monkeypatch):
    vector = VECTORS[0]
    assert "-SHA256-" in vector["alg"]
    names = set()
    real = hashlib.new

    def new(name, data=b""):
        names.add(name)
        return real(name, data)

    monkeypatch.setattr(hashlib, "new", new)
    headers = build_headers(
        vector["key"], vector["secret"], vector["identifier"], vector["time"], vector["alg"]
    )
    assert headers == vector["headers"]
    assert names == {"sha256"}


def test_board_that_knows_sha1_only_says_so_instead_of_sending_a_wrong_signature(monkeypatch):
    def new(name, data=b""):
        raise ValueError("Unsupported hash algorithm")  # CircuitPython before 10.1

    monkeypatch.setattr(hashlib, "new", new)
    with pytest.raises(ValueError, match="Unsupported"):
        build_headers("nhp_key", "secret", "dev", 1795459074)
