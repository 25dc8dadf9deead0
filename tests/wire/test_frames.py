# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""WebSocket frames: literal bytes in, exact messages out, and the other way round."""

import gc
import weakref

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.raw_server import server_frame

from nerveshub_link.errors import ProtocolError
from nerveshub_link.wire import frames
from nerveshub_link.wire.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    FIRST,
    LAST,
    PING,
    PONG,
    TEXT,
    TOO_BIG,
    FrameReader,
    encode,
)
from nerveshub_link.wire.http_head import HeadReader

KEY = b"\x37\xfa\x21\x3d"  # of the examples in RFC 6455, 5.7


def feed(reader, data, sizes=(), ends=None):
    """
    Put bytes into a reader, in pieces of these sizes (what is left in one piece), and return what
    it finds: ``(opcode, payload)`` or ``(TOO_BIG, length)``; its two ends go to ``ends``.
    """
    sizes = list(sizes)
    found = []
    at = 0
    while at < len(data):
        space = reader.space()
        assert len(space), "no space to read into"
        count = min(sizes.pop(0) if sizes else len(data), len(data) - at, len(space))
        space[:count] = data[at : at + count]
        at += count
        reader.received(count)
        while True:
            kind = reader.next()
            if not kind:
                break
            found.append((kind, reader.length if kind == TOO_BIG else bytes(reader.payload)))
            if kind == TOO_BIG and ends is not None:
                ends.append((bytes(reader.payload), bytes(reader.last)))
    return found


def mask(data, key):
    """RFC 6455, 5.3, byte by byte."""
    return bytes(byte ^ key[at % 4] for at, byte in enumerate(data))


