# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.update.offer_check`
====================================================

Checks the server's ``update`` message. (NervesHub builds it in
``lib/nerves_hub/devices/update_payload.ex``.) Separate from `nerveshub_link.update.offer`, so that
the two modules are not in memory at the same time. Imported for one message, and not kept.
"""

from ..config.metadata import check_metadata
from ..errors import UpdateError
from .image_check import sha256_text
from .image_download import Offer


def examine(payload: dict, config):
    """
    Read what a message offers, and check it.

    :param dict payload: the message
    :param Config config: ``allow_unverified``, ``ssl``, ``fwup_writer``
    :return: the `Offer`, with its checksum in lower-case hex; its ``problem`` is the error if the
        offer is invalid. None if the message offers nothing
    """
    if not _offers(payload):
        return None
    offer = Offer(payload)
    try:
        _check(offer, config)
    except Exception as error:
        offer.problem = error
    return offer


def _offers(payload: dict) -> bool:
    """Tell whether the message offers an update; the server also sends empty messages."""
    return (
        payload.get("update_available") is True
        and isinstance(payload.get("firmware_meta"), dict)
        and bool(payload.get("firmware_url"))
    )


def _check(offer, config) -> None:
    if offer.checksum is not None:
        offer.checksum = sha256_text(offer.checksum)
        if offer.checksum is None:
            raise UpdateError("the update's checksum is not a SHA-256")
    elif getattr(config.fwup_writer, "public_keys", ()):
        pass  # the signature, which is checked later, proves more than a checksum
    elif not config.allow_unverified:  # NervesHub has none for very old firmware
        raise UpdateError("the update has no checksum, and allow_unverified is off")
    elif config.ssl and str(offer.url)[:6].lower() != "https:":
        # Over http, anyone on the network path could replace the image.
        raise UpdateError("the update has neither a checksum nor an https address")
    size = offer.size
    if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size <= 0):
        raise UpdateError("the update has a bad size")
    try:
        check_metadata("the update's firmware_meta", offer.meta)
    except ValueError as error:
        raise UpdateError(str(error)) from None
