# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.release_cli`
================================================================================

The commands that look at a release on this computer: ``verify`` and ``inspect``. They send nothing.
"""

import sys
from pathlib import Path
from typing import Dict, List

import click
from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from .fleet_access import plain, tell
from .release_file import NoRelease, ReleaseFile, look
from .release_rules import known_keys, refusals, signer_of, what_nerveshub_reads

_FILE = click.Path(exists=True, dir_okay=False)
_KEY = click.option(
    "--key",
    "key_files",
    type=_FILE,
    multiple=True,
    help="A public key (.pub) to know signers by; all beside FILE and here if not given.",
)


@click.command()
@click.argument("file", type=_FILE)
@_KEY
def verify(file: str, key_files: tuple) -> None:
    """
    Check the release FILE, a .fw or .bin, for damage, and by whom it is signed.

    Ends with 1, and says where, if it is damaged, not signed, signed by an unknown key, or what
    NervesHub or a board would refuse.
    """
    found, keys = _look(file), _keys(file, key_files)
    wrong = faults(found, keys)
    for text in wrong:
        tell(f"{found.name}: {text}")
    if wrong:
        sys.exit(1)
    tell(f"{found.name}: {_title(found)}")
    tell(_signed_by(found, keys))
    tell("It is whole, and NervesHub and a board take it." if found.archive else "It is whole.")


@click.command()
@click.argument("file", type=_FILE)
@_KEY
def inspect(file: str, key_files: tuple) -> None:
    """Show what is in the release FILE, a .fw or .bin: files, metadata, signer, chunks."""
    found, keys = _look(file), _keys(file, key_files)
    tell(f"{found.name}: {found.kind}, {found.size:,} bytes")
    width = max(map(len, found.meta), default=0)
    for key, value in found.meta.items():
        tell(f"  {key:{width}}  {value}")
    if found.min_version:
        tell(f"  A board that ran it takes none below {found.min_version} any more.")
    tell(f"  {_signed_by(found, keys)}")
    console = Console(soft_wrap=True, highlight=False)
    if found.archive:
        console.print(_members(found))
    if found.chunks:
        stored = sum(chunk.stored for chunk in found.chunks)
        tell(
            f"{len(found.chunks):,} chunks: {stored:,} bytes stored, {found.image:,} bytes unpacked"
        )
    if found.files:
        console.print(_files(found))
    reads = what_nerveshub_reads(found)
    others = {key: value for key, value in reads.items() if found.meta.get(key) != value}
    for key, value in others.items():
        tell(f"NervesHub reads {key}: {value}")
    if not others:
        tell("NervesHub reads product, version and so on as they stand above.")
    for title, texts in (
        ("damaged", found.damage),
        ("NervesHub would refuse it", refusals(found)),
        ("a board would refuse it", found.board),
    ):
        for text in texts:
            tell(f"{title}: {text}")
    if not found.archive:
        tell("NervesHub takes a bare image only if it is told to (ESP_IDF_FIRMWARE_ENABLED=true).")


def faults(found: ReleaseFile, keys: Dict[str, str]) -> List[str]:
    """
    All that speaks against sending a release.

    :param dict keys: public keys that are known; none are known if it is empty
    """
    wrong = [f"damaged: {text}" for text in found.damage]
    if found.signature is not None and keys and signer_of(found, keys) is None:
        wrong.append(
            f"the signature is bad, or by a key that is not known here ({', '.join(keys.values())})"
        )
    wrong += [f"NervesHub would refuse it: {text}" for text in refusals(found)]
    wrong += [f"a board would refuse it: {text}" for text in found.board]
    return wrong


def _look(file: str) -> ReleaseFile:
    try:
        return look(file)
    except NoRelease as error:
        raise click.ClickException(plain(error)) from None
    except OSError as error:
        raise click.ClickException(plain(f"{file}: {error.strerror}")) from None


def _keys(file: str, given: tuple) -> Dict[str, str]:
    if given:
        try:
            return known_keys(given)
        except (OSError, ValueError) as error:
            raise click.ClickException(plain(error)) from None
    keys = {}
    for path in sorted({*Path(file).resolve().parent.glob("*.pub"), *Path.cwd().glob("*.pub")}):
        try:
            keys.update(known_keys([path]))
        except (OSError, ValueError):
            continue  # other programs have files of this name, too
    return keys


def _title(found: ReleaseFile) -> str:
    meta = found.meta
    return f"{meta.get('product')} {meta.get('version')} for {meta.get('platform')}, {meta['uuid']}"


def _signed_by(found: ReleaseFile, keys: Dict[str, str]) -> str:
    if not found.archive:
        return "A bare image has no signature of fwup."
    if found.signature is None:
        return "It is not signed."
    if not keys:
        return "It is signed; by whom, --key KEY.pub tells."
    key = signer_of(found, keys)
    if key is None:
        return f"It is signed by none of the keys that are known here: {', '.join(keys.values())}."
    return f"It is signed by {keys[key]}: {key}"


def _members(found: ReleaseFile) -> Tree:
    tree = Tree("members")
    for member in found.members:
        size = "?" if member.content is None else f"{len(member.content):,}"
        packed = "" if size == f"{member.stored:,}" else f" ({member.stored:,} as stored)"
        tree.add(Text(plain(f"{member.name}  {size}{packed}")))
    return tree


def _files(found: ReleaseFile) -> Tree:
    size = sum(map(len, found.files.values()))
    count = "1 file" if len(found.files) == 1 else f"{len(found.files):,} files"
    tree = Tree(Text(f"{count}, {size:,} bytes"))
    folders = {"": tree}
    for path, content in sorted(found.files.items()):
        above, _, name = path.rpartition("/")
        _folder(folders, above).add(Text(plain(f"{name}  {len(content):,}")))
    return tree


def _folder(folders: Dict[str, Tree], path: str) -> Tree:
    if path not in folders:
        above, _, name = path.rpartition("/")
        folders[path] = _folder(folders, above).add(Text(plain(name + "/")))
    return folders[path]


COMMANDS = (verify, inspect)
