# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
CircuitPython is updated on a board with two banks (``banks``, laid beside this), confirmed, updated
again, and goes back. Options: ``archive``: the second update as a ``.fw``, in hex. Prints one JSON
line for each step, with the memory that the writer holds.
"""

import gc
import json
import sys

import banks


def tell(event, **more):
    more["event"] = event
    print(json.dumps(more))


def held(before):
    gc.collect()
    return gc.mem_alloc() - before


def main(options):
    board = banks.Board(banks.image("10.1.0", 3000), 16384)
    import nerveshub_link  # noqa: F401, PLC0415

    gc.collect()
    before = gc.mem_alloc()
    import nerveshub_link.bank.dual_bank_writer  # noqa: F401, PLC0415

    tell("imported", bytes=held(before))
    before = gc.mem_alloc()
    writer = board.start(firmware_meta=banks.meta_of("10.1.0", 9))
    tell("made", bytes=held(before), validated=writer.firmware_validated())
    writer.fwup_confirm()

    image = banks.image("10.2.0", 9000)
    banks.install(writer, image, banks.meta_of("10.2.0"), 1000)
    tell("installed", whole=bytes(board.dualbank.other[: len(image)]) == image)
    writer = board.start()
    tell("runs", version=writer.firmware_meta()["version"], validated=writer.firmware_validated())
    writer.fwup_confirm()
    sys.modules["microcontroller"] = board.modules()["microcontroller"]
    sys.modules["watchdog"] = banks.Bag(WatchDogMode=banks.WATCHDOG_MODES)
    writer.watchdog(60)
    gc.collect()
    del board.heard[:]
    board.watchdog._note = lambda what: None
    before = gc.mem_alloc()
    for _ in range(100):
        writer.poll()
    tell("polled", bytes=gc.mem_alloc() - before)

    banks.install(writer, bytes.fromhex(options["archive"]), banks.meta_of("10.3.0", 3), 1000)
    for _ in range(4):
        writer = board.start("c")
    decision = writer.fwup_check(banks.meta_of("10.3.0", 3), True)
    tell(
        "back",
        version=writer.firmware_meta()["version"],
        reverted=writer.firmware_auto_reverted(),
        why=writer.last_failure(),
        decision=decision.kind,
    )


main(json.load(sys.stdin))
