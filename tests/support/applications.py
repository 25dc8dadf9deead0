# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Applications made up for tests, and archives of them as fwup and zip programs write them."""

import hashlib
import random

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


def meta_conf(files, meta=None):
    """A ``.fw``'s table of contents, as fwup prints it."""
    lines = ["# fwup", ""]
    for key, value in dict(META, **(meta or {})).items():
        lines.append('meta-%s="%s"' % (key, value))
    for path, data in files.items():
        digest = hashlib.blake2b(data, digest_size=32).hexdigest()
        lines += ['file-resource "%s" {' % path]
        lines += ["length=%d" % len(data)] if data else []
        lines += ['blake2b-256="%s"' % digest, "}"]
    return "\n".join(lines).encode() + b"\n"


def archive(files, deflated=True, fwup=True, descriptors=True, meta=None):
    """
    Pack an application.

    :param bool fwup: as a ``.fw``; else as a plain zip
    :param bool descriptors: lengths and CRC behind the data; in a ``.fw`` as fwup writes it, with
        the unpacked length in front, too
    """
    method = 8 if deflated else 0
    described = ("fwup" if fwup else True) if descriptors else False
    named = [("data/" + path if fwup else path, files[path]) for path in files]
    if fwup:
        named.insert(0, ("meta.conf", meta_conf(files, meta)))
    return join(*[Member(path, data, method, described) for path, data in named])
