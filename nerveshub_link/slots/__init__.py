# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`AppSlotWriter` and the record: applications in two slots.

Input: a release. The record on the drive holds which slot starts next.

May call: common, config, release, update.
"""
