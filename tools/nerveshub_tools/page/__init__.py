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
import sys

MISSING = "the page needs NiceGUI and Python 3.10 or newer: pip install 'nerveshub-tools[page]'"


def is_available() -> bool:
    """Is there what the page needs?"""
    return sys.version_info >= (3, 10) and importlib.util.find_spec("nicegui") is not None
