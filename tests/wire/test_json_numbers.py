# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Numbers that are too long are found in JSON before it is read, and digits in texts are not."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerveshub_link.wire.json_numbers import has_long_number

LONG = "7" * 65


@pytest.mark.parametrize(
    "text",
    [
        LONG,
        "[1," + LONG + "]",
        '{"a":' + LONG + "}",
        '["text",-0.' + LONG + "]",
        '["a\\"b",' + LONG + ',"c"]',
        '["\\\\",' + LONG + "]",
        '["\\\\\\"",1e' + LONG + "]",
        "9" * 16_000,
        '["not closed' + '",' + LONG,
    ],
)
def test_long_number_is_found(text):
    assert has_long_number(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "7" * 64,
        '"' + LONG + '"',
        '["a\\"' + LONG + '"]',
        '{"' + LONG + '":1}',
        '["\\\\","' + LONG + '"]',
        '["not closed ' + LONG,
    ],
)
def test_digits_in_a_text_and_short_numbers_are_allowed(text):
    assert not has_long_number(text)


values = st.recursive(
    st.text(alphabet='"\\7x', max_size=90) | st.integers(-(10**70), 10**70),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=70), inner),
    max_leaves=5,
)


@given(values)
def test_any_json_is_judged_by_its_numbers_alone(value):
    def longest(value):
        if isinstance(value, int):
            return len(str(abs(value)))
        if isinstance(value, dict):
            value = list(value.values())
        return max(map(longest, value), default=0) if isinstance(value, list) else 0

    assert has_long_number(json.dumps(value)) == (longest(value) > 64)
