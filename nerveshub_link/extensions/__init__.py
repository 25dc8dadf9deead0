# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
The ``extensions`` topic: its router, the port `Extension`, and the ones that NervesHub knows.

In come an extension's events; out come its reports.

May call: common, console, wire.
"""
