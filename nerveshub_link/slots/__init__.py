# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`AppSlotWriter` and the record: applications in two slots.

In comes a release; what starts next stands in the record.

May call: common, config, release, update.
"""
