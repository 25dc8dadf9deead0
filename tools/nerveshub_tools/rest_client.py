# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.rest_client`
================================================================================

A client of NervesHub's REST API: the connection, login, organizations and signing keys.
`nerveshub_tools.rest_product` has the calls below a product.

Separate from the commands (`nerveshub_tools.fleet_cli`), which decide what to call and what to
show. Certificates are always verified, a token is never sent over plain HTTP to another computer,
and no error text holds a token or an address with one in it. Source of the calls: a captured server
(facts 46 to 53 of tests/data/transcripts/README.md) and its OpenAPI document.
"""

import asyncio
import functools
import ipaddress
import json
import ssl
import urllib.request
from typing import Any, Iterator, List, Optional
from urllib.parse import quote, urlencode, urlsplit

import aiohttp
from yarl import URL

ANSWER_SECONDS = 60
"""How long an answer may take"""
CONNECT_SECONDS = 20
_LOCAL = {"localhost", "localhost.localdomain"}


class RestError(Exception):
    """The server was not reached, or its answer not understood. The text is for the user."""


class Refused(RestError):
    """
    The server refused a call.

    :param int status: status of its answer
    :param list words: its reasons, a sentence each
    """

    def __init__(self, status: int, words: List[str]) -> None:
        super().__init__(f"{'; '.join(words) or 'no reason given'} (HTTP {status})")
        self.status = status
        self.words = words


class Answer(dict):
    """An object of the server's. A missing field raises an error that blames the server."""

    def __missing__(self, key: str) -> Any:
        raise RestError(
            f"the server's answer has no {key!r}: is this another version of NervesHub?"
        )


_loads = functools.partial(json.loads, object_hook=Answer)


def check_uri(uri: str) -> str:
    """
    A server's address as this module needs it: scheme, host and port.

    :raises RestError: if it is no address, or would show the token to the network
    """
    uri = uri.strip()
    parts = urlsplit(uri if "://" in uri else "https://" + uri)
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.scheme not in {"https", "http"}:
        raise RestError("the server's address must be like https://manage.example.com")
    if parts.username or parts.password or parts.query or parts.path.strip("/"):
        raise RestError("the server's address is scheme, host and port, and nothing else")
    if parts.scheme == "http" and not _is_this_computer(host):
        raise RestError(
            f"http://{host} would show your token to the network: use https://, or on the hub's own"
            " computer http://localhost"
        )
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + (f":{port}" if port else "")


