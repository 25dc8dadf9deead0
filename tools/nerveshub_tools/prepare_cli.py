# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.prepare_cli`
================================================================================

The commands that prepare boards: ``board prepare`` one, ``board fleet`` one after the other.

Separate from the other commands for a board on the desk, `nerveshub_tools.board_cli`.
"""

import functools
import sys

import click

from . import board_fleet, fleet_table, settings_answers
from .board_cli import META, described, slot_size_option
from .board_desk import Desk, tell, with_library
from .board_drive import BoardError, Drive, in_words
from .device_certs import DeviceCertificates, registrar
from .fleet_access import SERVER_OPTIONS

_FILE = click.Path(exists=True, dir_okay=False)
_FOLDER = click.Path(exists=True, file_okay=False)
_OPTIONS = (
    click.option("--app", type=_FOLDER, help="The application, for slot a; none: it is fetched."),
    described,
    slot_size_option(None),
    click.option("--reset", is_flag=True, help="Begin anew: empty slots, new record."),
    click.option(
        "--library",
        type=click.Choice(["auto", "circup", "copy", "none"]),
        default="auto",
        show_default=True,
        help="How nerveshub_link gets into /lib; auto is circup, else copy.",
    ),
    click.option(
        "--library-zip",
        multiple=True,
        type=_FILE,
        help="A release's zip with it, as nerveshub-link-10.x-mpy-VERSION.zip; may be given twice.",
    ),
    click.option(
        "--settings",
        type=_FILE,
        help="Lines for the board's settings.toml, from a file on this computer.",
    ),
    click.option(
        "--public-key",
        multiple=True,
        type=_FILE,
        help="A key (.pub) whose releases the board takes, and no others; may be given twice.",
    ),
    click.option(
        "--device-cert",
        metavar="FOLDER",
        type=click.Path(file_okay=False),
        help="Give the device a key and a certificate by the CA in this folder; it is made there.",
    ),
    *SERVER_OPTIONS,
    click.option(
        "--ask/--no-ask",
        default=None,
        help="Ask for what settings.toml lacks. By default on a terminal, without --yes.",
    ),
    click.option("--yes", is_flag=True, help="Don't ask."),
)


def _preparing(command):
    """
    The options of both commands, which are called with a `Desk`, a `board_prepare.Wish`, the bytes
    of ``--settings`` (or None), and their own parameters.
    """

    @functools.wraps(command)
    def run(  # noqa: PLR0913, PLR0917 - one for each option
        app, slot_size, reset, library, library_zip, settings, public_key, ask, yes, **given
    ) -> None:
        server = [given.pop(name) for name in ("uri", "org", "token_file", "ca")]
        folder = given.pop("device_cert")
        meta = {name: given.pop(name) for name in META}
        size = None if slot_size is None else slot_size * 1024
        wish = with_library("board_prepare").Wish(
            app, meta, reset, library, library_zip, slot_size=size
        )
        if ask is None:
            ask = not yes and sys.stdin.isatty()
        try:
            file = None if settings is None else settings_answers.read(settings)
            values = settings_answers.public_keys(public_key)
            certificates = folder and DeviceCertificates(folder, registrar(*server))
            command(Desk(yes, ask, values, certificates), wish, file, **given)
        except (BoardError, ValueError, OSError) as error:
            raise click.ClickException(in_words(error)) from error

    for option in reversed(_OPTIONS):
        run = option(run)
    return run


@click.command()
@click.argument("path", type=_FOLDER)
@click.option(
    "--identifier", help="The device's name in NervesHub; its chip's unique id if missing."
)
@_preparing
def prepare(desk: Desk, wish, file, path, identifier) -> None:
    """
    Lay boot guard, slots, rescue application and library onto the CIRCUITPY mounted at PATH.

    The drive should be fresh: each part gets a place of its own then, and the slots lie in one
    piece.

    settings.toml is completed: from --settings FILE, from the environment, by your answers. Its
    secrets are never an argument.

    Run it again to bring guard and library up to date; slots and record are kept, unless --reset.
    """
    drive = Drive(path)
    values = {} if identifier is None else {"NERVESHUB_IDENTIFIER": identifier}
    if not desk.prepare(drive, wish, file, values):
        raise click.ClickException("nothing was changed")
    for text in with_library("board_prepare").still_needed(drive):
        tell("* " + text)


@click.command()
@click.argument("table", metavar="FLEET.csv", type=_FILE)
@_preparing
def fleet(desk: Desk, wish, file, table) -> None:
    """
    Prepare the boards of FLEET.csv, one after the other, as they are plugged in.

    A row is a board. The column "identifier" names the device; the others are called like settings,
    such as NERVESHUB_PRODUCT_KEY, and come before what --settings FILE says. Columns whose name
    begins with # are yours.

    Which board is done is written to FLEET.done.csv: the same command goes on from there.
    """
    rows = fleet_table.read(table)
    settings = desk.complete(file, {name for row in rows for name in row.values})
    for row in rows:
        row.check(settings)

    def prepare_one(drive: Drive, row: fleet_table.Row) -> bool:
        return desk.prepare(drive, wish, row.settings(settings))

    done = fleet_table.Done.beside(table)
    work = board_fleet.FleetRun(rows, done, prepare_one, tell)
    try:
        work.run()
    except KeyboardInterrupt:
        tell("")
    tell(work.words())
    sys.exit(1 if work.left else 0)
