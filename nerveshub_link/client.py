# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.client`
====================================================

The application's callbacks and decisions. Derive from `Client`, override methods as needed, and
pass an instance to `NervesHubLink`. Every method has a default. An exception in any of them is
logged and kept in ``last_error``, and the link goes on.

Decisions are values: `APPLY`, `IGNORE`, `ignore` with a reason, `reschedule` with a delay.
"""


class Decision:
    """
    What to do with an update or an archive: `APPLY`, `DOWNLOAD`, `IGNORE`, or the result of
    `ignore` or `reschedule`.

    :param str kind: ``"apply"``, ``"download"``, ``"ignore"`` or ``"reschedule"``
    :param str reason: the reason for the operator
    :param int delay: milliseconds, for ``"reschedule"``
    """

    def __init__(self, kind: str, reason: str = "", delay: int = 0) -> None:
        self.kind = kind
        self.reason = reason
        self.delay = delay


APPLY = Decision("apply")
"""Install the update now."""

DOWNLOAD = Decision("download")
"""Download the archive now."""

IGNORE = Decision("ignore", "ignored by the device")
"""
Do not install it. NervesHub then offers this device no deployment update for 24 hours (by default).
"""


def ignore(reason: str) -> Decision:
    """
    Do not install the update, with a reason. It has the same effect as `IGNORE`.

    :param str reason: the reason that NervesHub shows to the operator
    :return: the decision
    """
    return Decision("ignore", str(reason))


def reschedule(milliseconds: int, reason: str = "not now") -> Decision:
    """
    Do not install the update now: NervesHub offers a deployment's update again after the delay. A
    manual push is not offered again.

    :param int milliseconds: the delay, at least 0
    :param str reason: the reason that NervesHub shows to the operator
    :return: the decision
    :raises ValueError: if the delay is not a whole number of milliseconds
    """
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int) or milliseconds < 0:
        raise ValueError("reschedule: milliseconds must be an int, at least 0")
    return Decision("reschedule", str(reason), milliseconds)


class Client:
    """
    Base class of the application's callbacks. All methods are called by `NervesHubLink.poll`.
    """

    def update_available(self, meta: dict) -> Decision:
        """
        Decide about an update. If this raises, the update is rescheduled by an hour, with the
        exception as its reason.

        :param dict meta: the new firmware's metadata: ``uuid``, ``version``, ``product``,
            ``platform``, ``architecture``, and ``author``, ``description``, ``misc``,
            ``vcs_identifier``, each a text or None
        :return: `APPLY`, `IGNORE`, `ignore` or `reschedule`
        """
        return APPLY

    def fwup_progress(self, percent: int, stage: str) -> None:
        """
        Called with the progress of an update.

        :param int percent: 0 to 100
        :param str stage: ``"downloading"``, then ``"updating"``
        """

    def fwup_error(self, reason: str) -> None:
        """
        Called when an update has failed. The running application goes on.

        :param str reason: the reason, as reported to NervesHub
        """

    def reboot(self) -> None:
        """
        Restart the device: after an update, at an operator's request, or after a long loss of the
        network. The default is ``microcontroller.reset()``. Outputs that must not be left as they
        are can be switched off here, before ``super().reboot()``.
        """
        import microcontroller  # noqa: PLC0415 only boards have it

        microcontroller.reset()

    def identify(self):
        """
        Make the device noticeable for an operator who wants to find it. By default
        ``board.NEOPIXEL`` or ``board.LED`` blinks for ten seconds, if the application does not use
        it.

        :return: None; or a generator that yields the milliseconds to its next step, so that the
            main loop goes on meanwhile
        """
        from .common.identify import blink  # noqa: PLC0415 only at an operator's request

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
        Use a downloaded archive. The file belongs to the application from now on. If this raises,
        it is called again after the next join.

        :param str path: path of the file
        :param bool verified: True if one of the device's public keys has signed it, and all of its
            files are as signed. NervesHub sends no checksum of an archive: if this is False, the
            file's content is not protected
        """

    def public_keys(self, kind: str, keys: list) -> None:
        """
        Called with the organization's public signing keys; only with the option
        ``request_public_keys``. They are also in ``NervesHubLink.public_keys``.

        :param str kind: ``"fwup"`` for firmware, or ``"archive"``
        :param list keys: Ed25519 keys, each 32 bytes
        """

    def handle_connected(self) -> None:
        """Called when the device has joined: NervesHub shows it as online."""

    def handle_disconnected(self, reason: str) -> None:
        """
        Called when a joined device is offline again. The link reconnects by itself.

        :param str reason: the reason in words
        """

    def handle_blocking(self, what: str, seconds: int) -> None:
        """
        Called before a step of `NervesHubLink.poll` that may block. Feed your own watchdog here;
        that of `FwupWriter.watchdog` is fed by the link.

        :param str what: ``"wifi"``, ``"connect"``, a further connection (``"download"``,
            ``"archive"``, ``"geo"``), or ``"erase"`` (a firmware bank: `FwupWriter.blocks_next`)
        :param int seconds: limit of each single wait in it
        """