def _is_this_computer(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in _LOCAL


class RestClient:
    """
    Use it in an ``async with`` block.

    :param str uri: the server's address, such as ``https://manage.example.com``
    :param str token: the user's token; None only for a login
    :param str ca: path of a CA's certificate (PEM) to trust beside the computer's own
    :raises RestError: if the address or the certificate is invalid
    """

    def __init__(self, uri: str, token: Optional[str] = None, ca: Optional[str] = None) -> None:
        self.uri = check_uri(uri)
        self._host = urlsplit(self.uri).netloc
        self.token = token
        self._session: Optional[aiohttp.ClientSession] = None
        self._tls = ssl.create_default_context()
        if ca:
            try:
                self._tls.load_verify_locations(ca)
            except (OSError, ssl.SSLError) as error:
                raise RestError(f"{ca} is no CA certificate in PEM: {error.strerror}") from None

    async def __aenter__(self) -> "RestClient":
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=CONNECT_SECONDS, sock_read=ANSWER_SECONDS
        )
        # A connection each: the server may close one while a person is asked something, and a
        # POST on it would fail.
        connector = aiohttp.TCPConnector(ssl=self._tls, force_close=True)
        self._session = aiohttp.ClientSession(connector=connector, timeout=timeout)
        return self

    async def __aexit__(self, *_exception) -> None:
        await self._session.close()

    async def call(self, method: str, *path: str, query: Optional[dict] = None, **body) -> Any:
        """
        One call.

        :param path: parts of the path below ``/api``, not yet quoted
        :param dict query: parameters
        :param body: ``json=`` or ``data=``
        :return: the answer's JSON object; an empty one for 204
        :raises Refused: for a status of 400 and more
        :raises RestError: if the server is not reached or not understood
        """
        if {"", ".", ".."} & set(path):
            raise RestError("this name is not allowed: it is empty, or means a folder")
        url = f"{self.uri}/api/" + "/".join(quote(part, safe="") for part in path)
        url += "?" + urlencode(query) if query else ""
        # The computer's proxy, without its .netrc: that would replace the token by a password.
        proxy = None
        scheme, host = self.uri.split("://")[0], urlsplit(self.uri).hostname
        if not _is_this_computer(host) and not urllib.request.proxy_bypass(host):
            proxy = urllib.request.getproxies().get(scheme)
        headers = {"Accept": "application/json"}
        if self.token:
            headers["Authorization"] = f"token {self.token}"
        try:
            async with self._session.request(
                method,
                URL(url, encoded=True),
                headers=headers,
                proxy=proxy,
                allow_redirects=False,
                **body,
            ) as answer:
                return await self._understood(answer)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise RestError(self._unreached(error)) from None

    async def _understood(self, answer: aiohttp.ClientResponse) -> Any:
        if answer.status == 204:
            return {}
        if 300 <= answer.status < 400:
            target = urlsplit(answer.headers.get("Location", ""))
            raise RestError(
                f"{self._host} redirects to {target.scheme}://{target.netloc}: use that address"
                if target.netloc
                else f"{self._host} answers with a redirect: is the address right?"
            )
        try:
            found = await answer.json(content_type=None, loads=_loads)
        except ValueError:
            found = None
        if answer.status >= 400:
            errors = found.get("errors") if isinstance(found, dict) else None
            raise Refused(answer.status, list(_sentences(errors)))
        if not isinstance(found, dict) or "data" not in found:
            raise RestError(f"{self._host} does not answer like NervesHub: is the address right?")
        return found

    def _unreached(self, error: Exception) -> str:
        """Why there is no answer, without the address, which may hold a token."""
        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            reason = getattr(error.certificate_error, "verify_message", "") or "not trusted"
            return (
                f"the certificate of {self._host} is invalid: {reason}. For your own CA, use --ca"
            )
        if isinstance(error, aiohttp.ClientSSLError):
            return f"the TLS handshake with {self._host} failed: is it https, is the port right?"
        if isinstance(error, aiohttp.ClientConnectorError):
            return f"cannot reach {self._host}: {error.strerror or 'unknown name?'}"
        if isinstance(error, asyncio.TimeoutError):
            return f"{self._host} did not answer in time"
        return f"the connection to {self._host} was lost ({type(error).__name__})"

    # Login, user

    async def begin_login(self, note: str) -> dict:
        """Ask for a session: ``token``, ``url`` for the browser, ``confirmation_code``."""
        return (await self.call("POST", "auth", "cli_session", json={"note": note}))["data"]

    async def check_login(self, session: str) -> Optional[str]:
        """The user's token, None until the login was confirmed."""
        found = (await self.call("GET", "auth", "cli_session", session))["data"]
        return found.get("user_token") if found.get("status") == "ready" else None

    async def me(self) -> dict:
        """Name and email of the user."""
        return (await self.call("GET", "users", "me"))["data"]

    async def orgs(self) -> List[str]:
        """Names of the user's organizations."""
        return [item["name"] for item in (await self.call("GET", "orgs"))["data"]]

    async def products(self, org: str) -> List[str]:
        """Names of an organization's products."""
        return [item["name"] for item in (await self.call("GET", "orgs", org, "products"))["data"]]

    # Signing keys

    async def keys(self, org: str) -> List[dict]:
        """Signing keys: ``name``, ``scheme``, ``key``."""
        return (await self.call("GET", "orgs", org, "keys"))["data"]

    async def add_key(self, org: str, name: str, key: str) -> dict:
        """Let the organization know a public key."""
        body = {"name": name, "key": key}
        return (await self.call("POST", "orgs", org, "keys", json=body))["data"]


def _sentences(errors: Any, field: str = "") -> Iterator[str]:
    """The server's errors as sentences: a field's name before what is wrong with it."""
    if isinstance(errors, dict):
        for key, value in errors.items():
            yield from _sentences(value, "" if key == "detail" else key)
    elif isinstance(errors, list):
        for value in errors:
            yield from _sentences(value, field)
    elif errors is not None:
        yield f"{field} {errors}".strip()
