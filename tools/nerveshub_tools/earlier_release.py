# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.earlier_release`
================================================================================

Packs an application like an earlier release of it: what did not grow stays at its place in the
image, so that a board, which writes only what differs, writes less. The layout itself is made by
`nerveshub_tools.fat_layout`.
"""

from typing import Callable, Dict, List, Tuple

from . import container
from .container import Container
from .fat_image import SECTOR, NoRoom, TooLarge, build, layout_of
from .fat_reader import BadImage
from .release_file import IMAGE, NoRelease, look
from .release_paths import Unfit


def image_of(path) -> bytes:
    """
    The image of a release that was packed before.

    :raises Unfit: if the file is no release of an application
    """
    try:
        found = look(path)
    except NoRelease as error:
        raise Unfit(f"--like: {error}") from None
    if not found.chunks:
        raise Unfit(f"--like: {path} is {found.kind}, and no release of an application")
    if found.damage:
        raise Unfit(f"--like: {path} is damaged: {found.damage[0]}")
    return container.read(found.member("data/" + IMAGE).content).image


def made_like(
    files: Dict[str, bytes], image: bytes, excess: Callable[[Container], int]
) -> Tuple[Container, List[str]]:
    """
    The container of an application whose files lie where an earlier release has them. The same
    files and the same image give the same bytes.

    :param dict files: path -> content
    :param bytes image: of the earlier release
    :param excess: tells how many sectors of a container are too many for a slot
    :return: the container; and a warning if nothing stays where it was
    :raises Unfit: if there is too much of it
    """
    try:
        old = layout_of(image)
    except BadImage as error:
        raise Unfit(f"--like: pack did not make that release's image: {error}") from None
    most = old.clusters + sum(len(data) // SECTOR + 1 for data in files.values())
    try:
        while True:
            made = container.make(build(files, old, most))
            too_many = excess(made)
            if too_many <= 0:
                return made, []
            most = min(layout_of(made.image).clusters, most) - too_many
    except NoRoom:
        words = "the files have no room where they were: all lie close together again, so a board"
        return container.make(build(files)), [words + " writes most of them"]
    except (TooLarge, container.BadContainer) as error:
        raise Unfit(str(error)) from error


def differing(image: bytes, earlier: bytes) -> int:
    """Bytes of all sectors that are not what they were at this place."""
    return sum(
        SECTOR
        for at in range(0, len(image), SECTOR)
        if image[at : at + SECTOR] != earlier[at : at + SECTOR]
    )
