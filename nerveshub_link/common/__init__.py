# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
Basic modules that every room may use: ticks, memory, texts, the application's callbacks.

Input: plain values. Nothing here depends on what they are used for.

May call: nothing.
"""
