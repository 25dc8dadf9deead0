# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.config.metadata`
====================================================

Checks firmware metadata by one set of rules: the option ``firmware_meta``, a writer's metadata of
the running firmware, and an offered update. So no update gets installed whose metadata the next
start would refuse. Imported for a check only.
"""

from micropython import const

NEEDED = ("uuid", "product", "architecture", "version", "platform")
OPTIONAL = ("author", "description", "vcs_identifier", "misc")
_EXAMPLES = {
    "uuid": "0dbbe4ad-4c5e-5b1b-9d6a-2f0e7c3b8a11",
    "product": "greenhouse",
    "architecture": "xtensa",
    "version": "1.2.3",
    "platform": "esp32s3",
}
_LONGEST_UUID = const(255)  # NervesHub's column; the boot guard's record has 496 bytes in all
_DIGITS = const("0123456789")
_LETTERS = const("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-")


def check_metadata(name: str, meta) -> None:
    """
    Check all fields of firmware metadata.

    :param str name: name of the metadata's source, for the error's text
    :param meta: the metadata; unknown fields are not checked
    :raises ValueError: for the first mistake, with the field's name and an example
    """
    if not isinstance(meta, dict):
        raise ValueError(name + " must be a dict")
    for key in NEEDED:
        value = meta.get(key)
        if not isinstance(value, str) or not value:
            raise ValueError('%s needs %s, a text such as "%s"' % (name, key, _EXAMPLES[key]))
        for char in value:
            if char < " " or char == "\x7f":
                words = '%s: %s has a control character in it; write it like "%s"'
                raise ValueError(words % (name, key, _EXAMPLES[key]))
    for key in OPTIONAL:
        if meta.get(key) is not None and not isinstance(meta[key], str):
            raise ValueError(name + ": " + key + " must be a text or None")
    uuid = meta["uuid"]
    for char in uuid:
        if not " " <= char <= "~" or char in '"\\':
            uuid = ""
    if not 0 < len(uuid) <= _LONGEST_UUID:
        raise ValueError(
            '%s: uuid must be ASCII without quotes, at most %d characters, such as "%s"'
            % (name, _LONGEST_UUID, _EXAMPLES["uuid"])
        )
    if not is_semver(meta["version"]):
        raise ValueError(
            "%s: version must be like 1.2.3 or 1.2.3-rc.1 (SemVer, no leading zeros): NervesHub"
            " ignores any other" % name
        )


def is_semver(text: str) -> bool:
    """
    Tell whether a version follows Semantic Versioning 2.0.0 (https://semver.org), which NervesHub
    demands.

    :param str text: the version
    :return: True if it does
    """
    rest, plus, build = text.partition("+")
    if plus and not _are_identifiers(build, False):
        return False
    core, dash, before = rest.partition("-")
    if dash and not _are_identifiers(before, True):
        return False
    numbers = core.split(".")
    for number in numbers:
        if not _is_number(number):
            return False
    return len(numbers) == 3


def _are_identifiers(text: str, numeric: bool) -> bool:
    """Check dot-separated identifiers; with ``numeric``, numbers must have no leading zeros."""
    for part in text.split("."):
        if not part or part.strip(_DIGITS + _LETTERS):
            return False
        if numeric and not part.strip(_DIGITS) and not _is_number(part):
            return False
    return True


def _is_number(text: str) -> bool:
    return bool(text) and not text.strip(_DIGITS) and (text == "0" or text[0] != "0")
