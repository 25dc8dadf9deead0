# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
The options of a link, checked once, and ``settings.toml``.

In comes what the application or the settings say; out comes one `Config`, or ValueError.

May call: common.
"""
