# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Several writers: each update goes to the first one that accepts it, byte for byte."""

import io
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.archives import feed
from support.banks import BOARD, Board, image, meta_of
from support.desk import META, NEW_META, Desk, RecordingWriter
from support.update_bench import Bench

from nerveshub_link import FwupWriter, NervesHubLink, ignore, reschedule
from nerveshub_link.errors import UpdateError
from nerveshub_link.release.writer_choice import WriterChoice
from nerveshub_link.update.fwup_writer import give_log

FIRMWARE = image("10.2.0", 5000)


class Picky(RecordingWriter):
    """Takes what ``wanted`` says of first bytes and conf."""

    def __init__(self, wanted, *raising, installed=0, **options):
        super().__init__(*raising, **options)
        self.wanted = wanted
        self.installed = installed
        self.asked = []
        self.restart = False
        self.failure = None
        self.decision = None

    def fwup_accepts(self, first, conf):
        self.asked.append((bytes(first), conf))
        return self.wanted(bytes(first), conf)

    def poll(self):
        return self.restart

    def last_failure(self):
        return self.failure

    def fwup_check(self, meta, deployment):
        return self.decision


def application(**options):
    return Picky(lambda first, conf: first[:2] == b"PK" and ".bin" not in (conf or ""), **options)


def firmware(**options):
    return Picky(lambda first, conf: first[0] == 0xE9 or ".bin" in (conf or ""), **options)


def archive(name="app.img", signed=False, filler=0, compression=zipfile.ZIP_STORED):
    packed = io.BytesIO()
    conf = 'meta-platform=x\nfile-resource "%s" {\nlength=3000\n}\n' % name
    members = {"meta.conf.ed25519": bytes(64)} if signed else {}
    members["meta.conf"] = conf + "# %s\n" % ("f" * filler)
    members["data/" + name] = bytes(range(250)) * 12
    with zipfile.ZipFile(packed, "w") as file:
        for path in members:
            # Without a time: the same archive each time it is made.
            file.writestr(zipfile.ZipInfo(path), members[path], compression)
    return packed.getvalue()


def plain_zip():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("code.py", "print(1)\n" * 300)
    return packed.getvalue()


def install(writer, data, piece=512):
    writer.fwup_begin(len(data), NEW_META)
    for at in range(0, len(data), piece):
        feed(writer.fwup_chunk, memoryview(data)[at : at + piece])
    while writer.fwup_finish() is False:
        pass


CASES = [
    (plain_zip(), 0, None),
    (archive(), 0, "app.img"),
    (archive(signed=True), 0, "app.img"),
    (archive(compression=zipfile.ZIP_DEFLATED), 0, None),
    (archive("firmware.bin"), 1, "firmware.bin"),
    (FIRMWARE, 1, None),
]


@pytest.mark.parametrize("data, number, conf", CASES)
@pytest.mark.parametrize("piece", [1, 3, 512, 4096, 10**6])
def test_each_update_gets_to_the_writer_that_takes_it(data, number, conf, piece):
    writers = application(), firmware()
    install(WriterChoice(writers), data, piece)
    chosen, other = writers[number], writers[1 - number]
    assert chosen.image == data
    assert chosen.heard[0] == ("fwup_begin", len(data), NEW_META)
    assert chosen.heard[-1] == ("fwup_finish",)
    assert other.heard == []
    asked = [conf for _, conf in chosen.asked]
    assert asked == [None] if conf is None else conf in asked[0]
    assert chosen.asked[0][0] == data[:4]


class Partial(Picky):
    """Wants 300 bytes of the archive, and some more from 2000 on."""

    fwup_first = 300

    def fwup_next(self, received, kept):
        assert self.image == archive()[:received], "what was kept comes first"
        return (2000, 2500) if received == 300 else None


def test_a_writer_that_takes_parts_of_an_archive_gets_them_through_the_choice():
    choice = WriterChoice((firmware(), Partial(lambda first, conf: first[:2] == b"PK")))
    data = archive()
    assert choice.fwup_first == 300
    choice.fwup_begin(len(data), NEW_META)
    feed(choice.fwup_chunk, memoryview(data)[:300])
    while (span := choice.fwup_next(300, True)) is False:
        pass  # it gets what was kept, a piece with each call
    assert span == (2000, 2500)


