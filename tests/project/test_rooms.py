# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
The package's rooms: what each says of itself, and that imports between them point down only.

A room's ``__init__.py`` holds a docstring and nothing else; its line "May call: ..." lists the
rooms that its modules may import from. `errors` and `client` may be imported from everywhere.
"""

import ast
import re
from pathlib import Path

import pytest
from support.vm import dotted, modules

import nerveshub_link

PACKAGE = Path(nerveshub_link.__file__).parent
ROOMS = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))
FOR_ALL = {"errors", "client"}
MODULES = {dotted(name): PACKAGE / name for name in modules()}


def tree(name) -> ast.Module:
    return ast.parse(MODULES[name].read_text())


def may_call(room) -> list:
    text = ast.get_docstring(tree(f"nerveshub_link.{room}"))
    (listed,) = re.findall(r"^May call: (.+)\.$", text, re.M)
    return [] if listed == "nothing" else listed.split(", ")


def room_of(name: str) -> str:
    """The room of a module; "" for those that stand beside the rooms."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in ROOMS else ""


def imported(name: str, node: ast.ImportFrom) -> list:
    """The modules of the package that one import statement of a module names."""
    above = name.split(".")
    if not MODULES[name].name == "__init__.py":
        above.pop()
    above = above[: len(above) - (node.level - 1)]
    target = ".".join(above + ([node.module] if node.module else []))
    inner = [f"{target}.{alias.name}" for alias in node.names]
    return [found if found in MODULES else target for found in inner]


def imports(nodes, name: str) -> set:
    """All modules of the package that these nodes import."""
    return {
        found
        for node in nodes
        if isinstance(node, ast.ImportFrom) and node.level
        for found in imported(name, node)
    }


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_holds_nothing_but_a_docstring_of_a_few_lines(room):
    body = tree(f"nerveshub_link.{room}").body
    assert len(body) == 1
    assert 4 <= len(ast.get_docstring(ast.Module(body, [])).splitlines()) <= 10


def test_the_rooms_lists_lead_down_and_never_in_a_circle():
    left = {room: set(may_call(room)) for room in ROOMS}
    assert set().union(*left.values()) <= set(ROOMS)
    while left:
        lowest = {room for room, calls in left.items() if not calls & set(left)}
        assert lowest, f"these call each other in a circle: {sorted(left)}"
        left = {room: calls for room, calls in left.items() if room not in lowest}


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_from_the_rooms_that_its_own_may_call(name):
    room = room_of(name)
    if not room:
        return  # what stands beside the rooms puts them together
    found = set()
    for module in imports(ast.walk(tree(name)), name):
        if room_of(module):
            found.add(room_of(module))
        else:
            assert module.rpartition(".")[2] in FOR_ALL, f"{name} imports {module}"
    assert found <= {room, *may_call(room)}


def test_what_every_room_may_import_imports_no_room_while_it_is_imported():
    for name in ("nerveshub_link.errors", "nerveshub_link.client"):
        assert imports(tree(name).body, name) == set()


def loads() -> list:
    """The modules that `assembly` loads one by one, in this order."""
    (listed,) = [
        node.value.args[0].value.func.value.value
        for node in tree("nerveshub_link.assembly").body
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ]
    return [f"nerveshub_link.{name}" for name in listed.split(" ")]


def test_the_link_loads_all_that_it_needs_one_by_one_from_the_bottom_up():
    names = ("nerveshub_link", "nerveshub_link.link", "nerveshub_link.common.memory")
    there = set(names).union(*(imports(tree(name).body, name) for name in names))
    for name in loads():
        assert imports(tree(name).body, name) <= there, name
        there.add(name)
    assembly = "nerveshub_link.assembly"
    assert imports(tree(assembly).body, assembly) <= there
    needed = set().union(*(imports(tree(name).body, name) for name in [*loads(), assembly]))
    assert set(loads()) <= needed


def test_the_package_answers_for_the_names_in_its_table_and_for_no_module():
    for name in nerveshub_link._ON_DEMAND.split(" ")[::2]:
        assert getattr(nerveshub_link, name).__name__ == name
    with pytest.raises(AttributeError):
        getattr(nerveshub_link, "websocket")  # noqa: B009 as "from nerveshub_link import websocket"


LONG = r"[Ll]onger than (other|most) modules|is long, since|a long one, because"


def test_a_module_of_more_than_330_lines_says_why_it_is_so_long():
    folders = (PACKAGE, PACKAGE.parent / "tools", PACKAGE.parent / "examples")
    for path in [path for folder in folders for path in sorted(folder.rglob("*.py"))]:
        text = path.read_text("utf-8")
        if len(text.splitlines()) > 330:
            said = " ".join(ast.get_docstring(ast.parse(text)).split())
            assert re.search(LONG, said), f"{path} has no such sentence"
