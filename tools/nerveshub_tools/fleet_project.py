# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.fleet_project`
================================================================================

The command ``release``: everything between an application's folder and a fleet that runs it.

Separate from the commands that take one step each, `nerveshub_tools.fleet_release`: this one knows
the project's settings (`nerveshub_tools.release_settings`).
"""

import base64
import sys
from pathlib import Path
from typing import Optional

import click

from . import packer
from .application import ENTRIES
from .fleet_access import Fleet, fleet_command, plain, tell
from .fleet_release import Target, deployed_to, of_the_group, read_release, taken
from .keys import read_key
from .release_cli import faults
from .release_file import look
from .release_settings import BadSettings, Project, find, missing, version_from_git
from .rollout import TIMEOUT

_EXAMPLES = {
    "product": '"greenhouse"',
    "platform": '"..." (the board\'s board.board_id)',
    "architecture": '"xtensa"',
    "group": '"beta"',
    "private-key": '"greenhouse-key.priv" (nerveshub-link keygen makes one)',
}


def _read_settings(context: click.Context, _parameter, folder: str) -> Project:
    """The project's settings become the options' defaults; the command line goes before."""
    try:
        project = find(folder)
    except BadSettings as error:
        raise click.ClickException(plain(error)) from None
    defaults = {name.replace("-", "_"): value for name, value in project.settings.items()}
    if "tags" in defaults:
        defaults["tag"] = defaults.pop("tags")
    context.default_map = defaults
    return project


@fleet_command("release")
@click.argument(
    "project",
    metavar="[FOLDER]",
    default=".",
    type=click.Path(exists=True, file_okay=False),
    callback=_read_settings,
    is_eager=True,
)
@click.option("--app", help="The application's folder, or a .bin; FOLDER if not given.")
@click.option("--version", help="Of the release; that of git's tag if not given.")
@click.option("--platform", help="Of the boards: board.board_id.")
@click.option("--architecture", help="Likewise: xtensa for ESP32-S2 and ESP32-S3.")
@click.option("--description", help="For the operator.")
@click.option("--author", help="Likewise.")
@click.option("--vcs-identifier", help="Likewise: a commit; git's if the version is.")
@click.option("--misc", help="Likewise.")
@click.option("--min-version", metavar="VERSION", help="See pack.")
@click.option("--like", metavar="OLD.fw", help="See pack: the release before this one.")
@click.option("--private-key", help="Sign with it.")
@click.option("--slot-size", type=click.IntRange(32, 32_000), metavar="KB", help="See pack.")
@click.option("--output", help="Folder for the .fw; where pyproject.toml is if not given.")
@click.option("--group", help="The deployment group.")
@of_the_group
@click.option("--no-watch", is_flag=True, help="Don't wait until the devices run it.")
@click.option(
    "--timeout",
    type=click.FloatRange(0),
    default=TIMEOUT,
    show_default=True,
    help="Seconds to wait for the devices.",
)
async def release(fleet: Fleet, project: Project, no_watch: bool, timeout: float, **given) -> None:
    """
    Pack the application of a project, verify, upload and deploy it, and show the fleet taking it.

    The settings are in [tool.nerveshub_link] of the pyproject.toml in FOLDER (the current folder if
    not given) or above; options go before. It ends with 0 if all devices of the group that are
    connected run the release, with 1 if one does not, or the time is over.
    """
    try:
        file = _packed(fleet, project, given)
    except (BadSettings, packer.Unfit) as error:
        raise click.ClickException(plain(error)) from None
    except OSError as error:
        raise click.ClickException(plain(f"{error.filename}: {error.strerror}")) from None
    meta = read_release(file)
    await _check_version(fleet, meta)
    target = Target(given["group"], given["create"], given["tag"], given["on"])
    deployed = await deployed_to(fleet, file, meta, target)
    if not no_watch and not await taken(fleet, deployed, timeout):
        sys.exit(1)


def _packed(fleet: Fleet, project: Project, given: dict) -> str:
    """Pack and verify; the path of the release."""
    given["product"] = fleet.product_name
    for name, example in _EXAMPLES.items():
        if not given[name.replace("-", "_")]:
            raise missing(name, project, example)
    if not given["app"] and not any((project.root / entry).is_file() for entry in ENTRIES):
        raise missing("app", project, '"greenhouse" (the folder with code.py)')
    app = given["app"] or str(project.root)
    version, commit = given["version"], given["vcs_identifier"]
    if not version:
        version, top = version_from_git(app, project)
        commit = commit or top
    keys = ("product", "platform", "architecture", "description", "author", "misc")
    meta = {key: given[key] for key in keys}
    meta.update(version=version, vcs_identifier=commit)
    key = read_key(given["private_key"])
    folder = Path(given["output"] or project.root)
    file = folder / f"{_file_name(meta['product'])}-{version}.fw"
    folder.mkdir(parents=True, exist_ok=True)
    slot = given["slot_size"] * 1024 if given["slot_size"] else packer.DEFAULT_SLOT
    more = {"min_version": given["min_version"], "like": given["like"]}
    packed = packer.pack(app, file, meta, key=key, slot_size=slot, **more)
    for text in packed.warnings:
        click.echo("warning: " + plain(text), err=True)
    public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
    found = look(file)
    wrong = faults(found, {public: given["private_key"]})
    if wrong:
        raise packer.Unfit(f"{file}: {wrong[0]}")
    tell(f"packed {file}: {meta['product']} {version}, {packed.uuid}, {packed.length:,} bytes")
    return str(file)


def _file_name(product: str) -> str:
    return "".join(char if char.isalnum() or char in "-_." else "-" for char in product)


async def _check_version(fleet: Fleet, meta: dict) -> None:
    """A version that is on the server with other content would make two releases look alike."""
    product = await fleet.product(meta["product"])
    keys = ("version", "platform", "architecture")
    twin: Optional[dict] = next(
        (
            item
            for item in await product.firmwares()
            if item["uuid"] != meta["uuid"] and all(item[key] == meta.get(key) for key in keys)
        ),
        None,
    )
    if twin:
        raise click.ClickException(
            plain(
                f"NervesHub has {meta['product']} {meta['version']} already, with other content"
                f" ({twin['uuid']}): a release needs a version of its own. Give another --version,"
                " or tag the commit"
            )
        )
