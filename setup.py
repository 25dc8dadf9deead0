# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""For tools that still look for a setup.py; everything is in pyproject.toml."""

from setuptools import setup

setup()
