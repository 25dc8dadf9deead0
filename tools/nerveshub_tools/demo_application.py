# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.demo_application`
================================================================================

The small application that the demonstration updates: five releases of it, one of them bad.
"""

import random
from pathlib import Path

_CODE = """\
import time

import greeting
import wifi

from nerveshub_link import AppSlotWriter, NervesHubLink

print(greeting.TEXT)
link = NervesHubLink.from_settings(
    wifi.radio, fwup_writer=AppSlotWriter(), extensions={"logging": True}, confirm_after=1
)
while True:
    link.poll()
    time.sleep(0.001)
"""
_GOOD = 'TEXT = "version {version}"\n'
_BAD = 'raise RuntimeError("the sensor of version {version} does not answer")\n'


def write(folder, version: str, bad: bool = False, size: int = 0, assets: str = "") -> Path:
    """
    Make a release's folder.

    :param folder: where; made
    :param str version: of the release
    :param bool bad: True for one that crashes at its start
    :param int size: bytes of a file that makes it larger
    :param str assets: names the content of that file: the same name gives the same bytes
    """
    folder = Path(folder)
    (folder / "lib" / "greeting").mkdir(parents=True)
    (folder / "code.py").write_text(_CODE)
    text = (_BAD if bad else _GOOD).format(version=version)
    (folder / "lib" / "greeting" / "__init__.py").write_text(text)
    (folder / "assets.bin").write_bytes(random.Random(assets).randbytes(size))
    return folder
