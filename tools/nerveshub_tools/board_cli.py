# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.board_cli`
================================================================================

The commands for a board on the desk: ``board prepare``, ``board status``, ``pack``, ``keygen``.
"""

import sys

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Table

from . import board_settings
from .board_drive import BoardError, Drive

_FOLDER = click.Path(exists=True, file_okay=False)
_META = (
    click.option("--product", help="The product's name in NervesHub."),
    click.option("--version", help="Of the application, as SemVer: 1.2.3."),
    click.option("--platform", help="As the uploaded firmware has it."),
    click.option("--architecture", help="Likewise."),
    click.option("--description", help="For the operator."),
    click.option("--author", help="Likewise."),
    click.option("--vcs-identifier", help="Likewise: a commit."),
    click.option("--misc", help="Likewise."),
)


def _described(command):
    for option in reversed(_META):
        command = option(command)
    return command


@click.group()
def board() -> None:
    """Prepare a board for updates, and look at it."""


@board.command()
@click.argument("path", type=_FOLDER)
@click.option("--app", type=_FOLDER, help="The application, for slot a; none: it is fetched.")
@_described
@click.option("--reset", is_flag=True, help="Begin anew: empty slots, new record.")
@click.option(
    "--library",
    type=click.Choice(["auto", "circup", "copy", "none"]),
    default="auto",
    show_default=True,
    help="How nerveshub_link gets into /lib; auto is circup, else copy.",
)
@click.option("--yes", is_flag=True, help="Don't ask.")
def prepare(path, app, reset, library, yes, **meta) -> None:
    """
    Lay boot guard, slots, rescue application and library onto the CIRCUITPY mounted at PATH.

    Run it again to bring guard and library up to date; slots and record are kept, unless --reset.
    """
    board_prepare = with_library("board_prepare")
    console = Console()

    def ask(text: str) -> bool:
        console.print(text, markup=False, highlight=False)
        return yes or click.confirm("Go on?")

    def tell(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    try:
        drive = Drive(path)
        wish = board_prepare.Wish(app, meta, reset, library)
        with Progress(
            TextColumn("writing"),
            BarColumn(),
            TaskProgressColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
            auto_refresh=False,
        ) as bar:
            task = bar.add_task("writing")

            def progress(size: int) -> None:
                bar.advance(task, size)
                bar.refresh()

            work = board_prepare.Preparation(drive, wish, ask, tell, progress)
            bar.update(task, total=work.total)
            tell(f"{work.info.board_id}, CircuitPython {work.info.version}")
            if work.info.untried:
                tell(work.info.untried)
            if not work.run():
                raise click.ClickException("nothing was changed")
    except (BoardError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    for text in board_prepare.still_needed(drive):
        tell("* " + text)


@board.command()
@click.argument("path", type=_FOLDER)
def status(path) -> None:
    """Tell what the CIRCUITPY mounted at PATH holds. Ends with 1 if something is wrong."""
    board_status = with_library("board_status")
    console = Console()
    table = Table.grid(padding=(0, 2))
    try:
        look = board_status.Status(Drive(path), lambda *cells: table.add_row(*map(_plain, cells)))
        good = look.run()
    except BoardError as error:
        raise click.ClickException(str(error)) from error
    console.print(table)
    for fault in look.faults:
        console.print("[bold red]wrong[/bold red]:", _plain(fault), soft_wrap=True)
    sys.exit(0 if good else 1)


@board.command()
@click.argument("path", type=_FOLDER)
@click.argument("switch", type=click.Choice(["on", "off"]))
def develop(path, switch) -> None:
    """
    Leave the drive of the CIRCUITPY mounted at PATH to the computer (on), or to the board's code.

    Sets NERVESHUB_DEVELOP in settings.toml, in the line that counts. It holds from the next reset
    on.
    """
    try:
        drive = Drive(path)
        settings = drive.file(board_settings.NAME)
        old = settings.read_bytes() if settings.is_file() else b""
        new = board_settings.with_develop(old, switch == "on")
        if new != old:
            drive.write(board_settings.NAME, new)
    except BoardError as error:
        raise click.ClickException(str(error)) from error
    owner = "the computer: no updates" if switch == "on" else "the board's code"
    click.echo(f"After the next reset, the drive is for {owner}. Eject it, and press reset.")


def _plain(text: str) -> str:
    """A text of the drive without what would steer the terminal, or rich."""
    shown = "".join(char if char.isprintable() or char == "\n" else "?" for char in text)
    return shown.replace("[", "\\[")


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


@click.command("pack")
@click.argument("folder", type=_FOLDER)
@click.option("-o", "--output", type=click.Path(dir_okay=False), required=True, help="FILE.fw")
@_described
@click.option("--private-key", type=click.Path(exists=True, dir_okay=False), help="Sign with it.")
@click.option("--stored", is_flag=True, help="Don't compress: unpacks faster, downloads longer.")
def pack_command(folder, output, private_key, stored, **meta) -> None:
    """
    Pack the application in FOLDER into a .fw for NervesHub.

    NervesHub takes signed archives only: make keys with keygen or fwup -g, give the server the
    public one, and sign with --private-key.
    """
    packer = with_library("packer")
    try:
        key = packer.read_key(private_key) if private_key else None
        uuid = packer.pack(folder, output, meta, key=key, compress=not stored)
    except packer.Unfit as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"{error.filename or output}: {error.strerror}") from error
    click.echo(f"{output}: {meta['product']} {meta['version']}, {uuid}")
    if key is None:
        click.echo("not signed: NervesHub will refuse it (--private-key)", err=True)


@click.command()
@click.argument("name", default="fwup-key")
def keygen(name) -> None:
    """Make a pair of keys for signing: NAME.pub for the server, NAME.priv to be kept safe."""
    try:
        public, private = with_library("packer").make_keys(name)
    except OSError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{public}: for NervesHub and for boards\n{private}: keep it secret, and safe")
