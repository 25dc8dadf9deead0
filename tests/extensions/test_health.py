# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""The extension ``health``: only finite numbers leave the device."""

import gc
import sys
import types

import pytest
from support.desk import META, Desk, RecordingWriter

from nerveshub_link import BoardHealth, HealthProvider
from nerveshub_link.extensions.health import Health, finite, texts


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


# Full reports


def report(provider, **options):
    """What a provider's answer became."""
    desk = Desk(extensions={"health": provider}, **options)
    desk.attach("health")
    ((event, payload),) = desk.ask("health:check")
    assert event == "health:report" and set(payload) == {"value"}
    return payload["value"]


def test_full_report_goes_out_with_texts_where_texts_belong():
    found = report(
        Provider(
            {
                "metrics": {"soil moisture": 31, "broken": None},
                "metadata": {"greenhouse": "north", "row": 7, "gone": None},
                "alarms": {"door": "open", "gone": None},
                "checks": {"pump": (True, "3 A"), "fan": (0, None), "lamp": True},
            }
        )
    )
    assert found == {
        "metrics": {"soil_moisture": 31},
        "metadata": {"greenhouse": "north", "row": "7"},
        "alarms": {"door": "open"},
        "checks": {
            "pump": {"pass": True, "note": "3 A"},
            "fan": {"pass": False, "note": ""},
            "lamp": {"pass": True, "note": ""},
        },
    }


def test_check_may_be_given_as_the_server_has_it():
    found = report(Provider({"checks": {"pump": {"pass": 1, "note": "ok"}}}))
    assert found == {"metrics": {}, "checks": {"pump": {"pass": True, "note": "ok"}}}


def test_metric_that_is_called_like_a_part_is_a_metric():
    assert report(Provider({"checks": 3, "alarms": 0})) == {"metrics": {"checks": 3, "alarms": 0}}


@pytest.mark.parametrize("part", [{"checks": {"a": (1, 2, 3)}}, {"metadata": 5, "metrics": {}}])
def test_report_of_the_wrong_shape_is_told_as_a_failed_check(part):
    found = report(Provider(part))
    assert found["checks"]["health_check"]["pass"] is False


def test_texts_never_hold_none():
    assert texts({"a": None, 1: 2.5, "b": ""}) == {"1": "2.5", "b": ""}


# Alarms


def test_alarm_is_reported_at_once_and_stays_until_it_is_cleared():
    provider = Provider({"cpu_temp": 41.5})
    desk = Desk(extensions={"health": provider})
    peer = desk.attach("health")
    provider.set_alarm("door", "open")
    desk.wait(0.1)
    value = {"metrics": {"cpu_temp": 41.5}, "alarms": {"door": "open"}}
    assert peer.events("extensions") == [("health:report", {"value": value})]
    assert desk.ask("health:check") == [("health:report", {"value": value})]
    desk.wait(10)
    peer.heard()
    provider.clear_alarm("door")
    desk.wait(0.1)
    value = {"metrics": {"cpu_temp": 41.5}}
    assert peer.events("extensions") == [("health:report", {"value": value})]


def test_alarm_that_is_set_again_or_cleared_again_is_no_news():
    provider = Provider({})
    desk = Desk(extensions={"health": provider})
    peer = desk.attach("health")
    provider.clear_alarm("door")
    desk.wait(0.1)
    provider.set_alarm("door", "open")
    desk.wait(0.1)
    peer.heard()
    provider.set_alarm("door", "open")
    desk.wait(20)
    assert peer.events("extensions") == []


@pytest.mark.parametrize("days", [1, 5.9, 6.1, 12.2])
def test_alarm_after_a_quiet_week_is_reported_at_once(days):
    # After 5.8 days ticks can't tell any more how long ago the last report was.
    provider = Provider({})
    desk = Desk(extensions={"health": provider})
    peer = desk.attach("health")
    provider.set_alarm("door", "open")
    desk.wait(0.1)
    desk.idle(days * 86_400)
    peer.heard()
    provider.clear_alarm("door")
    desk.wait(0.1)
    assert len(peer.events("extensions")) == 1


def test_alarm_that_comes_and_goes_all_the_time_is_reported_every_ten_seconds():
    provider = Provider({})
    desk = Desk(extensions={"health": provider})
    peer = desk.attach("health")
    for number in range(290):
        provider.set_alarm("count", str(number))
        desk.wait(0.1)
    assert len(peer.events("extensions")) == 3


def test_alarm_set_while_offline_is_in_the_first_report():
    provider = Provider({})
    desk = Desk(extensions={"health": provider})
    provider.set_alarm("door", "open")
    desk.attach("health")
    values = [payload["value"] for _, payload in desk.ask("health:check")]
    assert all(value["alarms"] == {"door": "open"} for value in values)


