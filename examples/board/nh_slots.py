# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
Checks and makes the slots' files, at the first start of a prepared drive only.

A slot's file must be contiguous on the drive, because a fragmented file is written in fragments,
too. ``board prepare`` writes the files onto a fresh drive, where they usually are contiguous; only
a board can check that, and notes it in the record. A file that is missing or has another length is
made here: FatFs takes the first free clusters. Its content does not matter, so it is reserved by a
seek, in a second or two, and only its first sectors are written with zeros, so that no old bytes
look like a release.

A power cut meanwhile does no harm: the file's folder entry names its first cluster before the
others are reserved, so the next start finds and frees them.

This is never repeated: in the field, a lost slot stays lost, the board stays online, and the
library reports why it accepts no updates.
"""

import gc

import nh_boot

_FIRST = 8 * 512  # bytes before the image


def make(state: dict) -> None:
    """
    Make missing files, and note in the record that this is done.

    :param dict state: the record; ``make`` is the length of a slot's file in sectors of 512 bytes
    :raises OSError: if the drive can't be written; the next start tries again
    """
    if nh_boot.developing():
        print("nh_slots: NERVESHUB_DEVELOP is on, so the slots are made at a later start")
        return
    size = state["make"] * 512
    print("nh_slots: making two slots of %d KB, once" % (size // 1024))
    bad = ""
    for slot in ("a", "b"):
        path = nh_boot.ROOT + "/images/" + slot + "/app.img"
        if nh_boot._size(path) != size:
            _reserve(path, size)
        if nh_boot._size(path) != size:
            why = "there is no room for it"
        elif not _is_in_one_piece(path):
            why = "it is not in one piece"
        else:
            print("nh_slots: slot", slot, "is there")
            continue
        print("nh_slots: slot", slot, "can't be used:", why, "- erase the drive, prepare it again")
        bad += slot
    done = dict(state)
    del done["make"]
    if bad:
        done["split"] = bad
    nh_boot.save(done)
    state.clear()
    state.update(done)


def _reserve(path: str, size: int) -> None:
    with open(path, "wb") as file:
        file.write(bytes(_FIRST))
        file.flush()
        file.seek(size - 512)
        file.write(bytes(512))


def _is_in_one_piece(path: str) -> bool:
    """Tell whether a file is contiguous, by the size of the map that open() allocates."""
    if not hasattr(gc, "mem_alloc"):
        return True  # not a board
    # Compare with a file of one cluster. open() also copies the path, so both paths get the same
    # length; FatFs ignores repeated slashes.
    one = "code.py"
    one = nh_boot.ROOT + "/" * (len(path) - len(nh_boot.ROOT) - len(one)) + one
    return min(_taken(path), _taken(path)) <= min(_taken(one), _taken(one))


def _taken(path: str) -> int:
    gc.collect()
    before = gc.mem_alloc()
    file = open(path, "rb")
    taken = gc.mem_alloc() - before
    file.close()
    return taken
