# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""The extension ``geo``: the location from the application, or from the public IP address."""

import json

import pytest
from support.desk import META, Desk, RecordingWriter, update
from support.fakes import FakeClock

from nerveshub_link import Geo, GeoIp, NervesHubError

PLACE = {"latitude": 52.52, "longitude": 13.405}


def located(provider, **options):
    """What the device answers to ``location:request``."""
    desk = Desk(extensions={"geo": provider}, **options)
    desk.attach("geo")
    ((event, payload),) = desk.ask("geo:location:request")
    assert event == "geo:location:update"
    return payload


class Gnss:
    def __init__(self, place):
        self.place = place

    def location(self):
        if isinstance(self.place, Exception):
            raise self.place
        return self.place


@pytest.mark.parametrize("provider", [lambda: PLACE, Gnss(PLACE), Geo(Gnss(PLACE))])
def test_place_of_a_function_or_an_object_is_reported_with_a_source(provider):
    assert located(provider) == {"latitude": 52.52, "longitude": 13.405, "source": "device"}


def test_source_and_accuracy_are_passed_on():
    found = located(Gnss(dict(PLACE, source="gps", accuracy=3, altitude=34)))
    assert found == {"latitude": 52.52, "longitude": 13.405, "source": "gps", "accuracy": 3}


@pytest.mark.parametrize("accuracy", [None, float("nan"), float("inf"), "3", [3]])
def test_accuracy_that_is_no_number_is_left_out(accuracy):
    assert "accuracy" not in located(Gnss(dict(PLACE, accuracy=accuracy)))


@pytest.mark.parametrize(
    "place, code, words",
    [
        (None, "NO_LOCATION", "is not known now"),
        ({"error_code": "NO_FIX", "error_description": "2 satellites"}, "NO_FIX", "2 satellites"),
        (OSError(5, "no module"), "ERROR", "no module"),
        ({"latitude": 52.5}, "ERROR", "longitude"),
        ({"latitude": 91, "longitude": 0}, "ERROR", "out of range"),
        ({"latitude": 0, "longitude": -180.5}, "ERROR", "out of range"),
        ({"latitude": float("nan"), "longitude": 0}, "ERROR", "out of range"),
        ({"latitude": "north", "longitude": 0}, "ERROR", "ValueError"),
        (5, "ERROR", "TypeError"),
    ],
    ids=repr,
)
def test_place_that_is_invalid_is_reported_as_an_error(place, code, words):
    found = located(Gnss(place))
    assert set(found) == {"error_code", "error_description"}
    assert found["error_code"] == code
    assert words in found["error_description"]


def test_whole_degrees_become_floats():
    found = located(lambda: {"latitude": 52, "longitude": "13"})
    assert [type(found[name]) for name in ("latitude", "longitude")] == [float, float]


def test_place_is_reported_again_after_the_interval_and_only_while_attached():
    gnss = Gnss(PLACE)
    desk = Desk(extensions={"geo": Geo(gnss, interval=60)}, heartbeat_interval=150)
    peer = desk.attach("geo")
    desk.wait(61)
    assert peer.events("extensions") == []  # nobody has asked yet
    desk.ask("geo:location:request")
    gnss.place = {"latitude": -1, "longitude": 2}
    desk.wait(59)
    assert peer.events("extensions") == []
    desk.wait(2)
    ((_, found),) = peer.events("extensions")
    assert found == {"latitude": -1, "longitude": 2, "source": "device"}


@pytest.mark.parametrize("interval", [-1, 1.5, True, None, 86401])
def test_interval_that_is_invalid_is_refused(interval):
    with pytest.raises(ValueError, match="geo: interval must be a whole number from 0"):
        Geo(Gnss(PLACE), interval=interval)


@pytest.mark.parametrize("provider", [None, 5, PLACE])
def test_provider_that_is_invalid_is_refused(provider):
    with pytest.raises(ValueError, match="geo must be a function"):
        Geo(provider)


# By the address

ANSWER = {
    "now": "2026-11-18T12:26:40.101Z",
    "time_zone": "Europe/Berlin",
    "latitude": "52.52000",
    "longitude": "13.40500",
    "country": "DE",
    "city": "Berlin",
    "address": "192.0.2.7:1403",
}
NONCE = bytes(range(8)).hex()


def asking(**options):
    """A link whose resolver has connected; the service's end."""
    desk = Desk(extensions={"geo": GeoIp("http://where.example/?key=hidden")}, **options)
    desk.hub = desk.attach("geo")
    assert desk.ask("geo:location:request") == []
    desk.until(lambda: desk.peer is not desk.hub and desk.peer.asked, 1)
    return desk, desk.peer


def answered(desk):
    desk.wait(0.2)
    ((event, payload),) = desk.hub.events("extensions")
    assert event == "geo:location:update"
    return payload


