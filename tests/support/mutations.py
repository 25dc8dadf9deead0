# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
Releases with one fault: a seed makes a `Mutant`, the same one each time.

The fault is made at one of three levels, so that each check of a board is needed: in the finished
archive, where the zip's CRC-32 usually finds it; below that, with a correct CRC-32; or in table and
chunks, with every hash and length in ``meta.conf`` corrected, as an attacker would do. The latter
are valid releases, unless they contradict themselves.
"""

import hashlib
import random
import struct
import zlib
from dataclasses import dataclass

from nerveshub_tools import container
from nerveshub_tools.fat_image import FatImage, Piece, build

from .archives import Member, join

META = {"product": "demo", "version": "1.1.0", "platform": "board", "architecture": "xtensa"}
_HEAD = struct.Struct("<4sHHII")
_ROW = struct.Struct("<HH16s16s")
_BOMB = 300_000  # bytes that a chunk of 4 KB unpacks to


def files_of(seed):
    """A small application: text, noise, a file of several chunks, an empty one."""
    noise = random.Random(seed)
    return {
        "code.py": b"print('release %d')\n" % seed,
        "lib/words.py": b"WORDS = 'sun rain wind fog'\n" * 200,
        "lib/same.mpy": random.Random(1).randbytes(9000),
        "lib/own.mpy": noise.randbytes(5000),
        "empty.txt": b"",
    }


@dataclass(frozen=True)
class Mutant:
    """
    :param str kind: what is wrong with it
    :param bytes data: the archive
    :param image: the image that a board may install if it takes this; None for whatever its own
        ``meta.conf`` says
    """

    kind: str
    data: bytes
    image: bytes


class Parts:
    """
    A release in its parts, which may be changed before `archive` puts them together.

    :param Container made: the release
    """

    def __init__(self, made):
        self.image = made.image
        self.head = list(_HEAD.unpack_from(made.table))
        self.rows = [list(row) for row in _ROW.iter_unpack(made.table[_HEAD.size :])]
        self.bodies = list(made.bodies)
        self.meta = dict(META)
        self.values = {}
        """What meta.conf says of the resource, in place of what is true."""

    @property
    def table(self):
        return _HEAD.pack(*self.head) + b"".join(_ROW.pack(*row) for row in self.rows)

    def rehash(self, number):
        """Update a chunk's row in the table to its changed bytes."""
        body = self.bodies[number]
        self.rows[number][1] = len(body)
        self.rows[number][2] = hashlib.sha256(body).digest()[:16]

    def count(self):
        """Update the table's head to its changed rows."""
        self.head[2] = len(self.rows)
        self.head[3] = sum(row[0] for row in self.rows) * 512
        self.head[4] = sum(row[1] for row in self.rows)

    def conf(self):
        """The ``meta.conf``."""
        table, resource = self.table, self.resource()
        said = {
            "length": len(resource),
            "sha256": hashlib.sha256(resource).hexdigest(),
            "table-sha256": hashlib.sha256(table).hexdigest(),
            "table-length": len(table),
            "image-sha256": hashlib.sha256(self.image).hexdigest(),
            "image-length": len(self.image),
            **self.values,
        }
        lines = ['meta-%s="%s"' % pair for pair in self.meta.items()]
        lines += ['file-resource "app.img" {']
        lines += ["%s=%s" % pair for pair in said.items() if pair[1] is not None] + ["}", ""]
        return "\n".join(lines).encode()

    def resource(self):
        """Table and chunks."""
        return self.table + b"".join(self.bodies)

    def archive(self, **wrong):
        """The whole; ``wrong`` is as for `Member`, of the resource."""
        return join(
            Member("meta.conf.ed25519", bytes(64), method=0),
            Member("meta.conf", self.conf(), method=0),
            Member("data/app.img", self.resource(), method=0, **wrong),
        )


_MADE = [container.make(build(files_of(seed))) for seed in (1, 2)]
IMAGE = _MADE[0].image
"""The image of the release that all are made from."""
GOOD = Parts(_MADE[0]).archive()
"""That release."""
# Chunks that are there once: the small image is filled up with others that are all alike.
_UNLIKE = [
    number
    for number, chunk in enumerate(_MADE[0].chunks[: len(_MADE[1].chunks)])
    if _MADE[0].bodies.count(_MADE[0].bodies[number]) == 1
]


