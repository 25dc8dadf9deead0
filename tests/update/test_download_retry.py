# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""After a failed try: how long to wait, when to give up, and for what reason."""

import pytest
from support.fakes import FakeClock

from nerveshub_link.errors import DownloadError, ProtocolError, TransportError, UpdateError
from nerveshub_link.update.download_retry import WHEN_ONLINE, DownloadRetry

BROKEN = TransportError("connection closed by the server")
BAD = DownloadError("part 1 of 2 is damaged", "restart")
HOUR = 3_600_000


class Retry(DownloadRetry):
    def __init__(self, retries=10, jitter=0.0):
        self.clock = FakeClock(ticks=(1 << 29) - 1000)
        super().__init__(retries, 15_000, 24 * HOUR, lambda: jitter)
        self.begin(self.clock())

    def broke(self, received=0, error=BROKEN, online=True):
        return self.after(error, received, self.clock(), online)


@pytest.mark.parametrize(("jitter", "wait"), [(0.0, 15_000), (0.5, 18_750), (0.999, 22_492)])
def test_next_try_comes_after_the_delay_and_up_to_half_of_it(jitter, wait):
    assert Retry(jitter=jitter).broke() == wait
    assert type(Retry(jitter=jitter).broke()) is int


def test_eleventh_failure_in_a_row_without_a_byte_is_the_last():
    retry = Retry()
    for _ in range(10):
        assert retry.broke() == 15_000
    with pytest.raises(UpdateError) as caught:
        retry.broke()
    assert str(caught.value) == (
        "connection closed by the server (10 new tries in a row without progress)"
    )


def test_every_byte_of_progress_counts_anew():
    retry = Retry()
    for received in range(1, 1000):
        assert retry.broke(received) == 15_000
    for _ in range(9):
        assert retry.broke(999) == 15_000
    with pytest.raises(UpdateError):
        retry.broke(999)


def test_progress_is_to_get_further_than_ever_not_to_get_some_bytes_again():
    retry = Retry()
    retry.broke(500)
    for received in [0, 100, 200, 300, 400, 500, 499, 1, 2]:
        retry.broke(received)
    with pytest.raises(UpdateError):
        retry.broke(500)


@pytest.mark.parametrize(
    "error",
    [
        BROKEN,
        ProtocolError("the answer is not HTTP/1"),
        DownloadError("HTTP 503"),
        MemoryError(),
        OSError(5),
        RuntimeError("pystack exhausted"),
    ],
)
def test_another_try_follows_whatever_broke(error):
    assert Retry().broke(error=error) == 15_000


def test_plain_no_is_the_end():
    error = UpdateError("HTTP 404: not found")
    with pytest.raises(UpdateError) as caught:
        Retry().broke(error=error)
    assert caught.value is error


def test_without_retries_the_first_break_is_the_end_with_its_own_words():
    for error in (BROKEN, BAD, MemoryError()):
        for online in (True, False):
            with pytest.raises(type(error)) as caught:
                Retry(retries=0).broke(500, error, online)
            assert caught.value is error


def test_wrong_bytes_start_from_zero_twice_and_no_third_time():
    retry = Retry()
    assert retry.broke(1000, BAD) == 15_000
    for received in range(10, 500, 10):
        assert retry.broke(received) == 15_000  # less than before, but it is another start
    assert retry.broke(1000, BAD) == 15_000
    with pytest.raises(DownloadError) as caught:
        retry.broke(1000, BAD)
    assert caught.value is BAD


def test_next_download_has_all_its_tries():
    retry = Retry(retries=1)
    retry.broke(100, BAD)
    retry.broke(100, BAD)
    with pytest.raises(UpdateError):
        retry.broke(100, BAD)
    retry.begin(retry.clock())
    assert retry.broke(10, BAD) == 15_000


def test_device_that_is_offline_does_not_give_up_but_waits():
    retry = Retry()
    for _ in range(10):
        assert retry.broke(online=False) == 15_000
    assert retry.broke(online=False) == WHEN_ONLINE
    retry.online()
    for _ in range(10):
        assert retry.broke() == 15_000
    with pytest.raises(UpdateError):
        retry.broke()


def test_day_is_over_after_24_hours_for_every_caller():
    retry = Retry()
    retry.broke(5)
    retry.clock.advance(24 * HOUR - 1)
    retry.check(retry.clock())
    assert retry.broke(6) == 15_000
    retry.clock.advance(1)
    words = "not done within 86400 s: connection closed by the server"
    for act in (lambda: retry.check(retry.clock()), lambda: retry.broke(7, online=False)):
        with pytest.raises(UpdateError) as caught:
            act()
        assert str(caught.value) == words


def test_no_secret_of_an_error_is_repeated():
    retry = Retry(retries=1)
    error = TransportError("broke at http://h/new.fw?X-Amz-Signature=topsecret")
    retry.broke(error=error)
    with pytest.raises(UpdateError) as caught:
        retry.broke(error=error)
    assert "topsecret" not in str(caught.value)
