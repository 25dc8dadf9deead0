# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.simulate_cli`
================================================================================

The command ``board simulate``: simulated boards, one for each folder.

Separate from the commands for a board on the desk (`nerveshub_tools.board_cli`), of which it needs
none.
"""

import contextlib
import select
import shutil
import threading
from pathlib import Path
from typing import Callable, Optional

import click

from .board_desk import with_library
from .board_drive import BOOT_OUT, BoardError
from .fleet_access import plain, tell

_META = ("product", "version")


@click.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(file_okay=False))
@click.option(
    "--app",
    type=click.Path(exists=True, file_okay=False),
    help="The application of new boards; none: they fetch it.",
)
@click.option("--product", help="The product's name, for new boards.")
@click.option("--version", help="Of --app.")
@click.option("--host", envvar="NERVESHUB_HOST", show_envvar=True, help="Name of the hub.")
@click.option("--port", envvar="NERVESHUB_PORT", show_envvar=True, help="Its port.")
@click.option("--ssl", envvar="NERVESHUB_SSL", show_envvar=True, help="0 for a hub without TLS.")
@click.option(
    "--ca",
    envvar="NERVES_HUB_CA_CERT",
    show_envvar=True,
    type=click.Path(exists=True, dir_okay=False),
    help="CA to trust; this computer's own if not given.",
)
@click.option("--key", envvar="NERVESHUB_PRODUCT_KEY", show_envvar=True, help="Product key.")
@click.option("--secret", envvar="NERVESHUB_PRODUCT_SECRET", show_envvar=True, help="Its secret.")
def simulate(folders, app, ca, **given) -> None:
    """
    Run simulated boards until Ctrl-C: the real boot guard and the real library.

    Each of FOLDERS is the drive of one board, and its name the board's. A folder that is not there
    becomes a new board, as board prepare lays it out, with these options in its settings.toml; one
    that is there goes on as it is.
    """
    check_system()
    simulated = with_library("simulated_board")
    meta = {name: given.pop(name) for name in _META}
    drives = [Path(folder) for folder in folders]
    if len({drive.name for drive in drives}) < len(drives):
        raise click.UsageError("two folders have the same name, and boards are called by it")
    try:
        for drive in drives:
            if not (drive / BOOT_OUT).is_file():
                _make(simulated.make_drive, drive, app, meta, given)
        with contextlib.ExitStack() as stack:
            for number, drive in enumerate(drives):
                board = simulated.SimulatedBoard(
                    drive, _printer(drive.name), ca=ca, uid=f"{number + 1:012x}"
                )
                stack.enter_context(board)
            with contextlib.suppress(KeyboardInterrupt):
                threading.Event().wait()
    except (BoardError, ValueError) as error:
        raise click.ClickException(plain(error)) from error


def check_system() -> None:
    """
    Check that the library can connect on this system.

    :raises click.ClickException: if it can't: on Windows
    """
    if not hasattr(select, "poll"):
        raise click.ClickException(
            "simulated boards and devices need select.poll, which Windows does not have: run them"
            " on Linux or macOS, or in WSL"
        )


def _make(make_drive: Callable, drive: Path, app: Optional[str], meta: dict, given: dict) -> None:
    if drive.is_dir() and any(drive.iterdir()):
        raise BoardError(f"{drive} is no simulated board's drive, and not empty: give a new folder")
    for name in ("host", "key", "secret"):
        if not given[name]:
            raise click.UsageError(f"a new board needs --{name}; the hub prints it (--env)")
    settings = {
        "NERVESHUB_HOST": given["host"],
        "NERVESHUB_PRODUCT_KEY": given["key"],
        "NERVESHUB_PRODUCT_SECRET": given["secret"],
        "NERVESHUB_PORT": given["port"],
        "NERVESHUB_SSL": given["ssl"],
        "NERVESHUB_IDENTIFIER": drive.name,
    }
    settings = {name: text for name, text in settings.items() if text}
    described = {name: text for name, text in meta.items() if text}
    try:
        make_drive(drive, app=app, meta=described, settings=settings)
    except BaseException:
        shutil.rmtree(drive, ignore_errors=True)  # half a board would be taken for a whole one
        raise
    tell(f"{drive}: a new board")


def _printer(name: str) -> Callable[[dict], None]:
    """What a board does, a line each."""

    def show(event: dict) -> None:
        kind = event["event"]
        if kind == "output":
            tell(f"{name}: {event['text']}")
        elif kind == "boot":
            tell(f"{name}: starts ({event['reset'].lower().replace('_', ' ')})")
        elif kind == "ended" and event["how"] == "crashed":
            for line in (event["traceback"] or "").rstrip().splitlines():
                tell(f"{name}: {line}")
        elif kind == "watchdog":
            tell(f"{name}: the watchdog has reset it")
        elif kind == "safe_mode":
            tell(f"{name}: safe mode ({event['reason'].lower().replace('_', ' ')})")
        elif kind in {"prompt", "died"}:
            tell(f"{name}: {kind}")

    return show
