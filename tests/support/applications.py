# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Applications made up for tests, and releases of them as ``nerveshub-link pack`` writes them."""

import random

from nerveshub_tools import container, fat_image, packer

from .archives import Member, join

META = {"product": "demo", "architecture": "xtensa", "platform": "board", "version": "1.1.0"}
CODE = b"import lib.sensor\nprint('application')\n"


def application(size, seed=1, largest=30_000):
    """
    Files of so many bytes in all: sources, which deflate well, and compiled modules, which do not.

    :return: dict of path and bytes; in it ``code.py`` and folders
    """
    random_ = random.Random(seed)
    words = [bytes(random_.choices(b"abcdefghij_", k=random_.randint(2, 9))) for _ in range(300)]
    files = {"code.py": CODE}
    left = size - len(CODE)
    number = 0
    while left > 0:
        length = min(left, random_.randint(200, largest))
        if number % 3 == 2:
            path, data = "lib/pack%d/m%d.mpy" % (number % 4, number), random_.randbytes(length)
        else:
            text = b" ".join(random_.choices(words, k=length // 4))
            path, data = "lib/module%d.py" % number, (text + b"#" * length)[:length]
        files[path] = data
        left -= length
        number += 1
    return files


def many_files(count=82, size=236 * 1024, seed=1):
    """
    As `application`, with so many files of 0.6 to 5.5 KB: what a fleet's application looks like.

    :return: dict of path and bytes; each call returns the same
    """
    random_ = random.Random(seed)
    words = [bytes(random_.choices(b"abcdefghij_", k=random_.randint(2, 9))) for _ in range(300)]
    weights = [random_.uniform(0.2, 2.0) for _ in range(count)]
    lengths = [int(size * weight / sum(weights)) for weight in weights]
    lengths[0] += size - sum(lengths)
    files = {}
    for number, length in enumerate(lengths):
        text = b" ".join(random_.choices(words, k=length // 4)) + b"#" * length
        if number % 3:
            path = "lib/pack%d/m%02d.mpy" % (number % 8, number)
            text = random_.randbytes(length // 2) + text
        else:
            path = "lib/module%02d.py" % number if number else "code.py"
        files[path] = text[:length]
    return files


def with_one_changed(files, grown=0, path="lib/pack1/m65.mpy"):
    """The same files, but with one byte changed in one of them, and ``grown`` bytes added to it."""
    data = bytearray(files[path] + b"x = 1\n" * (grown // 6))
    data[len(files[path]) // 2] ^= 1
    return {**files, path: bytes(data)}


def archive(files, meta=None, signer=None, **more):
    """
    Pack an application.

    :param dict files: path -> bytes
    :param dict meta: what is other than `META`
    :param signer: `support.signing.Signer`; None for an unsigned archive
    :param more: further keys of the resource; ``_`` in their names stands for ``-``
    """
    return wrap(container.make(fat_image.build(files)), meta, signer, **more)


def wrap(made, meta=None, signer=None, **more):
    """
    Put a container into an archive.

    :param Container made: the container
    :param dict meta: what is other than `META`
    """
    keys = {key.replace("_", "-"): value for key, value in more.items()}
    conf = packer.meta_conf(dict(META, **(meta or {})), made.resource(more=keys))
    signature = [] if signer is None else [Member("meta.conf.ed25519", signer.sign(conf))]
    return join(*signature, Member("meta.conf", conf), Member("data/app.img", made.data))
