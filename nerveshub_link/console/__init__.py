# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
A Python prompt for operators, files both ways, and scripts.

In come keys, files and scripts, untrusted; out comes text.

May call: common, wire.
"""
