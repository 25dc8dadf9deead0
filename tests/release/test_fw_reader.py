# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Reading archives: byte by byte, with every kind of fault, and as fwup makes them."""

import io
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nerveshub_tools import packer
from support.archives import FWUP, Member, Sink, join, pieces, read

from nerveshub_link.errors import UpdateError
from nerveshub_link.release.fw_reader import FwReader

CONF = b"meta-product=demo\nmeta-version=1.0.0\n"
BODY = bytes((at * 7919 >> 3) & 255 for at in range(3000))
SIGNATURE = bytes(range(64))
META_CONF, RESOURCE = Member("meta.conf", CONF), Member("data/app.img", BODY)
WHOLE = join(Member("meta.conf.ed25519", SIGNATURE), META_CONF, RESOURCE)
LITERAL = (
    b"PK\x03\x04\x14\x00\x00\x00\x00\x00\x00\x00\x21\x00\x8f\x63\x94\x0f\x0d\x00\x00\x00\x0d\x00\x00"
    b"\x00\x09\x00\x00\x00meta.confmeta-misc=ab\n"
    b"PK\x03\x04\x14\x00\x00\x00\x00\x00\x00\x00\x21\x00\x86\xa6\x10\x36\x05\x00\x00\x00\x05\x00"
    b"\x00\x00\x0c\x00\x00\x00data/app.imghello"
    b"PK\x01\x02\x14\x03\x14\x00\x00\x00\x00\x00\x00\x00\x21\x00" + bytes(30)
)
WAY_OUT = "pack it with: nerveshub-link pack --private-key"


def refused(*members):
    """The reason why an archive is refused, whole or in pieces of one byte."""
    data = join(*members)
    with pytest.raises(UpdateError) as caught:
        read(data)
    with pytest.raises(UpdateError) as again:
        read(data, [1] * len(data))
    assert str(again.value) == str(caught.value)
    return str(caught.value)


# What is read


def test_an_archive_given_as_bytes_is_read():
    sink = read(LITERAL, [1] * len(LITERAL))
    assert sink.conf == b"meta-misc=ab\n"
    assert (sink.name, sink.content) == ("app.img", b"hello")
    assert sink.signature is None


def test_an_archive_cut_in_two_anywhere_is_read():
    for cut in range(len(WHOLE)):
        sink = read(WHOLE, [cut])
        assert (sink.conf, sink.signature) == (CONF, SIGNATURE)
        assert (sink.name, sink.content) == ("app.img", BODY)


@pytest.mark.parametrize("size", [1, 2, 7, 29, 511, 4096])
def test_an_archive_in_pieces_of_any_size_is_read(size):
    assert read(WHOLE, pieces(WHOLE, size)).content == BODY


def test_what_the_packer_writes_is_read(tmp_path):
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "code.py").write_text("print('hello')\n")
    target = tmp_path / "app.fw"
    meta = {"product": "p", "version": "1.0.0", "platform": "b", "architecture": "x"}
    made = packer.pack(tmp_path / "app", target, meta).made
    assert read(target.read_bytes()).content == made.data


def test_the_archive_that_two_builds_of_fwup_and_nerveshub_have_verified_is_read():
    data = (FWUP / "new-form.fw").read_bytes()
    known = zipfile.ZipFile(io.BytesIO(data))
    sink = read(data, pieces(data, 100))
    assert sink.conf == known.read("meta.conf")
    assert sink.signature == known.read("meta.conf.ed25519")
    assert (sink.name, sink.content) == ("app.img", known.read("data/app.img"))


def test_the_signature_s_head_may_be_as_fwup_writes_it():
    # libarchive from 3.7.3 on: no length in the head, a descriptor behind.
    for described, front in ((True, (0, 0, 0)), ("fwup", (0, 64, 64))):
        signature = Member("meta.conf.ed25519", SIGNATURE, 0, described, front=front)
        assert read(join(signature, META_CONF, RESOURCE)).signature == SIGNATURE


def test_extra_fields_are_skipped():
    conf = Member("meta.conf", CONF, extra=b"UT\x05\x00\x01\0\0\0\0")
    assert read(join(conf, RESOURCE)).content == BODY


def test_an_empty_resource_is_read():
    assert read(join(META_CONF, Member("data/app.img", b""))).content == b""


def test_what_follows_the_directory_is_not_read():
    assert read(WHOLE + b"anything" * 100).content == BODY


# What fwup makes is refused with the way out


@pytest.mark.parametrize(
    "name, member",
    [
        ("weather-1.0.0.fw", "meta.conf"),
        ("weather-1.3.0-unsigned.fw", "meta.conf"),
        ("app-2.0.0-libarchive-3.8.fw", "meta.conf"),
    ],
)
@pytest.mark.parametrize("size", [1, 4096])
def test_an_archive_by_fwup_is_refused_with_the_way_out(name, member, size):
    data = (FWUP / name).read_bytes()
    with pytest.raises(UpdateError) as caught:
        read(data, pieces(data, size))
    assert str(caught.value) == (
        f"'{member}' is deflated, as fwup packs and signs; a board needs stored members: {WAY_OUT}"
    )


def test_a_signature_deflated_by_fwup_s_signing_is_refused_with_the_way_out():
    signature = Member("meta.conf.ed25519", SIGNATURE, 8, described=True)
    assert refused(signature, META_CONF).endswith(WAY_OUT)


@pytest.mark.parametrize("data", [b"UF2\n" + bytes(40), b"\xe9\x03\x02\x20" + bytes(40), bytes(99)])
def test_what_is_no_zip_is_refused(data):
    with pytest.raises(UpdateError, match="this is not a .fw archive; " + WAY_OUT):
        read(data)


