# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
A Python prompt for operators, files both ways, and scripts.

Input: keys, files and scripts, all untrusted. Output: text.

May call: common, wire.
"""
