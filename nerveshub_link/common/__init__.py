# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
Leaves that every room may use: ticks, memory, texts, the application's callbacks.

Whatever comes in is a value; nothing here knows what it is for.

May call: nothing.
"""