def pattern(length):
    return bytes((at * 7 + at // 256) & 0xFF for at in range(length))


class Allocations:
    """Stands in for `bytearray` in the module: notes the sizes, and may have no memory."""

    def __init__(self, monkeypatch, limit=None):
        self.sizes = []
        self.limit = limit
        monkeypatch.setattr(frames, "bytearray", self, raising=False)

    def __call__(self, size):
        self.sizes.append(size)
        if self.limit is not None and size > self.limit:
            raise MemoryError("memory allocation failed, allocating %d bytes" % size)
        return bytearray(size)


# What we send


def test_masked_text_is_the_example_of_the_rfc():
    assert encode(TEXT, b"Hello", KEY) == b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"


def test_masked_pong_is_the_example_of_the_rfc():
    assert encode(PONG, b"Hello", KEY) == b"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"


def test_empty_frame_is_a_head_and_a_key():
    assert encode(PING, b"", KEY) == b"\x89\x80\x37\xfa\x21\x3d"
    assert encode(CLOSE, b"\x03\xe8", b"\0\0\0\0") == b"\x88\x82\0\0\0\0\x03\xe8"


@pytest.mark.parametrize(
    ("length", "head"),
    [
        (0, b"\x81\x80"),
        (1, b"\x81\x81"),
        (125, b"\x81\xfd"),
        (126, b"\x81\xfe\x00\x7e"),
        (127, b"\x81\xfe\x00\x7f"),
        (65535, b"\x81\xfe\xff\xff"),
        (65536, b"\x81\xff\x00\x00\x00\x00\x00\x01\x00\x00"),
        (70000, b"\x81\xff\x00\x00\x00\x00\x00\x01\x11\x70"),
    ],
)
def test_length_is_written_in_7_16_or_64_bits(length, head):
    data = pattern(length)
    assert encode(TEXT, data, KEY) == head + KEY + mask(data, KEY)


@pytest.mark.parametrize(
    "key", [KEY, b"\x00\x00\x00\x00", b"\xff\xff\xff\xff", b"\x00\x00\x00\x01"]
)
def test_masking_equals_byte_by_byte_for_all_lengths_from_0_to_600(key):
    for length in range(601):
        data = pattern(length)
        frame = encode(TEXT, data, key)
        assert bytes(frame[-length:] if length else b"") == mask(data, key), length
        assert len(frame) == length + (6 if length < 126 else 8)


@given(data=st.binary(max_size=2000), key=st.binary(min_size=4, max_size=4))
def test_masking_equals_byte_by_byte_for_any_bytes_and_key(data, key):
    frame = encode(TEXT, data, key)
    assert bytes(frame[len(frame) - len(data) :]) == mask(data, key)


# What we receive: plain messages


def test_unmasked_text_is_the_example_of_the_rfc():
    assert feed(FrameReader(256, 1000), b"\x81\x05\x48\x65\x6c\x6c\x6f") == [(TEXT, b"Hello")]


def test_fragmented_text_is_the_example_of_the_rfc():
    data = b"\x01\x03\x48\x65\x6c\x80\x02\x6c\x6f"
    assert feed(FrameReader(256, 1000), data) == [(TEXT, b"Hello")]


def test_ping_is_the_example_of_the_rfc():
    assert feed(FrameReader(256, 1000), b"\x89\x05\x48\x65\x6c\x6c\x6f") == [(PING, b"Hello")]


def test_256_bytes_binary_are_the_example_of_the_rfc():
    data = pattern(256)
    assert feed(FrameReader(256, 1000), b"\x82\x7e\x01\x00" + data) == [(BINARY, data)]


def test_64_kib_binary_are_the_example_of_the_rfc():
    data = pattern(65536)
    head = b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"
    assert feed(FrameReader(256, 65536), head + data) == [(BINARY, data)]


@pytest.mark.parametrize(
    ("length", "head"),
    [
        (0, b"\x81\x00"),
        (125, b"\x81\x7d"),
        (126, b"\x81\x7e\x00\x7e"),
        (65535, b"\x81\x7e\xff\xff"),
        (65536, b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
    ],
)
def test_length_is_read_in_7_16_or_64_bits(length, head):
    data = pattern(length)
    assert feed(FrameReader(256, 70000), head + data) == [(TEXT, data)]


def test_payload_is_a_view_and_no_copy():
    reader = FrameReader(256, 1000)
    feed_one = b"\x81\x02hi"
    reader.space()[:4] = feed_one
    reader.received(4)
    assert reader.next() == TEXT
    assert isinstance(reader.payload, memoryview)
    assert reader.payload.obj is reader.buffer


def test_several_frames_in_one_packet_come_one_by_one():
    data = b"\x81\x01a\x89\x01b\x81\x00\x8a\x00\x81\x02cd\x88\x02\x03\xe8"
    assert feed(FrameReader(256, 1000), data) == [
        (TEXT, b"a"),
        (PING, b"b"),
        (TEXT, b""),
        (PONG, b""),
        (TEXT, b"cd"),
        (CLOSE, b"\x03\xe8"),
    ]


def test_pending_tells_whether_received_bytes_are_not_used_up():
    reader = FrameReader(256, 1000)
    assert not reader.pending
    reader.space()[:7] = b"\x81\x01a\x81\x05He"
    reader.received(7)
    assert reader.pending
    assert reader.next() == TEXT
    assert reader.pending
    assert reader.next() == 0
    assert reader.pending
    assert feed(reader, b"llo") == [(TEXT, b"Hello")]
    assert not reader.pending


def test_frames_in_the_packet_of_the_upgrade_response_are_not_lost():
    reader = FrameReader(256, 1000)
    head = HeadReader(reader.buffer)
    data = b"HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x05Hello\x89\x01p\x81\x04wo"
    head.space()[: len(data)] = data
    assert head.received(len(data))
    reader.load(head.start, head.end)
    assert reader.pending
    assert reader.next() == TEXT
    assert bytes(reader.payload) == b"Hello"
    assert reader.next() == PING
    assert bytes(reader.payload) == b"p"
    assert reader.next() == 0
    assert feed(reader, b"rd") == [(TEXT, b"word")]


def test_frames_are_found_when_head_and_frames_fill_the_buffer():
    reader = FrameReader(256, 1000)
    head = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
    payload = pattern(300)
    data = head + server_frame(TEXT, payload)
    reader.space()[:256] = data[:256]
    answer = HeadReader(reader.buffer)
    assert answer.received(256)
    reader.load(answer.start, answer.end)
    assert reader.next() == 0
    assert feed(reader, data[256:]) == [(TEXT, payload)]


# Splits


SEQUENCE = (
    server_frame(TEXT, b"first")
    + server_frame(TEXT, b"frag", final=False)
    + server_frame(PING, b"in between")
    + server_frame(CONTINUATION, b"men", final=False)
    + server_frame(CONTINUATION, b"", final=False)
    + server_frame(PONG)
    + server_frame(CONTINUATION, b"ted")
    + server_frame(TEXT, pattern(130))
    + server_frame(CLOSE, b"\x03\xe8bye")
)
FOUND = [
    (TEXT, b"first"),
    (PING, b"in between"),
    (PONG, b""),
    (TEXT, b"fragmented"),
    (TEXT, pattern(130)),
    (CLOSE, b"\x03\xe8bye"),
]


def test_frames_split_at_every_byte_give_the_same_messages():
    for cut in range(1, len(SEQUENCE)):
        assert feed(FrameReader(256, 1000), SEQUENCE, [cut]) == FOUND, cut


@pytest.mark.parametrize("size", [1, 2, 3, 5, 11, 64])
def test_frames_in_small_pieces_give_the_same_messages(size):
    assert feed(FrameReader(256, 1000), SEQUENCE, [size] * len(SEQUENCE)) == FOUND


def test_long_frame_split_at_every_byte_of_its_head_is_understood():
    data = server_frame(TEXT, pattern(65536)) + server_frame(TEXT, b"next")
    for cut in range(1, 13):
        found = feed(FrameReader(256, 65536), data, [1] * cut)
        assert found == [(TEXT, pattern(65536)), (TEXT, b"next")]


# Fragments


def test_fragments_of_any_number_are_one_message():
    reader = FrameReader(256, 1000)
    data = server_frame(TEXT, b"", final=False)
    data += b"".join(server_frame(CONTINUATION, b"x", final=False) for _ in range(500))
    data += server_frame(CONTINUATION, b"y")
    assert feed(reader, data) == [(TEXT, b"x" * 500 + b"y")]


def test_empty_fragments_are_an_empty_message():
    data = server_frame(TEXT, final=False) + server_frame(CONTINUATION)
    assert feed(FrameReader(256, 1000), data + server_frame(TEXT, b"a")) == [
        (TEXT, b""),
        (TEXT, b"a"),
    ]


def test_fragmented_binary_message_keeps_its_opcode():
    data = server_frame(BINARY, b"\xff", final=False) + server_frame(CONTINUATION, b"\xfe")
    assert feed(FrameReader(256, 1000), data) == [(BINARY, b"\xff\xfe")]


def test_message_may_have_exactly_the_limit_whole_or_in_fragments():
    data = pattern(1000)
    assert feed(FrameReader(256, 1000), server_frame(TEXT, data)) == [(TEXT, data)]
    parts = server_frame(TEXT, data[:600], final=False) + server_frame(CONTINUATION, data[600:])
    assert feed(FrameReader(256, 1000), parts) == [(TEXT, data)]


# Broken rules


@pytest.mark.parametrize("bits", [0x40, 0x20, 0x10, 0x70])
def test_reserved_bits_are_refused_because_no_extension_was_offered(bits):
    with pytest.raises(ProtocolError, match="reserved bits") as caught:
        feed(FrameReader(256, 1000), bytes([0x81 | bits, 0]))
    assert caught.value.code == 1002


@pytest.mark.parametrize("opcode", [TEXT, PING, CLOSE])
def test_masked_frame_from_the_server_is_refused(opcode):
    with pytest.raises(ProtocolError, match="masked frame"):
        feed(FrameReader(256, 1000), bytes(encode(opcode, b"Hello", KEY)))


@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
def test_unknown_opcode_is_refused(opcode):
    with pytest.raises(ProtocolError, match="unknown opcode"):
        feed(FrameReader(256, 1000), bytes([0x80 | opcode, 0]))


@pytest.mark.parametrize("opcode", [CLOSE, PING, PONG])
def test_control_frame_has_at_most_125_bytes(opcode):
    payload = pattern(125)
    found = feed(FrameReader(256, 1000), server_frame(opcode, payload))
    assert found == [(opcode, payload)]
    for head in (b"\x7e\x00\x7e", b"\x7f\x00\x00\x00\x00\x00\x00\x00\x05"):
        with pytest.raises(ProtocolError, match="control frame"):
            feed(FrameReader(256, 1000), bytes([0x80 | opcode]) + head)


@pytest.mark.parametrize("opcode", [CLOSE, PING, PONG])
def test_fragmented_control_frame_is_refused(opcode):
    with pytest.raises(ProtocolError, match="control frame"):
        feed(FrameReader(256, 1000), server_frame(opcode, b"x", final=False))


@pytest.mark.parametrize("final", [True, False])
def test_continuation_of_no_message_is_refused(final):
    with pytest.raises(ProtocolError, match="continuation"):
        feed(FrameReader(256, 1000), server_frame(CONTINUATION, b"x", final))
    with pytest.raises(ProtocolError, match="continuation"):
        feed(FrameReader(256, 1000), b"\x01\x01a\x80\x01b" + server_frame(CONTINUATION, b"x"))
    with pytest.raises(ProtocolError, match="continuation"):
        feed(FrameReader(256, 1000), b"\x81\x01a" + server_frame(CONTINUATION, b"x", final))


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_new_message_within_a_fragmented_one_is_refused(opcode):
    for first in (b"", b"x", b"x" * 2000):  # the last one is over the limit
        data = server_frame(TEXT, first, final=False) + server_frame(opcode, b"y")
        with pytest.raises(ProtocolError, match="within a fragmented one"):
            feed(FrameReader(256, 1000), data)


def test_broken_rule_is_found_in_the_first_two_bytes_of_a_frame():
    reader = FrameReader(256, 1000)
    reader.space()[:2] = b"\x83\x7f"
    reader.received(2)
    with pytest.raises(ProtocolError):
        reader.next()


def test_length_with_its_highest_bit_set_is_refused():
    with pytest.raises(ProtocolError, match="2\\*\\*63"):
        feed(FrameReader(256, 1000), b"\x81\x7f\x80\x00\x00\x00\x00\x00\x00\x00")


# Messages over the limit


def test_message_over_the_limit_is_passed_over_and_the_next_one_understood():
    for length in (1001, 1002, 5000, 70000):
        data = server_frame(TEXT, pattern(length)) + server_frame(TEXT, b"next")
        for sizes in ([], [1] * 20, [333] * 300):
            found = feed(FrameReader(256, 1000), data, sizes)
            assert found == [(TOO_BIG, length), (TEXT, b"next")]


def test_fragmented_message_over_the_limit_is_passed_over_with_a_ping_inside():
    data = (
        server_frame(TEXT, pattern(600), final=False)
        + server_frame(PING, b"1")
        + server_frame(CONTINUATION, pattern(600), final=False)  # here it gets too big
        + server_frame(PING, b"2")
        + server_frame(CONTINUATION, pattern(300), final=False)
        + server_frame(CONTINUATION, b"", final=False)
        + server_frame(PING, b"3")
        + server_frame(CONTINUATION, pattern(7))
        + server_frame(TEXT, b"fine", final=False)
        + server_frame(CONTINUATION, b" again")
    )
    expected = [
        (PING, b"1"),
        (PING, b"2"),
        (PING, b"3"),
        (TOO_BIG, 1507),
        (TEXT, b"fine again"),
    ]
    for sizes in ([], [1] * len(data), [5] * len(data), [200] * len(data)):
        assert feed(FrameReader(256, 1000), data, sizes) == expected


def test_overlong_message_that_ends_in_an_empty_frame_is_told_once():
    data = (
        server_frame(TEXT, pattern(1001), final=False)
        + server_frame(CONTINUATION)
        + server_frame(TEXT, b"next")
    )
    assert feed(FrameReader(256, 1000), data) == [(TOO_BIG, 1001), (TEXT, b"next")]
    assert feed(FrameReader(256, 1000), data, [1] * 2000) == [(TOO_BIG, 1001), (TEXT, b"next")]


def test_two_overlong_messages_are_told_with_their_own_lengths():
    data = server_frame(TEXT, pattern(2000)) + server_frame(TEXT, pattern(3000))
    assert feed(FrameReader(256, 1000), data) == [(TOO_BIG, 2000), (TOO_BIG, 3000)]


@pytest.mark.parametrize("sizes", [[], [1] * 9000, [3, 200, 7] * 200], ids=len)
@pytest.mark.parametrize("length", [1001, 1100, 5000])
def test_first_and_last_bytes_of_an_overlong_message_are_kept(length, sizes):
    message = pattern(length)
    data = server_frame(TEXT, message) + server_frame(TEXT, b"next")
    ends = []
    found = feed(FrameReader(256, 1000), data, sizes, ends)
    assert found == [(TOO_BIG, length), (TEXT, b"next")]
    assert ends == [(message[:FIRST], message[-LAST:])]


def test_first_bytes_of_an_overlong_message_may_lie_in_its_first_fragments():
    ends = []
    data = server_frame(TEXT, b"begin ", final=False) + server_frame(CONTINUATION, pattern(1000))
    assert feed(FrameReader(256, 1000), data, ends=ends) == [(TOO_BIG, 1006)]
    assert ends == [(b"begin " + pattern(1000)[: FIRST - 6], pattern(1000)[-LAST:])]


def test_long_messages_in_a_row_share_one_buffer(monkeypatch):
    # A board's collector may find the dropped buffer still on the stack: there is room for one.
    reader = FrameReader(256, 16384)
    allocations = Allocations(monkeypatch)
    for _ in range(3):
        assert feed(reader, server_frame(TEXT, pattern(5000))) == [(TEXT, pattern(5000))]
    assert len([size for size in allocations.sizes if size >= 5000]) == 1


def test_overlong_message_needs_no_more_than_the_small_buffer(monkeypatch):
    reader = FrameReader(256, 1000)
    allocations = Allocations(monkeypatch)
    data = server_frame(TEXT, pattern(100_000)) + server_frame(TEXT, b"next")
    assert feed(reader, data) == [(TOO_BIG, 100_000), (TEXT, b"next")]
    assert allocations.sizes == []


@pytest.mark.parametrize("length", [16385, 2**31, 2**32, 2**62, 2**63 - 1])
@pytest.mark.parametrize("first", [0x81, 0x01])
def test_announced_length_allocates_nothing(monkeypatch, length, first):
    reader = FrameReader(256, 16384)
    allocations = Allocations(monkeypatch)
    assert feed(reader, bytes([first, 0x7F]) + length.to_bytes(8, "big")) == []
    for _ in range(10):
        assert feed(reader, pattern(500)) == []
    assert allocations.sizes == []
    assert len(reader.buffer) == 256


def test_announced_length_within_a_fragmented_message_allocates_nothing(monkeypatch):
    reader = FrameReader(256, 16384)
    allocations = Allocations(monkeypatch)
    data = server_frame(TEXT, b"begin", final=False) + b"\x80\x7f" + (2**62).to_bytes(8, "big")
    assert feed(reader, data + pattern(1000)) == []
    assert allocations.sizes == []


# The buffer


def test_buffer_grows_for_a_message_and_shrinks_behind_it(monkeypatch):
    reader = FrameReader(256, 16384)
    allocations = Allocations(monkeypatch)
    small = reader.buffer
    data = pattern(5000)
    assert feed(reader, server_frame(TEXT, data)) == [(TEXT, data)]
    assert len(allocations.sizes) == 1
    assert 5000 < allocations.sizes[0] <= 5000 + 32
    assert len(reader.buffer) == allocations.sizes[0]
    reader.relax()
    assert reader.buffer is small


def test_buffer_grows_once_and_not_for_each_piece(monkeypatch):
    reader = FrameReader(256, 16384)
    allocations = Allocations(monkeypatch)
    assert feed(reader, server_frame(TEXT, pattern(16384)), [3] * 6000)
    assert len(allocations.sizes) == 1


def test_message_that_fits_the_buffer_is_moved_instead_of_growing_it(monkeypatch):
    reader = FrameReader(256, 16384)
    allocations = Allocations(monkeypatch)
    data = b"".join(server_frame(TEXT, pattern(length)) for length in (200, 210, 250, 252, 3, 252))
    for sizes in ([], [1] * 2000, [100] * 20, [255] * 9):
        assert len(feed(reader, data, sizes)) == 6
    assert allocations.sizes == []


def test_pieces_of_the_next_frame_survive_growing_and_shrinking():
    reader = FrameReader(256, 16384)
    data = b"".join(
        server_frame(TEXT, pattern(length)) for length in (5000, 10, 300, 0, 7000, 256, 1)
    )
    expected = [(TEXT, pattern(length)) for length in (5000, 10, 300, 0, 7000, 256, 1)]
    for size in (1, 7, 250, 5003, 5005, 5010):
        assert feed(reader, data, [size] * len(data)) == expected
    reader.relax()
    assert len(reader.buffer) == 256


def test_no_memory_to_grow_passes_the_message_over_and_the_next_one_is_understood(monkeypatch):
    reader = FrameReader(256, 16384)
    allocations = Allocations(monkeypatch, limit=4000)
    data = server_frame(TEXT, pattern(5000)) + server_frame(TEXT, pattern(3000))
    assert feed(reader, data) == [(TOO_BIG, 5000), (TEXT, pattern(3000))]
    assert allocations.sizes[0] > 5000


def test_no_memory_for_a_later_fragment_passes_the_whole_message_over(monkeypatch):
    reader = FrameReader(256, 16384)
    Allocations(monkeypatch, limit=1000)
    data = (
        server_frame(TEXT, pattern(800), final=False)
        + server_frame(CONTINUATION, pattern(800), final=False)
        + server_frame(PING, b"alive")
        + server_frame(CONTINUATION, pattern(10))
        + server_frame(TEXT, b"next")
    )
    for sizes in ([], [1] * 2000):
        found = feed(reader, data, sizes)
        assert found == [(PING, b"alive"), (TOO_BIG, 1610), (TEXT, b"next")]


def test_no_memory_for_a_head_or_a_ping_is_told_and_not_taken_for_the_end(monkeypatch):
    # The fragments so far leave less room in the buffer than the next frame's head needs.
    reader = FrameReader(256, 16384)
    Allocations(monkeypatch, limit=0)
    assert feed(reader, server_frame(TEXT, pattern(250), final=False)) == []
    with pytest.raises(MemoryError):
        feed(reader, server_frame(PING, pattern(125)))


def test_reset_forgets_a_message_under_way_and_one_being_passed_over():
    for data in (
        server_frame(TEXT, pattern(600), final=False),
        server_frame(TEXT, pattern(600)),
        server_frame(TEXT, pattern(2000)),
        server_frame(TEXT, pattern(2000), final=False),
        b"\x81",
    ):
        reader = FrameReader(256, 1000)
        feed(reader, data[:700])
        reader.reset()
        assert len(reader.buffer) == 256
        assert not reader.pending
        assert feed(reader, server_frame(TEXT, b"new")) == [(TEXT, b"new")]


# Any bytes, any splits


controls = st.tuples(st.sampled_from([PING, PONG]), st.binary(max_size=125))


@st.composite
def conversations(draw):
    """Frames that keep the rules, and what must be found in them: ``(data, found)``."""
    data = b""
    found = []
    for _ in range(draw(st.integers(1, 5))):
        lengths = draw(
            st.lists(
                st.sampled_from([0, 1, 7, 124, 125, 126, 127, 240, 256, 300, 499, 500, 501, 900]),
                min_size=1,
                max_size=4,
            )
        )
        message = b""
        for number, length in enumerate(lengths):
            for opcode, payload in draw(st.lists(controls, max_size=2)):
                data += server_frame(opcode, payload)
                found.append((opcode, payload))
            part = pattern(length)
            message += part
            data += server_frame(CONTINUATION if number else TEXT, part, number == len(lengths) - 1)
        found.append((TEXT, message) if len(message) <= 500 else (TOO_BIG, len(message)))
    return data, found


@settings(max_examples=300, deadline=None)
@given(
    conversation=conversations(),
    sizes=st.lists(st.integers(1, 300), max_size=60),
)
def test_any_split_of_valid_frames_gives_the_same_messages(conversation, sizes):
    data, found = conversation
    assert feed(FrameReader(256, 500), data, sizes) == found


@settings(max_examples=300, deadline=None)
@given(
    data=st.binary(max_size=400)
    | st.lists(
        st.tuples(st.integers(0, 255), st.integers(0, 255), st.binary(max_size=130)).map(
            lambda parts: bytes(parts[:2]) + parts[2]
        ),
        max_size=8,
    ).map(b"".join)
    | st.lists(
        st.sampled_from(
            [b"\x01", b"\x00", b"\x80", b"\x81", b"\x89", b"\x88", b"\x7e", b"\x7f", b"\x01\x2c"]
        ),
        max_size=60,
    ).map(b"".join),
    sizes=st.lists(st.integers(1, 40), max_size=40),
)
def test_any_bytes_in_any_pieces_are_frames_or_refused(data, sizes):
    reader = FrameReader(256, 500)
    try:
        for kind, _ in feed(reader, data, sizes):
            assert kind in (TEXT, BINARY, CLOSE, PING, PONG, TOO_BIG)
    except ProtocolError as error:
        assert error.code == 1002
    assert len(reader.buffer) <= 256 + 500 + 256


def test_buffer_that_grew_for_a_message_is_let_go_when_nothing_comes(monkeypatch):
    class Buffer(bytearray):  # a bytearray itself can't be watched
        pass

    monkeypatch.setattr(frames, "bytearray", Buffer, raising=False)
    reader = FrameReader(1024, 16384)
    assert feed(reader, server_frame(TEXT, pattern(9000))) == [(TEXT, pattern(9000))]
    grown = weakref.ref(reader.buffer)
    assert len(grown()) >= 9000
    reader.relax()
    gc.collect()
    assert grown() is None
    assert len(reader.buffer) == 1024


def test_buffer_that_grew_for_a_message_is_let_go_with_the_connection(monkeypatch):
    class Buffer(bytearray):
        pass

    monkeypatch.setattr(frames, "bytearray", Buffer, raising=False)
    reader = FrameReader(1024, 16384)
    feed(reader, server_frame(TEXT, pattern(9000)))
    grown = weakref.ref(reader.buffer)
    reader.reset()
    gc.collect()
    assert grown() is None
