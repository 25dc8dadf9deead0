# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Connection and topic: each row of their tables is walked by something that really happens."""

import json

import pytest
from support.desk import Desk
from support.walked import rows, walk

from nerveshub_link.wire import connection, phoenix
from nerveshub_link.wire.phoenix import Channels


@pytest.fixture
def walked(monkeypatch):
    """The rows that were walked, by module."""
    return {module: walk(monkeypatch, module) for module in (connection, phoenix)}


class Radio:
    """``wifi.radio``, whose network comes and goes."""

    enabled = True
    connected = False
    ipv4_address = None
    there = False

    def connect(self, ssid, password, timeout):
        if not self.there:
            raise ConnectionError("No network with that ssid")
        self.connected, self.ipv4_address = True, "10.0.0.7"

    def lose(self):
        self.connected = self.there = False
        self.ipv4_address = None


def without_network():
    """A desk whose link waits for the network."""
    radio = Radio()
    desk = Desk(radio=radio, wifi_ssid="x")
    desk.until(lambda: desk.link.state == "waiting_for_network")
    return desk, radio


def network_comes():
    desk, radio = without_network()
    desk.link.reconnect()
    radio.there = True
    desk.join()
    radio.lose()
    desk.peer.end()
    desk.until(lambda: desk.link.state == "waiting_for_network")
    radio.there = True
    desk.join()


def refused_redirected_and_left_alone():
    desk = Desk()
    desk.connect().answer(403)
    desk.connect().answer(302, "location: /elsewhere")
    desk.connect()
    desk.until(lambda: desk.link.last_error == "no answer to the upgrade request")
    desk.connect()
    desk.link.reconnect()
    desk.join()
    desk.link.reconnect()
    desk.wait(3)


def closed(desk):
    desk.link.deinit()
    desk.link.reconnect()
    desk.wait(1)
    assert desk.link._connection.phase == connection.CLOSED


def closed_where_it_waits_for_the_network():
    closed(without_network()[0])


def closed_where_it_waits():
    closed(Desk())


def closed_where_the_answer_is_due():
    desk = Desk()
    desk.connect()
    closed(desk)


def closed_where_it_is_open():
    desk = Desk()
    desk.join()
    closed(desk)


def test_each_phase_of_the_connection_is_left_as_its_table_says_and_by_nothing_else(walked):
    for happening in (
        network_comes,
        refused_redirected_and_left_alone,
        closed_where_it_waits_for_the_network,
        closed_where_it_waits,
        closed_where_the_answer_is_due,
        closed_where_it_is_open,
    ):
        happening()
    assert sorted(walked[connection]) == sorted(rows(connection._TABLE))


def test_each_state_of_a_topic_is_left_as_its_table_says_and_by_nothing_else(walked):
    sent = []
    channels = Channels(lambda text: sent.append(json.loads(text)), 10_000, 3_600_000)
    now = 0

    def said(event, **payload):
        ref = sent[-1][1]
        text = json.dumps([ref, ref, "device", event, payload])
        understood = channels.receive(text, now)
        return understood and understood[0]

    def joins():
        """Time passes, until it is joined again."""
        nonlocal now
        count = len(sent)
        while len(sent) == count:
            assert not channels.is_joined("device")
            now += 1000
            assert channels.tick(now, True)
        assert sent[-1][3] == "phx_join"

    channels.join("device", dict, now)
    assert said("phx_reply", status="error", response={}) == phoenix.REFUSED
    joins()
    assert said("phx_error") == phoenix.CRASHED
    joins()  # nobody answers
    joins()
    assert said("phx_reply", status="ok", response={}) == phoenix.JOINED
    assert said("phx_close") == phoenix.CRASHED
    joins()
    assert said("phx_reply", status="ok", response={}) == phoenix.JOINED
    unmatched = {"reason": "unmatched topic"}
    assert said("phx_reply", status="error", response=unmatched) == phoenix.CRASHED
    assert sorted(walked[phoenix]) == sorted(rows(phoenix._TABLE))
