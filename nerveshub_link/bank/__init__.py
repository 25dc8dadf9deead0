# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`DualBankWriter`: CircuitPython itself in two firmware banks.

In comes an image; what starts next stands in the NVM.

May call: common, release, slots, update.
"""
