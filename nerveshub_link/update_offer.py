# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.update_offer`
====================================================

The server's ``update``: is it sound, and is it wanted? Everything that is said about it before its
first byte is asked for (the payload's source is NervesHub's
``lib/nerves_hub/devices/update_payload.ex``). Imported for a message, and not kept.
"""

from micropython import const

from .client import Decision, ignore
from .errors import UpdateError, describe
from .image_check import sha256_text
from .metadata import check_metadata

_RETRY_DELAY = const(60 * 60 * 1000)  # after update_available raised


def is_offer(payload: dict) -> bool:
    """
    Tell whether an ``update`` offers something. The server also sends empty ones.

    :param dict payload: the message
    """
    return (
        payload.get("update_available") is True
        and isinstance(payload.get("firmware_meta"), dict)
        and bool(payload.get("firmware_url"))
    )


def check(offer, config) -> None:
    """
    See whether an offer can be installed at all.

    :param Offer offer: its checksum is in lower-case hex afterwards
    :param Config config: ``allow_unverified``, ``ssl``
    :raises UpdateError: if it is no good
    """
    if offer.checksum is not None:
        offer.checksum = sha256_text(offer.checksum)
        if offer.checksum is None:
            raise UpdateError("the update's checksum is no SHA-256")
    elif not config.allow_unverified:  # NervesHub has none for very old firmware
        raise UpdateError("the update has no checksum, and allow_unverified is off")
    elif config.ssl and str(offer.url)[:6].lower() != "https:":
        # Anybody on the way could put another image in its place.
        raise UpdateError("the update has neither a checksum nor an https address")
    size = offer.size
    if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size <= 0):
        raise UpdateError("the update has a bad size")
    try:
        check_metadata("the update's firmware_meta", offer.meta)
    except ValueError as error:
        raise UpdateError(str(error)) from None


def decide(offer, config, log) -> Decision:
    """
    Ask everybody who has a say: what runs, the writer, the application.

    :param Offer offer: checked here on the way
    :param Config config: ``client``, ``fwup_writer``, ``allow_unverified``, ``ssl``
    :param log: function of level and text
    :return: what to do
    :raises UpdateError: if the offer is no good
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
    check(offer, config)
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
