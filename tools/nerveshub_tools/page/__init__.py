# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.page`
================================================================================

The operator's page of the development hub, in a browser on the same computer.

Separate because it needs NiceGUI, which brings terminal, charts and everything else that a browser
loads; the hub runs without it. `nerveshub_tools.page.server` puts it on a port.
"""

import importlib.util

MISSING = "the page needs NiceGUI: pip install './tools[page]' in a clone of nerveshub_link"


def is_available() -> bool:
    """Is there what the page needs?"""
    return importlib.util.find_spec("nicegui") is not None
