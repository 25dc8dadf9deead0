# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
One set of rules for metadata: the constructor's, the writer's and an update's. What an update
brings is what the next start reports.
"""

import socket

import pytest
from support.desk import META, NEW_META, RecordingWriter
from support.update_bench import COMPLETED, RECEIVED, Bench, failed, served

from nerveshub_link import NervesHubLink
from nerveshub_link.config.metadata import NEEDED, OPTIONAL, check_metadata, is_semver
from nerveshub_link.slots.record import pack

# The examples of semver.org, and what people write instead.
RIGHT = """
    0.0.4 1.2.3 10.20.30 1.1.2-prerelease+meta 1.1.2+meta 1.1.2+meta-valid 1.0.0-alpha 1.0.0-beta
    1.0.0-alpha.beta 1.0.0-alpha.1 1.0.0-alpha0.valid 1.0.0-alpha.0valid 1.0.0-rc.1+build.1
    1.0.0-alpha-a.b-c-somethinglong+build.1-aef.1-its-okay 1.2.3-beta 10.2.3-DEV-SNAPSHOT
    1.2.3-SNAPSHOT-123 1.0.0 2.0.0 1.1.7 2.0.0+build.1848 2.0.1-alpha.1227 1.0.0-alpha+beta
    1.2.3----RC-SNAPSHOT.12.9.1--.12+788 1.2.3----R-S.12.9.1--.12+meta
    1.2.3----RC-SNAPSHOT.12.9.1--.12
    1.0.0+0.build.1-rc.10000aaa-kk-0.1 99999999999999999999999.999999999999999999.99999999999999999
    1.0.0-0A.is.legal 2024.1.15 1.0.0+001 1.0.0-0
""".split()
WRONG = (
    """
    1 1.2 1.2.3-0123 1.2.3-0123.0123 1.1.2+.123 +invalid -invalid -invalid+invalid -invalid.01 alpha
    alpha.beta alpha.beta.1 alpha.1 alpha+beta alpha_beta alpha. alpha.. beta 1.0.0-alpha_beta
    -alpha.
    1.0.0-alpha.. 1.0.0-alpha..1 1.0.0-alpha...1 01.1.1 1.01.1 1.1.01 1.2.3.DEV 1.2-SNAPSHOT
    1.2.31.2.3----RC-SNAPSHOT.12.09.1--..12+788 1.2-RC-SNAPSHOT -1.0.3-gamma+b7718 +justmeta
    9.8.7+meta+meta 9.8.7-whatever+meta+meta 2024.01.15 1.2.03 1.0.0- 1.0.0+ 1.0.0-rc_1 1.0.0-+b
    v1.0.0
    1.0.0.0 1..0 .. 1.0.x 1.0.0-\u00e9 \u0661.0.0 1.-0.0
""".split()
    + ["", " 1.0.0", "1.0.0 ", "1. 0.0", "1.0.0-rc 1", "1.0.0\n"]
)

LONG = "u" * 255


@pytest.mark.parametrize("version", RIGHT)
def test_version_is_semantic_versioning_2(version):
    assert is_semver(version)


@pytest.mark.parametrize("version", WRONG)
def test_version_that_is_something_else_is_not(version):
    assert not is_semver(version)


def make(meta, **options):
    return NervesHubLink(
        socket,
        host="hub.example",
        port=4000,
        ssl=False,
        identifier="dev-1",
        product_key="nhp_key",
        product_secret="secret",
        firmware_meta=meta,
        **options,
    )


BAD = [
    ({"version": "2024.01.15"}, "version must be like 1.2.3 or 1.2.3-rc.1 (SemVer"),
    ({"version": "1.2.03"}, "version must be like 1.2.3"),
    ({"version": "1.0.0-"}, "version must be like 1.2.3"),
    ({"version": "1.0.0-rc_1"}, "version must be like 1.2.3"),
    ({"version": "1.1"}, "version must be like 1.2.3"),
    ({"version": None}, 'needs version, a text such as "1.2.3"'),
    ({"platform": None}, 'needs platform, a text such as "esp32s3"'),
    ({"platform": ""}, "needs platform, a text"),
    ({"architecture": 5}, 'needs architecture, a text such as "xtensa"'),
    ({"product": ["x"]}, 'needs product, a text such as "greenhouse"'),
    ({"product": "a\nb"}, "product has a control character in it"),
    ({"product": "a\0b"}, "product has a control character in it"),
    ({"uuid": None}, 'needs uuid, a text such as "'),
    ({"uuid": LONG + "u"}, "uuid must be ASCII without quotes, at most 255 characters, such as"),
    ({"uuid": "u" * 600}, "uuid must be ASCII without quotes, at most 255 characters"),
    ({"uuid": "\u00fc" * 36}, "uuid must be ASCII without quotes"),
    ({"uuid": 'u"u'}, "uuid must be ASCII without quotes"),
    ({"uuid": "u\\u"}, "uuid must be ASCII without quotes"),
    ({"author": 5}, "author must be a text or None"),
    ({"misc": {}}, "misc must be a text or None"),
]


@pytest.mark.parametrize(("changes", "said"), BAD)
def test_constructor_and_offer_refuse_the_same_with_the_same_words(changes, said):
    with pytest.raises(ValueError) as raised:
        make(dict(META, **changes))
    assert str(raised.value).startswith("firmware_meta")
    assert said in str(raised.value)
    with pytest.raises(ValueError) as raised:
        make(None, fwup_writer=RecordingWriter(meta=dict(META, **changes)))
    assert str(raised.value).startswith("fwup_writer.firmware_meta()")
    assert said in str(raised.value)

    bench = Bench(*served()).offer(firmware_meta=dict(NEW_META, **changes))
    assert bench.statuses[0] == RECEIVED
    assert bench.statuses[1]["reason"].startswith("update: the update's firmware_meta")
    assert said in bench.statuses[1]["reason"]
    assert bench.statuses[1] == failed(bench.statuses[1]["reason"])
    # Before anything is asked for, or anybody asked.
    assert (bench.transport.opened, bench.writer.heard) == ([], [])
    assert bench.client.named("update_available") == []


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"uuid": LONG},
        {"version": "1.2.3-rc.1+build"},
        {"product": "Ger\u00e4t"},
        {"misc": "a\nb"},
    ]
    + [{key: None} for key in OPTIONAL],
)
def test_what_an_offer_may_bring_the_next_start_takes(changes):
    bench = Bench(*served()).offer(firmware_meta=dict(NEW_META, **changes)).run()
    assert bench.statuses[-1] == COMPLETED
    (_, _, meta) = bench.writer.heard[0]
    make(None, fwup_writer=RecordingWriter(meta=meta)).deinit()


def test_metadata_must_be_a_dict():
    with pytest.raises(ValueError, match="^x must be a dict$"):
        check_metadata("x", [])


def test_every_field_is_named():
    assert sorted(NEEDED + OPTIONAL) == sorted(
        "uuid product architecture version platform author description vcs_identifier misc".split()
    )


def test_longest_uuid_has_room_in_the_boot_guards_record_with_all_that_stands_beside_it():
    state = {"run": "a", "old": "b", "trial": 1, "ends": "cehpru?" * 2, "crashes": 99, "safe": 9999}
    state.update({"bad": LONG, "why": "unconfirmed", "tried": [(1 << 30) - 1, 3], "rev": 1})
    state["tb"] = "Traceback" * 100
    assert len(pack((1 << 30) - 1, state)) <= 512
