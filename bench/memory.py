# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""What the library costs in memory and on the drive, by the MicroPython VM."""

import hashlib
import itertools
import tempfile
from pathlib import Path

from nerveshub_tools.server import HubThread
from nerveshub_tools.tls import ServerTls
from support import slots
from support.applications import META, application, archive
from support.ca import ThrowawayCa
from support.machine import Machine
from support.signing import Signer
from support.vm import Vm

from .rows import Row, at_most

_IMAGE = bytes(range(256)) * 5500  # 1.4 MB
_META = {"uuid": "new", "version": "1.1.0", "platform": "board", "architecture": "xtensa"}
_LEAST, _MOST, _STEP = 48, 304, 2  # KB
_AIM = 112
_SLOT_AIM = 136
_SIGNED_AIM = 8
_SLOT_SECTORS = 700
_SHIMS = ("select", "socketpool", "ssl", "hashlib", "zlib")
# In this order: what one has imported, the next has for nothing.
_PARTS = (
    ("extensions.router", "extensions, needed by each of them"),
    ("extensions.health", "health with a provider of your own"),
    ("extensions.board_health", "health, the default, on top of that"),
    ("extensions.device_logs", "logging"),
    ("extensions.geo", "geo"),
    ("extensions.geo_ip", "geo by the internet address, on top of that"),
    ("extensions.network_identity", "network_identity"),
    ("extensions.local_shell", "local_shell until somebody types"),
    ("extensions.shell_session", "local_shell in use, on top of that"),
    ("device.archives", "archives"),
    ("common.identify", "identify, when asked for"),
    ("console.console", "console, while nobody uses it"),
    ("console.scripts", "scripts, while none runs"),
    ("console.console_session", "console in use: session"),
    ("console.python_prompt", "console in use: prompt, line editor, runner"),
    ("console.file_transfer", "console in use: files"),
)
_LIBRARIES = ("adafruit_ticks", "adafruit_connection_manager")


def measure(vms: list, short: bool = False) -> list:
    """
    All rows of this module.

    :param vms: (name, `support.vm.Vm`) of each VM there is
    :param bool short: True to measure in the last of them only, and the heap roughly
    """
    rows = []
    step = 64 if short else _STEP
    for name, vm in vms[-1:] if short else vms:
        shims = sum(cost for module, cost in _imports(vm, _SHIMS))
        rows.append(_smallest_heap(name, vm, shims, step, tls=False))
        rows.append(_smallest_heap(name, vm, shims, step, tls=True))
        rows += _smallest_heap_of_slots(name, vm, shims, step)
        rows.append(_idle(name, vm))
        rows += _import_costs(name, vm)
    if not vms:
        rows.append(Row("memory", "no MicroPython"))
    return rows


def sizes(vm: Vm) -> list:
    """Sizes of what is put on the drive, as .mpy."""
    package = vm.folder / "nerveshub_link"
    files = sorted(package.rglob("*.mpy"))
    sizes = {str(path.relative_to(package).with_suffix("")): path.stat().st_size for path in files}
    each = ", ".join("{} {}".format(name, size) for name, size in sizes.items())
    return [Row("package as .mpy, bytes", str(sum(sizes.values()))), Row("each module", each)]


def _session(hub, vm, ca, number: int, kilobytes: int) -> bool:
    """Does a whole session pass in so much memory?"""
    options = {
        "host": "localhost",
        "port": hub.port,
        "product_key": hub.product_key,
        "product_secret": hub.product_secret,
        "identifier": "bench{}".format(number),
        "until": "reboot or error",
    }
    if ca:
        options["ca"] = ca.pem
    result = vm.run("session", options, heap=kilobytes * 1024)
    digest = hashlib.sha256(_IMAGE).hexdigest()
    finished = [line["sha256"] for line in result.all("finish")]
    return finished == [digest] and len(result.all("reboot")) == 1


def _smallest_heap(name: str, vm: Vm, shims: int, step: int, tls: bool) -> Row:
    """By bisection, down to ``step`` KB. The VM's own objects and the shims are in it."""
    with tempfile.TemporaryDirectory() as folder:
        ca = ThrowawayCa(Path(folder)) if tls else None
        server = ServerTls(*ca.issue("localhost", "127.0.0.1")) if tls else None
        with HubThread(tls=server) as hub:
            hub.deploy(hub.add_firmware(_IMAGE, _META))
            most = _bisect(step, lambda number, middle: _session(hub, vm, ca, number, middle))
    what = "smallest heap, whole session with 1.4 MB{}, {}".format(", TLS" if tls else "", name)
    return _heap_row(what, vm, most, _AIM, shims)