def test_alarms_of_two_devices_are_apart():
    one, two = Provider({}), Provider({})
    one.set_alarm("door", "open")
    assert two.alarms == HealthProvider.alarms == {}


def test_alarm_is_reported_although_measuring_fails():
    provider = Provider(OSError(5, "sensor is gone"))
    provider.set_alarm("sensor", "gone")
    found = report(provider)
    assert found["alarms"] == {"sensor": "gone"}
    assert found["checks"]["health_check"]["pass"] is False


# The default


class Telling(RecordingWriter):
    told = {"flash_writes": 12, "boot_trials": 0, "last_boot": "confirmed"}

    def health(self):
        if isinstance(self.told, Exception):
            raise self.told
        return self.told


@pytest.fixture
def board(monkeypatch):
    """What a board has, and this machine has not."""
    chip = types.SimpleNamespace(
        temperature=41.5, reset_reason="microcontroller.ResetReason.WATCHDOG"
    )
    monkeypatch.setitem(sys.modules, "microcontroller", types.SimpleNamespace(cpu=chip))
    heap = types.SimpleNamespace(used=750_000, free=250_000, collected=0)

    def collect():
        heap.collected += 1

    monkeypatch.setattr(gc, "collect", collect)
    monkeypatch.setattr(gc, "mem_alloc", lambda: heap.used, raising=False)
    monkeypatch.setattr(gc, "mem_free", lambda: heap.free, raising=False)
    chip.heap = heap
    return chip


class Radio:
    enabled = connected = True
    ipv4_address = "192.0.2.7"
    connect = None
    ap_info = types.SimpleNamespace(rssi=-61)


def test_default_tells_what_every_board_has(board):
    desk_options = {"radio": Radio(), "fwup_writer": Telling(meta=META)}
    found = report(True, **desk_options)
    metrics, metadata = found["metrics"], found["metadata"]
    assert set(metrics) == {
        "cpu_temp",
        "mem_size_mb",
        "mem_used_mb",
        "mem_used_percent",
        "heap_free_bytes",
        "heap_min_free_bytes",
        "disk_available_kb",
        "disk_total_kb",
        "disk_used_percentage",
        "wifi_rssi",
        "flash_writes",
        "boot_trials",
    }
    assert metrics["cpu_temp"] == 41.5
    assert metrics["mem_used_percent"] == 75
    assert metrics["wifi_rssi"] == -61
    assert metrics["flash_writes"] == 12
    assert metadata["reset_reason"] == "watchdog"
    assert metadata["last_boot"] == "confirmed"
    assert " d " in metadata["uptime"]
    assert "checks" not in found


def test_least_free_memory_stays_and_is_measured_without_garbage(board):
    provider = BoardHealth()
    found = []
    for free in (250_000, 90_000, 300_000):
        board.heap.free = free
        found.append(provider.health_check()["metrics"]["heap_min_free_bytes"])
    assert found == [250_000, 90_000, 90_000]
    assert board.heap.collected == 3


def test_temperature_that_is_no_number_is_left_out(board):
    board.temperature = float("nan")
    assert "cpu_temp" not in report(True)["metrics"]
    board.temperature = None
    assert "cpu_temp" not in report(True)["metrics"]


def test_default_on_a_machine_without_all_that_tells_the_rest():
    found = report(True)
    assert "disk_total_kb" in found["metrics"]
    assert "uptime" in found["metadata"]
    assert "checks" not in found


def test_part_that_fails_is_a_failed_check_and_the_others_are_told(board):
    writer = Telling(meta=META)
    writer.told = OSError(5, "flash")
    found = report(True, fwup_writer=writer)
    assert found["checks"]["told_by_writer"]["pass"] is False
    assert found["metrics"]["cpu_temp"] == 41.5


def test_part_that_raises_what_can_not_be_shown_is_a_failed_check_too(board):
    class Mute(Exception):
        def __str__(self):
            raise ValueError("no text")

    writer = Telling(meta=META)
    writer.told = Mute()
    found = report(True, fwup_writer=writer)
    assert found["checks"]["told_by_writer"] == {"pass": False, "note": "Mute"}
    assert found["metrics"]["cpu_temp"] == 41.5


def test_default_can_be_added_to(board):
    class Mine(BoardHealth):
        def health_check(self):
            found = super().health_check()
            found["metrics"]["soil_moisture"] = 31
            found["checks"]["pump"] = (True, "")
            return found

    found = report(Mine())
    assert found["metrics"]["soil_moisture"] == 31
    assert found["checks"] == {"pump": {"pass": True, "note": ""}}
    assert found["metrics"]["cpu_temp"] == 41.5
