# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.fleet_cli`
================================================================================

The commands for the devices of a fleet on NervesHub: ``devices``, ``push``, ``reboot``,
``penalty``. `COMMANDS` has these and ``login``, ``upload``, ``deploy``, ``release``, ``keys``.

Separate from the commands for a board on the desk, `nerveshub_tools.board_cli`.
"""

import json
import os
import re
from datetime import UTC, datetime
from typing import Optional, Tuple

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .fleet_access import Fleet, explained, fleet_command, plain, tell
from .fleet_login import login
from .fleet_project import release
from .fleet_release import deploy, keys, read_release, upload
from .rest_client import Refused
from .rest_product import Product

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_ANSWER_500 = (
    "It does so for a firmware that it does not know, and while another update of the device is"
    " under way."
)


@fleet_command("devices")
@click.argument("identifier", required=False)
@click.option("--json", "as_json", is_flag=True, help="As NervesHub says it, for programs.")
async def devices(fleet: Fleet, identifier: Optional[str], as_json: bool) -> None:
    """List the devices of the product, or show the one called IDENTIFIER."""
    product = await fleet.product()
    found = [await _device(product, identifier)] if identifier else await product.devices()
    if as_json:
        click.echo(json.dumps(found[0] if identifier else found, indent=2))
    elif identifier:
        _show(found[0])
    else:
        table = Table()
        for name in ("device", "is", "runs", "group", "should run", "updates", "seen"):
            table.add_column(name, overflow="fold")
        for item in found:
            table.add_row(*(Text(plain(cell)) for cell in _row(item)))
        Console().print(table)


def _row(item: dict) -> tuple:
    group = item.get("deployment_group") or {}
    return (
        item["identifier"],
        item["connection_status"].replace("_", " "),
        item["version"],
        group.get("name") or "-",
        group.get("firmware_version") or "-",
        updates(item),
        str(item["last_communication"])[:16],
    )


def updates(item: dict) -> str:
    """May NervesHub update the device by itself? In words."""
    until = item.get("updates_blocked_until")
    # The server leaves a time that is over where it is.
    blocked = f"blocked until {until}" if until and not _is_over(until) else ""
    if item["updates_enabled"]:
        return blocked or "automatic"
    return f"off, and {blocked}" if blocked else "off"


def _is_over(time: str) -> bool:
    try:
        return datetime.fromisoformat(time.replace("Z", "+00:00")) <= datetime.now(UTC)
    except (TypeError, ValueError):
        return False


def _show(item: dict) -> None:
    meta, group = item.get("firmware_metadata") or {}, item.get("deployment_group") or {}
    switched = "" if group.get("is_active", True) else " (switched off)"
    lines = {
        "device": item["identifier"],
        "is": item["connection_status"].replace("_", " "),
        "last seen": item["last_communication"],
        "runs": f"{item['version']} {meta.get('uuid') or ''}".strip(),
        "platform": f"{meta.get('platform') or '-'} {meta.get('architecture') or ''}".strip(),
        "group": f"{group.get('name') or '-'}{switched}",
        "should run": group.get("firmware_version") or "-",
        "updates": updates(item),
        "tags": ", ".join(item.get("tags") or []) or "-",
        "description": item.get("description") or "-",
    }
    width = max(map(len, lines))
    for name, value in lines.items():
        tell(f"{name:{width}}  {value}")


@fleet_command("push")
@click.argument("identifier")
@click.argument("release", required=False)
@click.option("--yes", is_flag=True, help="Don't ask.")
async def push(fleet: Fleet, identifier: str, release: Optional[str], yes: bool) -> None:
    """
    Push a release to the device IDENTIFIER now.

    RELEASE is a file that was uploaded, or a uuid; without it, the release of the device's group.

    NervesHub switches the device's AUTOMATIC UPDATES OFF with that: no deployment reaches it any
    more, until "nerveshub-link penalty IDENTIFIER --clear" switches them on again.
    """
    product = await fleet.product(_product_of(release))
    device = await _connected(product, identifier, "would lose the push")
    uuid, version = await _wanted(product, device, release)
    meta = device.get("firmware_metadata") or {}
    if meta.get("uuid") == uuid:
        raise click.ClickException(plain(f"{identifier} runs {version} already"))
    tell(f"{identifier} runs {device['version']} and gets {version}.")
    back = f"nerveshub-link penalty {identifier} --clear"
    if device["updates_enabled"]:
        tell(f"This switches its automatic updates off. They come back with: {back}")
    else:
        tell(f"Its automatic updates are off, and stay so. They come back with: {back}")
    if not yes:
        click.confirm("Push?", abort=True)
    try:
        await product.upgrade(identifier, uuid)
    except Refused as refused:
        raise explained(refused, {500: _ANSWER_500}) from None
    tell(f"pushed {version} to {identifier}")


def _product_of(release: Optional[str]) -> Optional[str]:
    return read_release(release)["product"] if release and os.path.isfile(release) else None


async def _wanted(product: Product, device: dict, release: Optional[str]) -> Tuple[str, str]:
    """Uuid and version of what is to be pushed; it must be on the server."""
    if release is None:
        group = device.get("deployment_group")
        if not group:
            raise click.UsageError("the device is in no deployment group: say what to push")
        return group["firmware_uuid"], str(group["firmware_version"])
    uuid = read_release(release)["uuid"] if os.path.isfile(release) else release
    if not _UUID.fullmatch(uuid):
        raise click.UsageError(plain(f"{release} is neither a file nor the uuid of a release"))
    firmware = await product.firmware(uuid)
    if firmware is None:
        where = f"nerveshub-link upload {release}" if os.path.isfile(release) else "upload it first"
        raise click.ClickException(
            plain(f"NervesHub has no release {uuid}, and fails when it is pushed: {where}")
        )
    runs_on = (device.get("firmware_metadata") or {}).get("platform")
    if runs_on and firmware["platform"] != runs_on:
        raise click.ClickException(
            plain(f"the release is for {firmware['platform']}, the device is a {runs_on}")
        )
    return firmware["uuid"], firmware["version"]


@fleet_command("reboot")
@click.argument("identifier")
async def reboot(fleet: Fleet, identifier: str) -> None:
    """Ask the device IDENTIFIER to restart."""
    product = await fleet.product()
    await _connected(product, identifier, "would not be told")
    await product.reboot(identifier)
    tell(f"asked {identifier} to restart")


@fleet_command("penalty")
@click.argument("identifier")
@click.option("--clear", is_flag=True, help="End it, and switch automatic updates on.")
async def penalty(fleet: Fleet, identifier: str, clear: bool) -> None:
    """
    Does NervesHub keep updates from the device IDENTIFIER? --clear ends that.

    It blocks a device, for a day by default, that answered an update with "failed" or "ignored",
    or to which it has offered updates three times. It also keeps updates from a device whose
    automatic updates are off: see push. --clear ends both.
    """
    product = await fleet.product()
    device = await _device(product, identifier)
    if clear:
        await product.clear_penalty(identifier)
        device = await _device(product, identifier)
    tell(f"updates of {identifier}: {updates(device)}")
    if updates(device) != "automatic":
        tell(f"nerveshub-link penalty {identifier} --clear makes them automatic")


async def _device(product: Product, identifier: str) -> dict:
    try:
        return await product.device(identifier)
    except Refused as refused:
        where = f"No device {identifier!r} in {product.org}/{product.name}?"
        raise explained(refused, {404: where}) from None


async def _connected(product: Product, identifier: str, otherwise: str) -> dict:
    """The device. NervesHub answers as if all were well if it is not connected, so that is told."""
    device = await _device(product, identifier)
    if device["connection_status"] != "connected":
        seen = device["last_communication"]
        raise click.ClickException(
            plain(
                f"{identifier} is not connected (last seen: {seen}): NervesHub accepts this"
                f" nevertheless, and the device {otherwise}"
            )
        )
    return device


COMMANDS = (login, upload, deploy, release, devices, push, reboot, keys, penalty)
