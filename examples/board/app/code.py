# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: Unlicense
"""
The rescue application: runs when no slot holds a complete application, and downloads one.

It reports a uuid that no release has, so that NervesHub offers the release again.
"""

import wifi

from nerveshub_link import AppSlotWriter, NervesHubLink

link = NervesHubLink.from_settings(
    wifi.radio, fwup_writer=AppSlotWriter(), extensions={"logging": True}
)

while True:
    link.poll()
