# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
The boot guard's launcher inside MicroPython, with an image on a drive, both on FatFs: it runs what
is in the image and leaves it; how a run ended is told even without any memory.
"""

import pytest
from nerveshub_tools import fat_image
from support import slots
from support.machine import FILES
from support.vm import Vm, build, compile_mpy

pytestmark = pytest.mark.vm

HEAP = 64 * 1024
# Held by sys, for as a global of code.py it would be free again when that has ended.
HOARD = """
import sys
kept = sys.path
while True:
    kept.append(bytearray({}))
"""
EMPTY = "there is nothing in it, but FAT images are made of files"


@pytest.fixture(scope="module")
def vm(micropython, tmp_path_factory):
    return Vm(micropython, build(tmp_path_factory.mktemp("drive") / "mpy"))


@pytest.fixture(name="launch")
def launcher(vm, tmp_path):
    """Run an application from slot a; returns how that ended, and what it printed."""

    def launch(files, seconds=1, torn=False, look=False, heap=HEAP):
        slots.make_empty(tmp_path)
        slots.install(tmp_path, "a", files)
        image = slots.path_of(tmp_path, "a").read_bytes()
        drive = {
            "nh_run.py": (FILES / "nh_run.py").read_bytes(),
            "code.py": b"print('the guard')",
            "lib/sensor.py": b"VALUE = 'of the drive'",
            "images/a/app.img": image[: 50 * 512] if torn else image,
        }
        drive.update((name + "/empty", EMPTY.encode()) for name in ("slot", "media", "nh_a"))
        (tmp_path / "flash").write_bytes(fat_image.build(drive).data)
        options = {"drive": str(tmp_path / "flash"), "folder": "/images/a", "seconds": seconds}
        result = vm.run("launcher", {**options, "look": look}, heap=heap)
        return result.one("ended"), result

    return launch


@pytest.mark.parametrize(
    ("code", "seconds", "how", "folder"),
    [
        ("pass", 1, "ended", "/"),
        ("raise SystemExit", 1, "ended", "/"),
        (HOARD.format(16), 1, "MemoryError", "/images"),
        (HOARD.format(16), 600, "MemoryError", "/nh_b"),
        ("x = 1\n" * 20000, 1, "MemoryError", "/images"),
        ("#" * 100_000, 1, "MemoryError", "/images"),
        ("this is no Python", 1, "SyntaxError", "/images"),
        ("raise KeyboardInterrupt", 1, "KeyboardInterrupt", "/nh_a"),
        ("class Reload(BaseException): pass\nraise Reload", 1, "Reload", "/"),
    ],
    ids="end exit hoard late-hoard compile read syntax interrupt reload".split(),
)
def test_the_folder_in_which_the_guard_starts_tells_how_a_run_ended(
    launch, code, seconds, how, folder
):
    ended, _ = launch({"code.py": code}, seconds)
    assert (ended["how"], ended["folder"]) == (how, folder)
    assert ended["cwd"] == "/"
    assert ended["path"][:3] == ["", "/", "/lib"]


APPLICATION = """
import json, os, sys
import sensor, package.inner
result = {
    "event": "seen",
    "name": __name__,
    "folder": os.getcwd(),
    "file": globals().get("__file__"),
    "path": sys.path[0],
    "sensor": sensor.VALUE,
    "inner": package.inner.VALUE,
    "slot": sys.modules["nh_launcher"].slot,
    "background": [],
}
for path in ("/slot/sound.wav", "/media/sound.wav"):
    with open(path, "rb") as file:
        result["background"].append(sum(file.read()))
try:
    open("new", "w")
except OSError as error:
    result["errno"] = error.errno
print(json.dumps(result))
"""
SEEN = {
    "event": "seen",
    "name": "__main__",
    "folder": "/slot",
    "file": "/slot/code.py",
    "path": "/slot/lib",
    "sensor": "of the image",
    "inner": 7,
    "slot": "a",
    "background": [3000, 3000],
    "errno": 30,
}
FILES_OF_IT = {
    "lib/sensor.py": "VALUE = 'of the image'",
    "lib/package/__init__.py": "",
    "lib/package/inner.py": "VALUE = 7",
    "sound.wav": b"\x03" * 1000,
}


def test_the_application_runs_out_of_its_image_which_is_mounted_twice(launch):
    ended, result = launch({"code.py": APPLICATION, **FILES_OF_IT})
    assert result.one("seen") == SEEN
    assert (ended["how"], ended["folder"]) == ("ended", "/")


def test_compiled_code_is_imported_and_called_code(launch, tmp_path):
    (tmp_path / "code.py").write_text(APPLICATION)
    compiled = compile_mpy(tmp_path / "code.py", "code.py").read_bytes()
    ended, result = launch({"code.mpy": compiled, **FILES_OF_IT})
    seen = result.one("seen")
    assert {**seen, "file": ""} == {**SEEN, "name": "code", "file": ""}
    assert (ended["how"], ended["folder"]) == ("ended", "/")


def test_without_code_it_is_a_crash_and_the_guard_s_own_code_py_is_not_run_instead(launch):
    ended, result = launch({"lib/sensor.py": ""})
    assert (ended["how"], ended["folder"]) == ("OSError", "/images")
    assert "the guard" not in result.output


def test_an_exception_within_the_image_leaves_it_whole(launch):
    files = {"code.py": "import deep.module", "lib/deep/__init__.py": ""}
    files["lib/deep/module.py"] = "open('/slot/code.py')\nraise ValueError('a bug')"
    ended, _ = launch(files, look=True)
    assert (ended["how"], ended["folder"]) == ("ValueError", "/images")
    assert (ended["cwd"], ended["path"]) == ("/", ["", "/", "/lib"])
    assert ended["files"] == ["code.py", "lib"]


# Each read of a round is interrupted in turn; what the round finds must be right all the same.
INTERRUPTED = """
import json, os, nh_run

class Interrupts:
    def __init__(self, file):
        self._file = file
        self.at = None
        self.count = 0

    def seek(self, at):
        self.count += 1
        if self.count == self.at:
            raise KeyboardInterrupt
        self._file.seek(at)

    def readinto(self, buffer):
        return self._file.readinto(buffer)

import vfs
image = nh_run.Image("/images/a/app.img")
image._file = interrupts = Interrupts(image._file)
vfs.umount("/media")
vfs.mount(vfs.VfsFat(image), "/media", readonly=True)
good = hit = 0
for at in range(1, 30):
    interrupts.count, interrupts.at = 0, at
    names = sorted(os.listdir("/media/lib"))
    with open("/media/sound.wav", "rb") as file:
        good += names == ["package", "sensor.py"] and sum(file.read()) == 3000
    hit += interrupts.count >= at
print(json.dumps({"event": "interrupted", "good": good, "hit": hit}))
"""


def test_a_ctrl_c_within_a_read_of_the_image_does_not_harm_it(launch):
    ended, result = launch({"code.py": INTERRUPTED, **FILES_OF_IT}, heap=96 * 1024)
    found = result.one("interrupted")
    assert found["good"] == 29, result
    assert found["hit"] > 5
    assert ended["how"] == "ended"


def test_an_image_that_ends_too_early_is_an_error_and_no_exception_of_the_block_device(launch):
    code = "print(len(open('large.bin', 'rb').read()))"
    ended, _ = launch({"code.py": code, "large.bin": bytes(100_000)}, torn=True, heap=256 * 1024)
    assert (ended["how"], ended["folder"]) == ("OSError", "/images")
