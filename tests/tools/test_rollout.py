# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""A rollout shows what each device does, ends by itself, and names those that don't run it."""

import asyncio
import html
import io
import os
import re
from datetime import UTC, datetime, timedelta

import pytest
from nerveshub_tools.rest_client import Refused, RestError
from nerveshub_tools.rollout import Rollout
from nerveshub_tools.rollout_view import result, table, watched
from rich.console import Console
from support import checkout

PICTURE = checkout.ROOT / "docs" / "_static" / "rollout.svg"
NOW = datetime(2026, 11, 28, 13, 0, tzinfo=UTC)
OLD, NEW = "uuid-old", "uuid-new"


def device(name, uuid=OLD, online=True, group="g", **more):
    """A device as the server tells of it."""
    return {
        "identifier": name,
        "version": {OLD: "1.0.0", NEW: "1.1.0"}[uuid],
        "connection_status": "connected" if online else "disconnected",
        "deployment_group": {"name": group},
        "firmware_metadata": {"uuid": uuid},
        "updates_enabled": True,
        "updates_blocked_until": None,
        **more,
    }


def blocked(seconds):
    return {"updates_blocked_until": (NOW + timedelta(seconds=seconds)).isoformat()}


class Server:
    """Answers with one list of devices after the other, and with the last one again and again."""

    def __init__(self, *lists, hub=None):
        self.lists = list(lists)
        self.hub = hub
        self.passed = 0.0

    async def devices(self):
        found = self.lists.pop(0) if len(self.lists) > 1 else self.lists[0]
        if isinstance(found, Exception):
            raise found
        return found

    async def call(self, _method, *path):
        if self.hub is None:
            raise Refused(404, [])
        return {"data": {"violations": []} if path == ("hub",) else self.hub[path[1]]}

    async def sleep(self, seconds):
        self.passed += seconds

    def rollout(self, timeout=60):
        return Rollout(
            self,
            self,
            "g",
            NEW,
            timeout=timeout,
            clock=lambda: self.passed,
            now=lambda: NOW + timedelta(seconds=self.passed),
            sleep=self.sleep,
        )


def run(*lists, hub=None, timeout=60):
    """The states that were seen, the result in words, and the seconds that passed."""
    server = Server(*lists, hub=hub)
    rollout, seen = server.rollout(timeout), []

    def show(it):
        states = [(row.identifier, row.state, row.percent) for row in it.rows]
        if seen[-1:] != [states]:
            seen.append(states)

    asyncio.run(rollout.run(show))
    return seen, result(rollout, "1.1.0"), rollout.done, server.passed


def test_it_ends_when_all_run_it():
    seen, words, done, passed = run(
        [device("a"), device("b"), device("c", group="other")],
        [device("a", NEW), device("b", online=False)],
        [device("a", NEW), device("b", NEW)],
    )
    assert seen == [
        [("a", "waiting", None), ("b", "waiting", None)],
        [("a", "runs it", None), ("b", "restarting", None)],
        [("a", "runs it", None), ("b", "runs it", None)],
    ]
    assert (words, done, passed) == (["all 2 devices run 1.1.0"], True, 4)


def test_it_does_not_wait_for_who_is_not_there_and_names_it():
    _, words, done, passed = run([device("a", NEW), device("b", online=False)])
    assert words == [
        "1 of 2 devices run 1.1.0",
        "b is not connected: it gets the release when it comes",
    ]
    assert (done, passed) == (True, 0)


def test_who_is_blocked_or_switched_off_is_named_with_the_way_back():
    _, words, done, passed = run(
        [device("a", NEW), device("b", **blocked(3600)), device("c", updates_enabled=False)]
    )
    assert words == [
        "1 of 3 devices run 1.1.0",
        "b runs 1.0.0 and is blocked until 2026-11-28T14:00:00+00:00: its updates failed, or were"
        " put off. nerveshub-link penalty b --clear",
        "c runs 1.0.0, and its automatic updates are off: nerveshub-link penalty c --clear",
    ]
    assert (done, passed) == (False, 0)


def test_who_is_blocked_for_a_short_time_is_waited_for():
    seen, _, done, _ = run([device("a", **blocked(10))], [device("a", NEW, **blocked(10))])
    assert [states[0][1] for states in seen] == ["waiting", "runs it"]
    assert done


def test_a_block_that_is_over_is_not_a_block():
    seen, *_ = run([device("a", **blocked(-10))], timeout=0)
    assert seen == [[("a", "waiting", None)]]


def test_the_time_may_be_over():
    _, words, done, passed = run([device("a"), device("b", NEW)], timeout=15)
    assert words == [
        "1 of 2 devices run 1.1.0",
        "a still runs 1.0.0 (waiting): the time is over",
    ]
    assert (done, passed) == (False, 15)


