# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""The table of symptoms on the page about the connection says what the code says."""

import ast
import re
from pathlib import Path

import pytest

import nerveshub_link

PACKAGE = Path(nerveshub_link.__file__).parent
PAGE = PACKAGE.parent / "docs" / "connection.rst"


def symptoms():
    text = PAGE.read_text("utf-8").split(".. _symptoms:")[1].split("Whatever the reason")[0]
    rows = re.findall(r"    \* - (.+)\n      - ", text)
    return rows[1:]  # the first one is the table's head


@pytest.fixture(scope="module")
def texts():
    """All texts in the package, docstrings included."""
    return "\n".join(
        node.value
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def test_there_are_many():
    assert len(symptoms()) > 20


@pytest.mark.parametrize("symptom", symptoms())
def test_symptom_is_what_the_code_says(symptom, texts):
    if symptom.startswith("ConnectionError: "):
        return  # CircuitPython's words
    words = re.split(r"\.\.\.|[:;(\d]|Keyboard|restarting", symptom)
    said = [part.strip() for part in words if len(part.strip()) > 4]
    assert said[0] in texts
    if "can't connect" not in symptom:  # behind it are the system's words
        assert all(part.strip(" ,)") in texts for part in said)
