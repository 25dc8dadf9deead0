# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.release.writer_choice`
====================================================

Combines several writers into one, for boards that update both their application and CircuitPython.
Made by the link if the option ``fwup_writer`` is a tuple or a list of more than one.

An update goes to the first writer that accepts it, by its first bytes and, if it is a ``.fw``, by
its ``meta.conf``. The bytes before that are kept: 8 KB at most, and one chunk.
"""

from micropython import const

from ..errors import UpdateError
from ..update.fwup_writer import FwupWriter, give_log

_MOST = const(8 * 1024)
_FIRST = const(4)
_PIECE = const(1024)


class _Stop(Exception):
    """``meta.conf`` is known: stop reading."""


class _Probe:
    """A sink of a `FwReader` that needs only ``meta.conf``."""

    busy = False

    def __init__(self) -> None:
        self.conf = None

    def archive_meta(self, conf: bytes, signature) -> None:
        try:
            self.conf = conf.decode()
        except ValueError:  # UnicodeError is a ValueError
            raise UpdateError("meta.conf is not UTF-8") from None
        raise _Stop


class WriterChoice(FwupWriter):  # noqa: PLR0904 all that a writer has
    """
    Chooses a writer for each update.

    :param writers: two or more `FwupWriter`; the first one that accepts an update gets it
    """

    def __init__(self, writers) -> None:
        self._writers = tuple(writers)
        self._drop()

    def _drop(self) -> None:
        self._chosen = None
        self._kept = None  # bytes from before the choice that were not passed on yet
        self._next = b""  # the last bytes, if they were not passed on yet
        self._busy = False  # True if the chosen writer has more work with its bytes
        self._update = None
        self._reader = None
        self._probe = None

    @property
    def installed(self) -> int:
        """The greatest number of all writers (read-only)."""
        return max(writer.installed for writer in self._writers)

    def firmware_meta(self):
        """Return the metadata of the writer with the latest installation, or else of another."""
        best, found = -1, None
        for writer in self._writers:
            meta = writer.firmware_meta()
            if meta is not None and writer.installed > best:
                best, found = writer.installed, meta
        return found

    def firmware_validated(self) -> bool:
        """Return False while any of the writers has firmware on trial."""
        return all(writer.firmware_validated() for writer in self._writers)

    def firmware_auto_reverted(self) -> bool:
        """Return True if any of the writers went back."""
        return any(writer.firmware_auto_reverted() for writer in self._writers)

    def last_failure(self):
        """Return the failures of all writers, joined, or None."""
        told = [writer.last_failure() for writer in self._writers]
        return "; ".join(text for text in told if text) or None

    def health(self) -> dict:
        """Return the values for the health report of all writers that have this method."""
        told = {}
        for writer in self._writers:
            if hasattr(writer, "health"):
                told.update(writer.health())
        return told

    def poll(self) -> bool:
        """Poll all writers; return True if one of them asks for a restart."""
        restart = False
        for writer in self._writers:
            if writer.poll():
                restart = True
        return restart

    def feed(self) -> None:
        """Feed the watchdogs of all writers."""
        for writer in self._writers:
            if hasattr(writer, "feed"):
                writer.feed()

    @property
    def watchdog_seconds(self):
        """The shortest time of all writers, or None (read-only)."""
        given = [getattr(writer, "watchdog_seconds", None) for writer in self._writers]
        return min((seconds for seconds in given if seconds is not None), default=None)

    def fwup_check(self, meta: dict, deployment: bool):
        """Return the first decision of a writer, or None."""
        for writer in self._writers:
            decision = writer.fwup_check(meta, deployment)
            if decision is not None:
                return decision
        return None

    @property
    def blocks_next(self) -> int:
        """Seconds that the next `fwup_chunk` may block (read-only)."""
        return self._chosen.blocks_next if self._chosen is not None else 0

    def fwup_begin(self, size, meta: dict) -> None:
        """Prepare to keep the first bytes, until a writer is chosen."""
        self.fwup_abort()
        self._kept = bytearray()
        self._update = (size, meta)

    def fwup_chunk(self, data: memoryview):
        """
        Keep the bytes until a writer is chosen. It gets them with the next chunk, so that its
        `blocks_next` can be read before.

        :return: as the chosen writer's ``fwup_chunk``
        """
        if self._chosen is not None:
            if len(data):
                self._next = data
            return self._pass_on()
        self._keep(data)
        return True

    def _keep(self, data: memoryview) -> None:
        kept = self._kept
        if len(kept) > _MOST:
            raise UpdateError("no meta.conf in the first %d bytes of the archive" % _MOST)
        kept.extend(data)
        if len(kept) < _FIRST:
            return
        if kept[:2] != b"PK":
            self._choose(None)
            return
        if self._reader is None:
            from .fw_reader import FwReader  # noqa: PLC0415 with such an update only

            self._probe = _Probe()
            self._reader = FwReader(self._probe)
            data = bytes(kept)
        try:
            self._reader.feed(data)
        except _Stop:
            self._choose(self._probe.conf)
        except UpdateError as error:
            self._choose(None, error)  # a writer may accept other archives

    def _choose(self, conf, why=None) -> None:
        self._reader = self._probe = None
        first = bytes(self._kept[:_FIRST])
        for writer in self._writers:
            if writer.fwup_accepts(first, conf):
                break
        else:
            raise why or UpdateError(
                "none of the %d writers accepts this update: it begins with %s%s"
                % (len(self._writers), first.hex(), " and has a meta.conf" if conf else "")
            )
        self._kept = memoryview(self._kept)
        self._chosen = writer  # before the calls: if they raise, fwup_abort must be called
        give_log(writer, self.log)
        writer.next_install = self.installed + 1
        writer.by_deployment = self.by_deployment
        writer.fwup_begin(*self._update)

    def _pass_on(self) -> bool:
        """Pass a piece of the kept bytes, or the last ones; return False if there is more work."""
        piece = b""
        if not self._busy:
            if len(self._kept):
                piece, self._kept = self._kept[:_PIECE], self._kept[_PIECE:]
            else:
                piece, self._next = self._next, b""
        self._busy = self._chosen.fwup_chunk(piece) is False
        return not (self._busy or len(self._kept) or len(self._next))

    @property
    def public_keys(self) -> tuple:
        """Those of the chosen one; before, those of the first, if all have some (read-only)."""
        writers = self._writers if self._chosen is None else (self._chosen,)
        found = [getattr(writer, "public_keys", ()) for writer in writers]
        return found[0] if all(found) else ()

    @property
    def fwup_first(self) -> int:
        """The greatest value of all writers, since the choice is not known yet (read-only)."""
        return max(getattr(writer, "fwup_first", 0) for writer in self._writers)

    def fwup_next(self, received: int, kept: bool):
        """Ask the chosen writer, after it has got the kept bytes. Without one, all bytes come."""
        if self._chosen is None:
            return received, 0
        if (self._busy or len(self._kept)) and not self._pass_on():
            return False
        return self._chosen.fwup_next(received, kept)

    @property
    def finished_percent(self) -> int:
        """Progress of the chosen writer's `fwup_finish` (read-only)."""
        return self._chosen.finished_percent if self._chosen is not None else 0

    def fwup_finish(self):
        """Finish the update of the chosen writer; return False if it has more work."""
        if self._chosen is None:
            raise UpdateError("the update ended before its type was known")
        if (self._busy or len(self._kept)) and not self._pass_on():
            return False  # the whole update was short enough to be kept
        if self._chosen.fwup_finish() is False:
            return False
        self._drop()
        return True

    def fwup_abort(self) -> None:
        """Abort the update of the chosen writer, if there is one."""
        chosen = self._chosen
        self._drop()
        if chosen is not None:
            chosen.fwup_abort()

    def fwup_confirm(self) -> None:
        """Confirm all firmware on trial; if one writer raises, the others are confirmed, too."""
        failure = None
        for writer in self._writers:
            try:
                if not writer.firmware_validated():
                    writer.fwup_confirm()
            except Exception as error:
                failure = error
        if failure is not None:
            raise failure
