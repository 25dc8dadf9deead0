# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.demo_timeline`
================================================================================

The demonstration's output: the name and time of each step, a bar for the download, and the step
that is still missing.
"""

import time

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

_PERCENT_STEP = 25


class Timeline:
    """
    Prints each step when its turn has come.

    :param Console console: where to
    :param tuple steps: the words, in the only right order
    """

    def __init__(self, console: Console, steps: tuple) -> None:
        self.seen = []
        self._steps = steps
        self._console = console
        self._began = time.monotonic()
        self._shown_percent = 0
        self._size = 0
        self._progress = Progress(
            TextColumn("           [cyan]{task.description:<12}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task = self._progress.add_task("downloading", total=1, visible=False)

    def __enter__(self) -> "Timeline":
        self._progress.start()
        return self

    def __exit__(self, *_exception) -> None:
        self._progress.stop()

    @property
    def missing(self) -> str:
        """The step that is due; "" after the last one (read-only)."""
        return self._steps[len(self.seen)] if len(self.seen) < len(self._steps) else ""

    def heading(self, text: str, size: int) -> None:
        """A new part begins. ``size`` is that of its download, in bytes."""
        self._size, self._shown_percent = size, 0
        self._progress.reset(self._task, total=size, visible=False)
        self._console.print(f"[bold]{text}[/bold]", highlight=False, soft_wrap=True)

    def step(self, word: str, text: str) -> None:
        """A step was reached. What is not due says nothing: it was there already."""
        if word != self.missing:
            return
        self.seen.append(word)
        seconds = time.monotonic() - self._began
        self._console.print(
            f"[dim]{seconds:7.2f} s[/dim]  [bold green]{word:<12}[/bold green] {escape(text)}",
            highlight=False,
            soft_wrap=True,
        )

    def percent(self, value: int) -> None:
        """The download's percentage, as the device reported it to the hub."""
        self._progress.update(self._task, completed=self._size * value // 100, visible=True)
        if not self._console.is_terminal and value >= self._shown_percent + _PERCENT_STEP:
            self._shown_percent = value
            self._console.print(f"{'':25}{value} %", highlight=False)
