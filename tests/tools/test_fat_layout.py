# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""What stays where it was, what moves, and where to."""

import random

import pytest
from nerveshub_tools.fat_layout import fresh, like

OLD = fresh({"lib/": 1, "a": 10, "b": 4, "c": 6, "d": 2})  # a at 1, b at 11, c at 15, d at 21


def places(needs, most=1000, old=OLD):
    return {path: first for path, (first, _) in like(needs, old, most).places.items()}


def test_a_fresh_layout_has_no_gap_and_what_is_empty_has_no_place():
    layout = fresh({"x/": 1, "x/a": 3, "x/empty": 0, "x/b": 2})
    assert layout.places == {"x/": (0, 1), "x/a": (1, 3), "x/b": (4, 2)}
    assert layout.clusters == 6


@pytest.mark.parametrize(
    ("needs", "wanted"),
    [
        (
            {"lib/": 1, "a": 10, "b": 4, "c": 6, "d": 2},
            {"lib/": 0, "a": 1, "b": 11, "c": 15, "d": 21},
        ),
        # shorter, and gone
        ({"a": 8, "c": 6}, {"a": 1, "c": 15}),
        # longer: over what is gone behind it, into a gap, to the end
        ({"a": 14, "c": 6}, {"a": 1, "c": 15}),
        ({"a": 4, "b": 5, "c": 6, "d": 2}, {"a": 1, "b": 5, "c": 15, "d": 21}),
        ({"a": 10, "b": 5, "c": 6, "d": 2}, {"a": 1, "b": 23, "c": 15, "d": 21}),
        ({"a": 10, "b": 4, "c": 6, "d": 9}, {"a": 1, "b": 11, "c": 15, "d": 21}),
        # new ones: the longest first
        ({"a": 10, "c": 6, "d": 2, "n": 1, "o": 3}, {"a": 1, "c": 15, "d": 21, "o": 11, "n": 0}),
    ],
)
def test_what_has_room_stays_and_all_else_finds_a_gap_or_the_end(needs, wanted):
    assert places(needs) == wanted


def test_if_there_is_not_so_much_room_what_lies_last_moves_or_closes_a_gap():
    needs = {"a": 6, "b": 5, "c": 6, "d": 2}  # 1-6, 23-27, 15-20, 21-22; gaps of 1, 8 and 4
    assert places(needs) == {"a": 1, "b": 7, "c": 15, "d": 21}
    assert places(needs, 22) == {"a": 1, "b": 7, "c": 15, "d": 12}
    assert places(needs, 20) == {"a": 1, "b": 7, "c": 14, "d": 12}
    assert places(needs, 19) == {"a": 0, "b": 6, "c": 13, "d": 11}
    assert like(needs, OLD, 18) is None


def test_so_much_lies_free_at_most():
    old = fresh({"a": 1000, "b": 10, "c": 10})
    assert places({"b": 10, "c": 10}, old=old) == {"c": 0, "b": 10}
    assert places({"a": 900, "b": 10, "c": 10}, 2000, old) == {"a": 0, "b": 1000, "c": 1010}


@pytest.mark.parametrize("seed", range(20))
def test_whatever_changes_each_has_its_place_alone(seed):
    chance = random.Random(seed)
    layout = fresh({str(number): chance.randrange(12) for number in range(30)})
    for _ in range(20):
        needs = {str(chance.randrange(40)): chance.randrange(12) for _ in range(30)}
        most = sum(needs.values()) + chance.randrange(40)
        layout = like(needs, layout, most)
        assert {path: count for path, (_, count) in layout.places.items()} == {
            path: count for path, count in needs.items() if count
        }
        taken = [
            at for first, count in layout.places.values() for at in range(first, first + count)
        ]
        assert len(set(taken)) == len(taken) == sum(needs.values())
        assert max(taken) < most and min(taken) >= 0
