# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
The ``extensions`` topic: its router, the base class `Extension`, and the extensions that NervesHub
knows.

Input: events for an extension. Output: its reports.

May call: common, console, wire.
"""
