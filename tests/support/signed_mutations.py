# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
Releases that a device with public keys must not take, as somebody would make them who has the
server, every release that was ever signed, and keys of his own, but not ours. A seed makes a
`SignedMutant`, the same one each time.
"""

import random
from dataclasses import dataclass

from . import mutations
from .archives import Member, join
from .signing import Signer

OURS, FOREIGN = Signer(1), Signer(3)
KEYS = (Signer(2).public, OURS.public)
"""What the device was given: the key that signs is the second one."""
LOWEST = "1.1.0"
"""What it keeps as the lowest version."""
_ORDER = 2**252 + 27742317777372353535851937790883648493
# Points of small order, y with the sign of x: they make signatures that careless code takes.
_SMALL = [
    number.to_bytes(32, "little")
    for number in (0, 1, 2**255 - 20, 2**255 - 19, 2**255 - 18, 1 | 1 << 255, 1 << 255)
]


@dataclass(frozen=True)
class SignedMutant:
    """
    :param str kind: what is wrong with it
    :param bytes data: the archive
    :param bool signed: whether the signature is right, so that it is refused for another reason
    """

    kind: str
    data: bytes
    signed: bool


class _Release:
    """One signed release in its three parts."""

    def __init__(self, made, signer=OURS, lowest=None, **meta):
        self.parts = mutations.Parts(made)
        self.parts.meta.update(meta)
        if lowest is not None:
            self.parts.values["min-version"] = lowest
        self.conf = self.parts.conf()
        self.signature = signer.sign(self.conf)
        self.data = self.parts.resource()


def _archive(signature, conf, data):
    members = [] if signature is None else [Member("meta.conf.ed25519", signature)]
    return join(*members, Member("meta.conf", conf), Member("data/app.img", data))


_FIRST, _SECOND = mutations._MADE
_GOOD, _OTHER = _Release(_FIRST), _Release(_SECOND, version="1.2.0")
_OLD = _Release(_SECOND, version="1.0.9")
GOOD = _archive(_GOOD.signature, _GOOD.conf, _GOOD.data)
"""A release that such a device takes."""


def mutant(seed):
    """
    Make one.

    :param int seed: any number
    """
    rng = random.Random(seed)
    make = rng.choice(_UNSIGNED + _SIGNED)
    return SignedMutant(make.__name__.strip("_"), make(rng), make in _SIGNED)


# The signature is wrong


def _no_signature(rng):
    return _archive(None, _GOOD.conf, _GOOD.data)


def _signature_of_another(rng):
    return _archive(_OTHER.signature, _GOOD.conf, _GOOD.data)


def _meta_of_another_under_our_signature(rng):
    return _archive(_GOOD.signature, _OTHER.conf, _OTHER.data)


def _signed_by_another_key(rng):
    return _archive(FOREIGN.sign(_GOOD.conf), _GOOD.conf, _GOOD.data)


def _keys_swapped(rng):
    """Our signature over another's conf and the other way round, or the halves of two of them."""
    theirs = FOREIGN.sign(_GOOD.conf)
    ours = _GOOD.signature
    wrong = rng.choice((ours[:32] + theirs[32:], theirs[:32] + ours[32:], ours[32:] + ours[:32]))
    return _archive(wrong, _GOOD.conf, _GOOD.data)


def _signature_flipped(rng):
    wrong = bytearray(_GOOD.signature)
    wrong[rng.randrange(64)] ^= 1 << rng.randrange(8)
    return _archive(bytes(wrong), _GOOD.conf, _GOOD.data)


def _signature_made_up(rng):
    wrong = rng.choice((*_SMALL, rng.randbytes(32), FOREIGN.public, OURS.public))
    wrong += rng.choice((bytes(32), (1).to_bytes(32, "little"), rng.randbytes(31) + b"\0"))
    return _archive(wrong, _GOOD.conf, _GOOD.data)


