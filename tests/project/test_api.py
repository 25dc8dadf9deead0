# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""The names that the package exports, their signatures and their documentation are one list."""

import ast
import inspect
import re

import pytest
from support import checkout
from support.vm import dotted, modules

import nerveshub_link
from nerveshub_link.config import options as option_tables

DOCS = checkout.ROOT / "docs"
PAGES = {page.stem: page.read_text("utf-8") for page in sorted(DOCS.glob("api/*.rst"))}
OVERVIEW = (DOCS / "api.rst").read_text("utf-8")
INTERNALS = "\n".join(page.read_text("utf-8") for page in DOCS.glob("internals/*.rst"))

_BODY = ast.parse((checkout.ROOT / "nerveshub_link" / "__init__.py").read_text("utf-8")).body
EXPORTED = sorted(
    nerveshub_link._ON_DEMAND.split()[::2]
    + [alias.name for node in _BODY if isinstance(node, ast.ImportFrom) for alias in node.names]
)
CALLED = [name for name in EXPORTED if callable(getattr(nerveshub_link, name))]
DOCUMENTED = re.compile(
    r"^\.\. (?:auto(?:class|function|exception):: nerveshub_link\.|py:data:: )(\w+)$", re.M
)


def documented(text: str) -> list:
    """The parameters that a docstring lists."""
    return re.findall(r"^\s*:param (?:[\w.]+ )?(\w+):", text or "", re.M)


def parameters(function) -> list:
    """The parameters of a signature."""
    return [name for name in inspect.signature(function).parameters if name not in ("self", "cls")]


def numbers() -> dict:
    """Options of a link that are a number by default: their names and defaults."""
    found = inspect.signature(nerveshub_link.NervesHubLink.__init__).parameters.values()
    return {one.name: one.default for one in found if type(one.default) is int}


def methods(cls) -> dict:
    """The public methods that a class defines itself."""
    found = {name: value for name, value in vars(cls).items() if not name.startswith("_")}
    found = {name: getattr(value, "__func__", value) for name, value in found.items()}
    return {name: value for name, value in found.items() if inspect.isfunction(value)}


def test_each_exported_name_is_on_one_page_of_the_api_reference_and_nothing_else_is():
    listed = sorted(name for page in PAGES.values() for name in DOCUMENTED.findall(page))
    assert listed == EXPORTED


def test_the_overview_lists_the_same_names():
    listed = re.findall(r"`(?:~nerveshub_link\.)?(\w+)`(?!`)", OVERVIEW.replace("``", "''"))
    assert sorted(name for name in listed if hasattr(nerveshub_link, name)) == EXPORTED
    for page in PAGES:
        assert f"    api/{page}\n" in OVERVIEW


def test_every_option_of_a_link_is_documented_and_nothing_else_is():
    link = nerveshub_link.NervesHubLink
    assert documented(link.__doc__) == parameters(link.__init__)


def test_every_option_that_is_a_number_has_bounds():
    assert sorted(numbers()) == sorted(option_tables._NUMBERS)


@pytest.mark.parametrize("name", numbers())
def test_the_documentation_of_an_option_tells_its_default(name):
    text = nerveshub_link.NervesHubLink.__doc__
    (told,) = re.findall(rf":param int {name}: (.+?)(?=\n\s*:(?:param|raises))", text, re.S)
    assert re.search(rf"(?<![\d.]){numbers()[name]}(?!\d)", told), f"{name}: its default"


@pytest.mark.parametrize("name", CALLED)
def test_docstrings_list_the_parameters_of_the_signature(name):
    called = getattr(nerveshub_link, name)
    if inspect.isfunction(called):
        assert documented(called.__doc__) == parameters(called)
        return
    assert called.__doc__, f"{name} has no docstring"
    if "__init__" in vars(called):
        text = f"{called.__doc__}\n{called.__init__.__doc__ or ''}"
        assert documented(text) == parameters(called.__init__)
    for method, function in methods(called).items():
        listed = documented(function.__doc__)
        if listed:
            assert listed == parameters(function), f"{name}.{method}"


@pytest.mark.parametrize(
    "name", ["NervesHubLink", "Client", "FwupWriter", "HealthProvider", "Extension"]
)
def test_what_an_application_calls_or_overrides_is_documented_whole(name):
    for method, function in methods(getattr(nerveshub_link, name)).items():
        assert function.__doc__, f"{name}.{method} has no docstring"
        assert documented(function.__doc__) == parameters(function), f"{name}.{method}"


def test_the_methods_that_options_are_checked_for_are_those_of_the_base_classes():
    assert sorted(option_tables._CLIENT_METHODS.split()) == sorted(methods(nerveshub_link.Client))
    assert set(option_tables._WRITER_METHODS.split()) <= set(methods(nerveshub_link.FwupWriter))
    assert sorted(option_tables._EXTENSION_METHODS.split()) == sorted(
        methods(nerveshub_link.Extension)
    )


def test_every_module_is_on_a_page_about_the_internals():
    listed = re.findall(r"^\.\. automodule:: ([\w.]+)$", OVERVIEW + INTERNALS, re.M)
    assert sorted(listed) == sorted(dotted(name) for name in modules())
