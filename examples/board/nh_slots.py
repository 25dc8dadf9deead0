# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
Looks after the slots' files at the first start of a prepared drive: once in a board's life, at the
desk.

A slot must lie in one piece, because a file in pieces is written in pieces, too. ``board prepare``
writes the files onto a fresh drive, where they do as a rule; only a board can see it, and notes it
in the record. A file that is missing or has another length is made here: FatFs takes the first free
clusters. What is in it does not matter, so it is reserved by a seek, in a second or two, and only
its first sectors are written: with zeros, so that nothing old is taken for a release.

A power cut meanwhile does no harm: the file's folder names its first cluster before the others are
reserved, so the next start finds them and frees them.

Never done again: in the field, a slot that is lost stays lost, the board stays online, and the
library tells why it takes no updates.
"""

import gc

import nh_boot

_FIRST = 8 * 512  # what comes before the image


def make(state: dict) -> None:
    """
    Make what is missing, and note in the record that it is done.

    :param dict state: the record; ``make`` is how many sectors a slot has
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
    """Ask the heap: open() keeps a map of a file's pieces. A file of one cluster has one."""
    if not hasattr(gc, "mem_alloc"):
        return True  # not a board
    # open() copies the path, too: so both have the same length. FatFs skips the slashes.
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
