# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.update.bad_release`
====================================================

Decides which releases a deployment must not install on this device again, and answers their offers.
Shared by `AppSlotWriter` and `DualBankWriter`, and imported only when an update is offered.

Two kinds of releases are bad: one that crashed or hung (recorded by the writers), and one that a
deployment has installed three times without a confirmation, for whatever reason. NervesHub does not
notice the second kind: a join with a new uuid empties its list of update attempts
(``lib/nerves_hub/firmware_updates.ex``), so it would offer the release again without end.

The answer to a bad release is ``rescheduled``, never ``ignored``: ``ignored`` blocks every update
of the deployment for the penalty time, 24 hours by default, including a release that repairs the
fault. NervesHub counts ``rescheduled`` as an attempt, and blocks the device by itself after the
third one.

The record's ``tried`` is a list of two: 30 bits of the CRC-32 of the release's uuid, and how many
times it was installed. The CRC instead of the uuid keeps the record short.
"""

import binascii

from micropython import const

from ..client import reschedule

_MOST = const(3)
_HOUR = const(60 * 60 * 1000)
_WORDS = {
    "crashed": "crashed",
    "hung": "hung",
    "tries": "was installed 3 times and never confirmed",
}


def _key(uuid: str) -> int:
    return binascii.crc32(uuid.encode()) & 0x3FFFFFFF  # a small int on every board


def counted(tried, uuid: str, by_deployment: bool):
    """
    Count an installation.

    :param tried: the record's ``tried``, or None
    :param str uuid: uuid of the installed release
    :param bool by_deployment: False for a push by hand, which resets the release's count
    :return: the new value of ``tried``, or None
    """
    key = _key(uuid)
    same = tried is not None and tried[0] == key
    if not by_deployment:
        return None if same else tried
    return [key, tried[1] + 1 if same else 1]


def confirmed(tried, uuid):
    """
    Reset the count of a release that was confirmed.

    :param tried: the record's ``tried``, or None
    :param str uuid: the release's uuid, or None if it is not known
    :return: the new value of ``tried``, or None
    """
    return None if tried is None or (uuid and tried[0] == _key(uuid)) else tried


def used_up(tried, uuid) -> bool:
    """
    Tell whether deployments have installed a release as often as allowed.

    :param tried: the record's ``tried``, or None
    :param str uuid: the release's uuid, or None
    :return: True if they have
    """
    return bool(tried and uuid and tried[1] >= _MOST and tried[0] == _key(uuid))


def refusal(state: dict, uuid):
    """
    Tell why a deployment must not install a release into a slot.

    :param dict state: the record on the drive, see `nerveshub_link.slots.record`
    :param str uuid: the release's uuid
    :return: the reason, or None
    """
    why, text = None, ""
    if uuid == state.get("bad") and state.get("why") in _WORDS:
        from ..common.brief import brief, mask_cut  # noqa: PLC0415 after a failure only

        why, text = state["why"], brief(mask_cut(state.get("tb", "")))
    elif used_up(state.get("tried"), uuid):
        why = "tries"
    if why is None:
        return None
    return "this release %s on this device%s" % (_WORDS[why], text and ": " + text)


def after_install(state: dict, run: str, old: str, uuid: str, by_deployment: bool) -> dict:
    """
    Make the record for a release that was installed into a slot.

    :param dict state: the record on the drive, see `nerveshub_link.slots.record`
    :param str run: the slot with the new release
    :param str old: the slot to go back to, or ``""``
    :param str uuid: the release's uuid
    :param bool by_deployment: False for a push by hand
    :return: the record to write
    """
    before = state.get("tried")
    tried = counted(before, uuid, by_deployment)
    state = dict(state)
    if tried != before and used_up(before, state.get("bad")):
        state["why"] = "tries"  # stays bad, though its count is replaced by another release's
    for key in ("rev", "tb", "ends", "crashes", "tried"):
        state.pop(key, None)
    if tried is not None:
        state["tried"] = tried
    state["run"], state["old"], state["trial"] = run, old, 1
    return state


def put_off(uuid: str, last, reason: str):
    """
    Answer the offer of a bad release: reschedule the first one by an hour, each further one of the
    same release by four hours.

    :param str uuid: uuid of the bad release
    :param str last: uuid of the bad release that was rescheduled last, or None
    :param str reason: why it is bad, for the operator
    :return: a `reschedule`
    """
    return reschedule(4 * _HOUR if uuid == last else _HOUR, reason)
