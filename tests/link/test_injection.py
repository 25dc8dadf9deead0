# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
Failure injection: in a whole session with an update, its trial and its confirmation, each call of
each seam raises once, and all promises of `support.whole_session.Session` must hold nevertheless.

All calls take many minutes. So a run tries a sample: first one call of each place in the code, in a
fixed order, until the time is up. ``NERVESHUB_LINK_INJECT=all`` tries everything. A failure names
seam, number and exception: ``NERVESHUB_LINK_INJECT="send 3 OSError"`` tries that alone and shows
the log.
"""

import os
import random
import shutil
import time

import pytest
from support.seams import ALLOCATION, EXCEPTIONS, Seams
from support.whole_session import Session, Wrong, prepare

WANTED = os.environ.get("NERVESHUB_LINK_INJECT", "")
SECONDS = 20
"""Seconds for the sample. Its size depends on the machine, the result of each case does not."""
MOST = 50
"""Failures after which a run ends."""


@pytest.fixture(name="live")
def session_on_a_drive(tmp_path):
    """Function that lives a session on a fresh drive; returns what was wrong and the log."""
    prepared, drive = tmp_path / "prepared", tmp_path / "drive"
    prepared.mkdir()
    prepare(prepared)

    def live(seams):
        shutil.rmtree(drive, ignore_errors=True)
        shutil.copytree(prepared, drive)
        session = Session(drive, seams)
        wrong = None
        try:
            session.live()
        except Wrong as error:
            wrong = str(error)
        return wrong, session.log.text

    assert live(Seams())[0] is None  # what is imported on the way is there after this
    return live


def places(live):
    """All ``(seam, k, exception)``: first one of each place in the code, then the others."""
    seams = Seams()
    live(seams)
    first, others, seen = [], [], set()
    for seam, k, site in seams.calls:
        for exception in EXCEPTIONS:
            if (seam, exception) == (ALLOCATION, "OSError"):
                continue
            known = (seam, site, exception) in seen
            seen.add((seam, site, exception))
            (others if known else first).append((seam, k, exception))
    for part in (first, others):
        random.Random(1).shuffle(part)
    return first + others


def failure(live, seam, k, exception):
    """What was wrong when this call raised, in words; None if nothing was."""
    seams = Seams(seam, k, exception)
    wrong, log = live(seams)
    if seams.stack is None:
        wrong = "it was never reached; " + str(wrong)
    if wrong is None:
        return None
    found = "%s %d %s: %s" % (seam, k, exception, wrong)
    return found + "\n" + log if WANTED not in ("", "all") else found


def test_two_sessions_with_the_same_calls_are_the_same(live):
    one, two = Seams(), Seams()
    live(one)
    live(two)
    assert one.calls == two.calls


def test_whatever_raises_wherever_the_device_ends_well(live, record_property):
    if WANTED not in ("", "all"):
        seam, k, exception = WANTED.rsplit(" ", 2)
        assert failure(live, seam, int(k), exception) is None
        return
    every = places(live)
    found, tried, ends = [], 0, time.monotonic() + SECONDS
    for place in every:
        if len(found) == MOST or (WANTED != "all" and time.monotonic() > ends):
            break
        tried += 1
        found += filter(None, [failure(live, *place)])
    text = "failures injected: {:,} of {:,}; {} ended badly".format(tried, len(every), len(found))
    record_property("summary", text)
    assert not found, "\n".join(found)
