# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.board_desk`
================================================================================

One run of ``board prepare`` before a person: the question, then the bar; and what is on the drive
when it did not end.
"""

from dataclasses import replace
from typing import Dict, Optional

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from . import (
    board_settings,
    library_sources,
    settings_answers,
    settings_changes,
    settings_faults,
)
from .board_drive import BoardError, Drive, in_words
from .board_library import Library
from .settings_answers import Answers


def with_library(name: str):
    """A module of these tools that needs the library. The hub alone runs without it."""
    try:
        return __import__("nerveshub_tools." + name, fromlist=[name])
    except ImportError as error:
        if (error.name or "").split(".")[0] == "nerveshub_tools":
            raise
        raise click.ClickException(
            f"this needs the library itself ({error.name} is missing): pip install ."
            " './tools[device]' in a clone of nerveshub_link"
        ) from error


def tell(text: str) -> None:
    """A line for the person, on standard output, whatever is in it."""
    Console().print(text, markup=False, highlight=False, soft_wrap=True)


def prompt(text: str, hide: bool) -> str:
    """Ask for a text; a secret is not shown while it is typed."""
    return click.prompt(text, default="", show_default=False, hide_input=hide)


class Desk:
    """
    Prepares boards.

    :param bool yes: answer all questions with yes
    :param bool ask: ask for what settings.toml lacks
    :param dict values: settings of all boards, which come before those of their files
    :param DeviceCertificates certificates: gives each board a certificate of its own; or None
    """

    def __init__(
        self, yes: bool = False, ask: bool = False, values: Optional[dict] = None, certificates=None
    ) -> None:
        self._yes = yes
        self._values = values or {}
        self._certificates = certificates
        if certificates is not None:
            self._values = {**self._values, **certificates.settings}
        self._libraries: Dict[str, Library] = {}
        self._answers = Answers(tell, prompt if ask else None)

    def prepare(
        self, drive: Drive, wish, file: Optional[bytes] = None, values: Optional[dict] = None
    ) -> bool:
        """
        Prepare one board.

        :param board_prepare.Wish wish: what the user wants
        :param bytes file: a settings.toml for it; None completes that of the drive
        :param dict values: settings of this board, which come before those of the file
        :return: False if the user did not want it
        :raises BoardError: if it failed, was interrupted, or can't be; tells what is there then
        :raises ValueError: if the application or what it is called is not fit for it
        """
        console = Console()
        # The bar is drawn from the first byte on: a question that it is drawn over can't be read.
        bar = Progress(
            TextColumn("writing"),
            BarColumn(),
            TaskProgressColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
            auto_refresh=False,
        )
        task = bar.add_task("writing")

        def progress(size: int) -> None:
            bar.start()
            bar.advance(task, size)
            bar.refresh()

        wish = replace(wish, find=self._find)
        work = with_library("board_prepare").Preparation(drive, wish, self._ask, tell, progress)
        tell(f"{work.info.board_id}, CircuitPython {work.info.version}")
        if work.info.untried:
            tell(work.info.untried)
        settings = self._settings(drive, wish, file, values or {})
        if settings is not None:
            work.use_settings(settings)
        device = self._certify(drive, work, settings)
        bar.update(task, total=work.total)
        try:
            done = work.run()
        except (BoardError, OSError) as error:
            raise BoardError(_joined(in_words(error), work.unfinished())) from error
        except KeyboardInterrupt:
            raise BoardError(_joined("interrupted", work.unfinished())) from None
        finally:
            bar.stop()
        if done and device is not None:
            tell(self._certificates.register(work.product, device))
        return done

    def complete(self, file: Optional[bytes], given) -> bytes:
        """
        A settings.toml for several boards.

        :param bytes file: what there is of it; None for the template
        :param given: names of the settings that each board brings itself
        """
        data = file if file and file.strip() else board_settings.template().encode()
        for name, value in self._values.items():
            data = settings_changes.with_value(data, name, value)
        return settings_changes.with_advice(self._answers.complete(data, given))

    def _certify(self, drive: Drive, work, settings: Optional[bytes]) -> Optional[str]:
        """Let the board have a certificate, if that is wanted; gives the device's name then."""
        if self._certificates is None:
            return None
        found = board_settings.Settings(board_settings.on(drive) if settings is None else settings)
        device = found.text("NERVESHUB_IDENTIFIER")
        work.use_files(self._certificates.files(drive, device))
        return device

    def _find(self, drive: Drive, way: str, archives) -> Library:
        """The library; it is looked for once for each version of CircuitPython."""
        version = drive.info().version.split(".", maxsplit=1)[0]
        if version not in self._libraries:
            self._libraries[version] = library_sources.find(drive, way, archives)
        return self._libraries[version]

    def _settings(self, drive: Drive, wish, file: Optional[bytes], values: dict) -> Optional[bytes]:
        """The board's settings.toml; None leaves it as it is."""
        old = board_settings.on(drive)
        data = old if file is None else file
        if not data.strip():
            data = board_settings.template(**wish.settings).encode()
        before = data
        for name, value in {**self._values, **values}.items():
            data = settings_changes.with_value(data, name, value)
        data = self._answers.complete(data)
        if file is None and data == before:
            return None
        if file is not None:
            settings_answers.check(data, "the settings", board_settings.version_of(drive))
        elif self._certificates is not None:
            faults = settings_faults.faults(board_settings.Settings(data))
            if faults:
                raise BoardError(f"{board_settings.NAME}: " + "; ".join(faults))
        return settings_changes.with_advice(data)

    def _ask(self, text: str) -> bool:
        tell(text)
        return self._yes or click.confirm("Go on?")


def _joined(first: str, second: str) -> str:
    """Two sentences; the second one may be missing."""
    end = "" if first.endswith("?") else "."
    return f"{first}{end} {second}" if second else first
