# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
A watchdog in mode RAISE: ``except Exception`` in the library catches its exception. It reaches the
application nevertheless, which needs it, since the watchdog is off from then on.
"""

import ast
from unittest import mock

import pytest
from nerveshub_tools.board_modules import WatchDogTimeout
from support import checkout
from support.desk import Desk, RecordingClient, RecordingWriter, update

from nerveshub_link.errors import timeouts

IMAGE = b"PK\x03\x04 a release"


@pytest.fixture(autouse=True)
def nothing_is_left():
    yield
    assert timeouts == []


def timeout():
    raise WatchDogTimeout


def poll_raises_it_once(desk, seconds=1):
    """It leaves poll(); the next polls go on."""
    with pytest.raises(WatchDogTimeout):
        desk.wait(seconds)
    desk.wait(1)


def test_out_of_a_callback():
    client = RecordingClient()
    desk = Desk(client=client)
    client.doing["handle_blocking"] = timeout
    poll_raises_it_once(desk)
    del client.doing["handle_blocking"]
    desk.joined()


def test_out_of_the_writer_and_the_update_has_failed():
    writer = RecordingWriter()
    desk = Desk(fwup_writer=writer)
    peer = desk.joined()
    writer.doing["fwup_chunk"] = timeout
    peer.say(None, None, "device", "update", update(IMAGE))
    desk.until(lambda: desk.peer is not peer and desk.peer.asked)
    desk.peer.answer(200, body=IMAGE)
    poll_raises_it_once(desk)
    assert "WatchDogTimeout" in desk.client.named("fwup_error")[0][1]
    assert writer.heard[-1] == ("fwup_abort",)
    assert desk.link.connected


def test_out_of_a_logger():
    desk = Desk()
    peer = desk.joined()
    with mock.patch.object(desk.log, "log", lambda level, text: timeout()):
        peer.end()
        with pytest.raises(WatchDogTimeout):
            desk.wait(1)
    desk.joined()


def test_out_of_the_link_s_own_work_and_it_begins_anew():
    desk = Desk()
    desk.joined()
    with mock.patch.object(desk.link._dispatch, "tick", side_effect=WatchDogTimeout):
        poll_raises_it_once(desk, 0.025)
    assert desk.link.last_error == "fault: WatchDogTimeout"
    desk.joined()


def test_whatever_else_is_raised_does_not_leave_poll():
    client = RecordingClient("handle_blocking")
    Desk(client=client).joined()
    assert client.named("handle_blocking")


def _broad_handlers(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ExceptHandler) and isinstance(node.type, ast.Name):
            if node.type.id == "Exception":
                yield node


def test_nobody_catches_everything_and_looks_away():
    # With a name, the exception goes to describe() or keep_timeout(), or to someone who calls them.
    found = [
        f"{path.name}:{handler.lineno}"
        for path in (checkout.ROOT / "nerveshub_link").rglob("*.py")
        for handler in _broad_handlers(path)
        if handler.name is None and not any(isinstance(node, ast.Raise) for node in handler.body)
    ]
    assert found == []
