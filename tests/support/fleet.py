# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""The commands for a fleet, run against a development hub over real sockets."""

import contextlib
import socket
import threading

import keyring
from click.testing import CliRunner
from hub_wire import device
from keyring.backend import KeyringBackend
from nerveshub_tools.cli import main
from nerveshub_tools.keys import make_keys, read_key
from nerveshub_tools.packer import pack
from nerveshub_tools.server import HubThread

from .board import application

META = {"product": "demo", "version": "2.0.0", "platform": "board", "architecture": "xtensa"}
JOIN = {
    "device_api_version": "2.2.0",
    "nerves_fw_uuid": "u-1",
    "nerves_fw_product": "demo",
    "nerves_fw_architecture": "xtensa",
    "nerves_fw_version": "1.0.0",
    "nerves_fw_platform": "board",
    "meta": {"firmware_validated": True},
}


class Keyring(KeyringBackend):
    """A keyring that is a dict."""

    priority = 1

    def __init__(self):
        super().__init__()
        self.kept = {}

    def get_password(self, service, username):
        return self.kept.get((service, username))

    def set_password(self, service, username, password):
        self.kept[service, username] = password

    def delete_password(self, service, username):
        del self.kept[service, username]


@contextlib.contextmanager
def using(backend):
    """Let the module keyring use a backend."""
    before = keyring.get_keyring()
    keyring.set_keyring(backend)
    try:
        yield backend
    finally:
        keyring.set_keyring(before)


class Fleet:
    """
    A hub with one signing key, and a command line beside it.

    :param pathlib.Path folder: for keys and releases
    :param settings: those of the hub
    """

    def __init__(self, folder, **settings):
        self.folder = folder
        self.hub = HubThread(**settings)
        self.public, self.private = make_keys(folder / "known")
        self.hub.public_keys.append(self.public.read_text())
        self.hub.organization.key_names[self.public.read_text()] = "greenhouse key"
        self.env = {}

    def __enter__(self):
        self.hub.__enter__()
        self.env = {
            "NERVES_HUB_URI": f"http://localhost:{self.hub.port}",
            "NERVES_HUB_TOKEN": self.hub.organization.token,
        }
        return self

    def __exit__(self, *exception):
        self.hub.__exit__(*exception)

    def release(self, version="2.0.0", key="known", **meta):
        """Pack a release; gives its path and uuid. ``key`` None leaves it unsigned."""
        path = self.folder / f"demo-{version}.fw"
        app = application(self.folder / "app", f"print({version!r})\n")
        private = read_key(self.folder / f"{key}.priv") if key else None
        uuid = pack(app, path, {**META, "version": version, **meta}, key=private).uuid
        return str(path), uuid

    def run(self, *words, code=0, text=None, **env):
        """Run a command; gives all that it printed. It must end with ``code``."""
        given = {**dict.fromkeys(("NH_TOKEN", "NERVES_HUB_ORG", "NERVES_HUB_PRODUCT"))}
        given.update(self.env, **env)
        result = CliRunner().invoke(main, list(words), input=text, env=given)
        assert result.exception is None or isinstance(result.exception, SystemExit), result
        assert result.exit_code == code, result.output
        token = self.hub.organization.token
        assert token not in result.output, "a token must never be printed"
        return " ".join(result.output.split())

    def asked(self, method=None):
        """The paths that the hub was asked for, below ``/api``."""
        return [
            path.removeprefix("/api")
            for asked, path, _ in self.hub.requests
            if path.startswith("/api") and method in {None, asked}
        ]

    def device(self, identifier="dev 1", **changes):
        """A device that is connected, to be used in a ``with``."""
        return device(self.hub, identifier, join={**JOIN, **changes})


@contextlib.contextmanager
def answering(data, heard=None):
    """
    The port of a server that answers every connection with these bytes, and closes it. What it was
    sent first is added to the list ``heard``.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        asked = connection.recv(65536)
                        if heard is not None:
                            heard.append(asked)
                        connection.sendall(data)

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
