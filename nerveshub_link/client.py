# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.client`
====================================================

What the user's application decides and hears. Subclass `Client`, override what matters, and pass
an instance to `NervesHubLink`. Every method has a sensible default, and every one may raise
without harm: the error goes to ``last_error`` and the logger, and the link goes on.

Decisions are values: `APPLY`, `IGNORE`, `ignore` with a reason, `reschedule` with a delay.
"""


class Decision:
    """
    What to do with an update. Made by `ignore` and `reschedule`; `APPLY` and `IGNORE` are ready.

    :param str kind: ``"apply"``, ``"ignore"`` or ``"reschedule"``
    :param str reason: for the operator
    :param int delay: milliseconds, for ``"reschedule"``
    """

    def __init__(self, kind: str, reason: str = "", delay: int = 0) -> None:
        self.kind = kind
        self.reason = reason
        self.delay = delay


APPLY = Decision("apply")
"""Take the update now."""

DOWNLOAD = Decision("download")
"""Take the archive now."""

IGNORE = Decision("ignore", "ignored by the device")
"""
Do not take it. NervesHub then offers this device no deployment update for 24 hours (by default).
"""


def ignore(reason: str) -> Decision:
    """
    Do not take the update, and say why; costs what `IGNORE` costs.

    :param str reason: what the operator reads in NervesHub
    """
    return Decision("ignore", str(reason))


def reschedule(milliseconds: int, reason: str = "not now") -> Decision:
    """
    Not now: NervesHub offers a deployment's update again after the delay. A manual push is lost.

    :param int milliseconds: delay, at least 0
    :param str reason: what the operator reads in NervesHub
    :raises ValueError: if the delay is not a whole number of milliseconds
    """
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int) or milliseconds < 0:
        raise ValueError("reschedule: milliseconds must be an int, at least 0")
    return Decision("reschedule", str(reason), milliseconds)


class Client:
    """
    The application's side of the link. All methods are called from within `NervesHubLink.poll`.
    """

    def update_available(self, meta: dict) -> Decision:
        """
        Decide about an update. If this raises, the update is put off by an hour, with the reason
        told.

        :param dict meta: of the new firmware: ``uuid``, ``version``, ``product``, ``platform``,
            ``architecture``, and ``author``, ``description``, ``misc``, ``vcs_identifier`` or None
        :return: `APPLY`, `IGNORE`, `ignore` or `reschedule`
        """
        return APPLY

    def fwup_progress(self, percent: int, stage: str) -> None:
        """
        Hear how far an update is.

        :param int percent: 0 to 100
        :param str stage: ``"downloading"``, then ``"updating"``
        """

    def fwup_error(self, reason: str) -> None:
        """
        Hear that an update failed. What runs goes on running.

        :param str reason: as NervesHub is told
        """

    def reboot(self) -> None:
        """
        Restart the device: after an update, when an operator asks, or after long loss of the
        network. By default ``microcontroller.reset()``.
        """
        import microcontroller  # noqa: PLC0415 only boards have it

        microcontroller.reset()

    def identify(self):
        """
        Make the device noticeable: an operator wants to find it. By default ``board.NEOPIXEL`` or
        ``board.LED`` blinks for ten seconds, where there is one that nobody uses.

        :return: None; or a generator that does it step by step, of the milliseconds to its next
            step: so the main loop goes on meanwhile
        """
        from .common.identify import blink  # noqa: PLC0415 when somebody asks

        return blink()

    def archive_available(self, info: dict) -> Decision:
        """
        Decide about an archive, a file that NervesHub has for this device; only with the option
        ``archive_folder``.

        :param dict info: ``uuid``, ``version``, ``size`` in bytes, ``description``, ``platform``,
            ``architecture``, ``uploaded_at``
        :return: `DOWNLOAD`, `IGNORE`, `ignore`, or `reschedule` to be asked again
        """
        return IGNORE

    def archive_ready(self, path: str, verified: bool) -> None:
        """
        Use an archive that has arrived. The file is the application's from now on. If this raises,
        it is called again at the next join.

        :param str path: where the file is
        :param bool verified: True if its signature proved right. NervesHub gives no checksum for an
            archive: while this is False, anything may be in the file
        """

    def public_keys(self, kind: str, keys: list) -> None:
        """
        Hear which public keys the organisation signs with; only with ``request_public_keys``. They
        are also kept in ``NervesHubLink.public_keys``.

        :param str kind: ``"fwup"`` for firmware, or ``"archive"``
        :param list keys: Ed25519 keys, each 32 bytes
        """

    def handle_connected(self) -> None:
        """Hear that the device has joined: NervesHub sees it online now."""

    def handle_disconnected(self, reason: str) -> None:
        """
        Hear that a joined device is offline again. The link reconnects by itself.

        :param str reason: why, in words
        """

    def handle_blocking(self, what: str, seconds: int) -> None:
        """
        Hear that `NervesHubLink.poll` is about to do something that may block. Feed a watchdog of
        your own here; that of `FwupWriter.watchdog` is fed.

        :param str what: ``"wifi"``, ``"connect"``, a further connection (``"download"``,
            ``"archive"``, ``"geo"``), or ``"erase"`` (a firmware bank: `FwupWriter.blocks_next`)
        :param int seconds: bound of each single wait in it
        """
