# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Stand-ins for a board's modules that the examples use, for a process that runs one of them."""

import socket
import sys
import types

from nerveshub_tools.board_modules import Board


class Radio:
    """``wifi.radio``."""

    enabled = connected = True
    ipv4_address = "192.0.2.7"
    ap_info = None

    def connect(self, ssid, password=b"", *, channel=0, bssid=None, timeout=None):
        """It is connected."""


class AnalogIn:
    """Moist soil."""

    value = 7000

    def __init__(self, pin):
        pass


class DigitalInOut:
    """A pin."""

    def __init__(self, pin):
        self.value = False

    def switch_to_output(self, value=False, drive_mode=None):
        """Set the value; nothing is connected to the pin."""
        self.value = value


def flash(buffer, offset=0):
    """No example calls this."""
    raise AssertionError


def switch():
    """As `flash`."""
    raise AssertionError


MODULES = {
    "wifi": {"radio": Radio()},
    "board": {"board_id": "some_board", "A0": 0, "D5": 5, "D9": 9},
    "analogio": {"AnalogIn": AnalogIn},
    "digitalio": {"DigitalInOut": DigitalInOut},
    "dualbank": {"flash": flash, "switch": switch},
    # The network is this computer's; nothing is sent before the first poll().
    "socketpool": {"SocketPool": lambda radio: socket},
    "pwmio": {"PWMOut": None},  # made when somebody presses "identify"
}


def install():
    """Put them where ``import`` finds them."""
    board = Board()
    board.install()
    sys.modules["microcontroller"].nvm = bytearray(8192)
    for name, names in MODULES.items():
        sys.modules[name] = types.ModuleType(name)
        vars(sys.modules[name]).update(names)
