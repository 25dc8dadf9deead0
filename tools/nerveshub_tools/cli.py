# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.cli`
================================================================================

The command ``nerveshub-link``: a hub for the desk, a simulated device, a demonstration. What is for
boards, `nerveshub_tools.board_cli` adds, and what is for a fleet, `nerveshub_tools.fleet_cli`.
"""

import asyncio
import contextlib
import json
import shlex
import signal
import sys
import tempfile
from pathlib import Path

import click

from . import __version__
from . import page as page_package
from .board_cli import board, keygen, pack_command
from .board_desk import with_library
from .ca import Authority
from .diff_cli import diff
from .fleet_cli import COMMANDS as FLEET
from .hub import Hub
from .hub_addresses import EVERYWHERE, NEAR, bracketed, listening, reachable
from .hub_folder import FirmwareFolder, kept_keys
from .hub_settings import settings_lines, write_environment
from .prepare_cli import fleet, prepare
from .release_cli import COMMANDS as RELEASE
from .server import Server
from .sign_cli import sign
from .simulate_cli import check_system, simulate
from .simulated_device import SimulatedDevice
from .tls import ServerTls

_PATH = click.Path(exists=True, dir_okay=False)
_CA_DAYS = 3650
_PORT = click.IntRange(0, 65535)


@click.group()
@click.version_option(__version__, prog_name="nerveshub-link")
def main() -> None:
    """Prepare boards for nerveshub_link, pack releases, bring them to NervesHub, or try it all."""


for _command in (board, keygen, pack_command, sign, diff, *RELEASE, *FLEET):
    main.add_command(_command)
for _command in (prepare, fleet, simulate):
    board.add_command(_command)


@main.command()
@click.option("--timeout", default=90, show_default=True, help="Seconds for the whole run.")
def demo(timeout: float) -> None:
    """Update a simulated board: a good release, a forged one, a bad one and back, a good one."""
    check_system()
    sys.exit(with_library("demo").Demo(timeout=timeout).run())


@main.command()
@click.argument("folder", required=False, type=click.Path(exists=True, file_okay=False))
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    envvar="NERVESHUB_HUB_PORT",
    default=4000,
    type=_PORT,
    show_default=True,
    help="Port to listen on, 0 for any.",
)
@click.option("--product", default="demo", show_default=True, help="Name of the product.")
@click.option(
    "--key", envvar="NERVESHUB_PRODUCT_KEY", help="Product key; FOLDER's own if not given."
)
@click.option("--secret", envvar="NERVESHUB_PRODUCT_SECRET", help="Product secret; likewise.")
@click.option("--cert", type=_PATH, help="TLS certificate chain (PEM).")
@click.option("--cert-key", type=_PATH, help="Private key of --cert.")
@click.option("--client-ca", type=_PATH, help="CA whose client certificates may come in.")
@click.option(
    "--make-cert",
    type=click.Path(file_okay=False),
    help="Use the CA in this folder; it is made at the first start, for ten years.",
)
@click.option(
    "--env",
    type=click.Path(dir_okay=False),
    help="Write what the other commands need into this file, for '. FILE' in another terminal.",
)
@click.option("--page", is_flag=True, help="Show a page for the operator, on this computer.")
@click.option(
    "--page-port", default=4080, type=_PORT, show_default=True, help="Its port, 0 for any."
)
def hub(  # noqa: PLR0913, PLR0917 - one for each option
    folder,
    host,
    port,
    product,
    key,
    secret,
    cert,
    cert_key,
    client_ca,
    make_cert,
    env,
    page,
    page_port,
) -> None:
    """
    Run a development hub that offers the firmware in FOLDER.

    It prints what a board needs in its settings.toml. Listening on anything but this computer
    takes --host; then everybody in the network can reach it. Key and secret are kept in FOLDER, and
    what appears there later is offered, too.
    """
    if page and not page_package.is_available():
        raise click.ClickException(page_package.MISSING)
    if bool(cert) != bool(cert_key):
        raise click.UsageError("--cert and --cert-key belong together")
    if cert and make_cert:
        raise click.UsageError("--cert and --make-cert exclude each other")
    if client_ca and not cert and not make_cert:
        raise click.UsageError("--client-ca needs TLS: --make-cert, or --cert and --cert-key")
    host = listening(host)
    shown = reachable(host)
    ca = None
    try:
        if make_cert:
            ca = str(Path(make_cert) / "ca.pem")
            cert, cert_key = _certificate(make_cert, shown)
        tls = ServerTls(cert, cert_key, client_ca) if cert else None
        if tls:
            tls.context()  # to see whether the files are good
    except (OSError, ValueError) as error:
        raise click.ClickException(f"the certificates can't be used: {error}") from error
    served = _hub(folder, product, key, secret)
    look = FirmwareFolder(served, folder, _tell).look if folder else lambda: None
    look()
    with contextlib.suppress(KeyboardInterrupt):
        page = page_port if page else None
        asyncio.run(_serve(served, host, port, tls, shown, ca, env, page, look))


def _certificate(folder: str, shown: str):
    """Certificate and key for this start, by the CA of the folder."""
    authority = Authority.kept(folder)
    if authority is None:
        for name in ("ca.pem", "ca.key"):
            old = Path(folder) / name
            if old.exists():
                old.replace(old.with_name(name + ".old"))
                click.echo(f"# {old} can't be used any more: boards need the new one")
        authority = Authority(folder, days=_CA_DAYS)
    click.echo(f"# the device must trust {authority.cert}")
    return authority.server(hosts=list(dict.fromkeys((*NEAR, shown))))


def _hub(folder, product: str, key, secret) -> Hub:
    kept = {}
    if folder:
        try:
            kept = kept_keys(folder)
        except ValueError as error:
            raise click.ClickException(str(error)) from error
        except OSError as error:
            text = f"# key and secret are for this start only: {folder}: {error.strerror}"
            click.echo(text, err=True)
    key, secret = key or kept.get("key"), secret or kept.get("secret")
    if secret and secret.startswith(("nhp_", "nhd_")):
        raise click.UsageError("--secret begins like a key: were --key and --secret swapped?")
    served = Hub(product=product, product_key=key, product_secret=secret)
    if kept:
        served.organization.token = kept["token"]
    return served


def _tell(text: str, fault: bool) -> None:
    click.echo("# " + _plain(text), err=fault)


async def _show_page(served: Hub, port: int):
    from .page.server import PageServer  # it takes a second to import, and may not be installed

    page = PageServer(served, port)
    try:
        await page.start()
    except OSError as error:
        text = f"the page cannot listen on port {port}: {error.strerror}; try --page-port 0"
        raise click.ClickException(text) from error
    click.echo(f"# page for the operator: {page.url}")
    return page


async def _serve(served: Hub, host, port, tls, shown, ca, env, page_port, look) -> None:  # noqa: PLR0913, PLR0917 - what `hub` has found out
    # First of all: whoever has read what is printed below may end the hub by a signal.
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows has no handlers in the loop
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    server = Server(served, host, port, tls)
    try:
        await server.start()
    except OSError as error:
        raise click.ClickException(f"cannot listen on {host}:{port}: {error.strerror}") from error
    scheme = "https" if tls else "http"
    served.url = f"{scheme}://{bracketed(shown)}:{server.port}"
    page = None if page_port is None else await _show_page(served, page_port)
    click.echo("# settings.toml of a device")
    for line in settings_lines(served):
        click.echo(line)
    trust = f"--cacert {shlex.quote(ca)} " if ca else ""
    near = "localhost" if host in {*EVERYWHERE, *NEAR} else bracketed(host)
    uri, token = f"{scheme}://{near}:{server.port}", served.organization.token
    if env:
        try:
            write_environment(env, served, uri, ca)
        except OSError as error:
            raise click.ClickException(f"{env} can't be written: {error.strerror}") from error
    click.echo("# for nerveshub-link's upload, deploy, devices, push, ... on this computer:")
    click.echo(f"# export NERVES_HUB_URI={uri} NERVES_HUB_TOKEN={token}")
    if ca:
        click.echo(f"# export NERVES_HUB_CA_CERT={shlex.quote(ca)}")
    click.echo("# push an update, from this computer:")
    click.echo(
        f"""# curl {trust}-H "Authorization: token {token}" -X POST"""
        f""" {uri}/api/devices/IDENTIFIER/upgrade -d '{{"uuid": "UUID"}}'"""
    )
    served.listeners.append(_report)
    told = 0
    while not stop.is_set():
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(stop.wait(), 0.5)
        look()
        for text in served.violations[told:]:
            click.echo(f"# the real server would refuse: {_plain(text)}", err=True)
        told = len(served.violations)
    served.drain()
    await asyncio.sleep(0.1)  # let the closes go out
    if page:
        await page.stop()
    await server.stop()


