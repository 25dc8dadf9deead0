# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT

"""How Sphinx builds the documentation; the settings are those of Adafruit's library template."""

import os
import sys
from datetime import datetime

sys.path.insert(0, os.path.abspath(".."))

extensions = [
    "sphinx.ext.autodoc",
    "sphinxcontrib.jquery",
    "sphinx.ext.napoleon",
]
intersphinx_mapping = {
    "python": ("https://docs.python.org/3", None),
    "CircuitPython": ("https://docs.circuitpython.org/en/latest/", None),
}
if os.getenv("READTHEDOCS"):
    # It fetches from these sites, so a build without the network would fail.
    extensions.append("sphinx.ext.intersphinx")

autodoc_preserve_defaults = True
autodoc_member_order = "bysource"
autoclass_content = "both"
napoleon_numpy_docstring = False
# Single backticks refer to whatever has that name.
default_role = "any"

project = "nerveshub_link"
author = "nerveshub_link contributors"
copyright = (
    f"2026 - {datetime.now().year} {author}" if datetime.now().year > 2026 else f"2026 {author}"
)
version = release = "main"
language = "en"
exclude_patterns = ["_build", "CODE_OF_CONDUCT.md", "requirements.txt"]
pygments_style = "sphinx"

html_theme = "sphinx_rtd_theme"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_favicon = "_static/favicon.ico"
html_show_sourcelink = False


def _show_as_code(app, env, node, contnode):
    # Docstrings name constants and attributes that have no entry of their own: no link, then. In
    # the pages written by hand, a name that does not exist stays an error.
    page = node.get("refdoc", "").split("/")[0]
    if node.get("reftype") == "any" and page in {"api", "internals"}:
        return contnode
    return None


def setup(app):
    """Sphinx calls this."""
    app.connect("missing-reference", _show_as_code)
