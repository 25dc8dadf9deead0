# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Decisions about updates, and a client that overrides nothing."""

import sys
import types

import pytest

from nerveshub_link import APPLY, IGNORE, Client, NervesHubError, ignore, reschedule


def facts(decision):
    return decision.kind, decision.reason, decision.delay


def test_ready_made_decisions():
    assert facts(APPLY) == ("apply", "", 0)
    assert facts(IGNORE) == ("ignore", "ignored by the device", 0)


def test_ignore_carries_its_reason_as_text():
    assert facts(ignore("on battery")) == ("ignore", "on battery", 0)
    assert facts(ignore(12)) == ("ignore", "12", 0)


def test_reschedule_carries_milliseconds_and_a_reason():
    assert facts(reschedule(90_000)) == ("reschedule", "not now", 90_000)
    assert facts(reschedule(0, "busy")) == ("reschedule", "busy", 0)


@pytest.mark.parametrize("delay", [-1, 1.5, 60000.0, True, False, "60000", None])
def test_reschedule_refuses_what_the_server_would_crash_on(delay):
    # The server casts delay_for to an integer; anything else ends its channel.
    with pytest.raises(ValueError, match="milliseconds must be an int"):
        reschedule(delay)


def test_client_that_overrides_nothing_applies_updates():
    assert Client().update_available({"uuid": "u"}) is APPLY


def test_client_that_overrides_nothing_takes_every_notice():
    client = Client()
    client.fwup_progress(50, "downloading")
    client.fwup_error("no")
    client.handle_connected()
    client.handle_disconnected("gone")
    client.handle_blocking("connect", 10)


def test_a_machine_without_a_light_says_what_to_do_about_it():
    with pytest.raises(NervesHubError, match="no free LED .* override Client.identify"):
        Client().identify()


def test_reboot_resets_the_board_unless_overridden(monkeypatch):
    resets = []
    board = types.ModuleType("microcontroller")
    board.reset = lambda: resets.append("reset")
    monkeypatch.setitem(sys.modules, "microcontroller", board)
    Client().reboot()
    assert resets == ["reset"]
