# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.tokens`
================================================================================

Reads and keeps the user's token for NervesHub: in the environment, a file, or the computer's
keyring. It is never an argument, which every user of the computer can see in the list of processes,
and never printed.

Separate from the commands that need one.
"""

import contextlib
import os
from pathlib import Path
from typing import Optional

VARIABLES = ("NERVES_HUB_TOKEN", "NH_TOKEN")
"""As NervesHub's own command line has them"""
SERVICE = "nerveshub-link"
"""Name of the entries in the keyring; the user's name there is the server's address."""


class TokenError(Exception):
    """The token cannot be read or kept. The text is for a person."""


def find(uri: str, file: Optional[str] = None) -> Optional[str]:
    """
    The token for a server: of the file if one is named, else of the environment or the keyring.

    :param str uri: the server's address, as `nerveshub_tools.rest_client.check_uri` gives it
    :raises TokenError: if the file cannot be read, or what is found is no token
    """
    if file:
        try:
            return checked(Path(file).read_text(encoding="utf-8"), file)
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "no text"
            raise TokenError(f"{file} cannot be read: {reason}") from None
    for name in VARIABLES:
        if os.environ.get(name):
            return checked(os.environ[name], f"${name}")
    backend = _keyring()
    if backend is None:
        return None
    with _told("read"):
        return backend.get_password(SERVICE, uri)


def keep(uri: str, token: str, file: Optional[str] = None) -> str:
    """
    Keep a token for later: in a file that only its owner can read, or in the keyring.

    :return: where it is, for a person
    :raises TokenError: if that fails, or if there is neither
    """
    if file:
        try:
            # Made anew with its mode, so that nobody can read it in between.
            Path(file).unlink(missing_ok=True)
            number = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(number, "w", encoding="utf-8") as target:
                target.write(token + "\n")
        except OSError as error:
            raise TokenError(f"{file} cannot be written: {error.strerror}") from None
        return file
    backend = _keyring()
    if backend is None:
        raise TokenError(
            "this computer has no keyring: name a file to keep the token in with --token-file FILE"
        )
    with _told("write"):
        backend.set_password(SERVICE, uri, token)
    return "the computer's keyring"


def checked(text: str, where: str) -> str:
    """
    A token without the blanks around it.

    :raises TokenError: if it could not be one; the text does not show it
    """
    token = text.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise TokenError(f"{where} holds no token")
    return token


def _keyring():
    """The module keyring if there is a keyring to use, else None."""
    try:
        import keyring  # noqa: PLC0415 - takes a while, and most commands find the environment
        from keyring.backends import fail  # noqa: PLC0415 - likewise
    except ImportError:
        return None
    return None if isinstance(keyring.get_keyring(), fail.Keyring) else keyring


@contextlib.contextmanager
def _told(what: str):
    from keyring.errors import KeyringError  # noqa: PLC0415 - see above

    try:
        yield
    except KeyringError as error:
        raise TokenError(f"cannot {what} the keyring: {type(error).__name__}") from None
