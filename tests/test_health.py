# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""The extension ``health``: only finite numbers leave the device."""

import pytest
from support.desk import Desk

from nerveshub_link import HealthProvider
from nerveshub_link.health import Health, finite


class Provider(HealthProvider):
    def __init__(self, values):
        self.values = values

    def health_check(self):
        if isinstance(self.values, Exception):
            raise self.values
        return self.values


def checked(provider):
    """A link with this provider that was asked for its health once; what it sent."""
    desk = Desk(extensions={"health": provider})
    peer = desk.joined()
    peer.say(None, None, "device", "extensions:get", {})
    desk.wait(0.1)
    ref = peer.heard()[-1][1]
    peer.reply(ref, "extensions", ["health"])
    peer.say(ref, None, "extensions", "health:check", {})
    desk.wait(0.1)
    return desk, peer.events("extensions")


def test_check_is_answered_by_a_report_of_the_metrics():
    _, events = checked(Provider({"cpu_temp": 41.5, "mem_size_mb": 8}))
    assert events == [
        ("health:attached", {}),
        ("health:report", {"value": {"metrics": {"cpu_temp": 41.5, "mem_size_mb": 8}}}),
    ]


def test_provider_that_measures_nothing_reports_no_metrics():
    _, events = checked(HealthProvider())
    assert events[1] == ("health:report", {"value": {"metrics": {}}})


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), float("-inf"), True, False, "41", None, [1], {"a": 1}, b"1"],
    ids=repr,
)
def test_value_that_is_no_finite_number_is_left_out(value):
    assert finite({"bad": value, "good": -1.5}) == {"good": -1.5}


@pytest.mark.parametrize("name", [1, None, b"name", ("a",)])
def test_name_that_is_no_text_is_left_out(name):
    assert finite({name: 1, "good": 0}) == {"good": 0}


@pytest.mark.parametrize("value", [0, -1, 1 << 40, 0.1, -2.5e10])
def test_finite_number_is_kept_as_it_is(value):
    assert finite({"x": value}) == {"x": value}


def test_provider_that_raises_once_reports_again_at_the_next_check():
    provider = Provider(OSError(5, "sensor is gone"))
    desk, _ = checked(provider)
    provider.values = {"cpu_temp": 41.5}
    for _ in range(2):
        desk.peer.say(None, None, "extensions", "health:check", {})
        desk.wait(0.1)
    report = ("health:report", {"value": {"metrics": {"cpu_temp": 41.5}}})
    assert desk.peer.events("extensions") == [report, report]


def test_provider_without_memory_is_told_as_a_failed_check():
    _, events = checked(Provider(MemoryError()))
    check = {"pass": False, "note": "MemoryError"}
    assert events[1:] == [("health:report", {"value": {"checks": {"health_check": check}}})]


def test_provider_that_raises_is_told_as_a_failed_check():
    desk, events = checked(Provider(OSError(5, "sensor is gone")))
    assert events[1][0] == "health:report"
    check = events[1][1]["value"]["checks"]["health_check"]
    assert check["pass"] is False
    assert "sensor is gone" in check["note"]
    assert desk.link.connected


@pytest.mark.parametrize("values", [None, 5, "text", [1, 2]])
def test_provider_that_returns_no_dict_is_told_as_a_failed_check(values):
    desk, events = checked(Provider(values))
    assert events[1][1]["value"]["checks"]["health_check"]["pass"] is False
    assert desk.link.connected


def test_other_events_are_ignored():
    assert Health(Provider({})).handle_event("checks", {}) is None
