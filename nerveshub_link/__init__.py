# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link`
================================================================================

The NervesHub client for CircuitPython: see every board of a fleet, and update it over the air.

One session, as it goes over the wire::

    board                                             NervesHub
      |  TLS, GET /device-socket/websocket?vsn=2.0.0      |   signed by a secret, or a certificate
      |  ----------------------------------------------> |
      |  <-- 101 Switching Protocols ------------------- |
      |  phx_join device  {nerves_fw_uuid, meta, ...} --> |   what runs, whether it is confirmed
      |  <-- phx_reply ok ------------------------------ |   state "joined", handle_connected()
      |  <-- extensions:get ---------------------------- |
      |  phx_join extensions {health: "0.0.1"} --------> |
      |  heartbeat, every 30 s ------------------------> |   answered, or the board reconnects
      |                                                   |
      |  <-- update {firmware_url, checksum, size} ----- |   update_available() decides
      |  received, started ----------------------------> |
      |  GET firmware_url (its own connection) --------> |   one chunk a poll(): hash, fwup_chunk()
      |  fwup_progress {12, "downloading"} ------------> |
      |                                                   |   length, SHA-256 right: fwup_finish()
      |  fwup_progress {100, "updating"}, completed ---> |
      |  rebooting ------------------------------------> |   reboot()
      |                                                   |
      |  phx_join device {new uuid, validated: false} -> |   now NervesHub counts the update as done
      |  firmware_validated, after confirm_after ------> |   fwup_confirm(); deployments go on

Contracts that fail silently, if a writer or a callback breaks them:

* **The uuid must be that of the installed image.** The server counts an update as done when the
  device joins with any other uuid than before. A fixed uuid in ``code.py`` makes the server offer
  the same update again, three times, and then block the device for a day. The writers of this
  library report the right one.
* **Unconfirmed firmware gets no deployment.** The server sends no deployment to a device that joins
  with ``firmware_validated: false``, until it confirms. With ``auto_confirm=False`` the application
  must call ``confirm_update()``.
* **Saying no costs a day.** After ``failed`` or ``ignored`` the server offers a deployment's
  updates again only after 24 hours. After ``reschedule`` it does so when the delay is over.
* **``platform`` and ``architecture`` must be letter for letter those of the uploaded firmware**,
  and ``version`` a SemVer: otherwise the device belongs to no deployment group.
* **A chunk lives for one call.** The memoryview that ``fwup_chunk`` gets is overwritten by the
  next read, unless ``fwup_chunk`` returned False to be called again.

* Author(s): nerveshub_link contributors

Implementation Notes
--------------------

**Hardware:**

* Boards with an ESP32-S2 or ESP32-S3 and Wi-Fi

**Software and Dependencies:**

* Adafruit CircuitPython firmware 10.1 or newer for the supported boards:
  https://circuitpython.org/downloads
* Adafruit's Connection Manager library:
  https://github.com/adafruit/Adafruit_CircuitPython_ConnectionManager
* Adafruit's Ticks library: https://github.com/adafruit/Adafruit_CircuitPython_Ticks
"""

__version__ = "0.0.0+auto.0"
__repo__ = "https://github.com/nerveshub-link/nerveshub_link.git"

import sys

if sys.implementation.name == "circuitpython" and sys.implementation.version[:2] < (10, 1):
    # Older ones have no SHA-256 in hashlib (shared-module/hashlib/__init__.c).
    raise ImportError("nerveshub_link needs CircuitPython 10.1 or newer")

from .client import APPLY, DOWNLOAD, IGNORE, Client, Decision, ignore, reschedule
from .errors import NervesHubError, ProtocolError, TransportError, UpdateError
from .update.fwup_writer import FwupWriter

# Imported at first use, to save memory: not every board needs all parts, and a program that only
# uses a writer does not need the link. One text, since a table of short texts would take several
# times the memory on a board.
_ON_DEMAND = (
    "AppSlotWriter slots.app_slot_writer"
    " BoardHealth extensions.board_health"
    " Console console.console"
    " DeviceLogs extensions.device_logs"
    " DualBankWriter bank.dual_bank_writer"
    " Extension extensions.router"
    " FileWriter update.file_writer"
    " Geo extensions.geo"
    " GeoIp extensions.geo_ip"
    " HealthProvider extensions.health"
    " LocalShell extensions.local_shell"
    " NervesHubLink link"
    " NetworkIdentity extensions.network_identity"
)


def __getattr__(name: str):
    words = _ON_DEMAND.split(" ")
    if name not in words[::2]:
        raise AttributeError(name)
    module = __name__ + "." + words[words.index(name) + 1]
    __import__(module)
    return getattr(sys.modules[module], name)
