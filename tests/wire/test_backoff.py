# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Waiting times after failures: exact, with the test's randomness."""

import pytest
from support.fakes import FakeRandom

from nerveshub_link.wire.backoff import Backoff


def test_delay_doubles_from_the_minimum_to_the_maximum_and_stays_there():
    backoff = Backoff(1000, 60000, lambda: 0.0)
    delays = [backoff.next() for _ in range(9)]
    assert delays == [1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000]


def test_jitter_adds_up_to_half_of_the_delay_and_is_drawn_for_every_delay():
    backoff = Backoff(1000, 60000, FakeRandom(0.0, 0.5, 1.0, 0.25).random)
    assert [backoff.next() for _ in range(4)] == [1000, 2500, 6000, 9000]


def test_jitter_is_added_to_the_maximum_too_so_that_a_fleet_stays_spread():
    backoff = Backoff(60000, 60000, FakeRandom(1.0, 0.0, 0.5).random)
    assert [backoff.next() for _ in range(3)] == [90000, 60000, 75000]


def test_reset_starts_again_at_the_minimum():
    backoff = Backoff(1000, 60000, lambda: 0.0)
    for _ in range(5):
        backoff.next()
    backoff.reset()
    assert [backoff.next(), backoff.next()] == [1000, 2000]


@pytest.mark.parametrize("chance", [0.0, 0.1, 0.3333, 0.999999, 1.0])
def test_delay_is_a_whole_number(chance):
    delay = Backoff(1001, 60000, lambda: chance).next()
    assert type(delay) is int
    assert 1001 <= delay <= 1501