def say(service, answer=ANSWER, nonce=NONCE, status=200):
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    service.answer(status, "X-Nonce: " + nonce, "Content-Type: application/json", body=body)


def test_service_is_asked_with_a_nonce_and_its_texts_become_numbers():
    desk, service = asking()
    assert service.target == "/?key=hidden&nonce=" + NONCE
    assert service.headers["host"] == "where.example"
    assert ("handle_blocking", "geo", 10) in desk.client.heard
    say(service)
    assert answered(desk) == {"latitude": 52.52, "longitude": 13.405, "source": "geoip"}
    assert service.closed
    assert desk.network.open_connections == 1


def test_nobody_is_asked_before_the_server_wants_to_know():
    desk = Desk(extensions={"geo": GeoIp("http://where.example/")})
    desk.attach("geo")
    desk.wait(5)
    assert len(desk.network.attempts) == 1


def test_answer_that_drips_is_read_to_its_end():
    desk, service = asking()
    say(service)
    (packet,) = service.incoming
    service.incoming[:] = [packet[at : at + 7] for at in range(0, len(packet), 7)]
    desk.wait(3)
    assert answered(desk)["source"] == "geoip"


@pytest.mark.parametrize(
    "told, code, words",
    [
        ({"nonce": "0011223344556677"}, "HTTP_ERROR", "captive portal"),
        ({"status": 500}, "HTTP_ERROR", "HTTP 500 from where.example"),
        ({"status": 302}, "HTTP_ERROR", "HTTP 302"),
        ({"answer": b"<html>log in</html>"}, "HTTP_ERROR", "JSON"),
        ({"answer": b"\xff\xfe"}, "HTTP_ERROR", "UnicodeDecodeError"),
        ({"answer": {"now": "x"}}, "NO_LOCATION", "can't locate"),
        ({"answer": []}, "NO_LOCATION", "can't locate"),
        ({"answer": dict(ANSWER, latitude="north")}, "HTTP_ERROR", "ValueError"),
        ({"answer": dict(ANSWER, longitude=None)}, "HTTP_ERROR", "TypeError"),
        ({"answer": b" " * 3000}, "HTTP_ERROR", "longer than 2048 bytes"),
    ],
    ids=repr,
)
def test_answer_that_is_invalid_is_reported_as_an_error_without_the_query(told, code, words):
    desk, service = asking()
    say(service, **told)
    found = answered(desk)
    assert found["error_code"] == code
    assert words in found["error_description"]
    assert "hidden" not in json.dumps(found) + desk.log.text
    assert service.closed
    assert desk.link.connected


def test_service_that_is_mute_is_given_up_after_ten_seconds():
    desk, service = asking()
    desk.wait(9)
    assert desk.hub.events("extensions") == []
    desk.wait(1.2)
    assert "no answer from where.example" in answered(desk)["error_description"]
    assert service.closed


def test_service_that_can_not_be_reached_is_reported():
    desk = Desk(extensions={"geo": GeoIp("https://where.example/")})
    desk.hub = desk.attach("geo")
    desk.network.refusals.append(NervesHubError("can't connect to where.example"))
    ((_, found),) = desk.ask("geo:location:request")
    assert found == {
        "error_code": "HTTP_ERROR",
        "error_description": "can't connect to where.example",
    }


def test_lost_connection_ends_the_question():
    desk, service = asking()
    desk.hub.end()
    desk.wait(0.1)
    assert service.closed


def test_update_goes_first_and_the_question_is_asked_after_it():
    image = bytes(3000)
    writer = RecordingWriter(meta=META)
    desk, service = asking(fwup_writer=writer)
    desk.hub.say(None, None, "device", "update", update(image))
    desk.until(lambda: service.closed and desk.peer is not service and desk.peer.asked, 1)
    download = desk.peer
    desk.wait(1)
    assert desk.peer is download  # nobody asks meanwhile
    download.answer(404)
    desk.until(lambda: desk.peer is not download and desk.peer.asked, 1)
    say(desk.peer)
    desk.wait(0.2)
    assert desk.hub.events("extensions")[-1][1]["source"] == "geoip"


def test_clock_that_was_never_set_is_set_by_the_answer():
    clock = FakeClock(unix_time=946_684_800)
    desk, service = asking(clock=clock)
    assert not desk.link._connection.time.is_set
    body = json.dumps(ANSWER).encode()
    service.answer(200, "x-nonce: " + NONCE, "Date: Wed, 18 Nov 2026 12:26:40 GMT", body=body)
    answered(desk)
    assert abs(desk.link._connection.time.now() - 1_795_004_800) <= 1


@pytest.mark.parametrize("url", ["", "where.example", None, "ftp://where.example", "http://a b/"])
def test_url_that_is_invalid_is_refused(url):
    with pytest.raises(ValueError, match="url of GeoIp"):
        GeoIp(url)
