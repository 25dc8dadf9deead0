# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.fleet_login`
================================================================================

The command ``login``: gets a token for NervesHub, by the browser or by asking for one.

Separate because it is the only command without a token, and the only one that waits for a person.
"""

import asyncio
import os
import socket
import sys
import webbrowser
from typing import Awaitable, Callable
from urllib.parse import urlsplit

import click

from .fleet_access import Fleet, fleet_command, tell
from .rest_client import Refused, RestClient, RestError
from .tokens import VARIABLES, checked, keep

_PAUSE = 2
_TRIES = 150


@fleet_command("login", needs_token=False)
@click.option("--with-token", is_flag=True, help="Ask for a token that was made on the page.")
@click.option("--no-browser", is_flag=True, help="Print the address, don't open it.")
async def login(fleet: Fleet, with_token: bool, no_browser: bool) -> None:
    """
    Log in to NervesHub: in the browser, or with a token that you made on its page.

    The token is kept in the computer's keyring, or in the file that --token-file names. Like all
    secrets it is never an argument: --with-token asks for it, or reads it from standard input.
    """
    client = fleet.client
    if with_token:
        client.token = checked(_asked(), "the answer")
    else:
        client.token = await from_browser(client, _ignore if no_browser else webbrowser.open)
    user = await client.me()
    where = keep(client.uri, client.token, fleet.token_file)
    tell(f"logged in to {client.uri} as {user.get('name')} <{user.get('email')}>")
    tell(f"the token is kept in {where}")
    for name in VARIABLES:
        if os.environ.get(name) and not fleet.token_file:
            tell(f"but ${name} is set, and comes first")


def _asked() -> str:
    if sys.stdin.isatty():
        return click.prompt("Token", hide_input=True, err=True)
    return sys.stdin.readline()


def _ignore(_url: str) -> bool:
    return False


async def from_browser(
    client: RestClient,
    open_browser: Callable[[str], bool],
    sleep: Callable[[float], Awaitable] = asyncio.sleep,
) -> str:
    """
    Let the user confirm the login of this command line in the browser.

    :param open_browser: opens an address, like ``webbrowser.open``
    :param sleep: waits some seconds
    :return: the user's token
    :raises RestError: if it was not confirmed within five minutes
    """
    begun = await client.begin_login(f"nerveshub-link on {socket.gethostname()}")
    url = begun["url"]
    if urlsplit(url).scheme not in {"http", "https"} or not url.isprintable():
        raise RestError("the server gives no address for the browser")
    tell(f"In the browser: {url}")
    if begun.get("confirmation_code") is not None:
        tell(f"It must show this code: {begun['confirmation_code']}")
    open_browser(url)
    for _ in range(_TRIES):
        try:
            token = await client.check_login(begun["token"])
        except Refused as refused:
            if refused.status == 404:
                raise RestError("the login has expired, or was refused: try again") from None
            raise
        if token:
            return checked(token, "the server's answer")
        await sleep(_PAUSE)
    raise RestError("the login was not confirmed in the browser: try again")
