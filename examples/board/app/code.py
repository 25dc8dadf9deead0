# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: Unlicense
"""
The rescue application: runs when no slot holds a whole application, and fetches one.

It tells NervesHub another uuid than any release has, so that the release is offered once more.
"""

import wifi

from nerveshub_link import AppSlotWriter, NervesHubLink

link = NervesHubLink.from_settings(
    wifi.radio, fwup_writer=AppSlotWriter(), extensions={"logging": True}
)

while True:
    link.poll()
