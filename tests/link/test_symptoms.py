# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""The page about troubleshooting shows texts that the code says."""

import ast
import re
from pathlib import Path

import pytest

import nerveshub_link

PACKAGE = Path(nerveshub_link.__file__).parent
ROOT = PACKAGE.parent
PAGE = ROOT / "docs" / "troubleshooting.rst"
OTHERS = ("ConnectionError: No network with that ssid",)  # CircuitPython's own words


def symptoms():
    """The first column of the page's tables, and the texts that its lists begin with."""
    text = PAGE.read_text("utf-8")
    return re.findall(r"    \* - ``(.+)``\n      - ", text) + re.findall(
        r"^\* ``(App.+?)``:", text.replace("\n  ", " "), re.M
    )


@pytest.fixture(scope="module")
def texts():
    """All texts in package and boot guard, docstrings included."""
    return "\n".join(
        node.value
        for folder in (PACKAGE, ROOT / "examples" / "board")
        for path in folder.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def test_there_are_many():
    assert len(symptoms()) > 70


@pytest.mark.parametrize("symptom", [text for text in symptoms() if text not in OTHERS])
def test_symptom_is_what_the_code_says(symptom, texts):
    # Where the system's words follow, only the beginning is the code's.
    own = symptom.partition(": ...")[0] if "can't connect to" not in symptom else "can't connect to"
    said = [part.strip(" ,:();") for part in re.split(r"\.\.\.|\d{4}|KeyboardInt.*", own)]
    assert any(said)
    assert [part for part in said if part not in texts] == []
