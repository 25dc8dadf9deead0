# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
``python -m nerveshub_tools`` does what the command ``nerveshub-link`` does.
"""

from .cli import main

main()
