# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Shared-secret authentication: golden vectors, and everything that must be refused."""

import json

import hub_replay
import pytest
from hub_wire import b64, signed_headers, term
from nerveshub_tools.auth import Credential, Refused, decode_term, derive, new_key, salt, verify

VECTORS = json.loads((hub_replay.DATA / "shared_secret_vectors.json").read_text("utf-8"))["vectors"]
NOW = 1_788_000_000
KEYS = {"nhp_a": Credential("s"), "nhd_a": Credential("s", "dev")}


def headers(payload=None, key="nhp_a", secret="s", time=NOW, **options):
    payload = term("dev", time * 1000) if payload is None else payload
    return signed_headers(key, secret, payload, time, **options)


def refusal(given, now=NOW, keys=None):
    with pytest.raises(Refused) as caught:
        verify(given, KEYS if keys is None else keys, now)
    return str(caught.value)


@pytest.mark.parametrize("vector", VECTORS, ids=[item["name"] for item in VECTORS])
def test_golden_vector_is_verified(vector):
    salted = salt(vector["alg"], vector["key"], str(vector["time"]))
    assert salted.hex() == vector["salt_hex"]
    derived = derive(vector["alg"], vector["secret"], salted)
    assert derived.hex() == vector["derived_key_hex"]
    keys = {vector["key"]: Credential(vector["secret"])}
    assert verify(vector["headers"], keys, vector["time"]) == vector["identifier"]


def test_there_are_fourteen_vectors():
    assert len(VECTORS) == 14


def test_signature_is_good_for_ninety_seconds_and_never_from_the_future():
    assert verify(headers(), KEYS, NOW) == "dev"
    assert verify(headers(), KEYS, NOW + 90) == "dev"
    assert "old" in refusal(headers(), NOW + 90.002)
    assert "future" in refusal(headers(), NOW - 0.002)


def test_max_age_of_the_token_is_ignored():
    assert verify(headers(term("dev", NOW * 1000, max_age=1)), KEYS, NOW + 60) == "dev"
    assert "old" in refusal(headers(term("dev", NOW * 1000, max_age=86400)), NOW + 91)


def test_device_key_is_good_for_its_identifier_only():
    assert verify(headers(key="nhd_a"), KEYS, NOW) == "dev"
    other = headers(term("other", NOW * 1000), key="nhd_a")
    assert "device key of 'dev'" in refusal(other)


def test_any_digest_in_any_case_is_accepted_but_its_case_is_signed():
    for alg in ("NH1-HMAC-SHA512-2-64", "NH1-HMAC-sha384-1-20", "NH1-HMAC-sha-1-20"):
        assert verify(headers(alg=alg), KEYS, NOW) == "dev"
    changed = headers()
    changed["x-nh-alg"] = changed["x-nh-alg"].upper()
    assert "does not match" in refusal(changed)


@pytest.mark.parametrize("name", ["x-nh-alg", "x-nh-key", "x-nh-time", "x-nh-signature"])
def test_missing_header_is_refused(name):
    given = headers()
    del given[name]
    assert name in refusal(given)


@pytest.mark.parametrize(
    "alg",
    [
        "",
        "sha256",
        "NH2-HMAC-sha256-1000-32",
        "NH1-HMAC-sha256-0-32",
        "NH1-HMAC-sha256-1000-0",
        "NH1-HMAC-sha256-1000-4294967295",
        "NH1-HMAC-nosuch-1000-32",
        "NH1-HMAC-sha256--1-32",
        "NH1-HMAC-sha256-1000-32 ",
    ],
)
def test_impossible_algorithm_is_refused(alg):
    given = headers()
    given["x-nh-alg"] = alg
    assert refusal(given)


def test_wrong_secret_and_unknown_and_deactivated_keys_are_refused():
    assert "does not match" in refusal(headers(secret="other"))
    assert "unknown" in refusal(headers(key="nhp_b"))
    assert "unknown" in refusal(headers(), keys={"nhp_a": Credential("s", active=False)})


@pytest.mark.parametrize(
    "alg", ["NH1-HMAC-sha256-999999999-32", "NH1-HMAC-sha256-1000-65536", "NH1-HMAC-md5-400001-16"]
)
def test_an_algorithm_that_would_keep_the_hub_busy_is_refused_before_it_is_run(alg):
    given = headers()
    given["x-nh-alg"] = alg
    assert "would keep this hub busy for too long" in refusal(given)


@pytest.mark.parametrize("time", ["", "1.5", "x", "1795459361.5", "12 "])
def test_time_that_is_no_integer_is_refused(time):
    given = headers()
    given["x-nh-time"] = time
    assert "integer" in refusal(given)


@pytest.mark.parametrize("identifier", ["", "   "])
def test_empty_identifier_is_refused(identifier):
    assert "empty" in refusal(headers(term(identifier, NOW * 1000)))


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\x83",
        b"\x83h\x02m\0\0\0\x01da\0",
        b"\x84h\x03m\0\0\0\x01da\0a\0",
        b"\x83h\x03d\0\x03deva\0a\0",  # an atom
        b"\x83h\x03k\0\x03deva\0a\0",  # a char list
        b"\x83h\x03m\0\0\0\x09deva\0a\0",
        b"\x83h\x03m\0\0\0\x01dm\0\0\0\x011a\0",
        b"\x83h\x03m\0\0\0\x01dn\x06\0\0\0",
        b"\x83h\x03m\0\0\0\x02\xff\xfea\0a\0",
        b"\x83h\x03m\0\0\0\x01da\0a\0more",
        b"\x83P\0\0\0\x05",  # a compressed term
    ],
)
def test_payload_that_is_another_term_is_refused(payload):
    assert refusal(headers(payload), now=0)


def test_large_tuples_and_every_kind_of_integer_are_decoded():
    assert decode_term(b"\x83i\0\0\0\x03m\0\0\0\x01da\x07a\0") == ("d", 7)
    assert decode_term(b"\x83h\x03m\0\0\0\x01db\xff\xff\xff\xffa\0") == ("d", -1)
    assert decode_term(b"\x83h\x03m\0\0\0\x01dn\x01\x01\x05a\0") == ("d", -5)


@pytest.mark.parametrize(
    "token", ["", "a", "a.b", "SFMyNTY.a.b.c", "XXXX.AAAA.AAAA", "SFMyNTY.!.!", "SFMyNTY.AA==.AA=="]
)
def test_garbage_for_a_token_is_refused(token):
    given = headers()
    given["x-nh-signature"] = token
    assert refusal(given)


def test_token_with_a_longer_mac_is_verified():
    import hashlib  # noqa: PLC0415
    import hmac  # noqa: PLC0415

    given = headers()
    key = derive(given["x-nh-alg"], "s", salt(given["x-nh-alg"], "nhp_a", str(NOW)))
    signed = "SFM1MTI." + given["x-nh-signature"].split(".")[1]
    mac = hmac.new(key, signed.encode(), hashlib.sha512).digest()
    given["x-nh-signature"] = f"{signed}.{b64(mac)}"
    assert verify(given, KEYS, NOW) == "dev"


def test_new_keys_look_like_the_servers():
    key = new_key("nhp_")
    assert key.startswith("nhp_")
    assert len(key) == 47
    assert key != new_key("nhp_")
