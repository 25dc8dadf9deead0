# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
Make links with ``extensions``, as a code.py does that imports no more than `NervesHubLink`: what
the package imports by itself must not depend on what the application has imported before.

Options (JSON, on standard input): ``extensions``: names out of ``logging``, ``health``, ``mine``;
``links``: how many to make; ``wrong``: True to try one with a mistake in between. Prints one JSON
line for each.
"""

import json
import sys

import socketpool

from nerveshub_link import NervesHubLink

META = {
    "product": "demo",
    "architecture": "xtensa",
    "platform": "board",
    "version": "1.0.0",
    "uuid": "old",
}


class Provider:
    """A provider that is not derived from HealthProvider."""

    def health_check(self):
        return {}


class Mine:
    """An extension that is not derived from Extension."""

    version = "0.0.1"

    def attached(self):
        pass

    def detached(self):
        pass

    def handle_event(self, event, payload):
        pass

    def poll(self, now):
        pass


def make(names, **more):
    values = {"logging": True, "health": Provider(), "mine": Mine()}
    return NervesHubLink(
        socketpool.SocketPool(None),
        host="hub.example",
        ssl=False,
        product_key="nhp_key",
        product_secret="secret",
        identifier="dev-1",
        firmware_meta=META,
        extensions={name: values[name] for name in names},
        **more,
    )


def attempt(names, **more):
    try:
        link = make(names, **more)
        link.log("info", "here I am")
        print(json.dumps({"event": "made", "state": link.state}))
    except Exception as error:
        print(json.dumps({"event": "raised", "error": repr(error)}))


def main(options):
    names = options["extensions"]
    for count in range(options.get("links", 1)):
        attempt(names)
        if count == 0 and options.get("wrong"):
            attempt(names, port=0)
    loaded = [name[15:] for name in sys.modules if name.startswith("nerveshub_link.")]
    print(json.dumps({"event": "end", "modules": sorted(loaded)}))


main(json.load(sys.stdin))
