# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.fat_layout`
================================================================================

Where files and folders lie in an image. A `fresh` layout puts one behind the other. A layout `like`
that of an earlier image leaves everything where it was, if it still has room there: a board writes
only what differs, and erases 4 KB of flash for each cluster that it writes.
"""

from dataclasses import dataclass
from typing import Dict, Optional, Tuple

MOST_FREE = 3
"""One cluster may lie free for so many that are used, and `SOME_FREE` in any case."""
SOME_FREE = 64
_FREE, _TAKEN = b"\0", b"\1"


@dataclass(frozen=True)
class Layout:
    """
    :param dict places: path, of a folder with a slash at its end -> first cluster, counted from 0,
        and how many it has in one piece. What has no cluster is not in it
    :param int fat: sectors that the allocation table has at least
    :param int root: sectors that the root folder has at least
    """

    places: Dict[str, Tuple[int, int]]
    fat: int = 1
    root: int = 1

    @property
    def clusters(self) -> int:
        """Up to the last one that is used (read-only)."""
        return max((first + count for first, count in self.places.values()), default=0)

    @property
    def used(self) -> int:
        """Clusters that hold something (read-only)."""
        return sum(count for _, count in self.places.values())


def fresh(needs: Dict[str, int]) -> Layout:
    """
    One behind the other, without a gap.

    :param dict needs: path -> clusters, in the order in which they shall lie
    """
    places, at = {}, 0
    for path, count in needs.items():
        if count:
            places[path] = (at, count)
            at += count
    return Layout(places)


def like(needs: Dict[str, int], old: Layout, most: int) -> Optional[Layout]:
    """
    As much as possible where it was.

    What has become longer stays if what lay behind it is gone, else it moves, as what is new, into
    the first gap that is large enough, or to the end. If that makes more clusters than there may
    be, what lies last moves into gaps, or closes the last of them. The same ``needs`` and the same
    layout give the same layout.

    :param int most: clusters that there may be
    :return: None if that is too few
    """
    needs = {path: count for path, count in needs.items() if count}
    taken = bytearray(old.clusters + sum(needs.values()))
    places: Dict[str, Tuple[int, int]] = {}

    def put(path: str, first: int) -> None:
        places[path] = (first, needs[path])
        taken[first : first + needs[path]] = _TAKEN * needs[path]

    for path, count in needs.items():
        if path in old.places and count <= old.places[path][1]:
            put(path, old.places[path][0])
    for path, count in needs.items():
        if path not in places and path in old.places:
            first = old.places[path][0]
            if taken.find(_TAKEN, first, first + count) < 0:
                put(path, first)
    # The longest ones first: they fit into the fewest gaps.
    left = sorted(needs.keys() - places.keys(), key=lambda path: (-needs[path], path))
    for path in left:
        put(path, taken.find(_FREE * needs[path]))
    used = sum(needs.values())
    most = min(most, used + max(used // MOST_FREE, SOME_FREE))
    if used > most:
        return None
    while True:
        layout = Layout(places, old.fat, old.root)
        if layout.clusters <= most:
            return layout
        path = max(places, key=places.__getitem__)
        first, count = places[path]
        gap = taken.find(_FREE * count, 0, first)
        if gap >= 0:
            taken[first : first + count] = _FREE * count
            put(path, gap)
        else:
            _close_last_gap(taken, places, layout.clusters)


def _close_last_gap(taken: bytearray, places: Dict[str, Tuple[int, int]], end: int) -> None:
    """Move down what lies behind the last gap."""
    stop = taken.rfind(_FREE, 0, end) + 1
    begin = taken.rfind(_TAKEN, 0, stop) + 1
    for path, (first, count) in places.items():
        if first >= stop:
            places[path] = (first - (stop - begin), count)
    del taken[begin:stop]