def test_another_writer_gets_all_although_one_would_take_parts():
    choice = WriterChoice((firmware(), Partial(lambda first, conf: False)))
    choice.fwup_begin(len(FIRMWARE), NEW_META)
    assert choice.fwup_next(0, True) == (0, 0)
    feed(choice.fwup_chunk, memoryview(FIRMWARE)[:300])
    while (span := choice.fwup_next(300, True)) is False:
        pass
    assert span == (300, 0)


def test_releases_count_as_signed_only_if_the_one_that_is_chosen_asks_for_it():
    signed, other = application(), firmware()
    signed.public_keys = (bytes(32),)
    choice = WriterChoice((signed, other))
    assert choice.public_keys == ()  # an image for the other one may come
    choice.fwup_begin(100, NEW_META)
    feed(choice.fwup_chunk, memoryview(archive())[:300])
    assert choice.public_keys == (bytes(32),)


class Slow(Picky):
    """Needs three calls for each piece, and must get no other one meanwhile."""

    left = 0

    def fwup_chunk(self, data):
        assert (len(data) == 0) == (self.left > 0)
        if len(data):
            super().fwup_chunk(data)
            self.left = 3
        self.left -= 1
        return self.left == 0


@pytest.mark.parametrize("piece", [1, 512, 4096, 10**6])
def test_a_chosen_writer_that_needs_several_calls_for_a_piece_gets_them(piece):
    slow = Slow(lambda first, conf: True)
    data = archive()
    install(WriterChoice((slow, firmware())), data, piece)
    assert slow.image == data and slow.left == 0
    assert slow.heard[-1] == ("fwup_finish",)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 900), min_size=1, max_size=50), st.sampled_from(CASES))
def test_however_it_is_cut_into_pieces_the_writer_gets_every_byte(sizes, case):
    data, number, _ = case
    writers = application(), firmware()
    choice = WriterChoice(writers)
    choice.fwup_begin(len(data), NEW_META)
    at = turn = 0
    while at < len(data):
        feed(choice.fwup_chunk, memoryview(data)[at : at + sizes[turn % len(sizes)]])
        at, turn = at + sizes[turn % len(sizes)], turn + 1
    while choice.fwup_finish() is False:
        pass
    assert writers[number].image == data


def test_the_first_one_that_accepts_gets_it():
    writers = Picky(lambda *_: True), Picky(lambda *_: True)
    install(WriterChoice(writers), FIRMWARE)
    assert writers[1].asked == []


def test_nobody_takes_it_is_a_clear_error():
    nobody = Picky(lambda *_: False)
    with pytest.raises(UpdateError, match="none of the 2 writers accepts this.*with 3c68746d$"):
        install(WriterChoice((nobody, nobody)), b"<html>nothing</html>")
    with pytest.raises(UpdateError, match="with 504b0304 and has a meta.conf$"):
        install(WriterChoice((nobody, nobody)), archive())
    assert nobody.heard == []


def test_a_meta_conf_that_is_too_long_is_not_waited_for():
    choice = WriterChoice((firmware(), firmware()))
    data = archive(filler=40000)
    choice.fwup_begin(len(data), NEW_META)
    with pytest.raises(UpdateError, match="has 4[0-9]* bytes, a board takes 10 to 4096"):
        feed(choice.fwup_chunk, memoryview(data)[:100])


@pytest.mark.parametrize("piece", [1000, 65536])
def test_the_longest_meta_conf_is_kept_in_chunks_of_any_size(piece):
    writer = application()
    data = archive(signed=True, filler=4000)
    install(WriterChoice((firmware(), writer)), data, piece)
    assert writer.image == data


def test_an_archive_that_nobody_takes_is_told_with_what_is_wrong_with_it():
    writers = firmware(), firmware()
    with pytest.raises(UpdateError, match="'meta.conf' is deflated.* nerveshub-link pack"):
        install(WriterChoice(writers), archive(compression=zipfile.ZIP_DEFLATED))
    with pytest.raises(UpdateError, match="this is not a .fw archive"):
        install(WriterChoice(writers), plain_zip())
    with pytest.raises(UpdateError, match="a name or an extra field too long"):
        install(WriterChoice(writers), b"PK\x03\x04" + b"\xff" * 600)
    with pytest.raises(UpdateError, match="before its type was known"):
        install(WriterChoice(writers), b"PK")
    assert writers[0].heard == writers[1].heard == []


