# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
What a ``.fw`` is, read as it arrives.

In come the bytes of an archive; out come its metadata and its content, checked.

May call: common, config, update.
"""
