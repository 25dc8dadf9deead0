# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""An update: each row of its table is walked by something that really happens."""

from support.update_bench import IMAGE, Bench, Tries, head, served
from support.walked import rows, walk

from nerveshub_link.update import manager as updates

ANOTHER = "0dbbe4ad-4c5e-5b1b-9d6a-2f0e7c3b8a12"
FORBIDDEN = [b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"]


def offered(*tries):
    """A deployment's update is offered, whose URL may expire: each try brings its packets."""
    bench = Bench(transport=Tries(*tries), download_retries=10)
    return bench.offer(deployment_id=7, firmware_url="http://files.example/new.fw?signature=x")


def at(state, *tries):
    """A bench whose update has got that far."""
    return reach(offered(*(tries or [served()])), state)


def reach(bench, state):
    for _ in range(500):
        if bench.manager.state == state:
            return bench
        bench.step(100)
    raise AssertionError(bench.log.text)


def renewing():
    """The URL has expired, and the server has forgotten the update."""
    return at(updates.RENEWING, FORBIDDEN, served())


def goes_well():
    assert at(updates.INSTALLED).actions == ["reboot"]


def url_expires():
    bench = renewing()
    bench.joined = True
    bench.offer(deployment_id=7)
    reach(bench, updates.INSTALLED)


def another_is_offered_instead():
    bench = renewing()
    meta = dict(bench.manager._offer.meta, uuid=ANOTHER)
    bench.offer(deployment_id=7, firmware_meta=meta)
    assert bench.manager._offer.uuid == ANOTHER


def checksum_is_wrong():
    wrong = bytes(len(IMAGE))
    bench = offered([head(), wrong], served())
    reach(bench, updates.INSTALLED)


def aborted():
    for state in (updates.DOWNLOADING, updates.VERIFYING, updates.INSTALLING):
        bench = at(state)
        begun = bool(bench.writer.named("fwup_begin"))
        bench.manager.abort()
        assert bench.manager.state == updates.IDLE
        assert len(bench.writer.named("fwup_abort")) == begun


def closed():
    for bench in (Bench(), at(updates.REPORTING), at(updates.INSTALLED)):
        bench.manager.close()
        assert bench.manager.state == updates.CLOSED
        assert not bench.writer.named("fwup_abort")
        bench.offer(answered=False)
        assert bench.manager.state == updates.CLOSED


def test_each_state_of_an_update_is_left_as_its_table_says_and_by_nothing_else(monkeypatch):
    walked = walk(monkeypatch, updates)
    for happening in (
        goes_well,
        url_expires,
        another_is_offered_instead,
        checksum_is_wrong,
        aborted,
        closed,
    ):
        happening()
    assert sorted(walked) == sorted(rows(updates._TABLE))


def test_what_is_installed_is_neither_aborted_nor_taken_back():
    bench = at(updates.INSTALLED)
    bench.manager.abort()
    assert bench.manager.state == updates.INSTALLED
    assert not bench.writer.named("fwup_abort")
