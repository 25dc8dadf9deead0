# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.console.file_names`
====================================================

Names of files that an operator uploads: what FAT and a shell can take, and no file replaced without
a word. Part of `nerveshub_link.console.file_transfer`.
"""

import os


def safe_name(name) -> str:
    """
    Make a file name of what a browser sent: no path, nothing that FAT or a shell trips over.
    FAT takes Unicode, so letters stay what they are.

    :param name: what came
    :return: up to 64 characters
    """
    text = last_part(name)
    kept = [char if _is_printable(ord(char)) and char not in '"*:<>?|' else "_" for char in text]
    return "".join(kept)[-64:].strip(" .") or "upload"


def last_part(name) -> str:
    """
    Return a name without the folders before it.

    :param name: what came
    """
    return str(name).replace("\\", "/").split("/")[-1]


def _is_printable(code: int) -> bool:
    return not (
        code < 0x20
        or 0x7F <= code < 0xA0
        # Marks that turn the direction of a text, or show as nothing: a name would look like others
        or 0x200B <= code <= 0x200F
        or 0x2028 <= code <= 0x202E
        or 0x2060 <= code <= 0x206F
        or 0xD800 <= code < 0xE000
        or code in (0xFEFF, 0xFFFE, 0xFFFF)
    )


def _exists(path: str) -> bool:
    try:
        os.stat(path)
        return True
    except OSError:
        return False


def place(path: str, came: str) -> tuple:
    """
    Tell where an upload goes. It replaces a file of the very same name alone: names that were made
    safe may become the same, and FAT takes ``A`` for ``a``.

    :param str path: folder and safe name
    :param str came: the name as it came
    :return: the path, and words for the operator
    """
    if not _exists(path):
        return path, ""
    folder, _, name = path.rpartition("/")
    if name == last_part(came) and name in os.listdir(folder or "/"):
        return path, ", in the place of the file that was there"
    stem, dot, ending = name.rpartition(".")
    if not stem:
        stem, dot, ending = name, "", ""
    number = 2
    while _exists("%s/%s-%d%s%s" % (folder, stem, number, dot, ending)):
        number += 1
    free = "%s/%s-%d%s%s" % (folder, stem, number, dot, ending)
    return free, ", since another file has the name " + name
