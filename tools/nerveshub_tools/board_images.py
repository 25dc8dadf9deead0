# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.board_images`
================================================================================

Images on a computer that can't mount them: each is unpacked into a folder.
"""

import errno
import os
from pathlib import Path

from .fat_reader import BadImage, read


def unpack(image: bytes, folder) -> None:
    """
    Write all files of an image into a folder.

    :param bytes image: a FAT image
    :param folder: made if it is not there
    :raises OSError: ENODEV, as FatFs does, if the image can't be read
    """
    try:
        files = read(image)
    except BadImage as error:
        raise OSError(errno.ENODEV, str(error)) from error
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)


def read_only(path: str) -> OSError:
    """What an attempt to write on a drive raises that can only be read."""
    return OSError(errno.EROFS, os.strerror(errno.EROFS), path)
