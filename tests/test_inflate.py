# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""DEFLATE against zlib: the same bytes come out, and the same streams are refused."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.archives import deflate

from nerveshub_link.errors import UpdateError
from nerveshub_link.release.huffman import fill_table
from nerveshub_link.release.inflate import LOOKAHEAD, Inflater

PADDING = bytes(LOOKAHEAD)  # whatever follows in an archive
MUCH = 1 << 30
# A last block with codes of its own: 257 literals and lengths, 1 distance, 4 lengths of lengths.
DYNAMIC = [(1, 1), (2, 2), (0, 5), (0, 5), (0, 4)]


def inflate(stream, limit=MUCH, sizes=(), inflater=None):
    """Decode, and return what came out and how many bytes of the input were used."""
    out = []
    if inflater is None:
        inflater = Inflater(None)
    inflater._write = lambda view: out.append(bytes(view))
    inflater.start(limit)
    sizes = list(sizes)
    data = stream + PADDING
    used, end = 0, 0
    while not inflater.done and end < len(data):
        end += sizes.pop(0) if sizes else len(data)
        count = inflater.feed(memoryview(data)[used:end])
        used += count
        assert count >= 0 and (inflater.done or len(data[used:end]) < LOOKAHEAD)
    if not inflater.done or used > len(stream):
        raise UpdateError("it has no end")
    assert all(len(piece) % 512 == 0 for piece in out[:-1])
    assert sum(map(len, out)) == inflater.total
    return b"".join(out), used


def reference(stream):
    """What zlib makes of it; None if it refuses it."""
    unpacker = zlib.decompressobj(-15)
    try:
        out = unpacker.decompress(stream)
    except zlib.error:
        return None
    return (out, len(stream) - len(unpacker.unused_data)) if unpacker.eof else None