def mutant(seed):
    """
    Make one.

    :param int seed: any number
    """
    rng = random.Random(seed)
    make = rng.choice(_KINDS)
    data = make(rng)
    deep = make in _CONSISTENT
    return Mutant(make.__name__.strip("_"), data, None if deep else IMAGE)


# In the finished archive


def _flipped(rng):
    data = bytearray(GOOD)
    for _ in range(rng.choice((1, 1, 1, 2, 8))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def _flipped_in_front(rng):
    data = bytearray(GOOD)
    data[rng.randrange(1200)] = rng.randrange(256)
    return bytes(data)


def _cut_off(rng):
    return GOOD[: rng.randrange(len(GOOD))]


def _piece_lost(rng):
    at, count = rng.randrange(len(GOOD)), rng.choice((1, 2, 16, 512, 4096))
    return GOOD[:at] + GOOD[at + count :]


def _piece_twice(rng):
    at, count = rng.randrange(len(GOOD)), rng.choice((1, 2, 16, 512, 4096))
    return GOOD[:at] + GOOD[at : at + count] + GOOD[at:]


def _noise(rng):
    return rng.choice((b"", b"PK\3\4", GOOD[:30])) + rng.randbytes(rng.randrange(5000))


def _zip_lengths(rng):
    names = ("packed", "size", "crc", "flags", "extra")
    wrong = {name: rng.choice((0, 1, 63, 4097, 0x7FFFFFFF, 0xFFFFFFFF)) for name in names[:3]}
    wrong = {name: wrong[name] for name in rng.sample(names[:3], rng.randint(1, 3))}
    if not rng.randrange(4):
        wrong["flags"] = rng.choice((1, 8, 0x800, 0xFFFF))
    if not rng.randrange(4):
        wrong["extra"] = rng.randbytes(rng.choice((4, 200, 300)))
    return Parts(_MADE[0]).archive(**wrong)


def _members(rng):
    parts = Parts(_MADE[0])
    conf, data = parts.conf(), parts.resource()
    members = [
        Member("meta.conf.ed25519", rng.randbytes(rng.choice((0, 63, 64, 65))), method=0),
        Member("meta.conf", conf, method=rng.choice((0, 0, 8))),
        Member("meta.conf", conf[: rng.randrange(len(conf))], method=0),
        Member("data/app.img", data, method=rng.choice((0, 0, 8))),
        Member(rng.choice(("data/", "data/x", "x", "data/" + "y" * 80)), data, method=0),
        Member(b"data/\xff\xfe", data, method=0),
    ]
    return join(*[rng.choice(members) for _ in range(rng.randint(1, 4))])


# Below the zip's CRC-32


def _resource_flipped(rng):
    parts = Parts(_MADE[0])
    conf, data = parts.conf(), bytearray(parts.resource())
    table = len(parts.table)
    at = rng.randrange(table) if rng.randrange(2) else rng.randrange(len(data))
    data[at] ^= 1 << rng.randrange(8)
    return join(Member("meta.conf", conf, method=0), Member("data/app.img", bytes(data), method=0))


def _conf_flipped(rng):
    parts = Parts(_MADE[0])
    conf = bytearray(parts.conf())
    for _ in range(rng.choice((1, 1, 3))):
        conf[rng.randrange(len(conf))] = rng.choice(b'="{}\n\r\0 09afZ\xff\xc3')
    return join(
        Member("meta.conf", bytes(conf), method=0),
        Member("data/app.img", parts.resource(), method=0),
    )


def _conf_lies(rng):
    parts = Parts(_MADE[0])
    keys = "length sha256 table-sha256 table-length image-sha256 image-length".split()
    lies = (None, 0, 1, 511, 512, 65536, 65537, 10**9 - 1, 10**12, -1, "x", "0" * 64, "g" * 64, "")
    for key in rng.sample(keys, rng.choice((1, 1, 2))):
        parts.values[key] = rng.choice(lies)
    return parts.archive()


def _for_another_device(rng):
    parts = Parts(_MADE[0])
    key = rng.choice(("product", "platform", "architecture"))
    parts.meta[key] = rng.choice(("", "other", "d" * 300, "demo2"))
    return parts.archive()


def _another_table(rng):
    parts, other = Parts(_MADE[0]), Parts(_MADE[1])
    if rng.randrange(2):
        parts.rows, parts.head = other.rows, other.head
    else:
        parts.bodies = other.bodies
    if rng.randrange(2):
        parts.values["table-sha256"] = hashlib.sha256(_MADE[0].table).hexdigest()
    return parts.archive()


def _another_image(rng):
    parts = Parts(_MADE[0])
    parts.values["image-sha256"] = hashlib.sha256(_MADE[1].image).hexdigest()
    return parts.archive()


# Every hash and length in meta.conf is right


def _chunks_swapped(rng):
    parts = Parts(_MADE[0])
    first, second = rng.sample(_UNLIKE, 2)
    for what in rng.choice(((parts.rows,), (parts.bodies,), (parts.rows, parts.bodies))):
        what[first], what[second] = what[second], what[first]
    return parts.archive()


def _chunk_of_another(rng):
    parts, other = Parts(_MADE[0]), Parts(_MADE[1])
    number = rng.choice([n for n in _UNLIKE if other.rows[n] != parts.rows[n]])
    parts.bodies[number] = other.bodies[number]
    if rng.randrange(2):
        parts.rows[number] = other.rows[number]
        parts.count()
    return parts.archive()


def _rows_lie(rng):
    parts = Parts(_MADE[0])
    for _ in range(rng.choice((1, 1, 2))):
        row = rng.choice(parts.rows)
        row[rng.randrange(2)] = rng.choice((0, 1, 7, 8, 9, 512, 4096, 4097, 65535))
    if rng.randrange(2):
        parts.count()
        parts.values["image-length"] = parts.head[3]
    return parts.archive()


def _head_lies(rng):
    parts = Parts(_MADE[0])
    at = rng.randrange(5)
    parts.head[at] = b"NHcu" if not at else rng.choice((0, 1, 2, 7, 512, 65535))
    return parts.archive()


def _rows_lost_or_twice(rng):
    parts = Parts(_MADE[0])
    number = rng.randrange(len(parts.rows))
    for what in (parts.rows, parts.bodies) if rng.randrange(2) else (parts.rows,):
        what[number : number + 1] = [what[number]] * rng.choice((0, 2, 3))
    if rng.randrange(3):
        parts.count()
        parts.values["image-length"] = parts.head[3]
    return parts.archive()


def _stream_flipped(rng):
    parts = Parts(_MADE[0])
    packed = [number for number, row in enumerate(parts.rows) if row[1] < row[0] * 512]
    number = rng.choice(packed)
    body = bytearray(parts.bodies[number])
    body[rng.randrange(len(body))] ^= 1 << rng.randrange(8)
    parts.bodies[number] = bytes(body)
    parts.rehash(number)
    return parts.archive()


def _stream_cut_off(rng):
    parts = Parts(_MADE[0])
    number = rng.randrange(len(parts.rows))
    body = parts.bodies[number]
    parts.bodies[number] = body[: rng.randrange(1, len(body))]
    parts.rehash(number)
    parts.count()
    return parts.archive()


def _bomb(rng):
    """A chunk that unpacks to far more than its row says; each hash is right."""
    parts = Parts(_MADE[0])
    number = rng.randrange(len(parts.rows))
    packer = zlib.compressobj(9, zlib.DEFLATED, -12, 9)
    body = packer.compress(bytes(_BOMB)) + packer.flush()
    sectors = rng.randint(1 + len(body) // 512, 8)
    parts.rows[number][0] = sectors
    parts.bodies[number] = body
    parts.rehash(number)
    parts.count()
    parts.values["image-length"] = parts.head[3]
    return parts.archive()


def _too_large(rng):
    """A whole release that no slot of this device has room for."""
    sectors = rng.choice((3000, 60_000))
    made = container.make(FatImage(bytes(64 * 512), [Piece("", 0, 64)]))
    parts = Parts(made)
    parts.values["image-length"] = sectors * 512
    return parts.archive()


_CONSISTENT = (
    _chunks_swapped,
    _chunk_of_another,
    _rows_lie,
    _head_lies,
    _rows_lost_or_twice,
    _stream_flipped,
    _stream_cut_off,
    _bomb,
    _too_large,
)
_KINDS = (
    _flipped,
    _flipped_in_front,
    _cut_off,
    _piece_lost,
    _piece_twice,
    _noise,
    _zip_lengths,
    _members,
    _resource_flipped,
    _conf_flipped,
    _conf_lies,
    _for_another_device,
    _another_table,
    _another_image,
) + _CONSISTENT