def _bisect(step: int, passes) -> int:
    """The smallest number of KB with which it passes, down to ``step`` KB."""
    least, most, number = _LEAST, _MOST, 0
    while most - least > step:
        middle = (least + most) // 2 // _STEP * _STEP
        number += 1
        if passes(number, middle):
            most = middle
        else:
            least = middle
    return most


def _heap_row(what: str, vm: Vm, most: int, aim: int, shims: int) -> Row:
    # The aim is for pointers of a board's size.
    row = at_most(what, most, aim, "{} KB") if vm.is_32_bit else Row(what, "{} KB".format(most))
    row.value += " ({} KB of it are shims)".format(round(shims / 1024))
    return row


def _smallest_heap_of_slots(name: str, vm: Vm, shims: int, step: int) -> list:
    """Sessions that install an image of 300 KB into a slot: unsigned, and signed."""
    most = [_smallest_of_slot(vm, step, signer) for signer in (None, Signer())]
    what = "smallest heap, whole session with an image of 300 KB into a slot, "
    more = most[1] - most[0]
    words = "{} KB" if step == _STEP else "{} KB, roughly"
    return [
        _heap_row(what + name, vm, most[0], _SLOT_AIM, shims),
        at_most("what a signed release takes more, " + name, more, _SIGNED_AIM, words),
    ]


def _smallest_of_slot(vm: Vm, step: int, signer) -> int:
    """The smallest heap in which it passes; in the next larger ones it must pass, too."""
    data = archive(application(300_000), signer=signer)
    with HubThread() as hub:
        hub.deploy(hub.add_firmware(data, dict(META, uuid="new")))
        numbers = itertools.count()

        def passes(_, kilobytes):
            return _slot_session(hub, vm, next(numbers), kilobytes, signer)

        most = _bisect(step, passes)
        while step == _STEP and not all(passes(0, most + more) for more in (step, 2 * step)):
            most += step
    return most


def _slot_session(hub, vm, number: int, kilobytes: int, signer) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        machine = Machine(Path(folder))
        slots.make_empty(folder, _SLOT_SECTORS)
        machine.install("a", {"code.py": "pass"}, **dict(META, uuid="old", version="1.0.0"))
        machine.remember(run="a", old="", trial=0)
        options = {
            "host": "localhost",
            "port": hub.port,
            "product_key": hub.product_key,
            "product_secret": hub.product_secret,
            "identifier": "slots{}".format(number),
            "until": "reboot or error",
            "drive": folder,
            "slot": "a",
            "public_keys": signer and [signer.text],
        }
        result = vm.run("session", options, heap=kilobytes * 1024)
        return len(result.all("reboot")) == 1 and machine.record.get("run") == "b"


def _idle(name: str, vm: Vm) -> Row:
    with HubThread() as hub:
        options = {
            "host": hub.host,
            "port": hub.port,
            "product_key": hub.product_key,
            "product_secret": hub.product_secret,
            "identifier": "bench",
            "until": "idle",
            "extensions": True,
        }
        result = vm.run("session", options)
    bytes_ = result.all("idle")[-1]["bytes"]
    return at_most("1,000 idle polls allocate, " + name, bytes_, 0, "{} bytes")


def _imports(vm: Vm, modules) -> list:
    result = vm.run("imports", {"modules": list(modules)})
    assert result.code == 0 and not any(line["error"] for line in result.events), result
    return [(line["module"], line["bytes"]) for line in result.events]


def _import_costs(name: str, vm: Vm) -> list:
    parts = ["nerveshub_link." + module for module, _ in _PARTS]
    wanted = (*_SHIMS, *_LIBRARIES, "nerveshub_link", *parts, "adafruit_requests")
    costs = _imports(vm, wanted)
    costs = dict(costs)
    shown = [("nerveshub_link", "importing the package"), *((one, one) for one in _LIBRARIES)]
    shown += [("nerveshub_link." + module, words) for module, words in _PARTS]
    shown.append(("adafruit_requests", "adafruit_requests, which we do not use"))
    return [
        Row("heap kept by import, {}: {}".format(name, words), "{} bytes".format(costs[module]))
        for module, words in shown
    ]
