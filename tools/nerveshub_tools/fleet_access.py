# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.fleet_access`
================================================================================

Shared by the commands for a fleet: server, organization, product and token; and error texts of the
server with an explanation.

Separate from the commands themselves, `nerveshub_tools.fleet_cli`.
"""

import asyncio
import functools
from typing import Callable, Dict, Optional

import click

from .rest_client import Refused, RestClient, RestError, check_uri
from .rest_product import Product
from .tokens import TokenError, find

SERVER_OPTIONS = (
    click.option(
        "--uri",
        envvar="NERVES_HUB_URI",
        show_envvar=True,
        help="The server: https://manage.example.com",
    ),
    click.option(
        "--org",
        envvar="NERVES_HUB_ORG",
        show_envvar=True,
        help="Organization; not needed if there is one.",
    ),
    click.option(
        "--token-file",
        envvar="NERVES_HUB_TOKEN_FILE",
        show_envvar=True,
        type=click.Path(dir_okay=False),
        help="File with the token, instead of $NERVES_HUB_TOKEN or the keyring.",
    ),
    click.option(
        "--ca",
        envvar="NERVES_HUB_CA_CERT",
        show_envvar=True,
        type=click.Path(exists=True, dir_okay=False),
        help="CA to trust beside the computer's own (PEM).",
    ),
)
"""Which server, and whose token."""
_PRODUCT = click.option(
    "--product",
    envvar="NERVES_HUB_PRODUCT",
    show_envvar=True,
    help="Product; not needed if there is one.",
)
_OURS = {
    401: "The token is not valid for this server: run nerveshub-link login.",
    403: "Your role in the organization does not allow this.",
    404: "It is not there, or your user may not see it.",
    413: "The file is larger than this server takes.",
    500: "The server failed and gives no reason; its log has one.",
}


def plain(text) -> str:
    """Text of a server without what would steer the terminal."""
    return "".join(char if char.isprintable() else "?" for char in str(text))


def tell(text: str) -> None:
    """A line for the person, on standard output."""
    click.echo(plain(text))


def explained(refused: Refused, hints: Optional[Dict[int, str]] = None) -> click.ClickException:
    """
    The server's error with an explanation; to be raised.

    :param dict hints: status to sentence, where a command knows more than the status does
    """
    ours = {**_OURS, **(hints or {})}.get(refused.status, "")
    return click.ClickException(plain(f"NervesHub says: {refused}. {ours}".strip()))


class Fleet:
    """
    A server, and what the options say of it.

    :param RestClient client: the connection
    :param str org: organization, None for the only one
    :param str product: product, None for the only one
    :param str token_file: where the token is, or is to be kept
    """

    def __init__(
        self, client: RestClient, org: Optional[str], product: Optional[str], token_file=None
    ) -> None:
        self.client = client
        self.token_file = token_file
        self._org = org
        self._product = product

    @property
    def product_name(self) -> Optional[str]:
        """The product that the options name, None for the only one (read-only)."""
        return self._product

    async def org(self) -> str:
        """The organization's name."""
        if self._org is None:
            self._org = _only(await self.client.orgs(), "organization", "--org")
        return self._org

    async def product(self, declared: Optional[str] = None) -> Product:
        """
        The product.

        :param str declared: what a release says it is for; the product must be this one
        """
        org = await self.org()
        if declared is None and self._product is not None:
            return Product(self.client, org, self._product)
        names = await self.client.products(org)
        wanted = declared or _only(names, "product", "--product")
        if self._product not in {None, wanted}:
            raise click.ClickException(
                plain(f"the release is for the product {wanted!r}, not for {self._product!r}")
            )
        if wanted not in names:
            known = ", ".join(names) or "none"
            raise click.ClickException(
                plain(
                    f"the organization {org!r} has no product {wanted!r} (it has: {known}): make it"
                    " on NervesHub's page, or pack with the right --product"
                )
            )
        return Product(self.client, org, wanted)


def _only(names: list, kind: str, option: str) -> str:
    if len(names) == 1:
        return names[0]
    found = ", ".join(names) or "none"
    raise click.UsageError(plain(f"{option} must say which {kind} (there are: {found})"))


def fleet_command(name: str, needs_token: bool = True) -> Callable:
    """
    Make a click command out of a coroutine function that takes a `Fleet` and its own parameters.

    :param str name: of the command
    :param bool needs_token: False for a login
    """

    def decorate(function: Callable) -> click.Command:
        @functools.wraps(function)
        def run(uri, org, product, token_file, ca, **given) -> None:
            if not uri:
                raise click.UsageError("--uri or NERVES_HUB_URI must name the server")
            try:
                token = find(check_uri(uri), token_file) if needs_token else None
                if needs_token and token is None:
                    raise click.ClickException(
                        f"no token for {check_uri(uri)}: run nerveshub-link login, or set"
                        " NERVES_HUB_TOKEN"
                    )
                client = RestClient(uri, token, ca)
                asyncio.run(_within(client, function, (org, product, token_file), given))
            except Refused as refused:
                raise explained(refused) from None
            except (RestError, TokenError) as error:
                raise click.ClickException(plain(error)) from None

        for option in reversed((*SERVER_OPTIONS, _PRODUCT)):
            run = option(run)
        return click.command(name)(run)

    return decorate


async def _within(client: RestClient, function: Callable, access: tuple, given: dict) -> None:
    async with client:
        await function(Fleet(client, *access), **given)
