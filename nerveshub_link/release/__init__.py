# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
Reads a ``.fw`` archive as it arrives.

Input: the archive's bytes. Output: its metadata and its content, checked.

May call: common, config, update.
"""
