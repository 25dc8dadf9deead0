# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
What is said on the ``device`` topic beside updates: join, confirmation, restart, archives.

In come events of the topic; out come pushes and the application's callbacks.

May call: common, update, wire.
"""
