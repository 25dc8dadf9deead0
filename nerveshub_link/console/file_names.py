# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.console.file_names`
====================================================

Names of files that an operator uploads: valid for FAT and harmless in a shell; a file with another
name is never replaced. Part of `nerveshub_link.console.file_transfer`.
"""

import os


def safe_name(name) -> str:
    """
    Make a safe file name: without a path, and without characters that FAT forbids or a shell
    interprets. FAT knows Unicode, so letters are kept.

    :param name: the name that the browser sent
    :return: up to 64 characters
    """
    text = last_part(name)
    kept = [char if _is_printable(ord(char)) and char not in '"*:<>?|' else "_" for char in text]
    return "".join(kept)[-64:].strip(" .") or "upload"


def last_part(name) -> str:
    """
    Return the last part of a path.

    :param name: a path, with ``/`` or ``\\``
    :return: the name without folders
    """
    return str(name).replace("\\", "/").split("/")[-1]


def _is_printable(code: int) -> bool:
    return not (
        code < 0x20
        or 0x7F <= code < 0xA0
        # Marks that change a text's direction or are invisible: two names could look the same.
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
    Choose the path of an upload. Only a file of exactly the same name is replaced: two names may
    have the same safe name, and FAT does not distinguish ``A`` and ``a``.

    :param str path: folder and safe name
    :param str came: the name that the browser sent
    :return: the path, and a remark for the operator, ``""`` for none
    """
    if not _exists(path):
        return path, ""
    folder, _, name = path.rpartition("/")
    if name == last_part(came) and name in os.listdir(folder or "/"):
        return path, ", replacing the old file"
    stem, dot, ending = name.rpartition(".")
    if not stem:
        stem, dot, ending = name, "", ""
    number = 2
    while _exists("%s/%s-%d%s%s" % (folder, stem, number, dot, ending)):
        number += 1
    free = "%s/%s-%d%s%s" % (folder, stem, number, dot, ending)
    return free, ", since another file has the name " + name
