# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
The ``device`` topic except updates: join, confirmation, restart, archives.

Input: events of the topic. Output: pushes, and calls of the application's callbacks.

May call: common, release, update, wire.
"""
