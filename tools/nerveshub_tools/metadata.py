# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.metadata`
================================================================================

Makes a record of the firmware that a device runs, from its join parameters.

Separate because the rules are many and independent of channels: two styles of parameters
(``nerves_fw_*`` of fwup archives, ``esp_idf_*`` of raw images), required fields, invalid versions.
`resolve` returns None where the server keeps its old record.
"""

import re
from typing import Any, Callable, Dict, Optional

Metadata = Dict[str, Any]

_SEMVER = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
)
_REQUIRED = ("uuid", "product", "architecture", "version", "platform")
_OPTIONAL = ("author", "description", "vcs_identifier", "misc")
CHIPS = {
    0: ("esp32", "xtensa"),
    2: ("esp32s2", "xtensa"),
    5: ("esp32c3", "riscv"),
    9: ("esp32s3", "xtensa"),
    0xC: ("esp32c2", "riscv"),
    0xD: ("esp32c6", "riscv"),
    0x10: ("esp32h2", "riscv"),
    0x12: ("esp32p4", "riscv"),
    0x17: ("esp32c5", "riscv"),
}


def parse_version(text: str) -> Optional[tuple]:
    """``(major, minor, patch)`` of a strict semantic version, else None."""
    match = _SEMVER.fullmatch(text)
    return tuple(int(part) for part in match.group(1, 2, 3)) if match else None


def is_prerelease(text: str) -> bool:
    """Does a semantic version have a part after a dash?"""
    match = _SEMVER.fullmatch(text)
    return bool(match and match[4])


def resolve(params: dict, known: Callable[[str], Optional[Metadata]]) -> Optional[Metadata]:
    """
    The firmware record that join parameters describe, or None when they describe none.

    :param dict params: payload of the join
    :param known: looks an uploaded firmware up by uuid; its record stands in for a bad one
    """
    tool = params.get("update_tool")
    if tool not in {"fwup", "esp-idf"}:
        # An unknown tool counts as none. With both styles present the esp_idf one is read.
        esp = "esp_idf_app_elf_sha256" in params or "esp_idf_project_name" in params
        tool = "esp-idf" if esp else "fwup"
    found = _esp_idf(params) if tool == "esp-idf" else _fwup(params)
    complete = all(_filled(found.get(name)) for name in _REQUIRED)
    if complete and parse_version(found["version"]):
        return found
    return known(found["uuid"]) if _filled(found.get("uuid")) else None


def _filled(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _fwup(params: dict) -> Metadata:
    found = {name: params.get("nerves_fw_" + name) for name in _REQUIRED + _OPTIONAL}
    found["fwup_version"] = params.get("fwup_version")
    return found


def _esp_idf(params: dict) -> Metadata:
    found: Metadata = {
        "product": params.get("esp_idf_project_name"),
        "version": esp_version(params.get("esp_idf_version")),
        "uuid": _esp_uuid(params.get("esp_idf_app_elf_sha256")),
    }
    try:
        chip = int(params.get("esp_idf_chip_id"))
    except (TypeError, ValueError):
        return found
    found["platform"], found["architecture"] = CHIPS.get(chip, (f"esp32-{chip}", "unknown"))
    if isinstance(params.get("esp_idf_ver"), str):
        found["description"] = "ESP-IDF " + params["esp_idf_ver"]
    return found


def _esp_uuid(sha: Any) -> Optional[str]:
    if not isinstance(sha, str) or not re.fullmatch(r"[0-9a-fA-F]{64}", sha):
        return None
    digits = sha[:32].lower()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def esp_version(text: Any) -> Optional[str]:
    """ESP-IDF projects call their versions what they like; the server bends some into shape."""
    if not isinstance(text, str):
        return None
    text = text[1:] if text[:1] in {"v", "V"} else text
    if parse_version(text):
        return text
    if re.fullmatch(r"\d+(\.\d+){0,3}", text):
        parts = text.split(".")
        head = ".".join((parts + ["0", "0"])[:3])
        return head + ("+" + parts[3] if len(parts) == 4 else "")
    return text
