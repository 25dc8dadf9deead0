# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""What a session with slots needs: small, for its memory is measured as a board's."""

import sys


class Launcher:
    """What ``nh_run`` leaves for the library."""

    slot = ""
    armed = 0


def slot_writer(drive, slot, clock, public_keys):
    """The writer of an application that the launcher has started out of a slot."""
    from nerveshub_link import AppSlotWriter

    Launcher.slot = slot
    sys.modules["nh_launcher"] = Launcher
    return AppSlotWriter(drive, public_keys=public_keys, clock=clock)


def confirmed(link, clock):
    """Check that the release is confirmed."""
    return link.connected and link._config.fwup_writer.firmware_validated()
