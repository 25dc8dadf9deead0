# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.board_cli`
================================================================================

The commands for a board on the desk: ``board status``, ``board develop``, ``board pull``; ``pack``
and ``keygen``. What prepares boards: `nerveshub_tools.prepare_cli`.
"""

import sys

import click
from rich.console import Console
from rich.table import Table

from . import archive_packer, board_settings, keys, packer, settings_changes
from .board_desk import with_library
from .board_drive import BoardError, Drive, in_words

_FOLDER = click.Path(exists=True, file_okay=False)
_DESCRIBED = (
    click.option("--product", help="The product's name in NervesHub."),
    click.option("--version", help="Of the application, as SemVer: 1.2.3."),
    click.option("--platform", help="As the uploaded firmware has it."),
    click.option("--architecture", help="Likewise."),
    click.option("--description", help="For the operator."),
    click.option("--author", help="Likewise."),
    click.option("--vcs-identifier", help="Likewise: a commit."),
    click.option("--misc", help="Likewise."),
)
META = (
    "product",
    "version",
    "platform",
    "architecture",
    "description",
    "author",
    "vcs_identifier",
    "misc",
)
"""What `described` adds to a command's parameters."""
_DEFAULT_SLOT = packer.DEFAULT_SLOT // 1024


def slot_size_option(default):
    """The option ``--slot-size``, in KB."""
    words = "KB of a slot's file, as board prepare has laid it out."
    if default is None:
        words = (
            "KB of each slot's file, for good; 288 on a drive of 960 KB, a third of larger ones,"
            " 1 MB at most."
        )
    return click.option(
        "--slot-size",
        type=click.IntRange(32, 32_000),
        metavar="KB",
        default=default,
        show_default=default is not None,
        help=words,
    )


def described(command):
    """The options that tell what an application is called."""
    for option in reversed(_DESCRIBED):
        command = option(command)
    return command


@click.group()
def board() -> None:
    """Prepare a board for updates, and look at it."""


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
    except (BoardError, OSError) as error:
        raise click.ClickException(_plain_line(in_words(error))) from error
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
        old = board_settings.on(drive)
        new = settings_changes.with_develop(old, switch == "on")
        if new != old:
            settings_changes.rewrite(drive, new)
    except (BoardError, OSError) as error:
        raise click.ClickException(_plain_line(in_words(error))) from error
    owner = "the computer: no updates" if switch == "on" else "the board's code"
    click.echo(f"After the next reset, the drive is for {owner}. Eject it, and press reset.")


@board.command()
@click.argument("path", type=_FOLDER)
@click.option("-o", "--output", type=click.Path(), required=True, help="A new folder.")
@click.option("--slot", type=click.Choice(["a", "b"]), help="The one that runs if not given.")
def pull(path, output, slot) -> None:
    """Unpack the release that runs on the CIRCUITPY mounted at PATH into a folder."""
    board_pull = with_library("board_pull")
    try:
        report = board_pull.pull(Drive(path), output, slot)
    except (BoardError, OSError) as error:
        raise click.ClickException(_plain_line(in_words(error))) from error
    meta = report.header.meta
    click.echo(
        _plain_line(
            f"{output}: {meta['product']} {meta['version']}, {meta['uuid']},"
            f" {len(report.files)} files"
        )
    )


def _plain(text: str) -> str:
    """A text of the drive without what would steer the terminal, or rich."""
    shown = "".join(char if char.isprintable() or char == "\n" else "?" for char in text)
    return shown.replace("[", "\\[")


@click.command("pack")
@click.argument("source", metavar="FOLDER|FILE", type=click.Path(exists=True))
@click.option("-o", "--output", type=click.Path(dir_okay=False), required=True, help="FILE.fw")
@described
@click.option("--private-key", type=click.Path(exists=True, dir_okay=False), help="Sign with it.")
@slot_size_option(_DEFAULT_SLOT)
@click.option(
    "--min-version",
    metavar="VERSION",
    help="Once this release is confirmed, a board takes none below this version; for good.",
)
@click.option(
    "--like",
    type=click.Path(exists=True, dir_okay=False),
    metavar="OLD.fw",
    help="Leave files where this release has them: a board writes less.",
)
@click.option("--archive", is_flag=True, help="Pack an operators' archive, no release.")
def pack_command(  # noqa: PLR0913, PLR0917 - one for each option
    source, output, private_key, slot_size, min_version, like, archive, **meta
) -> None:
    """
    Pack the application in FOLDER, or a CircuitPython image FILE.bin, into a .fw for NervesHub.

    NervesHub takes signed archives only: make keys with keygen or fwup -g, give the server the
    public one, and sign with --private-key. The folder's .nerveshubignore names what stays at home,
    as .gitignore does.

    With --archive, any file, or all files of FOLDER, become an archive for Client.archive_ready.
    """
    if archive and (min_version or like):
        raise click.UsageError("--min-version and --like are for releases, not for an --archive")
    try:
        key = keys.read_key(private_key) if private_key else None
        if archive:
            packed = archive_packer.pack(source, output, meta, key=key)
        else:
            packed = packer.pack(
                source,
                output,
                meta,
                key=key,
                slot_size=slot_size * 1024,
                min_version=min_version,
                like=like,
            )
    except packer.Unfit as error:
        raise click.ClickException(_plain_line(error)) from error
    except OSError as error:
        raise click.ClickException(f"{error.filename or output}: {error.strerror}") from error
    click.echo(f"{output}: {meta['product']} {meta['version']}, {packed.uuid}")
    for line in _packed_lines(packed, slot_size * 1024):
        click.echo(line)
    for text in packed.warnings:
        click.echo("warning: " + _plain_line(text), err=True)
    if key is None:
        click.echo("not signed: NervesHub will refuse it (nerveshub-link sign)", err=True)


def _packed_lines(packed, slot_size: int) -> list:
    kilobytes = packer.kilobytes
    lines = [f"to travel: {packed.length:,} bytes"]
    made = packed.made
    files = "1 file" if packed.files == 1 else f"{packed.files:,} files"
    if made is None:
        return [f"{files}, {packed.size:,} bytes", *lines]
    wanted, there = packer.needed(made), packer.room(slot_size)
    image = f"image {len(made.image):,} bytes, {len(made.chunks)} chunks"
    if packed.moved is not None:
        lines.append(f"not where the earlier release has it: {kilobytes(packed.moved)}")
    return [
        f"{files}, {packed.size:,} bytes; {image}",
        *lines,
        f"slot of {kilobytes(slot_size)}: {kilobytes(wanted)} of {there // 1024:,} KB,"
        f" {wanted * 100 // there} % full",
    ]


def _plain_line(text) -> str:
    """A text that may name a file, without what would steer the terminal."""
    return "".join(char if char.isprintable() else "?" for char in str(text))


@click.command()
@click.argument("name", default="fwup-key")
def keygen(name) -> None:
    """Make a pair of keys for signing: NAME.pub for the server, NAME.priv to be kept safe."""
    try:
        public, private = keys.make_keys(name)
    except OSError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{public}: for NervesHub and for boards\n{private}: keep it secret, and safe")