def test_a_group_without_devices_is_told_after_a_moment():
    _, words, done, passed = run([device("a", group="other")])
    assert words[0].startswith("no device belongs to the group yet: NervesHub chooses")
    assert (done, passed) == (True, 10)


def test_the_hub_tells_percent_and_trial():
    hub = {
        "a": {
            "inflight": {"status": "downloading"},
            "progress": ["downloading", 45],
            "validation": "validated",
        }
    }
    server = Server([device("a")], [device("a", NEW)], hub=hub)
    seen = []

    def show(it):
        seen.append((it.rows[0].state, it.rows[0].percent))
        if len(seen) == 2:
            hub["a"] = {"validation": "validated"}
        else:
            hub["a"] = {"validation": "not_validated"}

    asyncio.run(server.rollout().run(show))
    assert seen == [("updating", 45), ("on trial", None), ("runs it", None)]


def test_a_server_that_does_not_answer_for_a_while_is_asked_again():
    seen, words, done, _ = run(
        [device("a")], RestError("no answer"), Refused(503, []), [device("a", NEW)]
    )
    assert [states[0][1] for states in seen] == ["waiting", "runs it"]
    assert (words, done) == (["the device runs 1.1.0"], True)
    _, words, done, passed = run(RestError("no answer"), timeout=6)
    assert (words, done, passed) == (["no answer"], False, 6)


def test_what_the_server_refuses_for_good_ends_it():
    with pytest.raises(Refused):
        run(Refused(401, ["no"]))


# What is shown


def test_elsewhere_than_on_a_terminal_there_is_a_line_for_each_change(capsys):
    server = Server([device("a\x1b")], [device("a\x1b")], [device("a\x1b", NEW)])
    assert asyncio.run(watched(server.rollout(), "1.1.0", Console(file=io.StringIO())))
    assert capsys.readouterr().out.splitlines() == [
        "a?: waiting, runs 1.0.0",
        "a?: runs it, runs 1.1.0",
        "the device runs 1.1.0",
    ]


def test_on_a_terminal_a_table_is_drawn_anew_until_the_end(capsys, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    server = Server([device("a")], [device("a", NEW)])
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100)
    assert asyncio.run(watched(server.rollout(), "1.1.0", console))
    shown = screen.getvalue()
    assert shown.index("waiting") < shown.index("runs it")
    assert capsys.readouterr().out == "the device runs 1.1.0\n"


def test_on_a_terminal_it_is_a_table_and_the_unfinished_are_in_it():
    hub = {"a": {"inflight": {"status": "downloading"}, "progress": ["downloading", 45]}, "b": {}}
    server = Server([device("a"), device("b", **blocked(3600))], hub=hub)
    rollout = server.rollout(timeout=0)
    asyncio.run(rollout.run(lambda it: None))
    screen = io.StringIO()
    Console(file=screen, width=120).print(table(rollout, "1.1.0"))
    lines = [" ".join(line.split()) for line in screen.getvalue().splitlines()]
    assert "┃ device ┃ runs ┃ target ┃ online ┃ update ┃ blocked until ┃" in lines
    assert "│ a │ 1.0.0 │ 1.1.0 │ yes │ updating 45 % │ │" in lines
    assert "│ b │ 1.0.0 │ 1.1.0 │ yes │ blocked │ 2026-11-28T14:00:00+00:00 │" in lines
    many = [device(f"d{number:02}", NEW) for number in range(30)]
    rollout = Server([*many, device("z")]).rollout(timeout=0)
    asyncio.run(rollout.run(lambda it: None))
    assert table(rollout, "1.1.0").row_count == 20
    Console(file=screen).print(table(rollout, "1.1.0"))
    assert "│ z " in screen.getvalue() and "and 11 more" in screen.getvalue()


def test_the_documentation_has_a_picture_of_it():
    # Taken anew with NERVESHUB_LINK_PICTURE=yes.
    hub = {
        "board-2": {"validation": "not_validated"},
        "board-3": {"inflight": {"status": "downloading"}, "progress": ["downloading", 45]},
        "board-1": {"validation": "validated"},
    }
    devices = [device("board-1", NEW), device("board-2", NEW), device("board-3")]
    rollout = Server(devices, hub=hub).rollout(timeout=0)
    asyncio.run(rollout.run(lambda it: None))
    console = Console(file=io.StringIO(), width=72, record=True, force_terminal=True)
    console.print(table(rollout, "1.1.0"))
    title = "nerveshub-link deploy --watch"
    svg = console.export_svg(title=title, unique_id="rollout")
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.S)  # they would be fetched
    if os.environ.get("NERVESHUB_LINK_PICTURE"):
        PICTURE.write_text(svg)
    assert _texts(PICTURE.read_text()) == _texts(svg)
    assert {"board-3", "updating", "45", "on", "trial"} <= _texts(svg)


def _texts(svg):
    return set(html.unescape(" ".join(re.findall(r"<text[^>]*>([^<]*)", svg))).split())
