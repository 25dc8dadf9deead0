# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.slots.earlier_starts`
====================================================

Describes the failures of earlier starts, which the boot guard has counted in the record. Part of
`nerveshub_link.slots.app_slot_writer`; imported only when there are any, since memory is scarce.
"""

from ..common.brief import brief, mask_cut

_WORDS = {
    "crashed": "crashed",
    "hung": "hung",
    "power": "lost power",
    "unconfirmed": "was not confirmed in time",
    "torn": "had a damaged image",
}


def failures_of(state: dict, running: str, refuses) -> str:
    """
    Describe the failures of earlier starts.

    :param dict state: the record, see `nerveshub_link.slots.record`
    :param str running: the running slot, ``""`` for the rescue application
    :param refuses: why no update is accepted, text or None
    :return: the failures in words; ``""`` if there were none
    """
    words = []
    if refuses:
        words.append(refuses + ", no updates")
    if not running:
        words.append("no complete application is left, the rescue application runs")
    if state.get("rev"):
        why = _WORDS.get(state.get("why"), "failed")
        words.append("went back: release %s %s" % (state.get("bad"), why))
    if state.get("safe"):
        words.append("%d starts in safe mode" % state["safe"])
    if state.get("tb"):
        words.append(brief(mask_cut(state["tb"])))
    return ": ".join(words)
