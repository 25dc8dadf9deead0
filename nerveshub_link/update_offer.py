# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.update_offer`
====================================================

The server's ``update``: is it sound, and is it wanted? Everything that is said about it before its
first byte is asked for (the payload's source is NervesHub's
``lib/nerves_hub/devices/update_payload.ex``).
"""

from micropython import const

from .client import Decision, ignore
from .errors import UpdateError, describe
from .image_check import sha256_text

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


class Offer:
    """
    What the server wants installed.

    :param dict payload: an ``update`` that `is_offer`
    """

    def __init__(self, payload: dict) -> None:
        self.meta = payload["firmware_meta"]
        self.uuid = self.meta.get("uuid")
        self.url = payload["firmware_url"]
        self.size = payload.get("size")
        """Length of the image in bytes, or None."""
        self.checksum = payload.get("checksum")
        """SHA-256 of the image, after `check` in lower-case hex, or None."""
        self.partials = payload.get("partials_checksums")
        """The parts' checksums, unchecked: see `nerveshub_link.image_check`."""
        self.for_deployment = payload.get("deployment_id") is not None
        """True for a deployment's update, which the server can offer again; False for a push."""

    def check(self, allow_unverified: bool) -> None:
        """
        See whether it can be installed at all.

        :param bool allow_unverified: whether it may come without a checksum
        :raises UpdateError: if it is no good
        """
        if self.checksum is not None or not allow_unverified:
            if self.checksum is None:  # NervesHub has none for very old firmware
                raise UpdateError("the update has no checksum, and allow_unverified is off")
            self.checksum = sha256_text(self.checksum)
            if self.checksum is None:
                raise UpdateError("the update's checksum is no SHA-256")
        size = self.size
        if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size <= 0):
            raise UpdateError("the update has a bad size")

    def is_same_image(self, other) -> bool:
        """
        Tell whether another offer is for the very same bytes.

        :param Offer other: of the same uuid
        """
        same = self.size == other.size and self.checksum == other.checksum
        return same and self.checksum is not None


def decide(offer: Offer, config, log) -> Decision:
    """
    Ask everybody who has a say: what runs, the writer, the application.

    :param Offer offer: checked here on the way
    :param Config config: ``client``, ``fwup_writer``, ``allow_unverified``
    :param log: function of level and text
    :return: what to do
    :raises UpdateError: if the offer is no good
    """
    if not isinstance(offer.uuid, str):
        raise UpdateError("the update has no uuid")
    try:
        running = (config.running_meta() or {}).get("uuid")
    except Exception as error:
        log("error", "firmware_meta: " + describe(error))
        running = None
    if offer.uuid == running:
        return ignore("this firmware is running already")
    writer = config.fwup_writer
    if writer is None:
        return ignore("the device has no fwup_writer")
    offer.check(config.allow_unverified)
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
