# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
An update from the offer to the report: decide, download, verify, pass to a writer. `FwupWriter`,
the base class of all writers, is here: the port to the flash.

Input: offers and downloaded bytes. Output: chunks for a writer, statuses for the server.

May call: common, config, wire.
"""