def _signature_malleated(rng):
    """S plus the group's order: the same modulo that."""
    scalar = int.from_bytes(_GOOD.signature[32:], "little") + _ORDER * rng.randint(1, 7)
    wrong = _GOOD.signature[:32] + scalar.to_bytes(32, "little")
    return _archive(wrong, _GOOD.conf, _GOOD.data)


def _conf_flipped(rng):
    wrong = bytearray(_GOOD.conf)
    for _ in range(rng.choice((1, 1, 3))):
        wrong[rng.randrange(len(wrong))] ^= 1 << rng.randrange(8)
    return _archive(_GOOD.signature, bytes(wrong), _GOOD.data)


def _conf_with_more(rng):
    """A line more, which a reader would take for the last word."""
    more = rng.choice((b"\n", b"meta-version=9.9.9\n", b'file-resource "app.img" {\n}\n', b" "))
    wrong = rng.choice((more + _GOOD.conf, _GOOD.conf + more))
    return _archive(_GOOD.signature, wrong, _GOOD.data)


def _another_release_under_our_signature(rng):
    """An attacker's own release, right in itself, with what another release of ours was signed."""
    lowest = rng.choice((None, "1.1.0"))
    own = _Release(_SECOND, FOREIGN, lowest, version="1.%d.0" % rng.randint(3, 99))
    signature = rng.choice((_GOOD.signature, _OTHER.signature, own.signature))
    return _archive(signature, own.conf, own.data)


def _min_version_taken_out(rng):
    """An older release, signed by us, made to look new."""
    conf = _OLD.conf.replace(b"1.0.9", rng.choice((b"1.1.0", b"2.0.0")))
    assert conf != _OLD.conf
    return _archive(_OLD.signature, conf, _OLD.data)


# The signature is right


def _table_of_another(rng):
    data = _OTHER.parts.table + _GOOD.data[len(_GOOD.parts.table) :]
    return _archive(_GOOD.signature, _GOOD.conf, data)


def _resource_of_another(rng):
    return _archive(_GOOD.signature, _GOOD.conf, _OTHER.data)


def _resource_flipped(rng):
    wrong = bytearray(_GOOD.data)
    table = len(_GOOD.parts.table)
    at = rng.randrange(table) if rng.randrange(2) else rng.randrange(len(wrong))
    wrong[at] ^= 1 << rng.randrange(8)
    return _archive(_GOOD.signature, _GOOD.conf, bytes(wrong))


def _downgraded(rng):
    """A release of ours that says itself that it is older."""
    version = rng.choice(("1.0.9", "0.9.0", "1.1.0-rc.1", "1.0.10", "", "1.1", "next"))
    old = _Release(_SECOND, version=version)
    return _archive(old.signature, old.conf, old.data)


def _replayed(rng):
    """An older release of ours, byte for byte."""
    return _archive(_OLD.signature, _OLD.conf, _OLD.data)


def _min_version_nonsense(rng):
    lowest = rng.choice(("1.2.0", "9.9.9", "1", "1.0.0-rc.1", "x.y.z", "1.0.0.0"))
    one = _Release(_FIRST, lowest=lowest)
    return _archive(one.signature, one.conf, one.data)


def _for_another_device(rng):
    key = rng.choice(("product", "platform", "architecture"))
    one = _Release(_FIRST, **{key: rng.choice(("", "other", "demo2", "d" * 300))})
    return _archive(one.signature, one.conf, one.data)


def _cut_off(rng):
    end = len(GOOD) - len(_GOOD.data) // 2
    return GOOD[: rng.randrange(end)]


_UNSIGNED = (
    _no_signature,
    _signature_of_another,
    _meta_of_another_under_our_signature,
    _signed_by_another_key,
    _keys_swapped,
    _signature_flipped,
    _signature_made_up,
    _signature_malleated,
    _conf_flipped,
    _conf_with_more,
    _another_release_under_our_signature,
    _min_version_taken_out,
)
_SIGNED = (
    _table_of_another,
    _resource_of_another,
    _resource_flipped,
    _downgraded,
    _replayed,
    _min_version_nonsense,
    _for_another_device,
    _cut_off,
)
