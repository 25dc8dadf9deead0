# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`DualBankWriter`: CircuitPython itself in two firmware banks.

Input: a firmware image. The NVM holds which bank starts next.

May call: common, release, slots, update.
"""
