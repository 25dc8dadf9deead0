# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
Every example starts, with options that the library takes, and runs until its first poll().

What only a board has (wifi, board, microcontroller) is replaced by `support.example_board`.
"""

import os
import subprocess
import sys

import pytest
from nerveshub_tools.auth import Credential
from nerveshub_tools.server import HubThread
from support import checkout

EXAMPLES = sorted((checkout.ROOT / "examples").glob("*.py"))

PLACES = [str(checkout.ROOT / name) for name in (".", "tests", "tools")]

# Runs in the example's process, before it.
PREPARATION = """
import gc, runpy, ssl, sys, types
from support import example_board
example_board.install()
sys.modules["adafruit_logging"] = types.ModuleType("adafruit_logging")
sys.modules["adafruit_logging"].DEBUG = 10
sys.modules["adafruit_logging"].getLogger = lambda name: __import__("logging").Logger(name)
gc.mem_alloc = lambda: 3000
gc.mem_free = lambda: 1000
ssl.SSLContext.load_cert_chain = ssl.SSLContext.load_verify_locations = lambda *a, **k: None
open_file = open
import builtins, io
def open_somewhere(name, *rest, **more):
    if str(name).startswith("/certs/"):
        return io.StringIO("a certificate")
    return open_file(name, *rest, **more)
builtins.open = open_somewhere

import nerveshub_link
from nerveshub_link.wire.http_head import Url  # the package is whole

def poll(link):
    assert link.state == "waiting", link.state
    provider = link._config.extensions.get("health")
    if provider is not None:
        print("health", provider.health_check())
    place = link._config.extensions.get("geo")
    if hasattr(place, "version"):
        place.push = lambda event, payload: print(event, payload)
        print("geo", place.handle_event("location:request", {}))
    print("polled")
    sys.exit(0)

nerveshub_link.NervesHubLink.poll = poll
runpy.run_path(sys.argv[1], run_name="__main__")
"""


# They need a prepared drive: test_simulated_board.py runs them there.
IN_SLOTS = ("app_slots", "update", "confirm", "deep_sleep")
OF_A_SLOT = tuple("nerveshub_link_%s.py" % name for name in IN_SLOTS)


@pytest.mark.parametrize(
    "example",
    [path for path in EXAMPLES if path.name not in OF_A_SLOT],
    ids=lambda path: path.stem,
)
def test_an_example_starts(example, tmp_path):
    settings = {
        "CIRCUITPY_WIFI_SSID": "a-network",
        "CIRCUITPY_WIFI_PASSWORD": "its-password",
        "NERVESHUB_HOST": "devices.example.com",
        "NERVESHUB_PRODUCT_KEY": "nhp_key",
        "NERVESHUB_PRODUCT_SECRET": "secret",
    }
    done = subprocess.run(
        [sys.executable, "-c", PREPARATION, str(example)],
        cwd=tmp_path,
        env={**os.environ, **settings, "PYTHONPATH": os.pathsep.join(PLACES)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.endswith("polled\n"), done.stdout
    assert done.returncode == 0


def test_the_example_for_a_computer_prints_what_happens(tmp_path):
    with HubThread() as hub:
        settings = {
            "NERVESHUB_HOST": hub.host,
            "NERVESHUB_PORT": str(hub.port),
            "NERVESHUB_SSL": "false",
            "NERVESHUB_PRODUCT_KEY": hub.product_key,
            "NERVESHUB_PRODUCT_SECRET": "a wrong one",
        }
        with subprocess.Popen(
            [sys.executable, str(checkout.ROOT / "examples" / "nerveshub_link_cpython.py")],
            cwd=tmp_path,
            env={**os.environ, **settings, "PYTHONPATH": os.pathsep.join(PLACES)},
            stdout=subprocess.PIPE,
            text=True,
        ) as program:
            said = program.stdout.readline()
            while "401" not in said:
                line = program.stdout.readline()
                assert line, said
                said += line
            hub.credentials[hub.product_key] = Credential("a wrong one")
            while "joined" not in line:
                line = program.stdout.readline()
                assert line, said
            program.kill()


def test_every_example_is_in_the_documentation():
    listed = (checkout.ROOT / "docs" / "examples.rst").read_text()
    assert [path.name for path in EXAMPLES if f"examples/{path.name}" not in listed] == []


def test_an_example_without_a_writer_says_that_it_takes_no_updates():
    """A board that is prepared with one of them as its application would take no other release."""
    for path in EXAMPLES:
        _, words, code = path.read_text("utf-8").split('"""', 2)
        warns = "without fwup_writer=AppSlotWriter() it takes no updates." in words
        assert warns != ("fwup_writer=" in code), path.name