def test_a_plain_zip_is_refused():
    assert refused(Member("code.py", b"print()")) == (
        f"'code.py' comes before meta.conf: this is not a .fw archive; {WAY_OUT}"
    )


# Everything wrong


def test_an_archive_that_ends_before_its_directory_is_refused():
    for end in range(WHOLE.index(b"PK\x01\x02") + 30):
        with pytest.raises(UpdateError, match="ends before its content does"):
            read(WHOLE[:end])


def test_a_wrong_crc_is_told_by_name():
    assert refused(Member("meta.conf", CONF, crc=1)) == (
        "'meta.conf' is damaged: its CRC-32 is wrong"
    )
    assert "'data/app.img' is damaged" in refused(META_CONF, Member("data/app.img", BODY, crc=1))


def test_the_sink_does_not_get_a_meta_conf_whose_crc_is_wrong():
    sink = Sink()
    with pytest.raises(UpdateError):
        read(join(Member("meta.conf", CONF, crc=1)), sink=sink)
    assert sink.conf is None


@pytest.mark.parametrize("field", ["packed", "size"])
@pytest.mark.parametrize("value", [0, 1, 2999, 3001, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_length_that_lies_is_refused(field, value):
    reason = refused(META_CONF, Member("data/app.img", BODY, **{field: value}))
    assert "no length in its head" in reason
    both = {"packed": value, "size": value}
    refused(META_CONF, Member("data/app.img", BODY, **both))


@pytest.mark.parametrize("size", [0, 9, 4097, 0xFFFFFFFF])
def test_a_meta_conf_of_an_odd_length_is_refused_before_it_is_read(size):
    head = Member("meta.conf", b"", packed=size, size=size).bytes
    with pytest.raises(UpdateError, match=f"has {size} bytes, a board takes 10 to 4096"):
        read(head)


def test_a_meta_conf_of_4096_bytes_is_read():
    conf = CONF + b"#" * (4096 - len(CONF))
    assert read(join(Member("meta.conf", conf), RESOURCE)).conf == conf


@pytest.mark.parametrize("size", [1, 63, 65, 0xFFFFFFFF])
@pytest.mark.parametrize("field", ["packed", "size"])
def test_a_signature_of_an_odd_length_is_refused(field, size):
    signature = Member("meta.conf.ed25519", SIGNATURE, **{field: size})
    assert f"has {size} bytes instead of 64" in refused(signature, META_CONF)


@pytest.mark.parametrize("length", [0, 65, 0xFFFF])
def test_a_name_of_an_odd_length_is_refused_before_it_is_read(length):
    head = bytearray(META_CONF.bytes[:30])
    head[26:28] = length.to_bytes(2, "little")
    with pytest.raises(UpdateError, match="a name or an extra field too long"):
        read(bytes(head))


def test_an_extra_field_that_is_too_long_is_refused():
    reason = refused(Member("meta.conf", CONF, extra=bytes(257)))
    assert reason == "a member of the archive has a name or an extra field too long"


def test_lengths_that_only_stand_behind_the_bytes_are_refused():
    for described in (True, "fwup"):
        assert "no length in its head" in refused(Member("meta.conf", CONF, 0, described))
        last = Member("data/app.img", BODY, 0, described)
        assert "no length in its head" in refused(META_CONF, last)


@pytest.mark.parametrize("flags", [1, 0x40, 0x2000])
def test_what_is_encrypted_is_refused(flags):
    signature = Member("meta.conf.ed25519", SIGNATURE, flags=flags)
    assert "flags that a board does not know" in refused(signature, META_CONF)
    assert "no length in its head" in refused(Member("meta.conf", CONF, flags=flags))


@pytest.mark.parametrize(
    "members, words",
    [
        ((META_CONF, META_CONF), "'meta.conf' comes twice"),
        ((META_CONF, RESOURCE, RESOURCE), "'data/app.img' is one member too many"),
        ((META_CONF, Member("code.py", b"")), "'code.py' is one member too many"),
        ((META_CONF, Member(b"data/\xff.img", b"")), "'a member' is one member too many"),
        ((RESOURCE, META_CONF), "'data/app.img' comes before meta.conf"),
        ((META_CONF, Member("meta.conf.ed25519", SIGNATURE)), "is not the first member"),
        ((Member("meta.conf.ed25519", SIGNATURE),) * 2, "is not the first member"),
        ((META_CONF, Member("data/app.img", BODY, 12)), "'data/app.img' is deflated"),
    ],
)
def test_members_that_are_out_of_place_are_told_by_name(members, words):
    assert words in refused(*members)


def test_an_archive_without_a_resource_is_refused():
    assert refused(META_CONF) == ("the archive is damaged: a member's head is missing")


def test_noise_between_two_members_is_refused():
    data = META_CONF.bytes + b"x" + RESOURCE.bytes
    with pytest.raises(UpdateError, match="a member's head is missing"):
        read(data)


def test_what_the_sink_raises_comes_through():
    class Refusing(Sink):
        def archive_meta(self, conf, signature):
            raise UpdateError("for another board")

    with pytest.raises(UpdateError, match="for another board"):
        read(WHOLE, sink=Refusing())


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300), st.integers(1, 40))
def test_any_bytes_are_an_update_error_or_not_finished(data, size):
    reader = FwReader(Sink())
    try:
        for at in range(0, len(data), size):
            reader.feed(memoryview(data)[at : at + size])
        reader.finish()
    except UpdateError:
        pass


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255), st.integers(1, 4000))
def test_a_byte_that_changed_is_refused_or_changes_nothing(at, change, size):
    data = bytearray(WHOLE)
    data[at] ^= change
    try:
        sink = read(bytes(data), pieces(data, size))
    except UpdateError:
        return
    # The signature has no CRC that counts: checking it is the sink's.
    assert (sink.conf, sink.content) == (CONF, BODY)
