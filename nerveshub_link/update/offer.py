# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.update.offer`
====================================================

Decides about the server's ``update`` message, before the first byte of the image is requested.
`nerveshub_link.update.offer_check` has checked the message before. Imported for one message, and
not kept.
"""

from micropython import const

from ..client import Decision, ignore
from ..errors import describe

_RETRY_DELAY = const(60 * 60 * 1000)  # milliseconds, after update_available raised
_SCARCE_DELAY = const(10 * 60 * 1000)  # without memory for the offer
_RESTART_DELAY = const(5 * 60 * 1000)  # if another update is offered before the restart
# States of the manager, which imports this module.
_IDLE = const(0)
_RENEWING = const(1)
_DOWNLOADING = const(2)
_REPORTING = const(5)
_INSTALLED = const(6)


def take_up(manager, offer, now: int) -> None:
    """
    Handle an ``update`` message. It is a part of `UpdateManager.offer`, in its own module so that
    a download does not keep it in memory; it uses the manager's private attributes.

    :param UpdateManager manager: its states are those of `nerveshub_link.update.manager`
    :param Offer offer: the content of the message
    :param int now: ticks in milliseconds
    """
    reports = manager._reports
    known = manager.state != _IDLE and offer.uuid == manager._offer.uuid
    if manager.state == _RENEWING and not known:
        manager.abort()
        manager._say("warning", "download aborted: another update is offered")
    if manager.state != _IDLE and (not known or reports.on):
        if manager.state == _INSTALLED and not known:
            reports.put_off(_RESTART_DELAY, "a restart into other firmware is due", now)
        return
    if not known:
        manager._clear()
        manager._offer = offer
    reports.begin(offer.uuid, now)
    manager._doing = "update"  # for the reason of a failure
    try:
        if known:
            _go_on(manager, offer, now)
        else:
            _decide(manager, now)
    except MemoryError:
        # Not the update's fault: ask for another offer.
        manager.abort()
        _decline(manager, now, "rescheduled", "no memory to check the update", _SCARCE_DELAY)
    except Exception as error:
        manager._fail(error, now)
    except BaseException:
        manager._interrupted()
        raise


def _go_on(manager, offer, now: int) -> None:
    """Continue an update that the server offers again, maybe at a new URL."""
    if manager.state <= _DOWNLOADING:
        _need_sound(offer)
        manager.renewed(offer, manager._image.renew(offer))
    manager._reports.status("started" if manager.state < _REPORTING else "completed", now)


def _need_sound(offer) -> None:
    if offer.problem is not None:
        raise offer.problem


def _decide(manager, now: int) -> None:
    offer = manager._offer
    decision = decide(offer, manager._config, manager._say)
    if manager.state != _IDLE:
        return  # closed by the callback
    if decision.kind == "apply":
        manager._image.start(offer, now)
        manager.accepted()
        manager._reports.status("started", now)
    elif decision.kind == "reschedule":
        _decline(manager, now, "rescheduled", decision.reason, decision.delay)
    else:
        _decline(manager, now, "ignored", decision.reason)


def _decline(manager, now: int, status: str, reason: str, delay=None) -> None:
    manager._reports.status(status, now, reason, delay)
    manager._say("info", "update ", status, ": ", reason)


def decide(offer, config, log) -> Decision:
    """
    Decide about an offer: compare it with the running firmware, then ask the writer's
    ``fwup_check`` and the application's ``update_available``.

    :param Offer offer: the offer
    :param Config config: ``client``, ``fwup_writer``, ``running_meta``
    :param log: function of level and text
    :return: the decision
    :raises UpdateError: if the offer is invalid
    """
    try:
        running = (config.running_meta() or {}).get("uuid")
    except Exception as error:
        log("error", "firmware_meta: " + describe(error))
        running = None
    if running is not None and offer.uuid == running:
        return ignore("this firmware is running already")
    writer = config.fwup_writer
    if writer is None:
        return ignore("the device has no fwup_writer")
    _need_sound(offer)
    try:
        said = writer.fwup_check(offer.meta, offer.for_deployment)
        if said is not None and said.kind != "apply":
            return Decision(said.kind, said.reason, said.delay)
    except Exception as error:
        log("error", "fwup_check: " + describe(error))
    try:
        said = config.client.update_available(offer.meta)
        return Decision(said.kind, said.reason, said.delay)
    except Exception as error:
        reason = "update_available: " + describe(error)
        log("error", reason)
        return Decision("reschedule", reason, _RETRY_DELAY)