def _report(identifier: str, topic: str, event: str, payload) -> None:
    if event != "heartbeat":
        shown = "" if payload is None else json.dumps(payload)[:120]
        click.echo(f"{_plain(identifier)}: {_plain(topic)} {_plain(event)} {shown}")


def _plain(text: str) -> str:
    """Text of a device without what would steer the terminal."""
    return "".join(char if char.isprintable() else "?" for char in text)


@main.command()
@click.option("--host", required=True, help="Name or address of the hub.")
@click.option("--port", required=True, type=click.IntRange(1, 65535), help="Its port.")
@click.option("--identifier", default="simulated", show_default=True, help="The device's name.")
@click.option("--key", envvar="NERVESHUB_PRODUCT_KEY", help="Product or device key.")
@click.option("--secret", envvar="NERVESHUB_PRODUCT_SECRET", help="Its secret.")
@click.option("--cert", type=_PATH, help="Client certificate, instead of key and secret.")
@click.option("--cert-key", type=_PATH, help="Private key of --cert.")
@click.option("--ca", type=_PATH, help="CA to trust; this computer's own if not given.")
@click.option("--ssl/--no-ssl", default=True, show_default=True, help="Speak TLS.")
@click.option("--confirm-after", default=60, show_default=True, help="Seconds on trial.")
@click.option("--console", is_flag=True, help="Let the hub's operator run code in it.")
@click.option(
    "--folder", type=click.Path(file_okay=False), help="Its flash; forgotten if not given."
)
def device(folder, cert, cert_key, key, secret, **options) -> None:
    """Run a simulated device until Ctrl-C: the real library in a process of its own."""
    check_system()
    with contextlib.ExitStack() as stack:
        if folder is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="nerveshub-device-"))
        failed = []

        def show(event: dict) -> None:
            click.echo(json.dumps(event))
            if event["event"] == "exit":
                failed.append(event["code"])

        simulated = stack.enter_context(
            SimulatedDevice(
                folder,
                show,
                product_key=key,
                product_secret=secret,
                device_cert=cert,
                device_key=cert_key,
                **options,
            )
        )
        with contextlib.suppress(KeyboardInterrupt):
            simulated.join()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
