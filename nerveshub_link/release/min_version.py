# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.release.min_version`
====================================================

Checks the signed ``min-version``, which prevents going back to releases with a known vulnerability.
It is in the resource's section of ``meta.conf`` (``docs/release_format.rst``). A writer's record
keeps the highest one of all confirmed releases. Imported with a signed update only.
"""

from ..errors import UpdateError, printable


def check(version: str, wanted, lowest) -> None:
    """
    Check that a release may be installed.

    :param str version: the release's version
    :param wanted: the release's ``min-version``, bytes or None
    :param lowest: the ``min-version`` in the device's record, text or None
    :raises UpdateError: if the version is lower than one of them, or can't be compared
    """
    try:
        wanted = None if wanted is None else wanted.decode()
    except ValueError:  # UnicodeError is a ValueError
        raise UpdateError("meta.conf is not UTF-8") from None
    for least in (wanted, lowest):
        if least is None:
            continue
        if _parsed(least) is None or not least.replace(".", "").isdigit():
            words = "meta.conf: min-version is '%s' instead of three numbers such as 1.2.3"
            raise UpdateError(words % printable(least))
        own = _parsed(version)
        if own is None:
            words = "version '%s' can't be compared with the minimum %s of this device"
            raise UpdateError(words % (printable(version), least))
        if own < _parsed(least):
            words = "version %s is older than %s, the lowest that this device accepts"
            raise UpdateError(words % (version, least))


def higher(one, other):
    """
    Return the higher one of two versions.

    :param one: text, or None
    :param other: text, or None
    :return: text, or None if both are None
    """
    if one is None or other is None:
        return one or other
    return one if _parsed(one) >= _parsed(other) else other


def _parsed(text: str):
    """Parse a version: three numbers, then 0 for a pre-release, else 1; None if it is invalid."""
    core, dash, _ = text.partition("+")[0].partition("-")
    parts = core.split(".")
    for part in parts:
        if not part.isdigit() or len(part) > 9:
            return None
    if len(parts) != 3:
        return None
    return [int(part) for part in parts] + [0 if dash else 1]
