# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
An update from the offer to the report: decide, download, verify, hand to a writer. The base of all
writers, `FwupWriter`, is here: the port to the flash.

In come offers and bytes; a writer gets chunks, the server gets statuses.

May call: common, config, wire.
"""