def bits(*fields) -> bytes:
    """(value, count) each, first bit lowest."""
    number = count = 0
    for value, width in fields:
        number |= value << count
        count += width
    return number.to_bytes((count + 7) // 8, "little")


def contents():
    """Noise, repetitions of every distance, text of few letters, and all of them mixed."""
    noise = st.binary(max_size=1500)
    repeated = st.builds(
        lambda one, n: one * n, st.binary(min_size=1, max_size=300), st.integers(1, 400)
    )
    few = st.text("ab c", max_size=600).map(str.encode)
    return st.lists(st.one_of(noise, repeated, few), max_size=5).map(b"".join)


STRATEGIES = st.sampled_from(
    [zlib.Z_DEFAULT_STRATEGY, zlib.Z_FILTERED, zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE, zlib.Z_FIXED]
)


@given(contents(), st.integers(0, 9), STRATEGIES, st.integers(1, 9), st.lists(st.integers(1, 900)))
def test_what_zlib_packs_comes_out_again_in_any_split(content, level, strategy, memory, sizes):
    stream = deflate(content, level, strategy, memory)

    assert inflate(stream, len(content), sizes) == (content, len(stream))
    assert inflate(stream, MUCH, sizes) == (content, len(stream))


@given(st.binary(max_size=300), st.sampled_from([2, 3, 4, 5]))
def test_noise_is_refused_where_zlib_refuses_it(noise, begin):
    stream = bytes([noise[0] & 0xF8 | begin if noise else begin]) + noise[1:]

    assert outcome(stream) == reference(stream)


@given(contents(), st.integers(1, 9), STRATEGIES, st.data())
def test_a_changed_stream_is_refused_where_zlib_refuses_it(content, level, strategy, data):
    stream = bytearray(deflate(content, level, strategy))
    place = data.draw(st.integers(0, min(len(stream), 120) - 1))
    stream[place] ^= data.draw(st.integers(1, 255))

    assert outcome(bytes(stream)) == reference(bytes(stream))


def outcome(stream):
    try:
        return inflate(stream)
    except UpdateError:
        return None


@given(
    st.lists(st.integers(0, 15), min_size=1, max_size=286), st.sampled_from([(9, 852), (8, 402)])
)
def test_no_code_needs_more_room_than_the_tables_have(lengths, table):
    root, room = table
    if room == 402:
        lengths = lengths[:30]

    try:
        fill_table(memoryview(bytearray(2 * room)).cast("H"), root, bytearray(lengths), 31)
    except UpdateError:
        pass


@given(st.data())
def test_no_complete_code_does_either(data):
    # Random lengths are hardly ever complete, so split codes until there are enough of them.
    root, room, most = data.draw(st.sampled_from([(9, 852, 286), (8, 402, 30)]))
    lengths = [1, 1]
    for place in data.draw(st.lists(st.integers(0, 1000), max_size=most - 2)):
        at = place % len(lengths)
        if lengths[at] < 15:
            lengths[at] += 1
            lengths.append(lengths[at])

    table = memoryview(bytearray(2 * room)).cast("H")
    fill_table(table, root, bytearray(lengths))

    assert all(table[: 1 << root])


def test_tables_and_window_serve_one_stream_after_the_other():
    inflater = Inflater(None)
    first, second = b"abc" * 4000, bytes(range(256)) * 300

    assert inflate(deflate(first), len(first), inflater=inflater)[0] == first
    window = inflater._window
    assert inflate(deflate(b"x" * 50), 50, inflater=inflater)[0] == b"x" * 50
    assert inflater._window is window
    assert inflate(deflate(second), len(second), inflater=inflater)[0] == second
    assert inflate(deflate(first, strategy=zlib.Z_FIXED), MUCH, inflater=inflater)[0] == first


@pytest.mark.parametrize(
    ("size", "window"), [(0, 512), (1, 512), (513, 1024), (32768, 32768), (40000, 32768)]
)
def test_the_window_is_no_larger_than_the_stream_needs(size, window):
    inflater = Inflater(None)

    inflater.start(size)

    assert len(inflater._window) == window + 258


def test_the_window_can_be_made_for_the_streams_that_follow():
    inflater = Inflater(None)

    inflater.reserve(9000)
    inflater.start(100)

    assert len(inflater._window) == 9216 + 258


@pytest.mark.parametrize(
    ("stream", "words"),
    [
        (bits((1, 1), (3, 2)), "a block of unknown type"),
        (b"\x01\x05\x00\xfa\xfe hello", "a stored block whose length is not what it seems"),
        (bits((1, 1), (2, 2), (30, 5), (0, 5), (0, 4)), "too many codes"),  # 287 literals
        (bits((1, 1), (2, 2), (0, 5), (30, 5), (0, 4)), "too many codes"),  # 31 distances
        (bits(*DYNAMIC, *[(1, 3)] * 4), "more codes than fit"),
        (bits(*DYNAMIC, (1, 3), (0, 9)), "codes are missing"),
        # The code of the code lengths has 16, 17: nothing to repeat; then, more than there are.
        (bits(*DYNAMIC, (1, 3), (1, 3), (0, 6), (0, 1)), "bad lengths"),
        (bits(*DYNAMIC, (0, 3), (1, 3), (1, 3), (0, 3), *[(255, 8)] * 3), "bad lengths"),
        # Zeros only.
        (
            bits(*DYNAMIC, (0, 3), (1, 3), (1, 3), (0, 3), (1, 1), (127, 7), (1, 1), (109, 7)),
            "a block without an end",
        ),
        (bits((1, 1), (1, 2), (64, 7), (0, 5)), "reaches back too far"),
        (bits((1, 1), (1, 2), (0b01100011, 8), (0, 5)), "a code that means nothing"),  # 286
        (bits((1, 1), (1, 2), (0b00001100, 8), (64, 7), (15, 5)), "means nothing"),  # 30
    ],
)  # fmt: skip
def test_a_malformed_stream_is_refused_with_its_reason(stream, words):
    assert reference(stream) is None
    with pytest.raises(UpdateError, match=words):
        inflate(stream)


@pytest.mark.parametrize("size", [0, 1, 511, 512, 5000, 32768, 50000])
def test_more_than_allowed_never_comes_out(size):
    stream = deflate(bytes(size + 1))

    out = []
    inflater = Inflater(lambda view: out.append(len(view)))
    inflater.start(size)
    with pytest.raises(UpdateError, match="deflate: more than %d bytes come out" % size):
        inflater.feed(stream + PADDING)

    assert sum(out) <= size


def test_a_bomb_goes_off_at_its_limit():
    with pytest.raises(UpdateError, match="more than 100000 bytes"):
        inflate(deflate(bytes(50_000_000)), 100_000)


def test_empty_blocks_do_not_go_on_for_ever():
    stream = b"\x00\x00\x00\xff\xff" * 1000 + b"\x01\x00\x00\xff\xff"

    assert inflate(stream, sizes=[3] * 2000) == (b"", len(stream))


def test_a_stream_without_an_end_is_not_done():
    inflater = Inflater(lambda view: None)
    inflater.start(MUCH)

    assert inflater.feed(deflate(b"hello")[:4]) == 0
    assert not inflater.done


def test_codes_of_all_lengths_to_15_bits_are_found():
    # Fibonacci's numbers make the longest codes there are.
    content, counts = b"", [1, 1]
    while len(counts) < 22:
        counts.append(counts[-1] + counts[-2])
    for letter, count in enumerate(counts):
        content += bytes([letter]) * count

    stream = deflate(content, strategy=zlib.Z_HUFFMAN_ONLY, memory=9)

    assert inflate(stream) == (content, len(stream))


@pytest.mark.parametrize("reach", [1, 2, 3, 257, 258, 259, 32506, 32767, 32768])
@pytest.mark.parametrize("count", [3, 4, 5, 6, 257, 258])
@pytest.mark.parametrize("ahead", [0, 100, 500])
def test_a_match_of_any_reach_comes_out_right(reach, count, ahead):
    """In the window's middle, over its end, and from over its end."""
    noise = noise_of(32768 + ahead)
    stored = b"".join(
        b"\x00"
        + len(part).to_bytes(2, "little")
        + (len(part) ^ 0xFFFF).to_bytes(2, "little")
        + part
        for part in (noise[:32768], noise[32768:])
    )
    stream = stored + match(reach, count)
    expected = bytearray(noise)
    for _ in range(count):
        expected.append(expected[-reach])

    assert inflate(stream)[0] == bytes(expected)


def noise_of(count):
    value, out = 1, bytearray()
    while len(out) < count:
        value = value * 69069 + 1 & 0xFFFFFFFF
        out.append(value >> 24)
    return bytes(out)


def match(reach, count):
    """A last block of fixed codes with one match."""
    lengths = [*range(3, 11), *[(4 | i & 3) * (1 << (i >> 2) - 1) + 3 for i in range(8, 28)], 258]
    symbol = max(i for i, base in enumerate(lengths) if base <= count)
    extra = 0 if symbol < 8 or symbol == 28 else (symbol >> 2) - 1
    fields = [(1, 1), (1, 2)]
    code = symbol + 1
    fields.append((mirror(code, 7), 7) if code < 24 else (mirror(0b11000000 + code - 24, 8), 8))
    fields.append((count - lengths[symbol], extra))
    reaches = [1, 2, 3, 4, *[(2 | i & 1) * (1 << (i >> 1) - 1) + 1 for i in range(4, 30)]]
    symbol = max(i for i, base in enumerate(reaches) if base <= reach)
    fields.append((mirror(symbol, 5), 5))
    fields.append((reach - reaches[symbol], max(0, (symbol >> 1) - 1)))
    return bits(*fields, (0, 7))


def mirror(value, width):
    return int(format(value, "0%db" % width)[::-1], 2)


@pytest.fixture
def little_memory(monkeypatch):
    """No more than 9,000 bytes lie in one piece."""

    def allocate(size):
        if isinstance(size, int) and size > 9000:
            raise MemoryError
        return bytearray(size)

    monkeypatch.setattr("nerveshub_link.release.inflate.bytearray", allocate, raising=False)


@pytest.mark.usefixtures("little_memory")
def test_a_smaller_window_is_taken_where_memory_lies_in_pieces():
    inflater = Inflater(None)
    content = noise_of(100) * 1000

    assert inflate(deflate(content), len(content), inflater=inflater)[0] == content
    assert len(inflater._window) == 8192 + 258


@pytest.mark.usefixtures("little_memory")
def test_a_stream_that_needs_a_larger_window_than_there_is_memory_for_is_refused():
    content = noise_of(9000) * 2

    with pytest.raises(UpdateError, match="reaches back 9000 bytes, there was memory for 4608"):
        inflate(deflate(content), len(content))


def test_no_memory_at_all_is_told_in_words(monkeypatch):
    inflater = Inflater(None)
    monkeypatch.setattr("nerveshub_link.release.inflate.bytearray", no_memory, raising=False)

    with pytest.raises(UpdateError, match="deflate: no 2048 bytes of memory in one piece"):
        inflater.start(40_000)


def no_memory(size):
    raise MemoryError