def test_a_writer_that_has_more_to_do_is_called_again():
    class Slow(Picky):
        left = 2
        finished_percent = 40

        def fwup_finish(self):
            super().fwup_finish()
            self.left -= 1
            return self.left < 0

    slow = Slow(lambda *_: True)
    choice = WriterChoice((slow, firmware()))
    assert choice.finished_percent == 0
    choice.fwup_begin(len(FIRMWARE), NEW_META)
    feed(choice.fwup_chunk, memoryview(FIRMWARE)[:1000])
    feed(choice.fwup_chunk, memoryview(FIRMWARE)[1000:])
    assert [choice.fwup_finish(), choice.fwup_finish()] == [False, False]
    assert choice.finished_percent == 40
    assert slow.image == FIRMWARE
    assert choice.fwup_finish() is True
    assert [call[0] for call in slow.heard].count("fwup_finish") == 3


def test_an_abort_reaches_the_chosen_one_only_and_the_next_update_is_chosen_anew():
    writers = application(), firmware()
    choice = WriterChoice(writers)
    choice.fwup_begin(5000, NEW_META)
    feed(choice.fwup_chunk, memoryview(FIRMWARE)[:1000])
    choice.fwup_abort()
    choice.fwup_abort()
    assert [call[0] for call in writers[1].heard] == ["fwup_begin", "fwup_abort"]
    install(choice, plain_zip())
    assert writers[0].heard[-1] == ("fwup_finish",)


def test_a_chosen_one_that_can_not_begin_is_aborted():
    writers = application(), Picky(lambda *_: True, "fwup_begin")
    choice = WriterChoice(writers)
    choice.fwup_begin(5000, NEW_META)
    with pytest.raises(RuntimeError):
        feed(choice.fwup_chunk, memoryview(FIRMWARE))
    choice.fwup_abort()
    assert [call[0] for call in writers[1].heard] == ["fwup_begin", "fwup_abort"]


def test_the_latest_installation_tells_what_runs():
    old, new = dict(META, uuid="old"), dict(META, uuid="new")
    writers = application(meta=old, installed=4), firmware(meta=new, installed=5)
    assert WriterChoice(writers).firmware_meta() == new
    assert WriterChoice(writers).installed == 5
    writers[0].installed = 6
    assert WriterChoice(writers).firmware_meta() == old
    writers[0].meta = None
    writers[0].firmware_meta = lambda: None
    assert WriterChoice(writers).firmware_meta() == new


def test_the_next_installation_gets_the_greatest_number_of_any_writer():
    writers = application(installed=4), firmware(installed=2)
    install(WriterChoice(writers), FIRMWARE)
    assert writers[1].next_install == 5


def test_the_chosen_one_hears_whether_a_deployment_brought_the_update():
    writers = application(), firmware()
    choice = WriterChoice(writers)
    choice.by_deployment = True
    install(choice, FIRMWARE)
    assert (writers[0].by_deployment, writers[1].by_deployment) == (False, True)


def test_the_whole_is_validated_only_if_all_are_and_all_on_trial_are_confirmed():
    writers = application(validated=False), firmware(), firmware(validated=False)
    choice = WriterChoice(writers)
    assert choice.firmware_validated() is False
    choice.fwup_confirm()
    assert [len(writer.heard) for writer in writers] == [1, 0, 1]
    for writer in writers:
        writer.validated = True
    assert choice.firmware_validated() is True


def test_one_that_fails_to_confirm_keeps_the_others_from_nothing():
    writers = Picky(None, "fwup_confirm", validated=False), firmware(validated=False)
    with pytest.raises(RuntimeError):
        WriterChoice(writers).fwup_confirm()
    assert writers[1].heard == [("fwup_confirm",)]


