# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.fleet_release`
================================================================================

The commands that bring a release to NervesHub: ``upload``, ``deploy``, ``keys``.

Separate from the commands for devices, `nerveshub_tools.fleet_cli`. What the server would answer
with an error that gives no reason is looked at before anything is sent.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Tuple

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from .fleet_access import Fleet, explained, fleet_command, plain, tell
from .images import read_meta
from .metadata import parse_version
from .release_file import look
from .release_rules import refusals
from .rest_client import Refused
from .rest_product import Product
from .rollout import TIMEOUT, Rollout
from .rollout_view import watched
from .signatures import BROKEN, is_archive, is_signed, key_bytes, signer

RELEASE = click.Path(exists=True, dir_okay=False)
_UPLOAD_HINTS = {
    500: "This side has checked the signature; the server's fwup may still refuse the archive.",
}


@fleet_command("upload")
@click.argument("file", type=RELEASE)
async def upload(fleet: Fleet, file: str) -> None:
    """
    Upload the release FILE to NervesHub.

    No device gets it yet: deploy and push do that. Uploading what is there already does nothing.
    """
    await uploaded(fleet, file, read_release(file))


def of_the_group(command):
    """The options of every command that deploys to a group: ``--create``, ``--tag``, ``--on``."""
    options = (
        click.option(
            "--create", is_flag=True, help="Make the group if it is not there, switched on."
        ),
        click.option("--tag", multiple=True, help="For --create: a tag that devices must have."),
        click.option("--on", is_flag=True, help="Switch the group on."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@fleet_command("deploy")
@click.argument("file", type=RELEASE)
@click.option("--group", required=True, help="The deployment group.")
@of_the_group
@click.option("--watch", is_flag=True, help="Wait until the group's devices run it.")
@click.option(
    "--timeout",
    type=click.FloatRange(0),
    default=TIMEOUT,
    show_default=True,
    help="Seconds that --watch waits.",
)
async def deploy(fleet: Fleet, file: str, watch: bool, timeout: float, **wish) -> None:
    """
    Make the release FILE what the devices of a deployment group should run.

    It is uploaded first if NervesHub does not have it. Devices that are connected are offered it
    within seconds, the others when they come. With --watch it ends with 0 if all that are connected
    run the release.
    """
    deployed = await deployed_to(fleet, file, read_release(file), Target(**wish))
    if watch and not await taken(fleet, deployed, timeout):
        sys.exit(1)


@dataclass(frozen=True)
class Target:
    """
    Where a release goes.

    :param str group: name of the deployment group
    :param bool create: make it if it is not there
    :param tag: tags that devices of a new group must have
    :param bool on: switch the group on
    """

    group: str
    create: bool = False
    tag: Tuple[str, ...] = ()
    on: bool = False


@dataclass(frozen=True)
class Deployed:
    """
    A release that a group has.

    :param Product product: the product
    :param dict firmware: the server's record of the release
    :param dict group: the server's record of the group
    """

    product: Product
    firmware: dict
    group: dict


async def deployed_to(fleet: Fleet, file: str, meta: dict, target: Target) -> Deployed:
    """Upload a release if need be, and make it the next one of a group; tells what it does."""
    product = await fleet.product(meta["product"])
    groups = {item["name"]: item for item in await product.groups()}
    group, tag = target.group, target.tag
    found = groups.get(group)
    if tag and not target.create:
        raise click.UsageError("--tag is for a group that --create makes")
    if found is None and not target.create:
        names = ", ".join(groups) or "none"
        raise click.ClickException(
            plain(f"no deployment group {group!r} (there are: {names}); --create makes it")
        )
    if tag and found and set(tag) != set(found["conditions"]["tags"]):
        tell(f"the group {group} is there already, and keeps its own tags")
    _, firmware = await uploaded(fleet, file, meta)
    if found is None:
        found = await product.create_group(group, firmware["uuid"], list(tag), active=True)
        takes = f"tags {', '.join(tag)}" if tag else "any tags"
        tell(f"made the group {group}, switched on, for devices with {takes}")
    elif found["firmware_uuid"] == firmware["uuid"]:
        tell(f"the group {group} has this release already")
    else:
        before = found["current_release"]["firmware"]["platform"]
        if before != firmware["platform"]:
            tell(f"{group} had releases for {before}, this one is for {firmware['platform']}:")
            tell("its devices of the other platform get nothing any more")
        found = await product.change_group(group, firmware=firmware["uuid"])
    if target.on and not found["is_active"]:
        found = await product.change_group(group, state="on")
    release, count = found["current_release"], found.get("device_count")
    members = "" if count is None else f", {count} devices"
    tell(f"{group}: release {release['number']}, {release['firmware']['version']}{members}")
    if not found["is_active"]:
        tell(f"{group} is switched off: its devices get nothing until you say --on")
    return Deployed(product, firmware, found)


async def taken(fleet: Fleet, deployed: Deployed, timeout: float) -> bool:
    """Show how the group takes its release; do all of its devices that are connected run it?"""
    if not deployed.group["is_active"]:
        return False
    uuid, version = deployed.firmware["uuid"], deployed.firmware["version"]
    group = deployed.group["name"]
    rollout = Rollout(deployed.product, fleet.client, group, uuid, timeout=timeout)
    return await watched(rollout, version)


@fleet_command("keys")
@click.option("--add", type=RELEASE, help="Public key (.pub) that the organization shall know.")
@click.option("--name", help="Its name in NervesHub; the file's if not given.")
async def keys(fleet: Fleet, add: Optional[str], name: Optional[str]) -> None:
    """List the keys whose releases the organization takes, or add one."""
    org = await fleet.org()
    if add:
        key, name = _public_key(add), name or Path(add).stem
        try:
            await fleet.client.add_key(org, name, key)
        except Refused as refused:
            raise explained(refused, {422: "nerveshub-link keys lists what is there."}) from None
        tell(f"added {name}")
    for item in await fleet.client.keys(org):
        tell(f"{item['name']}: {item['scheme']} {item['key']}")


def _public_key(path: str) -> str:
    """What a ``.pub`` file holds; a private key is not sent anywhere."""
    text = Path(path).read_text(encoding="ascii", errors="replace").strip()
    try:
        key_bytes(text)
    except ValueError as error:
        raise click.ClickException(f"{path}: {error}") from None
    return text


def read_release(file: str) -> dict:
    """Metadata of a release, complete enough for NervesHub; `click.ClickException` if it is not."""
    if Path(file + ".json").exists():
        raise click.ClickException(
            f"{file}.json describes the file to a development hub that offers its folder, but"
            " NervesHub reads the file itself: move the .json away"
        )
    try:
        meta = read_meta(file)
    except BROKEN as error:
        reason = str(error) if isinstance(error, ValueError) else f"{file} is damaged: {error}"
        raise click.ClickException(plain(reason)) from None
    for key in ("uuid", "product", "version", "platform", "architecture"):
        if not meta.get(key):
            raise click.ClickException(f"{file} says no {key}: NervesHub refuses it")
    if parse_version(meta["version"]) is None:
        raise click.ClickException(plain(f"{file}: version {meta['version']} is not like 1.2.3"))
    return meta


async def uploaded(fleet: Fleet, file: str, meta: dict) -> Tuple[Product, dict]:
    """Have a release on the server; gives the product and the server's record of it."""
    product = await fleet.product(meta["product"])
    known = await product.firmware(meta["uuid"])
    if known is not None:
        tell(f"NervesHub has {known['product']} {known['version']} already: {known['uuid']}")
        return product, known
    await _check_signature(fleet, file)
    _check_content(file)
    firmware = await _send(product, file)
    tell(f"uploaded {firmware['product']} {firmware['version']}: {firmware['uuid']}")
    return product, firmware


def _check_content(file: str) -> None:
    """What is damaged, the server would take the time of an upload to refuse, without a reason."""
    found = look(file)
    wrong = [f"damaged: {text}" for text in found.damage] + refusals(found)
    if wrong:
        more = f" (nerveshub-link verify tells {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise click.ClickException(plain(f"NervesHub would refuse {file}: {wrong[0]}{more}"))


async def _check_signature(fleet: Fleet, file: str) -> None:
    if not is_archive(file):
        return  # an ESP-IDF image has a signature of another kind, or none
    if not is_signed(file):
        raise click.ClickException(
            f"{file} is not signed. NervesHub would answer with an error and no reason."
            " nerveshub-link sign FILE --key KEY.priv signs it"
        )
    org = await fleet.org()
    known = {item["key"]: item["name"] for item in await fleet.client.keys(org)}
    if signer(file, known) is None:
        names = ", ".join(known.values()) or "none"
        raise click.ClickException(
            plain(
                f"{file} is signed by a key that the organization {org!r} does not know (it knows:"
                f" {names}). NervesHub would answer with an error and no reason."
                " nerveshub-link keys --add KEY.pub makes it known"
            )
        )


async def _send(product: Product, file: str) -> dict:
    console = Console(stderr=True)
    columns = (
        TextColumn("uploading"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    quiet = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=quiet) as progress:
        task = progress.add_task("", total=Path(file).stat().st_size)
        try:
            return await product.upload(file, lambda count: progress.advance(task, count))
        except Refused as refused:
            raise explained(refused, _UPLOAD_HINTS) from None
