# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.sign_cli`
================================================================================

The command ``sign``: a release or an archive gets another signature, and stays what it is.
"""

import base64

import click

from . import keys, resign
from .fleet_access import plain
from .release_paths import Unfit
from .signatures import is_signed, signer

_FILE = click.Path(exists=True, dir_okay=False)


@click.command()
@click.argument("file", type=_FILE)
@click.option(
    "--key", type=_FILE, required=True, help="Private key, as keygen or fwup -g makes it."
)
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="FILE itself if not given.")
def sign(file, key, output) -> None:
    """
    Sign the release or archive FILE, in place of its own signature if it has one.

    Nothing else in it changes, so its uuid stays what it is. fwup -S would deflate all members,
    and a board takes no such archive.
    """
    try:
        private = keys.read_key(key)
        public = base64.b64encode(private.public_key().public_bytes_raw()).decode()
        had = is_signed(file)
        same = had and signer(file, [public]) is not None
        resign.sign(file, private, output)
    except Unfit as error:
        raise click.ClickException(plain(str(error))) from error
    except OSError as error:
        raise click.ClickException(f"{error.filename or file}: {error.strerror}") from error
    if same:
        words = "was signed by this key already"
    else:
        words = "signed, in place of another signature" if had else "signed"
    click.echo(plain(f"{output or file}: {words}; public key {public}"))