def test_all_are_asked_what_went_wrong_and_whether_to_restart():
    writers = application(), firmware()
    choice = WriterChoice(writers)
    assert (choice.last_failure(), choice.poll(), choice.firmware_auto_reverted()) == (
        None,
        False,
        False,
    )
    writers[0].failure, writers[1].failure = "crashed", "hung"
    writers[1].restart = writers[1].reverted = True
    assert (choice.last_failure(), choice.poll(), choice.firmware_auto_reverted()) == (
        "crashed; hung",
        True,
        True,
    )


def test_the_first_objection_counts():
    writers = application(), firmware()
    choice = WriterChoice(writers)
    assert choice.fwup_check(NEW_META, True) is None
    writers[1].decision = ignore("it crashed")
    assert choice.fwup_check(NEW_META, True).reason == "it crashed"
    writers[0].decision = reschedule(5, "wait")
    assert choice.fwup_check(NEW_META, True).reason == "wait"


# The option


def link(writer):
    return NervesHubLink(
        None,
        host="hub.example",
        ssl=False,
        product_key="nhp_key",
        product_secret="secret",
        identifier="dev-1",
        firmware_meta=META,
        fwup_writer=writer,
    )


def test_one_writer_in_a_tuple_is_that_writer():
    writer = RecordingWriter()
    assert link((writer,))._config.fwup_writer is writer
    assert link(writer)._config.fwup_writer is writer
    assert isinstance(link([writer, writer])._config.fwup_writer, WriterChoice)


@pytest.mark.parametrize("given", [(), []])
def test_no_writer_in_a_tuple_is_a_mistake(given):
    with pytest.raises(ValueError, match="fwup_writer must not be empty; use None for no writer"):
        link(given)


def test_an_element_that_is_no_writer_is_named():
    with pytest.raises(ValueError, match=r"fwup_writer\[1\] must have a method firmware_meta\(\)"):
        link((RecordingWriter(), object()))


# In an update: the erase of a bank


def test_a_heartbeat_goes_out_and_the_application_is_told_of_the_erase_just_before_it():
    board = Board(image("10.1.0", 3000))
    board.start(firmware_meta=META).fwup_confirm()
    data = FIRMWARE
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(data)
    packets = [data[at : at + 1000] for at in range(0, len(data), 1000)]
    bench = Bench(head, *packets, writer=WriterChoice((application(), board.writer)))
    order = []
    board.dualbank.erasing = lambda: order.append("erase")
    bench.client.doing["handle_blocking"] = lambda: order.append(bench.client.heard[-1][1:])
    bench.offer(data, firmware_meta=dict(meta_of("10.2.0"), platform=BOARD))
    while bench.manager.active:
        action = bench.step()
        order += [action] if action is not None else []
    assert order == [("download", 7), "blocks", ("erase", 90), "erase", "reboot"]
    assert bench.statuses[-1] == {"status": "completed"}
    assert board.start().firmware_meta()["version"] == "10.2.0"


def test_health_is_told_by_those_who_have_something_to_tell():
    bank, slots = firmware(), application()
    slots.health = lambda: {"boot_crashes": 1, "slot": "a"}
    assert WriterChoice((bank, slots)).health() == {"boot_crashes": 1, "slot": "a"}


# A writer's log


class Plain(FwupWriter):
    pass


class Talking(FwupWriter):
    def log(self, level, message):
        raise AssertionError("not in this test")


def test_a_writer_logs_through_the_link_and_through_the_next_one():
    writer, first, second = Plain(), [], []
    for lines in (first, second):
        give_log(writer, lambda level, text, lines=lines: lines.append((level, text)))
        writer.log("info", "x")
    assert (first, second) == ([("info", "x")], [("info", "x")])


def test_a_log_that_the_application_gave_a_writer_stays():
    lines = []
    own = lambda level, text: lines.append(text)  # noqa: E731
    writer = Plain()
    writer.log = own
    desk = Desk(fwup_writer=writer, firmware_meta=META)
    assert writer.log is own
    writer.log("info", "mine")
    assert lines == ["mine"]
    assert "mine" not in desk.log.text


def test_a_log_of_the_writers_own_class_stays():
    writer = Talking()
    Desk(fwup_writer=writer, firmware_meta=META)
    assert "log" not in writer.__dict__
