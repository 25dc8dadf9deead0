# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""CircuitPython's update by the library inside MicroPython."""

import pytest
from nerveshub_tools import packer
from support.banks import BOARD, image
from support.vm import ROOT, Vm, build, compile_mpy

pytestmark = pytest.mark.vm


def archive(data, folder):
    source, target = folder / "firmware.bin", folder / "firmware.fw"
    source.write_bytes(data)
    meta = dict(product="p", version="10.3.0", platform=BOARD, architecture="xtensa")
    packer.pack(source, target, meta)
    return target.read_bytes()


def test_firmware_is_updated_twice_and_goes_back(micropython, tmp_path):
    folder = build(tmp_path / "drive")
    for path in ("tests/support/banks.py", "tools/nerveshub_tools/board_modules.py"):
        source = folder / path.rsplit("/", 1)[1]
        source.write_text((ROOT / path).read_text())
        compile_mpy(source, source.name)
        source.unlink()

    options = {"archive": archive(image("10.3.0", 7000), tmp_path).hex()}
    result = Vm(micropython, folder).run("firmware", options, heap=320 * 1024)

    print(result.output)
    assert [line["event"] for line in result.events] == [
        "imported",
        "made",
        "installed",
        "runs",
        "polled",
        "back",
    ], result
    assert result.one("made")["validated"] is False
    assert result.one("made")["bytes"] < 4000
    assert result.one("installed")["whole"] is True
    assert result.one("runs") == {"event": "runs", "version": "10.2.0", "validated": False}
    assert result.one("polled")["bytes"] == 0
    back = result.one("back")
    assert (back["version"], back["reverted"], back["decision"]) == ("10.2.0", True, "reschedule")
    assert "it crashed" in back["why"]
