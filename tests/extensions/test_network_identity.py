# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""The extension ``network_identity``: reported when asked, and when something has changed."""

import pytest
from support.desk import Desk

from nerveshub_link import NetworkIdentity

KEY = {"service": "wireguard", "identifier": "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="}
IROH = {"service": "iroh", "identifier": "ab" * 32, "instance": "one", "details": {"relay": "x"}}


class Provider:
    def __init__(self, *identities):
        self.found = list(identities)

    def identities(self):
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


def reported(desk):
    return [
        payload["identities"]
        for event, payload in desk.peer.events("extensions")
        if event == "network_identity:report"
    ]


def asked(provider):
    desk = Desk(extensions={"network_identity": provider}, heartbeat_interval=150)
    desk.attach("network_identity")
    desk.peer.say(desk.peer.ref, None, "extensions", "network_identity:request", {})
    desk.wait(0.1)
    return desk


@pytest.mark.parametrize(
    "provider", [[KEY, IROH], (KEY, IROH), lambda: [KEY, IROH], Provider(KEY, IROH)]
)
def test_list_function_or_object_is_reported_when_asked(provider):
    assert reported(asked(provider)) == [[KEY, IROH]]


def test_no_identity_is_reported_as_none():
    assert reported(asked([])) == [[]]


@pytest.mark.parametrize(
    "bad, said",
    [
        ("iroh", "service must be one of"),
        ({"service": "nosuch", "identifier": "x"}, "service must be one of"),
        ({"service": "iroh"}, "identifier is missing"),
        ({"service": "iroh", "identifier": ""}, "identifier must be a text"),
        ({"service": "iroh", "identifier": 7}, "identifier must be a text"),
        ({"service": "iroh", "identifier": "x" * 256}, "identifier must be a text"),
        (dict(KEY, instance=None), "instance must be a text"),
        (dict(KEY, instance="x" * 256), "instance must be a text"),
        (dict(KEY, details=None), "details must be"),
        (dict(KEY, details=[1]), "details must be"),
        (dict(KEY, details={"x": float("nan")}), "details must be"),
        (dict(KEY, details={"x": {1, 2}}), "details must be"),
        (dict(KEY, details={"x": "y" * 5000}), "details must be"),
        (dict(KEY, colour="red"), "no colour"),
    ],
)
def test_identity_that_the_server_would_not_take_is_left_out_and_said(bad, said):
    desk = asked([bad, IROH])
    assert reported(desk) == [[IROH]]
    assert said in desk.log.text
    assert desk.link.connected


def test_more_than_ten_are_not_sent():
    many = [dict(KEY, instance=str(number)) for number in range(12)]
    assert reported(asked(many)) == [many[:10]]


def test_change_is_reported_within_a_minute_and_once():
    provider = Provider(KEY)
    desk = asked(provider)
    reported(desk)
    desk.wait(50)
    assert reported(desk) == []
    provider.found[0] = dict(KEY, details={"port": 51820})
    desk.wait(20)
    assert reported(desk) == [[dict(KEY, details={"port": 51820})]]
    desk.wait(70)
    assert reported(desk) == []


def test_provider_that_raises_is_said_once_and_asked_again():
    provider = Provider(KEY)
    provider.found = OSError(5, "no such interface")
    desk = asked(provider)
    assert reported(desk) == []
    assert desk.log.text.count("no such interface") == 1
    provider.found = [KEY]
    desk.ask("network_identity:request")
    assert desk.link.connected


@pytest.mark.parametrize("provider", [5, "iroh", None, {}])
def test_provider_that_is_invalid_is_refused(provider):
    with pytest.raises(ValueError, match="network_identity must be"):
        NetworkIdentity(provider)


@pytest.mark.parametrize("interval", [0, 1.5, True, None, 86401])
def test_interval_that_is_invalid_is_refused(interval):
    with pytest.raises(ValueError, match="network_identity: interval must be"):
        NetworkIdentity([], interval=interval)
