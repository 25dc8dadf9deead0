# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Texts of errors: ASCII, short, and without credentials."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerveshub_link.common.known_secrets import keep_secret
from nerveshub_link.errors import (
    NervesHubError,
    ProtocolError,
    TransportError,
    UpdateError,
    describe,
    mask,
    text_of,
)


@pytest.mark.parametrize("kind", [TransportError, ProtocolError, UpdateError])
def test_every_error_is_a_nerveshub_error_and_keeps_its_text(kind):
    error = kind("what went wrong")
    assert isinstance(error, NervesHubError)
    assert str(error) == "what went wrong"


def test_errors_tell_what_the_caller_decides_by():
    assert ProtocolError("x").code == 1002
    assert ProtocolError("x", 1007).code == 1007
    assert (TransportError("x").no_memory, TransportError("x").reached) == (False, False)
    error = TransportError("x", no_memory=True, reached=True)
    assert (error.no_memory, error.reached) == (True, True)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (UpdateError("checksum differs"), "checksum differs"),
        (NervesHubError(""), ""),
        (ValueError("bad"), "ValueError: bad"),
        (MemoryError(), "MemoryError"),
        (OSError(5, "EIO"), "OSError: [Errno 5] EIO"),
        (ConnectionResetError(104, "reset"), "ConnectionResetError: [Errno 104] reset"),
        (ValueError("h\u00e9 \ud800\U0001f600\x00\r\n\x7f."), "ValueError: h_ ______."),
    ],
)
def test_error_is_described_in_printable_ascii(error, text):
    assert describe(error) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET https://h/f.fw?token=SECRET failed", "GET https://h/f.fw?... failed"),
        ("(https://h/f?a=SECRET&b=SECRET?SECRET)", "(https://h/f?...)"),
        ("'https://h/?SECRET' and \"http://i/?SECRET\"", "'https://h/?...' and \"http://i/?...\""),
        ("<https://h/?SECRET>, then https://h/?SECRET", "<https://h/?...>, then https://h/?..."),
        ("https://h/?SECRET\nmore", "https://h/?..."),
        ("https://h/?SECRET's, and more", "https://h/?..., and more"),
        ("https://h/f?a=<SECRET>SECRET&b=SECRET'SECRET>, end.", "https://h/f?...>, end."),
        ("https://h/f?SECRET: gone", "https://h/f?...: gone"),
    ],
)
def test_query_of_an_url_is_hidden_because_it_is_a_credential(text, shown):
    assert describe(UpdateError(text)) == shown


@pytest.mark.parametrize(
    "text",
    [
        "the server's certificate is not trusted: does ssl_context hold its CA?",
        "is host a NervesHub server? or is it not",
        "why? because? yes",
        "?",
        "a ? b",
    ],
)
def test_question_is_no_query(text):
    assert describe(TransportError(text)) == text


def test_description_has_at_most_200_characters():
    assert describe(UpdateError("x" * 5000)) == "x" * 200
    assert describe(UpdateError("x" * 199 + "?" + "SECRET" * 9)) == "x" * 199 + "?"
    assert describe(UpdateError("x" * 197 + "?SECRET y")) == "x" * 197 + "?.."


def test_query_that_begins_before_the_limit_stays_hidden_up_to_it():
    assert describe(UpdateError("https://h/?" + "S" * 500)) == "https://h/?..."


@given(st.text(max_size=300) | st.text(alphabet="a? \u00e9", min_size=190, max_size=210))
def test_any_text_is_described_in_at_most_200_printable_ascii_characters(text):
    shown = describe(NervesHubError(text))
    assert len(shown) <= 200
    assert all(" " <= char <= "~" for char in shown)


class Mute(Exception):
    """An exception that can't be shown."""

    def __str__(self):
        raise ValueError("no text")


class Wordless(Exception):
    """An exception for whose text there is no memory."""

    def __str__(self):
        raise MemoryError


@pytest.mark.parametrize("error", [Mute(), Wordless()])
def test_error_that_can_not_be_shown_is_described_by_its_name(error):
    assert describe(error) == type(error).__name__
    assert describe(error, "identify: ") == "identify: " + type(error).__name__


def test_what_a_server_nested_too_deep_to_be_shown_is_told():
    value = []
    for _ in range(100_000):
        value = [value]
    assert text_of(value) == "(nested too deep)"
    while value:
        value = value.pop()  # or Python falls while it collects it


def test_text_that_there_is_no_memory_to_mask_is_not_shown(monkeypatch):
    class Full(str):
        def __contains__(self, secret):
            raise MemoryError

    keep_secret("a secret of some length")
    assert mask(Full("with a secret of some length")) == "***"
