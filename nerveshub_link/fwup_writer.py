# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.fwup_writer`
====================================================

The port to the flash: whoever stores firmware implements `FwupWriter`. The update manager
downloads and verifies; a writer only writes, and knows what is installed.

The order of calls is ``fwup_begin``, ``fwup_chunk`` for each piece, then either ``fwup_finish``,
once, after length and checksum proved right, or ``fwup_abort``. Any of them may raise: the update
is then aborted and reported as failed with the exception's text.
"""


class FwupWriter:
    """Base class of writers. Override the four ``fwup_`` methods of an update at least."""

    def firmware_meta(self):
        """
        Tell what is running now, which is what the device reports when it joins.

        :return: dict with ``uuid``, ``product``, ``architecture``, ``version``, ``platform`` and
            optionally ``author``, ``description``, ``vcs_identifier``, ``misc``; or None if this
            writer does not know: the option ``firmware_meta`` serves then
        """
        return None

    def firmware_validated(self) -> bool:
        """
        Tell whether the running firmware has been confirmed.

        :return: False from the first start of a new firmware until `fwup_confirm`
        """
        return True

    def firmware_auto_reverted(self) -> bool:
        """
        Tell whether the device went back to this firmware because a newer one proved bad.

        :return: True until the next update is installed
        """
        return False

    def fwup_begin(self, size, meta: dict) -> None:
        """
        Get ready for a new firmware. What runs must stay bootable all the while.

        :param int size: its length in bytes
        :param dict meta: its metadata, as in `Client.update_available`
        """
        raise NotImplementedError("fwup_begin")

    def fwup_chunk(self, data: memoryview) -> None:
        """
        Write the next bytes.

        :param memoryview data: at most ``chunk_size`` bytes, valid during this call only
        """
        raise NotImplementedError("fwup_chunk")

    def fwup_finish(self) -> None:
        """Commit: all bytes were written and verified. Takes effect at the next start."""
        raise NotImplementedError("fwup_finish")

    def fwup_abort(self) -> None:
        """Drop what was written. Also called when `fwup_begin` itself or `fwup_finish` raised."""

    def fwup_confirm(self) -> None:
        """Keep the running firmware: it reached NervesHub and runs well."""
