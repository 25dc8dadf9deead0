# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
The options of a link, checked once, and ``settings.toml``.

Input: the application's options and the settings. Output: one `Config`, or a ValueError.

May call: common.
"""
